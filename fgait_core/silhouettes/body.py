"""What one mask and its landmarks say about the body: where it is, how large, and whether all of it is seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.alignment import align, halving_column, occupied_rows
from fgait_core.silhouettes.segmenter import FEET, NOSE, PersonFrame

BODY_HEIGHT_M = 1.7
"""Only for turning the landmark network's metres into body heights."""
PART_SHARE = 0.04
BORDER_PX = 1.5
SIDE_CONTACT = 0.10
"""Share of the body height along which a mask may touch the left or right border: the tip of a foot or a hand."""
HEAD_ABOVE_NOSE = 0.25
FEET_TOLERANCE = 0.10


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One person in one frame, reduced to what is kept of it.

    Attributes:
        silhouette: uint8 [64, 44], or None where the mask has too little mass.
        box_px: x0, y0, x1, y1 of the mask in pixels of the frame.
        centre_x_px: the column that halves the mass.
        at_border: whether the mask touches the border of the frame.
        complete: whether the mask reaches from above the nose to the lowest foot.
    """

    silhouette: NDArray[np.uint8] | None
    box_px: tuple[float, float, float, float]
    centre_x_px: float
    at_border: bool
    complete: bool

    @property
    def height_px(self) -> float:
        """Height of the mask."""
        return self.box_px[3] - self.box_px[1]

    @property
    def in_full_view(self) -> bool:
        """Whether the whole body is in the picture."""
        return self.complete and not self.at_border and self.silhouette is not None


def body_of(person: PersonFrame, width_px: int, height_px: int) -> Body:
    """Reduces a person to its body.

    Args:
        person: of the segmenter.
        width_px: width of the frame.
        height_px: height of the frame.
    """
    mask = without_specks(person.mask)
    rows = occupied_rows(mask)
    if rows is None:
        return Body(None, (0.0, 0.0, 0.0, 0.0), 0.0, at_border=False, complete=False)
    columns = np.flatnonzero(mask.any(axis=0))
    region = person.mask_region
    pixel = region.size_px / mask.shape[1]
    left, top = region.x_px - region.size_px / 2, region.y_px - region.size_px / 2
    box = (
        left + float(columns[0]) * pixel,
        top + rows[0] * pixel,
        left + float(columns[-1] + 1) * pixel,
        top + rows[1] * pixel,
    )
    at_border = _cut(mask, (left, top, pixel), width_px, height_px)
    centre = left + (halving_column(mask) + 0.5) * pixel
    return Body(align(mask), box, centre, at_border, _complete(person, box))


def _cut(mask: NDArray[np.uint8], place: tuple[float, float, float], width_px: int, height_px: int) -> bool:
    """Whether the border of the frame cuts the body: at the top or bottom at all, at a side by more than a tip."""
    left, top, pixel = place
    limit = max(BORDER_PX, pixel)
    x_px = left + (np.arange(mask.shape[1]) + 0.5) * pixel
    y_px = top + (np.arange(mask.shape[0]) + 0.5) * pixel
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    if (rows & ((y_px < limit) | (y_px > height_px - limit))).any():
        return True
    body_height = max(int(rows.sum()), 1)
    for outside in (x_px < limit, x_px > width_px - limit):
        if (columns & outside).any() and int(mask[:, outside].any(axis=1).sum()) > SIDE_CONTACT * body_height:
            return True
    return False


def without_specks(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mask without parts that are small against its largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.concatenate([[False], areas >= PART_SHARE * areas.max()])
    return kept[np.asarray(labels, np.int32)].astype(np.uint8) * 255


def _complete(person: PersonFrame, box: tuple[float, float, float, float]) -> bool:
    height = box[3] - box[1]
    if height <= 0:
        return False
    nose_below_top = (float(person.landmarks_px[NOSE, 1]) - box[1]) / height
    lowest_foot = (float(person.landmarks_px[list(FEET), 1].max()) - box[3]) / height
    return 0.0 < nose_below_top < HEAD_ABOVE_NOSE and abs(lowest_foot) < FEET_TOLERANCE


def pixels_per_metre(person: PersonFrame) -> float:
    """Scale between the network's metres and pixels: a measure of nearness that hardly depends on the pose."""
    picture = person.landmarks_px - person.landmarks_px.mean(axis=0)
    world = person.world_m[:, :2] - person.world_m[:, :2].mean(axis=0)
    return float((picture * world).sum() / max(float((world * world).sum()), 1e-6))
