"""The table of quality checks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.views.parts import look
from reports.content import QualityLine


def show(lines: Sequence[QualityLine]) -> None:
    """Draws the checks; advice stands beside those that failed."""
    look.table(
        ("Check", "Measured", "Needed", "Outcome", "What to do"),
        [
            (
                escape(line.label),
                escape(line.value),
                escape(line.threshold),
                look.pill(*_outcome(line)),
                "" if line.passed else escape(line.advice),
            )
            for line in lines
        ],
    )


def _outcome(line: QualityLine) -> tuple[str, str]:
    if line.passed:
        return "passed", "ok"
    return ("failed", "positive") if line.blocking else ("note", "wait")
