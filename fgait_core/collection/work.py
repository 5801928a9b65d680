"""What is done with one recording, in whatever process on whatever machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from fgait_core.collection.sources import Recording, local_copy
from fgait_core.errors import RecordingError, VideoDecodeError

Status = Literal["done", "refused", "unreadable", "crashed", "killed"]
MAX_ATTEMPTS = 2
"""A recording whose worker dies so often is given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """What was made of a recording.

    Attributes:
        content: of the result file.
        frames: silhouettes that it is made of.
        frame_rate_hz: of these silhouettes.
        duration_s: from the first silhouette to the last.
    """

    content: bytes
    frames: int
    frame_rate_hz: float
    duration_s: float


Process = Callable[[Path], Product]
"""Makes the product of a local video; raises `RecordingError` for one that cannot be used."""


class Processor(Protocol):
    """What to make of each recording. It is sent to every worker, so it must pickle."""

    @property
    def suffix(self) -> str:
        """Of result files, such as ".npz"."""
        ...

    @property
    def identity(self) -> str:
        """Names the product and every setting that changes it; a folder holds results of one identity."""
        ...

    def prepare(self) -> Process:
        """Loads models; called once in each worker."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How it went with a recording.

    Attributes:
        recording: which.
        status: "done"; "refused": the video is sound, but cannot be used; "unreadable": it cannot be fetched or read;
            "crashed": a fault of this software; "killed": its worker died, twice.
        product: only if done.
        sha256: of the video, if it could be read.
        reasons: why not, sentences for people; after a crash with the traceback.
    """

    recording: Recording
    status: Status
    product: Product | None = None
    sha256: str = ""
    reasons: tuple[str, ...] = ()


def attempt(process: Process, recording: Recording, scratch: Path | None = None) -> Outcome:
    """Fetches a recording and makes the product of it.

    Errors that are not about the recording, such as a missing model, are raised.
    """
    sha256 = ""
    try:
        with local_copy(recording, scratch) as path:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return Outcome(recording, "done", process(path), sha256)
    except RecordingError as error:
        status = "unreadable" if isinstance(error, VideoDecodeError) else "refused"
        return Outcome(recording, status, None, sha256, error.reasons)
    except OSError as error:
        return Outcome(recording, "unreadable", None, sha256, (f"It cannot be read: {error}",))


def crashed(recording: Recording, error: BaseException) -> Outcome:
    """A recording that met a fault of this software; the traceback of the worker is kept."""
    trace = str(error.__cause__ or "").strip()
    return Outcome(recording, "crashed", reasons=(f"{type(error).__name__}: {error}", *filter(None, (trace,))))


def killed(recording: Recording) -> Outcome:
    """A recording whose worker died each time."""
    return Outcome(
        recording,
        "killed",
        reasons=(f"The process that worked on it died {MAX_ATTEMPTS} times, perhaps for lack of memory.",),
    )
