"""The pose of a followed person, placed in the silhouette: what skeleton maps and parsing maps are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

LANDMARK_OF_JOINT = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""For each of COCO's seventeen joints the landmark of BlazePose: nose, eyes, ears, then shoulders down to ankles."""


def poses_of(
    landmarks_px: NDArray[np.float32],
    visibility: NDArray[np.float32],
    boxes_px: NDArray[np.float32],
    centres_px: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Poses in pixels of the aligned silhouettes.

    Args:
        landmarks_px: float32 `[frame, 33, 2]`, in pixels of the video.
        visibility: float32 `[frame, 33]`, 0..1.
        boxes_px: float32 `[frame, 4]`, x0, y0, x1, y1 of the mask; its height becomes 64 pixels.
        centres_px: float32 `[frame]`, middle of the column of the video that becomes column 22.

    Returns:
        float32 `[frame, 17, 3]`, COCO's joints: x and y, where pixel i reaches from i to i + 1, and confidence.
    """
    joints = list(LANDMARK_OF_JOINT)
    scale = HEIGHT_PX / np.maximum(boxes_px[:, 3] - boxes_px[:, 1], 1e-6)
    x = (landmarks_px[:, joints, 0] - centres_px[:, None]) * scale[:, None] + WIDTH_PX // 2 + 0.5
    y = (landmarks_px[:, joints, 1] - boxes_px[:, 1, None]) * scale[:, None]
    return np.stack([x, y, visibility[:, joints]], axis=-1).astype(np.float32)
