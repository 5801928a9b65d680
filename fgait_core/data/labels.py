"""What each sequence of the training data should be called, task by task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import SCREENING_TASKS, AttributesTask, ClassificationTask, IdentificationTask
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError

UNKNOWN = -1
"""Label of a sequence that has none for a task."""

TASKS = {name: ClassificationTask.model_validate(task) for name, task in SCREENING_TASKS.items()}
"""The classifications that the product screens for, by name."""

ATTRIBUTES = {
    "sex": ClassificationTask(name="sex", classes=("female", "male")),
    "age_group": ClassificationTask(name="age_group", classes=("6-12", "13-17", "18-39", "40-64", "65-90")),
}
"""What a package may say of the person beside the screening tasks; ages in years, both ends included."""


def people_of(folders: Sequence[ShardFolder]) -> int:
    """How many people several folders hold; the same name in two folders is two people, as published."""
    return sum(len(folder.people) for folder in folders)


def targets_of(
    task: ClassificationTask | IdentificationTask | AttributesTask, folders: Sequence[ShardFolder]
) -> list[NDArray[np.int64]]:
    """Labels of all sequences.

    Args:
        task: what to learn.
        folders: of shards. A folder without the column has no labels for the task; one of them must have it.

    Returns:
        For each folder int64 `[sequence]`: the class, or for identification the number of the person over all folders;
        for attributes `[sequence, attribute]`, the value. `UNKNOWN` where there is no label.

    Raises:
        ConfigError: if no folder has the column, nobody has a label, or there is an unknown class.
    """
    if isinstance(task, IdentificationTask):
        first = np.cumsum([0, *(len(folder.people) for folder in folders)])
        return [folder.person_number + start for folder, start in zip(folders, first.tolist(), strict=False)]
    if isinstance(task, AttributesTask):
        columns = [_column(folders, name, values) for name, values in task.attributes.items()]
        return [np.stack(of_folder, axis=1) for of_folder in zip(*columns, strict=True)]
    return _column(folders, task.data_column, task.classes)


def _column(folders: Sequence[ShardFolder], column: str, classes: tuple[str, ...]) -> list[NDArray[np.int64]]:
    labels = [
        folder.labels(column, classes) if column in folder.columns else np.full(len(folder), UNKNOWN, np.int64)
        for folder in folders
    ]
    if all((each == UNKNOWN).all() for each in labels):
        known = sorted({name for folder in folders for name in folder.columns})
        raise ConfigError(
            f"Nobody in {', '.join(str(folder.path) for folder in folders)} has a label in a column {column!r}; there "
            f"are the columns {', '.join(known)}. Name the right one as `column` of the task."
        )
    return labels
