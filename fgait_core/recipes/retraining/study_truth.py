"""What is true of a model version: measured on thousands of simulated people whom no gate and no retraining saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fgait_core.data.labels import UNKNOWN
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.shards import ShardFolder
from fgait_core.evaluation.calibration import reliability
from fgait_core.evaluation.typicality import Typicality
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import ModelPackage
from fgait_core.package_content import TaskContent, of_view
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.measure_groups import Names
from fgait_core.recipes.retraining.remembered import PassMemory
from fgait_core.recipes.scoring import score_and_judge, sequence_windows

_AT_ONCE = 64
_HEADS_AT_ONCE = 2048


class TrueFigures(BaseModel):
    """How a version does on the people of the clinic as a whole, one recording each.

    Attributes:
        auroc: of the positive class against the rest.
        slope: of calibration, see `Reliability`; likewise brier, ece and intercept.
        sensitivity: at the version's own threshold; likewise specificity.
        covered: share of prediction sets that hold the true class, abstentions of the guard among them.
        abstained: share of sets that are not of one class.
        unlike: share that the guard calls unlike the training data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    auroc: float
    brier: float
    ece: float
    slope: float
    intercept: float
    sensitivity: float
    specificity: float
    covered: float
    abstained: float
    unlike: float


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The people on whom the truth is measured, read once with the encoder of the base.

    Attributes:
        folder: their sequences, with the labels of all tasks and the column `seen_from`.
        views: `[sequence]`.
        owner: int64 `[window]`, whose each window is.
        features: `[window, channel, 31]`, what heads read.
        pooled: float32 `[window, feature]`, what the guard reads.
        guard, unlike: the guard of the base, and what it says, `[sequence]`.
        memory: knows which networks have that encoder.
    """

    folder: ShardFolder
    views: Names
    owner: NDArray[np.int64]
    features: Tensor
    pooled: NDArray[np.float32]
    guard: Typicality
    unlike: NDArray[np.float64]
    memory: PassMemory

    @classmethod
    def read(
        cls,
        folder: ShardFolder,
        base: ModelPackage,
        memory: PassMemory,
        kept: Path,
        progress: Progress = ignore_progress,
    ) -> Truth:
        """Runs the encoder of the base over everybody, or takes what an earlier run kept.

        Args:
            folder: see `Truth`.
            base: whose encoder reads; nothing of it goes into the memory.
            memory: of the base's encoder.
            kept: npz file for what was computed.
            progress: told after each batch.
        """
        owner, rows = sequence_windows(folder, base.content.transform)
        name = f"{base.sha256} {folder.manifest['identity']}"
        if not kept.exists() or str(np.load(kept)["name"]) != name:
            _keep(folder, base, rows, name, kept, progress)
        with np.load(kept) as stored:
            features, pooled = torch.from_numpy(stored["features"]), stored["pooled"]
        unlike = _mean(base.guard.unlikeness(pooled), owner)
        return cls(folder, folder.column("seen_from"), owner, features, pooled, base.guard, unlike, memory)

    def measure(self, package: ModelPackage, task_name: str) -> TrueFigures:
        """The figures of a version."""
        task = next(each for each in package.content.tasks if each.name == task_name)
        logits, unlike = self._said(package, task)
        labels = self.folder.labels(task.name, task.class_order)
        known = labels != UNKNOWN
        thresholds = np.array([of_view(package.content.typicality.thresholds, view) for view in self.views.tolist()])
        atypical = unlike > thresholds
        probabilities, members = task.said(logits, self.views)
        members[atypical] = True  # as the product does: nothing is ruled out of a recording unlike all others
        return _figures(task, probabilities[known], members[known], labels[known], atypical[known])

    def _said(self, package: ModelPackage, task: TaskContent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits of the main head `[sequence, class]` and unlikeness `[sequence]`, means over the windows."""
        if not self.memory.knows(package.network):
            said, unlike = score_and_judge(package.network, self.folder, package.content.transform, package.guard)
            return said[task.name][:, 0], unlike
        head = package.network.head(task.name)
        with torch.inference_mode():
            blocks = [head(part).logits[:, 0].double() for part in self.features.split(_HEADS_AT_ONCE)]
        windows = torch.cat(blocks).numpy() * LOGIT_SCALE
        logits = np.stack([_mean(column, self.owner) for column in windows.T], 1)
        if _same(package.guard, self.guard):
            return logits, self.unlike
        return logits, _mean(package.guard.unlikeness(self.pooled), self.owner)


def _mean(values: NDArray[np.float64], owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the windows of each sequence: `[window]` to `[sequence]`."""
    return np.bincount(owner, values) / np.bincount(owner)


def _same(one: Typicality, other: Typicality) -> bool:
    theirs = other.arrays()
    return all(np.array_equal(each, theirs[name]) for name, each in one.arrays().items())


def _keep(
    folder: ShardFolder, base: ModelPackage, rows: NDArray[np.int64], name: str, kept: Path, progress: Progress
) -> None:
    modality = MODALITIES[base.content.transform.modality]
    features: list[Tensor] = []
    pooled: list[Tensor] = []
    for begin in range(0, len(rows), _AT_ONCE):
        with torch.inference_mode():
            output = base.network.backbone(to_network(modality.clips(folder, rows[begin : begin + _AT_ONCE])))
        features.append(output.head_features.float())
        pooled.append(output.parts.flatten(1).float())
        progress(min(begin + _AT_ONCE, len(rows)) / len(rows), "reading the people on whom the truth is measured")
    unfinished = kept.with_name(f"{kept.name}.part")
    with unfinished.open("wb") as file:
        np.savez(file, name=name, features=torch.cat(features).numpy(), pooled=torch.cat(pooled).numpy())
    unfinished.replace(kept)


def _figures(
    task: TaskContent,
    probabilities: NDArray[np.float64],
    members: NDArray[np.bool_],
    labels: NDArray[np.int64],
    atypical: NDArray[np.bool_],
) -> TrueFigures:
    place = task.class_order.index(task.positive_class)
    score, positive = probabilities[:, place], labels == place
    flagged, reliable = score >= task.operating_point.threshold, reliability(score, positive)
    return TrueFigures(
        auroc=float(roc_auc_score(positive, score)),
        brier=reliable.brier,
        ece=reliable.ece,
        slope=reliable.slope,
        intercept=reliable.intercept,
        sensitivity=float(flagged[positive].mean()),
        specificity=float((~flagged[~positive]).mean()),
        covered=float(members[np.arange(len(labels)), labels].mean()),
        abstained=float((members.sum(1) != 1).mean()),
        unlike=float(atypical.mean()),
    )
