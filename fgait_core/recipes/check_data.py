"""Reads a whole data set and says everything that is wrong with it; never stops at the first fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fgait_core.data.public.examine import Examined, examine_all, judge
from fgait_core.data.public.findings import Finding, Findings
from fgait_core.data.public.source import Item, Source
from fgait_core.data.shard_files import MANIFEST_NAME, ShardFile, file_sha256, read_manifest
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, Pulse, ignore_progress, never_cancelled

LABELS = ("scoliosis", "depression")
"""Columns that are the same in all sequences of a person."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a data set holds and what is wrong with it.

    Attributes:
        sequences, frames, people: that can be used.
        findings: everything that was found.
    """

    sequences: int
    frames: int
    people: int
    findings: Findings

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; notes do not count."""
        return self.findings.faults == 0

    def to_json(self) -> dict[str, Any]:
        """As `fgait data check --json` writes it."""
        counts = {"sequences": self.sequences, "frames": self.frames, "people": self.people}
        return {"clean": self.clean, **counts, **self.findings.to_json()}


class _Tally:
    """Counts what can be used and compares sequences with those before."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.seen = self._sequences = self._frames = 0
        self._people: set[str] = set()
        self._labels: dict[tuple[str, str], str] = {}
        self._digests: dict[bytes, str] = {}

    def add(self, examined: Examined) -> None:
        self.seen += 1
        for finding in examined.findings:
            self._findings.add(finding)
        if not examined.usable:
            return
        item = examined.item
        self._sequences += 1
        self._frames += examined.frames
        self._people.add(item.person)
        self._compare_labels(item)
        before = self._digests.setdefault(examined.digest, item.key)
        if before != item.key:
            self._findings.add(Finding("duplicate", item.key, f"the same silhouettes as {before}"))

    def _compare_labels(self, item: Item) -> None:
        for column in LABELS:
            label = item.values.get(column)
            if not label:
                continue
            before = self._labels.setdefault((item.person, column), str(label))
            if before != label:
                words = f"{item.person} is {label} in {column} here, but {before} elsewhere"
                self._findings.add(Finding("contradictory_label", item.key, words))

    def report(self) -> CheckReport:
        return CheckReport(self._sequences, self._frames, len(self._people), self._findings)


def check_source(
    source: Source,
    *,
    min_frames: int,
    processes: int = 1,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> CheckReport:
    """Checks data in a foreign layout.

    Args:
        source: what to check.
        min_frames: fewer are too short.
        processes: that read.
        progress: told how far it is.
        cancelled: asked before each sequence.
    """
    findings = Findings()
    pulse = Pulse(lambda fraction, _: progress(fraction, f"{len(findings)} findings"), cancelled, "")
    for finding in source.findings():
        findings.add(finding)
    tally = _Tally(findings)
    examined = examine_all(source.items(), reader=source.reader, min_frames=min_frames, keep=False, processes=processes)
    for each in examined:
        pulse(each.item.fraction)
        tally.add(each)
    if not tally.seen:
        findings.add(Finding("empty", source.name, "no sequence was found; are folder, --format and --part right?"))
    progress(1.0, f"{len(findings)} findings")
    return tally.report()


def is_shard_folder(path: Path) -> bool:
    """Whether a folder holds shards, finished or not."""
    return (path / MANIFEST_NAME).exists() or any(path.glob("shard-*.arrow*"))


def check_shards(
    folder: Path,
    *,
    min_frames: int,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> CheckReport:
    """Checks a finished folder of shards: files against their SHA-256, then every sequence.

    Args:
        folder: of the shards.
        min_frames: fewer are too short.
        progress: told how far it is.
        cancelled: asked before each sequence.

    Raises:
        ConfigError: if the folder is unfinished or its manifest cannot be read.
    """
    manifest = read_manifest(folder)
    findings = Findings()
    pulse = Pulse(lambda fraction, _: progress(fraction, f"{len(findings)} findings"), cancelled, "")
    tally = _Tally(findings)
    total = max(len(manifest["files"]), 1)
    for number, (name, facts) in enumerate(manifest["files"].items()):
        pulse(number / total)
        file = _open(folder / name, facts, findings)
        if file is None:
            continue
        for examined in _sequences(file, min_frames):
            pulse()
            tally.add(examined)
    progress(1.0, f"{len(findings)} findings")
    return tally.report()


def _open(path: Path, facts: dict[str, Any], findings: Findings) -> ShardFile | None:
    """A shard file, where it can be read although it may differ from its SHA-256."""
    try:
        differs = file_sha256(path) != facts["sha256"]
        if differs:
            findings.add(Finding("checksum", path.name, "differs from its SHA-256 in the manifest"))
        file = ShardFile(path)
        if differs:
            file.batch.validate(full=True)
        return file
    except (OSError, ConfigError, pa.ArrowException) as error:
        findings.add(Finding("checksum", path.name, str(error)))
        return None


def _sequences(file: ShardFile, min_frames: int) -> Iterable[Examined]:
    columns = [name for name in ("sequence", "person", *LABELS) if name in file.batch.schema.names]
    rows = zip(*(file.batch.column(name).to_pylist() for name in columns), strict=True)
    ends = np.cumsum(file.frames)
    for row, end, count in zip(rows, ends.tolist(), file.frames.tolist(), strict=True):
        values = dict(zip(columns, row, strict=True))
        item = Item(values["sequence"], values["person"], values["person"], Path(), 0.0, values)
        yield judge(item, file.modalities["silhouettes"][end - count : end], min_frames)
