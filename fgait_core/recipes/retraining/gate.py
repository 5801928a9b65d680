"""The gate: a candidate against the version in production, on locked people whom neither learned from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fgait_core import __version__
from fgait_core.config import ClassificationTask
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.data.labels import TASKS, UNKNOWN, targets_of
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.resampled import SAMPLES, Resampled
from fgait_core.gate_report import GateReport
from fgait_core.model_package import ModelPackage
from fgait_core.package_content import TaskContent
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.measure_groups import groups_of, view_names
from fgait_core.recipes.retraining.criteria import Facts, judge_criteria
from fgait_core.recipes.retraining.gate_figures import (
    GatePeople,
    Said,
    changed_sides,
    paired_figures,
    subgroup_figures,
    version_figures,
)
from fgait_core.recipes.scoring import score_folder

SUBGROUPS = {"by_sex": "sex", "by_age": "age", "by_view": "view", "by_device": "device", "by_site": "site"}
"""Kinds of subgroups: as `groups_of` and as a report call them."""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What a report says beside the figures; see `GateReport`."""

    task: str
    positive_class: str
    protocol_sha256: str
    gate_sha256: str
    simulated: bool
    trained_people: int
    shared_people: int


def compare(
    production: ModelPackage,
    candidate: ModelPackage,
    people: ShardFolder,
    protocol: RetrainingProtocol,
    *,
    trained_people: int,
    shared_people: int,
    protocol_sha256: str,
    seed: int = 1,
    device: str | torch.device = "cpu",
    progress: Progress = ignore_progress,
) -> GateReport:
    """Measures both versions on the gate people, side by side, and asks the protocol's criteria.

    Args:
        production: the version in production.
        candidate: the version that is to take its place.
        people: shards of the gate people; those without a label of the task are left out.
        protocol: what was fixed before.
        trained_people: whom candidate and the versions it descends from were trained on in this clinic.
        shared_people: gate people among them.
        protocol_sha256: of the protocol.
        seed: of every draw.
        device: where to compute.
        progress: told as it goes on.

    Raises:
        ConfigError: if a package does not know the task, nobody has a label, or the data do not fit a package.
    """
    task = TASKS.get(protocol.task)
    contents = [_content(each, protocol.task) for each in (production, candidate)]
    if task is None:
        raise ConfigError(f"The product does not screen for {protocol.task}; it screens for {', '.join(TASKS)}.")
    if min(trained_people, shared_people) < 0:
        raise ConfigError("The numbers of trained and of shared people cannot be below 0.")
    rows, gate = gate_people(people, task)
    said = [
        _said(package, content, people, rows, device, part_of(progress, 0.45 * place, 0.45 * (place + 1)))
        for place, (package, content) in enumerate(zip((production, candidate), contents, strict=True))
    ]
    progress(0.9, "comparing on the gate people")
    facts = GateFacts(
        task=task.name,
        positive_class=task.positive or "",
        protocol_sha256=protocol_sha256,
        gate_sha256=gate_sha256(people, gate.keys),
        simulated=people.manifest.get("simulated") is True,
        trained_people=trained_people,
        shared_people=shared_people,
    )
    report = report_on(gate, said[0], said[1], protocol, facts, seed=seed)
    progress(1.0, "compared")
    return report


def report_on(
    people: GatePeople,
    production: Said,
    candidate: Said,
    protocol: RetrainingProtocol,
    facts: GateFacts,
    *,
    seed: int,
    samples: int = SAMPLES,
) -> GateReport:
    """The report of what two versions said.

    Args:
        people: whom it was said of.
        production: what the version in production says.
        candidate: what the candidate says.
        protocol: what was fixed before.
        facts: what the report repeats.
        seed: of every draw.
        samples: of the bootstrap.
    """
    resampled = Resampled(people.person, np.random.default_rng(seed), samples)
    figures = [
        version_figures(people, said, resampled, np.random.default_rng(seed)) for said in (production, candidate)
    ]
    paired = paired_figures(people, production, candidate, resampled, np.random.default_rng(seed))
    subgroups = subgroup_figures(people, production, candidate, resampled)
    positive = people.with_condition
    asked = Facts(positive, people.people - positive, facts.shared_people, figures[1], paired, subgroups)
    verdict = judge_criteria(asked, protocol)
    return GateReport(
        created_by=f"fgait {__version__}",
        task=facts.task,
        positive_class=facts.positive_class,
        protocol_sha256=facts.protocol_sha256,
        gate_sha256=facts.gate_sha256,
        simulated=facts.simulated,
        people=people.people,
        positive=positive,
        recordings=len(people.keys),
        trained_people=facts.trained_people,
        shared_people=facts.shared_people,
        production=figures[0],
        candidate=figures[1],
        paired=paired,
        subgroups=subgroups,
        changed=changed_sides(people, production, candidate),
        criteria=verdict.criteria,
        possible=verdict.possible,
        passed=verdict.passed,
    )


def gate_people(people: ShardFolder, task: ClassificationTask) -> tuple[NDArray[np.bool_], GatePeople]:
    """The recordings with a label: which of the folder they are, bool `[sequence]`, and themselves.

    Raises:
        ConfigError: if there is none.
    """
    (labels,) = targets_of(task, [people])
    rows = labels != UNKNOWN
    groups = {SUBGROUPS[kind]: names[rows] for kind, names in groups_of(people).items() if kind in SUBGROUPS}
    positive = labels[rows] == task.classes.index(task.positive or "")
    return rows, GatePeople(people.keys[rows], people.person[rows], labels[rows], positive, groups)


def gate_sha256(people: ShardFolder, keys: NDArray[np.str_]) -> str:
    """Which recordings a report is of: the SHA-256 of the cohort's manifest.

    Data that came from no cohort have none; then it is that of the files' own and of the recordings' keys in order.
    """
    if manifest := people.manifest.get("manifest_sha256"):
        return str(manifest)
    files = {name: facts["sha256"] for name, facts in people.manifest["files"].items()}
    known = {"files": files, "keys": sorted(keys.tolist())}
    return hashlib.sha256(json.dumps(known, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def task_content(package: ModelPackage, task: str) -> TaskContent | None:
    """What a package holds of a task."""
    return next((each for each in package.content.tasks if each.name == task), None)


def _content(package: ModelPackage, task: str) -> TaskContent:
    content = task_content(package, task)
    if content is None:
        raise ConfigError(
            f"{package.name} {package.version} does not know {task}, only {', '.join(package.tasks)}. Compare packages "
            "that both know the task."
        )
    return content


def _said(
    package: ModelPackage,
    content: TaskContent,
    people: ShardFolder,
    rows: NDArray[np.bool_],
    device: str | torch.device,
    progress: Progress,
) -> Said:
    logits = score_folder(package.network, people, package.content.transform, device=device, progress=progress)
    probabilities, members = content.said(logits[content.name][rows, 0], view_names(people)[rows])
    return Said(
        name=package.name,
        version=package.version,
        sha256=package.sha256,
        threshold=content.operating_point.threshold,
        probability=probabilities[:, content.class_order.index(content.positive_class)],
        members=members,
    )
