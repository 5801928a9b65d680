"""Every error that the clinic's records raise on purpose; each text is a sentence for the person at the screen.

ClinicDataError
├── NotFoundError          the row or file does not exist
├── ConflictError          the change contradicts what is stored now
├── PermissionDeniedError  the actor's role does not allow it
├── SignInError            the sign-in was refused
├── StorageError           the storage of files did not answer; later it may
└── ValidationError        a value cannot be stored as it is
"""

from __future__ import annotations


class ClinicDataError(Exception):
    """Base of every error of the clinic's records."""


class NotFoundError(ClinicDataError):
    """A row or file that does not exist."""


class ConflictError(ClinicDataError):
    """A change that contradicts what is stored now."""


class PermissionDeniedError(ClinicDataError):
    """An action that the actor's role does not allow."""


class SignInError(ClinicDataError):
    """A refused sign-in. ``Database.transaction()`` commits on this error, so that the failure is counted."""


class StorageError(ClinicDataError):
    """Files that could not be reached or were not whole; the same work may succeed later."""


class ValidationError(ClinicDataError):
    """A value that cannot be stored as it is; the text says what to change."""
