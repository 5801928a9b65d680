"""The true parameters of a simulated walk, from its joints in space: what measured ones are held against.

Every definition is the one of `fgait_core.gait_parameters`, applied to the joints of the body instead of landmarks in
a picture. A foot strikes where its ankle is farthest before the hips (Zeni 2008), which needs no floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from fgait_core.gait_parameters.curves import over_cycle
from fgait_core.simulation.bodies.skeleton import BONE_INDEX

Floats = NDArray[np.float64]

SIDES = ("left", "right")
_SMOOTHING_S = 0.02
_LEAST_SWING_M = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class TrueWalk:
    """A simulated walk as it truly was.

    Attributes:
        joints_m: float64 [frame, 21, 3], `PosedWalk.joints_m`: left, forwards, up.
        position_m: float64 [frame, 2] over the floor, `Passage.position_m`.
        frame_rate_hz: frames a second.
        cadence_steps_min: of the gait as walked.
        height_m: body height.
    """

    joints_m: Floats
    position_m: Floats
    frame_rate_hz: float
    cadence_steps_min: float
    height_m: float

    @property
    def stride_s(self) -> float:
        """Usual time of a stride."""
        return 120.0 / self.cadence_steps_min


def joint(walk: TrueWalk, name: str) -> Floats:
    """Where a bone begins [frame, 3]."""
    return walk.joints_m[:, BONE_INDEX[name]]


def true_angles(walk: TrueWalk) -> dict[str, Floats]:
    """Angles over time [frame], named joint and side ("hip_left", "trunk"), in degrees."""
    hips, shoulders = _middle(walk, "thigh"), _middle(walk, "upper_arm")
    found = {
        "trunk": _forward_deg(shoulders - hips, up=True),
        "shoulders": _tilt_deg(joint(walk, "l_upper_arm") - joint(walk, "r_upper_arm")),
        "pelvis": _tilt_deg(joint(walk, "l_thigh") - joint(walk, "r_thigh")),
    }
    for side in SIDES:
        letter = side[0]
        thigh = _forward_deg(joint(walk, f"{letter}_shank") - joint(walk, f"{letter}_thigh"))
        shank = _forward_deg(joint(walk, f"{letter}_foot") - joint(walk, f"{letter}_shank"))
        arm = _forward_deg(joint(walk, f"{letter}_forearm") - joint(walk, f"{letter}_upper_arm"))
        found |= {f"hip_{side}": thigh, f"knee_{side}": thigh - shank, f"arm_{side}": arm}
    return found


def true_parameters(walk: TrueWalk) -> dict[str, float]:
    """Parameters by the names of `names.PARAMETERS`; ranges of the limbs end in "_left" and "_right", too."""
    angles, pieces = true_angles(walk), _strides(walk)
    apart = joint(walk, "l_foot")[:, 1] - joint(walk, "r_foot")[:, 1]
    steps = {side: _step_lengths(apart if side == "left" else -apart, walk) for side in SIDES}
    every_step = np.concatenate(list(steps.values()))
    speed = float(np.linalg.norm(np.diff(walk.position_m, axis=0), axis=1).mean()) * walk.frame_rate_hz
    found = {
        "cadence": walk.cadence_steps_min,
        "stride_time": walk.stride_s,
        "step_time": walk.stride_s / 2.0,
        "step_length": float(every_step.mean()) if len(every_step) else float("nan"),
        "walking_speed": speed / walk.height_m,
        "walking_speed_m_s": speed,
        "step_length_asymmetry": _asymmetry(steps["left"], steps["right"]),
        "step_time_asymmetry": _step_time_asymmetry(walk),
        "trunk_lean": _mean(angles["trunk"], pieces),
        "shoulder_obliquity": _mean(angles["shoulders"], pieces),
        "pelvis_obliquity": _mean(angles["pelvis"], pieces),
        "lateral_sway": 100.0 * _range_about_line(_sideways(walk), pieces) / walk.height_m,
        "head_bob": 100.0 * _range_about_line(walk.joints_m[:, -1, 2], pieces) / walk.height_m,
    }
    found["step_length_m"] = found["step_length"] * walk.height_m
    for name, limb in (("hip_range", "hip"), ("knee_range", "knee"), ("arm_swing", "arm")):
        for side in SIDES:
            found[f"{name}_{side}"] = _range(angles[f"{limb}_{side}"], pieces)
        found[name] = (found[f"{name}_left"] + found[f"{name}_right"]) / 2.0
    return found


def true_curves(walk: TrueWalk) -> dict[str, Floats]:
    """Mean curves [51] over the cycles of the left foot, or of the limb's own foot; empty where there is no cycle."""
    angles, strikes = true_angles(walk), {side: heel_strikes(walk, side) for side in SIDES}
    found = {}
    for name, values in angles.items():
        foot = "right" if name.endswith("right") else "left"
        ends = strikes[foot]
        pieces = [over_cycle(values[a : b + 1]) for a, b in pairwise(ends.tolist())]
        if pieces:
            found[name] = np.mean(pieces, axis=0)
    return found


