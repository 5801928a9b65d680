"""Makes a model package of a fine-tuning run: calibrate, fix the operating point, measure, write, and read it back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import Tensor, from_numpy

from fgait_core import __version__
from fgait_core.config import ClassificationTask, FinetuneConfig, load_config, load_run_config
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.labels import ATTRIBUTES, TASKS, people_of
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.evaluation.typicality import Typicality, fit_typicality
from fgait_core.model_package import ModelPackage
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import (
    ArchitectureContent,
    PackageContent,
    Transform,
)
from fgait_core.package_files import (
    CARD_FILE,
    CONTENT_FILE,
    FILES,
    METRICS_FILE,
    SUMS_FILE,
    TYPICALITY_PREFIX,
    WEIGHTS_FILE,
    file_sha256,
)
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.baselines import baselines
from fgait_core.recipes.finetune import load_finetuned
from fgait_core.recipes.measure_typicality import measure_detection
from fgait_core.recipes.model_card import write_card
from fgait_core.recipes.package_finish import finish_attribute, finish_guard, finish_task, judge
from fgait_core.recipes.scoring import pooled_windows, transform_of

TYPICAL_WINDOWS = 4000
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
        ConfigError: if the splits share a person, are not simulated data of this project, the run has no task that
            the product screens for, or `out` holds something else than a package.
        CheckpointError: if the run has no finished checkpoint.
    """
    require_replaceable(out)
    config = load_config(order.run / RUN_CONFIG, FinetuneConfig)
    tasks, attributes = _screening_tasks(config), _attributes(config)
    network = load_finetuned(config, order.run)
    train = [read_shards(each.path) for each in config.data]
    folders = read_shards(order.calibration), read_shards(order.test)
    _require_usable(config, train, *folders)
    transform = transform_of(config, train[0].frame_rate_hz)
    guard = _guard(network, train, transform, order.seed, part_of(progress, 0.0, 0.1))
    calibration = judge(network, folders[0], transform, guard, part_of(progress, 0.1, 0.4))
    test = judge(network, folders[1], transform, guard, part_of(progress, 0.4, 0.7))
    progress(0.7, "fitting calibrators and measuring")
    screening = {task.name: finish_task(task, calibration, test, order.seed) for task in tasks}
    known = {task.name: finish_attribute(task, calibration, test, order.seed) for task in attributes}
    typicality, alarms = finish_guard(guard, calibration, test, order.seed)
    content = PackageContent(
        format=2,
        name=order.name,
        version=order.version,
        created_by=f"fgait {__version__}",
        simulated=True,
        training_data=_training_data(train),
        known_gaps=KNOWN_GAPS,
        people={"train": people_of(train), "calibration": len(folders[0].people), "test": len(folders[1].people)},
        architecture=_architecture(network, config),
        transform=transform,
        tasks=tuple(each for each, _ in screening.values()),
        attributes=tuple(each for each, _ in known.values()),
        typicality=typicality,
    )
    noticed = measure_detection(network, guard, content, test.folder, order.seed, part_of(progress, 0.8, 0.9))
    progress(0.9, "measuring baselines")
    metrics = {
        "simulated": True,
        "created_by": f"fgait {__version__}",
        "tasks": {name: measured for name, (_, measured) in screening.items()},
        "attributes": {name: measured for name, (_, measured) in known.items()},
        "typicality": alarms | {"noticed": noticed},
        "baselines": baselines(train, test.folder, tasks, order.seed),
        "data": {
            "train": [_facts(each) for each in train],
            "calibration": _facts(calibration.folder),
            "test": _facts(test.folder),
        },
        "training": config.model_dump(mode="json"),
    }
    write_package(out, content, package_weights(network, content, guard), metrics)
    progress(1.0, "package written")
    return ModelPackage.load(out)


def _guard(
    network: TaskNetwork, train: Sequence[ShardFolder], transform: Transform, seed: int, progress: Progress
) -> Typicality:
    rng = np.random.default_rng(seed)
    return fit_typicality(pooled_windows(network, train, transform, TYPICAL_WINDOWS, rng, progress))


def _attributes(config: FinetuneConfig) -> tuple[ClassificationTask, ...]:
    """The tasks of a run that are attributes of the person."""
    tasks = tuple(task for task in config.tasks if isinstance(task, ClassificationTask) and task.name in ATTRIBUTES)
    other = [task.name for task in tasks if task.classes != ATTRIBUTES[task.name].classes]
    if other:
        known = "; ".join(f"{name}: {', '.join(each.classes)}" for name, each in ATTRIBUTES.items())
        raise ConfigError(f"A package's attributes are {known}; the run has other classes for {', '.join(other)}.")
    return tasks


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


def package_weights(network: TaskNetwork, content: PackageContent, guard: Typicality) -> dict[str, Tensor]:
    """Backbone without predictor, heads (those of attributes without replicates) and guard."""
    screening = tuple(f"heads.{task.name}." for task in content.tasks)
    attributes = tuple(f"heads.{each.name}." for each in content.attributes)
    weights = {TYPICALITY_PREFIX + name: from_numpy(array) for name, array in guard.arrays().items()}
    for key, value in network.state_dict().items():
        if (key.startswith("backbone.") and not key.startswith("backbone.predictor.")) or key.startswith(screening):
            weights[key] = value
        elif key.startswith(attributes):
            weights[key] = value[:0] if key.endswith(".replicates") else value
    return weights


def require_replaceable(out: Path) -> None:
    """Before the work, and before anything is removed: a package takes the place of a package and of nothing else.

    Raises:
        ConfigError: if `out` holds something else.
    """
    is_package = all((out / name).is_file() for name in (CONTENT_FILE, SUMS_FILE))
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not is_package):
        raise ConfigError(f"{out} is there and is no model package. Name a new folder, or that of an older package.")


def write_package(out: Path, content: PackageContent, weights: dict[str, Tensor], metrics: dict[str, Any]) -> None:
    """Writes a package and reads it back before it takes its place.

    Args:
        out: folder of the package; an older package there is replaced.
        content: everything but weights and measures.
        weights: of `package_weights`, or as an older package's file holds them.
        metrics: what was measured; the card is written from it.

    Raises:
        ModelPackageError: if weights and content do not fit each other.
    """
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
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
