"""Rows of sequences before they are written: their columns, types and packing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fgait_core.data.shard_files import FORMAT_VERSION
from fgait_core.errors import ConfigError
from fgait_core.sequence import HEIGHT_PX, JOINTS, WIDTH_PX

ColumnType = Literal["text", "int", "float"]
Value = str | int | float | None

_ARROW = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}
_FIXED = ("sequence", "person", "frames", "silhouettes", "poses", "parsing")


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """What all files of a folder have in common.

    Attributes:
        identity: of what is written: source, options, version. Only equal ones may go on in the same folder.
        columns: further columns and their types.
        frame_rate_hz: of all sequences.
        poses, parsing: whether each sequence has them.

    Raises:
        ConfigError: if a name is taken or a type or the frame rate makes no sense.
    """

    identity: str
    columns: Mapping[str, ColumnType]
    frame_rate_hz: float
    poses: bool = False
    parsing: bool = False

    def __post_init__(self) -> None:
        if taken := set(self.columns) & set(_FIXED):
            raise ConfigError(
                f"Columns may not be called {', '.join(sorted(taken))}; every folder of shards has those."
            )
        if unknown := sorted(set(self.columns.values()) - _ARROW.keys()):
            raise ConfigError(f"There is no column type {unknown[0]!r}; known ones: {', '.join(_ARROW)}.")
        if not self.frame_rate_hz > 0:
            raise ConfigError("The frame rate must be above 0.")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The binary columns."""
        return ("silhouettes", *(("poses",) if self.poses else ()), *(("parsing",) if self.parsing else ()))

    @property
    def schema(self) -> pa.Schema:
        """Of every file."""
        fields: list[Any] = [("sequence", pa.string()), ("person", pa.string()), ("frames", pa.int32())]
        fields += [(name, _ARROW[kind]) for name, kind in self.columns.items()]
        fields += [(name, pa.large_binary()) for name in self.modalities]
        facts = {"identity": self.identity, "frame_rate_hz": repr(float(self.frame_rate_hz))}
        return pa.schema(fields, metadata={"fgait_shards": str(FORMAT_VERSION), **facts})


class ShardRows:
    """Sequences that wait to be written to one file.

    Args:
        layout: of the folder.
    """

    def __init__(self, layout: ShardLayout) -> None:
        self._layout = layout
        self._plain: dict[str, list[Value]] = {name: [] for name in ("sequence", "person", "frames", *layout.columns)}
        self._packed = {name: bytearray() for name in layout.modalities}
        self._ends = {name: [0] for name in layout.modalities}

    def __len__(self) -> int:
        return len(self._plain["sequence"])

    @property
    def silhouette_bytes(self) -> int:
        """How much waits."""
        return len(self._packed["silhouettes"])

    def add(
        self,
        key: str,
        person: str,
        frames: NDArray[np.uint8],
        values: Mapping[str, Value],
        poses: NDArray[np.float32] | None = None,
        parsing: NDArray[np.uint8] | None = None,
    ) -> None:
        """Takes a sequence; see `ShardWriter.add`."""
        layout = self._layout
        if not key or not person:
            raise ConfigError("Each sequence needs a key and a person that are not empty.")
        if unknown := sorted(set(values) - set(layout.columns)):
            raise ConfigError(f"Sequence {key}: column {unknown[0]!r} was not announced to the writer.")
        packed = {"silhouettes": _pack_silhouettes(key, frames)}
        if layout.poses:
            packed["poses"] = _pack_poses(key, poses, len(frames))
        if layout.parsing:
            packed["parsing"] = _pack_parsing(key, parsing, len(frames))
        if (poses is not None) > layout.poses or (parsing is not None) > layout.parsing:
            raise ConfigError(f"Sequence {key} has poses or parsing that were not announced to the writer.")
        plain = {name: _typed(key, name, kind, values.get(name)) for name, kind in layout.columns.items()}
        for name, value in {"sequence": key, "person": person, "frames": len(frames), **plain}.items():
            self._plain[name].append(value)
        for name, content in packed.items():
            self._packed[name] += content
            self._ends[name].append(len(self._packed[name]))

    def batch(self) -> pa.RecordBatch:
        """All rows; the silhouettes are not copied."""
        schema = self._layout.schema
        arrays = [pa.array(column, schema.field(name).type) for name, column in self._plain.items()]
        for name, content in self._packed.items():
            ends = pa.py_buffer(np.array(self._ends[name], np.int64))
            arrays.append(pa.Array.from_buffers(pa.large_binary(), len(self), [None, ends, pa.py_buffer(content)]))
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _pack_silhouettes(key: str, frames: NDArray[np.uint8]) -> bytes:
    if frames.dtype != np.uint8 or frames.ndim != 3 or frames.shape[1:] != (HEIGHT_PX, WIDTH_PX) or len(frames) == 0:
        raise ConfigError(
            f"Sequence {key} needs silhouettes uint8 [frame, {HEIGHT_PX}, {WIDTH_PX}], at least one frame; "
            f"these are {frames.dtype} {list(frames.shape)}."
        )
    return np.packbits(frames > 127).tobytes()


def _pack_poses(key: str, poses: NDArray[np.float32] | None, frames: int) -> bytes:
    if poses is None or poses.shape != (frames, JOINTS, 3):
        raise ConfigError(f"Sequence {key} needs poses [{frames}, {JOINTS}, 3].")
    return poses.astype("<f4").tobytes()


def _pack_parsing(key: str, parsing: NDArray[np.uint8] | None, frames: int) -> bytes:
    if parsing is None or parsing.shape != (frames, HEIGHT_PX, WIDTH_PX) or parsing.max() > 15:
        raise ConfigError(f"Sequence {key} needs body parts [{frames}, {HEIGHT_PX}, {WIDTH_PX}] from 0 to 15.")
    pairs = parsing.astype(np.uint8).reshape(-1, 2)
    return (pairs[:, 0] << 4 | pairs[:, 1]).tobytes()


def _typed(key: str, name: str, kind: ColumnType, value: Value) -> Value:
    """The value as the column stores it; None and not-a-number are no value."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    convert: dict[ColumnType, Callable[[Any], Value]] = {"text": _text, "int": _whole, "float": float}
    try:
        return convert[kind](value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Sequence {key}: {value!r} in column {name} is no {kind}.") from error


def _whole(value: Any) -> int:
    return int(operator.index(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
