"""The deployable unit: weights, transform, class order, calibrators, conformal thresholds, operating point, measures.

A model package is a folder:
    * `package.json`: everything but the weights (`PackageContent`);
    * `weights.safetensors`: backbone without predictor, and the heads with their bootstrap replicates;
    * `metrics.json` and `MODEL_CARD.md`: what was measured, and what it is no evidence for;
    * `SHA256SUMS`: the SHA-256 of each of them; its own SHA-256 is the identity of the package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fgait_core.config import ModalityName
from fgait_core.data.labels import TASKS
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.windows import BINARY_ABOVE, recording_windows
from fgait_core.errors import ConfigError, ModelPackageError
from fgait_core.evaluation.calibration import Calibrator
from fgait_core.evaluation.conformal import in_prediction_set
from fgait_core.evaluation.scoring import fuse_windows
from fgait_core.losses import LOGIT_SCALE
from fgait_core.models.backbone import Backbone
from fgait_core.models.heads import CosineHead, TaskNetwork
from fgait_core.models.layers import PARTS
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence

CONTENT_FILE = "package.json"
WEIGHTS_FILE = "weights.safetensors"
METRICS_FILE = "metrics.json"
CARD_FILE = "MODEL_CARD.md"
SUMS_FILE = "SHA256SUMS"
FILES = (CONTENT_FILE, WEIGHTS_FILE, METRICS_FILE, CARD_FILE)

ALIGNMENT = "aligned-64x44/1"
"""Name of the alignment that makes the silhouettes (fgait_core.alignment)."""

INTERVAL_METHOD = (
    "Middle 95 % over bootstrap replicates of head and calibrator, each refitted on people drawn anew from the "
    "training and calibration splits, combined with random choices among the windows of this recording. It leaves out "
    "the training of the encoder, the making of the silhouettes, and what sets real people apart from simulated ones."
)


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)


class Transform(_Content):
    """How silhouettes become the network's input; `modality` is what it sees of a walk."""

    alignment: str
    height_px: int
    width_px: int
    binary_above: int
    frame_rate_hz: float
    window_frames: int
    hop_frames: int
    modality: ModalityName = "silhouettes"


class ArchitectureContent(_Content):
    """Widths and depths of the backbone, and bootstrap replicates of each head."""

    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    replicates: int


class CalibratorContent(_Content):
    """Plain numbers of a `Calibrator`."""

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def calibrator(self) -> Calibrator:
        """The calibrator that these are the numbers of."""
        return Calibrator(np.array(self.weight), np.array(self.bias))


class OperatingPoint(_Content):
    """A threshold fixed on the calibration split, and what it does on the test split.

    Attributes:
        threshold: of the positive class' probability; a score at or above it is flagged.
        rule: how the threshold was chosen.
        sensitivity: share of the positives flagged, with its 95 % (Wilson) interval.
        specificity: share of the others not flagged, likewise.
        n_positive: people of the test split with the condition.
        n_negative: people of the test split without it.
    """

    threshold: float
    rule: str
    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    n_positive: int
    n_negative: int


class CalibrationSummary(_Content):
    """Calibration measured on the test split; see `evaluation.calibration.Reliability`."""

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int


class TaskContent(_Content):
    """One task of the package; `calibrators` belong to the main head and then to each replicate."""

    name: str
    class_order: tuple[str, ...]
    positive_class: str
    calibrators: tuple[CalibratorContent, ...]
    conformal_quantiles: tuple[float | Literal["inf"], ...]
    coverage: float
    operating_point: OperatingPoint
    calibration: CalibrationSummary

    def quantiles(self) -> tuple[float, ...]:
        """Conformal thresholds as numbers."""
        return tuple(float(value) for value in self.conformal_quantiles)


