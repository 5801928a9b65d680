"""Every error that the engine raises on purpose.

FGaitError
├── RecordingError            the clinician reads it: what is wrong with the recording and what to do
│   ├── VideoDecodeError      the file is no video that can be read
│   └── NoWalkerError         nobody who can be followed was found
├── ConfigError               a configuration has an unknown, missing or contradictory value
├── CheckpointError           a checkpoint does not fit the network
├── ModelPackageError         a model package is damaged or does not fit this software
├── AssetError                a file from a package registry is missing or differs from its SHA-256
└── OperationCancelled        the user asked for a stop
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class FGaitError(Exception):
    """Base of every error of the engine."""


class RecordingError(FGaitError):
    """A recording that cannot be scored.

    Attributes:
        reasons: every reason, each a sentence for the clinician that says what to do.
        checks: all quality checks, passed and failed, where the recording got that far.
    """

    def __init__(self, message: str, reasons: Sequence[str] = (), checks: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons) or (message,)
        self.checks = tuple(checks)


class VideoDecodeError(RecordingError):
    """The file is empty, damaged, or no video that can be read."""


class NoWalkerError(RecordingError):
    """Nobody was found who could be followed."""


class ConfigError(FGaitError):
    """A configuration with an unknown, missing or contradictory value."""


class CheckpointError(FGaitError):
    """A checkpoint that does not fit the network."""


class ModelPackageError(FGaitError):
    """A model package that is damaged or does not fit this software."""


class AssetError(FGaitError):
    """A file from a package registry is missing or differs from its SHA-256."""


class OperationCancelled(FGaitError):
    """The user asked for a stop."""
