"""Scores against confirmed outcomes, as they come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from clinic_data.monitoring import ConfirmedFact
from fgait_core.evaluation.agreement import Agreement, measure_agreement


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """Scores against confirmed outcomes.

    Attributes:
        task: of which task.
        quarter: such as "2026 Q3", by the day of the screening; None for all.
        agreement: the figures, one recording a person.
        abstained: how many of these people the model could not tell about.
        not_shown: people left out because the guard showed no score.
    """

    task: str
    quarter: str | None
    agreement: Agreement
    abstained: int
    not_shown: int


def agreement_rows(facts: Sequence[ConfirmedFact]) -> tuple[AgreementRow, ...]:
    """For each task all outcomes together, then by quarter, newest first."""
    return tuple(row for task in sorted({fact.task for fact in facts}) for row in _rows_of_task(task, facts))


def _rows_of_task(task: str, facts: Iterable[ConfirmedFact]) -> Iterable[AgreementRow]:
    mine = [fact for fact in facts if fact.task == task]
    yield _row(task, None, mine)
    by_quarter: dict[str, list[ConfirmedFact]] = {}
    for fact in mine:
        by_quarter.setdefault(_quarter(fact.at), []).append(fact)
    for quarter in sorted(by_quarter, reverse=True):
        yield _row(task, quarter, by_quarter[quarter])


def _quarter(moment: datetime) -> str:
    return f"{moment.year} Q{(moment.month + 2) // 3}"


def _row(task: str, quarter: str | None, facts: Sequence[ConfirmedFact]) -> AgreementRow:
    firsts = _first_of_each_person(fact for fact in facts if fact.shown)
    hidden = _first_of_each_person(fact for fact in facts if not fact.shown)
    seen = {fact.person for fact in firsts if fact.person is not None}
    figures = measure_agreement(
        np.array([fact.score for fact in firsts], np.float64),
        np.array([fact.above_threshold for fact in firsts], np.bool_),
        np.array([fact.positive for fact in firsts], np.bool_),
    )
    return AgreementRow(
        task=task,
        quarter=quarter,
        agreement=figures,
        abstained=sum(fact.abstained for fact in firsts),
        not_shown=sum(fact.person not in seen for fact in hidden),
    )


def _first_of_each_person(facts: Iterable[ConfirmedFact]) -> list[ConfirmedFact]:
    """One recording a person, because the intervals are for independent people."""
    firsts: dict[object, ConfirmedFact] = {}
    for fact in facts:
        firsts.setdefault(id(fact) if fact.person is None else ("person", fact.person), fact)
    return list(firsts.values())
