"""A report and its result as an HL7 FHIR R4 bundle, for records of hospitals.

The bundle is a collection: Patient, Device (the model version), Media (each recording), one Observation for each score
and each gait parameter, and the DiagnosticReport that holds them together and carries the PDF. A score says its
interval, its method, and what it is not: a diagnosis, or, for models that learned from simulated people, validated.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from reports import wording
from reports.checks import require
from reports.content import Outcome, ScoreBlock, ScreeningReport
from reports.fhir_codes import (
    ABSENT,
    INTERPRETATION,
    LOINC,
    MEDIA_TYPE,
    OBSERVATION_CATEGORY,
    PARAMETER_SYSTEM,
    RECORD_NUMBER_SYSTEM,
    REPORT_CATEGORY,
    REPORT_NUMBER_SYSTEM,
    SCORE_SYSTEM,
    SHA256_SYSTEM,
    UCUM,
    UCUM_UNITS,
    wrong_codes,
)
from reports.gait_blocks import ParameterLine
from reports.gait_words import parameter_label
from reports.record_blocks import DecisionBlock

Json = dict[str, Any]
_INTERPRETATIONS = {
    Outcome.POSITIVE: "POS",
    Outcome.NEGATIVE: "NEG",
    Outcome.BORDERLINE: "IND",
    Outcome.ABSTAINED: "IND",
    Outcome.CONFLICTING: "IND",
}


@dataclass(frozen=True, slots=True)
class ExchangedReport:
    """A stored report and what it tells.

    Attributes:
        content: what it tells; with a patient.
        document: the stored PDF.
        report_id, assessment_id: the clinic's ids, from which the ids of the bundle are made.
        addendum: whether a clinician added a text.
    """

    content: ScreeningReport
    document: bytes
    report_id: str
    assessment_id: str
    addendum: bool = False

    def __post_init__(self) -> None:
        require(self.content.patient is not None, "A report without a patient cannot be exchanged.")


def bundle_json(report: ExchangedReport) -> bytes:
    """The bundle as JSON; the same report gives the same bytes.

    Raises:
        ValueError: if the bundle breaks a rule of FHIR; that would be a fault of this software.
    """
    from fhir.resources.R4B.bundle import Bundle  # here, because reading its models takes half a second

    made = bundle(report)
    problems = wrong_codes(made)
    require(not problems, f"The exchanged result breaks a value set of FHIR: {'; '.join(problems)}.")
    Bundle.model_validate(made)
    return json.dumps(made, ensure_ascii=False, indent=1, allow_nan=False).encode()


def bundle(report: ExchangedReport) -> Json:
    """The bundle as plain values."""
    content = report.content
    patient, device = _url(report, "patient"), _url(report, "device")
    media = [(_url(report, f"media {place}"), each) for place, each in enumerate(_media(content, patient))]
    scores = [_score(content, score, patient, device) for score in content.scores]
    parameters = [_parameter(content, line, patient) for line in (content.gait.measured if content.gait else ())]
    observations = [(_url(report, f"observation {place}"), each) for place, each in enumerate([*scores, *parameters])]
    result = _report(report, patient, [url for url, _ in media], [url for url, _ in observations])
    entries = [
        (patient, _patient(content)),
        (device, _device(content)),
        *media,
        *observations,
        (_url(report, "report"), result),
    ]
    return {
        "resourceType": "Bundle",
        "identifier": {"system": REPORT_NUMBER_SYSTEM, "value": content.report_number},
        "type": "collection",
        "timestamp": _instant(content.created_at),
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
    }


def _url(report: ExchangedReport, name: str) -> str:
    digest = hashlib.sha256(f"FGait {report.report_id} {report.assessment_id} {name}".encode()).digest()[:16]
    return f"urn:uuid:{uuid.UUID(bytes=digest, version=4)}"


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _narrative(*lines: str) -> Json:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def _coded(system: str, code: str, text: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _own(system: str, code: str, text: str) -> Json:
    return {"coding": [{"system": system, "code": code}], "text": text}


def _number(value: float, unit: str, code: str) -> Json:
    return {"value": round(value, 6), "unit": unit, "system": UCUM, "code": code}


def _patient(content: ScreeningReport) -> Json:
    patient = content.patient
    if patient is None:
        raise ValueError("A report without a patient cannot be exchanged.")
    name: Json = {"use": "official"}
    if patient.family_name.strip():
        name["family"] = patient.family_name.strip()
    if patient.given_name.strip():
        name["given"] = [patient.given_name.strip()]
    return {
        "resourceType": "Patient",
        "text": _narrative(f"{patient.full_name}, {patient.birth_date.isoformat()}, {patient.record_number}"),
        "identifier": [
            {
                "use": "usual",
                "system": RECORD_NUMBER_SYSTEM,
                "value": patient.record_number,
                "assigner": {"display": content.clinic_name},
            }
        ],
        "name": [name],
        "gender": patient.sex,
        "birthDate": patient.birth_date.isoformat(),
    }


def _device(content: ScreeningReport) -> Json:
    model = content.model
    phrases = wording.phrases(content.language)
    notes = [phrases.not_diagnosis, *([phrases.simulated_banner] if model.simulated else []), model.training_data]
    return {
        "resourceType": "Device",
        "text": _narrative(f"{model.name} {model.version}", *notes),
        "identifier": [{"system": SHA256_SYSTEM, "value": model.sha256}],
        "status": "active",
        "manufacturer": "FGait",
        "deviceName": [{"name": model.name, "type": "model-name"}],
        "type": {"text": "Software: a model that scores walking videos"},
        "version": [{"value": model.version}, {"type": {"text": "software"}, "value": content.software_version}],
        "note": [{"text": text} for text in notes],
    }


def _media(content: ScreeningReport, patient: str) -> list[Json]:
    """The recordings; their pictures stay in the clinic."""
    if content.clips:
        seen = [(clip.sha256, clip.view, clip.refused) for clip in content.clips]
    else:
        seen = [(content.recording.sha256, content.recording.view, bool(content.refusals))]
    made: list[Json] = []
    for sha256, view, refused in seen:
        item: Json = {
            "resourceType": "Media",
            "text": _narrative(f"Walking video, SHA-256 {sha256}"),
            "identifier": [{"system": SHA256_SYSTEM, "value": sha256}],
            "status": "completed",
            "type": _coded(MEDIA_TYPE, "video", "Video"),
            "subject": {"reference": patient},
            "content": {"contentType": "video/mp4", "title": "Walking video; kept by the clinic"},
        }
        if view:
            item["view"] = {"text": view}
        if content.recording.recorded_at is not None and sha256 == content.recording.sha256:
            item["createdDateTime"] = _instant(content.recording.recorded_at)
        if refused:
            item["note"] = [{"text": "Refused by the quality checks; no score is from this recording."}]
        made.append(item)
    return made


def _score(content: ScreeningReport, score: ScoreBlock, patient: str, device: str) -> Json:
    language, model = content.language, content.model
    outcome = wording.outcome_label(score, language)
    title = wording.task_title(score.task, language)
    phrases = wording.phrases(language)
    decided = [decision for decision in content.decisions if decision.task == score.task]
    notes = [wording.plain_result(score, language), phrases.not_diagnosis]
    notes += [phrases.simulated_banner] if score.simulated else []
    made = _observation(content, patient, f"{title}: {outcome}", final=bool(decided))
    made |= {
        "category": [_coded(OBSERVATION_CATEGORY, "procedure", "Procedure")],
        "code": _own(SCORE_SYSTEM, f"{score.task}-probability", title),
        "method": {"text": f"{model.name} {model.version}, calibrated probability; {score.interval_method}"},
        "device": {"reference": device},
        "note": [{"text": text} for text in notes] + [_decision_note(decision) for decision in decided],
    }
    if score.outcome is Outcome.UNLIKE:  # the network computes a number there, too, but it means nothing
        made["dataAbsentReason"] = _coded(ABSENT, "unsupported", "Unsupported")
        return made
    made["valueQuantity"] = _number(score.positive_probability, "probability", "1")
    made["interpretation"] = [_own(INTERPRETATION, _INTERPRETATIONS[score.outcome], outcome)]
    made["component"] = _score_components(score, language)
    return made


def _score_components(score: ScoreBlock, language: str) -> list[Json]:
    interval, point = score.interval, score.operating_point
    names = ", ".join(wording.class_name(score.task, name, language) for name in score.prediction_set)
    classes = [
        {
            "code": _own(SCORE_SYSTEM, f"class-{name}", wording.class_name(score.task, name, language)),
            "valueQuantity": _number(share, "probability", "1"),
        }
        for name, share in zip(score.class_order, score.probabilities, strict=True)
    ]
    return [
        {
            "code": _own(SCORE_SYSTEM, "interval-95", "95 % interval"),
            "valueRange": {
                "low": _number(interval.low, "probability", "1"),
                "high": _number(interval.high, "probability", "1"),
            },
        },
        {
            "code": _own(SCORE_SYSTEM, "threshold", "Operating threshold"),
            "valueQuantity": _number(point.threshold, "probability", "1"),
        },
        {
            "code": _own(SCORE_SYSTEM, "prediction-set", f"Prediction set at {score.coverage:.0%} coverage"),
            "valueString": names or "none",
        },
        *classes,
    ]


def _decision_note(decision: DecisionBlock) -> Json:
    label = f" to {decision.label}" if decision.label else ""
    reasons = "; ".join(filter(None, (decision.reason, decision.phq9_waived_reason)))
    text = f"Clinician's decision: {decision.verdict}{label}" + (f". {reasons}" if reasons else "")
    return {"authorString": decision.decided_by, "time": _instant(decision.decided_at), "text": text}


def _parameter(content: ScreeningReport, line: ParameterLine, patient: str) -> Json:
    label = parameter_label(line.name, content.language)
    made = _observation(content, patient, f"{label}: {line.value:.3f} {line.unit}", final=True)
    made |= {
        "category": [_coded(OBSERVATION_CATEGORY, "exam", "Exam")],
        "code": _own(PARAMETER_SYSTEM, line.name, label),
        "method": {"text": f"Measured from video without markers, {content.software_version}"},
        "valueQuantity": _number(line.value or 0.0, line.unit or "1", UCUM_UNITS.get(line.unit, "1")),
    }
    if line.norm is not None:
        low, high = line.norm.limits
        unit, code = line.unit or "1", UCUM_UNITS.get(line.unit, "1")
        made["referenceRange"] = [
            {
                "low": _number(low, unit, code),
                "high": _number(high, unit, code),
                "age": {
                    "low": _number(line.norm.ages_years[0], "years", "a"),
                    "high": _number(line.norm.ages_years[1], "years", "a"),
                },
                "text": line.norm.source,
            }
        ]
    if line.standard_error is not None:
        error = _number(line.standard_error, line.unit or "1", UCUM_UNITS.get(line.unit, "1"))
        made["component"] = [
            {"code": _own(PARAMETER_SYSTEM, "standard-error", "Standard error"), "valueQuantity": error}
        ]
    if not line.validated:
        made["note"] = [{"text": "Not validated from video without markers."}]
    return made


def _observation(content: ScreeningReport, patient: str, summary: str, *, final: bool) -> Json:
    made: Json = {
        "resourceType": "Observation",
        "text": _narrative(summary),
        "status": "final" if final else "preliminary",
        "subject": {"reference": patient},
        "effectiveDateTime": _instant(content.recording.recorded_at or content.created_at),
        "issued": _instant(content.created_at),
        "performer": [{"display": content.clinic_name}],
    }
    return made


def _report(report: ExchangedReport, patient: str, media: Sequence[str], observations: Sequence[str]) -> Json:
    content = report.content
    phrases = wording.phrases(content.language)
    results = [
        f"{wording.task_title(score.task, content.language)}: {wording.outcome_label(score, content.language)}"
        for score in content.scores
    ] or [line.advice for line in content.refusals]
    conclusion = [*results, phrases.not_diagnosis, *([phrases.simulated_banner] if content.model.simulated else [])]
    made: Json = {
        "resourceType": "DiagnosticReport",
        "text": _narrative(*conclusion),
        "identifier": [{"system": REPORT_NUMBER_SYSTEM, "value": content.report_number}],
        "status": _report_status(report),
        "category": [_coded(REPORT_CATEGORY, "OTH", "Other")],
        "code": {
            "coding": [{"system": LOINC, "code": "47045-0", "display": "Study report"}],
            "text": "Gait screening from video",
        },
        "subject": {"reference": patient},
        "effectiveDateTime": _instant(content.recording.recorded_at or content.created_at),
        "issued": _instant(content.created_at),
        "performer": [{"display": content.clinic_name}],
        "media": [{"comment": "Walking video", "link": {"reference": url}} for url in media],
        "conclusion": " ".join(conclusion),
        "presentedForm": [
            {
                "contentType": "application/pdf",
                "language": content.language,
                "data": base64.b64encode(report.document).decode(),
                "size": len(report.document),
                "hash": base64.b64encode(hashlib.sha1(report.document, usedforsecurity=False).digest()).decode(),
                "title": f"Report {content.report_number}",
                "creation": _instant(content.created_at),
            }
        ],
    }
    if observations:
        made["result"] = [{"reference": url} for url in observations]
    return made


def _report_status(report: ExchangedReport) -> str:
    content = report.content
    decided = {decision.task for decision in content.decisions}
    if not content.scores:
        return "cancelled"
    if any(score.task not in decided for score in content.scores):
        return "preliminary"
    if report.addendum:
        return "appended"
    return "amended" if content.version > 1 else "final"
