"""Measures the fused score of several recordings of a person against the score of one, on labelled simulated people.

Recordings of a person are taken in their order, as somebody would film them: the first, the first two and so on. Beside
the fusion of the package stand two others that a decision was made against (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.shards import ShardFolder
from fgait_core.evaluation.calibration import reliability
from fgait_core.evaluation.classification import wilson_interval
from fgait_core.evaluation.tables import Table
from fgait_core.model_package import ModelPackage, Reading, read_walk
from fgait_core.package_content import TaskContent
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.measure_groups import area, view_names
from fgait_core.screening_result import ScoreFacts
from fgait_core.sequence import SilhouetteSequence

WAYS = ("of the package", "union of sets", "mean probability, sets of most")


@dataclass(frozen=True, slots=True, eq=False)
class FusedPeople:
    """What was said of people of one task, from so many recordings of each.

    Attributes:
        probability: float64 `[person]`, of the positive class.
        members: bool `[person, class]` of the prediction set.
    """

    probability: NDArray[np.float64]
    members: NDArray[np.bool_]


def fusion_table(
    package: ModelPackage, folder: ShardFolder, most_people: int, seed: int, progress: Progress = ignore_progress
) -> Table:
    """AUROC, calibration, coverage and abstention from one, two … recordings of each person.

    Args:
        package: the one that scores.
        folder: labelled people whom it never saw, with views.
        most_people: only so many of them, in the order of the folder.
        seed: of the bootstrap of AUROC.
        progress: told after each person.

    Raises:
        ConfigError: if the folder lacks labels or views.
    """
    views, person = view_names(folder), folder.person
    people = list(dict.fromkeys(person.tolist()))[:most_people]
    first_rows = np.array([int(np.flatnonzero(person == name)[0]) for name in people])
    clips = min(int((person == name).sum()) for name in people)
    said: dict[tuple[str, int, str], list[tuple[float, list[bool]]]] = {}
    for number, name in enumerate(people):
        rows = np.flatnonzero(person == name)[:clips]
        readings = [_reading(package, folder, row) for row in rows.tolist()]
        for count in range(1, clips + 1):
            fused = package.assess_readings(readings[:count], views[rows[:count]].tolist())
            for place, score in enumerate(fused.scores):
                singles = [each.scores[place] for each in fused.each]
                for way, fuse in _WAYS.items():
                    said.setdefault((score.task, count, way), []).append(fuse(score, singles))
        progress((number + 1) / len(people), "scoring people")
    rows = [
        (task.name, count, way, *_measures(task, _gathered(said[task.name, count, way]), folder, first_rows, seed))
        for task in package.content.tasks
        for count in range(1, clips + 1)
        for way in (WAYS if count > 1 else WAYS[:1])
    ]
    return Table("fusion", f"One score from several recordings of each of {len(people)} people", _HEADER, tuple(rows))


_HEADER = (
    "task",
    "recordings",
    "fusion",
    "AUROC",
    "low",
    "high",
    "ECE",
    "Brier",
    "slope",
    "covered",
    "low",
    "high",
    "no answer",
)


def _by_package(score: ScoreFacts, _: Sequence[ScoreFacts]) -> tuple[float, list[bool]]:
    return score.probabilities[score.positive_class], [name in score.prediction_set for name in score.class_order]


def _by_union(score: ScoreFacts, singles: Sequence[ScoreFacts]) -> tuple[float, list[bool]]:
    """The probability of the package; a class is in the set where any recording has it in its own."""
    members = [any(name in each.prediction_set for each in singles) for name in score.class_order]
    return score.probabilities[score.positive_class], members


def _by_mean_and_most(score: ScoreFacts, singles: Sequence[ScoreFacts]) -> tuple[float, list[bool]]:
    """The mean probability; a class is in the set where more than half of the recordings have it in theirs."""
    probability = float(np.mean([each.probabilities[each.positive_class] for each in singles]))
    shares = [np.mean([name in each.prediction_set for each in singles]) for name in score.class_order]
    return probability, [bool(share > 0.5) for share in shares]


_WAYS: dict[str, Callable[[ScoreFacts, Sequence[ScoreFacts]], tuple[float, list[bool]]]] = dict(
    zip(WAYS, (_by_package, _by_union, _by_mean_and_most), strict=True)
)


def _reading(package: ModelPackage, folder: ShardFolder, row: int) -> Reading:
    frames = folder.sequence(row) * np.uint8(255)
    numbers = np.arange(len(frames))
    sequence = SilhouetteSequence(frames, numbers / folder.frame_rate_hz, numbers)
    return read_walk(package.network, package.content.transform, sequence)


def _gathered(said: Sequence[tuple[float, list[bool]]]) -> FusedPeople:
    return FusedPeople(np.array([each[0] for each in said]), np.array([each[1] for each in said]))


def _measures(
    task: TaskContent, people: FusedPeople, folder: ShardFolder, rows: NDArray[np.int64], seed: int
) -> tuple[float | None, ...]:
    labels = folder.labels(task.name, task.class_order)[rows]
    positive = labels == task.class_order.index(task.positive_class)
    found = area(people.probability, positive, folder.person[rows], np.random.default_rng(seed))
    auroc = (None, None, None) if found is None else (found["value"], found["low"], found["high"])
    agreement = reliability(people.probability, positive)
    covered = people.members[np.arange(len(rows)), labels]
    low, high = wilson_interval(int(covered.sum()), len(covered))
    abstained = float((people.members.sum(1) != 1).mean())
    return (*auroc, agreement.ece, agreement.brier, agreement.slope, float(covered.mean()), low, high, abstained)
