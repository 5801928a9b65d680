"""Simulated healthy people walk within published norms, children and the old too (docs/evidence/simulation.md)."""

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands.simulation import register
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.gait.ageing import expected_gait
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.norms import NUMBERS, Comparison, Norm, compare_with_norms, norm_table
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.style import Gait
from fgait_core.simulation.gait.truth import gait_truth


@pytest.fixture(scope="module")
def comparisons(bank: BodyBank, prior: GaitPrior) -> list[Comparison]:
    return compare_with_norms(bank, prior, 80, seed=3)


def test_simulated_means_lie_within_the_bands_of_the_norms(comparisons: list[Comparison]):
    outside = [comparison for comparison in comparisons if not comparison.fits]
    assert not outside


@pytest.mark.parametrize("number", ["cadence_steps_min", "hip_range_deg", "knee_range_deg", "arm_range_deg"])
def test_people_differ_about_as_much_as_published(comparisons: list[Comparison], number: str):
    for comparison in comparisons:
        if comparison.norm.number == number and comparison.norm.sd is not None:
            assert 0.6 < comparison.sd / comparison.norm.sd < 1.6


def test_the_table_has_a_line_for_each_norm(comparisons: list[Comparison]):
    lines = norm_table(comparisons).splitlines()
    assert len(lines) == len(comparisons) + 2
    assert all(any(name in line for name in NUMBERS.values()) for line in lines[2:])


def test_a_comparison_outside_its_band_does_not_fit():
    norm = Norm("speed_m_s", "both", (20.0, 30.0), 1.3, None, 0.1, "nobody")
    assert Comparison(norm, 1.35, 0.2).fits
    assert not Comparison(norm, 1.45, 0.2).fits


def test_children_step_quicker_and_settle_with_age():
    ages_years = (6.0, 9.0, 12.0, 15.0)
    expected = [expected_gait("female", age_years) for age_years in ages_years]
    assert np.all(np.diff([e.cadence_steps_min for e in expected]) < 0)
    assert np.all(np.diff([e.stride_time_cv for e in expected]) < 0)
    # From four years on the step over leg length is an adult's (Sutherland 1997).
    assert expected[0].stride_over_leg == pytest.approx(expected_gait("female", 30.0).stride_over_leg, rel=0.1)


def test_old_people_slow_down_more_by_shorter_than_by_fewer_steps():
    ages_years = (50.0, 60.0, 70.0, 80.0, 90.0)
    expected = [expected_gait("male", age_years) for age_years in ages_years]
    for name in ("cadence_steps_min", "stride_over_leg", "turning"):
        assert np.all(np.diff([getattr(e, name) for e in expected]) < 0)
    for name in ("trunk_pitch_deg", "head_pitch_deg", "stride_time_cv"):
        assert np.all(np.diff([getattr(e, name) for e in expected[1:]]) > 0)
    young, old = expected[0], expected[-1]
    assert old.stride_over_leg / young.stride_over_leg < old.cadence_steps_min / young.cadence_steps_min


@pytest.fixture(scope="module")
def pairs(prior: GaitPrior) -> list[tuple[Gait, dict[str, float]]]:
    gaits = [draw_gait(prior, np.random.default_rng((9, n)), "female", 30.0) for n in range(60)]
    return [(gait, gait_truth(gait, 0.8)) for gait in gaits]


def test_truth_gives_the_numbers_of_the_gait(pairs: list[tuple[Gait, dict[str, float]]]):
    for gait, truth in pairs:
        assert truth["speed_m_s"] == pytest.approx(gait.stride_over_leg * 0.8 * gait.cadence_steps_min / 120.0)
        assert truth["arm_swing_left_deg"] == pytest.approx(gait.range_of("l_uarm_sag"))
        assert truth["pelvis_yaw_range_deg"] == pytest.approx(gait.range_of("pel_yaw"))


def test_truth_follows_what_is_done_to_a_gait(pairs: list[tuple[Gait, dict[str, float]]]):
    gait, before = pairs[0]
    changed = gait.shifted(("ch_pitch",), 5.0).shifted(("hd_pitch",), 7.0).shifted(("pel_roll",), 2.0)
    after = gait_truth(changed.scaled(("px",), 2.0), 0.8)
    assert after["trunk_pitch_deg"] - before["trunk_pitch_deg"] == pytest.approx(5.0)
    assert after["head_pitch_deg"] - before["head_pitch_deg"] == pytest.approx(7.0)
    assert after["pelvis_roll_deg"] - before["pelvis_roll_deg"] == pytest.approx(2.0)
    assert after["sway_over_leg"] == pytest.approx(2.0 * before["sway_over_leg"])
    assert gait_truth(gait.with_stride(0.8), 0.8)["bob_over_leg"] < before["bob_over_leg"]


def test_longer_strides_go_with_wider_hips(pairs: list[tuple[Gait, dict[str, float]]]):
    strides = [truth["stride_over_leg"] for _, truth in pairs]
    assert np.corrcoef(strides, [truth["hip_range_deg"] for _, truth in pairs])[0, 1] > 0.5


def test_the_command_prints_the_table():
    app = typer.Typer()
    register(app)
    done = CliRunner().invoke(app, ["simulate", "norms", "--people", "20"])
    assert done.exit_code == 0
    assert "| cadence, steps/min | both, 20–60 |" in done.stdout
