"""The files of a simulated data set.

A split's folder holds
- `silhouettes.npy`: uint8 [frame of all sequences, 352], every 64 x 44 frame bit-packed (`numpy.packbits` of the
  flattened frame, grey levels over 127 set);
- `metadata.csv`: one row a sequence, the fields of `SequenceRow`;
- `manifest.json`: generator version, plan, counts and the SHA-256 of the other two.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

PACKED_BYTES = HEIGHT_PX * WIDTH_PX // 8
SILHOUETTES_FILE = "silhouettes.npy"
METADATA_FILE = "metadata.csv"
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class SequenceRow:
    """One simulated recording.

    Attributes:
        sequence: number in the split; first_frame: its first row in `silhouettes.npy`; frames: how many rows.
        person: number in the split; body: number in the body bank.
        scoliosis: negative, neutral or positive; cobb_deg, curve, side (convex): its dose and shape.
        depression: no or yes; depression_dose: 0 nothing, 1 typical.
        sex, age_years: of the body.
        view_deg: 0 walks towards the camera, 90 to the right of the picture, 180 away, 270 to the left.
        clothing, carrying: see `clothing`; distractor: see `conditions`.
        frame_rate_hz: frames a second.
        cadence_steps_min: of this recording.
        seed: of this recording.
    """

    sequence: int
    first_frame: int
    frames: int
    person: int
    body: int
    scoliosis: str
    cobb_deg: float
    curve: str
    side: str
    depression: str
    depression_dose: float
    sex: str
    age_years: float
    view_deg: float
    clothing: str
    carrying: str
    distractor: str
    frame_rate_hz: float
    cadence_steps_min: float
    seed: int


_CONVERT = {"int": int, "float": float, "str": str}


def pack(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bit-packed frames [frame, 352] of grey frames [frame, 64, 44]."""
    return np.packbits(frames.reshape(len(frames), -1) > 127, axis=1)


def unpack(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames uint8 [frame, 64, 44], 0 or 255, of bit-packed ones [frame, 352]."""
    bits = np.unpackbits(packed, axis=1, count=HEIGHT_PX * WIDTH_PX)
    return (bits * np.uint8(255)).reshape(len(packed), HEIGHT_PX, WIDTH_PX)


def write_rows(path: Path, rows: list[SequenceRow]) -> None:
    """Writes `metadata.csv`; floats with four decimals."""
    names = [field.name for field in fields(SequenceRow)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = asdict(row)
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in values.items()})


def read_rows(path: Path) -> list[SequenceRow]:
    """Reads `metadata.csv`.

    Raises:
        ConfigError: if the file is missing or a column is missing or wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                SequenceRow(**{f.name: _CONVERT[str(f.type)](line[f.name]) for f in fields(SequenceRow)})
                for line in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is no metadata of a simulated data set: {error!r}.") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedSplit:
    """A split on disk, its silhouettes memory-mapped.

    Attributes:
        packed: uint8 [frame of all sequences, 352].
        rows: one entry a sequence.
        manifest: as in `manifest.json`.
    """

    packed: NDArray[np.uint8]
    rows: list[SequenceRow]
    manifest: dict

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> SimulatedSplit:
        """Opens a split.

        Args:
            folder: as written by `fgait simulate dataset`.
            verify: compare both files with the SHA-256 in the manifest.

        Raises:
            ConfigError: if a file is missing, damaged or does not fit the others.
        """
        try:
            manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
            packed = np.load(folder / SILHOUETTES_FILE, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{folder} holds no finished simulated split: {error}. Make one with `fgait simulate dataset`."
            ) from error
        if verify:
            for name, wanted in manifest["sha256"].items():
                if file_sha256(folder / name) != wanted:
                    raise ConfigError(f"{folder / name} is damaged: its SHA-256 differs from the manifest's.")
        rows = read_rows(folder / METADATA_FILE)
        if not rows or rows[-1].first_frame + rows[-1].frames != len(packed) or packed.shape[1] != PACKED_BYTES:
            raise ConfigError(f"{folder}: metadata and silhouettes do not fit each other.")
        return cls(packed, rows, manifest)

    def frames_of(self, row: SequenceRow) -> NDArray[np.uint8]:
        """One recording's frames: uint8 [frame, 64, 44], 0 or 255."""
        return unpack(np.asarray(self.packed[row.first_frame : row.first_frame + row.frames]))
