"""Fits a candidate to confirmed outcomes: from a model package and development people to a complete package.

What may change is the protocol's scope. No gate person is read here. The figures of the package that is written are
out of fold; `final_package.finish` puts those of the gate in their place.
"""

from __future__ import annotations

from pathlib import Path

import torch

from fgait_core.config import RetrainConfig, load_config, save_config
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.labels import TASKS
from fgait_core.data.shards import read_shards
from fgait_core.distributed import choose_device
from fgait_core.errors import ConfigError
from fgait_core.model_package import ModelPackage
from fgait_core.package_files import CONTENT_FILE
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of
from fgait_core.recipes.package import package_weights, write_package
from fgait_core.recipes.retraining.adapt import adapt, adapted_views, moved_vectors
from fgait_core.recipes.retraining.development import Development, class_vectors, read_development
from fgait_core.recipes.retraining.encoder import train_encoder
from fgait_core.recipes.retraining.provisional import (
    guard_content,
    measured_out_of_fold,
    metrics_of,
    package_content,
    task_content,
)
from fgait_core.training.log import ENVIRONMENT, note_environment

FITTED = "fitted"
_READ, _ADAPTED = 0.6, 0.9


def fit(
    config: RetrainConfig,
    run: Path,
    *,
    base: ModelPackage | None = None,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ModelPackage:
    """Fits a candidate, or goes on where a stopped run of the same configuration ended.

    Args:
        config: what to do.
        run: run folder; gets the configuration, the log, and the package in `fitted/`.
        base: the package that `config.base` names, where it is loaded already.
        progress: told as it goes on.
        cancelled: asked often whether to stop.

    Returns:
        The package as loaded from `fitted/`.

    Raises:
        ConfigError: if there are too few people, or the folder holds a run of another configuration.
        ModelPackageError: if the base is damaged or does not fit this software.
        OperationCancelled: if the user asked for a stop; what was trained so far is kept.
    """
    _claim(run, config)
    out = run / FITTED
    if (out / CONTENT_FILE).is_file():
        return ModelPackage.load(out)
    task = TASKS.get(config.protocol.task)
    base = base or ModelPackage.load(config.base)
    if task is None or task.name not in base.tasks:
        raise ConfigError(f"{base.name} {base.version} does not screen for {config.protocol.task}.")
    device = choose_device(config.protocol.budget.device)
    start, folder, taught = 0.0, read_shards(config.development), base
    if config.protocol.changes_encoder:
        (taught, folder), start = train_encoder(config, base, run, part_of(progress, 0.0, 0.8), cancelled), 0.8
    rest = part_of(progress, start, 1.0)
    people = read_development(taught, task, folder, str(device), part_of(rest, 0.0, _READ), cancelled)
    note_environment(run / ENVIRONMENT, device)
    _write_candidate(config, base, taught, people, out, part_of(rest, _READ, _ADAPTED), cancelled)
    progress(1.0, "candidate written")
    return ModelPackage.load(out)


def _claim(run: Path, config: RetrainConfig) -> None:
    """Writes the configuration; refuses a folder where something was made by another one."""
    run.mkdir(parents=True, exist_ok=True)
    theirs = run / RUN_CONFIG
    made = any(path != theirs for path in run.iterdir())
    if made and theirs.is_file() and load_config(theirs, RetrainConfig) != config:
        raise ConfigError(f"{run} holds a retraining of another configuration. Name another folder.")
    save_config(theirs, config)


def _write_candidate(
    config: RetrainConfig,
    base: ModelPackage,
    taught: ModelPackage,
    people: Development,
    out: Path,
    progress: Progress,
    cancelled: Cancelled,
) -> None:
    """Adapts `taught`, which is the base or has the base's network with a trained encoder."""
    task, protocol = TASKS[config.protocol.task], config.protocol
    content = next(each for each in taught.content.tasks if each.name == task.name)
    adapted = adapt(people, task.positive_index or 0, protocol, config.prior_weight, progress, cancelled)
    moved = moved_vectors(content, class_vectors(taught, task.name), adapted.heads)
    measured = measured_out_of_fold(task, adapted, people, protocol.coverage, protocol.seed)
    retrained = task_content(content, adapted_views(content, moved, adapted, people), measured, config)
    guard, alarms = guard_content(taught.content.typicality, people, protocol.seed)
    whole = package_content(base, taught.content, retrained, guard, people, config)
    weights = package_weights(taught.network, whole, taught.guard)
    if protocol.scope == "head":
        prefix = f"heads.{task.name}."
        vectors = torch.from_numpy(moved).float()
        weights |= {f"{prefix}fc_bin": vectors[:1], f"{prefix}replicates": vectors[1:]}
    metrics_folder = config.base if taught is base else out.with_name("trained")
    write_package(out, whole, weights, metrics_of(metrics_folder, task.name, measured, alarms, whole))
