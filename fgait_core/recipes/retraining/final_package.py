"""The package that is kept of a retraining: the fitted one to the last weight, with the figures of the gate people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from fgait_core.data.labels import TASKS
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError, ModelPackageError
from fgait_core.gate_report import GateReport
from fgait_core.model_package import ModelPackage
from fgait_core.package_content import CalibrationSummary, OperatingPoint, PackageContent, TaskContent
from fgait_core.package_files import METRICS_FILE, WEIGHTS_FILE, file_sha256
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.measure import measure_task
from fgait_core.recipes.measure_groups import view_names
from fgait_core.recipes.package import require_replaceable, write_package
from fgait_core.recipes.retraining.gate import gate_people, gate_sha256
from fgait_core.recipes.retraining.provisional import PROVISIONAL
from fgait_core.recipes.scoring import score_folder

_SEED = 1


def finish(
    fitted: Path,
    report: GateReport,
    people: ShardFolder,
    out: Path,
    *,
    device: str = "cpu",
    progress: Progress = ignore_progress,
) -> ModelPackage:
    """Writes the final package: weights, calibrators, prediction sets and threshold as fitted, figures of the gate.

    Where the gate has nobody with the condition, or nobody without it, the figures stay those of the fit, and the card
    goes on to say that they are provisional.

    Args:
        fitted: the package that the gate judged.
        report: what the gate said of it.
        people: shards of the gate people.
        out: folder of the package; an older package there is replaced.
        device: where to compute.
        progress: told as it goes on.

    Returns:
        The package as loaded from `out`.

    Raises:
        ConfigError: if the report is of another package or of other people, or `out` holds something else.
    """
    require_replaceable(out)
    package = ModelPackage.load(fitted)
    _require_same(package, report, people)
    metrics: dict[str, Any] = json.loads((fitted / METRICS_FILE).read_text(encoding="utf-8"))
    content = _with_protocol(package.content, report)
    if 0 < report.positive < report.people:
        measured = _measured(package, report.task, people, device, part_of(progress, 0.0, 0.9))
        content = _with_figures(content, report, measured)
        metrics = _with_gate(metrics, report, measured)
    write_package(out, content, load_file(fitted / WEIGHTS_FILE), metrics)
    if file_sha256(out / WEIGHTS_FILE) != file_sha256(fitted / WEIGHTS_FILE):
        raise ModelPackageError(f"The weights in {out} are not those of {fitted}. Begin the comparison again.")
    progress(1.0, "package written")
    return ModelPackage.load(out)


def _require_same(package: ModelPackage, report: GateReport, people: ShardFolder) -> None:
    if report.candidate.sha256 != package.sha256:
        raise ConfigError(
            f"The report is of another package than {package.name} {package.version}. Compare this package first."
        )
    _, gate = gate_people(people, TASKS[report.task])
    if gate_sha256(people, gate.keys) != report.gate_sha256:
        raise ConfigError(f"The report is of other people than those in {people.path}. Compare on these people first.")


def _measured(package: ModelPackage, task: str, people: ShardFolder, device: str, progress: Progress) -> dict[str, Any]:
    """What a package reports of its test split, here of the gate people."""
    content = next(each for each in package.content.tasks if each.name == task)
    logits = score_folder(package.network, people, package.content.transform, device=device, progress=progress)
    probabilities, members = content.said(logits[task][:, 0], view_names(people))
    return measure_task(
        TASKS[task],
        probabilities,
        members,
        people,
        threshold=content.operating_point.threshold,
        coverage=content.coverage,
        seed=_SEED,
    )


def _with_protocol(content: PackageContent, report: GateReport) -> PackageContent:
    if content.adaptation is None:
        return content
    adaptation = content.adaptation.model_copy(update={"protocol_sha256": report.protocol_sha256})
    return content.model_copy(update={"adaptation": adaptation})


def _with_figures(content: PackageContent, report: GateReport, measured: dict[str, Any]) -> PackageContent:
    tasks = tuple(_of_gate(each, measured) if each.name == report.task else each for each in content.tasks)
    people = content.people | {"test": report.people}
    gaps = tuple(gap for gap in content.known_gaps if gap != PROVISIONAL)
    return content.model_copy(update={"tasks": tasks, "people": people, "known_gaps": gaps})


def _of_gate(task: TaskContent, measured: dict[str, Any]) -> TaskContent:
    point = OperatingPoint(rule=task.operating_point.rule, **measured["operating_point"])
    calibration = CalibrationSummary(**measured["calibration"])
    return task.model_copy(update={"operating_point": point, "calibration": calibration})


def _with_gate(metrics: dict[str, Any], report: GateReport, measured: dict[str, Any]) -> dict[str, Any]:
    """Everything else that the fitted package says stays; what it says of the task is the gate's now."""
    kind = "simulated people" if report.simulated else "people"
    words = f"{report.people} locked {kind} of the clinic's gate ({report.recordings} recordings), never trained on"
    gate = report.model_dump(mode="json", include={"people", "positive", "recordings", "gate_sha256", "criteria"})
    return metrics | {
        "tasks": metrics["tasks"] | {report.task: measured},
        "adaptation": metrics.get("adaptation", {}) | {"measured_on": words},
        "gate": gate | {"protocol_sha256": report.protocol_sha256, "passed": report.passed},
    }


def named_as(report: GateReport, package: ModelPackage) -> GateReport:
    """The report with the identity of the final package, which says of every recording what the fitted one said."""
    return report.model_copy(update={"candidate": report.candidate.model_copy(update={"sha256": package.sha256})})
