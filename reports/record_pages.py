"""Parts of the later pages on what the clinic recorded: several recordings, outcomes, an addendum, verification."""

from __future__ import annotations

from reportlab.platypus.flowables import Flowable, Spacer

from reports import wording
from reports.content import ScreeningReport
from reports.layout import BODY, CONTENT_WIDTH_PT, SMALL, Setting, facts, grid, together
from reports.record_blocks import ClipBlock, OutcomeLine, VerificationBlock

_LABEL_PT = 110.0


def record_part(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    """The recordings of an assessment of several, the confirmed outcomes, and the whole text of an addendum."""
    story: list[Flowable] = []
    if report.addendum is not None:
        addendum = report.addendum
        title = setting.records.addendum.format(number=addendum.to_number, version=addendum.version)
        story += [*setting.open_heading(title), setting.text(addendum.text, BODY)]
    return [*story, *_clips(report, setting), *outcomes_part(report.outcomes, setting)]


def _clips(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    if not report.clips:
        return []
    words = setting.records
    rows = [_clip_row(clip, setting) for clip in report.clips]
    table = grid(setting, words.clip_columns, rows, (150, 70, 60, CONTENT_WIDTH_PT - 280))
    return [*setting.open_heading(words.clips), setting.text(words.clips_note, SMALL), Spacer(1, 3), table]


def _clip_row(clip: ClipBlock, setting: Setting) -> tuple[str, ...]:
    words, unknown = setting.records, setting.words.not_known
    return (
        words.clip_leading.format(file=clip.file_name) if clip.leading else clip.file_name,
        setting.words.views[clip.view] if clip.view else unknown,
        unknown if clip.steps is None else str(clip.steps),
        _clip_quality(clip, setting),
    )


def _clip_quality(clip: ClipBlock, setting: Setting) -> str:
    words = setting.records
    if clip.refused:
        return words.clip_refused.format(reasons=" ".join(clip.reasons))
    if clip.warnings:
        return words.clip_warned.format(advice=" ".join(clip.warnings))
    return words.clip_passed.format(n=clip.checks)


def outcomes_part(outcomes: tuple[OutcomeLine, ...], setting: Setting) -> list[Flowable]:
    """What turned out to be true, with how it was found."""
    if not outcomes:
        return []
    rows = [
        (wording.task_title(outcome.task, setting.language), outcome_sentence(outcome, setting)) for outcome in outcomes
    ]
    table = facts(setting, rows, CONTENT_WIDTH_PT, _LABEL_PT)
    return [*setting.open_heading(setting.records.outcomes), table]


def outcome_sentence(outcome: OutcomeLine, setting: Setting) -> str:
    """An outcome in a line: what, how, when, and the PHQ-9 total."""
    words = setting.records
    parts = [words.outcome_unknown]
    if outcome.label is not None:
        label = wording.class_name(outcome.task, outcome.label, setting.language)
        parts = [words.outcome.format(label=label, method=words.methods.get(outcome.method, outcome.method))]
    if outcome.examined_on is not None:
        parts.append(words.examined.format(date=outcome.examined_on.isoformat()))
    if outcome.phq9_total is not None:
        parts.append(words.phq9.format(total=outcome.phq9_total))
    if outcome.note.strip():
        parts.append(outcome.note.strip())
    return "; ".join(parts)


def verification_part(report: ScreeningReport, setting: Setting) -> list[Flowable]:
    """How to check this paper; empty where there is no way."""
    return [] if report.verification is None else verification_rows(report.verification, setting)


def verification_rows(verification: VerificationBlock, setting: Setting) -> list[Flowable]:
    """Code, address and hash, with what the check tells."""
    words = setting.records
    rows = [(words.check_code, verification.code), (words.check_address, verification.url)]
    if verification.content_sha256:
        rows.append((words.check_content, verification.content_sha256))
    table = facts(setting, rows, CONTENT_WIDTH_PT, _LABEL_PT)
    return [together([*setting.heading(words.check), setting.text(words.check_note, BODY), Spacer(1, 2), table])]
