"""One cell of a retraining study: a clinic of some size retrains, its gate judges, and the truth is measured."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from fgait_core.config import BudgetConfig, RetrainConfig, RetrainingProtocol, Scope
from fgait_core.config.retraining_study import RetrainingStudyConfig
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.gate_report import GateReport
from fgait_core.model_package import ModelPackage
from fgait_core.progress import Cancelled, Progress
from fgait_core.recipes.retraining.fit import fit
from fgait_core.recipes.retraining.gate import compare
from fgait_core.recipes.retraining.remembered import PassMemory
from fgait_core.recipes.retraining.study_people import TASKS, Cohort, split_roles
from fgait_core.recipes.retraining.study_truth import TrueFigures, Truth

Labels = Literal["true", "shuffled"]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class CellName:
    """Which cell; `labels` are those of the development people."""

    clinic: int
    size: int
    task: str
    scope: Scope
    labels: Labels


class Verdict(_Facts):
    """What the gate said.

    Attributes:
        labels: of the gate people.
        positive: people with the condition among them.
        auroc: candidate less production, with its interval.
        missed: names of the criteria that were not met.
    """

    labels: Labels
    people: int
    positive: int
    possible: bool
    passed: bool
    missed: tuple[str, ...]
    auroc: tuple[float | None, float | None, float | None]


class StudyCell(_Facts):
    """A finished cell; `refused` says why nothing could be fitted, and then there is no candidate."""

    name: CellName
    trained: int
    base: TrueFigures
    candidate: TrueFigures | None
    verdicts: tuple[Verdict, ...]
    refused: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CellWork:
    """Does the cells of one clinic.

    Attributes:
        config: of the study.
        base: takes its passes from the memory.
        memory: of the base's encoder.
        truth: where figures are measured.
        people: everybody of the clinic, in the order in which they came.
        folder: for what a retraining writes; removed after each cell.
    """

    config: RetrainingStudyConfig
    base: ModelPackage
    memory: PassMemory
    truth: Truth
    people: ShardFolder
    folder: Path

    def do(self, name: CellName, base_figures: TrueFigures, progress: Progress, cancelled: Cancelled) -> StudyCell:
        """Retrains, judges and measures."""
        began_s = time.monotonic()
        protocol = self._protocol(name)
        labels = self.people.column(name.task)[: name.size]
        gate = self._gate(name, labels)
        development, locked = np.flatnonzero(~gate), np.flatnonzero(gate)
        taught = labels[development]
        if name.labels == "shuffled":
            taught = _rng(name, 1).permutation(taught)
        try:
            candidate = self._candidate(
                name, protocol, Cohort(self.people, development, name.task, taught, "development"), progress, cancelled
            )
        except ConfigError as error:
            return self._cell(name, len(development), base_figures, None, (), str(error), began_s)
        figures = self.truth.measure(candidate, name.task)
        judged: list[tuple[Labels, NDArray[np.str_]]] = [("true", labels[locked])]
        if name.labels == "shuffled":
            judged.append(("shuffled", _rng(name, 2).permutation(labels[locked])))
        verdicts = tuple(
            self._verdict(
                candidate, protocol, kind, Cohort(self.people, locked, name.task, believed, "gate"), len(development)
            )
            for kind, believed in judged
        )
        shutil.rmtree(self.folder)
        return self._cell(name, len(development), base_figures, figures, tuple(verdicts), "", began_s)

    def _cell(
        self,
        name: CellName,
        trained: int,
        base: TrueFigures,
        candidate: TrueFigures | None,
        verdicts: tuple[Verdict, ...],
        refused: str,
        began_s: float,
    ) -> StudyCell:
        return StudyCell(
            name=name,
            trained=trained,
            base=base,
            candidate=candidate,
            verdicts=verdicts,
            refused=refused,
            seconds=round(time.monotonic() - began_s, 1),
        )

    def _gate(self, name: CellName, labels: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Who is locked; the same whoever is retrained, and for all sizes of a clinic."""
        rng = np.random.default_rng((name.clinic, TASKS.index(name.task)))
        return split_roles(labels, self.people.column("sex")[: name.size], self.config.gate_share, rng)

    def _protocol(self, name: CellName) -> RetrainingProtocol:
        encoder = self.config.encoder
        budget = BudgetConfig(device="cpu")
        if encoder and name.scope in encoder.scopes:
            budget = BudgetConfig(device="cpu", epochs=encoder.epochs, minutes=encoder.minutes)
        return RetrainingProtocol(
            task=name.task, scope=name.scope, acceptance=self.config.acceptance, budget=budget, seed=name.clinic
        )

    def _candidate(
        self, name: CellName, protocol: RetrainingProtocol, cohort: Cohort, progress: Progress, cancelled: Cancelled
    ) -> ModelPackage:
        shutil.rmtree(self.folder, ignore_errors=True)
        development, run = self.folder / "development", self.folder / "run"
        cohort.write(development)
        encoder = self.config.encoder
        config = RetrainConfig(
            kind="retrain",
            base=self.config.base,
            development=development,
            replay=encoder.replay if encoder else None,
            replay_calibration=encoder.replay_calibration if encoder else None,
            name="study",
            version=f"{name.clinic}.{name.size}",
            prior_weight=self.config.prior_weight,
            protocol=protocol,
        )
        base = None if protocol.changes_encoder else self.base
        candidate = fit(config, run, base=base, progress=progress, cancelled=cancelled)
        if self.memory.knows(candidate.network):
            self.memory.serve(candidate.network)
        return candidate

    def _verdict(
        self, candidate: ModelPackage, protocol: RetrainingProtocol, labels: Labels, cohort: Cohort, trained: int
    ) -> Verdict:
        locked = cohort.write(self.folder / f"gate_{labels}")
        report: GateReport = compare(
            self.base,
            candidate,
            locked,
            protocol,
            trained_people=trained,
            shared_people=0,
            protocol_sha256=protocol.sha256,
        )
        difference = report.paired.auroc
        return Verdict(
            labels=labels,
            people=report.people,
            positive=report.positive,
            possible=report.possible,
            passed=report.passed,
            missed=tuple(each.name for each in report.criteria if not each.passed),
            auroc=(difference.value, difference.low, difference.high),
        )


def _rng(name: CellName, use: int) -> np.random.Generator:
    """For the shuffling of a cell."""
    return np.random.default_rng((name.clinic, name.size, TASKS.index(name.task), use))
