"""Retrieval at scale: seconds and peak memory, and how much faster than the full matrix with sorting.

    ./run benchmark retrieval --sequences 100000 --channels 16

Every sequence is a probe and all others are its gallery. The embeddings lie in a float16 file on disk. The baseline
computes the whole matrix part by part and sorts every row; both take turns on the same smaller problem.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from fgait_core.evaluation.retrieval import measure_retrieval

PARTS = 31
OF_A_PERSON = 10
ROUNDS = 5


def write_embeddings(path: Path, sequences: int, channels: int) -> NDArray[np.float16]:
    """People with ten sequences each, hard to tell apart."""
    rng = np.random.default_rng(1)
    mapped = open_memmap(path, mode="w+", dtype=np.float16, shape=(sequences, channels, PARTS))
    for start in range(0, sequences, 1000):
        people = -(-min(1000, sequences - start) // OF_A_PERSON)
        centres = np.repeat(rng.normal(size=(people, channels, PARTS)), OF_A_PERSON, axis=0)
        rows = centres[: sequences - start] + 3 * rng.normal(size=centres[: sequences - start].shape)
        mapped[start : start + len(rows)] = rows
    mapped.flush()
    return np.load(path, mmap_mode="r")


def bounded(embeddings: NDArray[np.floating], person: NDArray[np.str_]) -> tuple[float, float, float]:
    own = np.arange(len(person))
    found = measure_retrieval(
        embeddings, embeddings, person, person, excluded=lambda block: own[block, None] == own, progress=tell
    )
    return found.rank[1], found.mean_average_precision, found.mean_inp


def full_matrix(embeddings: NDArray[np.floating], person: NDArray[np.str_]) -> tuple[float, float, float]:
    """The same by the whole matrix of each part and a sort of every row."""
    rows = np.asarray(embeddings, np.float32)
    total = np.zeros((len(rows), len(rows)), np.float32)
    for part in range(PARTS):
        x = rows[:, :, part]
        squares = (x**2).sum(1)
        total += np.sqrt(np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0))
    np.fill_diagonal(total, np.inf)
    order = np.argsort(total, axis=1, kind="stable")[:, :-1]
    first, precision, last = [], [], []
    for row, places in enumerate(order):
        ranks = np.flatnonzero(person[places] == person[row]) + 1
        first.append(ranks[0] == 1)
        precision.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        last.append(len(ranks) / ranks[-1])
    return 100 * float(np.mean(first)), 100 * float(np.mean(precision)), 100 * float(np.mean(last))


def tell(fraction: float, words: str) -> None:
    print(f"\r{fraction:6.1%} {words}", end="", flush=True)


def seconds(work, *arguments) -> tuple[float, tuple[float, float, float]]:
    began_s = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - began_s, result


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def at_scale(folder: Path, sequences: int, channels: int) -> None:
    embeddings = write_embeddings(folder / "large.npy", sequences, channels)
    person = np.char.mod("p%07d", np.arange(sequences) // OF_A_PERSON)
    print(
        f"{sequences} x {sequences}, {channels} channels x {PARTS} parts, {embeddings.nbytes / 2**20:.0f} MiB on disk"
    )
    before_s = time.process_time()
    took_s, result = seconds(bounded, embeddings, person)
    processor_s = time.process_time() - before_s
    print(f"\nrank-1 {result[0]:.3f} %, mAP {result[1]:.3f} %, mINP {result[2]:.3f} %")
    print(f"{took_s:.0f} s ({processor_s:.0f} s of processor time), peak memory of the process {peak_gib():.2f} GiB")


def against_full_matrix(folder: Path, sequences: int, channels: int) -> None:
    embeddings = write_embeddings(folder / "small.npy", sequences, channels)
    person = np.char.mod("p%07d", np.arange(sequences) // OF_A_PERSON)
    seconds(bounded, embeddings[:100], person[:100])
    ours_s, theirs_s = [], []
    for _ in range(ROUNDS):
        took_s, ours = seconds(bounded, embeddings, person)
        ours_s.append(took_s)
        took_s, theirs = seconds(full_matrix, embeddings, person)
        theirs_s.append(took_s)
        np.testing.assert_allclose(ours, theirs, atol=1e-2)
    ratio = statistics.median(theirs_s) / statistics.median(ours_s)
    print(
        f"\n{sequences} x {sequences}, {channels} channels: median {statistics.median(ours_s):.2f} s against "
        f"{statistics.median(theirs_s):.2f} s for the full matrix, {ratio:.1f} times as fast ({ROUNDS} rounds in turn)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--baseline", type=int, default=5_000, help="sequences of the comparison; 0 leaves it out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.sequences:
            at_scale(Path(name), arguments.sequences, arguments.channels)
        if arguments.baseline:
            against_full_matrix(Path(name), arguments.baseline, arguments.channels)


if __name__ == "__main__":
    main()
