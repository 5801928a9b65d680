"""How a simulated person walks: Fourier series over 31 channels, drawn from a prior of 23 real walkers.

The prior (`gait_prior.npz`, see docs/data_sources.md) holds the mean and the principal components of five people of
the CMU motion-capture database and eighteen of Schreiber & Moissenet 2019. It gives the dynamics only; the posture
(the mean of each channel) comes from an explicit table, because marker models differ in it. Angles are in degrees,
`px`, `py` and `pz` in leg lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.ageing import expected_gait
from fgait_core.simulation.path import Passage
from fgait_core.simulation.slow_noise import slow_noise

N_HARMONICS = 6

CHANNELS: tuple[str, ...] = (
    *("pel_yaw", "pel_roll", "pel_pitch", "px", "py", "pz"),
    *("ch_yaw", "ch_roll", "ch_pitch", "hd_roll", "hd_pitch"),
    *(
        f"{side}_{segment}_{plane}"
        for side in "lr"
        for segment in ("thigh", "shank", "foot", "uarm", "farm")
        for plane in ("sag", "lat")
    ),
)
"""Channels: pelvis, trunk relative to it, head, limb directions (`sag` forward of straight down, `lat` outward)."""

CHANNEL_INDEX: dict[str, int] = {name: index for index, name in enumerate(CHANNELS)}

POSITION_CHANNELS: tuple[str, ...] = ("px", "py", "pz")

CHANNEL_UNIT: NDArray[np.float64] = np.array([0.01 if name in POSITION_CHANNELS else 1.0 for name in CHANNELS])
"""What counts as one unit of noise: one degree, or a hundredth of the leg length."""

ARM_SWING: tuple[str, ...] = ("l_uarm_sag", "l_farm_sag", "r_uarm_sag", "r_farm_sag")
LEG_SWING: tuple[str, ...] = ("l_thigh_sag", "l_shank_sag", "r_thigh_sag", "r_shank_sag")

_POSTURE: dict[str, tuple[float, float, float]] = {
    "uarm_sag": (-12.0, 3.5, 2.0),
    "uarm_lat": (6.0, 2.5, 1.2),
    "farm_lat": (3.0, 3.5, 1.5),
    "ch_pitch": (1.5, 2.8, 0.0),
    "hd_pitch": (4.0, 6.0, 0.0),
    "pel_roll": (0.0, 0.0, 0.6),
    "ch_roll": (0.0, 0.0, 0.8),
    "pel_yaw": (0.0, 0.0, 1.5),
    "ch_yaw": (0.0, 0.0, 1.5),
    "hd_roll": (0.0, 0.0, 1.0),
    "foot_lat": (7.0, 4.0, 2.0),
    "px": (0.0, 0.0, 0.0),
}
"""Mean, spread between people, spread between the sides (or about the middle) of each posture channel, in degrees."""

_ELBOW = (22.0, 5.0, 2.5)
"""The same of the elbow: how far the forearm points further forward than the upper arm."""

_STANDING_LEG: dict[str, float] = {"thigh": 3.0, "shank": -2.0, "foot": 0.0}
"""Sagittal directions of the leg of somebody who stands, in degrees."""

_LEAD_INTO_TURN: dict[str, float] = {"ch_yaw": 0.12, "ch_roll": 0.05}
"""Degrees that the trunk turns and leans into a turn, for each degree a second."""

_DYNAMICS_SPREAD = 0.85
_ASYMMETRY_SPREAD = 0.5
_TURNING = 1.3
"""Pelvis and trunk of the prior turn less than published."""

_WIDEST_ARM_DEG = 58.0

_KNEE_RANGE_DEG = 58.0
"""Knees are drawn towards this range: the prior's components add up to more than people differ."""

_WIDEST_KNEE_DEG = 72.0

_STRIDE_PER_REACH = 1.93
"""Stride over the reach of one foot, both over leg length: 1.55 / 0.805 in the mean of the prior's people."""


