"""What the model card says of where a package comes from, and of whom its figures are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fgait_core.config.retraining import Scope
from fgait_core.package_content import AdaptationContent, PackageContent

CHANGED: Mapping[Scope, str] = {
    "recalibration": "calibrators, prediction sets and threshold of {task}; the network is the base's to the last "
    "weight",
    "head": "the head of {task}, its calibrators, prediction sets and threshold; everything else of the network is the "
    "base's to the last weight",
    "head_and_last_stage": "the last stage of the encoder, the projector and the heads, with their calibrators, "
    "prediction sets and thresholds",
    "whole_network": "the whole network, with all calibrators, prediction sets and thresholds",
}
"""What each scope changed, in plain words."""


def title(content: PackageContent) -> str:
    """The card's first line; it says so wherever anybody simulated is behind the figures."""
    return f"# Model card: {content.name} {content.version}{' (simulated)' if content.simulated else ''}"


def origin(content: PackageContent, metrics: Mapping[str, Any]) -> list[str]:
    """What was learned from whom, and what it is therefore no evidence for."""
    adaptation = content.adaptation
    if adaptation is None:
        return [
            "A gait network that was trained, calibrated and tested on **simulated walkers only**. It exists so that "
            "the",
            "software can be tried, tested and demonstrated from end to end. Screening, not diagnosis.",
            "",
            "## What it is no evidence for",
            "",
            *_NOT_OF_REAL_PEOPLE,
        ]
    base = f"{adaptation.base_name} {adaptation.base_version}"
    learned = " that learned from **simulated walkers**" if content.simulated else ""
    return [
        f"A gait network{learned} ({base}), adapted to a clinic: {_people(adaptation)} with confirmed outcomes of "
        f"{adaptation.task}. Screening, not diagnosis.",
        "",
        "## What it is no evidence for",
        "",
        *(_not_elsewhere(content, real) if (real := _of_real_people(adaptation, metrics)) else _NOT_OF_REAL_PEOPLE),
    ]


_NOT_OF_REAL_PEOPLE = (
    "- That scoliosis or depression can be found in the gait of real people by this model: it never saw one.",
    "- That any figure below (discrimination, calibration, coverage, operating point) holds for patients.",
    "- That it is fair to any group of real people.",
)


def _of_real_people(adaptation: AdaptationContent, metrics: Mapping[str, Any]) -> list[str]:
    """Tasks whose figures are of people of a clinic who are not simulated."""
    real = [task for task, each in _earlier(metrics).items() if not each["simulated_people"]]
    return real if adaptation.simulated_people else [*real, adaptation.task]


def _not_elsewhere(content: PackageContent, real: list[str]) -> list[str]:
    lines = [
        f"- That the figures of {' and '.join(real)} hold in another clinic, or with another camera, another floor or "
        "other people than those of this one.",
        "- That it is fair to groups of whom the clinic had few people.",
    ]
    rest = [task.name for task in content.tasks if task.name not in real]
    if content.simulated and rest:
        lines.append(
            f"- That {' or '.join(rest)} can be found in the gait of real people: nobody real was seen for it."
        )
    return lines


def others(content: PackageContent) -> list[str]:
    """Names of the tasks that were not adapted."""
    own = content.adaptation.task if content.adaptation else None
    return [task.name for task in content.tasks if task.name != own]


def adapted(content: PackageContent, metrics: Mapping[str, Any]) -> list[str]:
    """The section about the adaptation; nothing of a package that nobody adapted."""
    adaptation = content.adaptation
    if adaptation is None:
        return []
    gate = metrics.get("gate")
    lines = [
        "",
        "## Adapted to a clinic",
        "",
        f"- Base: {adaptation.base_name} {adaptation.base_version}, SHA-256 `{adaptation.base_sha256}`.",
        f"- Task: {adaptation.task}; {_people(adaptation)} with confirmed outcomes.",
        f"- Changed: {CHANGED[adaptation.scope].format(task=adaptation.task)}.",
        f"- Figures of {adaptation.task}: {measured_on(metrics)}.",
        f"- Other tasks: {_of_others(content)}",
        *(f"- Figures of {task}, adapted before: {each['measured_on']}." for task, each in _earlier(metrics).items()),
        f"- SHA-256 of the cohort's manifest: `{adaptation.manifest_sha256}`.",
    ]
    if adaptation.protocol_sha256 is not None:
        lines.append(f"- SHA-256 of the protocol: `{adaptation.protocol_sha256}`.")
    if gate is not None:
        lines.append(f"- Gate: {'every criterion met' if gate['passed'] else 'not every criterion met'}.")
    return lines


def measured_on(metrics: Mapping[str, Any]) -> str:
    """On whom the figures of the adapted task were measured."""
    return str(metrics["adaptation"]["measured_on"])


def _people(adaptation: AdaptationContent) -> str:
    kind = "simulated people" if adaptation.simulated_people else "people"
    return f"{adaptation.people} {kind} ({adaptation.recordings} recordings)"


def _of_others(content: PackageContent) -> str:
    if content.adaptation is not None and content.adaptation.scope in ("head_and_last_stage", "whole_network"):
        return "calibrated and measured anew, with the new encoder, on simulated people. Attributes were left out."
    return "as the base has them, with its figures."


def _earlier(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Tasks that the base was adapted in, with whom their figures are of."""
    return metrics.get("earlier_adaptations", {})


def of_clinic(content: PackageContent, task: str, metrics: Mapping[str, Any]) -> bool:
    """Whether the figures of a task were measured on people of a clinic."""
    return content.adaptation is not None and (content.adaptation.task == task or task in _earlier(metrics))


def measured_heading(content: PackageContent, metrics: Mapping[str, Any]) -> list[str]:
    """Heading of the table of measures, and whose figures are in it."""
    adaptation = content.adaptation
    if adaptation is None:
        return ["## Measured on simulated people whom it never saw (test split)", ""]
    rest = ", ".join(name for name in others(content) if not of_clinic(content, name, metrics))
    own = ", ".join(task.name for task in content.tasks if of_clinic(content, task.name, metrics))
    kind = "simulated people" if content.simulated else "people"
    return [
        "## Measured",
        "",
        f"{own}: on people of the clinic, see above."
        + (f" {rest}: on {kind} whom the network never saw (test split)." if rest else ""),
        "",
    ]


def marked(content: PackageContent, task: str, metrics: Mapping[str, Any]) -> str:
    """` (simulated)` where the people of a task's figures are."""
    adaptation, simulated = content.adaptation, content.simulated
    if adaptation is not None and of_clinic(content, task, metrics):
        own = adaptation.task == task
        simulated = adaptation.simulated_people if own else bool(_earlier(metrics)[task]["simulated_people"])
    return " (simulated)" if simulated else ""
