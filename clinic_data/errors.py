"""Every error that the clinic's records raise on purpose; each text is a sentence for the person at the screen.

ClinicDataError
├── NotFoundError          the row or file does not exist
├── ConflictError          the change contradicts what is stored now
├── PermissionDeniedError  the actor's role does not allow it
├── SealError              what is encrypted cannot be opened, or no key is at hand
├── SignInError            the sign-in was refused
│   ├── SlowDownError      too many failures before; how long to wait
│   └── StepEndedError     the step between password and code took too long
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


class SealError(ClinicDataError):
    """What is encrypted cannot be opened: no key, the wrong key, an erased patient, or something changed it."""


class SignInError(ClinicDataError):
    """A refused sign-in. ``Database.transaction()`` commits on this error, so that the failure is counted."""


class SlowDownError(SignInError):
    """An attempt that came too early after failures; it was not looked at.

    Attributes:
        wait_s: seconds until the next attempt is looked at.
        first_in_wait: False where such an attempt was refused during this wait before.
    """

    SENTENCE = "Too many failed attempts. Wait {seconds} s, then try again."

    def __init__(self, wait_s: int, *, first_in_wait: bool = True) -> None:
        super().__init__(self.SENTENCE.format(seconds=wait_s))
        self.wait_s = wait_s
        self.first_in_wait = first_in_wait


class StepEndedError(SignInError):
    """The password was right, but too long ago to go on with the code."""


class StorageError(ClinicDataError):
    """Files that could not be reached or were not whole; the same work may succeed later."""


class ValidationError(ClinicDataError):
    """A value that cannot be stored as it is; the text says what to change."""
