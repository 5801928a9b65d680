"""Hiding parts of a walk, and changing it a little."""

from __future__ import annotations

import numpy as np

from fgait_core.explanation.occlusion import (
    BANDS,
    MOST_WINDOWS,
    PHASES,
    Windows,
    all_hidden,
    hide_band,
    hide_phase,
    side_by_side,
)
from fgait_core.explanation.reference_bank import packaged_bank
from fgait_core.explanation.small_changes import SMALL_CHANGES


def windows(phase: np.ndarray | None = None) -> Windows:
    """Two windows of a reference walker seen from the side."""
    bank = packaged_bank()
    frames = bank.frames(int(np.flatnonzero(bank.view == "side")[0]))
    pictures = np.stack([frames, frames[::-1]])[:, None]
    return Windows(pictures, np.full((2, 12), np.nan) if phase is None else phase)


def test_bands_cover_the_body_once():
    rows = [row for first, end in BANDS.values() for row in range(first, end)]
    assert rows == list(range(64))


def test_a_hidden_band_is_that_of_other_people_and_the_rest_stays():
    seen, usual = windows(), packaged_bank().healthy_frames("side")
    for first, end in BANDS.values():
        hidden = hide_band(seen.pictures, (first, end), usual)
        changed = (hidden != seen.pictures).any(axis=(0, 1, 2, 4))
        assert changed[first:end].any()
        assert not changed[:first].any()
        assert not changed[end:].any()
        assert set(np.unique(hidden)) <= {0, 255}


def test_a_band_of_somebody_among_the_others_comes_back_as_it_was():
    seen = windows()
    usual = np.repeat(seen.pictures[0, 0], 5, axis=0)
    assert (hide_band(seen.pictures, BANDS["trunk"], usual) == seen.pictures).all()


def test_a_hidden_part_of_the_cycle_shows_the_frames_next_to_it():
    phase = np.tile(np.arange(12) / 12, (2, 1))
    seen = windows(phase)
    hidden = hide_phase(seen, 2)
    inside = (phase[0] >= 2 / PHASES) & (phase[0] < 3 / PHASES)
    assert inside.sum() == 2
    assert (hidden[:, :, ~inside] == seen.pictures[:, :, ~inside]).all()
    assert (hidden[:, :, 4] == seen.pictures[:, :, 3]).all()
    assert (hidden[:, :, 5] == seen.pictures[:, :, 6]).all()


def test_phases_are_hidden_only_where_all_of_them_are_seen():
    usual = packaged_bank().healthy_frames("side")
    assert len(all_hidden(windows(), usual)) == 1 + len(BANDS)
    seen = windows(np.tile(np.arange(12) / 12, (2, 1)))
    assert len(all_hidden(seen, usual)) == 1 + len(BANDS) + PHASES
    half = windows(np.tile(np.arange(12) / 24, (2, 1)))
    assert half.phases == ()


def test_windows_lie_side_by_side_and_spread_over_the_walk():
    starts = side_by_side(np.arange(100), 12)
    assert len(starts) == MOST_WINDOWS
    assert starts[0] == 0
    assert starts[-1] == 96
    assert (np.diff(starts) >= 12).all()
    assert side_by_side(np.arange(5), 12).tolist() == [0]


def test_small_changes_are_small():
    pictures = windows().pictures
    for number, (_, change) in enumerate(SMALL_CHANGES):
        changed = change(pictures)
        assert changed.shape == pictures.shape
        assert changed.dtype == np.uint8
        share = (changed != pictures).sum() / (pictures > 0).sum()
        assert (share == 0) == (number == 0)
        assert share < 0.3
