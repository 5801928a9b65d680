"""A silhouette sequence keeps its frames, its times and its promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgait_core.errors import RecordingError
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence


def _sequence(times_s: np.ndarray) -> SilhouetteSequence:
    n = len(times_s)
    frames = np.zeros((n, HEIGHT_PX, WIDTH_PX), np.uint8)
    frames[:, 0, 0] = np.arange(n) % 256
    return SilhouetteSequence(frames, np.asarray(times_s, float), np.arange(n))


def test_round_trip_through_a_file(tmp_path: Path):
    sequence = _sequence(np.arange(20) / 30)
    sequence.save(tmp_path / "walk.npz")
    loaded = SilhouetteSequence.load(tmp_path / "walk.npz")
    np.testing.assert_array_equal(loaded.frames, sequence.frames)
    np.testing.assert_array_equal(loaded.timestamps_s, sequence.timestamps_s)
    np.testing.assert_array_equal(loaded.source_frames, sequence.source_frames)


@pytest.mark.parametrize("content", [b"", b"not an npz", b"PK\x03\x04 broken"])
def test_wrong_file_is_refused_with_its_name(tmp_path: Path, content: bytes):
    (tmp_path / "walk.npz").write_bytes(content)
    with pytest.raises(RecordingError, match=r"walk\.npz"):
        SilhouetteSequence.load(tmp_path / "walk.npz")


@pytest.mark.parametrize("times_s", [[0.0, 0.0], [0.1, 0.0]])
def test_times_must_rise(times_s: list[float]):
    with pytest.raises(RecordingError, match="must rise"):
        _sequence(np.array(times_s))


def test_wrong_shapes_are_refused():
    with pytest.raises(RecordingError, match="uint8"):
        SilhouetteSequence(np.zeros((3, 64, 64), np.uint8), np.arange(3.0), np.arange(3))
    with pytest.raises(RecordingError, match="one time"):
        SilhouetteSequence(np.zeros((3, 64, 44), np.uint8), np.arange(2.0), np.arange(3))
    with pytest.raises(RecordingError, match="at least one"):
        SilhouetteSequence(np.zeros((0, 64, 44), np.uint8), np.zeros(0), np.zeros(0, int))


def test_frame_rate_is_not_lowered_by_a_gap():
    times_s = np.concatenate([np.arange(30), np.arange(90, 120)]) / 30
    assert _sequence(times_s).frame_rate_hz == pytest.approx(30)


@given(rate_hz=st.floats(12, 240), wanted_hz=st.sampled_from([15.0, 25.0, 30.0]), n=st.integers(2, 200))
def test_resampling_keeps_duration_order_and_rate(rate_hz: float, wanted_hz: float, n: int):
    sequence = _sequence(np.arange(n) / rate_hz)
    resampled = sequence.resampled(wanted_hz)
    assert abs(resampled.duration_s - sequence.duration_s) <= 1 / wanted_hz
    assert np.all(np.diff(resampled.source_frames) >= 0)
    if len(resampled) > 2:
        assert resampled.frame_rate_hz == pytest.approx(wanted_hz, rel=1e-6)
    error_s = np.abs(sequence.timestamps_s[resampled.source_frames] - resampled.timestamps_s)
    assert error_s.max() <= 0.5 / rate_hz + 0.5 / wanted_hz


def test_resampling_keeps_gaps():
    times_s = np.concatenate([np.arange(60), np.arange(180, 240)]) / 60
    resampled = _sequence(times_s).resampled(30)
    assert np.diff(resampled.timestamps_s).max() == pytest.approx(2.0, abs=0.05)
    assert len(resampled) == pytest.approx(60, abs=3)


def test_variable_frame_rate_lands_on_a_regular_grid():
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.06, 100))
    resampled = _sequence(times_s).resampled(25)
    in_steps = np.diff(resampled.timestamps_s) * 25
    np.testing.assert_allclose(in_steps, np.round(in_steps), atol=1e-6)
    nearest = np.abs(times_s[:, None] - resampled.timestamps_s[None]).argmin(0)
    np.testing.assert_array_equal(resampled.source_frames, nearest)
