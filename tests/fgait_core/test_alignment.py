"""Alignment equals the published recipe."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgait_core.alignment import align, align_square, halving_column, occupied_rows

GOLDEN = Path(__file__).parents[1] / "golden" / "golden_pretreat.npz"


def test_golden_pretreatment_within_one_grey_level():
    with np.load(GOLDEN) as golden:
        aligned = [align_square(golden[f"in{i}"]) for i in range(int(golden["n"]))]
        expected = golden["out"]
    kept = [i for i, frame in enumerate(aligned) if frame is not None]
    assert [i for i in range(len(aligned)) if i not in kept] == [7]
    got = np.stack([aligned[i] for i in kept]).astype(int)
    assert np.abs(got - expected).max() <= 1


def test_cut_keeps_the_middle_44_columns():
    with np.load(GOLDEN) as golden:
        mask = golden["in0"]
    np.testing.assert_array_equal(align(mask), align_square(mask)[:, 10:54])


@pytest.mark.parametrize("mask", [np.zeros((50, 40), np.uint8), np.pad(np.full((3, 3), 255, np.uint8), 20)])
def test_too_little_mass_gives_nothing(mask):
    assert align(mask) is None


def test_body_at_the_left_edge_of_the_mask_is_padded_not_cut():
    mask = np.zeros((128, 64), np.uint8)
    mask[:, :30] = 255
    aligned = align(mask)
    assert aligned.shape == (64, 44)
    columns = np.flatnonzero(aligned.max(axis=0) > 127)
    assert len(columns) == 15
    assert abs(columns.mean() - 21.5) <= 1


@given(st.integers(0, 40), st.integers(0, 40), st.integers(30, 60), st.integers(10, 30))
def test_alignment_does_not_depend_on_where_the_body_is(top, left, height, width):
    body = np.zeros((120, 120), np.uint8)
    body[30 : 30 + height, 45 : 45 + width] = 255
    moved = np.zeros((120, 120), np.uint8)
    moved[top : top + height, left + 5 : left + 5 + width] = 255
    here, there = align(body), align(moved)
    # One column: the halving column of the scaled mask can fall on either side of a pixel border.
    shifts = [np.abs(here.astype(int) - np.roll(there, shift, axis=1)).mean() for shift in (-1, 0, 1)]
    assert min(shifts) < 6


def test_occupied_rows_and_halving_column():
    mask = np.zeros((10, 10), np.uint8)
    assert occupied_rows(mask) is None
    mask[2:5, 4:7] = 255
    assert occupied_rows(mask) == (2, 5)
    assert halving_column(mask) == 5
