"""Writes folders of sequences that `shards` reads; a killed process loses at most its unfinished file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fgait_core import __version__
from fgait_core.data.shard_files import FORMAT_VERSION, MANIFEST_NAME, file_sha256, whole_numbers
from fgait_core.data.shard_rows import ColumnType, ShardLayout, ShardRows, Value
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.progress import Progress, ignore_progress

SHARD_BYTES = 256 * 2**20


def write_shard(path: Path, rows: Sequence[pa.RecordBatch]) -> None:
    """Writes one shard file: unfinished under another name, then renamed. The same rows give the same bytes."""
    whole = rows[0] if len(rows) == 1 else pa.Table.from_batches(rows).combine_chunks().to_batches()[0]
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        with pa.ipc.new_file(file, whole.schema) as target:
            target.write_batch(whole)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:05d}.arrow"


def read_batch(path: Path) -> pa.RecordBatch:
    """The rows of a shard file, mapped from disk.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"{path} is no readable shard file: {error}. Delete it and begin again.") from error


class ShardWriter:
    """Writes a folder, file after file. Opened again after an interruption it goes on; see `done`.

    Args:
        folder: is made where it is missing.
        identity: of what is written. Files of another identity are refused, so that two sources never mix.
        manifest: facts to keep, for example `simulated`, `generator_version`, `plan`.
        columns: further columns and their types.
        frame_rate_hz: of all sequences.
        poses, parsing: whether each sequence has them.
        shard_bytes: a file is closed once its silhouettes reach this.

    Attributes:
        done: keys of the sequences in finished files: skip them.

    Raises:
        ConfigError: if the folder holds something else.
    """

    def __init__(
        self,
        folder: Path,
        *,
        identity: str,
        manifest: Mapping[str, Any],
        columns: Mapping[str, ColumnType],
        frame_rate_hz: float,
        poses: bool = False,
        parsing: bool = False,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self._folder = folder
        self._layout = ShardLayout(identity, columns, frame_rate_hz, poses, parsing)
        self._facts = dict(manifest)
        self._shard_bytes = shard_bytes
        folder.mkdir(parents=True, exist_ok=True)
        batches = check_files(folder, self._layout)
        self._count = len(batches)
        self.done: frozenset[str] = frozenset(key for batch in batches for key in batch.column("sequence").to_pylist())
        self._keys = set(self.done)
        self._rows = ShardRows(self._layout)

    def add(
        self,
        key: str,
        person: str,
        frames: NDArray[np.uint8],
        values: Mapping[str, Value],
        poses: NDArray[np.float32] | None = None,
        parsing: NDArray[np.uint8] | None = None,
    ) -> None:
        """Adds a sequence.

        Args:
            key: unique in the folder.
            person: whose it is.
            frames: uint8 `[frame, 64, 44]`; a pixel above 127 is body.
            values: of the announced columns; a missing one and None are no value.
            poses: `[frame, 17, 3]`, COCO's joints: x and y in source pixels, confidence.
            parsing: `[frame, 64, 44]`, 0 to 15.

        Raises:
            ConfigError: if the key is there already or something does not fit; nothing is added then.
        """
        if key in self._keys:
            raise ConfigError(f"Sequence {key} is there twice. Give each sequence a key of its own.")
        self._rows.add(key, person, frames, values, poses, parsing)
        self._keys.add(key)
        if self._rows.silhouette_bytes >= self._shard_bytes:
            self._write_file()

    def finish(self, progress: Progress = ignore_progress) -> ShardFolder:
        """Writes what waits and then the manifest.

        Raises:
            ConfigError: if there is no sequence at all.
        """
        if len(self._rows):
            self._write_file()
        return finish_folder(self._folder, self._layout, self._facts, progress)

    def _write_file(self) -> None:
        (self._folder / MANIFEST_NAME).unlink(missing_ok=True)
        write_shard(self._folder / shard_name(self._count), [self._rows.batch()])
        self._count += 1
        self._rows = ShardRows(self._layout)


def check_files(folder: Path, layout: ShardLayout) -> list[pa.RecordBatch]:
    """The rows of a folder's finished files, in order, mapped from disk.

    Raises:
        ConfigError: if one is missing between others, cannot be read, or is of another layout or identity.
    """
    batches = []
    for number, path in enumerate(sorted(folder.glob("shard-*.arrow"))):
        if path.name != shard_name(number):
            raise ConfigError(f"{folder / shard_name(number)} is missing. Delete the folder and begin again.")
        batches.append(read_batch(path))
        if not batches[-1].schema.equals(layout.schema, check_metadata=True):
            raise ConfigError(
                f"{folder} already holds another data set, or this one made with other options or another version. "
                "Choose another folder or delete it."
            )
    return batches


def finish_folder(
    folder: Path, layout: ShardLayout, facts: Mapping[str, Any], progress: Progress = ignore_progress
) -> ShardFolder:
    """Writes the manifest of a folder whose files are all there, at once or not at all.

    Raises:
        ConfigError: if a file is missing or of another layout, or there is none.
    """
    batches = check_files(folder, layout)
    if not batches:
        raise ConfigError(f"There is no sequence to write to {folder}.")
    files: dict[str, Any] = {}
    for number, batch in enumerate(batches):
        path = folder / shard_name(number)
        counts = {"sequences": batch.num_rows, "frames": int(whole_numbers(batch.column("frames")).sum())}
        files[path.name] = {**counts, "bytes": path.stat().st_size, "sha256": file_sha256(path)}
        progress((number + 1) / len(batches), f"{path.name} summed")
    people = pa.chunked_array([batch.column("person") for batch in batches]).unique()
    counted = {name: sum(file[name] for file in files.values()) for name in ("sequences", "frames")}
    manifest = {
        **facts,
        "format_version": FORMAT_VERSION,
        "created_by": f"fgait {__version__}",
        "identity": layout.identity,
        "frame_rate_hz": layout.frame_rate_hz,
        "modalities": layout.modalities,
        "columns": dict(layout.columns),
        "counts": {**counted, "people": len(people), **facts.get("counts", {})},
        "files": files,
    }
    unfinished = folder / f"{MANIFEST_NAME}.part"
    unfinished.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / MANIFEST_NAME)
    return read_shards(folder)


def join_shards(folder: Path, parts: Iterable[Path], shard_bytes: int = SHARD_BYTES) -> None:
    """Joins small shard files, which processes wrote on their own, to files of the usual size, in the order given."""
    waiting: list[pa.RecordBatch] = []
    number = size = 0
    for part in parts:
        waiting.append(read_batch(part))
        size += waiting[-1].column("silhouettes").nbytes
        if size >= shard_bytes:
            write_shard(folder / shard_name(number), waiting)
            waiting, number, size = [], number + 1, 0
    if waiting:
        write_shard(folder / shard_name(number), waiting)
