"""The figures of a gate report: what two versions say of the same locked people, each person counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.evaluation.calibration_by_person import (
    calibration_error,
    chance_error,
    curve,
    intercept_in_the_large,
    slope,
)
from fgait_core.evaluation.classification import one_row_a_person, wilson_interval
from fgait_core.evaluation.paired import delong, mcnemar, share_difference
from fgait_core.evaluation.resampled import Resampled, measured, person_weights
from fgait_core.gate_report import ChangedSide, Measured, PairedFigures, SubgroupFigures, VersionFigures

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class GatePeople:
    """The recordings that are judged on.

    Attributes:
        keys: `[recording]`.
        person: `[recording]`, codes.
        labels: int64 `[recording]`.
        positive: bool `[recording]`, who has the condition.
        groups: names of groups `[recording]`, by kind of group ("sex").
    """

    keys: Names
    person: Names
    labels: NDArray[np.int64]
    positive: Flags
    groups: Mapping[str, Names]

    @property
    def people(self) -> int:
        """How many."""
        return len(np.unique(self.person))

    @property
    def with_condition(self) -> int:
        """People with the condition in any of their recordings."""
        return len(np.unique(self.person[self.positive]))


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What one version says of them.

    Attributes:
        name: of the package.
        version: of the package.
        sha256: its identity.
        threshold: of the positive class' probability.
        probability: `[recording]` of the positive class, calibrated.
        members: bool `[recording, class]` of the conformal sets.
    """

    name: str
    version: str
    sha256: str
    threshold: float
    probability: Numbers
    members: NDArray[np.bool_]

    @property
    def flagged(self) -> Flags:
        """Recordings at or above the threshold."""
        return self.probability >= self.threshold

    def decides_as(self, other: Said) -> bool:
        """Whether both say the same of everybody, now and with anybody like them."""
        return self.threshold == other.threshold and np.array_equal(self.probability, other.probability)


def version_figures(people: GatePeople, said: Said, resampled: Resampled, rng: np.random.Generator) -> VersionFigures:
    """How one version does.

    Args:
        people: whom it is judged on.
        said: what it says of them.
        resampled: bootstrap samples of the people.
        rng: of the outcomes that a perfectly calibrated model would have seen.
    """
    person, positive, probability = people.person, people.positive, said.probability
    covered = said.members[np.arange(len(people.labels)), people.labels]
    error = float(calibration_error(probability, positive.astype(np.float64), person_weights(person)))
    both = resampled.enough(positive)
    return VersionFigures(
        name=said.name,
        version=said.version,
        sha256=said.sha256,
        threshold=said.threshold,
        auroc=measured(resampled.auroc(probability, positive), both),
        sensitivity=_share(said.flagged[positive], person[positive]),
        specificity=_share(~said.flagged[~positive], person[~positive]),
        brier=measured(resampled.mean(np.square(probability - positive)), both),
        slope=slope(resampled, probability, positive),
        intercept=intercept_in_the_large(probability, positive, person),
        ece=error,
        excess_ece=error - chance_error(probability, person, rng),
        coverage=_share(covered, person),
        abstained=_share(said.members.sum(1) != 1, person),
        curve=curve(probability, positive, person),
    )


def _share(hit: Flags, person: Names) -> Measured:
    """A share of the people with Wilson's interval; a person with several recordings counts with their mean."""
    if not len(hit):
        return Measured(value=None)
    people = len(np.unique(person))
    hits = min(float(person_weights(person) @ hit), float(people))
    low, high = wilson_interval(hits, people)
    return Measured(value=hits / people, low=low, high=high)


def paired_figures(
    people: GatePeople, production: Said, candidate: Said, resampled: Resampled, rng: np.random.Generator
) -> PairedFigures:
    """Candidate less production.

    Args:
        people: whom both are judged on.
        production: what the one says of them.
        candidate: what the other says.
        resampled: bootstrap samples of the people, the same for both.
        rng: draws the recording of each person for the tests.
    """
    person, positive = people.person, people.positive
    scores = production.probability, candidate.probability
    areas = [resampled.auroc(each, positive) for each in scores]
    errors = [np.square(each - positive) for each in scores]
    both = resampled.enough(positive)
    one = one_row_a_person(person, rng)
    right = production.flagged[one] == positive[one], candidate.flagged[one] == positive[one]
    only_candidate, only_production = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    return PairedFigures(
        auroc=measured(areas[1] - areas[0], both),
        sensitivity=_difference(production, candidate, positive, person),
        specificity=_negated(_difference(production, candidate, ~positive, person)),
        brier=measured(resampled.mean(errors[1] - errors[0]), both),
        auroc_p=delong(scores[0][one], scores[1][one], positive[one]).p,
        mcnemar_p=mcnemar(only_candidate, only_production),
        only_candidate_right=only_candidate,
        only_production_right=only_production,
    )


def _difference(production: Said, candidate: Said, rows: Flags, person: Names) -> Measured:
    """Of the share flagged among some recordings."""
    if not rows.any():
        return Measured(value=None)
    if candidate.decides_as(production):
        return Measured(value=0.0, low=0.0, high=0.0)
    return share_difference(production.flagged[rows], candidate.flagged[rows], person[rows])


def _negated(difference: Measured) -> Measured:
    """What is flagged more often is passed less often; 0.0 keeps its sign."""
    ends = (difference.value, difference.high, difference.low)
    value, low, high = (None if each is None else 0.0 - each for each in ends)
    return Measured(value=value, low=low, high=high)


def subgroup_figures(
    people: GatePeople, production: Said, candidate: Said, resampled: Resampled
) -> tuple[SubgroupFigures, ...]:
    """AUROC of both versions in each subgroup of each kind."""
    return tuple(_of_subgroups(people, production, candidate, resampled))


def _of_subgroups(
    people: GatePeople, production: Said, candidate: Said, resampled: Resampled
) -> Iterator[SubgroupFigures]:
    for group, names in people.groups.items():
        for value in np.unique(names).tolist():
            rows = names == value
            part, positive = resampled.at(rows), people.positive[rows]
            areas = [
                measured(part.auroc(said.probability[rows], positive), part.enough(positive))
                for said in (production, candidate)
            ]
            yield SubgroupFigures(
                group=group,
                value=value,
                people=len(np.unique(part.person)),
                positive=len(np.unique(part.person[positive])),
                production=areas[0],
                candidate=areas[1],
            )


def changed_sides(people: GatePeople, production: Said, candidate: Said) -> tuple[ChangedSide, ...]:
    """The recordings that only one of the two flags, by key."""
    rows = np.flatnonzero(production.flagged != candidate.flagged)
    return tuple(
        ChangedSide(
            key=str(people.keys[row]),
            person=str(people.person[row]),
            positive=bool(people.positive[row]),
            production=float(production.probability[row]),
            candidate=float(candidate.probability[row]),
        )
        for row in rows[np.argsort(people.keys[rows])].tolist()
    )
