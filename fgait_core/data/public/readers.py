"""Reads one sequence: from pickled arrays, from pictures, or from a recording of `fgait silhouettes`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.alignment import align
from fgait_core.data.parsing_maps import parse
from fgait_core.data.public.description import INTERPOLATIONS, Pretreatment
from fgait_core.data.public.findings import SequenceFault
from fgait_core.data.public.frames import Content, parsing_of, poses_of, silhouettes_of
from fgait_core.data.public.layout import choose_file, file_names
from fgait_core.data.safe_arrays import SUFFIXES, read_array
from fgait_core.errors import ConfigError, RecordingError
from fgait_core.sequence import SilhouetteSequence

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
NOT_A_FRAME = "gei.png"
"""The average of a sequence, which lies among its frames in some copies."""

LARGEST_PX = 10_000
"""Longest side of a picture; scaling a longer one to 64 rows could fill the memory."""

SLOWEST = 0.95
"""Least share of the wanted frame rate that a recording may have."""


class Reader(Protocol):
    """Reads a sequence from the folder or file where it lies. Can be sent to another process."""

    def read(self, place: Path) -> Content:
        """What the sequence holds.

        Raises:
            SequenceFault: if it cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class PickleReader:
    """Reads a folder of pickled arrays, frames first.

    Attributes:
        silhouettes: place of the silhouettes' file among the sorted ones; None: the first.
        poses: place or name pattern of the poses' file; None: no poses.
        parsing: place or name pattern of the body parts' file; None: none.
    """

    silhouettes: int | None = None
    poses: int | str | None = None
    parsing: int | str | None = None

    def read(self, place: Path) -> Content:
        """See `Reader`."""
        names = file_names(place, SUFFIXES)
        frames = silhouettes_of(_array(place / choose_file(names, self.silhouettes or 0)))
        poses = None if self.poses is None else poses_of(_array(place / choose_file(names, self.poses)))
        parsing = None if self.parsing is None else parsing_of(_array(place / choose_file(names, self.parsing)))
        for what, other in (("poses", poses), ("body parts", parsing)):
            if other is not None and len(other) != len(frames):
                raise SequenceFault("wrong_shape", f"{len(frames)} silhouettes, but {len(other)} {what}")
        unsaid = self.silhouettes is None and self.poses is None and self.parsing is None
        return Content(frames, poses, parsing, several_files=unsaid and len(names) > 1)


def _array(path: Path) -> NDArray[Any]:
    try:
        return read_array(path)
    except ConfigError as error:
        raise SequenceFault("unreadable", str(error)) from error


@dataclass(frozen=True, slots=True)
class PictureReader:
    """Reads a folder of pictures, one a frame, in the order of their names.

    Attributes:
        pretreatment: how raw masks are scaled to 64 rows; "none": the pictures are 64 x 64 or 64 x 44 already. A raw
            mask with too little mass is left out, as in the published pretreatment.
    """

    pretreatment: Pretreatment = "cubic"

    def read(self, place: Path) -> Content:
        """See `Reader`."""
        names = [name for name in file_names(place, PICTURE_SUFFIXES) if name.lower() != NOT_A_FRAME]
        if not names:
            raise SequenceFault("empty", f"the folder has no picture but {NOT_A_FRAME}")
        masks = (_picture(place / name) for name in names)
        if self.pretreatment == "none":
            return Content(silhouettes_of(_stacked(list(masks))))
        aligned = [align(mask, INTERPOLATIONS[self.pretreatment]) for mask in masks]
        kept = [frame for frame in aligned if frame is not None]
        if not kept:
            raise SequenceFault("no_body", f"none of {len(names)} pictures has enough of a body")
        return Content(np.stack(kept))


def _picture(path: Path) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error) as error:
        raise SequenceFault("unreadable", f"{path} cannot be read: {error}") from error
    if picture is None or max(picture.shape) > LARGEST_PX:
        words = "is no picture that can be read" if picture is None else f"is larger than {LARGEST_PX} pixels"
        raise SequenceFault("unreadable", f"{path} {words}")
    return picture.astype(np.uint8)


def _stacked(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    sizes = {picture.shape for picture in pictures}
    if len(sizes) != 1:
        raise SequenceFault("wrong_shape", f"the pictures have different sizes: {sorted(sizes)[:3]}")
    return np.stack(pictures)


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads an npz file of `fgait silhouettes`.

    Attributes:
        frame_rate_hz: to which the recording is brought, by the nearest frames in time.
        poses: whether to take the poses, too.
        parsing: whether to divide the silhouettes into body parts by the poses.
    """

    frame_rate_hz: float
    poses: bool = False
    parsing: bool = False

    def read(self, place: Path) -> Content:
        """See `Reader`."""
        try:
            recording = SilhouetteSequence.load(place)
        except RecordingError as error:
            raise SequenceFault("unreadable", str(error)) from error
        if recording.frame_rate_hz < SLOWEST * self.frame_rate_hz:
            raise SequenceFault(
                "frame_rate", f"recorded at {recording.frame_rate_hz:.1f} Hz, less than {self.frame_rate_hz:g} Hz"
            )
        even = recording.resampled(self.frame_rate_hz)
        if not self.poses and not self.parsing:
            return Content(even.frames)
        if even.poses is None:
            raise SequenceFault("wrong_shape", "the recording holds no poses; make it again with `fgait silhouettes`")
        parts = parse(even.frames, even.poses) if self.parsing else None
        return Content(even.frames, even.poses if self.poses else None, parts)
