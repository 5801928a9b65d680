"""Makes a model package of a fine-tuning run: calibrate, fix the operating point, measure, write, and read it back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from fgait_core import __version__
from fgait_core.config import ClassificationTask, FinetuneConfig, load_config, load_run_config
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.labels import TASKS, people_of, targets_of
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.evaluation.calibration import Calibrator, fit_calibrator
from fgait_core.evaluation.classification import one_row_a_person, threshold_for_sensitivity
from fgait_core.evaluation.conformal import fit_label_quantiles
from fgait_core.model_package import (
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
    file_sha256,
)
from fgait_core.models.heads import TaskNetwork
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.baselines import baselines
from fgait_core.recipes.finetune import load_finetuned
from fgait_core.recipes.measure import measure_task
from fgait_core.recipes.model_card import write_card
from fgait_core.recipes.scoring import score_folder, transform_of

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
        run: folder of a fine-tuning run or a probe.
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
        ConfigError: if the splits share a person, are not simulated data of this project, or the run has no task that
            the product screens for.
        CheckpointError: if the run has no finished checkpoint.
    """
    config = load_config(order.run / RUN_CONFIG, FinetuneConfig)
    tasks = _screening_tasks(config)
    network = load_finetuned(config, order.run)
    train = [read_shards(each.path) for each in config.data]
    calibration, test = read_shards(order.calibration), read_shards(order.test)
    _require_usable(config, train, calibration, test)
    transform = transform_of(config, train[0].frame_rate_hz)
    fitted_on = score_folder(network, calibration, transform, progress=part_of(progress, 0.0, 0.3))
    tested_on = score_folder(network, test, transform, progress=part_of(progress, 0.3, 0.8))
    contents: list[TaskContent] = []
    metrics: dict[str, Any] = {"tasks": {}, "simulated": True, "created_by": f"fgait {__version__}"}
    for task in tasks:
        content, measured = _finish_task(
            task, fitted_on[task.name], tested_on[task.name], calibration, test, order.seed
        )
        contents.append(content)
        metrics["tasks"][task.name] = measured
    progress(0.85, "measuring baselines")
    metrics["baselines"] = baselines(train, test, tasks, order.seed)
    metrics["data"] = {
        "train": [_facts(folder) for folder in train],
        "calibration": _facts(calibration),
        "test": _facts(test),
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
        people={"train": people_of(train), "calibration": len(calibration.people), "test": len(test.people)},
        architecture=_architecture(network, config),
        transform=transform,
        tasks=tuple(contents),
    )
    _write(out, content, network, metrics)
    progress(1.0, "package written")
    return ModelPackage.load(out)


def _screening_tasks(config: FinetuneConfig) -> tuple[ClassificationTask, ...]:
    """The tasks of a run that the product screens for; heads of others stay out of the package."""
    tasks = tuple(
        task for task in config.tasks if isinstance(task, ClassificationTask) and task.positive and task.name in TASKS
    )
    other = [task.name for task in tasks if (task.classes, task.positive) != _meaning(TASKS[task.name])]
    if other or not tasks:
        known = [f"{name}: {', '.join(each.classes)}, positive {each.positive}" for name, each in TASKS.items()]
        raise ConfigError(
            f"A package needs classifications with a positive class that the product screens for ({'; '.join(known)}). "
            f"The run has {', '.join(task.name for task in config.tasks)}"
            f"{f', where {other[0]} has other classes' if other else ''}. Measure other tasks with `fgait evaluate`."
        )
    return tasks


def _meaning(task: ClassificationTask) -> tuple[tuple[str, ...], str | None]:
    return task.classes, task.positive


def _require_usable(
    config: FinetuneConfig, train: Sequence[ShardFolder], calibration: ShardFolder, test: ShardFolder
) -> None:
    """Refuses splits that share people, also with those whom the encoder was pre-trained on, and real data."""
    for folder in (*train, *_pretrained_on(config)):
        require_disjoint(folder, calibration, test)
    if not all(folder.manifest.get("simulated") is True for folder in (*train, calibration, test)):
        raise ConfigError(
            "`fgait package` knows only simulated data so far; a manifest does not say `simulated: true`."
        )
    if len({folder.frame_rate_hz for folder in train}) > 1:
        raise ConfigError("A package needs training data of one frame rate; this run's data sets have several.")


def _pretrained_on(config: FinetuneConfig) -> list[ShardFolder]:
    """Data sets of the pre-training that the run began with, where its folder and they are still there."""
    if config.initial is None or not (config.initial / RUN_CONFIG).is_file():
        return []
    data = load_run_config(config.initial).data
    return [read_shards(each.path) for each in data if each.path.is_dir()]


def _facts(folder: ShardFolder) -> dict[str, Any]:
    files = {name: facts["sha256"] for name, facts in folder.manifest["files"].items()}
    return {"counts": folder.manifest.get("counts"), "sha256": files}


def _architecture(network: TaskNetwork, config: FinetuneConfig) -> ArchitectureContent:
    c1, c2, c3, c4 = network.backbone.channels
    d1, d2, d3, d4 = network.backbone.depths
    return ArchitectureContent(channels=(c1, c2, c3, c4), depths=(d1, d2, d3, d4), replicates=config.replicates)


def _training_data(train: Sequence[ShardFolder]) -> str:
    return "; ".join(
        f"simulated walkers: {len(folder.people)} people, {len(folder)} sequences, generator "
        f"{folder.manifest.get('generator_version')}, seed {folder.manifest.get('seed')}"
        for folder in train
    )


def _finish_task(
    task: ClassificationTask,
    fitted_on: NDArray[np.float64],
    tested_on: NDArray[np.float64],
    calibration: ShardFolder,
    test: ShardFolder,
    seed: int,
) -> tuple[TaskContent, dict[str, Any]]:
    """Calibrators, conformal thresholds and threshold from the calibration split, measures from the test split."""
    (true,) = targets_of(task, [calibration])
    known = true >= 0
    labels, person, logits = true[known], calibration.person[known], fitted_on[known]
    missing = [name for number, name in enumerate(task.classes) if not (labels == number).any()]
    if missing:
        raise ConfigError(f"Nobody in {calibration.path} is {missing[0]!r} of {task.name}, which calibration needs.")
    rng = np.random.default_rng(seed)
    calibrators = fit_calibrators(logits, labels, person, rng)
    single = one_row_a_person(person, rng)
    probabilities = calibrators[0].probabilities(logits[single, 0])
    quantiles = fit_label_quantiles(probabilities, labels[single], COVERAGE)
    positive = task.classes.index(task.positive or "")
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
        name=task.name,
        class_order=task.classes,
        positive_class=task.positive or "",
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


def _write(out: Path, content: PackageContent, network: TaskNetwork, metrics: dict[str, Any]) -> None:
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    kept = ("backbone.", *(f"heads.{task.name}." for task in content.tasks))
    weights = {
        key: value
        for key, value in network.state_dict().items()
        if key.startswith(kept) and not key.startswith("backbone.predictor.")
    }
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