@dataclass(frozen=True, slots=True, eq=False)
class GaitPrior:
    """Mean and principal components of real gait cycles.

    Attributes:
        mean: complex [harmonic, channel].
        symmetric, asymmetric: float [component, 2 * harmonic * channel]; real parts, then imaginary parts.
        symmetric_sd, asymmetric_sd: float [component].
    """

    mean: NDArray[np.complex128]
    symmetric: NDArray[np.float64]
    symmetric_sd: NDArray[np.float64]
    asymmetric: NDArray[np.float64]
    asymmetric_sd: NDArray[np.float64]

    @classmethod
    def packaged(cls) -> GaitPrior:
        """The prior that travels with the package."""
        return _packaged_prior()

    def draw(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """Fourier coefficients [harmonic, channel] of one healthy adult, posture included."""
        symmetric = np.clip(rng.normal(size=len(self.symmetric_sd)), -2.2, 2.2) * _DYNAMICS_SPREAD * self.symmetric_sd
        asymmetric = np.clip(rng.normal(size=len(self.asymmetric_sd)), -2, 2) * _ASYMMETRY_SPREAD * self.asymmetric_sd
        flat = symmetric @ self.symmetric + asymmetric @ self.asymmetric
        half = flat.size // 2
        coefficients = self.mean + (flat[:half] + 1j * flat[half:]).reshape(self.mean.shape)
        _set_posture(coefficients, rng)
        return coefficients


@cache
def _packaged_prior() -> GaitPrior:
    with (
        resources.as_file(resources.files("fgait_core.simulation") / "gait_prior.npz") as path,
        np.load(path, allow_pickle=False) as stored,
    ):
        if tuple(stored["channels"]) != CHANNELS:
            raise ConfigError("The packaged gait prior has other channels than this version; reinstall the package.")
        return GaitPrior(stored["mean"], stored["V"], stored["sd"], stored["VA"], stored["sdA"])


def _set_posture(coefficients: NDArray[np.complex128], rng: np.random.Generator) -> None:
    for channel, (mean, spread, side_spread) in _POSTURE.items():
        own = mean + rng.normal(0.0, spread)
        names = (channel,) if channel in CHANNEL_INDEX else (f"l_{channel}", f"r_{channel}")
        for name in names:
            coefficients[0, CHANNEL_INDEX[name]] = own + rng.normal(0.0, side_spread)
    mean, spread, side_spread = _ELBOW
    own = mean + rng.normal(0.0, spread)
    for side in "lr":
        upper = coefficients[0, CHANNEL_INDEX[f"{side}_uarm_sag"]]
        coefficients[0, CHANNEL_INDEX[f"{side}_farm_sag"]] = upper + own + rng.normal(0.0, side_spread)


@dataclass(frozen=True, slots=True, eq=False)
class Gait:
    """One person's way of walking.

    Attributes:
        coefficients: complex [harmonic, channel].
        cadence_steps_min: steps a minute.
        stride_over_leg: stride length over leg length; sets how fast the walker travels past the camera.
        spine_deg: [5, 3] static yaw, roll, pitch of the five trunk bones on top of the movement (a curved spine).
        stride_time_cv: how much one stride's time differs from the next, as a share of the mean.
    """

    coefficients: NDArray[np.complex128]
    cadence_steps_min: float
    stride_over_leg: float
    spine_deg: NDArray[np.float64]
    stride_time_cv: float = 0.02

    def speed_m_s(self, leg_m: float) -> float:
        """Walking speed of somebody with that leg length."""
        return self.stride_over_leg * leg_m * self.cadence_steps_min / 120.0

    def scaled(self, channels: tuple[str, ...], factor: float) -> Gait:
        """The same gait with the movement (not the posture) of some channels multiplied."""
        coefficients = self.coefficients.copy()
        coefficients[1:, [CHANNEL_INDEX[name] for name in channels]] *= factor
        return replace(self, coefficients=coefficients)

    def shifted(self, channels: tuple[str, ...], amount: float) -> Gait:
        """The same gait with the posture of some channels moved, in degrees or leg lengths."""
        coefficients = self.coefficients.copy()
        coefficients[0, [CHANNEL_INDEX[name] for name in channels]] += amount
        return replace(self, coefficients=coefficients)

    def with_stride(self, factor: float) -> Gait:
        """Longer or shorter strides: legs, and the way that they carry the body."""
        return replace(self.with_leg_swing(factor), stride_over_leg=self.stride_over_leg * factor)

    def with_leg_swing(self, factor: float) -> Gait:
        """Wider or narrower swings of the legs; heels and toes lift as much more or less, feet stand flat as before."""
        gait = self.scaled(LEG_SWING, factor)
        gait.coefficients[:, [CHANNEL_INDEX["l_foot_sag"], CHANNEL_INDEX["r_foot_sag"]]] *= factor
        return gait

    def with_cadence(self, factor: float) -> Gait:
        """Quicker or slower steps."""
        return replace(self, cadence_steps_min=self.cadence_steps_min * factor)

    def at_speed(self, factor: float) -> Gait:
        """The same person walking faster or slower: cadence and stride share the change, arms swing with the stride."""
        gait = self.with_cadence(factor**0.55).with_stride(factor**0.45)
        return gait.scaled(ARM_SWING, factor**0.8)

    def cycle(self, n: int = 60) -> NDArray[np.float64]:
        """One whole cycle without noise: [n, channel]."""
        return np.real(_waves_of_a_cycle(n) @ self.coefficients)

    def range_of(self, channel: str) -> float:
        """Peak to peak of one channel over a cycle."""
        return float(np.ptp(np.real(_waves_of_a_cycle(60) @ self.coefficients[:, CHANNEL_INDEX[channel]])))


def evaluate(coefficients: NDArray[np.complex128], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Channels [frame, channel] at phases [frame] counted in cycles."""
    return np.real(_waves(phase) @ coefficients)


def _waves(phase: NDArray[np.float64]) -> NDArray[np.complex128]:
    order = np.arange(N_HARMONICS + 1)
    return np.exp(2j * np.pi * phase[:, None] * order) * np.where(order == 0, 1.0, 2.0)


@cache
def _waves_of_a_cycle(n: int) -> NDArray[np.complex128]:
    return _waves(np.arange(n) / n)


def draw_gait(prior: GaitPrior, rng: np.random.Generator, sex: str, age_years: float) -> Gait:
    """A healthy person's gait, given sex and age (6 to 90; averages and sources: `ageing`).

    The legs swing as far as the stride asks for, the arms as far as published. Women: more pelvic roll, less sway,
    elbows closer.
    """
    expected, female = expected_gait(sex, age_years), 1.0 if sex == "female" else -1.0
    coefficients = prior.draw(rng)
    cadence, stride = rng.normal(expected.cadence_steps_min, 6.5), rng.normal(expected.stride_over_leg, 0.11)
    gait = Gait(
        coefficients,
        float(np.clip(cadence, 80.0, 155.0)),
        float(np.clip(stride, 0.8, 2.2)),
        np.zeros((5, 3), np.float64),
        expected.stride_time_cv * _scatter(rng, 0.2),
    )
    gait = gait.at_speed(_scatter(rng, 0.075 * expected.spread))
    gait = gait.with_leg_swing(float(np.clip(gait.stride_over_leg / _stride_of_swing(gait), 0.65, 1.4)))
    uneven = float(rng.normal(0.0, 0.015))
    gait = gait.scaled(LEG_SWING[:2], 1.0 + uneven).scaled(LEG_SWING[2:], 1.0 - uneven)
    gait = _with_usual_knees(gait)
    gait = _with_arm_ranges(gait, float(np.clip(rng.normal(1.0, 0.18), 0.4, 1.6)) * expected.arm_range_deg, rng)
    gait = gait.scaled(("pel_yaw", "ch_yaw"), _TURNING * expected.turning)
    gait = gait.scaled(("pel_roll",), 1.0 + 0.10 * female)
    gait = gait.scaled(("px", "ch_roll"), (1.0 - 0.10 * female) * expected.sway)
    gait = gait.shifted(("l_uarm_lat", "r_uarm_lat"), -1.0 * female)
    gait = gait.shifted(("ch_pitch",), expected.trunk_pitch_deg).shifted(("hd_pitch",), expected.head_pitch_deg)
    return gait.shifted(("l_shank_sag", "r_shank_sag"), -expected.knee_bend_deg)


def _scatter(rng: np.random.Generator, spread: float) -> float:
    return float(np.exp(np.clip(rng.normal(), -2.5, 2.5) * spread))


def _stride_of_swing(gait: Gait) -> float:
    """The stride over leg length that the swing of the legs reaches: how far each foot goes under the body, twice."""
    cycle = np.radians(gait.cycle())
    reach = [
        np.ptp(
            np.sin(cycle[:, CHANNEL_INDEX[f"{side}_thigh_sag"]]) + np.sin(cycle[:, CHANNEL_INDEX[f"{side}_shank_sag"]])
        )
        for side in "lr"
    ]
    return _STRIDE_PER_REACH * float(np.mean(reach)) / 2.0


def _with_usual_knees(gait: Gait) -> Gait:
    """Knees that bend about as far as published, and backwards by a healthy 3 degrees at most."""
    coefficients = gait.coefficients.copy()
    for side in "lr":
        shank = CHANNEL_INDEX[f"{side}_shank_sag"]
        excess = float(np.ptp(_knee_deg(gait.cycle(), side))) / _KNEE_RANGE_DEG - 1.0
        coefficients[2:, shank] *= np.clip(1.0 - 0.9 * excess, 0.5, 1.3)
        still = float(np.ptp(_knee_deg(replace(gait, coefficients=coefficients).cycle(), side)))
        coefficients[1:, shank] *= min(1.0, 1.0 - 1.1 * (still / _WIDEST_KNEE_DEG - 1.0))
        knee_deg = _knee_deg(replace(gait, coefficients=coefficients).cycle(), side)
        coefficients[0, shank] += min(0.0, 3.0 + float(knee_deg.min()))
    return replace(gait, coefficients=coefficients)


def _with_arm_ranges(gait: Gait, mean_deg: float, rng: np.random.Generator) -> Gait:
    """Arms that swing so far on average, unequally: healthy arms differ, the left swings more in two of three.

    The difference over the larger swing is 0.40 ± 0.22 (Killeen 2018: 39.5 ± 21.8 %).
    """
    less = float(rng.beta(1.6, 2.4))
    ranges = (2.0 * mean_deg / (2.0 - less), 2.0 * mean_deg * (1.0 - less) / (2.0 - less))
    for side, range_deg in zip("lr" if rng.random() < 0.69 else "rl", ranges, strict=True):
        factor = min(range_deg, _WIDEST_ARM_DEG) / max(gait.range_of(f"{side}_uarm_sag"), 1e-6)
        gait = _with_arm_swing(gait, side, float(np.clip(factor, 0.1, 3.0)))
    return gait


def _with_arm_swing(gait: Gait, side: str, factor: float) -> Gait:
    """One upper arm that swings more or less; its elbow bends and straightens only a little more or less."""
    upper, fore = CHANNEL_INDEX[f"{side}_uarm_sag"], CHANNEL_INDEX[f"{side}_farm_sag"]
    coefficients = gait.coefficients.copy()
    elbow = (coefficients[1:, fore] - coefficients[1:, upper]) * factor**0.4
    coefficients[1:, upper] *= factor
    coefficients[1:, fore] = coefficients[1:, upper] + elbow
    return replace(gait, coefficients=coefficients)


def draw_channels(gait: Gait, passage: Passage, frame_rate_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One recording of a gait: channels [frame, channel], with variation from recording to recording and slow noise.

    Where the walker stands still (`passage.amplitude` 0) the legs are straight and the arms hang. The noise is the
    same at every frame rate.
    """
    n_frames, n_channels = len(passage.phase_cycles), len(CHANNELS)
    coefficients = gait.coefficients.copy()
    coefficients[1:] *= 1.0 + rng.normal(0.0, 0.03, (1, n_channels))
    coefficients[0] += rng.normal(0.0, 0.6, n_channels) * CHANNEL_UNIT
    noise = 0.5 * slow_noise(np.arange(n_frames) / frame_rate_hz, n_channels, 0.1, rng)
    channels = evaluate(coefficients, passage.phase_cycles)
    if passage.amplitude.min() < 1.0:
        amplitude = passage.amplitude[:, None]
        channels = amplitude * channels + (1.0 - amplitude) * _standing(coefficients)
    turning_deg_s = np.gradient(passage.heading_deg) * frame_rate_hz
    for channel, share_s in _LEAD_INTO_TURN.items():
        channels[:, CHANNEL_INDEX[channel]] -= share_s * turning_deg_s
    return channels + noise * CHANNEL_UNIT


def _standing(coefficients: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The channels [channel] of the same person standing still."""
    standing = np.real(coefficients[0]).copy()
    for side in "lr":
        for segment, angle_deg in _STANDING_LEG.items():
            standing[CHANNEL_INDEX[f"{side}_{segment}_sag"]] = angle_deg
    return standing


def gait_truth(gait: Gait, leg_m: float) -> dict[str, float]:
    """Numbers of a gait as walked, over one noiseless stride.

    Args:
        gait: the gait, conditions and speed of the recording included.
        leg_m: leg length.

    Returns:
        cadence, stride over leg length, speed, ranges (peak to peak) of hip, knee and arms, mean lean and tilt of
        trunk, head and pelvis (forward and left-side-up positive), vertical bob and lateral sway over leg length,
        ranges of the turns of pelvis and trunk, and asymmetries (left against right) as shares.
    """
    cycle = gait.cycle()
    mean = dict(zip(CHANNELS, gait.coefficients[0].real.tolist(), strict=True))
    range_of = dict(zip(CHANNELS, np.ptp(cycle, axis=0).tolist(), strict=True))
    hip = {side: range_of[f"{side}_thigh_sag"] for side in "lr"}
    knee = {side: float(np.ptp(_knee_deg(cycle, side))) for side in "lr"}
    arm = {side: range_of[f"{side}_uarm_sag"] for side in "lr"}
    return {
        "cadence_steps_min": gait.cadence_steps_min,
        "stride_over_leg": gait.stride_over_leg,
        "speed_m_s": gait.speed_m_s(leg_m),
        "hip_range_deg": (hip["l"] + hip["r"]) / 2,
        "knee_range_deg": (knee["l"] + knee["r"]) / 2,
        "arm_swing_left_deg": arm["l"],
        "arm_swing_right_deg": arm["r"],
        "elbow_flexion_deg": (mean["l_farm_sag"] - mean["l_uarm_sag"] + mean["r_farm_sag"] - mean["r_uarm_sag"]) / 2,
        "trunk_pitch_deg": mean["ch_pitch"] + float(gait.spine_deg[-1, 2]),
        "head_pitch_deg": mean["hd_pitch"],
        "trunk_roll_deg": mean["pel_roll"] + mean["ch_roll"] + float(gait.spine_deg[-1, 1]),
        "head_roll_deg": mean["hd_roll"],
        "pelvis_roll_deg": mean["pel_roll"],
        "pelvis_roll_range_deg": range_of["pel_roll"],
        "pelvis_yaw_range_deg": range_of["pel_yaw"],
        "trunk_yaw_range_deg": range_of["ch_yaw"],
        "trunk_roll_range_deg": range_of["ch_roll"],
        "bob_over_leg": float(np.ptp(pelvis_height_over_leg(cycle))),
        "sway_over_leg": range_of["px"],
        "step_asymmetry": _asymmetry(hip["l"], hip["r"]),
        "knee_asymmetry": _asymmetry(knee["l"], knee["r"]),
        "arm_asymmetry": _asymmetry(arm["l"], arm["r"]),
    }


def _knee_deg(cycle: NDArray[np.float64], side: str) -> NDArray[np.float64]:
    return cycle[:, CHANNEL_INDEX[f"{side}_thigh_sag"]] - cycle[:, CHANNEL_INDEX[f"{side}_shank_sag"]]


def _asymmetry(left: float, right: float) -> float:
    return (left - right) / max(left, right, 1e-6)


def pelvis_height_over_leg(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of the hips [frame] over leg length, the lower foot on the floor; channels [frame, channel].

    Thigh 0.47 and shank 0.53 of the leg, the ankle 0.10 over the sole, which reaches 0.07 behind it and 0.25 before it;
    hips 0.28 apart (means of the adults among the bodies).
    """
    below = []
    lift = 0.14 * np.sin(np.radians(channels[:, CHANNEL_INDEX["pel_roll"]]))
    for side, outward in (("l", 1.0), ("r", -1.0)):
        thigh, shank, foot = (
            np.radians(channels[:, CHANNEL_INDEX[f"{side}_{name}_sag"]]) for name in ("thigh", "shank", "foot")
        )
        ankle = 0.47 * np.cos(thigh) + 0.53 * np.cos(shank) + 0.10 * np.cos(foot)
        below.append(ankle - outward * lift + np.maximum(0.07 * np.sin(foot), -0.25 * np.sin(foot)))
    return np.maximum(*below)
