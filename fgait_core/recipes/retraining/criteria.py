"""The acceptance criteria of a protocol, in plain words: what was needed, what was measured, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.gate_report import Criterion, Measured, PairedFigures, SubgroupFigures, VersionFigures

_Z_95, _Z_99 = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.995)

NUMBERS = ("people_with", "people_without")
"""Criteria without which nothing can be promoted, whatever the figures are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All criteria, and what they come to.

    Attributes:
        criteria: each of them.
        possible: whether there are people enough for any promotion.
        passed: whether every criterion is met.
    """

    criteria: tuple[Criterion, ...]
    possible: bool
    passed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What the criteria are asked of.

    Attributes:
        positive: people of the gate with the condition.
        negative: people without it.
        shared_people: gate people whom the candidate or a version it descends from was trained on.
        candidate: figures of the candidate.
        paired: its differences from production.
        subgroups: of the gate people.
    """

    positive: int
    negative: int
    shared_people: int
    candidate: VersionFigures
    paired: PairedFigures
    subgroups: Sequence[SubgroupFigures]


def judge_criteria(facts: Facts, protocol: RetrainingProtocol) -> Verdict:
    """Asks every criterion.

    Args:
        facts: what was measured.
        protocol: what was fixed before.
    """
    wanted = protocol.acceptance
    criteria = [
        _number("people_with", "People with the condition", facts.positive, wanted.min_positive),
        _number("people_without", "People without it", facts.negative, wanted.min_negative),
        _unseen(facts.shared_people),
        _not_inferior("auroc", "AUROC, against production", facts.paired.auroc, wanted.auroc_margin),
        _sensitivity(facts, wanted.sensitivity_margin, protocol.wanted_sensitivity),
        _specificity(facts, wanted.specificity_margin),
        _brier(facts.paired.brier, wanted.brier_margin),
        *([_better_than_chance(facts.candidate.auroc)] if wanted.better_than_chance else []),
        _slope(facts.candidate.slope, wanted.slope),
        _calibration(facts.candidate.excess_ece, wanted.max_excess_ece),
        _subgroups(facts.subgroups, wanted.subgroup_floor, wanted.subgroup_min),
    ]
    possible = all(each.passed for each in criteria if each.name in NUMBERS)
    return Verdict(tuple(criteria), possible, all(each.passed for each in criteria))


def _number(name: str, label: str, people: int, needed: int) -> Criterion:
    return Criterion(name=name, label=label, needed=f"at least {needed}", measured=str(people), passed=people >= needed)


def _unseen(shared_people: int) -> Criterion:
    return Criterion(
        name="unseen",
        label="Gate people the candidate learned from",
        needed="0",
        measured=str(shared_people),
        passed=shared_people == 0,
    )


def _not_inferior(name: str, label: str, difference: Measured, margin: float) -> Criterion:
    return Criterion(
        name=name,
        label=label,
        needed=f"the difference is surely above {-margin:+.2f}",
        measured=in_words(difference, signed=True),
        passed=difference.low is not None and difference.low > -margin,
    )


def _sensitivity(facts: Facts, margin: float, wanted: float) -> Criterion:
    """Not inferior to production, or to what the protocol wanted: a version that flags everybody sets no measure."""
    difference, own = facts.paired.sensitivity, facts.candidate.sensitivity
    against_production = difference.low is not None and difference.low > -margin
    against_wanted = own.low is not None and own.low > wanted - margin
    return Criterion(
        name="sensitivity",
        label="Sensitivity, each at its own threshold",
        needed=f"the difference is surely above {-margin:+.2f}, or the sensitivity above {wanted - margin:.2f}",
        measured=f"difference {in_words(difference, signed=True)}; candidate {in_words(own)}",
        passed=against_production or against_wanted,
    )


def _specificity(facts: Facts, margin: float) -> Criterion:
    """May fall as far as the sensitivity rises: that is moving along the same curve, which the protocol asked for."""
    difference, gained = facts.paired.specificity, facts.paired.sensitivity.value or 0.0
    allowed = margin + max(gained, 0.0)
    return Criterion(
        name="specificity",
        label="Specificity, each at its own threshold",
        needed=f"the difference is surely above {-allowed:+.2f} (the margin and what sensitivity gained)",
        measured=in_words(difference, signed=True),
        passed=difference.low is not None and difference.low > -allowed,
    )


def _brier(difference: Measured, margin: float) -> Criterion:
    """Of a candidate that ranks people as production does and squeezes all scores together nothing else may tell."""
    return Criterion(
        name="brier",
        label="Brier score, against production",
        needed=f"the difference is surely below {margin:+.2f}",
        measured=in_words(difference, signed=True),
        passed=difference.high is not None and difference.high < margin,
    )


def _better_than_chance(auroc: Measured) -> Criterion:
    """Stricter than the others: of labels that were shuffled in the gate, too, nothing else tells."""
    bound = None
    if auroc.value is not None and auroc.low is not None:
        bound = auroc.value - _Z_99 / _Z_95 * (auroc.value - auroc.low)
    return Criterion(
        name="better_than_chance",
        label="AUROC of the candidate",
        needed="surely above 0.50 (99 % interval)",
        measured=in_words(auroc) if bound is None else f"{auroc.value:.3f}, surely above {max(bound, 0.0):.3f}",
        passed=bound is not None and bound > 0.5,
    )


def _slope(slope: Measured, wanted: tuple[float, float]) -> Criterion:
    """An end of the interval that is None has no bound, where the other one is known."""
    known = (slope.low, slope.high) != (None, None)
    low, high = slope.low, slope.high
    touches = known and (low is None or low <= wanted[1]) and (high is None or high >= wanted[0])
    return Criterion(
        name="slope",
        label="Calibration slope of the candidate",
        needed=f"the interval touches {wanted[0]:.2f} to {wanted[1]:.2f}",
        measured=in_words(slope),
        passed=touches,
    )


def _calibration(excess: float, most: float) -> Criterion:
    return Criterion(
        name="calibration",
        label="Calibration error beyond chance (excess ECE)",
        needed=f"at most {most:.3f}",
        measured=f"{excess:+.3f}",
        passed=excess <= most,
    )


def _subgroups(subgroups: Sequence[SubgroupFigures], floor: float, least: int) -> Criterion:
    counted = [
        each
        for each in subgroups
        if min(each.positive, each.people - each.positive) >= least and each.candidate.value is not None
    ]
    lowest = min(counted, key=lambda each: each.candidate.value or 0.0, default=None)
    words = f"none has {least} people of each kind"
    if lowest is not None:
        words = f"lowest of {len(counted)}: {lowest.group} {lowest.value}, {in_words(lowest.candidate)}"
    return Criterion(
        name="subgroups",
        label="AUROC of the candidate in each subgroup",
        needed=f"at least {floor:.2f} where there are {least} people of each kind",
        measured=words,
        passed=lowest is None or (lowest.candidate.value or 0.0) >= floor,
    )


def in_words(figure: Measured, signed: bool = False) -> str:
    """A figure with its interval, as tables show it."""
    form = "+.3f" if signed else ".3f"
    if figure.value is None and figure.low is None and figure.high is None:
        return "cannot be measured"
    value = "no bound" if figure.value is None else format(figure.value, form)
    if figure.low is None and figure.high is None:
        return f"{value} (no interval)"
    low = "no bound" if figure.low is None else format(figure.low, form)
    high = "no bound" if figure.high is None else format(figure.high, form)
    return f"{value} ({low} to {high})"
