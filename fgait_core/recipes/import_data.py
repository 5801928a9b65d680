"""Turns public data sets, pictures and recordings into shards."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fgait_core.data.parsing_maps import parts_of_labels
from fgait_core.data.public.examine import Examined, examine_all
from fgait_core.data.public.findings import Finding, Findings
from fgait_core.data.public.recordings import split_groups
from fgait_core.data.public.source import Item, Source
from fgait_core.data.shard_writer import SHARD_BYTES, ShardWriter
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, Pulse, ignore_progress, never_cancelled, part_of

REPORT_NAME = "import_report.json"
MIN_FRAMES = 5


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """How to import.

    Attributes:
        frame_rate_hz: of all sequences.
        min_frames: shorter sequences are left out.
        poses, parsing: whether the source's reader gives them.
        parsing_parts: for each label of foreign body parts its part; empty where the labels are this project's.
        processes: that read.
        split: name of the split that is written; "" for the whole source.
        groups: ids or people to take; None takes all.
        shard_bytes: size of a shard file.
    """

    frame_rate_hz: float
    min_frames: int = MIN_FRAMES
    poses: bool = False
    parsing: bool = False
    parsing_parts: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1
    split: str = ""
    groups: frozenset[str] | None = None
    shard_bytes: int = SHARD_BYTES


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a source.

    Attributes:
        folder: of the shards.
        sequences, frames, people: in the folder now.
        written: sequences that this run added.
        left_out: what is not in the folder, and why.
        noted: what is in the folder, but odd.
    """

    folder: Path
    sequences: int
    frames: int
    people: int
    written: int
    left_out: Findings
    noted: Findings

    def to_json(self) -> dict[str, Any]:
        """As `import_report.json` holds it."""
        return {
            "sequences": self.sequences,
            "frames": self.frames,
            "people": self.people,
            "left_out": self.left_out.to_json(),
            "noted": self.noted.to_json(),
        }


