"""What a random 16-frame read from shards costs, from a thousand to a million sequences.

`./run benchmark shard_reading` prints the table of docs/evidence/speed.md. Sequences of 20 to 24 frames of random bits
(reading does not depend on what they show) are written to a temporary folder, up to 8 GB, which is removed. Each size
is measured in a process of its own: opening, then batches of random sequences, each with a clip of 16 frames at a
random place. "From disk" is the mean of the first 2,048 reads after the files left the system's cache (Linux), by the
clock; the smallest sets are read whole meanwhile. "Warm" is measured after the process has touched every page, as
processor time in the calmest of ten rounds of 60 batches, since others may use the machine. "Plain array" reads as many
bytes in the same way out of an array in memory of the same size (2 GB at most): what the processor's caches alone make
of the size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fgait_core.data.shard_files import FRAME_BYTES
from fgait_core.data.shard_rows import ShardLayout
from fgait_core.data.shard_writer import SHARD_BYTES, finish_folder, shard_name, write_shard
from fgait_core.data.shards import ShardFolder, read_shards

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CLIP, BATCH, BATCHES, ROUNDS = 16, 256, 60, 10
PLAIN_BYTES = 2 * 10**9
SEQUENCES_A_FILE = SHARD_BYTES // FRAME_BYTES // 22


def generate(folder: Path, sequences: int) -> None:
    """Writes sequences of random bits, five of each person."""
    layout = ShardLayout("benchmark", {"view_deg": "float"}, 25.0)
    folder.mkdir()
    for number, first in enumerate(range(0, sequences, SEQUENCES_A_FILE)):
        rng = np.random.default_rng(number)
        names = range(first, min(first + SEQUENCES_A_FILE, sequences))
        frames = rng.integers(20, 25, len(names), np.int32)
        ends = np.concatenate([[0], np.cumsum(frames.astype(np.int64) * FRAME_BYTES)])
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(rng.bytes(int(ends[-1])))]
        columns = [
            pa.array([f"walk-{name:07d}" for name in names]),
            pa.array([f"{name // 5:06d}" for name in names]),
            pa.array(frames),
            pa.array(rng.uniform(0, 360, len(names))),
            pa.Array.from_buffers(pa.large_binary(), len(names), buffers),
        ]
        write_shard(folder / shard_name(number), [pa.RecordBatch.from_arrays(columns, schema=layout.schema)])
    finish_folder(folder, layout, {"simulated": False})


def status_mib(entry: str) -> float:
    """An entry of this process's status (Linux), for example memory of its own (not the pages of mapped files)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(entry)).split()[1]) / 1024


def random_clips(folder: ShardFolder, rng: np.random.Generator) -> NDArray[np.int64]:
    """Frames of a batch of clips, int64 `[batch, frame]`."""
    sequences = rng.integers(0, len(folder), BATCH)
    starts = folder.first_frame[sequences] + rng.integers(0, folder.frames[sequences] - CLIP + 1)
    return starts[:, None] + np.arange(CLIP)


def median_us(read: Callable[[NDArray[np.int64]], object], folder: ShardFolder, wrap: int | None = None) -> float:
    """Median processor time of a clip's read, in the calmest of some rounds; frames are taken modulo `wrap`."""
    rng, rounds = np.random.default_rng(1), []
    for _ in range(ROUNDS):
        spent = []
        for _ in range(BATCHES):
            rows = random_clips(folder, rng) % (wrap or folder.frames.sum())
            began = time.thread_time()
            read(rows)
            spent.append(time.thread_time() - began)
        rounds.append(float(np.median(spent)) / BATCH * 1e6)
    return min(rounds)


def from_disk_us(folder: ShardFolder) -> float:
    """Mean time of a clip's first read, by the clock."""
    rng = np.random.default_rng(2)
    batches = [random_clips(folder, rng) for _ in range(8)]
    began = time.perf_counter()
    for rows in batches:
        folder.take_packed(rows)
    return (time.perf_counter() - began) / BATCH / len(batches) * 1e6


def forget(path: Path) -> None:
    """Takes a folder's files out of the system's cache."""
    for file in path.iterdir():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(path: Path) -> None:
    """Prints the figures of one folder as JSON."""
    forget(path)
    before, began = status_mib("RssAnon"), time.process_time()
    folder = read_shards(path)
    opened_ms, memory_mib = (time.process_time() - began) * 1e3, status_mib("RssAnon") - before
    total = int(folder.frames.sum())
    cold_us = from_disk_us(folder)
    for first in range(0, total, 200_000):
        folder.take_packed(np.arange(first, min(first + 200_000, total), 4))
    figures = {
        "sequences": len(folder),
        "gigabytes": total * FRAME_BYTES / 1e9,
        "files": len(folder.manifest["files"]),
        "opened_ms": opened_ms,
        "memory_mib": memory_mib,
        "cold_us": cold_us,
        "warm_us": median_us(folder.take_packed, folder),
        "unpacked_us": median_us(folder.take, folder),
    }
    plain = np.ones((min(total, PLAIN_BYTES // FRAME_BYTES), FRAME_BYTES), np.uint8).view(f"V{FRAME_BYTES}")[:, 0]
    figures["plain_us"] = median_us(lambda rows: plain[rows], folder, len(plain))
    print(json.dumps(figures))


COLUMNS = {
    "sequences": "sequences {:,}",
    "gigabytes": "GB {:.2f}",
    "files": "files {}",
    "opened_ms": "opening, ms {:.1f}",
    "memory_mib": "its memory, MiB {:.1f}",
    "cold_us": "from disk, us {:.0f}",
    "warm_us": "warm, us {:.2f}",
    "unpacked_us": "warm and unpacked, us {:.2f}",
    "unpacked_ratio": "ratio to the first {:.2f}",
    "plain_us": "plain array, us {:.2f}",
    "over_plain": "warm to plain array {:.2f}",
}
"""Heading and number format of each column of the table."""


def main() -> None:
    """Generates each size, measures it in a process of its own and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out sizes above this")
    parser.add_argument("--folder", type=Path, help="measure this folder of shards instead")
    options = parser.parse_args()
    if options.folder is not None:
        measure(options.folder)
        return
    print("| " + " | ".join(text.rsplit(" ", 1)[0] for text in COLUMNS.values()) + " |\n" + "|---" * len(COLUMNS) + "|")
    base_us = None
    for size in (size for size in SIZES if size <= options.largest):
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder) / "shards", size)
            command = [sys.executable, __file__, "--folder", str(Path(folder) / "shards")]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        base_us = base_us or found["unpacked_us"]
        found["unpacked_ratio"] = found["unpacked_us"] / base_us
        found["over_plain"] = found["warm_us"] / found["plain_us"]
        cells = (text.rsplit(" ", 1)[1].format(found[name]) for name, text in COLUMNS.items())
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
