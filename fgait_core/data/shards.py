"""Reads folders of sequences, any frame of any sequence at random, without loading them all.

A folder holds `shard-00000.arrow ...` (Arrow IPC files of one record batch, written by `shard_writer`) and
`manifest.json`, which is written last. A row of a file is a sequence: `sequence` (its key), `person`, `frames`,
`silhouettes` and, where the folder has them, `poses`, `parsing` and further columns of text, int or float.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fgait_core.data.shard_files import (
    MODALITY_BYTES,
    FrameWindow,
    ShardFile,
    check_file,
    read_manifest,
    whole_numbers,
)
from fgait_core.errors import ConfigError
from fgait_core.progress import Progress, ignore_progress
from fgait_core.sequence import HEIGHT_PX, JOINTS, WIDTH_PX

SHADOWS = ("view_deg", "clothing", "carrying", "sex", "age_years")
"""Columns that must not give a label away."""


class ShardFolder:
    """Sequences with their labels. Cheap to send to another process, which opens the files again.

    Args:
        path: the folder.
        manifest: content of `manifest.json`.
        files: in the order of their numbers.

    Attributes:
        path: the folder.
        manifest: content of `manifest.json`.
        frame_rate_hz: of all sequences.
        frames: int64 `[sequence]`.
        first_frame: int64 `[sequence]`, number of the first frame among the frames of all files.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], files: Sequence[ShardFile]) -> None:
        self.path = path
        self.manifest = manifest
        self.frame_rate_hz = float(manifest["frame_rate_hz"])
        self.frames: NDArray[np.int64] = np.concatenate([file.frames for file in files])
        self.first_frame: NDArray[np.int64] = np.cumsum(self.frames) - self.frames
        self._files = tuple(files)
        self._windows = {name: FrameWindow([file.modalities[name] for file in files]) for name in self.modalities}

    def __reduce__(self) -> tuple[Any, ...]:
        return read_shards, (self.path,)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Which of "silhouettes", "poses" and "parsing" the sequences have."""
        return tuple(self._files[0].modalities)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names that `column` knows."""
        return tuple(name for name in self._files[0].batch.schema.names if name not in MODALITY_BYTES)

    def column(self, name: str) -> NDArray[np.str_]:
        """A column as text `[sequence]`: "" where there is no value, numbers like "12.5".

        Raises:
            ConfigError: if there is no such column.
        """
        values, codes = self._coded(name)
        return np.array(values, np.str_)[codes]

    def _coded(self, name: str) -> tuple[list[str], NDArray[np.int64]]:
        """The different values of a column as text, and for each sequence which it has."""
        if name not in self.columns:
            raise ConfigError(f"{self.path} has no column {name!r}; it has {', '.join(self.columns)}.")
        stored = pa.chunked_array([file.batch.column(name) for file in self._files])
        coded = stored.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
        return coded.dictionary.to_pylist(), whole_numbers(coded.indices)

    @cached_property
    def keys(self) -> NDArray[np.str_]:
        """The unique key of each sequence, `[sequence]`."""
        return self.column("sequence")

    @cached_property
    def _owners(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        names, codes = self._coded("person")
        order = np.argsort(np.array(names, np.str_))
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        return tuple(names[place] for place in order.tolist()), rank[codes]

    @property
    def people(self) -> tuple[str, ...]:
        """Names of all people, sorted."""
        return self._owners[0]

    @property
    def person_number(self) -> NDArray[np.int64]:
        """Whose each sequence is: int64 `[sequence]`, index into `people`."""
        return self._owners[1]

    @property
    def person(self) -> NDArray[np.str_]:
        """Whose each sequence is: names `[sequence]`."""
        return np.array(self.people)[self.person_number]

    def labels(self, column: str, classes: tuple[str, ...]) -> NDArray[np.int64]:
        """A column as numbers of classes.

        Returns:
            int64 `[sequence]`, index into `classes`; -1 where there is no value.

        Raises:
            ConfigError: if the column is missing or has another class.
        """
        found, codes = self._coded(column)
        unknown = set(found) - {"", *classes}
        if unknown:
            raise ConfigError(
                f"{min(unknown)!r} in column {column} of {self.path} is no class; known ones: {', '.join(classes)}."
            )
        return np.array([classes.index(text) if text else -1 for text in found], np.int64)[codes]

    def take_packed(self, rows: NDArray[np.int64], modality: str = "silhouettes") -> NDArray[np.uint8]:
        """Single frames as they are stored.

        Args:
            rows: int64, any shape: numbers among the frames of all files.
            modality: one of `modalities`.

        Returns:
            uint8 `[*rows, bytes]`.

        Raises:
            ConfigError: if the folder has no such modality.
            IndexError: if there is no such frame.
        """
        if modality not in self.modalities:
            raise ConfigError(f"{self.path} has no {modality}; it has {', '.join(self.modalities)}.")
        return self._windows[modality].take(rows)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Silhouettes of single frames, see `take_packed`: uint8 `[*rows, 64, 44]`, 0 or 1."""
        return np.unpackbits(self.take_packed(rows), axis=-1).reshape(*rows.shape, HEIGHT_PX, WIDTH_PX)

    def take_poses(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Poses of single frames: float32 `[*rows, 17, 3]`, COCO's joints, x and y in source pixels and confidence."""
        return self.take_packed(rows, "poses").view("<f4").reshape(*rows.shape, JOINTS, 3)

    def take_parsing(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Body parts of single frames: uint8 `[*rows, 64, 44]`, 0 (background) to 15."""
        packed = self.take_packed(rows, "parsing")
        pairs = np.empty((*packed.shape, 2), np.uint8)
        pairs[..., 0], pairs[..., 1] = packed >> 4, packed & 15
        return pairs.reshape(*rows.shape, HEIGHT_PX, WIDTH_PX)

    def sequence(self, index: int) -> NDArray[np.uint8]:
        """All silhouettes of one sequence, uint8 `[frame, 64, 44]`, 0 or 1."""
        start = self.first_frame[index]
        return self.take(np.arange(start, start + self.frames[index]))


def read_shards(path: Path, *, verify: bool = False, progress: Progress = ignore_progress) -> ShardFolder:
    """Opens a folder of shards.

    Args:
        path: the folder.
        verify: also compare each file with its SHA-256 in the manifest (reads everything once).
        progress: told after each verified file.

    Raises:
        ConfigError: if the folder is unfinished, a file is missing or damaged, or the files do not fit each other.
    """
    manifest = read_manifest(path)
    for done, (name, facts) in enumerate(manifest["files"].items(), 1):
        check_file(path / name, facts, verify)
        if verify:
            progress(done / len(manifest["files"]), f"{name} checked")
    files = [ShardFile(path / name) for name in manifest["files"]]
    if any(file.batch.schema != files[0].batch.schema for file in files):
        raise ConfigError(f"The files of {path} have different columns. Write the folder again.")
    return ShardFolder(path, manifest, files)


def require_disjoint(*folders: ShardFolder) -> None:
    """Checks that nobody, and no simulated body, is in two folders.

    Raises:
        ConfigError: if somebody is; the text says who and where.
    """
    seen: dict[str, Path] = {}
    for folder in folders:
        split = str(folder.manifest.get("plan", {}).get("split", "")) if folder.manifest.get("simulated") else ""
        known = {f"person {split}{each}" for each in folder.people}
        if "body" in folder.columns:
            known |= {f"body {each}" for each in folder.column("body").tolist()}
        for each in sorted(known & seen.keys()):
            raise ConfigError(
                f"{each} is in both {seen[each]} and {folder.path}; split the data by person and begin again."
            )
        seen |= dict.fromkeys(known, folder.path)
