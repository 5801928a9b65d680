"""Model packages, loaded with every check of the engine, and what the registry keeps of them.

The engine is imported where it is used only: importing it loads the networks' library, which pages do not need.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fgait_core.errors import ModelPackageError

if TYPE_CHECKING:
    from fgait_core.model_package import ModelPackage
    from fgait_core.package_content import TaskContent


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What the registry keeps of a package.

    Attributes:
        metrics: training data, known gaps, people, tasks, guard, attributes, adaptation, and figures of each task.
    """

    name: str
    version: str
    sha256: str
    simulated: bool
    metrics: dict[str, Any]

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def load_package(folder: Path, named: str) -> ModelPackage:
    """Loads a package with every check of the engine.

    Args:
        folder: of the package.
        named: what the package is called in a sentence for the user, instead of its folder; without "the".

    Raises:
        ModelPackageError: if it is damaged or was made for another transform, class order or architecture.
    """
    from fgait_core.model_package import ModelPackage

    try:
        return ModelPackage.load(folder)
    except ModelPackageError as error:
        raise ModelPackageError(_without_folder(str(error), folder, named)) from error


def _without_folder(sentence: str, folder: Path, named: str) -> str:
    for written, words in (
        (f"the model package {folder} ", f"the {named} "),
        (f"{folder}{os.sep}", ""),
        (str(folder), f"The {named}"),
    ):
        sentence = sentence.replace(written, words)
    return sentence


def package_facts(package: ModelPackage) -> PackageFacts:
    """What the registry keeps of a loaded package."""
    from fgait_core.inference import model_facts

    content, guard = package.content, package.content.typicality
    wanted = {"training_data", "known_gaps", "people", "adapted_on"}
    metrics = model_facts(package).model_dump(mode="json", include=wanted) | {
        "tasks": list(package.tasks),
        "false_alarms": [
            guard.false_alarm_rate,
            guard.measured_false_alarm_rate,
            *guard.measured_false_alarm_interval,
        ],
        "attributes": [attribute.name for attribute in content.attributes],
        "adaptation": content.adaptation.model_dump(mode="json") if content.adaptation else None,
        "figures": {task.name: _figures(task) for task in content.tasks},
    }
    return PackageFacts(package.name, package.version, package.sha256, package.simulated, _finite(metrics))


def _figures(task: TaskContent) -> dict[str, Any]:
    point, calibration = task.operating_point, task.calibration
    figures = point.model_dump(include={"threshold", "sensitivity", "specificity", "n_positive", "n_negative"})
    return figures | calibration.model_dump(include={"ece", "slope"})


def _finite(value: Any) -> Any:
    """A copy in which what is no number is None: JSON of databases knows neither infinity nor NaN."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in cast("dict[object, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in cast("Iterable[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
