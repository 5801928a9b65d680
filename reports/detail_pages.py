"""The pages after the first: what the model saw, the quality checks, how good the figures are, and the model."""

from __future__ import annotations

from reportlab.platypus.flowables import Flowable, Spacer

from reports import wording
from reports.charts import SilhouetteStrip
from reports.content import Outcome, QualityLine, RecordingBlock, ScoreBlock, ScreeningReport
from reports.gait_pages import explanation_part, gait_part
from reports.layout import BODY, CONTENT_WIDTH_PT, SMALL, Figure, Setting, facts, grid, together
from reports.record_blocks import ClinicBlock
from reports.record_pages import record_part, verification_part

PREVALENCES = (0.01, 0.03, 0.10, 0.30)
_LABEL_PT = 110.0


def detail_pages(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    """The flowables of all pages but the first."""
    story = [*_silhouettes(report, setting), *_recording(report, setting), *_quality(report, setting)]
    story += _use_and_limits(report, setting)
    for score in report.scores:
        story += _score(score, setting, report.clinic)
    story += explanation_part(report, setting)
    if report.scores or report.gait:
        story += gait_part(report.gait, setting)
    story += record_part(report, setting)
    return [*story, *_method(report, setting), *_model(report, setting), *verification_part(report, setting)]


def _silhouettes(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    words = setting.words
    heading = setting.heading(words.silhouettes)
    if not len(report.silhouettes):
        return [*heading, setting.text(words.no_silhouettes)]
    strip = SilhouetteStrip(report.silhouettes)
    caption = words.silhouettes_caption.format(shown=strip.shown, frames=len(report.silhouettes))
    return [together([*heading, Figure(strip, caption), Spacer(1, 2), setting.text(caption, SMALL)])]


def _recording(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    words, recording = setting.words, report.recording
    rows = [
        (words.file, recording.file_name),
        (words.file_hash, recording.sha256),
        (words.video, _video(recording, setting)),
    ]
    if report.body_height_m is not None:
        height = setting.records.body_height_value.format(height=f"{report.body_height_m:.2f}")
        rows.append((setting.records.body_height, height))
    return [*setting.open_heading(words.recording), facts(setting, rows, CONTENT_WIDTH_PT, _LABEL_PT)]


def _video(recording: RecordingBlock, setting: Setting) -> str:
    words = setting.words
    width, height, rate = recording.width_px, recording.height_px, recording.frame_rate_hz
    if width is None or height is None or rate is None or recording.duration_s is None:
        return words.not_known
    return words.video_value.format(
        width=width,
        height=height,
        rate=f"{rate:.4g}",
        duration=f"{recording.duration_s:.1f}",
        codec=recording.codec or words.not_known,
    )


def _outcome(line: QualityLine, setting: Setting) -> str:
    words = setting.words
    if line.passed:
        return words.passed
    return f"{words.failed if line.blocking else words.warning}. {line.advice}"


def _quality(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    rows = [(line.label, line.value, line.threshold, _outcome(line, setting)) for line in report.quality]
    if report.scores:
        rows.append((*wording.typicality_check(report.typicality, setting.language), _typicality(report, setting)))
    table = grid(setting, setting.words.check_columns, rows, (130, 90, 105, CONTENT_WIDTH_PT - 325))
    story = [*setting.open_heading(setting.words.checks), table]
    if report.typicality is not None:
        model, language = report.model, setting.language
        figures = wording.typicality_figures(
            report.typicality, simulated=model.simulated, mixed=model.mixed_people, language=language
        )
        story += [Spacer(1, 3), setting.text(figures, SMALL)]
    return story


def _typicality(report: ScreeningReport, setting: Setting) -> str:
    words, typicality = setting.words, report.typicality
    if typicality is None:
        return words.not_checked
    return words.passed if typicality.typical else f"{words.no_score}. {typicality.reason}"


def _score(score: ScoreBlock, setting: Setting, clinic: ClinicBlock | None) -> list[Flowable]:
    language, words = setting.language, setting.words
    heading = setting.open_heading(words.result_detail.format(task=wording.task_title(score.task, language)))
    note = wording.evidence_note(score, language)
    evidence = [Spacer(1, 3), facts(setting, [(words.evidence, note)], CONTENT_WIDTH_PT, _LABEL_PT)] if note else []
    if score.outcome is Outcome.UNLIKE:
        no_answer = facts(
            setting, [(words.no_score, wording.plain_result(score, language))], CONTENT_WIDTH_PT, _LABEL_PT
        )
        return [*heading, no_answer, *evidence]
    return [*heading, *_figures(score, setting, clinic), *evidence]


def _figures(score: ScoreBlock, setting: Setting, clinic: ClinicBlock | None) -> list[Flowable]:
    language, words = setting.language, setting.words
    probability = f"{wording.probability_sentence(score, language)}. {wording.interval_sentence(score, language)}"
    rows = [
        (words.interval, probability),
        (words.operating_point, wording.operating_point_sentence(score, language)),
        (words.prediction_set, wording.conformal_sentence(score, language)),
        (words.calibration, wording.calibration_sentence(score, language)),
    ]
    if views := wording.views_sentence(score, language):
        rows.append((words.fitted_on, views))
    if score.clips > 1:
        fused = setting.records.fused_value.format(n=score.clips, fusion=score.fusion).strip()
        rows.append((setting.records.fused, fused))
    if (here := clinic_prevalence(score, clinic)) is not None:
        rows.append((setting.records.at_clinic, _at_clinic(score, here, clinic, setting)))
    predictive = [(words.predictive, wording.predictive_note(score, language))]
    frequencies = [
        facts(setting, predictive, CONTENT_WIDTH_PT, _LABEL_PT),
        Spacer(1, 3),
        _predictive_table(score, setting),
    ]
    return [facts(setting, rows, CONTENT_WIDTH_PT, _LABEL_PT), together(frequencies)]


def clinic_prevalence(score: ScoreBlock, clinic: ClinicBlock | None) -> float | None:
    """How frequent the condition is among those whom the clinic screens; None where it has not said."""
    return None if clinic is None else clinic.prevalence.get(score.task)


def _at_clinic(score: ScoreBlock, prevalence: float, clinic: ClinicBlock | None, setting: Setting) -> str:
    sentence = wording.predictive_sentence(score, prevalence, setting.language)
    source = "" if clinic is None else clinic.prevalence_source.strip().rstrip(".")
    return f"{sentence} {setting.records.prevalence_source.format(source=source)}." if source else sentence


def _predictive_table(score: ScoreBlock, setting: Setting) -> Flowable:
    condition = wording.task_title(score.task, setting.language)
    header = [column.format(condition=condition) for column in setting.words.predictive_columns]
    rows = [
        (wording.percent_of_count(prevalence), *wording.predictive_words(score, prevalence, setting.language))
        for prevalence in PREVALENCES
    ]
    indented = grid(setting, header, rows, (147, 119, CONTENT_WIDTH_PT - _LABEL_PT - 266))
    indented.hAlign = setting.end
    return indented


def _method(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    words = setting.words
    steps = words.method_steps if report.typicality is None else (*words.method_steps, words.method_guard)
    return [together([*setting.heading(words.method), *setting.bullets(steps)])]


def _model(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    words, model = setting.words, report.model
    people = words.people_value.format(
        train=model.people_train, calibration=model.people_calibration, test=model.people_test
    )
    if model.simulated and not model.mixed_people:
        people = f"{people} ({wording.phrases(setting.language).people[True]})"
    rows = [
        (words.model_version, f"{model.name} {model.version}"),
        (words.model_hash, model.sha256),
        (words.training_data, model.training_data),
        (words.people, people),
        (words.software, report.software_version),
    ]
    if model.adaptation is not None:
        rows.insert(3, (words.adapted_to, wording.adapted_sentence(model.adaptation, setting.language)))
    story: list[Flowable] = [*setting.open_heading(words.model), facts(setting, rows, CONTENT_WIDTH_PT, _LABEL_PT)]
    if model.known_gaps:
        story += [*setting.open_heading(words.known_gaps), *setting.bullets(model.known_gaps)]
    return story


def _use_and_limits(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    phrases = wording.phrases(setting.language)
    limits = list(phrases.limits)
    if report.model.simulated:
        limits.insert(0, wording.simulated_explanation(report.model.adaptation, setting.language))
    use = together([*setting.heading(setting.words.intended_use), setting.text(phrases.intended_use, BODY)])
    return [use, together([*setting.heading(setting.words.limits), *setting.bullets(limits)])]
