"""The codes that an exchanged result may use (HL7 FHIR R4), and a check that it uses no others.

The library that validates the structure takes any text as a code, so the required value sets are checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

SCORE_SYSTEM = "urn:x-fgait:score"
PARAMETER_SYSTEM = "urn:x-fgait:gait-parameter"
RECORD_NUMBER_SYSTEM = "urn:x-fgait:record-number"
REPORT_NUMBER_SYSTEM = "urn:x-fgait:report-number"
SHA256_SYSTEM = "urn:x-fgait:sha256"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
REPORT_CATEGORY = "http://terminology.hl7.org/CodeSystem/v2-0074"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
MEDIA_TYPE = "http://terminology.hl7.org/CodeSystem/media-type"

UCUM_UNITS = {
    "": "1",
    "steps/min": "/min",
    "s": "s",
    "%": "%",
    "% of body height": "%",
    "body heights": "1",
    "body heights/s": "/s",
    "m": "m",
    "m/s": "m/s",
    "deg": "deg",
}
"""The code of each unit of a stored result; what UCUM has no unit for is a pure number."""

REQUIRED: Mapping[str, frozenset[str]] = {
    "Bundle.type": frozenset({"collection"}),
    "Patient.gender": frozenset({"male", "female", "other", "unknown"}),
    "Device.status": frozenset({"active", "inactive", "entered-in-error", "unknown"}),
    "Device.deviceName.type": frozenset(
        {"udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name", "other"}
    ),
    "Media.status": frozenset(
        {
            "preparation",
            "in-progress",
            "not-done",
            "on-hold",
            "stopped",
            "completed",
            "entered-in-error",
            "unknown",
        }
    ),
    "Observation.status": frozenset(
        {
            "registered",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "cancelled",
            "entered-in-error",
            "unknown",
        }
    ),
    "DiagnosticReport.status": frozenset(
        {
            "registered",
            "partial",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "appended",
            "cancelled",
            "entered-in-error",
            "unknown",
        }
    ),
    INTERPRETATION: frozenset({"POS", "NEG", "IND", "H", "L", "N"}),
    OBSERVATION_CATEGORY: frozenset({"exam", "procedure", "survey", "activity"}),
    REPORT_CATEGORY: frozenset({"OTH"}),
    ABSENT: frozenset({"unknown", "not-performed", "unsupported", "error", "not-applicable"}),
    MEDIA_TYPE: frozenset({"image", "video", "audio"}),
    UCUM: frozenset(UCUM_UNITS.values()) | {"a"},
}


def wrong_codes(bundle: Mapping[str, Any]) -> list[str]:
    """Where a bundle uses a code that its value set does not have; empty if it is right."""
    problems = _wrong_fields(bundle, "Bundle")
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        problems += _wrong_fields(resource, resource["resourceType"])
        problems += [
            f"{resource['resourceType']}: {code!r} is no code of {system}"
            for system, code in _codings(resource)
            if system in REQUIRED and code not in REQUIRED[system]
        ]
    return problems


def _wrong_fields(resource: Mapping[str, Any], kind: str) -> list[str]:
    problems: list[str] = []
    for path, allowed in REQUIRED.items():
        name, _, field = path.partition(".")
        if name != kind or "://" in path:
            continue
        for value in _values(resource, field.split(".")):
            if value not in allowed:
                problems.append(f"{path}: {value!r} is none of {', '.join(sorted(allowed))}")
    return problems


def _values(node: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from _values(each, path)
    elif not path:
        yield node
    elif isinstance(node, Mapping) and path[0] in node:
        yield from _values(cast("Mapping[str, Any]", node)[path[0]], path[1:])


def _codings(node: Any) -> Iterator[tuple[str, str]]:
    """Every pair of system and code below a node."""
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from _codings(each)
    elif isinstance(node, Mapping):
        content = cast("Mapping[str, Any]", node)
        if "system" in content and "code" in content:
            yield content["system"], content["code"]
        for each in content.values():
            yield from _codings(each)
