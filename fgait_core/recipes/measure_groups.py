"""Measures in groups: by view, clothing, load, sex, age and whatever else the data say of a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.labels import ATTRIBUTES
from fgait_core.data.shards import ShardFolder
from fgait_core.evaluation.by_person import auroc_by_person, share_by_person
from fgait_core.simulation.picture.camera import view_name

Names = NDArray[np.str_]
IN_GROUPS = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "covered": "covered",
    "abstained": "abstained",
}
"""What is measured in groups, and what tables call it."""
_AGES = ATTRIBUTES["age_group"].classes


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was said of labelled sequences.

    Attributes:
        labels: int64 `[sequence]`.
        person: `[sequence]`.
        probabilities: float64 `[sequence, class]`, or scores that rise with them.
        positive: place of the positive class, where there is one.
        members: bool `[sequence, class]` of the conformal sets, where there are such.
        threshold: of the positive class' probability, where one was fixed.
    """

    labels: NDArray[np.int64]
    person: Names
    probabilities: NDArray[np.float64]
    positive: int | None
    members: NDArray[np.bool_] | None = None
    threshold: float | None = None

    def at(self, rows: NDArray[np.bool_]) -> Judged:
        """Only these sequences."""
        members = None if self.members is None else self.members[rows]
        labels, person, probabilities = self.labels[rows], self.person[rows], self.probabilities[rows]
        return Judged(labels, person, probabilities, self.positive, members, self.threshold)


def view_names(folder: ShardFolder) -> Names:
    """The view of each sequence as the quality gate names it; "unknown" where the data do not say it.

    Data of a clinic have the name itself in the column `seen_from`, simulated data the angle in `view_deg`.
    """
    if "seen_from" in folder.columns:
        return _as_it_is(folder.column("seen_from"))
    if "view_deg" not in folder.columns:
        return np.full(len(folder), "unknown")
    return np.array([view_name(float(angle)) if angle else "unknown" for angle in folder.column("view_deg").tolist()])


def age_names(age_years: Names) -> Names:
    """Age to one of the classes of the attribute `age_group`; the first and the last are open at their end."""
    age = np.array([float(text) if text else np.nan for text in age_years.tolist()])
    upper = [float(name.split("-")[1]) + 1 for name in _AGES[:-1]]
    return np.where(np.isnan(age), "unknown", np.array(_AGES)[np.digitize(np.nan_to_num(age), upper)])


def _as_it_is(values: Names) -> Names:
    return np.where(values == "", "unknown", values)


_GROUPS: dict[str, tuple[str, Callable[[Names], Names]]] = {
    "by_clothing": ("clothing", _as_it_is),
    "by_carrying": ("carrying", _as_it_is),
    "by_sex": ("sex", _as_it_is),
    "by_age": ("age_years", age_names),
    "by_distractor": ("distractor", _as_it_is),
    "by_path": ("path", _as_it_is),
    "by_occluded": ("occluded", _as_it_is),
    "by_device": ("device", _as_it_is),
    "by_site": ("site", _as_it_is),
}
"""Groups that are measured apart: where they are written, the column that they come from, and how."""


def groups_of(folder: ShardFolder) -> dict[str, Names]:
    """The group of each sequence, `[sequence]`, for each way to group them that the data have a column for."""
    viewed = {"seen_from", "view_deg"} & set(folder.columns)
    groups: dict[str, Names] = {"by_view": view_names(folder)} if viewed else {}
    groups |= {
        name: called(folder.column(column)) for name, (column, called) in _GROUPS.items() if column in folder.columns
    }
    if {"by_view", "by_sex"} <= groups.keys():
        pairs = zip(groups["by_view"].tolist(), groups["by_sex"].tolist(), strict=True)
        groups["by_view_and_sex"] = np.array([f"{view}, {sex}" for view, sex in pairs])
    return groups


def measure_groups(judged: Judged, groups: Mapping[str, Names], rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Measures of each group, all of its sequences counted, with intervals over bootstrap samples of the people.

    Args:
        judged: of all sequences.
        groups: of `groups_of`, for the same sequences.
        rng: source of every draw.

    Returns:
        For each kind of group and each group `sequences`, `people`, and as far as they can be measured `auroc` (with a
        positive class) or `accuracy`, `sensitivity` and `specificity` (with a threshold), `covered` and `abstained`
        (with conformal sets); None where a group has nobody to measure one on.
    """
    return {
        kind: {str(name): _measured(judged.at(names == name), rng) for name in np.unique(names)}
        for kind, names in groups.items()
    }


def listed(measured: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Kind, name and measures of each group among the measures of a task."""
    kinds = [key for key in measured if key.startswith("by_")]
    return [(kind[3:].replace("_", " "), name, each) for kind in kinds for name, each in measured[kind].items()]


def _measured(judged: Judged, rng: np.random.Generator) -> dict[str, Any]:
    labels, person = judged.labels, judged.person
    found: dict[str, Any] = {"sequences": len(labels), "people": len(np.unique(person))}
    if judged.positive is None:
        found["accuracy"] = share(judged.probabilities.argmax(1) == labels, person, rng)
    else:
        score, positive = judged.probabilities[:, judged.positive], labels == judged.positive
        found["auroc"] = area(score, positive, person, rng)
        if judged.threshold is not None:
            flagged = score >= judged.threshold
            found["sensitivity"] = share(flagged[positive], person[positive], rng)
            found["specificity"] = share(~flagged[~positive], person[~positive], rng)
    if judged.members is not None:
        found["covered"] = share(judged.members[np.arange(len(labels)), labels], person, rng)
        found["abstained"] = share(judged.members.sum(1) != 1, person, rng)
    return found


def area(
    score: NDArray[np.float64], positive: NDArray[np.bool_], person: Names, rng: np.random.Generator
) -> dict[str, float] | None:
    """AUROC with its interval; None where one kind is missing."""
    if positive.all() or not positive.any():
        return None
    return asdict(auroc_by_person(score, positive, person, rng))


def share(hit: NDArray[np.bool_], person: Names, rng: np.random.Generator) -> dict[str, float] | None:
    """A share with its interval; None without any row."""
    return asdict(share_by_person(hit, person, rng)) if len(hit) else None
