"""Walkers go where their path leads, and every frame rate records the same walk."""

import numpy as np
import pytest

from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.movement import draw_channels
from fgait_core.simulation.gait.path import PATHS, STRAIGHT, Passage, Path, draw_path, walk_along
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait

LEG_M = 0.85


@pytest.fixture(scope="module")
def gait(prior: GaitPrior) -> Gait:
    return draw_gait(prior, np.random.default_rng(5), "male", 35.0)


def _walk(path: Path, gait: Gait, seconds: float = 4.0, rate_hz: float = 25.0) -> Passage:
    return walk_along(path, gait, LEG_M, round(seconds * rate_hz) + 1, rate_hz, np.random.default_rng(8))


def _speed_m_s(passage: Passage, rate_hz: float = 25.0) -> np.ndarray:
    return np.linalg.norm(np.diff(passage.position_m, axis=0), axis=1) * rate_hz


def test_straight_on_at_the_speed_of_the_gait(gait: Gait):
    passage = _walk(STRAIGHT, gait)
    assert _speed_m_s(passage) == pytest.approx(gait.speed_m_s(LEG_M))
    assert np.ptp(passage.position_m[:, 1]) == pytest.approx(4.0 * gait.speed_m_s(LEG_M), rel=0.01)
    assert np.ptp(passage.position_m[:, 0]) < 0.3
    assert np.all(passage.amplitude == 1.0)


@pytest.mark.parametrize("n_frames", [30, 31])
def test_the_middle_of_the_recording_is_the_origin(gait: Gait, n_frames: int):
    passage = walk_along(Path("turn", turn_deg=60.0), gait, LEG_M, n_frames, 25.0, np.random.default_rng(1))
    middle = [(n_frames - 1) // 2, n_frames // 2]
    np.testing.assert_allclose(passage.position_m[middle].mean(0), 0.0, atol=1e-12)
    assert passage.heading_deg[middle].mean() == pytest.approx(0.0, abs=1e-12)


def test_nobody_leaves_a_treadmill(gait: Gait):
    passage = _walk(Path("treadmill"), gait, seconds=20.0)
    assert np.abs(passage.position_m).max() < 0.15
    assert np.ptp(passage.phase_cycles) == pytest.approx(20.0 * gait.cadence_steps_min / 120.0, rel=0.1)


@pytest.mark.parametrize("turn_deg", [90.0, -90.0])
def test_a_turn_to_the_left_leads_left(gait: Gait, turn_deg: float):
    passage = _walk(Path("turn", turn_deg=turn_deg), gait)
    assert passage.heading_deg[-1] - passage.heading_deg[0] == pytest.approx(turn_deg, abs=6.0)
    # Both ends of an arc lie on the side that it turns to.
    assert np.all(np.sign(passage.position_m[[0, -1], 0]) == np.sign(turn_deg))
    along = np.diff(passage.position_m, axis=0)
    walked = np.degrees(np.arctan2(along[:, 0], along[:, 1]))
    np.testing.assert_allclose(walked, (passage.heading_deg[1:] + passage.heading_deg[:-1]) / 2, atol=0.5)
    assert _speed_m_s(passage).mean() < gait.speed_m_s(LEG_M)


def test_the_trunk_leads_and_leans_into_a_turn(gait: Gait):
    straight, left = (_walk(path, gait) for path in (STRAIGHT, Path("turn", turn_deg=160.0)))
    before, after = (draw_channels(gait, walk, 25.0, np.random.default_rng(2)) for walk in (straight, left))
    for channel in ("ch_yaw", "ch_roll"):  # positive turns right, lifts the left side
        assert after[:, CHANNEL_INDEX[channel]].mean() < before[:, CHANNEL_INDEX[channel]].mean() - 1.0


def test_a_halt_stands_still_and_walks_on(gait: Gait):
    passage = _walk(Path("stop", stop_s=0.5, pause_s=1.2), gait)
    standing = slice(37, 63)
    assert np.all(passage.amplitude[standing] == 0.0)
    assert np.ptp(passage.phase_cycles[standing]) == 0.0
    assert np.all(_speed_m_s(passage)[37:62] == 0.0)
    assert passage.amplitude[0] == passage.amplitude[-1] == 1.0
    channels = draw_channels(gait, passage, 25.0, np.random.default_rng(3))
    thigh, shank = (channels[:, CHANNEL_INDEX[f"l_{name}_sag"]] for name in ("thigh", "shank"))
    assert np.abs((thigh - shank)[standing]).max() < 12.0
    assert np.ptp(thigh[standing]) < 5.0 < np.ptp(thigh)


def test_every_frame_rate_records_the_same_walk(gait: Gait):
    walks = {}
    for rate_hz in (15.0, 120.0):
        passage = _walk(Path("stop", stop_s=1.5, pause_s=0.4), gait, rate_hz=rate_hz)
        channels = draw_channels(gait, passage, rate_hz, np.random.default_rng(4))
        every = round(rate_hz / 15.0)
        walks[rate_hz] = (passage.phase_cycles[::every], passage.position_m[::every], channels[::every])
    (phase, position_m, channels), (fine_phase, fine_position_m, fine_channels) = walks.values()
    np.testing.assert_allclose(phase, fine_phase, atol=0.01)
    np.testing.assert_allclose(position_m, fine_position_m, atol=0.02)
    assert np.sqrt(np.mean((channels[:, 6:] - fine_channels[:, 6:]) ** 2)) < 0.5  # degrees


def test_stride_times_vary_as_much_as_the_gait_says(gait: Gait):
    passage = _walk(STRAIGHT, gait, seconds=250.0)
    strides = np.arange(np.ceil(passage.phase_cycles[0]), passage.phase_cycles[-1])
    times_s = np.interp(strides, passage.phase_cycles, np.arange(len(passage.phase_cycles)) / 25.0)
    durations_s = np.diff(times_s)
    assert durations_s.mean() == pytest.approx(120.0 / gait.cadence_steps_min, rel=0.02)
    assert durations_s.std() / durations_s.mean() == pytest.approx(gait.stride_time_cv, rel=0.2)


def test_most_paths_are_straight_on():
    rng = np.random.default_rng(6)
    paths = [draw_path(rng, 1.2) for _ in range(2000)]
    shares = {kind: np.mean([path.kind == kind for path in paths]) for kind in PATHS}
    assert shares["overground"] == pytest.approx(0.85, abs=0.03)
    assert all(shares[kind] > 0.02 for kind in PATHS)
    turns_deg = np.array([path.turn_deg for path in paths if path.kind == "turn"])
    assert np.abs(turns_deg).max() <= 72.0
    assert 0.3 < np.mean(turns_deg > 0) < 0.7
    assert all(path.stop_s is None for path in paths if path.kind != "stop")


def test_nobody_stands_most_of_a_recording(gait: Gait):
    rng = np.random.default_rng(7)
    for frames_s in (1.2, 2.4, 10.0):
        stops = [path for path in (draw_path(rng, frames_s) for _ in range(400)) if path.kind == "stop"]
        walks = [_walk(path, gait, seconds=frames_s) for path in stops]
        assert all(np.mean(walk.amplitude == 0.0) <= 0.55 for walk in walks)
        assert all(walk.amplitude.min() < 0.9 for walk in walks)
