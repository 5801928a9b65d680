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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.data.shard_files import MANIFEST_NAME, read_manifest
from fgait_core.data.shard_rows import ShardLayout, ShardRows
from fgait_core.data.shard_writer import check_files, finish_folder, join_shards, write_shard
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of, raise_if_cancelled
from fgait_core.simulation.bodies import SPLITS, BodyBank
from fgait_core.simulation.conditions import DEPRESSION_CLASSES, SCOLIOSIS_CLASSES, draw_conditions
from fgait_core.simulation.dataset import COLUMNS, SequenceRow
from fgait_core.simulation.motion import GaitPrior
from fgait_core.simulation.walker import Walker, draw_setup, draw_walker, record

GENERATOR_VERSION = "1"
"""Raised whenever the same plan gives other silhouettes."""

PEOPLE_PER_PART = 12
_PARTS_FOLDER = "parts"
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
        Grey silhouettes uint8 [sequence * frame, 64, 44] and one row for each recording.
    """
    person = plan_person(plan, bank, number)
    walker = draw_planned_walker(plan, bank, person)
    frames, rows = [], []
    for place in range(plan.sequences):
        seed = int(plan.rng(_RECORDING, number, place).integers(2**32))
        rng = np.random.default_rng(seed)
        setup = draw_setup(walker, rng)
        recording = record(walker, bank, setup, plan.frames, plan.frame_rate_hz, rng)
        frames.append(recording.silhouettes)
        rows.append(
            SequenceRow(
                key=f"{plan.split}-{number:06d}-{place:02d}",
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
                cadence_steps_min=round(recording.gait.cadence_steps_min, 4),
                seed=seed,
            )
        )
    return np.concatenate(frames), rows


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
    bank, frames = _bank(job.bank_file), job.plan.frames
    first = job.part * PEOPLE_PER_PART
    rows = ShardRows(job.layout)
    for number in range(first, min(first + PEOPLE_PER_PART, job.plan.people)):
        silhouettes, recordings = simulate_person(job.plan, bank, number)
        for place, row in enumerate(recordings):
            rows.add(row.key, str(row.person), silhouettes[place * frames : (place + 1) * frames], row.values())
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
        bank_file: body bank; None takes the small one of the package.
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
    layout = ShardLayout(_identity(plan, bank), COLUMNS, plan.frame_rate_hz)
    if _is_finished(out, layout):
        progress(1.0, "already there")
    else:
        paths = _write_parts(plan, out, bank_file, layout, processes, part_of(progress, 0.0, 0.95), cancelled)
        join_shards(out, paths)
        finish_folder(out, layout, _facts(plan, bank), part_of(progress, 0.95, 1.0))
    shutil.rmtree(out / _PARTS_FOLDER, ignore_errors=True)
    return out / MANIFEST_NAME


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


def _identity(plan: SimulationPlan, bank: BodyBank) -> str:
    """What makes two runs the same: plan, generator version and bodies."""
    digest = hashlib.sha256(bank.vertices_m.tobytes())
    digest.update(json.dumps([GENERATOR_VERSION, asdict(plan), bank.name]).encode())
    return digest.hexdigest()[:16]


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
        "counts": counts,
    }
