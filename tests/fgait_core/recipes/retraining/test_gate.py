"""The gate: what it lets pass and what it refuses, on drawn scores and on small packages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from fgait_core.config.retraining import AcceptanceConfig, RetrainingProtocol
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.gate_report import GateReport, Measured
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.recipes.retraining.gate import GateFacts, compare, report_on
from fgait_core.recipes.retraining.gate_figures import GatePeople, Said

PROTOCOL = RetrainingProtocol(task="depression")
FACTS = GateFacts("depression", "yes", "a" * 64, "b" * 64, True, 40, 0)
APART = 1.6


def people_of(positive: np.ndarray, person: np.ndarray | None = None, **groups: np.ndarray) -> GatePeople:
    keys = np.array([f"k{number:03}" for number in range(len(positive))])
    return GatePeople(keys, keys if person is None else person, positive.astype(np.int64), positive, groups)


def said(scores: np.ndarray, steep: float = APART, threshold: float = 0.4, shift: float = 0.0) -> Said:
    probability = expit(steep * scores + shift)
    members = np.stack([probability < 0.8, probability > 0.2], 1)
    return Said("model", "1", "c" * 64, threshold, probability, members)


def drawn(seed: int, people: int, apart: float = APART) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Whose walk shows the condition, and scores of a binormal model that the slope `apart` calibrates."""
    rng = np.random.default_rng(seed)
    positive = np.arange(people) % 2 == 0
    return positive, rng.normal(size=people) + apart * (positive - 0.5), rng


def judged(people: GatePeople, production: Said, candidate: Said, **facts: int) -> GateReport:
    return report_on(people, production, candidate, PROTOCOL, replace(FACTS, **facts), seed=1)


def met(report: GateReport) -> dict[str, bool]:
    return {each.name: each.passed for each in report.criteria}


ZERO = Measured(value=0.0, low=0.0, high=0.0)


def test_production_itself_differs_by_nothing_and_passes() -> None:
    positive, scores, _ = drawn(1, 80)
    report = judged(people_of(positive), said(scores), said(scores))
    paired = report.paired
    assert (paired.auroc, paired.sensitivity, paired.specificity, paired.brier) == (ZERO, ZERO, ZERO, ZERO)
    assert (paired.auroc_p, paired.mcnemar_p, report.changed) == (1.0, 1.0, ())
    assert report.passed
    assert report.possible
    assert all(met(report).values())
    assert (report.people, report.positive, report.recordings) == (80, 40, 80)
    assert GateReport.model_validate_json(report.model_dump_json()) == report


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=12)
)
@settings(max_examples=40, deadline=None)
def test_few_people_give_a_report_without_nonsense(rows: list[tuple[bool, int, float, float]]) -> None:
    positive, owner, first, second = (np.array(each) for each in zip(*rows, strict=True))
    people = people_of(positive.astype(bool), owner.astype(str), sex=np.where(owner % 2, "female", "male"))
    report = judged(people, said(first), said(second))
    assert not report.possible
    assert not report.passed
    assert GateReport.model_validate_json(report.model_dump_json()) == report, "nothing is infinite or no number"
    for figures in (report.production, report.candidate):
        for figure in (figures.auroc, figures.sensitivity, figures.specificity, figures.brier, figures.coverage):
            if figure.low is not None and figure.high is not None and figure.value is not None:
                assert 0 <= figure.low <= figure.value + 1e-9
                assert figure.value <= figure.high + 1e-9 <= 1 + 2e-9


def test_a_better_candidate_passes_and_a_worse_one_does_not() -> None:
    positive, scores, rng = drawn(2, 240, apart=1.0)
    more = scores + 0.6 * (positive - 0.5) + rng.normal(size=240) / 5
    better = judged(people_of(positive), said(scores, 1.0), said(more))
    assert better.passed, [each for each in better.criteria if not each.passed]
    assert better.paired.auroc.low is not None
    assert better.paired.auroc.low > 0
    assert better.paired.auroc_p is not None
    assert better.paired.auroc_p < 0.01
    worse = judged(people_of(positive), said(more), said(scores, 1.0))
    assert not worse.passed
    assert not met(worse)["auroc"]


def test_changed_sides_are_the_discordant_people() -> None:
    positive, scores, rng = drawn(3, 100)
    report = judged(people_of(positive), said(scores), said(scores + rng.normal(size=100) / 2))
    right = [(each.candidate >= 0.4) == each.positive for each in report.changed]
    assert report.paired.only_candidate_right == sum(right)
    assert report.paired.only_production_right == len(right) - sum(right)
    assert [each.key for each in report.changed] == sorted(each.key for each in report.changed)


def test_overconfidence_is_refused() -> None:
    positive, scores, _ = drawn(4, 200)
    report = judged(people_of(positive), said(scores), said(scores, steep=6 * APART))
    assert not met(report)["slope"]
    assert not met(report)["calibration"]
    assert not report.passed
    assert met(report)["auroc"]


