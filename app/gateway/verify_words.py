"""What the verification page says, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence

from app.services.verification import CheckedFile, FileVerdict, VerifiedReport
from app.translation import translate

GOOD, WARNING, ERROR = "good", "warning", "error"
Answer = tuple[str, str]


def answer_to_code(report: VerifiedReport | None, language: str) -> Answer:
    """Kind and text of the answer to a code."""
    if report is None:
        return ERROR, translate(
            "No report of this clinic has this code. Check that you typed it as it is printed. A report without a "
            "valid code was not made here.",
            language,
        )
    if report.superseded_by:
        return WARNING, translate(
            "This report was made here, but a newer version exists: {number}. Ask the clinic for it.",
            language,
            number=report.superseded_by,
        )
    return GOOD, translate("This report was made here and is the newest version.", language)


def answer_to_file(checked: CheckedFile, language: str) -> Answer:
    """Kind and text of the answer to a file."""
    report = checked.report
    if report is None or checked.verdict is FileVerdict.UNKNOWN:
        return ERROR, translate(
            "This file cannot be matched with a report of this clinic. It was not made here, or it was changed so much "
            "that nothing tells which report it was. Do not rely on it.",
            language,
        )
    if checked.verdict is FileVerdict.OTHER:
        return ERROR, translate("This file is another report than the one whose code you looked up.", language)
    if checked.verdict is FileVerdict.CHANGED:
        return ERROR, translate(
            "This file is NOT the report {number} as it was made: it was changed. Do not rely on it; ask the clinic "
            "for the original.",
            language,
            number=report.number,
        )
    if report.superseded_by:
        return WARNING, translate(
            "This file is the report {number}, unchanged, but a newer version exists: {newer}. Ask the clinic for it.",
            language,
            number=report.number,
            newer=report.superseded_by,
        )
    return GOOD, translate("This file is the report {number}, unchanged.", language, number=report.number)


def facts_of_report(report: VerifiedReport, language: str) -> Sequence[tuple[str, str]]:
    """Label and value of what may be known of a report; nothing of the patient."""
    status = (
        translate("superseded by {number}", language, number=report.superseded_by)
        if report.superseded_by
        else translate("newest version", language)
    )
    rows = [
        (translate("Report", language), report.number),
        (translate("Made by", language), report.clinic_name),
        (translate("Made on", language), f"{report.made_at:%Y-%m-%d %H:%M} UTC"),
        (translate("Kind", language), _kind(report.kind, language)),
        (translate("Version", language), f"{report.version} ({status})"),
        (translate("Signed by", language), report.signer),
        (translate("Content, SHA-256 (printed on the report)", language), report.content_sha256),
        (translate("File, SHA-256", language), report.sha256),
    ]
    return [(name, value) for name, value in rows if value]


def facts_of_signature(checked: CheckedFile, language: str) -> Sequence[tuple[str, str]]:
    """Label and value of what the file's own signature says."""
    signature = checked.signature
    label = translate("Signature in the file", language)
    own = [(translate("Your file, SHA-256", language), checked.sha256)]
    if signature is None:
        return [*own, (label, translate("none that can be read", language))]
    if not signature.valid:
        return [*own, (label, translate("broken: the file was changed after it was signed", language))]
    trust = (
        translate(
            "valid, by {name}. Self-signed: nobody but the clinic vouches for this name.",
            language,
            name=signature.signer,
        )
        if signature.self_signed
        else translate(
            "valid, by {name}. Whether to trust who issued the certificate is for you to decide.",
            language,
            name=signature.signer,
        )
    )
    return [*own, (label, trust), (translate("Certificate, SHA-256", language), signature.fingerprint)]


def _kind(kind: str, language: str) -> str:
    return {
        "assessment": translate("report of one assessment", language),
        "addendum": translate("report of one assessment, with an addendum", language),
        "follow_up": translate("follow-up report", language),
    }.get(kind, kind)
