"""The clinician's decision at the foot of the first page: filled in where it was made, else empty fields."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus.flowables import Flowable, Spacer

from reports import wording
from reports.content import ScoreBlock, ScreeningReport
from reports.labels import moment_text
from reports.layout import BODY, CONTENT_WIDTH_PT, SMALL, STRONG, Figure, Setting, TickBox, WritingLine, beside, boxed
from reports.qr import qr_drawing
from reports.record_blocks import DecisionBlock, VerificationBlock

_BOX_WIDTH_PT = CONTENT_WIDTH_PT - 16
_QR_SIDE_PT = 76.0
_CODE_PT = _QR_SIDE_PT + 6
_LONGEST_REASON = 160


def decision_box(report: ScreeningReport, setting: Setting) -> Flowable:
    """What was decided, room to decide by hand what was not, room to sign, and how to check the paper."""
    room_pt = _BOX_WIDTH_PT - (_CODE_PT if report.verification else 0)
    rows: list[Flowable] = [setting.text(setting.words.sign_off, STRONG)]
    for score in report.scores:
        decision = report.decision(score.task)
        rows += _made(decision, score, setting) if decision else [_to_make(score, setting, room_pt)]
    rows.append(WritingLine(setting.text(setting.words.signature, SMALL)))
    if report.verification is None:
        return boxed(rows, CONTENT_WIDTH_PT)
    return boxed([_with_code(rows, report.verification, setting, room_pt)], CONTENT_WIDTH_PT)


def verification_box(verification: VerificationBlock, setting: Setting) -> Flowable:
    """The code alone, for a report without anything to decide."""
    room_pt = _BOX_WIDTH_PT - _CODE_PT
    words = setting.records
    rows: list[Flowable] = [setting.text(words.check, STRONG), setting.text(words.check_note, SMALL)]
    if verification.content_sha256:
        rows.append(setting.text(f"{words.check_content}: {verification.content_sha256}", SMALL))
    return boxed([_with_code(rows, verification, setting, room_pt)], CONTENT_WIDTH_PT)


def _with_code(rows: Sequence[Flowable], verification: VerificationBlock, setting: Setting, room_pt: float) -> Flowable:
    words = setting.records
    code = setting.text(f"{words.check}: {verification.code}", SMALL)
    alt = words.qr_alt.format(url=verification.url)
    picture = Figure(qr_drawing(verification.url, _QR_SIDE_PT), alt)
    return beside(setting, [[*rows, Spacer(1, 2), code], [picture]], (room_pt, _CODE_PT))


def _made(decision: DecisionBlock, score: ScoreBlock, setting: Setting) -> list[Flowable]:
    words, task = setting.records, wording.task_title(score.task, setting.language)
    lines: list[Flowable] = [setting.text(f"{task}: {decision_sentence(decision, setting)}", BODY)]
    if decision.phq9_waived_reason:
        lines.append(setting.text(words.waived.format(reason=_shortened(decision.phq9_waived_reason)), SMALL))
    return lines


def decision_sentence(decision: DecisionBlock, setting: Setting) -> str:
    """Who decided what, when and why."""
    words = setting.records
    if decision.verdict == "accepted":
        template = words.accepted_by
    else:
        template = words.overridden_by if decision.label else words.overridden_without_class
    return template.format(
        name=_shortened(decision.decided_by),
        moment=moment_text(decision.decided_at),
        label=wording.class_name(decision.task, decision.label or "", setting.language),
        reason=_shortened(decision.reason).rstrip("."),
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1].rstrip() + "\u2026"


def _to_make(score: ScoreBlock, setting: Setting, room_pt: float) -> Flowable:
    words = setting.words
    accepted = TickBox(setting.text(words.accepted, BODY))
    overridden = TickBox(setting.text(words.overridden, BODY), writing_line=True)
    task = setting.text(wording.task_title(score.task, setting.language), BODY)
    return beside(setting, [[task], [accepted], [overridden]], (90, 84, room_pt - 180))
