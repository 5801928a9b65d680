"""Parsing maps: which part of the body each pixel of a silhouette belongs to.

Data sets may bring label maps. Where there is a silhouette and a pose instead, each pixel gets the part of the nearest
limb of the skeleton (docs/decisions/0012-parsing-maps-from-the-nearest-limb.md).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.data.joints import HEAD, LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, SURE, TRUNK
from fgait_core.errors import ConfigError

PARTS = ("head", "trunk", "left_arm", "right_arm", "left_leg", "right_leg")
"""Label i + 1 is part i; 0 is background."""
MIRRORED = (0, 1, 3, 2, 5, 4)
"""The parts in a mirror, where a left arm becomes a right one."""
BODY_ABOVE = 127
_LIMBS_OF_PARTS = (HEAD, TRUNK, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)
_LIMBS = np.array([limb for limbs in _LIMBS_OF_PARTS for limb in limbs])
_PART_OF_LIMB = np.array([part for part, limbs in enumerate(_LIMBS_OF_PARTS) for _ in limbs])


def parse(silhouettes: NDArray[np.uint8], poses: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Divides silhouettes into parts of the body.

    Args:
        silhouettes: uint8 `[frame, 64, 44]`, 0 background to 255 body.
        poses: float32 `[frame, 17, 3]`, COCO's joints: x and y in pixels of the silhouette, whose pixel i reaches from
            i to i + 1, and confidence.

    Returns:
        uint8 `[frame, 64, 44]`, 0 for background, label 1 to 6 of `PARTS`; a frame without any sure limb is all 0.
    """
    body = np.ascontiguousarray(silhouettes > BODY_ABOVE)
    known = np.ascontiguousarray(np.nan_to_num(poses), np.float32)
    labels = np.zeros(body.shape, np.uint8)
    _label(body, known, _LIMBS, _PART_OF_LIMB, labels)
    return labels


@njit(cache=True)
def _label(body, poses, limbs, part_of_limb, labels):  # pragma: no cover - compiled
    for frame in range(body.shape[0]):
        for row in range(body.shape[1]):
            for column in range(body.shape[2]):
                if not body[frame, row, column]:
                    continue
                nearest2 = np.inf
                for limb in range(limbs.shape[0]):
                    x0, y0, one = poses[frame, limbs[limb, 0]]
                    x1, y1, other = poses[frame, limbs[limb, 1]]
                    if one < SURE or other < SURE:
                        continue
                    dx, dy = x1 - x0, y1 - y0
                    px, py = column + 0.5 - x0, row + 0.5 - y0
                    along = (px * dx + py * dy) / max(dx * dx + dy * dy, 1e-9)
                    along = min(max(along, 0.0), 1.0)
                    away2 = (px - along * dx) ** 2 + (py - along * dy) ** 2
                    if away2 < nearest2:
                        nearest2 = away2
                        labels[frame, row, column] = part_of_limb[limb] + 1


def one_channel_each(labels: NDArray[np.uint8], parts_of_labels: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Label maps as one channel for each part.

    Args:
        labels: uint8 `[clip, frame, 64, 44]`.
        parts_of_labels: uint8 `[16]`, see `parts_of_labels`; by default the labels are those of `PARTS`.

    Returns:
        uint8 `[clip, 6, frame, 64, 44]`, 255 where the part is.
    """
    known = labels if parts_of_labels is None else parts_of_labels[labels]
    numbers = np.arange(1, len(PARTS) + 1, dtype=np.uint8)
    return (known[:, None] == numbers[:, None, None, None]) * np.uint8(255)


def parts_of_labels(names: dict[str, str] | None) -> NDArray[np.uint8] | None:
    """What the labels of a data set mean.

    Args:
        names: for each label that is not background its part, as the manifest says under `parsing_parts`.

    Returns:
        uint8 `[16]`: for each label of the data set the label of `PARTS`; None where they are the same.

    Raises:
        ConfigError: if a part is unknown or a label no number from 1 to 15.
    """
    if names is None:
        return None
    table = np.zeros(16, np.uint8)
    for label, part in names.items():
        if part not in PARTS or not label.isdecimal() or not 1 <= int(label) <= 15:
            raise ConfigError(
                f"parsing_parts gives label {label!r} to {part!r}; it must give labels 1 to 15 to {', '.join(PARTS)}."
            )
        table[int(label)] = PARTS.index(part) + 1
    return table