def import_data(
    source: Source,
    out: Path,
    order: ImportOrder,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ImportReport:
    """Writes a source as a folder of shards, with `import_report.json` beside them.

    Sequences that cannot be used are left out and reported. A killed import goes on where its last shard file ended,
    and sequences that were left out are tried again.

    Args:
        source: what to import.
        out: folder of the shards.
        order: how.
        progress: told how many sequences are done.
        cancelled: asked before each sequence.

    Raises:
        ConfigError: if an id is in both training and test set, a label has no known part of the body, the folder holds
            something else, or nothing can be imported.
    """
    parts_of_labels(dict(order.parsing_parts))
    left_out, noted = _of_the_whole(source)
    facts = _facts(source, order)
    writer = ShardWriter(
        out,
        identity=json.dumps({**facts, "frame_rate_hz": order.frame_rate_hz}, sort_keys=True),
        manifest=facts,
        columns=source.columns,
        frame_rate_hz=order.frame_rate_hz,
        poses=order.poses,
        parsing=order.parsing,
        shard_bytes=order.shard_bytes,
    )
    written = 0
    pulse = Pulse(lambda fraction, _: progress(fraction, _words(written, left_out)), cancelled, "")
    for examined in _examined(_wanted(source, order.groups, writer.done, noted, pulse), source, order):
        pulse(examined.item.fraction)
        if not _add(writer, examined, left_out):
            continue
        written += 1
        for finding in examined.findings:
            if finding.kind != "mislabelled":
                noted.add(finding)
    if not writer.done and not written:
        first = next(iter(left_out.kept), None)
        reason = f"The first reason: {first.where}: {first.words}." if first else "No sequence was found there."
        raise ConfigError(f"Nothing of {source.name} could be imported. {reason} See `fgait data check`.")
    counts = writer.finish().manifest["counts"]
    totals = (counts["sequences"], counts["frames"], counts["people"])
    report = ImportReport(out, *totals, written, left_out, noted)
    (out / REPORT_NAME).write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
    progress(1.0, _words(written, left_out))
    return report


def _of_the_whole(source: Source) -> tuple[Findings, Findings]:
    """What the whole source lacks, and what is odd about it.

    Raises:
        ConfigError: if an id would both train and test.
    """
    left_out, noted = Findings(), Findings()
    for finding in source.findings():
        if finding.kind == "in_both_sets":
            raise ConfigError(f"{finding.where} is in both TRAIN_SET and TEST_SET. Mend the partition first.")
        (left_out if finding.kind in ("missing_id", "probe_missing") else noted).add(finding)
    return left_out, noted


def _facts(source: Source, order: ImportOrder) -> dict[str, Any]:
    """For the manifest: what was imported, and how."""
    groups = None if order.groups is None else hashlib.sha256("\n".join(sorted(order.groups)).encode()).hexdigest()
    return {
        "simulated": False,
        "source": "fgait data import",
        **source.facts,
        "plan": {"split": order.split or source.facts.get("part", "all")},
        "min_frames": order.min_frames,
        "groups_sha256": groups,
        **({"parsing_parts": dict(order.parsing_parts)} if order.parsing_parts else {}),
    }


def _wanted(
    source: Source, groups: Collection[str] | None, done: Collection[str], noted: Findings, pulse: Pulse
) -> Iterator[Item]:
    """Sequences that are still to be read; notes those whose names are odd, read or not."""
    for item in source.items():
        if groups is not None and item.group not in groups:
            continue
        if item.problem:
            noted.add(Finding("mislabelled", item.key, item.problem))
        if item.key in done:
            pulse(item.fraction)
        else:
            yield item


def _examined(items: Iterator[Item], source: Source, order: ImportOrder) -> Iterator[Examined]:
    return examine_all(items, reader=source.reader, min_frames=order.min_frames, keep=True, processes=order.processes)


def _add(writer: ShardWriter, examined: Examined, left_out: Findings) -> bool:
    """Writes a sequence, or says why it is left out."""
    item, content = examined.item, examined.content
    if content is None:
        left_out.add(examined.findings[0])
        return False
    writer.add(item.key, item.person, content.frames, item.values, content.poses, content.parsing)
    return True


def _words(written: int, left_out: Findings) -> str:
    return f"{written} sequences imported, {len(left_out)} left out"


def import_splits(
    source: Source,
    out: Path,
    order: ImportOrder,
    shares: Mapping[str, float],
    seed: int,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> list[ImportReport]:
    """Divides the people of a source at random and writes one folder of shards for each split.

    Args:
        source: what to import.
        out: folder of the splits' folders.
        order: how; its split and groups are set here.
        shares: of each split, by name.
        seed: of the draw.
        progress: told how far it is.
        cancelled: asked before each sequence.

    Raises:
        ConfigError: see `import_data` and `split_groups`.
    """
    reports = []
    splits = split_groups(source.groups, shares, seed)
    for number, (name, groups) in enumerate(splits.items()):
        stretch = part_of(progress, number / len(splits), (number + 1) / len(splits))
        each = replace(order, split=name, groups=groups)
        reports.append(import_data(source, out / name, each, progress=stretch, cancelled=cancelled))
    return reports


def parse_pairs(text: str) -> dict[str, str]:
    """Values by name from text such as "1=head,2=trunk".

    Raises:
        ConfigError: if the text is none such.
    """
    pairs = [pair.partition("=") for pair in text.split(",")]
    names = {name for name, _, _ in pairs}
    if len(names) != len(pairs) or not all(re.fullmatch(r"\w+", name) and value for name, _, value in pairs):
        raise ConfigError(f"{text!r} must be names and values, each name once, such as train=0.7,test=0.3.")
    return {name: value for name, _, value in pairs}


def parse_shares(text: str) -> dict[str, float]:
    """Shares of splits from text such as "train=0.7,test=0.3".

    Raises:
        ConfigError: if the text is none such.
    """
    try:
        return {name: float(share) for name, share in parse_pairs(text).items()}
    except ValueError as error:
        raise ConfigError(f"{text!r} is no division: {error}. Write it such as train=0.7,test=0.3.") from error