def heel_strikes(walk: TrueWalk, side: str) -> NDArray[np.int64]:
    """Frames at which a foot is farthest before the hips."""
    ahead = joint(walk, f"{side[0]}_foot")[:, 1] - _middle(walk, "thigh")[:, 1]
    calm = gaussian_filter1d(ahead, _SMOOTHING_S * walk.frame_rate_hz, mode="nearest")
    distance = max(1, round(0.6 * walk.stride_s * walk.frame_rate_hz))
    return find_peaks(calm, prominence=_LEAST_SWING_M, distance=distance)[0]


def _middle(walk: TrueWalk, bone: str) -> Floats:
    return (joint(walk, f"l_{bone}") + joint(walk, f"r_{bone}")) / 2.0


def _forward_deg(limb: Floats, up: bool = False) -> Floats:
    return np.degrees(np.arctan2(limb[:, 1], limb[:, 2] if up else -limb[:, 2]))


def _tilt_deg(to_left: Floats) -> Floats:
    return np.degrees(np.arctan2(to_left[:, 2], np.hypot(to_left[:, 0], to_left[:, 1])))


def _strides(walk: TrueWalk) -> list[slice]:
    frames = round(walk.stride_s * walk.frame_rate_hz)
    return [slice(start, start + frames + 1) for start in range(0, len(walk.joints_m) - frames, frames)]


def _mean(values: Floats, pieces: list[slice]) -> float:
    return float(np.mean([values[piece].mean() for piece in pieces]))


def _range(values: Floats, pieces: list[slice]) -> float:
    return float(np.mean([np.ptp(values[piece]) for piece in pieces]))


def _range_about_line(values: Floats, pieces: list[slice]) -> float:
    cut = (values[piece] for piece in pieces)
    return float(np.mean([np.ptp(part - np.linspace(part[0], part[-1], len(part))) for part in cut]))


def _sideways(walk: TrueWalk) -> Floats:
    """The hips across the way, with how the walker wanders over the floor."""
    way = walk.position_m[-1] - walk.position_m[0]
    length = float(np.linalg.norm(way))
    wandering = walk.position_m @ np.array([way[1], -way[0]]) / length if length > 0.1 else 0.0
    return _middle(walk, "thigh")[:, 0] + wandering


def _step_lengths(lead_m: Floats, walk: TrueWalk) -> Floats:
    distance = max(1, round(0.6 * walk.stride_s * walk.frame_rate_hz))
    peaks = find_peaks(lead_m, height=_LEAST_SWING_M, distance=distance)[0]
    return lead_m[peaks] / walk.height_m


def _asymmetry(left: Floats, right: Floats) -> float:
    if not len(left) or not len(right):
        return float("nan")
    return float(200.0 * (left.mean() - right.mean()) / (left.mean() + right.mean()))


def _step_time_asymmetry(walk: TrueWalk) -> float:
    events = sorted((int(frame), side) for side in SIDES for frame in heel_strikes(walk, side))
    steps = [(b[1], b[0] - a[0]) for a, b in pairwise(events) if a[1] != b[1]]
    left, right = (np.array([time for foot, time in steps if foot == side], np.float64) for side in SIDES)
    return _asymmetry(left, right)
