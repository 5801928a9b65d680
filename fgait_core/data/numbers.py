"""Numbers of each sequence that a regression learns to tell, such as angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import RegressionTask
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError


def numbers_of(task: RegressionTask, folders: Sequence[ShardFolder]) -> list[NDArray[np.float32]]:
    """The numbers of all sequences.

    Args:
        task: which columns.
        folders: of shards. A folder without a column has no number there; one of them must have it.

    Returns:
        For each folder float32 `[sequence, column]`; NaN where there is no number.

    Raises:
        ConfigError: if no folder has a column, a cell is no number, or a column is the same everywhere.
    """
    columns = [_column(folders, name) for name in task.columns]
    return [np.stack(of_folder, axis=1) for of_folder in zip(*columns, strict=True)]


def mean_and_spread(numbers: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column over several folders: float64 `[column]` each; NaN do not count."""
    every = np.concatenate(numbers).astype(np.float64)
    return np.nanmean(every, axis=0), np.nanstd(every, axis=0)


def _column(folders: Sequence[ShardFolder], name: str) -> list[NDArray[np.float32]]:
    numbers = [_parsed(folder, name) for folder in folders]
    every = np.concatenate(numbers)
    known = every[~np.isnan(every)]
    where = ", ".join(str(folder.path) for folder in folders)
    if not len(known):
        there = ", ".join(sorted({column for folder in folders for column in folder.columns}))
        raise ConfigError(f"Nobody in {where} has a number in a column {name!r}; there are the columns {there}.")
    if np.ptp(known) == 0:
        raise ConfigError(f"The column {name!r} of {where} is {known[0]:g} everywhere: there is nothing to learn.")
    return numbers


def _parsed(folder: ShardFolder, name: str) -> NDArray[np.float32]:
    if name not in folder.columns:
        return np.full(len(folder), np.nan, np.float32)
    texts = folder.column(name)
    try:
        return np.where(texts == "", "nan", texts).astype(np.float32)
    except ValueError as error:
        raise ConfigError(
            f"The column {name!r} of {folder.path} holds something that is no number: {error}."
        ) from error
