"""Where a walker goes during a recording: straight on, on a treadmill, around a corner, to a halt and on.

Positions and headings are in the scene frame: the walker's own frame in the middle of the recording (x the walker's
left, y forward, metres). A walker with heading h, left positive, goes towards (sin h, cos h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.gait.slow_noise import slow_noise
from fgait_core.simulation.gait.style import Gait

Floats = NDArray[np.float64]

PATHS: tuple[str, ...] = ("overground", "treadmill", "turn", "stop")
_PATH_SHARE = (0.85, 0.05, 0.06, 0.04)

_HALT_S = 0.9
"""Braking or setting off takes about one step and a half."""

_MAX_TURN_DEG = 180.0
_TURN_RATE_DEG_S = (15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Path:
    """What the walker does during one recording.

    Attributes:
        kind: one of `PATHS`.
        turn_deg: how far the walker turns from the first to the last frame, left positive.
        stop_s: when the walker begins to brake, in seconds after the first frame (negative: before it); None: never.
        pause_s: how long the walker stands before setting off again.
    """

    kind: str = "overground"
    turn_deg: float = 0.0
    stop_s: float | None = None
    pause_s: float = 0.0


STRAIGHT = Path()


def draw_path(rng: np.random.Generator, frames_s: float) -> Path:
    """The path of a recording of `frames_s` seconds: 85 % straight on, the rest treadmill, turns and stops.

    Nobody stands for more than half of a recording.
    """
    kind = str(rng.choice(PATHS, p=_PATH_SHARE))
    if kind == "turn":
        turn_deg = min(float(rng.uniform(*_TURN_RATE_DEG_S)) * frames_s, _MAX_TURN_DEG)
        return Path(kind, turn_deg=turn_deg if rng.random() < 0.5 else -turn_deg)
    if kind == "stop":
        pause_s = float(rng.uniform(0.0, min(0.5 * frames_s, 2.0)))
        return Path(kind, stop_s=float(rng.uniform(-0.5 * _HALT_S, 0.6 * frames_s)), pause_s=pause_s)
    return Path(kind)


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One walk along a path, frame by frame.

    Attributes:
        phase_cycles: [frame] phase of the gait, counted in strides.
        amplitude: [frame] 1 walking, 0 standing.
        position_m: [frame, 2] in the scene frame, (0, 0) in the middle of the recording.
        heading_deg: [frame], left positive, 0 in the middle of the recording.
    """

    phase_cycles: Floats
    amplitude: Floats
    position_m: Floats
    heading_deg: Floats


def walk_along(
    path: Path, gait: Gait, leg_m: float, n_frames: int, frame_rate_hz: float, rng: np.random.Generator
) -> Passage:
    """One walk along a path.

    The start is at a random moment of the stride. Stride times vary by `gait.stride_time_cv`; the direction wanders
    by about a degree. While braking, strides shorten and slow down together. People slow down in a turn.

    Args:
        path: what the walker does.
        gait: how the walker walks; its cadence and stride give the speed.
        leg_m: leg length.
        n_frames: frames of the recording.
        frame_rate_hz: frames a second.
        rng: source of the variation.
    """
    time_s = np.arange(n_frames) / frame_rate_hz
    strides_hz = gait.cadence_steps_min / 120.0
    amplitude = _amplitude(path, time_s)
    tempo = np.sqrt(amplitude) * _turning_tempo(path, time_s)
    phase = rng.random() + _integral(strides_hz * tempo, time_s)
    phase[1:] += np.cumsum(
        np.diff(_wandering_phase(time_s, gait.stride_time_cv * np.sqrt(strides_hz), rng)) * tempo[1:]
    )
    heading_deg = _turned_deg(path, time_s) + slow_noise(time_s, 1, 0.5, rng)[:, 0]
    heading_deg -= _middle(heading_deg)
    if path.kind == "treadmill":
        return Passage(phase, amplitude, 0.02 * slow_noise(time_s, 2, 0.8, rng), heading_deg)
    speed_m_s = gait.stride_over_leg * leg_m * strides_hz * amplitude * tempo
    direction = np.stack([np.sin(np.radians(heading_deg)), np.cos(np.radians(heading_deg))], -1)
    position_m = _integral(speed_m_s[:, None] * direction, time_s)
    return Passage(phase, amplitude, position_m - _middle(position_m), heading_deg)


def _smooth_step(x: Floats) -> Floats:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _amplitude(path: Path, time_s: Floats) -> Floats:
    if path.stop_s is None:
        return np.ones_like(time_s)
    braked = _smooth_step((time_s - path.stop_s) / _HALT_S)
    set_off = _smooth_step((time_s - path.stop_s - _HALT_S - path.pause_s) / _HALT_S)
    return 1.0 - braked + set_off


def _turning_tempo(path: Path, time_s: Floats) -> float:
    duration_s = max(float(time_s[-1] - time_s[0]), 1e-6)
    return 1.0 - min(0.25, 0.003 * abs(path.turn_deg) / duration_s)


def _turned_deg(path: Path, time_s: Floats) -> Floats:
    return path.turn_deg * (time_s - time_s[0]) / max(float(time_s[-1] - time_s[0]), 1e-6)


def _wandering_phase(time_s: Floats, cycles_per_root_s: float, rng: np.random.Generator) -> Floats:
    """A random walk of the phase of somebody who walks, in steps of a fifth of a second."""
    steps = int(np.ceil(time_s[-1] / 0.2)) + 1
    walk = np.concatenate([[0.0], np.cumsum(rng.normal(0.0, cycles_per_root_s * np.sqrt(0.2), steps))])
    return np.interp(time_s, 0.2 * np.arange(steps + 1), walk)


def _integral(values: Floats, time_s: Floats) -> Floats:
    """Integral over time [frame, ...] by the trapezoidal rule, 0 at the first frame."""
    out = np.zeros_like(values)
    between = 0.5 * (values[1:] + values[:-1])
    step_s = np.diff(time_s).reshape(-1, *[1] * (values.ndim - 1))
    np.cumsum(between * step_s, axis=0, out=out[1:])
    return out


def _middle(values: Floats) -> Floats:
    last = len(values) - 1
    return 0.5 * (values[last // 2] + values[(last + 1) // 2])
