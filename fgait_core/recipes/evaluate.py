"""Measures a model package, as it is, on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fgait_core.data.labels import TASKS
from fgait_core.data.shards import read_shards
from fgait_core.model_package import ModelPackage
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.measure import measure_task, score_folder


def evaluate_package(
    folder: Path, data: Path, *, seed: int = 1, progress: Progress = ignore_progress
) -> dict[str, Any]:
    """Discrimination, calibration, operating point and conformal coverage of a package.

    Args:
        folder: of the package.
        data: shards of people whom the model never saw; that they are others is for the caller to make sure.
        seed: of draws and bootstrap samples.
        progress: told as it goes on.

    Raises:
        ModelPackageError: if the package is damaged.
        ConfigError: if the data do not fit the package.
    """
    package = ModelPackage.load(folder)
    shards = read_shards(data)
    logits = score_folder(package.network, shards, package.content.transform, progress=progress)
    measured: dict[str, Any] = {}
    for task in package.content.tasks:
        measured[task.name] = measure_task(
            TASKS[task.name],
            task.calibrators[0].calibrator().probabilities(logits[task.name][:, 0]),
            shards,
            threshold=task.operating_point.threshold,
            quantiles=task.quantiles(),
            coverage=task.coverage,
            seed=seed,
        )
    return {
        "model": {"name": package.name, "version": package.version, "sha256": package.sha256},
        "simulated": shards.manifest.get("simulated"),
        "tasks": measured,
    }
