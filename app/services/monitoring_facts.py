"""From stored screenings to the columns that drift is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time

import numpy as np

from clinic_data.monitoring import NOBODY_FOUND, ScreeningFact
from fgait_core.evaluation.drift import Screenings

REFUSED, UNLIKE, UNLIKENESS = "refused", "unlike", "unlikeness"
CHECK, ABSTAINED, FLAGGED, SCORE = "check", "abstained", "flagged", "score"

Value = Callable[[ScreeningFact], float]
_NAN = float("nan")


def week_of(moment: datetime) -> int:
    """The number of the week in which a moment lies; weeks begin on Monday, 0:00 UTC."""
    return (moment.astimezone(UTC).toordinal() - 1) // 7


def monday_of(week: int) -> date:
    """The first day of a week."""
    return date.fromordinal(7 * week + 1)


def start_of(week: int) -> datetime:
    """The first moment of a week."""
    return datetime.combine(monday_of(week), time(), UTC)


def of_version(facts: Sequence[ScreeningFact], model_version_id: str) -> list[ScreeningFact]:
    """The screenings of one version.

    A recording that was refused before any model saw it counts for the version that worked before and after it.
    """
    known = (fact.model_version_id for fact in facts if fact.model_version_id is not None)
    present = next(known, None)
    mine: list[ScreeningFact] = []
    for fact in facts:
        present = fact.model_version_id or present
        if present == model_version_id:
            mine.append(fact)
    return mine


def measures_of(facts: Iterable[ScreeningFact]) -> list[str]:
    """The names of everything that can be measured on these screenings, in a fixed order."""
    facts = list(facts)
    checks = sorted({name for fact in facts for name in fact.failed_checks})
    tasks = sorted({task.task for fact in facts for task in fact.tasks})
    return [
        REFUSED,
        *(f"{CHECK}:{name}" for name in checks),
        UNLIKE,
        UNLIKENESS,
        *(f"{kind}:{task}" for task in tasks for kind in (ABSTAINED, FLAGGED, SCORE)),
    ]


def is_level(measure: str) -> bool:
    """Whether a measure is a level (median), not a share."""
    return measure == UNLIKENESS or measure.startswith(f"{SCORE}:")


def columns(facts: Sequence[ScreeningFact], measures: Sequence[str]) -> Screenings:
    """Screenings in order of time as columns; NaN where a measure means nothing."""
    strangers = (-1 - row for row in range(len(facts)))  # nobody knows whose they are: everybody their own
    return Screenings(
        week=np.array([week_of(fact.at) for fact in facts], np.int64),
        device=np.array([fact.device for fact in facts], np.str_),
        person=np.array(
            [own if fact.person is None else fact.person for own, fact in zip(strangers, facts, strict=True)], np.int64
        ),
        measures={name: np.fromiter(_values(facts, name), np.float64, len(facts)) for name in measures},
        levels=frozenset(filter(is_level, measures)),
    )


def _values(facts: Sequence[ScreeningFact], measure: str) -> Iterator[float]:
    kind, _, name = measure.partition(":")
    if kind == CHECK:
        return (_check(fact, name) for fact in facts)
    if kind in _SIMPLE:
        return map(_SIMPLE[kind], facts)
    return (_task(fact, kind, name) for fact in facts)


def _check(fact: ScreeningFact, name: str) -> float:
    if NOBODY_FOUND in fact.failed_checks and name != NOBODY_FOUND:
        return _NAN  # there was nobody whom the other checks could have looked at
    return float(name in fact.failed_checks)


def _task(fact: ScreeningFact, kind: str, name: str) -> float:
    if fact.typical is False:
        return _NAN  # no score is shown
    said = next((task for task in fact.tasks if task.task == name), None)
    if said is None:
        return _NAN
    return {SCORE: said.positive, ABSTAINED: float(said.abstained), FLAGGED: float(said.above_threshold)}[kind]


_SIMPLE: dict[str, Value] = {
    REFUSED: lambda fact: float(fact.refused),
    UNLIKE: lambda fact: _NAN if fact.typical is None else float(not fact.typical),
    UNLIKENESS: lambda fact: _NAN if fact.unlikeness is None else fact.unlikeness,
}
