"""Makes a simulated data set: people, their recordings, in parallel and resumable.

A person depends on the plan's seed, the split's name and the person's number alone, so that the number of processes and
interruptions change nothing. Splits use disjoint bodies (`BodyBank.of_split`) and disjoint seeds.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core import __version__
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.simulation.bodies import SPLITS, BodyBank
from fgait_core.simulation.conditions import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES, draw_conditions
from fgait_core.simulation.dataset import (
    MANIFEST_FILE,
    METADATA_FILE,
    PACKED_BYTES,
    SILHOUETTES_FILE,
    SequenceRow,
    file_sha256,
    pack,
    write_rows,
)
from fgait_core.simulation.motion import GaitPrior
from fgait_core.simulation.walker import Walker, draw_setup, draw_walker, record

GENERATOR_VERSION = "1"
"""Raised whenever the same plan gives other silhouettes."""

PEOPLE_PER_SHARD = 12
_SHARDS_FOLDER = "shards"
_LABELS, _BODIES, _PERSON, _RECORDING = range(4)


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What to make.

    Attributes:
        split: "train", "calibration" or "test".
        people: how many people.
        sequences: recordings of each.
        frames: frames of each recording.
        frame_rate_hz: frames a second.
        seed: of everything.

    Raises:
        ConfigError: if a value makes no sense.
    """

    split: str
    people: int
    sequences: int
    frames: int = 30
    frame_rate_hz: float = 25.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ConfigError(f"There is no split {self.split!r}. Choose one of: {', '.join(SPLITS)}.")
        if min(self.people, self.sequences, self.frames) < 1 or self.frame_rate_hz <= 0 or self.seed < 0:
            raise ConfigError("People, sequences, frames and frame rate must be positive, the seed not negative.")

    def rng(self, *key: int) -> np.random.Generator:
        """A generator for one part of the plan."""
        return np.random.default_rng((self.seed, SPLITS.index(self.split), *key))


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """Who a simulated person is, before anything is drawn: labels and body.

    Attributes:
        number: in the split.
        body: number in the bank.
        scoliosis, depression: classes.
    """

    number: int
    body: int
    scoliosis: str
    depression: str


