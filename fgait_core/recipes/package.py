"""Makes a model package of a fine-tuning run: calibrate, fix the operating point, measure, write, and read it back."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from fgait_core import __version__
from fgait_core.config import FinetuneConfig, load_config
from fgait_core.data.labels import TASKS
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.errors import ConfigError
from fgait_core.evaluation.calibration import Calibrator, fit_calibrator
from fgait_core.evaluation.classification import one_row_a_person, threshold_for_sensitivity
from fgait_core.evaluation.conformal import fit_label_quantiles
from fgait_core.model_package import (
    ALIGNMENT,
    CARD_FILE,
    CONTENT_FILE,
    FILES,
    METRICS_FILE,
    SUMS_FILE,
    WEIGHTS_FILE,
    ArchitectureContent,
    CalibrationSummary,
    CalibratorContent,
    ModelPackage,
    OperatingPoint,
    PackageContent,
    TaskContent,
    Transform,
    file_sha256,
)
from fgait_core.models.heads import ScreeningNetwork
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.finetune import load_finetuned
from fgait_core.recipes.measure import baselines, measure_task, sequence_logits
from fgait_core.recipes.model_card import write_card
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

COVERAGE = 0.9
WANTED_SENSITIVITY = 0.8
KNOWN_GAPS = (
    "Trained, calibrated and tested on simulated walkers only: no figure here says anything about patients.",
    "The silhouettes of a real camera and segmenter differ from simulated ones; calibration does not carry over.",
    "Scoliosis and depression are simulated as doses of effects from the literature, not measured on people.",
    "Groups, clothes, aids and gait disorders that the simulator does not know were never seen.",
)


@dataclass(frozen=True, slots=True)
class PackageOrder:
    """What to make a package of.

    Attributes:
        run: folder of a fine-tuning run.
        calibration: shards of people for calibrators, conformal thresholds and the operating point.
        test: shards of people for everything that is reported.
        name: of the package.
        version: of the package.
        seed: of draws and bootstrap samples.
    """

    run: Path
    calibration: Path
    test: Path
    name: str
    version: str
    seed: int = 1


def build_package(order: PackageOrder, out: Path, *, progress: Progress = ignore_progress) -> ModelPackage:
    """Makes a package and reads it back.

    Args:
        order: what to make it of.
        out: folder of the package; an older package there is replaced only when the new one is complete.
        progress: told as it goes on.

    Returns:
        The package as loaded from `out`.

    Raises:
        ConfigError: if the splits share a person, or are not simulated data of this project.
        CheckpointError: if the run has no finished checkpoint.
    """
    config = load_config(order.run / "config.yaml", FinetuneConfig)
    network = load_finetuned(config, order.run)
    train, calibration, test = (read_shards(path) for path in (config.data, order.calibration, order.test))
    require_disjoint(train, calibration, test)
    if not all(folder.manifest.get("simulated") is True for folder in (train, calibration, test)):
        raise ConfigError(
            "`fgait package` knows only simulated data so far; a manifest does not say `simulated: true`."
        )
    transform = _transform(config, train)
    fitted_on = sequence_logits(network, calibration, transform, part_of(progress, 0.0, 0.3))
    tested_on = sequence_logits(network, test, transform, part_of(progress, 0.3, 0.8))
    tasks: list[TaskContent] = []
    metrics: dict[str, Any] = {"tasks": {}, "simulated": True, "created_by": f"fgait {__version__}"}
    for name in config.tasks:
        content, measured = _finish_task(name, fitted_on[name], tested_on[name], calibration, test, order.seed)
        tasks.append(content)
        metrics["tasks"][name] = measured
    progress(0.85, "measuring baselines")
    metrics["baselines"] = baselines(train, test, config.tasks, order.seed)
    metrics["data"] = {
        name: {"counts": folder.manifest.get("counts"), "sha256": folder.manifest.get("sha256")}
        for name, folder in (("train", train), ("calibration", calibration), ("test", test))
    }
    metrics["training"] = config.model_dump(mode="json")
    content = PackageContent(
        format=1,
        name=order.name,
        version=order.version,
        created_by=f"fgait {__version__}",
        simulated=True,
        training_data=_training_data(train),
        known_gaps=KNOWN_GAPS,
        people={"train": len(train.people), "calibration": len(calibration.people), "test": len(test.people)},
        architecture=_architecture(network, config),
        transform=transform,
        tasks=tuple(tasks),
    )
    _write(out, content, network, metrics)
    progress(1.0, "package written")
    return ModelPackage.load(out)


def _transform(config: FinetuneConfig, train: ShardFolder) -> Transform:
    return Transform(
        alignment=ALIGNMENT,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        binary_above=BINARY_ABOVE,
        frame_rate_hz=train.frame_rate_hz / config.clip.stride,
        window_frames=config.clip.frames,
        hop_frames=max(config.clip.frames // 4, 1),
    )


def _architecture(network: ScreeningNetwork, config: FinetuneConfig) -> ArchitectureContent:
    c1, c2, c3, c4 = network.backbone.channels
    d1, d2, d3, d4 = network.backbone.depths
    return ArchitectureContent(channels=(c1, c2, c3, c4), depths=(d1, d2, d3, d4), replicates=config.replicates)


def _training_data(train: ShardFolder) -> str:
    return (
        f"simulated walkers: {len(train.people)} people, {len(train)} sequences, generator "
        f"{train.manifest.get('generator_version')}, seed {train.manifest.get('seed')}"
    )


def _finish_task(
    name: str,
    fitted_on: NDArray[np.float64],
    tested_on: NDArray[np.float64],
    calibration: ShardFolder,
    test: ShardFolder,
    seed: int,
) -> tuple[TaskContent, dict[str, Any]]:
    """Calibrators, conformal thresholds and threshold from the calibration split, measures from the test split."""
    task = TASKS[name]
    known = calibration.labels[name] >= 0
    labels, person, logits = calibration.labels[name][known], calibration.person[known], fitted_on[known]
    rng = np.random.default_rng(seed)
    calibrators = fit_calibrators(logits, labels, person, rng)
    single = one_row_a_person(person, rng)
    probabilities = calibrators[0].probabilities(logits[single, 0])
    quantiles = fit_label_quantiles(probabilities, labels[single], COVERAGE)
    positive = task.positive_index
    threshold = threshold_for_sensitivity(probabilities[:, positive], labels[single] == positive, WANTED_SENSITIVITY)
    measured = measure_task(
        task,
        calibrators[0].probabilities(tested_on[:, 0]),
        test,
        threshold=threshold,
        quantiles=quantiles,
        coverage=COVERAGE,
        seed=seed,
    )
    content = TaskContent(
        name=name,
        class_order=task.class_order,
        positive_class=task.positive_class,
        calibrators=tuple(_plain(each) for each in calibrators),
        conformal_quantiles=tuple(_number(value) for value in quantiles),
        coverage=COVERAGE,
        operating_point=OperatingPoint(
            rule=f"highest threshold with a sensitivity of at least {WANTED_SENSITIVITY:.2f} on the calibration split",
            **measured["operating_point"],
        ),
        calibration=CalibrationSummary(**measured["calibration"]),
    )
    return content, measured


def fit_calibrators(
    logits: NDArray[np.float64], labels: NDArray[np.int64], person: NDArray[np.str_], rng: np.random.Generator
) -> list[Calibrator]:
    """One calibrator for each head; those of the replicates on bootstrap samples of the people.

    Args:
        logits: float64 `[sequence, 1 + replicates, class]`.
        labels: int64 `[sequence]`.
        person: `[sequence]`.
        rng: source of the bootstrap samples.
    """
    names, owner = np.unique(person, return_inverse=True)
    fitted = [fit_calibrator(logits[:, 0], labels)]
    for replicate in range(1, logits.shape[1]):
        weights = rng.poisson(1.0, size=len(names))[owner].astype(np.float64)
        fitted.append(fit_calibrator(logits[:, replicate], labels, weights))
    return fitted


def _plain(calibrator: Calibrator) -> CalibratorContent:
    weight = tuple(tuple(float(value) for value in row) for row in calibrator.weight)
    return CalibratorContent(weight=weight, bias=tuple(float(value) for value in calibrator.bias))


def _number(value: float) -> float | Literal["inf"]:
    return value if np.isfinite(value) else "inf"


def _write(out: Path, content: PackageContent, network: ScreeningNetwork, metrics: dict[str, Any]) -> None:
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {key: value for key, value in network.state_dict().items() if not key.startswith("backbone.predictor.")}
    save_file({key: value.contiguous() for key, value in weights.items()}, partial / WEIGHTS_FILE)
    (partial / WEIGHTS_FILE).chmod(0o644)
    (partial / CONTENT_FILE).write_text(content.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (partial / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    (partial / CARD_FILE).write_text(write_card(content, metrics), encoding="utf-8")
    sums = "".join(f"{file_sha256(partial / name)}  {name}\n" for name in FILES)
    (partial / SUMS_FILE).write_text(sums, encoding="utf-8")
    ModelPackage.load(partial)
    shutil.rmtree(out, ignore_errors=True)
    os.replace(partial, out)
