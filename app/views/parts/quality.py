"""The table of quality checks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.views.parts import look
from app.views.parts.words import language, tr
from reports import wording
from reports.content import QualityLine
from reports.measures import TypicalityBlock


def show(lines: Sequence[QualityLine], *more: tuple[str, ...]) -> None:
    """Draws the checks; advice stands beside those that failed.

    Args:
        lines: the quality checks.
        more: further rows as HTML, below them.
    """
    look.table(
        (tr("Check"), tr("Measured"), tr("Needed"), tr("Outcome"), tr("What to do")),
        [
            (
                escape(line.label),
                escape(line.value),
                escape(line.threshold),
                look.pill(*_outcome(line)),
                "" if line.passed else escape(line.advice),
            )
            for line in lines
        ]
        + list(more),
    )


def typicality_row(typicality: TypicalityBlock | None) -> tuple[str, ...]:
    """The row that says whether the recording is like the training data."""
    if typicality is None:
        pill = look.pill(tr("not checked by this version"), "neutral")
    else:
        pill = look.pill(tr("passed"), "ok") if typicality.typical else look.pill(tr("no score"), "positive")
    advice = typicality.reason if typicality else ""
    return *map(escape, wording.typicality_check(typicality, language())), pill, escape(advice)


def _outcome(line: QualityLine) -> tuple[str, str]:
    if line.passed:
        return tr("passed"), "ok"
    return (tr("failed"), "positive") if line.blocking else (tr("note"), "wait")
