"""Walks `root/<id>/<type>/<view>` in the order of names, holding no more than one listing of each level."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fgait_core.data.public.findings import SequenceFault
from fgait_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in the layout: of a sequence, or one that has no folder below it although it should.

    Attributes:
        identity: folder of the first level.
        type: folder of the second level; "" where the id has none.
        view: folder of the third level; "" where the type has none.
    """

    identity: str
    type: str
    view: str

    @property
    def name(self) -> str:
        """ "id/type/view", shorter for an empty folder."""
        return "/".join(level for level in (self.identity, self.type, self.view) if level)


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


def walk(root: Path, ids: Sequence[str]) -> Iterator[Place]:
    """Every sequence's folder of these ids, in order; an id or type without folders comes as a shorter place."""
    for identity in ids:
        types = folder_names(root / identity)
        if not types:
            yield Place(identity, "", "")
        for type_name in types:
            views = folder_names(root / identity / type_name)
            if not views:
                yield Place(identity, type_name, "")
            for view in views:
                yield Place(identity, type_name, view)


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
