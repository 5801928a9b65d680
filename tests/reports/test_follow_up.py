"""The follow-up report: what may be joined by a line, what counts as a change, and what stands on the pages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import full_content as full
import pytest
from pypdf import PdfReader
from reportlab.graphics.shapes import Circle, Polygon, PolyLine

from reports.content import ModelBlock, PatientBlock, ScoreBlock, ScreeningReport
from reports.follow_up import render_follow_up_pdf
from reports.follow_up_changes import changes, parameter_series, repeated_parameters, score_series
from reports.follow_up_content import FollowUpReport, VisitBlock
from reports.fonts import load_fonts
from reports.trend_charts import Frame, Point, Series, trend_chart

Outcomes = Callable[[str, str], ScoreBlock]


@pytest.fixture
def first(report_factory: Callable[..., ScreeningReport]) -> ModelBlock:
    return report_factory().model


@pytest.fixture
def second(first: ModelBlock) -> ModelBlock:
    return replace(first, version="0.2.0")


@pytest.fixture
def make(
    first: ModelBlock, second: ModelBlock, outcome_factory: Outcomes, patient_factory: Callable[..., PatientBlock]
) -> Callable[..., FollowUpReport]:
    """Four visits with two versions of the model; the second one was scored again."""

    def visit(day: date, model: ModelBlock, scale: float = 1.0, outcome: str = "positive", **more: Any) -> VisitBlock:
        view = more.pop("view", "side")
        scores = (outcome_factory("scoliosis", outcome), outcome_factory("depression", "abstained"))
        return VisitBlock(day, model, view, scores, full.make_gait(scale, view=view), **more)

    def build(**more: Any) -> FollowUpReport:
        values: dict[str, Any] = {
            "clinic": full.make_clinic(),
            "report_number": "R-2026-000777",
            "created_at": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
            "created_by": "Dr. Test Person",
            "software_version": "FGait 0.1.0",
            "patient": patient_factory(),
            "visits": (
                visit(date(2026, 1, 10), first),
                visit(date(2026, 4, 2), first, 1.01, decisions=(full.make_decision("scoliosis", "overridden"),)),
                visit(date(2026, 4, 2), second, 1.01, rescored=True),
                visit(date(2026, 8, 20), second, 1.3, view="back", clips=2),
                visit(date(2026, 11, 20), second, 1.1, "negative", outcomes=full.everything()["outcomes"]),
            ),
            "notes": (full.make_note(),),
            "verification": full.make_verification(),
        }
        return FollowUpReport(**(values | more))

    return build


def test_scores_are_joined_only_within_one_version_and_one_view(make: Callable[..., FollowUpReport]) -> None:
    series = score_series(make(), "scoliosis")
    assert {key: [visit.on.month for visit, _ in members] for key, members in series.items()} == {
        ("fgait-bundled 0.1.0", "side"): [1, 4],
        ("fgait-bundled 0.2.0", "side"): [4, 11],
        ("fgait-bundled 0.2.0", "back"): [8],
    }


def test_a_recording_unlike_the_training_data_has_no_figure(
    make: Callable[..., FollowUpReport], outcome_factory: Outcomes
) -> None:
    report = make()
    unlike = replace(report.visits[0], scores=(outcome_factory("scoliosis", "unlike"),))
    series = score_series(replace(report, visits=(unlike, *report.visits[1:])), "scoliosis")
    assert [visit.on.month for visit, _ in series["fgait-bundled 0.1.0", "side"]] == [4]


def test_a_change_is_against_the_last_visit_from_the_same_side_and_counts_beyond_error(
    make: Callable[..., FollowUpReport],
) -> None:
    found = {change.now.name: change for change in changes(make())}
    cadence = found["cadence"]
    assert (cadence.before_on, cadence.now_on) == (date(2026, 4, 2), date(2026, 11, 20))
    assert cadence.difference == pytest.approx(96.4 * 0.09)
    assert cadence.detectable is True
    assert found["double_support"].detectable is False
    assert "step_length_m" not in found


def test_a_change_without_a_known_error_is_not_judged(make: Callable[..., FollowUpReport]) -> None:
    report = make()
    gait = report.visits[-1].gait
    assert gait is not None
    lines = tuple(replace(line, minimal_detectable_change=None) for line in gait.parameters)
    last = replace(report.visits[-1], gait=replace(gait, parameters=lines))
    found = changes(replace(report, visits=(*report.visits[:-1], last)))
    assert {change.detectable for change in found} == {None}


def test_a_recording_scored_again_is_measured_once(make: Callable[..., FollowUpReport]) -> None:
    assert [day.month for day, _ in parameter_series(make(), "cadence")["side"]] == [1, 4, 11]
    assert "lateral_sway" not in repeated_parameters(make())


def test_one_visit_shows_no_change_and_says_so(make: Callable[..., FollowUpReport]) -> None:
    report = make()
    text = text_of(render_follow_up_pdf(replace(report, visits=report.visits[:1])))
    assert "There are no two visits from the same side" in text
    assert "Gait parameters over the visits" not in text


def text_of(document: bytes) -> str:
    pages = (page.extract_text() for page in PdfReader(BytesIO(document)).pages)
    return " ".join(unicodedata.normalize("NFKC", " ".join(pages)).split())


def test_the_pages_carry_scores_changes_decisions_outcomes_and_notes(make: Callable[..., FollowUpReport]) -> None:
    document = render_follow_up_pdf(make())
    text = text_of(document)
    for part in (
        "Gait follow-up report",
        "SIMULATED MODEL",
        "2026-01-10 to 2026-11-20, 4 visits",
        "fgait-bundled 0.1.0; fgait-bundled 0.2.0",
        "no line joins them",
        "+8.7 steps/min: more than measurement error",
        "may be measurement error",
        "overridden by Dr. Test Person",
        "no scoliosis (radiograph)",
        "scored again with this version",
        "Wears a new orthosis since August.",
        "Screening negative",
        full.make_verification().code,
    ):
        assert part in text
    assert "Cobb" not in text
    assert render_follow_up_pdf(make()) == document


@pytest.mark.parametrize("language", ["zh", "ar"])
def test_it_is_printed_in_other_languages(language: str, make: Callable[..., FollowUpReport]) -> None:
    text = text_of(render_follow_up_pdf(make(language=language)))
    assert "R-2026-000777" in text
    assert "follow-up" not in text
    assert "Screening" not in text


def points(*values: float, start: int = 1) -> tuple[Point, ...]:
    return tuple(Point(date(2026, start + place, 1), value, value - 5, value + 5) for place, value in enumerate(values))


def test_a_line_for_each_series_and_a_mark_for_each_visit() -> None:
    series = [Series("a", points(10, 20, 30)), Series("b", points(40, 50, start=5)), Series("c", points(60, start=8))]
    drawing = trend_chart(series, Frame(400, 120, (0, 100)), load_fonts(), legend=False)
    lines = [shape for shape in drawing.contents if isinstance(shape, PolyLine)]
    assert [len(line.points) // 2 for line in lines] == [3, 2]
    marks = [shape for shape in drawing.contents if isinstance(shape, (Polygon, Circle))]
    assert len(marks) == 6
    heights = lines[0].points[1::2]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])
    assert lines[0].points[-2] < lines[1].points[0]


def test_nothing_of_a_trend_is_drawn_outside() -> None:
    for count in (1, 2, 7):
        series = [Series("a", points(*(float(9 * n) for n in range(count))))]
        drawing = trend_chart(series, Frame(160, 96, (0, 50), shaded=(-10, 80), dashed=120), load_fonts())
        x0, y0, x1, y1 = drawing.getBounds()
        assert x0 >= -4
        assert y0 >= -2
        assert x1 <= drawing.width + 14
        assert y1 <= drawing.height + 2


@pytest.mark.parametrize("change", ["order", "none", "birth", "version"])
def test_impossible_follow_ups_are_refused(change: str, make: Callable[..., FollowUpReport]) -> None:
    report = make()
    values: dict[str, dict[str, Any]] = {
        "order": {"visits": report.visits[::-1]},
        "none": {"visits": ()},
        "birth": {"patient": replace(report.patient, birth_date=date(2026, 6, 1))},
        "version": {"version": 0},
    }
    with pytest.raises(ValueError, match=r"."):
        replace(report, **values[change])
