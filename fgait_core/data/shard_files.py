"""One file of a folder of shards, and the manifest: opened, and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.sequence import HEIGHT_PX, JOINTS, WIDTH_PX

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
FRAME_BYTES = HEIGHT_PX * WIDTH_PX // 8
PARSING_BYTES = HEIGHT_PX * WIDTH_PX // 2
MODALITY_BYTES = {"silhouettes": FRAME_BYTES, "poses": JOINTS * 3 * 4, "parsing": PARSING_BYTES}
"""Bytes that a frame takes in each modality's column."""
REQUIRED = {"sequence": pa.string(), "person": pa.string(), "frames": pa.int32(), "silhouettes": pa.large_binary()}
"""Columns that every file has."""


class ShardFile:
    """One file of a folder, mapped into memory.

    Attributes:
        batch: its only record batch.
        frames: int64 `[sequence]`.
        modalities: by name uint8 `[frame, bytes]`, views into the file.

    Raises:
        ConfigError: if the file is damaged or does not fit together.
    """

    def __init__(self, path: Path) -> None:
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            if reader.num_record_batches != 1:
                raise ConfigError(f"{path} has {reader.num_record_batches} record batches; a shard file has one.")
            self.batch: pa.RecordBatch = reader.get_batch(0)
            for name, kind in REQUIRED.items():
                place = self.batch.schema.get_field_index(name)
                if place < 0 or self.batch.schema.field(place).type != kind or self.batch.column(place).null_count:
                    raise ConfigError(f"{path} lacks the column {name} ({kind}, no gaps). Write the folder again.")
            self.frames = whole_numbers(self.batch.column("frames"))
            self.modalities = {
                name: self._bytes_of(path, name) for name in MODALITY_BYTES if name in self.batch.schema.names
            }
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ConfigError(f"{path} is no readable shard file: {error}. Write the folder again.") from error

    def _bytes_of(self, path: Path, name: str) -> NDArray[np.uint8]:
        """The values of a binary column as uint8 `[frame, bytes]`, checked against the frame counts."""
        column, per_frame = self.batch.column(name), MODALITY_BYTES[name]
        _, offsets, values = column.buffers()
        ends = np.frombuffer(offsets, np.int64, len(column) + 1, column.offset * 8)
        fits = column.null_count == 0 and np.array_equal(np.diff(ends), self.frames * per_frame)
        if not fits or len(self.frames) == 0 or self.frames.min() < 1:
            raise ConfigError(
                f"{path} does not fit together: it needs a sequence, each sequence a frame, and each frame {per_frame} "
                f"bytes of {name}. Write the folder again."
            )
        return np.frombuffer(values, np.uint8, ends[-1] - ends[0], ends[0]).reshape(-1, per_frame)


class FrameWindow:
    """All frames of one modality, whatever file they are in, gathered in one step.

    The files lie anywhere in the address space. A virtual array begins at the lowest of them, and its element `i` is
    the frame that begins `i` bytes further; between the files it holds nothing, so only frames of the files may be
    asked for. That makes the cost of a read independent of the number of files.

    Args:
        stored: for each file uint8 `[frame, bytes]`.
    """

    def __init__(self, stored: Sequence[NDArray[np.uint8]]) -> None:
        size = stored[0].shape[1]
        ends = np.cumsum([len(frames) for frames in stored])
        addresses = [frames.ctypes.data for frames in stored]
        lowest = min(addresses)
        span = max(address + frames.nbytes for address, frames in zip(addresses, stored, strict=True)) - lowest
        first = stored[addresses.index(lowest)][0].view(f"V{size}")
        self._stored = tuple(stored)  # keeps them mapped
        self._ends = ends
        self._offsets = np.array([a - lowest for a in addresses]) - size * np.concatenate([[0], ends[:-1]])
        self._window = np.lib.stride_tricks.as_strided(first, (span - size + 1,), (1,), writeable=False)
        self._size = size

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames by their number among all files, any shape: uint8 `[*rows, bytes]`.

        Raises:
            IndexError: if there is no such frame.
        """
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"There are {len(self)} frames; asked for {rows.min()} to {rows.max()}.")
        files = np.searchsorted(self._ends, rows, side="right")
        taken = self._window[self._offsets[files] + rows * self._size]
        return taken.view(np.uint8).reshape(*rows.shape, self._size)


def whole_numbers(column: pa.Array) -> NDArray[np.int64]:
    """An int32 column without gaps as int64. (pyarrow's own conversion would load pandas.)"""
    return np.frombuffer(column.buffers()[1], np.int32, len(column), column.offset * 4).astype(np.int64)


def read_manifest(path: Path) -> dict[str, Any]:
    """Reads `manifest.json` of a folder.

    Raises:
        ConfigError: if it is missing (the folder is unfinished) or none of this format.
    """
    file = path / MANIFEST_NAME
    if not file.exists():
        unfinished = any(path.glob("shard-*.arrow*"))
        raise ConfigError(
            f"{path} is unfinished: it has no manifest.json yet. Run the command that writes it again; it goes on."
            if unfinished
            else f"{path} holds no shards. Make some with `fgait simulate dataset` or `fgait data import`."
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["format_version"] != FORMAT_VERSION:
            raise ConfigError(f"{path} has shard format {manifest['format_version']}, not {FORMAT_VERSION}.")
        if manifest["frame_rate_hz"] > 0 and all(
            facts["bytes"] and facts["sha256"] for facts in manifest["files"].values()
        ):
            return manifest
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file} is no manifest of this shard format ({error!r}). Write the folder again.") from error
    raise ConfigError(f"{file} is no manifest of this shard format. Write the folder again.")


def check_file(path: Path, facts: dict[str, Any], verify: bool) -> None:
    """Compares a file with what the manifest says of it: its size and, to `verify`, its SHA-256.

    Raises:
        ConfigError: if it is missing or differs.
    """
    try:
        size = path.stat().st_size
        if size != facts["bytes"]:
            raise ConfigError(
                f"{path} has {size} bytes, not {facts['bytes']} as in manifest.json: it is damaged. Copy it again."
            )
        if verify and file_sha256(path) != facts["sha256"]:
            raise ConfigError(f"{path} differs from its SHA-256 in manifest.json: it is damaged. Copy it again.")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}. Copy it again.") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
