"""How well gait events are found, and that the detector that is used is the better one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fgait_core.gait_parameters.detectors import DETECTOR, DETECTORS
from fgait_core.gait_parameters.events import HEEL_STRIKE, TOE_OFF, GaitEvents
from fgait_core.recipes import gait_event_accuracy as module
from fgait_core.recipes.gait_event_accuracy import (
    EventAccuracy,
    accuracy_table,
    event_accuracy,
    left_over,
    sample_accuracy,
)
from fgait_core.recipes.gait_films import load_films
from fgait_core.recipes.gait_truth import GaitFilm


@pytest.fixture(scope="module")
def all_films(root: Path) -> tuple[GaitFilm, ...]:
    return load_films(root / "tests" / "golden" / "gait_films.npz")


@pytest.fixture(scope="module")
def films(all_films: tuple[GaitFilm, ...]) -> tuple[GaitFilm, ...]:
    return tuple(film for film in all_films if film.key.person < 3 and film.key.take == 0)


def _share(rows: tuple[EventAccuracy, ...], detector: str) -> float:
    """Share of the events found, extra ones counted against it."""
    own = [row for row in rows if row.detector == detector]
    return (sum(row.found for row in own) - sum(row.extra for row in own)) / sum(row.true for row in own)


@pytest.mark.parametrize("every", [1, 3])
def test_the_detector_that_is_used_is_the_best(films: tuple[GaitFilm, ...], every: int):
    rows = event_accuracy(films, (every,))
    assert _share(rows, DETECTOR) > 0.85
    assert _share(rows, DETECTOR) > max(_share(rows, name) for name in DETECTORS if name != DETECTOR) + 0.1
    for row in rows:
        if row.detector == DETECTOR:
            assert abs(row.bias_ms) < 60
            assert row.error_ms < 60


def test_the_offsets_are_those_of_the_people_they_are_said_to_be_of(all_films: tuple[GaitFilm, ...]):
    left = left_over(all_films, (1,))
    assert len(left) == 6
    assert max(abs(share) for share in left.values()) < 0.012


def _detector(monkeypatch: pytest.MonkeyPatch, film: GaitFilm, late_s: float, keep: slice) -> None:
    truth = film.truth.events
    found = GaitEvents(truth.foot[keep], truth.kind[keep], truth.time_s[keep] + late_s, "late")
    monkeypatch.setattr(module, "detect_events", lambda walk, detector: found)


def test_errors_are_detected_minus_true(monkeypatch: pytest.MonkeyPatch, films: tuple[GaitFilm, ...]):
    film = next(film for film in films if film.key.view == "side")
    _detector(monkeypatch, film, 0.04, slice(None))
    strikes, offs = [row for row in event_accuracy([film], (1,), ["late"]) if row.source == "side"]
    assert (strikes.kind, offs.kind) == (HEEL_STRIKE, TOE_OFF)
    for row in (strikes, offs):
        assert row.found == row.true > 4
        assert (row.bias_ms, row.error_ms) == (pytest.approx(40.0), pytest.approx(40.0))
        assert row.spread_ms == pytest.approx(0.0, abs=1e-6)
        assert row.frame_rate_hz == 60.0


def test_what_is_missed_and_what_is_too_many_is_counted(monkeypatch: pytest.MonkeyPatch, films: tuple[GaitFilm, ...]):
    film = next(film for film in films if film.key.view == "side")
    true = sum(row.true for row in event_accuracy([film], (1,), [DETECTOR]))
    _detector(monkeypatch, film, 0.0, slice(0, -4))
    rows = event_accuracy([film], (1,), ["late"])
    assert sum(row.true for row in rows) == true
    assert 1 <= true - sum(row.found for row in rows) <= 4
    _detector(monkeypatch, film, 0.27, slice(None))
    rows = event_accuracy([film], (1,), ["late"])
    assert sum(row.found for row in rows) == 0
    assert sum(row.extra for row in rows) > 0.7 * true
    assert all(np.isnan(row.bias_ms) for row in rows)
    assert "| – | – | – |" in accuracy_table(rows)


def test_the_table_has_a_line_for_each_row():
    row = EventAccuracy("steps", "side", 30.0, HEEL_STRIKE, 10, 9, 1, -12.4, 8.6, 15.2)
    lines = accuracy_table([row, replace(row, kind=TOE_OFF)]).splitlines()
    assert lines[2] == "| steps | side | 30 | heel strike | 9 of 10 | 1 | -12 | 9 | 15 |"
    assert "toe off" in lines[3]


def test_labels_of_the_sample_video_are_held_against_its_walk(
    monkeypatch: pytest.MonkeyPatch, films: tuple[GaitFilm, ...]
):
    walk = films[0].walk
    times_s = np.arange(40, 190) / 30.0
    sequence = replace(
        walk.sequence, frames=np.zeros((150, 64, 44), np.uint8), timestamps_s=times_s, source_frames=np.arange(40, 190)
    )
    frames = [frame for (_, kind), found in module.SAMPLE_FRAMES.items() for frame in found if kind == HEEL_STRIKE]
    foot = np.array(["right" if frame in (60, 98, 135, 171) else "left" for frame in sorted(frames)])
    found = GaitEvents(foot, np.array([HEEL_STRIKE] * 7), np.sort(frames) / 30.0 - 0.01, "early")
    monkeypatch.setattr(module, "detect_events", lambda walk, detector: found)
    strikes, offs = sample_accuracy(replace(walk, sequence=sequence), ["early"])
    assert (strikes.true, strikes.found, strikes.extra) == (7, 7, 0)
    assert strikes.bias_ms == pytest.approx(-10.0)
    assert (offs.true, offs.found) == (7, 0)
