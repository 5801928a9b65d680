"""What monitoring shows, as tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.services import monitoring_words
from app.services.monitoring_facts import monday_of
from reports.data_tables import formula_safe

if TYPE_CHECKING:
    from app.services.monitoring_agreement import AgreementRow
    from app.services.monitoring_view import MonitoringView
    from fgait_core.evaluation.classification import Estimate

Cell = str | float | int | bool | None


def weekly_csv(view: MonitoringView) -> bytes:
    """One row for each measure, device and week."""
    head = (
        *("week_from", "ended", "weeks_together", "device", "measure", "people", "value", "reference_people"),
        *("reference", "band_low", "band_high", "p", "p_of_any_comparison", "alarm"),
    )
    rows = (
        (
            monday_of(each.week).isoformat(),
            each.week != view.running,
            each.weeks,
            each.device or "all",
            monitoring_words.title(each.measure),
            each.people,
            each.value,
            each.reference_people,
            each.reference,
            *each.band,
            each.p,
            each.adjusted,
            each.alarm,
        )
        for each in view.comparisons
    )
    return _csv(head, rows)


def agreement_csv(found: Iterable[AgreementRow]) -> bytes:
    """One row for each task and quarter."""
    figures = ("sensitivity", "specificity", "auroc", "brier", "calibration")
    head = ["task", "quarter", "people", "positive", "not_shown", "abstained"]
    head += [f"{name}{end}" for name in figures for end in ("", "_low", "_high")]
    rows = (
        (
            row.task,
            row.quarter or "all",
            row.agreement.people,
            row.agreement.positive,
            row.not_shown,
            row.abstained,
            *(number for name in figures for number in _numbers(getattr(row.agreement, name))),
        )
        for row in found
    )
    return _csv(head, rows)


def _numbers(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")  # with the mark by which spreadsheets know UTF-8


def _safe(cell: Cell) -> Cell:
    """The name of a codec comes from a file that anybody made."""
    return formula_safe(cell) if isinstance(cell, str) else cell
