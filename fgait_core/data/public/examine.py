"""Reads sequences in the order given, on one processor or several, and says what is wrong with each."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.public.findings import Finding, SequenceFault
from fgait_core.data.public.frames import Content
from fgait_core.data.public.readers import Reader
from fgait_core.data.public.source import Item
from fgait_core.errors import FGaitError

CHUNK = 16
"""Sequences that a process is given at a time."""

AHEAD = 3
"""Chunks for each process that may wait to be taken."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """A sequence that was read.

    Attributes:
        item: which one.
        content: what it holds; None where it cannot be used, or nobody wants to keep it.
        findings: what is wrong; where the sequence cannot be used, the first one says why.
        usable: whether it can be used.
        frames: how many it has.
        digest: of its silhouettes; b"" where there are none.
    """

    item: Item
    content: Content | None
    findings: tuple[Finding, ...]
    usable: bool
    frames: int = 0
    digest: bytes = b""


def examine(item: Item, *, reader: Reader, min_frames: int, keep: bool) -> Examined:
    """Reads a sequence.

    Args:
        item: which one.
        reader: how.
        min_frames: fewer are too short.
        keep: whether to keep what was read, or only what was found.
    """
    try:
        if item.missing:
            raise SequenceFault("empty", item.missing)
        content = reader.read(item.place)
    except SequenceFault as fault:
        return Examined(item, None, (Finding(fault.kind, item.key, str(fault)), *_named(item)), usable=False)
    packed = np.packbits(content.frames.reshape(len(content.frames), -1) > 127, axis=1)
    found = judge(item, packed, min_frames)
    if content.several_files:
        several = Finding("several_files", item.key, "several files; the first was taken")
        found = replace(found, findings=(*found.findings, several))
    return replace(found, content=content) if keep and found.usable else found


def judge(item: Item, packed: NDArray[np.uint8], min_frames: int) -> Examined:
    """Looks at the silhouettes of a sequence.

    Args:
        item: which one.
        packed: uint8 `[frame, 352]`, pixels as bits.
        min_frames: fewer are too short.
    """
    count, blank = len(packed), int((~packed.any(axis=1)).sum())
    found = []
    if count < min_frames:
        found.append(Finding("too_short", item.key, f"{count} frames; at least {min_frames} are needed"))
    elif blank == count:
        found.append(Finding("no_body", item.key, f"none of its {blank} frames has a body"))
    elif blank:
        found.append(Finding("frames_without_body", item.key, f"{blank} of {count} frames have no body"))
    usable = min_frames <= count != blank
    digest = hashlib.blake2b(packed.tobytes(), digest_size=16).digest() if usable else b""
    return Examined(item, None, (*found, *_named(item)), usable, count, digest)


def _named(item: Item) -> tuple[Finding, ...]:
    return (Finding("mislabelled", item.key, item.problem),) if item.problem else ()


def examine_all(
    items: Iterable[Item], *, reader: Reader, min_frames: int, keep: bool, processes: int
) -> Iterator[Examined]:
    """Reads sequences, in their order whatever the number of processes; only a few are in memory at a time."""
    return in_order(partial(examine, reader=reader, min_frames=min_frames, keep=keep), items, processes)


def in_order(function: Callable[[T], R], items: Iterable[T], processes: int) -> Iterator[R]:
    """The results of a function in the order of the items; takes few items ahead of those that were asked for.

    Raises:
        FGaitError: if a process ended by itself.
    """
    rest = iter(items)
    first = list(islice(rest, CHUNK)) if processes > 1 else []
    if len(first) < CHUNK:
        # Starting processes would take longer than the work.
        yield from map(function, chain(first, rest))
        return
    waiting: deque[Future[list[R]]] = deque()
    chunks = _chunks(chain(first, rest))
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        for chunk in islice(chunks, AHEAD * processes):
            waiting.append(pool.submit(_apply, function, chunk))
        while waiting:
            yield from waiting.popleft().result()
            for chunk in islice(chunks, 1):
                waiting.append(pool.submit(_apply, function, chunk))
    except BrokenProcessPool as error:
        raise FGaitError(
            "A process that was reading ended by itself, perhaps for want of memory. Run the command again with "
            "fewer --processes; it goes on."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(items: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


def _apply(function: Callable[[T], R], chunk: list[T]) -> list[R]:
    return [function(item) for item in chunk]
