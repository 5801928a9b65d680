"""Reads folders of bit-packed silhouettes, any sequence at random, without loading them all.

A folder holds
    * `silhouettes.npy`: uint8 `[frame, 352]`, the 64 x 44 pixels of a frame as bits, all sequences one after the other;
    * `metadata.csv`: one row for each sequence: where it lies, who it is, labels and conditions;
    * `manifest.json`: generator, version, seed, counts and the SHA-256 of the two files.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.labels import TASKS
from fgait_core.errors import ConfigError
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

FRAME_BYTES = HEIGHT_PX * WIDTH_PX // 8
SHADOWS = ("view_deg", "clothing", "carrying", "sex", "age_years")
"""Columns that must not give a label away."""


@dataclass(frozen=True, slots=True, eq=False)
class ShardFolder:
    """Sequences of silhouettes with their labels.

    Attributes:
        path: the folder.
        packed: uint8 `[frame, 352]`, mapped from disk.
        first_frame: int64 `[sequence]`.
        frames: int64 `[sequence]`.
        person: `[sequence]`, names of people.
        labels: for each task int64 `[sequence]`; -1 where there is no label.
        columns: every column of `metadata.csv` as text `[sequence]`.
        frame_rate_hz: of all sequences.
        manifest: content of `manifest.json`.
    """

    path: Path
    packed: NDArray[np.uint8]
    first_frame: NDArray[np.int64]
    frames: NDArray[np.int64]
    person: NDArray[np.str_]
    labels: dict[str, NDArray[np.int64]]
    columns: dict[str, NDArray[np.str_]]
    frame_rate_hz: float
    manifest: dict[str, Any]

    def __len__(self) -> int:
        return len(self.first_frame)

    @property
    def people(self) -> tuple[str, ...]:
        """Names of all people, sorted."""
        return tuple(sorted(set(self.person.tolist())))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Unpacks single frames.

        Args:
            rows: int64, any shape, rows of `packed`.

        Returns:
            uint8 `[*rows, 64, 44]`, 0 or 1.
        """
        bits = np.unpackbits(self.packed[rows.reshape(-1)], axis=1)
        return bits.reshape(*rows.shape, HEIGHT_PX, WIDTH_PX)

    def sequence(self, index: int) -> NDArray[np.uint8]:
        """All frames of one sequence, uint8 `[frame, 64, 44]`, 0 or 1."""
        start = self.first_frame[index]
        return self.take(np.arange(start, start + self.frames[index]))


def read_shards(path: Path, *, verify: bool = False) -> ShardFolder:
    """Opens a folder of shards.

    Args:
        path: folder with the three files.
        verify: also compare the SHA-256 of both files with the manifest (reads everything once).

    Raises:
        ConfigError: if a file is missing or damaged, or the files do not fit each other.
    """
    manifest = _read_manifest(path)
    if verify:
        _verify(path, manifest)
    columns = _read_columns(path / "metadata.csv")
    try:
        packed = np.load(path / "silhouettes.npy", mmap_mode="r", allow_pickle=False)
        first_frame = columns["first_frame"].astype(np.int64)
        frames = columns["frames"].astype(np.int64)
        rates = set(columns["frame_rate_hz"].astype(float).tolist())
        person = columns["person"]
        labels = {
            name: np.array([task.label(text) for text in columns[name].tolist()], np.int64)
            for name, task in TASKS.items()
        }
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no complete folder of silhouette shards: {error}") from error
    fits = packed.dtype == np.uint8 and packed.ndim == 2 and packed.shape[1] == FRAME_BYTES
    if not fits or len(rates) != 1 or (first_frame + frames).max() > len(packed) or frames.min() < 1:
        raise ConfigError(
            f"{path} does not fit together: it needs frames of {FRAME_BYTES} bytes, one frame rate, and every sequence "
            "within silhouettes.npy. Generate it again."
        )
    return ShardFolder(path, packed, first_frame, frames, person, labels, columns, rates.pop(), manifest)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        return json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} has no readable manifest.json ({error}). Make a data set with `fgait simulate`."
        ) from error


def _read_columns(path: Path) -> dict[str, NDArray[np.str_]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not rows:
        raise ConfigError(f"{path} lists no sequence.")
    return {name: np.array([row[name] or "" for row in rows]) for name in rows[0]}


def _verify(path: Path, manifest: dict[str, Any]) -> None:
    for name in ("silhouettes.npy", "metadata.csv"):
        with (path / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != manifest.get("sha256", {}).get(name):
            raise ConfigError(f"{path / name} differs from its SHA-256 in manifest.json. Generate the data set again.")


def require_disjoint(*folders: ShardFolder) -> None:
    """Checks that nobody, and no simulated body, is in two folders.

    Raises:
        ConfigError: if somebody is; the text says who and where.
    """
    seen: dict[str, Path] = {}
    for folder in folders:
        split = str(folder.manifest.get("plan", {}).get("split", ""))
        known = {f"person {split}{each}" for each in folder.people}
        known |= {f"body {each}" for each in folder.columns.get("body", np.empty(0, str)).tolist()}
        for each in sorted(known & seen.keys()):
            raise ConfigError(
                f"{each} is in both {seen[each]} and {folder.path}; split the data by person and begin again."
            )
        seen |= dict.fromkeys(known, folder.path)
