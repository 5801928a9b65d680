"""Reads arrays from files of strangers (.pkl, .npy, .npz) without ever running what they hold.

A pickle is a program. Here it is read in two steps: every instruction must be on a short list, and the few things that
a numpy array's pickle asks for by name (`find_class`) are played by plain Python below, so that neither foreign code
nor numpy's own unpickling is called. Only plain numbers come out, and never more bytes than the file holds.
"""

from __future__ import annotations

import ast
import io
import math
import pickletools
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError

MAX_BYTES = 2**30
"""Largest file, and largest content of a compressed file, that is read."""

SUFFIXES = (".pkl", ".npy", ".npz")

_LONGEST_HEADER = 10_000
_NUMBERS = re.compile(r"[<>|=]?([biu][1248]|f[248])")
_INSTRUCTIONS = """
    PROTO FRAME STOP MARK POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING
    SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT
    MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD
"""
_PLAIN = frozenset(_INSTRUCTIONS.split())
_REMEMBERING = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))


def read_array(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """The one array of a file; a list of arrays of the same shape is stacked.

    Args:
        path: a pickle of protocol 0 to 5, or an .npy or .npz file (with one array).
        max_bytes: nothing larger is read or unpacked.

    Returns:
        A new array of booleans, integers or floats.

    Raises:
        ConfigError: if the file is missing, too large, damaged, or holds anything but plain numbers. The text names
            whatever it asked for.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ConfigError(f"it has {size} bytes; at most {max_bytes} are read")
        content = path.read_bytes()
        if path.suffix == ".npy":
            return _from_npy(content)
        return _from_npz(content, max_bytes) if path.suffix == ".npz" else _from_pickle(content, max_bytes)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    # A damaged pickle can make the unpickler stumble in any of these ways.
    except (OSError, EOFError, UnpicklingError, BadZipFile, zlib.error, MemoryError, RuntimeError) as error:
        raise ConfigError(f"{path} cannot be read: {error or type(error).__name__}") from error
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, SyntaxError) as error:
        raise ConfigError(f"{path} is damaged or holds no plain array: {error}") from error


class _NumberType:
    """Plays `numpy.dtype`: takes what a pickle says of a dtype and accepts plain numbers only."""

    def __init__(self, code: str, *_: object) -> None:
        code = _text(code)
        if not _NUMBERS.fullmatch(code):
            raise ConfigError(f"it holds values of type {code!r}; only booleans, integers and floats are read")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise ConfigError(f"it holds an unknown byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Plays `numpy.ndarray`: its state becomes an array over exactly the bytes that the file holds."""

    value: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, number, fortran, data = state
        self.value = _build(data, number, shape, "F" if fortran else "C")


def _build(data: Any, number: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(number, _NumberType):
        raise ConfigError("it holds an array without a type")
    if isinstance(data, str):
        data = data.encode("latin1")
    lengths = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if (
        len(lengths) > 8
        or not all(type(length) is int and length >= 0 for length in lengths)
        or order not in ("C", "F")
    ):
        raise ConfigError("it declares an impossible shape")
    if math.prod(lengths) * number.dtype.itemsize != len(data):
        raise ConfigError(f"it declares the shape {list(lengths)}, but holds {len(data)} bytes")
    return np.frombuffer(data, number.dtype).reshape(lengths, order=order)


def _empty_array(kind: object, *_: object) -> _Array:
    if kind is not _Array:
        raise ConfigError("it builds something else than a numpy array")
    return _Array()


def _array_over(data: Any, number: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.value = _build(data, number, shape, _text(order))
    return array


def _scalar(number: Any, data: Any) -> _Array:
    return _array_over(data, number, (), "C")


def _nothing() -> bytes:
    return b""


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _array_over,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _NumberType,
    # Protocols 0 to 2 write empty bytes as a call of bytes().
    ("__builtin__", "bytes"): _nothing,
    ("builtins", "bytes"): _nothing,
}


class _ArrayUnpickler(Unpickler):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._letters_left = len(content)

    def find_class(self, module_name: str, global_name: str, /) -> Callable[..., Any]:
        if (module_name, global_name) == ("_codecs", "encode"):
            return self._latin1
        # numpy 2 renamed numpy.core; files of both are about.
        renamed = re.sub(r"^numpy\.core\.", "numpy._core.", module_name)
        if (renamed, global_name) not in _ALLOWED:
            raise ConfigError(f"it asks for {module_name}.{global_name}, which no array needs; nothing of it was run")
        return _ALLOWED[renamed, global_name]

    def _latin1(self, text: str, encoding: str) -> bytes:
        """Bytes that protocols 0 to 2 write as text; encoding one text again and again would fill the memory."""
        self._letters_left -= len(text)
        if encoding != "latin1" or self._letters_left < 0:
            raise ConfigError("it encodes text in a way that no array needs")
        return text.encode("latin1")

    def persistent_load(self, pid: Any, /) -> Any:
        raise ConfigError("it asks for an object that it does not hold")


def _from_pickle(content: bytes, max_bytes: int) -> NDArray[Any]:
    _require_plain_instructions(content)
    return _unwrapped(_ArrayUnpickler(content).load(), max_bytes)


def _require_plain_instructions(content: bytes) -> None:
    """Refuses instructions that no array needs, and places in the memo that would make it grow without end."""
    for count, (instruction, argument, _) in enumerate(pickletools.genops(content), 1):
        if instruction.name not in _PLAIN:
            wanted = f" {argument}" if isinstance(argument, str) else ""
            raise ConfigError(f"it holds the pickle instruction {instruction.name}{wanted}, which no array needs")
        if instruction.name in _REMEMBERING and isinstance(argument, int) and not 0 <= argument <= 2 * count:
            raise ConfigError("it asks for more memory than any array needs")


def _unwrapped(held: Any, max_bytes: int) -> NDArray[Any]:
    if isinstance(held, _Array) and held.value is not None:
        return held.value.copy()
    if not isinstance(held, list | tuple) or not held or not all(isinstance(item, _Array) for item in held):
        raise ConfigError("it holds neither an array nor a list of arrays")
    arrays = [item.value for item in held if item.value is not None]
    if len({(array.shape, array.dtype) for array in arrays}) != 1 or len(arrays) != len(held):
        raise ConfigError("it holds a list of arrays of different shapes or types")
    # One array may be listed any number of times, so the bytes of the file do not bound the stack.
    if arrays[0].nbytes * len(arrays) > max_bytes:
        raise ConfigError(f"it unpacks to more than {max_bytes} bytes")
    return np.stack(arrays)


def _from_npy(content: bytes) -> NDArray[Any]:
    """The array of an .npy file (numpy's own description of the format, versions 1 to 3)."""
    if content[:6] != b"\x93NUMPY" or not 1 <= content[6] <= 3:
        raise ConfigError("it is no .npy file of version 1, 2 or 3")
    start = 10 if content[6] == 1 else 12
    end = start + int.from_bytes(content[8:start], "little")
    if not start < end <= min(len(content), start + _LONGEST_HEADER):
        raise ConfigError("its header is cut off or too long")
    header = ast.literal_eval(content[start:end].decode("latin1").strip())
    data = memoryview(content)[end:]
    return _build(data, _NumberType(header["descr"]), header["shape"], "F" if header["fortran_order"] else "C").copy()


def _from_npz(content: bytes, max_bytes: int) -> NDArray[Any]:
    with ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) != 1 or not members[0].filename.endswith(".npy"):
            names = ", ".join(member.filename for member in members[:5])
            raise ConfigError(f"it must hold one array; it holds {names or 'nothing'}")
        if members[0].file_size > max_bytes:
            raise ConfigError(f"it unpacks to more than {max_bytes} bytes")
        return _from_npy(archive.read(members[0]))
