"""The walk of one person: the silhouettes that are scored and what was measured beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes.video import VideoInfo


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One person followed through a video. All arrays have one entry for each frame of `sequence`.

    Attributes:
        sequence: the aligned silhouettes of the good frames, with their times in the video.
        landmarks_px: float32 [frame, 33, 2], in pixels of the video as shown; left and right swaps are repaired.
        visibility: float32 [frame, 33], 0..1.
        world_m: float32 [frame, 33, 3], x right, y down, z away from the camera, from the middle of the hips.
        boxes_px: float32 [frame, 4], x0, y0, x1, y1 of the mask.
        centres_px: float32 [frame], the column of the video on which each silhouette is centred.
        scales_px_per_m: float32 [frame], nearness: pixels of the video for a metre of the landmark network.
        camera_px: float32 [frame, 2], how far the background has moved since the first frame of the video.
        body_height_px: median height of the mask.
        sharpness: 0 (blurred) to about 1, see `tracking.sharpness_of`.
        camera_motion: mean speed of the background in picture widths a second.
        followed_frames: frames in which the person was followed, good or not.
        border_frames: frames left out because the border of the picture cuts the person.
        hidden_frames: frames left out because a part of the body is hidden.
        person_number: the number that `find_people` gave.
        video: the video.
    """

    sequence: SilhouetteSequence
    landmarks_px: NDArray[np.float32]
    visibility: NDArray[np.float32]
    world_m: NDArray[np.float32]
    boxes_px: NDArray[np.float32]
    centres_px: NDArray[np.float32]
    scales_px_per_m: NDArray[np.float32]
    camera_px: NDArray[np.float32]
    body_height_px: float
    sharpness: float
    camera_motion: float
    followed_frames: int
    border_frames: int
    hidden_frames: int
    person_number: int
    video: VideoInfo
