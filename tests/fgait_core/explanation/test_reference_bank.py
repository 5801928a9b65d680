"""The reference walkers of the software."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fgait_core.explanation.reference_bank import PACKAGED, ReferenceBank, packaged_bank, reference_picture
from fgait_core.recipes.reference_walkers import make_reference_walkers


def test_every_class_is_as_frequent_in_every_view():
    bank = packaged_bank()
    assert len(bank) == 240
    assert len(set(bank.ids.tolist())) == 240
    for view in ("front", "oblique", "side", "back"):
        assert (bank.view == view).sum() == 60
        for scoliosis in ("negative", "neutral", "positive"):
            for depression in ("no", "yes"):
                rows = (bank.view == view) & (bank.scoliosis == scoliosis) & (bank.depression == depression)
                assert rows.sum() == 10
    assert PACKAGED.stat().st_size < 1_000_000


def test_the_bank_is_what_its_command_makes(tmp_path: Path):
    made = make_reference_walkers(tmp_path / "bank.npz", people=2)
    stored = packaged_bank()
    read = ReferenceBank.load(tmp_path / "bank.npz")
    for bank in (made, read):
        assert bank.ids.tolist() == stored.ids[:2].tolist()
        assert (bank.packed == stored.packed[:2]).all()
        assert bank.depression_dose.tolist() == stored.depression_dose[:2].tolist()


def test_a_picture_shows_a_body_six_times():
    picture = reference_picture("r012")
    assert picture.shape == (64, 6 * 44)
    assert set(np.unique(picture)) == {0, 255}
    assert all((picture[:, 44 * place : 44 * (place + 1)] > 0).any(1).sum() >= 60 for place in range(6))
    with pytest.raises(KeyError):
        reference_picture("r999")


def test_healthy_frames_are_of_the_view_or_of_all_views():
    bank = packaged_bank()
    assert len(bank.healthy_frames("side")) == 10 * 12
    assert len(bank.healthy_frames(None)) == 40 * 12