class PackageContent(_Content):
    """Everything of a package but weights and measures."""

    format: Literal[1]
    name: str
    version: str
    created_by: str
    simulated: bool
    training_data: str
    known_gaps: tuple[str, ...]
    people: dict[Literal["train", "calibration", "test"], int]
    architecture: ArchitectureContent
    transform: Transform
    tasks: tuple[TaskContent, ...]


@dataclass(frozen=True, slots=True)
class TaskScore:
    """What the package says of one task of one recording; probabilities are calibrated and sum to 1."""

    task: str
    class_order: tuple[str, ...]
    probabilities: dict[str, float]
    positive_class: str
    interval: tuple[float, float]
    interval_method: str
    prediction_set: tuple[str, ...]
    coverage: float
    abstained: bool
    operating_point: OperatingPointFacts
    above_threshold: bool
    calibration: CalibrationFacts
    model_version: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class OperatingPointFacts:
    """As `OperatingPoint`, measured on people of the test split."""

    threshold: float
    sensitivity: float
    sensitivity_interval: tuple[float, float]
    specificity: float
    specificity_interval: tuple[float, float]
    n_positive: int
    n_negative: int


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """As `CalibrationSummary`."""

    ece: float
    brier: float
    slope: float
    intercept: float
    n_people: int


class ModelPackage:
    """A loaded package, ready to score. Build it with `ModelPackage.load`."""

    def __init__(self, content: PackageContent, network: TaskNetwork, sha256: str) -> None:
        self.content = content
        self.network = network.eval()
        self.sha256 = sha256
        self.name = content.name
        self.version = content.version
        self.simulated = content.simulated
        self.training_data = content.training_data
        self.known_gaps = content.known_gaps
        self.people: dict[str, int] = {str(split): count for split, count in content.people.items()}
        self.tasks = tuple(task.name for task in content.tasks)

    @classmethod
    def load(cls, folder: Path) -> ModelPackage:
        """Reads a package and checks all of it.

        Raises:
            ModelPackageError: if a file is missing or differs from its SHA-256, or the package was made for another
                transform, class order or architecture than this software's; the text says what to do.
        """
        sha256 = verify_files(folder)
        content = _read_content(folder / CONTENT_FILE)
        _check_transform(content.transform)
        for task in content.tasks:
            _check_task(task, content.architecture.replicates)
        return cls(content, _load_network(folder / WEIGHTS_FILE, content), sha256)

    def score(self, sequence: SilhouetteSequence, tasks: Sequence[str] | None = None) -> tuple[TaskScore, ...]:
        """Scores a walk.

        Args:
            sequence: the walk at the recording's own frame rate.
            tasks: tasks to score; None scores all.

        Raises:
            ConfigError: if the package has no such task.
        """
        unknown = sorted(set(tasks or ()) - set(self.tasks))
        if unknown:
            raise ConfigError(f"This model does not know {', '.join(unknown)}; it knows {', '.join(self.tasks)}.")
        transform = self.content.transform
        windows = recording_windows(
            sequence,
            frame_rate_hz=transform.frame_rate_hz,
            frames=transform.window_frames,
            hop=transform.hop_frames,
            modality=transform.modality,
        )
        with torch.inference_mode():
            said = self.network(to_network(windows))
        walked_s = len(sequence.resampled(transform.frame_rate_hz)) / transform.frame_rate_hz
        side_by_side = int(walked_s * transform.frame_rate_hz // transform.window_frames)
        return tuple(
            self._task_score(task, said[task.name].logits.double().numpy() * LOGIT_SCALE, side_by_side)
            for task in self.content.tasks
            if tasks is None or task.name in tasks
        )

    def _task_score(self, task: TaskContent, logits: np.ndarray, independent_windows: int) -> TaskScore:
        fused = fuse_windows(
            logits,
            [each.calibrator() for each in task.calibrators],
            positive_index=task.class_order.index(task.positive_class),
            independent_windows=independent_windows,
            rng=np.random.default_rng(0),
        )
        probabilities = dict(zip(task.class_order, fused.probabilities.tolist(), strict=True))
        members = in_prediction_set(fused.probabilities, task.quantiles())
        prediction_set = tuple(name for name, member in zip(task.class_order, members, strict=True) if member)
        return TaskScore(
            task=task.name,
            class_order=task.class_order,
            probabilities=probabilities,
            positive_class=task.positive_class,
            interval=fused.interval,
            interval_method=INTERVAL_METHOD,
            prediction_set=prediction_set,
            coverage=task.coverage,
            abstained=len(prediction_set) != 1,
            operating_point=OperatingPointFacts(**task.operating_point.model_dump(exclude={"rule"})),
            above_threshold=probabilities[task.positive_class] >= task.operating_point.threshold,
            calibration=CalibrationFacts(**task.calibration.model_dump()),
            model_version=self.version,
            simulated=self.simulated,
        )


def bundled_package_dir() -> Path:
    """Folder of the model package that comes with the software (trained on simulated walkers only)."""
    return Path(__file__).parent / "bundled_model"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_files(folder: Path) -> str:
    """Compares each file of a package with its SHA-256.

    Returns:
        The identity of the package.

    Raises:
        ModelPackageError: if a file is missing, not listed or different.
    """
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines if line)}
        found = {name: file_sha256(folder / name) for name in FILES}
    except (OSError, ValueError) as error:
        raise ModelPackageError(
            f"{folder} is no complete model package ({error}). Copy the whole folder again, or make it with "
            "`fgait package`."
        ) from error
    for name in FILES:
        if listed.get(name) != found[name]:
            raise ModelPackageError(
                f"{name} of the model package {folder} differs from its SHA-256: it was damaged or changed after "
                "it was made. Do not use it; copy the package again from where it came from."
            )
    return file_sha256(folder / SUMS_FILE)


