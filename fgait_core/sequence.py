"""The silhouette sequence: what the network sees of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import RecordingError

HEIGHT_PX = 64
WIDTH_PX = 44
JOINTS = 17
"""Joints of a pose, in COCO's order."""


@dataclass(frozen=True, slots=True, eq=False)
class SilhouetteSequence:
    """Aligned silhouettes of one walker, in the order of time.

    Attributes:
        frames: uint8 [frame, 64, 44], 0 background to 255 body.
        timestamps_s: float64 [frame], presentation time in the recording, strictly rising.
        source_frames: int64 [frame], index of the video frame that each silhouette came from.
        poses: float32 [frame, 17, 3], COCO's joints: x and y in pixels of the silhouette, whose pixel i reaches from i
            to i + 1, and confidence 0..1; None where they are not known.

    Raises:
        RecordingError: if they do not fit each other.
    """

    frames: NDArray[np.uint8]
    timestamps_s: NDArray[np.float64]
    source_frames: NDArray[np.int64]
    poses: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.frames)
        if self.frames.shape != (n, HEIGHT_PX, WIDTH_PX) or self.frames.dtype != np.uint8:
            raise RecordingError(
                f"Silhouettes must be uint8 [frame, {HEIGHT_PX}, {WIDTH_PX}]; "
                f"these are {self.frames.dtype} {list(self.frames.shape)}."
            )
        if n == 0:
            raise RecordingError("A silhouette sequence needs at least one frame.")
        if self.timestamps_s.shape != (n,) or self.source_frames.shape != (n,):
            raise RecordingError("A silhouette sequence needs one time and one source frame for each silhouette.")
        if self.poses is not None and self.poses.shape != (n, JOINTS, 3):
            raise RecordingError(
                f"Poses must be [frame, {JOINTS}, 3], one for each silhouette; these are {list(self.poses.shape)}."
            )
        if n > 1 and not np.all(np.diff(self.timestamps_s) > 0):
            raise RecordingError("The times of a silhouette sequence must rise from frame to frame.")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, from the median time between frames (gaps do not lower it)."""
        if len(self) < 2:
            return 0.0
        return float(1.0 / np.median(np.diff(self.timestamps_s)))

    @property
    def duration_s(self) -> float:
        """Time from the first to the last silhouette."""
        return float(self.timestamps_s[-1] - self.timestamps_s[0])

    def resampled(self, frame_rate_hz: float) -> SilhouetteSequence:
        """The same walk at another frame rate, by the nearest frame in time; gaps stay gaps.

        Args:
            frame_rate_hz: the wanted rate. A rate above the recording's own is not invented: frames are then
                repeated as the nearest ones, so that the time axis of the network stays true.
        """
        step_s = 1.0 / frame_rate_hz
        wanted_s = np.arange(self.timestamps_s[0], self.timestamps_s[-1] + step_s / 2, step_s)
        right = np.clip(np.searchsorted(self.timestamps_s, wanted_s), 1, max(len(self) - 1, 1))
        left = right - 1
        right = np.minimum(right, len(self) - 1)
        nearer_left = wanted_s - self.timestamps_s[left] <= self.timestamps_s[right] - wanted_s
        nearest = np.where(nearer_left, left, right)
        allowed_s = max(step_s, 1.0 / self.frame_rate_hz if len(self) > 1 else step_s)
        near = np.abs(self.timestamps_s[nearest] - wanted_s) <= allowed_s
        chosen = nearest[near]
        poses = None if self.poses is None else self.poses[chosen]
        return SilhouetteSequence(self.frames[chosen], wanted_s[near], self.source_frames[chosen], poses)

    def save(self, out: Path | BinaryIO) -> None:
        """Writes an npz file with `frames`, `timestamps_s`, `source_frames`, `frame_rate_hz` and, if known, `poses`.

        Args:
            out: where to, or a file that is open for writing.
        """
        content: dict[str, Any] = {
            "frames": self.frames,
            "timestamps_s": self.timestamps_s,
            "source_frames": self.source_frames,
            "frame_rate_hz": np.float64(self.frame_rate_hz),
        }
        if self.poses is not None:
            content["poses"] = self.poses
        if isinstance(out, Path):
            with out.open("wb") as file:
                np.savez_compressed(file, **content)
        else:
            np.savez_compressed(out, **content)

    @classmethod
    def load(cls, source: Path | BinaryIO) -> SilhouetteSequence:
        """Reads what `save` wrote, from a path or a file that is open for reading at any place.

        Raises:
            RecordingError: if the file is missing, is no such npz or its content does not fit.
        """
        try:
            if not isinstance(source, Path):
                return cls._read(source)
            with source.open("rb") as file:
                return cls._read(file)
        except (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile) as error:
            if isinstance(source, Path):
                what = "no silhouette file of `fgait silhouettes`, or damaged" if source.is_file() else "no file"
                raise RecordingError(f"{source} is {what}.") from error
            raise RecordingError("The stored silhouettes are damaged.") from error

    @classmethod
    def _read(cls, file: BinaryIO) -> SilhouetteSequence:
        stored = np.load(file, allow_pickle=False)
        return cls(stored["frames"], stored["timestamps_s"], stored["source_frames"], stored.get("poses"))
