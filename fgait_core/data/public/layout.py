"""Walks `root/<id>/<type>/<view>` in the order of names, holding no more than one listing of each level."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fgait_core.data.public.findings import SequenceFault
from fgait_core.errors import ConfigError

LEVELS = 3
"""Id, type and view."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in the layout: of a sequence, or one that should lead to sequences and does not.

    Attributes:
        levels: names of id, type and view; fewer where the folder does not lead further.
        why: why it leads to no sequence; "" for a sequence.
    """

    levels: tuple[str, ...]
    why: str = ""

    @property
    def name(self) -> str:
        """ "id/type/view", shorter for a folder that does not lead further."""
        return "/".join(self.levels)


def folder_names(path: Path | str) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones are no data.

    Raises:
        ConfigError: if the folder cannot be read.
    """
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError as error:
        raise ConfigError(f"The folder {path} cannot be read: {error.strerror}.") from error


def is_text(name: str) -> bool:
    """Whether a name of a folder is UTF-8; Python marks bytes that are not with half characters."""
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def walk(root: Path, ids: Sequence[str]) -> Iterator[Place]:
    """Every sequence's folder of these ids, in order; a folder that leads to none comes as a place that says why."""
    for identity in ids:
        yield from _below(root, (identity,))


def _below(root: Path, levels: tuple[str, ...]) -> Iterator[Place]:
    if not is_text(levels[-1]):
        yield Place((*levels[:-1], ascii(levels[-1])), "its name is no UTF-8; rename it")
        return
    if len(levels) == LEVELS:
        yield Place(levels)
        return
    try:
        names = folder_names(root.joinpath(*levels))
    except ConfigError as error:
        yield Place(levels, str(error))
        return
    if not names:
        yield Place(levels, f"{root.joinpath(*levels)} has no folder in it")
    for name in names:
        yield from _below(root, (*levels, name))


def file_names(folder: Path, suffixes: Collection[str]) -> list[str]:
    """Names of the files in a folder with one of these endings, sorted; hidden ones are no data.

    Raises:
        SequenceFault: if the folder cannot be read or has no such file.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise SequenceFault("unreadable", f"the folder cannot be read: {error.strerror}") from error
    wanted = sorted(name for name in names if os.path.splitext(name)[1].lower() in suffixes)
    if not wanted:
        raise SequenceFault("empty", f"the folder has no file with the ending {', '.join(sorted(suffixes))}")
    return wanted


def choose_file(names: Sequence[str], choice: int | str) -> str:
    """One of a sequence's files, by its place in the sorted names (from 0) or by a pattern such as `*pose*`.

    Raises:
        SequenceFault: if there is none, or the pattern fits several.
    """
    if isinstance(choice, int):
        if not 0 <= choice < len(names):
            raise SequenceFault("empty", f"the folder has {len(names)} files; number {choice} (from 0) is wanted")
        return names[choice]
    fitting = [name for name in names if fnmatch(name, choice)]
    if len(fitting) != 1:
        raise SequenceFault("empty", f"{len(fitting)} of {len(names)} files fit {choice!r}; exactly one must")
    return fitting[0]