def _read_content(path: Path) -> PackageContent:
    try:
        return PackageContent.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise ModelPackageError(
            f"{path} is not in the form that this version of FGait reads: {error}. Use the FGait version that made "
            "the package, or make it anew with `fgait package`."
        ) from error


def _check_transform(transform: Transform) -> None:
    ours = (ALIGNMENT, HEIGHT_PX, WIDTH_PX, BINARY_ABOVE)
    theirs = (transform.alignment, transform.height_px, transform.width_px, transform.binary_above)
    if ours != theirs:
        raise ModelPackageError(
            f"The model was trained on silhouettes made by another transform {theirs} than this software's {ours}; its "
            "scores would be wrong. Train and package it again with this version."
        )


def _check_task(task: TaskContent, replicates: int) -> None:
    known = TASKS.get(task.name)
    if known is None or task.class_order != known.classes or task.positive_class != known.positive:
        expected = "no such task" if known is None else f"{known.classes}, positive {known.positive!r}"
        raise ModelPackageError(
            f"The class order of {task.name} is {task.class_order}, positive {task.positive_class!r}; this software "
            f"has {expected}. Its scores would be read wrongly: use the FGait version that made the package."
        )
    if len(task.calibrators) != 1 + replicates or len(task.conformal_quantiles) != len(task.class_order):
        raise ModelPackageError(
            f"The package's {task.name} does not fit its architecture: it needs one calibrator for each head and one "
            "conformal threshold for each class. Make the package again."
        )


def _load_network(path: Path, content: PackageContent) -> TaskNetwork:
    architecture = content.architecture
    backbone = Backbone(architecture.channels, architecture.depths, MODALITIES[content.transform.modality].channels)
    backbone.predictor = nn.Sequential()
    features = architecture.channels[3] * PARTS
    heads = {task.name: CosineHead(features, len(task.class_order), architecture.replicates) for task in content.tasks}
    network = TaskNetwork(backbone, heads)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError, OSError) as error:
        raise ModelPackageError(
            f"The weights in {path} do not fit the architecture that the package names: {error}. Make the package "
            "again from its training run."
        ) from error
    return network
