"""The first page: who, what was measured, the result in plain words, what to do next, and room to sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from reportlab.platypus.flowables import Flowable, Spacer

from reports import wording
from reports.charts import Picture, class_bars, probability_scale
from reports.content import ModelBlock, Outcome, PatientBlock, ScoreBlock, ScreeningReport
from reports.decision_box import decision_box, verification_box
from reports.fonts import unprintable
from reports.labels import moment_text
from reports.layout import (
    AIM,
    BANNER,
    BANNER_TEXT,
    BODY,
    CONTENT_WIDTH_PT,
    LABEL,
    RESULT,
    SMALL,
    STRONG,
    TITLE,
    Figure,
    Setting,
    beside,
    boxed,
    facts,
)
from reports.measures import TypicalityBlock
from reports.record_blocks import ClinicBlock

DENSITIES = (1.0, 0.97, 0.94, 0.91, 0.88, 0.85, 0.82)
_LOGO_PT = (84.0, 30.0)
_BOX_WIDTH_PT = CONTENT_WIDTH_PT - 16
_SCALE_WIDTH_PT = 300.0
_LONGEST_TEXT = 300
MOST_REASONS = 8  # the first page is one page; the table of all checks follows on the next


def shortened(text: str) -> str:
    """A text that fits on the first page: beyond 300 characters it ends with an ellipsis."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1].rstrip() + "\u2026"


def dense_enough(report: ScreeningReport, setting: Setting, room_pt: float) -> Setting:
    """The setting that is as dense as it takes to hold the whole first page.

    Args:
        report: what to print.
        setting: fonts and language.
        room_pt: height of the page's text.
    """
    for density in DENSITIES:
        denser = replace(setting, density=density)
        if sum(part.wrap(CONTENT_WIDTH_PT, room_pt)[1] for part in first_page(report, denser)) <= room_pt:
            return denser
    return replace(setting, density=DENSITIES[-1])


