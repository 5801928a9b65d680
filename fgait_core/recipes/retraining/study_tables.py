"""The tables of a retraining study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from scipy.stats import t as student

from fgait_core.evaluation.classification import wilson_interval
from fgait_core.evaluation.tables import Cell, Table
from fgait_core.recipes.retraining.study_cell import StudyCell, Verdict

FIGURES = {
    "auroc": "AUROC",
    "brier": "Brier score",
    "ece": "ECE",
    "slope": "calibration slope",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "covered": "coverage",
    "abstained": "abstained",
}
_CLEARLY = 0.01
_Key = tuple[str, str, int]


def study_tables(cells: Sequence[StudyCell]) -> Iterator[Table]:
    """Gain against size, what the gate said of honest candidates, and what it said of shuffled outcomes."""
    for figure in FIGURES:
        yield _gain(cells, figure)
    yield _honest(cells)
    yield _shuffled(cells)
    yield _missed(cells)


def interval_of_mean(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval (Student's t); the interval of fewer than two values is not a number."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def _grouped(cells: Iterable[StudyCell], labels: str) -> dict[_Key, list[StudyCell]]:
    groups: dict[_Key, list[StudyCell]] = {}
    for cell in cells:
        if cell.name.labels == labels:
            groups.setdefault((cell.name.task, cell.name.scope, cell.name.size), []).append(cell)
    return groups


def _gain(cells: Sequence[StudyCell], figure: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for (task, scope, size), group in _grouped(cells, "true").items():
        pairs = [(getattr(c.base, figure), getattr(c.candidate, figure)) for c in group if c.candidate is not None]
        if not pairs:
            rows.append((task, scope, size, 0, *[None] * 6))
            continue
        base, reached = (float(np.mean(column)) for column in zip(*pairs, strict=True))
        gains = [after - before for before, after in pairs]
        mean, low, high = interval_of_mean(gains)
        rows.append((task, scope, size, len(pairs), base, reached, mean, low, high, float(np.std(gains))))
    header = ("task", "scope", "outcomes", "clinics", "base", "retrained", "difference", "low", "high", "spread")
    return Table(f"gain_{figure}", f"{FIGURES[figure]}: base and retrained, on everybody else", header, tuple(rows))


def _honest(cells: Sequence[StudyCell]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for (task, scope, size), group in _grouped(cells, "true").items():
        judged = [cell for cell in group if cell.candidate is not None]
        passed = [cell for cell in judged if cell.verdicts[0].passed]
        rows.append(
            (
                task,
                scope,
                size,
                len(judged),
                sum(cell.verdicts[0].possible for cell in judged),
                len(passed),
                _count(passed, lambda before, after: after.auroc < before.auroc - _CLEARLY),
                _count(passed, lambda before, after: after.brier > before.brier),
                _count(judged, lambda before, after: after.brier < before.brier),
            )
        )
    header = (
        "task",
        "scope",
        "outcomes",
        "clinics",
        "enough people",
        "passed",
        f"of these AUROC truly lower by over {_CLEARLY}",
        "of these Brier truly worse",
        "of all Brier truly better",
    )
    return Table("honest", "True outcomes: what the gate said", header, tuple(rows))


def _count(cells: Sequence[StudyCell], holds: Callable[..., bool]) -> int:
    return sum(cell.candidate is not None and holds(cell.base, cell.candidate) for cell in cells)


def _shuffled(cells: Sequence[StudyCell]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for (task, scope, size), group in _grouped(cells, "shuffled").items():
        for labels in ("true", "shuffled"):
            verdicts = [verdict for cell in group for verdict in cell.verdicts if verdict.labels == labels]
            refused = sum(not verdict.passed for verdict in verdicts)
            possible = sum(verdict.possible for verdict in verdicts)
            low, high = wilson_interval(refused, len(verdicts))
            share = refused / len(verdicts) if verdicts else None
            rows.append((task, scope, size, labels, len(verdicts), possible, refused, share, low, high))
    header = (
        "task",
        "scope",
        "outcomes",
        "gate labels",
        "clinics",
        "enough people",
        "refused",
        "share",
        "low",
        "high",
    )
    return Table("shuffled", "Shuffled outcomes: what the gate refused", header, tuple(rows))


def _missed(cells: Sequence[StudyCell]) -> Table:
    kinds: dict[str, list[Verdict]] = {}
    for cell in cells:
        for verdict in cell.verdicts:
            if verdict.possible:
                gate = "" if cell.name.labels == "true" else f", gate {verdict.labels}"
                kinds.setdefault(f"{cell.name.task}, outcomes {cell.name.labels}{gate}", []).append(verdict)
    rows: list[tuple[Cell, ...]] = []
    for kind, verdicts in kinds.items():
        counts = Counter(name for verdict in verdicts for name in verdict.missed)
        rows += [(kind, len(verdicts), name, count) for name, count in counts.most_common()]
    header = ("kind", "candidates", "criterion", "missed by")
    return Table("missed", "Criteria that candidates missed, where there were enough people", header, tuple(rows))
