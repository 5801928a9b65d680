"""The seam between video and silhouettes: anything that finds people and gives their mask and landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

N_LANDMARKS = 33
# Indices of the 33 landmarks of BlazePose.
NOSE = 0
EARS = (7, 8)
SHOULDERS = (11, 12)
HIPS = (23, 24)
KNEES = (25, 26)
ANKLES = (27, 28)
HEELS = (29, 30)
TOES = (31, 32)
FEET = ANKLES + HEELS + TOES


@dataclass(frozen=True, slots=True)
class Region:
    """A turned square of a frame that holds one person.

    Attributes:
        x_px: centre.
        y_px: centre.
        size_px: side of the square.
        angle_rad: turn of the person against upright, clockwise in the picture.
    """

    x_px: float
    y_px: float
    size_px: float
    angle_rad: float = 0.0

    def scaled(self, factor: float) -> Region:
        """The same region in a frame of another size."""
        return Region(self.x_px * factor, self.y_px * factor, self.size_px * factor, self.angle_rad)

    def distance_px(self, other: Region) -> float:
        """Distance between the two centres."""
        return float(np.hypot(self.x_px - other.x_px, self.y_px - other.y_px))


@dataclass(frozen=True, slots=True)
class Detection:
    """A place where a person seems to be.

    Attributes:
        region: where to look for landmarks.
        score: 0..1.
    """

    region: Region
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class PersonFrame:
    """One person in one frame; positions in pixels of that frame.

    Attributes:
        landmarks_px: float32 [33, 2].
        visibility: float32 [33], 0..1.
        world_m: float32 [33, 3], x right, y down, z away from the camera, from the middle of the hips.
        score: 0..1, that there is a person in the region at all.
        mask: uint8 [256, 256], 0 or 255, of the upright square `mask_region`.
        mask_region: the square that the mask covers, not turned.
        next_region: where to look in the next frame.
    """

    landmarks_px: NDArray[np.float32]
    visibility: NDArray[np.float32]
    world_m: NDArray[np.float32]
    score: float
    mask: NDArray[np.uint8]
    mask_region: Region
    next_region: Region


class PersonSegmenter(Protocol):
    """Finds people in a frame and segments one of them."""

    def detect(
        self, rgb: NDArray[np.uint8], *, thorough: bool = True, pulse: Callable[[], None] | None = None
    ) -> tuple[Detection, ...]:
        """Everybody in a frame, uint8 [row, column, 3]; near doubles merged, best first.

        Args:
            rgb: the frame.
            thorough: whether to look for people lower than a third of the frame, too, which takes longer.
            pulse: called often while the search goes on; may raise to stop it.
        """
        ...

    def segment(self, rgb: NDArray[np.uint8], region: Region) -> PersonFrame | None:
        """The person in a region, or None where nobody is."""
        ...
