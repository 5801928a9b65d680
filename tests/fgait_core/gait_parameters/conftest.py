"""A stick figure that walks past, whose gait is known exactly: fixture `stick_walk`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes.segmenter import ANKLES, EARS, HEELS, HIPS, KNEES, NOSE, SHOULDERS, TOES
from fgait_core.silhouettes.video import VideoInfo
from fgait_core.silhouettes.walk import Walk

ELBOWS = (13, 14)
HEIGHT_PX = 400.0
"""Of a body of height 1; everything below is in body heights."""

StickWalk = Callable[..., Walk]
AfterWalk = Callable[[Walk, Walk], Walk]


def _place(points: np.ndarray, landmark: int, x: np.ndarray, up: np.ndarray, left: float) -> None:
    points[:, landmark] = np.stack([x, up, np.full(len(x), left)], axis=1)


def _limb(length: float, angle_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forwards and down of the end of a limb."""
    return length * np.sin(np.radians(angle_deg)), length * np.cos(np.radians(angle_deg))


def _stick_figure(phase: np.ndarray, lean_deg: float, thigh_deg: float, arm_deg: float, tilt: float) -> np.ndarray:
    """Forwards, up and left of the landmarks [frame, 33, 3], from the place on the floor below the hips."""
    points = np.zeros((len(phase), 33, 3))
    hip_up = 0.52 + 0.01 * np.cos(4 * np.pi * phase)
    for side, sign in ((0, 1.0), (1, -1.0)):
        turn = 2 * np.pi * phase + (0.0 if side == 0 else np.pi)
        thigh = thigh_deg * np.cos(turn)
        knee = 30.0 - 30.0 * np.sin(turn)
        forward, down = _limb(0.25, thigh)
        _place(points, HIPS[side], 0.0 * phase, hip_up - sign * -tilt, 0.05 * sign)
        _place(points, KNEES[side], forward, hip_up - down, 0.05 * sign)
        further, deeper = _limb(0.25, thigh - knee)
        _place(points, ANKLES[side], forward + further, hip_up - down - deeper, 0.05 * sign)
        _place(points, HEELS[side], forward + further - 0.02, hip_up - down - deeper - 0.02, 0.05 * sign)
        _place(points, TOES[side], forward + further + 0.12, hip_up - down - deeper - 0.02, 0.05 * sign)
        along, above = _limb(0.30, np.full(len(phase), lean_deg))
        _place(points, SHOULDERS[side], along, hip_up + above + sign * tilt, 0.1 * sign)
        swing, hang = _limb(0.18, -arm_deg * np.cos(turn))
        _place(points, ELBOWS[side], along + swing, hip_up + above - hang, 0.1 * sign)
    for landmark in (NOSE, *EARS):
        _place(points, landmark, np.full(len(phase), 0.02), hip_up + 0.42, 0.0)
    return points


@pytest.fixture
def stick_walk() -> StickWalk:
    """Makes a walk: `stick_walk(view="side", stride_s=1.1, ...)`."""

    def make(
        view: str = "side",
        stride_s: float = 1.1,
        rate_hz: float = 30.0,
        seconds: float = 4.0,
        speed: float = 0.4,
        lean_deg: float = 0.0,
        thigh_deg: float = 20.0,
        arm_deg: float = 12.0,
        tilt: float = 0.0,
        sway: float = 0.0,
        faces: float = 1.0,
        lost: tuple[float, float] = (9.0, 9.0),
    ) -> Walk:
        times_s = np.arange(0.0, seconds, 1.0 / rate_hz)
        times_s = times_s[(times_s < lost[0]) | (times_s > lost[1])]
        phase = times_s / stride_s
        points = _stick_figure(phase, lean_deg, thigh_deg, arm_deg, tilt)
        points[:, :, 2] += sway * np.sin(2 * np.pi * phase)[:, None]
        if view == "side":
            across, away = faces * points[..., 0], faces * points[..., 2]
            across = across + faces * (speed * (times_s - times_s.mean()))[:, None]
        else:
            toward = 1.0 if view == "front" else -1.0
            across, away = toward * points[..., 2], -toward * points[..., 0]
        pixels = np.stack([960.0 + HEIGHT_PX * across, 900.0 - HEIGHT_PX * points[..., 1]], axis=-1)
        world = np.stack([across, -points[..., 1], away], axis=-1) * 1.7
        world -= world[:, list(HIPS)].mean(axis=1, keepdims=True)
        frames = len(times_s)
        feet = pixels[:, [*ANKLES, *HEELS, *TOES], 0]
        boxes = np.stack(
            [
                np.minimum(feet.min(axis=1), pixels[:, HIPS[0], 0]) - 20.0,
                np.full(frames, 900.0 - HEIGHT_PX),
                np.maximum(feet.max(axis=1), pixels[:, HIPS[0], 0]) + 20.0,
                np.full(frames, 900.0),
            ],
            axis=1,
        )
        return Walk(
            sequence=SilhouetteSequence(
                np.zeros((frames, 64, 44), np.uint8), times_s, np.round(times_s * rate_hz).astype(np.int64)
            ),
            landmarks_px=pixels.astype(np.float32),
            visibility=np.ones((frames, 33), np.float32),
            world_m=world.astype(np.float32),
            boxes_px=boxes.astype(np.float32),
            centres_px=np.full(frames, 960.0, np.float32),
            scales_px_per_m=np.full(frames, HEIGHT_PX / 1.7, np.float32),
            camera_px=np.zeros((frames, 2), np.float32),
            body_height_px=HEIGHT_PX,
            sharpness=0.5,
            camera_motion=0.0,
            followed_frames=frames,
            border_frames=0,
            hidden_frames=0,
            person_number=1,
            video=VideoInfo(1920, 1080, rate_hz, seconds, frames, "h264", "mp4/mov", 0, False),
        )

    return make


@pytest.fixture
def after() -> AfterWalk:
    """Joins two walks to one without a gap: `after(first, second)`."""

    def join(first: Walk, second: Walk) -> Walk:
        step_s = 1.0 / first.sequence.frame_rate_hz
        later_s = second.sequence.timestamps_s + first.sequence.timestamps_s[-1] + step_s
        times_s = np.concatenate([first.sequence.timestamps_s, later_s])
        sequence = SilhouetteSequence(np.zeros((len(times_s), 64, 44), np.uint8), times_s, np.arange(len(times_s)))
        names = "landmarks_px", "visibility", "world_m", "boxes_px", "centres_px", "scales_px_per_m", "camera_px"
        both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
        return replace(first, sequence=sequence, **both)

    return join