def first_page(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    """The flowables of the first page, from the letterhead to the clinician's decision."""
    story: list[Flowable] = [letterhead(report.clinic, setting.words.title, setting), Spacer(1, 4)]
    story += [*_banner(report, setting), *_addendum(report, setting), _who_and_what(report, setting), Spacer(1, 3)]
    story += _quality_summary(report, setting)
    if report.typicality is not None and not report.typicality.typical:
        story += [Spacer(1, 6), _unlike_box(report.typicality, report.model, setting)]
    for score in report.scores:
        story += [Spacer(1, 4), result_box(score, setting, report.clinic)]
    if report.refusals:
        story += [Spacer(1, 6), _refusal_box(report, setting)]
    if report.scores:
        story += [Spacer(1, 4), decision_box(report, setting)]
    elif report.verification:
        story += [Spacer(1, 4), verification_box(report.verification, setting)]
    return story


def letterhead(clinic: ClinicBlock | None, title: str, setting: Setting) -> Flowable:
    """The title with the clinic's logo and address, and what the report is not."""
    heading: list[Flowable] = [setting.text(title, TITLE)]
    if clinic is not None and clinic.address.strip():
        heading.append(setting.text(shortened(", ".join(clinic.address.split("\n"))), SMALL))
    aim: list[Flowable] = [setting.text(wording.phrases(setting.language).not_diagnosis, AIM)]
    if clinic is None or clinic.logo_png is None:
        return beside(setting, [heading, aim], (CONTENT_WIDTH_PT - 170, 170))
    logo = Figure(Picture(clinic.logo_png, _LOGO_PT), clinic.name)
    parts: list[list[Flowable]] = [[logo], heading, aim]
    return beside(setting, parts, (_LOGO_PT[0] + 8, CONTENT_WIDTH_PT - _LOGO_PT[0] - 148, 140))


def _addendum(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    addendum = report.addendum
    if addendum is None:
        return []
    title = setting.records.addendum.format(number=addendum.to_number, version=addendum.version)
    content = [setting.text(title, STRONG), setting.text(shortened(addendum.text), BODY)]
    return [boxed(content, CONTENT_WIDTH_PT, heavy=True), Spacer(1, 6)]


def _banner(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    if not report.model.simulated:
        return []
    words = wording.phrases(setting.language)
    explanation = wording.simulated_explanation(report.model.adaptation, setting.language)
    lines = [setting.text(words.simulated_banner, BANNER), setting.text(explanation, BANNER_TEXT)]
    return [boxed(lines, CONTENT_WIDTH_PT, heavy=True, shaded=True), Spacer(1, 6)]


def _who_and_what(report: ScreeningReport, setting: Setting) -> Flowable:
    half = CONTENT_WIDTH_PT / 2
    patient = patient_rows(report.patient, report.created_at.date(), setting)
    left: list[Flowable] = [setting.text(setting.words.patient, STRONG), patient]
    right = [
        setting.text(setting.words.recording, STRONG),
        facts(setting, recording_rows(report, setting), half - 6, 62, nested=True),
    ]
    return beside(setting, [left, right], (half, half))


def patient_rows(patient: PatientBlock | None, today: date, setting: Setting) -> Flowable:
    """Who was recorded, or the sentence that says that nobody was chosen."""
    words = setting.words
    if patient is None:
        return setting.text(wording.phrases(setting.language).no_patient, BODY)
    born = f"{patient.birth_date.isoformat()} ({words.age.format(years=patient.age_years(today))})"
    rows = [
        (words.name, shortened(patient.full_name)),
        (words.record_number, shortened(patient.record_number)),
        (words.born, born),
        (words.sex, words.sexes[patient.sex]),
    ]
    if unprintable(patient.full_name + patient.record_number, setting.fonts):
        rows.append(("", words.unprintable))
    return facts(setting, rows, CONTENT_WIDTH_PT / 2 - 12, 74, nested=True)


def recording_rows(report: ScreeningReport, setting: Setting) -> list[tuple[str, str]]:
    """What was recorded and used, in the words of a reader who was there."""
    words, recording = setting.words, report.recording
    filmed = words.not_known if recording.recorded_at is None else moment_text(recording.recorded_at)
    created = moment_text(report.created_at)
    if report.created_by.strip():
        created = f"{created} {words.created_by.format(name=shortened(report.created_by))}"
    return [
        (words.recorded, filmed),
        (words.walker, words.walker_value.format(number=recording.person_number, people=recording.n_people)),
        (words.view, words.views[recording.view]),
        (words.used, words.used_value.format(frames=recording.frames_used, steps=recording.steps)),
        (words.created, created),
        *_version_row(report, setting),
    ]


def _version_row(report: ScreeningReport, setting: Setting) -> list[tuple[str, str]]:
    words = setting.records
    if report.supersedes:
        return [("", words.replaces.format(version=report.version, number=report.supersedes))]
    return [("", words.version.format(version=report.version))] if report.version > 1 else []


def _quality_summary(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    if report.refusals:
        return []
    stop = setting.words.full_stop
    typicality = wording.typicality_sentence(report.typicality, setting.language)
    line = f"{_checks_summary(report, setting)}{stop} {typicality}{stop}"
    return [facts(setting, [(setting.words.quality_line, line)], CONTENT_WIDTH_PT, 74)]


def _checks_summary(report: ScreeningReport, setting: Setting) -> str:
    words, total = setting.words, len(report.quality)
    if not report.warnings:
        return words.quality_passed.format(n=total)
    head = words.quality_warnings.format(warnings=len(report.warnings), n=total)
    named = "; ".join(shortened(f"{line.label}: {line.value}") for line in report.warnings[:3])
    more = "" if len(report.warnings) <= 3 else "; \u2026"
    return f"{head} ({named}{more})"


def result_box(score: ScoreBlock, setting: Setting, clinic: ClinicBlock | None = None) -> Flowable:
    """The result of one task: in words, as a drawing, and what to do next; without an answer, no figure is shown."""
    language, words = setting.language, setting.words
    title = f"{wording.task_title(score.task, language)}: {wording.outcome_label(score, language)}"
    content: list[Flowable] = [
        setting.text(title, RESULT),
        setting.text(wording.plain_result(score, language), BODY),
        *(_figures(score, setting, clinic) if score.outcome is not Outcome.UNLIKE else ()),
        Spacer(1, 3),
        setting.text(words.next_steps, STRONG),
        *setting.bullets(wording.next_steps(score, language)),
    ]
    return boxed(content, CONTENT_WIDTH_PT)


def _figures(score: ScoreBlock, setting: Setting, clinic: ClinicBlock | None) -> list[Flowable]:
    language, words = setting.language, setting.words
    scale = Figure(
        probability_scale(score, setting.fonts, _SCALE_WIDTH_PT, language),
        wording.probability_with_interval(score, language),
    )
    named = [
        f"{wording.class_name(score.task, name, language)}: {wording.percent_of_probability(share)}"
        for name, share in zip(score.class_order, score.probabilities, strict=True)
    ]
    bars = Figure(class_bars(score, setting.fonts, 168, language), "; ".join(named))
    widths = (_SCALE_WIDTH_PT + 8, _BOX_WIDTH_PT - _SCALE_WIDTH_PT - 8)
    drawings = beside(setting, [[scale], [setting.text(words.classes, LABEL), bars]], widths)
    here = clinic_value(score, clinic, setting)
    weakness = wording.weakness_sentence(score, language)
    return [
        *([setting.text(weakness, STRONG)] if weakness else []),
        Spacer(1, 2),
        setting.text(wording.probability_with_interval(score, language), BODY),
        setting.text(wording.operating_point_short(score, language), SMALL),
        *([setting.text(here, SMALL)] if here else []),
        Spacer(1, 3),
        drawings,
    ]


def clinic_value(score: ScoreBlock, clinic: ClinicBlock | None, setting: Setting) -> str:
    """What a result is worth at the clinic's own prevalence; empty where the clinic has not set it."""
    prevalence = None if clinic is None else clinic.prevalence.get(score.task)
    if prevalence is None:
        return ""
    sentence = wording.predictive_sentence(score, prevalence, setting.language)
    return f"{setting.records.at_clinic}: {sentence}"


def _unlike_box(typicality: TypicalityBlock, model: ModelBlock, setting: Setting) -> Flowable:
    language = setting.language
    figures = wording.typicality_figures(
        typicality, simulated=model.simulated, mixed=model.mixed_people, language=language
    )
    content: list[Flowable] = [
        setting.text(wording.phrases(language).unlike_title, RESULT),
        setting.text(shortened(typicality.reason), BODY),
        setting.text(figures, SMALL),
    ]
    return boxed(content, CONTENT_WIDTH_PT, heavy=True)


def _refusal_box(report: ScreeningReport, setting: Setting) -> Flowable:
    content: list[Flowable] = [
        setting.text(setting.words.no_score, RESULT),
        setting.text(wording.phrases(setting.language).refused, BODY),
    ]
    reasons = [f"{line.label}: {line.value} ({line.threshold}). {line.advice}" for line in report.refusals]
    content += setting.bullets([shortened(reason) for reason in reasons[:MOST_REASONS]])
    return boxed(content, CONTENT_WIDTH_PT, heavy=True)
