"""The PDF of a follow-up report: scores and gait over the visits of a patient."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus.flowables import Flowable, Spacer

from reports import gait_words, wording
from reports.content import Outcome, ScoreBlock
from reports.decision_box import decision_sentence, verification_box
from reports.first_page import letterhead, patient_rows
from reports.follow_up_changes import Change, changes, parameter_series, repeated_parameters, score_series
from reports.follow_up_content import FollowUpReport, VisitBlock
from reports.follow_up_labels import FOLLOW_UP_LABELS, FollowUpLabels
from reports.labels import moment_text
from reports.layout import (
    BANNER,
    BANNER_TEXT,
    BODY,
    CONTENT_WIDTH_PT,
    SMALL,
    STRONG,
    Figure,
    Setting,
    beside,
    boxed,
    facts,
    grid,
    together,
)
from reports.paper import Edges, print_pages, setting_of
from reports.record_pages import outcome_sentence
from reports.trend_charts import Frame, Point, Series, trend_chart

_CHARTS_A_ROW = 3


def render_follow_up_pdf(report: FollowUpReport) -> bytes:
    """The report as PDF/A-2b with embedded fonts and tagged text; a signature comes last and elsewhere.

    Raises:
        ValueError: if the report's language is not available.
        FontError: if a font is missing; the text names the package to install.
    """
    setting = setting_of(report.language)
    newest = report.visits[-1].model
    edges = Edges(
        title=FOLLOW_UP_LABELS[report.language].title,
        clinic_name=report.clinic.name,
        report_number=report.report_number,
        patient=report.patient,
        simulated=report.simulated,
        software=report.software_version,
        model=f"{newest.name} {newest.version}",
        created_at=report.created_at,
    )
    return print_pages(lambda: _story(report, setting), edges, setting)


def _story(report: FollowUpReport, setting: Setting) -> list[Flowable]:
    words = FOLLOW_UP_LABELS[setting.language]
    story: list[Flowable] = [letterhead(report.clinic, words.title, setting), Spacer(1, 4)]
    story += [*_banner(report, setting), _who_and_when(report, words, setting)]
    for task in report.tasks:
        story += _scores(report, task, words, setting)
    story += [Spacer(1, 3), setting.text(words.versions_note, SMALL)]
    story += [*_changes(report, words, setting), *_trends(report, words, setting), *_table(report, words, setting)]
    story += [*_notes(report, words, setting), *_limits(setting)]
    if report.verification is not None:
        story += [Spacer(1, 8), verification_box(report.verification, setting)]
    return story


def _banner(report: FollowUpReport, setting: Setting) -> list[Flowable]:
    if not report.simulated:
        return []
    adaptation = report.visits[-1].model.adaptation
    explanation = wording.simulated_explanation(adaptation, setting.language)
    banner = setting.text(wording.phrases(setting.language).simulated_banner, BANNER)
    return [
        boxed([banner, setting.text(explanation, BANNER_TEXT)], CONTENT_WIDTH_PT, heavy=True, shaded=True),
        Spacer(1, 6),
    ]


def _who_and_when(report: FollowUpReport, words: FollowUpLabels, setting: Setting) -> Flowable:
    half, labels = CONTENT_WIDTH_PT / 2, setting.words
    created = f"{moment_text(report.created_at)} {labels.created_by.format(name=report.created_by)}"
    days = len({visit.on for visit in report.visits})
    period = words.period_value.format(
        first=report.visits[0].on.isoformat(), last=report.visits[-1].on.isoformat(), n=days
    )
    rows = [(words.period, period), (words.versions, "; ".join(report.versions)), (labels.created, created)]
    if report.version > 1:
        rows.append(("", setting.records.version.format(version=report.version)))
    patient = patient_rows(report.patient, report.created_at.date(), setting)
    left: list[Flowable] = [setting.text(labels.patient, STRONG), patient]
    right: list[Flowable] = [setting.text(words.visits, STRONG), facts(setting, rows, half - 6, 74, nested=True)]
    return beside(setting, [left, right], (half, half))


def _scores(report: FollowUpReport, task: str, words: FollowUpLabels, setting: Setting) -> list[Flowable]:
    language = setting.language
    heading = setting.heading(words.scores.format(task=wording.task_title(task, language)))
    by_series = score_series(report, task)
    if not by_series:
        return [together([*heading, setting.text(words.no_scores, BODY)])]
    series = [
        Series(
            words.series.format(version=version, view=_view(view, setting)),
            tuple(_score_point(visit, score) for visit, score in members),
        )
        for (version, view), members in by_series.items()
    ]
    newest = max((members[-1] for members in by_series.values()), key=lambda member: member[0].on)[1]
    frame = Frame(CONTENT_WIDTH_PT, 120.0, (0.0, 100.0), dashed=100 * newest.operating_point.threshold, unit="\u00a0%")
    told = "; ".join(
        f"{visit.on.isoformat()}, {visit.version}, {_view(visit.view, setting)}: "
        f"{wording.percent_of_probability(score.positive_probability)}"
        for members in by_series.values()
        for visit, score in members
    )
    chart = Figure(trend_chart(series, frame, setting.fonts), words.trend_alt.format(scores=told))
    return [together([*heading, chart, setting.text(words.scores_note, SMALL)])]


def _score_point(visit: VisitBlock, score: ScoreBlock) -> Point:
    undecided = score.outcome in {Outcome.ABSTAINED, Outcome.CONFLICTING}
    interval = score.interval
    return Point(visit.on, 100 * score.positive_probability, 100 * interval.low, 100 * interval.high, undecided)


def _view(view: str | None, setting: Setting) -> str:
    return setting.words.views[view] if view else setting.words.not_known


def _changes(report: FollowUpReport, words: FollowUpLabels, setting: Setting) -> list[Flowable]:
    heading = setting.open_heading(words.changes)
    found = changes(report)
    if not found:
        return [*heading, setting.text(words.one_visit, BODY)]
    rows = [_change_row(change, words, setting) for change in found]
    table = grid(setting, words.change_columns, rows, (110, 92, 92, 122, CONTENT_WIDTH_PT - 416))
    return [*heading, setting.text(words.changes_note, SMALL), Spacer(1, 3), table]


def _change_row(change: Change, words: FollowUpLabels, setting: Setting) -> tuple[str, ...]:
    language, unit = setting.language, change.now.unit
    verdict = {True: words.beyond, False: words.within, None: words.unknown}[change.detectable]
    sign = "+" if change.difference > 0 else ""
    limit = change.now.minimal_detectable_change
    return (
        gait_words.parameter_label(change.now.name, language),
        *(
            words.value_on.format(value=gait_words.value_text(line.value or 0.0, unit, language), date=day.isoformat())
            for line, day in ((change.before, change.before_on), (change.now, change.now_on))
        ),
        verdict.format(change=f"{sign}{gait_words.value_text(change.difference, unit, language)}"),
        "\u2013" if limit is None else gait_words.value_text(limit, unit, language),
    )


def _trends(report: FollowUpReport, words: FollowUpLabels, setting: Setting) -> list[Flowable]:
    names = repeated_parameters(report)
    if not names:
        return []
    width_pt = CONTENT_WIDTH_PT / _CHARTS_A_ROW
    charts = [_trend(report, name, width_pt - 8, setting) for name in names]
    rows: list[Flowable] = []
    for begin in range(0, len(charts), _CHARTS_A_ROW):
        row: list[Sequence[Flowable]] = [[chart] for chart in charts[begin : begin + _CHARTS_A_ROW]]
        row += [[] for _ in range(_CHARTS_A_ROW - len(row))]
        rows += [beside(setting, row, [width_pt] * _CHARTS_A_ROW), Spacer(1, 4)]
    heading = [*setting.heading(words.trends), setting.text(words.trends_note, SMALL), Spacer(1, 3)]
    return [together([*heading, rows[0]]), *rows[1:]]


def _trend(report: FollowUpReport, name: str, width_pt: float, setting: Setting) -> Flowable:
    by_view = parameter_series(report, name)
    lines = [line for members in by_view.values() for _, line in members]
    values = [line.value or 0.0 for line in lines]
    norm = next((line.norm.limits for line in reversed(lines) if line.norm is not None), None)
    least, most = min(*values, *(norm or values)), max(*values, *(norm or values))
    error = max((line.minimal_detectable_change or 0.0 for line in lines), default=0.0)
    room = max(0.1 * (most - least), error) or max(abs(most) * 0.1, 0.1)  # never zoomed into measurement error
    title = gait_words.parameter_label(name, setting.language)
    unit = lines[0].unit
    frame = Frame(
        width_pt,
        96.0,
        (least - room, most + room),
        decimals=gait_words.decimals_of(unit),
        title=f"{title} ({gait_words.unit_label(unit, setting.language)})",
        shaded=norm,
    )
    series = [
        Series(_view(view, setting), tuple(Point(day, line.value or 0.0) for day, line in members))
        for view, members in by_view.items()
    ]
    told = "; ".join(
        f"{day.isoformat()}, {_view(view, setting)}: {gait_words.value_text(line.value or 0.0, unit, setting.language)}"
        for view, members in by_view.items()
        for day, line in members
    )
    drawing = trend_chart(series, frame, setting.fonts, legend=len(series) > 1)
    return Figure(drawing, f"{title}: {told}")


def _table(report: FollowUpReport, words: FollowUpLabels, setting: Setting) -> list[Flowable]:
    rows = [row for visit in reversed(report.visits) for row in _visit_rows(visit, words, setting)]
    table = grid(setting, words.columns, rows, (128, 150, 117, CONTENT_WIDTH_PT - 395))
    return [*setting.open_heading(words.table), table]


def _visit_rows(visit: VisitBlock, words: FollowUpLabels, setting: Setting) -> list[tuple[str, ...]]:
    name = words.visit.format(date=visit.on.isoformat(), view=_view(visit.view, setting), version=visit.version)
    extras = [words.clips.format(n=visit.clips)] if visit.clips > 1 else []
    extras += [words.rescored] if visit.rescored else []
    if extras:
        name = f"{name} ({', '.join(extras)})"
    if not visit.scores:
        return [(name, words.refused, "", "")]
    return [(name, _result(score, setting), *_judged(visit, score, words, setting)) for score in visit.scores]


def _result(score: ScoreBlock, setting: Setting) -> str:
    language = setting.language
    title = f"{wording.task_title(score.task, language)}: {wording.outcome_label(score, language)}"
    if score.outcome is Outcome.UNLIKE:
        return title
    low, high = wording.interval_words(score.interval)
    interval = wording.phrases(language).interval_short.format(low=low, high=high)
    return f"{title}. {wording.percent_of_probability(score.positive_probability)} {interval}"


def _judged(visit: VisitBlock, score: ScoreBlock, words: FollowUpLabels, setting: Setting) -> tuple[str, str]:
    decided = [decision_sentence(each, setting) for each in visit.decisions if each.task == score.task]
    found = [outcome_sentence(each, setting) for each in visit.outcomes if each.task == score.task]
    return "; ".join(decided) or words.no_decision, "; ".join(found) or words.no_outcome


def _notes(report: FollowUpReport, words: FollowUpLabels, setting: Setting) -> list[Flowable]:
    if not report.notes:
        return []
    rows = [
        (words.note_by.format(moment=moment_text(note.written_at), name=note.written_by), note.text)
        for note in report.notes
    ]
    return [*setting.open_heading(words.notes), facts(setting, rows, CONTENT_WIDTH_PT, 130)]


def _limits(setting: Setting) -> list[Flowable]:
    phrases = wording.phrases(setting.language)
    return [together([*setting.heading(setting.words.limits), *setting.bullets(phrases.limits)])]
