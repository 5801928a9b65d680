"""Where the bytes of a video come from: a file of this computer, or whatever else can be opened again and again."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol


class StoredVideo(Protocol):
    """A video that is no plain file, for example an encrypted one. It is opened several times, also after a closing."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def open(self) -> BinaryIO:
        """Its bytes from the first on, readable from any place."""
        ...


VideoSource = Path | StoredVideo


def open_video(video: VideoSource) -> BinaryIO:
    """The bytes of a video; close it after use.

    Raises:
        OSError: if it is a path and cannot be read.
    """
    return video.open("rb") if isinstance(video, Path) else video.open()