def test_scores_squeezed_together_are_refused_though_they_rank_alike() -> None:
    positive, scores, _ = drawn(11, 100)
    report = judged(people_of(positive), said(scores), said(scores, steep=0.2 * APART, threshold=0.48))
    assert met(report)["auroc"]
    assert not met(report)["brier"]
    assert not report.passed


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("recalibrated", [False, True])
def test_shuffled_labels_are_refused(seed: int, recalibrated: bool) -> None:
    positive, scores, rng = drawn(seed, 100)
    shuffled = rng.permutation(positive)
    candidate = said(scores, steep=0.1) if recalibrated else said(rng.normal(size=100), steep=0.1)
    report = judged(people_of(shuffled), said(scores), candidate)
    assert report.possible
    assert not report.passed
    assert not met(report)["better_than_chance"]


def test_a_version_that_flags_everybody_can_be_replaced() -> None:
    positive, scores, _ = drawn(5, 200, apart=2.4)
    report = judged(people_of(positive), said(scores, 2.4, threshold=0.001), said(scores, 2.4, threshold=0.3))
    assert report.paired.sensitivity.value is not None
    assert report.paired.sensitivity.value < 0
    assert met(report)["sensitivity"]
    assert report.passed
    blind = judged(people_of(positive), said(scores, 2.4), said(scores, 2.4, threshold=0.97))
    assert not met(blind)["sensitivity"]
    assert not blind.passed


def test_specificity_may_fall_as_far_as_sensitivity_rises() -> None:
    positive, scores, _ = drawn(6, 300, apart=2.0)
    low = judged(people_of(positive), said(scores, 2.0, threshold=0.9), said(scores, 2.0, threshold=0.45))
    assert low.paired.specificity.high is not None
    assert low.paired.specificity.high < -0.05
    assert met(low)["specificity"]
    wasted = judged(people_of(positive), said(scores, 2.0, threshold=0.05), said(scores, 2.0, threshold=0.001))
    assert not met(wasted)["specificity"]


def test_recordings_of_one_person_do_not_count_as_people() -> None:
    positive, scores, _ = drawn(7, 24)
    rows = np.repeat(np.arange(24), 12)
    people = people_of(positive[rows], rows.astype(str))
    report = judged(people, said(scores[rows]), said(scores[rows]))
    assert (report.people, report.positive, report.recordings) == (24, 12, 288)
    once = judged(people_of(positive), said(scores), said(scores))
    assert report.candidate.auroc.value == pytest.approx(once.candidate.auroc.value)
    for figure in ("sensitivity", "specificity", "coverage"):
        many, one = (getattr(each.candidate, figure) for each in (report, once))
        assert (many.low, many.high) == (pytest.approx(one.low), pytest.approx(one.high))


def test_nobody_is_promoted_below_the_least_numbers_or_with_shared_people() -> None:
    positive, scores, _ = drawn(8, 80)
    few = AcceptanceConfig(min_positive=41)
    strict = PROTOCOL.model_copy(update={"acceptance": few})
    report = report_on(people_of(positive), said(scores), said(scores), strict, FACTS, seed=1)
    assert not report.possible
    assert not report.passed
    assert not met(report)["people_with"]
    shared = judged(people_of(positive), said(scores), said(scores), shared_people=1)
    assert shared.possible
    assert not shared.passed
    assert [each.name for each in shared.criteria if not each.passed] == ["unseen"]


def test_a_subgroup_below_the_floor_is_named() -> None:
    positive, scores, _rng = drawn(9, 200)
    site = np.where(np.arange(200) < 60, "north", "south")
    spoiled = np.where(site == "north", -scores, scores)
    report = judged(people_of(positive, site=site), said(spoiled), said(spoiled))
    assert not met(report)["subgroups"]
    assert "site north" in next(each.measured for each in report.criteria if each.name == "subgroups")
    assert {(each.group, each.value, each.people, each.positive) for each in report.subgroups} == {
        ("site", "north", 60, 30),
        ("site", "south", 140, 70),
    }


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load(bundled_package_dir())


@pytest.fixture(scope="module")
def locked(make_shards, tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return read_shards(make_shards(tmp_path_factory.mktemp("gate") / "people", split="test", people=12))


def compared(production: ModelPackage, candidate: ModelPackage, people: ShardFolder, **wanted: object) -> GateReport:
    options = {"trained_people": 12, "shared_people": 0, "protocol_sha256": "a" * 64} | wanted
    return compare(production, candidate, people, PROTOCOL, **options)


def test_packages_are_compared_on_a_folder(package: ModelPackage, locked: ShardFolder) -> None:
    told: list[float] = []
    report = compared(package, package, locked, progress=lambda fraction, words: told.append(fraction))
    assert (report.people, report.recordings) == (len(locked.people), len(locked))
    assert report.paired.auroc == ZERO
    assert report.changed == ()
    assert {each.group for each in report.subgroups} == {"sex", "age", "view"}
    assert report.simulated
    assert report.trained_people == 12
    assert report.candidate.sha256 == package.sha256
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert compared(package, package, locked) == report, "the same people and seed give the same report"


def test_wrong_input_says_what_to_do(package: ModelPackage, locked: ShardFolder) -> None:
    with pytest.raises(ConfigError, match="cannot be below 0"):
        compared(package, package, locked, shared_people=-1)
    other = PROTOCOL.model_copy(update={"task": "flat_feet"})
    with pytest.raises(ConfigError, match="flat_feet"):
        compare(package, package, locked, other, trained_people=0, shared_people=0, protocol_sha256="a")
