"""Makes a simulated data set: people, their recordings, in parallel and resumable.

A person depends on the plan alone (see `plan`), so that the number of processes and interruptions change nothing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from fgait_core.data.shard_files import MANIFEST_NAME, read_manifest
from fgait_core.data.shard_rows import ShardLayout, ShardRows
from fgait_core.data.shard_writer import check_files, finish_folder, join_shards, write_shard
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of, raise_if_cancelled
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.conditions.combined import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES
from fgait_core.simulation.dataset.layouts import draw_wardrobe, identification_take, random_take
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.dataset.rows import COLUMNS, SequenceRow, describe
from fgait_core.simulation.walker import Recording, record

GENERATOR_VERSION = "2"
"""Raised whenever the same plan gives other silhouettes."""

PEOPLE_PER_PART = 12
_PARTS_FOLDER = "parts"
_RECORDING, _WARDROBE = 3, 4  # the first ones belong to `plan`


def simulate_person(plan: SimulationPlan, bank: BodyBank, number: int) -> Iterator[tuple[SequenceRow, Recording]]:
    """All recordings of one person, one after the other, each with its row.

    Raises:
        ConfigError: if the bank has no body for the plan.
    """
    person = plan_person(plan, bank, number)
    walker = draw_planned_walker(plan, bank, person)
    wardrobe = draw_wardrobe(walker, plan.rng(_WARDROBE, number)) if plan.layout == "identification" else None
    for place in range(plan.sequences):
        seed = int(plan.rng(_RECORDING, number, place).integers(2**32))
        rng = np.random.default_rng(seed)
        if wardrobe is None:
            take = random_take(walker, place, plan.frames / plan.frame_rate_hz, rng)
        else:
            take = identification_take(walker, wardrobe, place, rng)
        made = record(
            walker, bank, take.setup, plan.frames, plan.frame_rate_hz, rng, poses=plan.poses, parsing=plan.parsing
        )
        yield describe(plan, person, walker, take, made, seed), made


@dataclass(frozen=True, slots=True)
class _PartJob:
    plan: SimulationPlan
    bank_file: Path | None
    layout: ShardLayout
    part: int
    path: Path


_banks: dict[Path | None, BodyBank] = {}


def _bank(path: Path | None) -> BodyBank:
    """The bank of this process: read once, then kept."""
    if path not in _banks:
        _banks[path] = BodyBank.packaged() if path is None else BodyBank.load(path)
    return _banks[path]


def _write_part(job: _PartJob) -> int:
    cv2.setNumThreads(1)
    bank = _bank(job.bank_file)
    first = job.part * PEOPLE_PER_PART
    rows = ShardRows(job.layout)
    with threadpool_limits(1):  # sums must not depend on the number of cores
        for number in range(first, min(first + PEOPLE_PER_PART, job.plan.people)):
            for row, made in simulate_person(job.plan, bank, number):
                rows.add(row.key, row.person, made.silhouettes, row.values(), made.poses, made.parsing)
    write_shard(job.path, [rows.batch()])
    return job.part


def write_split(
    plan: SimulationPlan,
    out: Path,
    bank_file: Path | None = None,
    processes: int = 2,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> Path:
    """Writes one split as a folder of shards; goes on where an interrupted run of the same plan stopped.

    Every process writes small parts of its own, which are joined to shards of the usual size at the end.

    Args:
        plan: what to make.
        out: the split's folder.
        bank_file: body bank; None takes the one of the package.
        processes: how many worker processes; 1 works in this one.
        progress: told after every part.
        cancelled: asked after every part; what is finished stays for the next run.

    Returns:
        The manifest's path.

    Raises:
        ConfigError: if the folder holds another plan's data, or the bank is missing.
        OperationCancelled: if `cancelled` answers yes.
    """
    bank = _bank(bank_file)
    layout = ShardLayout(_identity(plan, bank), COLUMNS, plan.frame_rate_hz, plan.poses, plan.parsing)
    if _is_finished(out, layout):
        progress(1.0, "already there")
    else:
        paths = _write_parts(plan, out, bank_file, layout, processes, part_of(progress, 0.0, 0.95), cancelled)
        join_shards(out, paths)
        finish_folder(out, layout, _facts(plan, bank), part_of(progress, 0.95, 1.0))
    _remove_parts(out, layout)
    return out / MANIFEST_NAME


def _remove_parts(out: Path, layout: ShardLayout) -> None:
    """Removes the parts of this plan alone: what else is in a folder of that name may be somebody's."""
    shutil.rmtree(out / _PARTS_FOLDER / layout.identity, ignore_errors=True)
    with suppress(OSError):
        (out / _PARTS_FOLDER).rmdir()


def _is_finished(out: Path, layout: ShardLayout) -> bool:
    check_files(out, layout)
    if not (out / MANIFEST_NAME).exists():
        return False
    if read_manifest(out)["identity"] != layout.identity:
        raise ConfigError(f"{out} already holds another data set. Choose another folder or delete it.")
    return True


def _write_parts(
    plan: SimulationPlan,
    out: Path,
    bank_file: Path | None,
    layout: ShardLayout,
    processes: int,
    progress: Progress,
    cancelled: Cancelled,
) -> list[Path]:
    folder = out / _PARTS_FOLDER / layout.identity
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{part:05d}.arrow" for part in range(-(-plan.people // PEOPLE_PER_PART))]
    jobs = [_PartJob(plan, bank_file, layout, n, path) for n, path in enumerate(paths) if not path.exists()]
    done = len(paths) - len(jobs)
    for _ in _run(jobs, processes):
        done += 1
        progress(done / len(paths), f"{min(done * PEOPLE_PER_PART, plan.people)} of {plan.people} people")
        raise_if_cancelled(cancelled)
    return paths


def _run(jobs: list[_PartJob], processes: int) -> Iterator[int]:
    if processes <= 1 or len(jobs) <= 1:
        yield from map(_write_part, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_write_part, jobs)


def bank_sha256(bank: BodyBank) -> str:
    """What tells a body bank from any other: SHA-256 of all that it holds."""
    digest = hashlib.sha256()
    for field in fields(bank):
        value = getattr(bank, field.name)
        content = np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else str(value).encode()
        digest.update(f"{field.name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _identity(plan: SimulationPlan, bank: BodyBank) -> str:
    """What makes two runs the same: plan, generator version and bodies."""
    made_of = json.dumps([GENERATOR_VERSION, asdict(plan), bank_sha256(bank)])
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def _facts(plan: SimulationPlan, bank: BodyBank) -> dict[str, Any]:
    """What the manifest says of a split beside its files."""
    people = [plan_person(plan, bank, number) for number in range(plan.people)]
    counts = {
        "bodies": len({person.body for person in people}),
        "people_by_scoliosis": {name: sum(p.scoliosis == name for p in people) for name in SCOLIOSIS_CLASSES},
        "people_by_depression": {name: sum(p.depression == name for p in people) for name in DEPRESSION_CLASSES},
    }
    return {
        "simulated": True,
        "generator_version": GENERATOR_VERSION,
        "plan": asdict(plan),
        "seed": plan.seed,
        "bodies": bank.name,
        "bodies_sha256": bank_sha256(bank),
        "counts": counts,
    }