def plan_person(plan: SimulationPlan, bank: BodyBank, number: int) -> PersonPlan:
    """Labels and body of one person; the two are drawn apart from each other.

    Every six people in a row have each combination of the classes once, in random order. Bodies come in rounds of
    random order, so that people outnumbering the bodies share them evenly.
    """
    block, place = divmod(number, len(SCOLIOSIS_CLASSES) * len(DEPRESSION_CLASSES))
    combination = int(plan.rng(_LABELS, block).permutation(6)[place])
    bodies = bank.of_split(plan.split)
    if len(bodies) == 0:
        raise ConfigError(f"The body bank has no body for the split {plan.split!r}; build a larger one.")
    round_, position = divmod(number, len(bodies))
    body = int(plan.rng(_BODIES, round_).permutation(bodies)[position])
    return PersonPlan(number, body, SCOLIOSIS_CLASSES[combination % 3], DEPRESSION_CLASSES[combination // 3])


def draw_planned_walker(plan: SimulationPlan, bank: BodyBank, person: PersonPlan) -> Walker:
    """The walker for a planned person."""
    rng = plan.rng(_PERSON, person.number)
    conditions = draw_conditions(rng, person.scoliosis, person.depression)
    return draw_walker(bank.body(person.body), conditions, GaitPrior.packaged(), rng)


def simulate_person(plan: SimulationPlan, bank: BodyBank, number: int) -> tuple[NDArray[np.uint8], list[SequenceRow]]:
    """All recordings of one person.

    Returns:
        Grey silhouettes uint8 [sequence * frame, 64, 44] and one row for each recording; `sequence` and `first_frame`
        are those that the rows have in the whole split.
    """
    person = plan_person(plan, bank, number)
    walker = draw_planned_walker(plan, bank, person)
    frames, rows = [], []
    for place in range(plan.sequences):
        seed = int(plan.rng(_RECORDING, number, place).integers(2**32))
        rng = np.random.default_rng(seed)
        setup = draw_setup(walker, rng)
        silhouettes, gait = record(walker, bank, setup, plan.frames, plan.frame_rate_hz, rng)
        sequence = number * plan.sequences + place
        frames.append(silhouettes)
        rows.append(
            SequenceRow(
                sequence=sequence,
                first_frame=sequence * plan.frames,
                frames=len(silhouettes),
                person=number,
                body=person.body,
                scoliosis=person.scoliosis,
                cobb_deg=round(walker.conditions.cobb_deg, 4),
                curve=walker.conditions.curve,
                side=walker.conditions.side,
                depression=person.depression,
                depression_dose=round(walker.conditions.depression_dose, 4),
                sex=walker.body.sex,
                age_years=round(walker.body.age_years, 4),
                view_deg=round(setup.camera.view_deg, 4),
                clothing=setup.outfit.clothing,
                carrying=setup.outfit.carrying,
                distractor=walker.conditions.distractor,
                frame_rate_hz=plan.frame_rate_hz,
                cadence_steps_min=round(gait.cadence_steps_min, 4),
                seed=seed,
            )
        )
    return np.concatenate(frames), rows


@dataclass(frozen=True, slots=True)
class _ShardJob:
    plan: SimulationPlan
    bank_file: Path | None
    shard: int
    path: Path


_banks: dict[Path | None, BodyBank] = {}


def _bank(path: Path | None) -> BodyBank:
    """The bank of this process: read once, then kept."""
    if path not in _banks:
        _banks[path] = BodyBank.packaged() if path is None else BodyBank.load(path)
    return _banks[path]


def _write_shard(job: _ShardJob) -> int:
    cv2.setNumThreads(1)
    bank = _bank(job.bank_file)
    first = job.shard * PEOPLE_PER_SHARD
    people = range(first, min(first + PEOPLE_PER_SHARD, job.plan.people))
    made = [simulate_person(job.plan, bank, number) for number in people]
    packed = np.concatenate([pack(frames) for frames, _ in made])
    rows = json.dumps([asdict(row) for _, own in made for row in own])
    unfinished = job.path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, packed=packed, rows=np.array(rows))
    unfinished.replace(job.path)
    return job.shard


def write_split(
    plan: SimulationPlan,
    out: Path,
    bank_file: Path | None = None,
    processes: int = 2,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> Path:
    """Writes one split; goes on where an interrupted run of the same plan stopped.

    Args:
        plan: what to make.
        out: the split's folder; see `dataset` for what it will hold.
        bank_file: body bank; None takes the small one of the package.
        processes: how many worker processes; 1 works in this one.
        progress: told after every shard.
        cancelled: asked after every shard; what is finished stays for the next run.

    Returns:
        The manifest's path.

    Raises:
        ConfigError: if the folder holds another plan's data, or the bank is missing.
        OperationCancelled: if `cancelled` answers yes.
    """
    bank = _bank(bank_file)
    identity = _identity(plan, bank_file, bank)
    manifest_file = out / MANIFEST_FILE
    if manifest_file.exists():
        if json.loads(manifest_file.read_text(encoding="utf-8"))["identity"] != identity:
            raise ConfigError(f"{out} already holds another data set. Choose another folder or delete it.")
        progress(1.0, "already there")
        return manifest_file
    shards_folder = out / _SHARDS_FOLDER / identity
    shards_folder.mkdir(parents=True, exist_ok=True)
    n_shards = -(-plan.people // PEOPLE_PER_SHARD)
    paths = [shards_folder / f"{shard:05d}.npz" for shard in range(n_shards)]
    jobs = [_ShardJob(plan, bank_file, n, path) for n, path in enumerate(paths) if not path.exists()]
    done = n_shards - len(jobs)
    for _ in _run(jobs, processes):
        done += 1
        progress(done / n_shards, f"{min(done * PEOPLE_PER_SHARD, plan.people)} of {plan.people} people")
        raise_if_cancelled(cancelled)
    rows = _join(paths, out, plan)
    _write_manifest(manifest_file, plan, bank, identity, rows)
    shutil.rmtree(out / _SHARDS_FOLDER)
    return manifest_file


def _run(jobs: list[_ShardJob], processes: int) -> Iterator[int]:
    if processes <= 1 or len(jobs) <= 1:
        yield from map(_write_shard, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(_write_shard, jobs)


def _identity(plan: SimulationPlan, bank_file: Path | None, bank: BodyBank) -> str:
    """What makes two runs the same: plan, generator version and bodies."""
    digest = hashlib.sha256(bank.vertices_m.tobytes())
    digest.update(json.dumps([GENERATOR_VERSION, asdict(plan), bank.name]).encode())
    return digest.hexdigest()[:16]


def _join(paths: list[Path], out: Path, plan: SimulationPlan) -> list[SequenceRow]:
    total = plan.people * plan.sequences * plan.frames
    part = out / f"{SILHOUETTES_FILE}.part"
    joined = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(total, PACKED_BYTES))
    rows: list[SequenceRow] = []
    start = 0
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            packed = shard["packed"]
            rows += [SequenceRow(**row) for row in json.loads(str(shard["rows"]))]
        joined[start : start + len(packed)] = packed
        start += len(packed)
    joined.flush()
    del joined
    part.replace(out / SILHOUETTES_FILE)
    rows = [replace(row, first_frame=index * plan.frames) for index, row in enumerate(rows)]
    write_rows(out / METADATA_FILE, rows)
    return rows


def _write_manifest(path: Path, plan: SimulationPlan, bank: BodyBank, identity: str, rows: list[SequenceRow]) -> None:
    people = {row.person: row for row in rows}.values()
    counts = {
        "people": len(people),
        "bodies": len({row.body for row in people}),
        "sequences": len(rows),
        "frames": sum(row.frames for row in rows),
        "people_by_scoliosis": {name: sum(p.scoliosis == name for p in people) for name in SCOLIOSIS_CLASSES},
        "people_by_depression": {name: sum(p.depression == name for p in people) for name in DEPRESSION_CLASSES},
    }
    manifest = {
        "simulated": True,
        "created_by": f"fgait {__version__}",
        "generator_version": GENERATOR_VERSION,
        "identity": identity,
        "plan": asdict(plan),
        "seed": plan.seed,
        "bodies": bank.name,
        "counts": counts,
        "sha256": {name: file_sha256(path.parent / name) for name in (SILHOUETTES_FILE, METADATA_FILE)},
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
