"""The people of a retraining study: simulated clinics as folders of shards, and parts of them for one retraining."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.shard_files import MANIFEST_NAME, read_manifest
from fgait_core.data.shard_rows import ColumnType
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.sequence import SilhouetteSequence
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.clinic import ClinicFacts, ClinicPlan, simulate_clinic_person
from fgait_core.simulation.picture.camera import view_name
from fgait_core.simulation.walker import Recording

TASKS = ("scoliosis", "depression")
COLUMNS: dict[str, ColumnType] = {
    "scoliosis": "text",
    "depression": "text",
    "seen_from": "text",
    "sex": "text",
    "age_years": "int",
    "device": "text",
    "site": "text",
}
"""As the app writes its cohorts, with both labels."""
DEVICE = "simulated camera"


def write_people(
    plan: ClinicPlan,
    out: Path,
    frame_rate_hz: float,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ShardFolder:
    """Simulates the people of a clinic, or opens what an earlier run made of the same plan.

    Args:
        plan: who they are.
        out: folder of shards, in the order of the people's numbers.
        frame_rate_hz: of the sequences written.
        progress: told after each person.
        cancelled: asked after each person.

    Raises:
        ConfigError: if the folder holds something else.
        OperationCancelled: if `cancelled` answers yes.
    """
    identity = hashlib.sha256(repr((plan, frame_rate_hz)).encode()).hexdigest()[:16]
    if (out / MANIFEST_NAME).exists() and read_manifest(out)["identity"] == identity:
        return read_shards(out)
    facts = {"simulated": True, "clinic": repr(plan)}
    writer = ShardWriter(out, identity=identity, manifest=facts, columns=COLUMNS, frame_rate_hz=frame_rate_hz)
    bank = BodyBank.packaged()
    for number in range(plan.people):
        for known, made in simulate_clinic_person(plan, bank, number):
            if known.row.key not in writer.done:
                frames = walk_of(plan, made).resampled(frame_rate_hz).frames
                writer.add(known.row.key, known.row.person, frames, columns_of(known))
        progress((number + 1) / plan.people, f"{number + 1} of {plan.people} simulated people")
        raise_if_cancelled(cancelled)
    return writer.finish()


def walk_of(plan: ClinicPlan, made: Recording) -> SilhouetteSequence:
    """The silhouettes of a recording with their times."""
    numbers = np.arange(len(made.silhouettes))
    return SilhouetteSequence(made.silhouettes, numbers / plan.frame_rate_hz, numbers)


def columns_of(known: ClinicFacts) -> dict[str, str | int]:
    """What `COLUMNS` say of a recording."""
    row = known.row
    return {
        "scoliosis": row.scoliosis,
        "depression": row.depression,
        "seen_from": view_name(row.view_deg),
        "sex": row.sex,
        "age_years": int(row.age_years),
        "device": DEVICE,
        "site": known.site,
    }


def split_roles(
    labels: NDArray[np.str_], sex: NDArray[np.str_], gate_share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Who is locked for the gate: a quota of each stratum of label and sex, in the order in which people come.

    Whoever comes goes to the gate where the stratum owes it somebody, and among equals by a draw, as in the app.

    Args:
        labels: `[person]`.
        sex: `[person]`.
        gate_share: of the people.
        rng: for the draws.

    Returns:
        bool `[person]`.
    """
    gate = np.zeros(len(labels), bool)
    seen: dict[tuple[str, str], int] = {}
    locked: dict[tuple[str, str], int] = {}
    for person, stratum in enumerate(zip(labels.tolist(), sex.tolist(), strict=True)):
        seen[stratum] = seen.get(stratum, 0) + 1
        owed = gate_share * seen[stratum] - locked.get(stratum, 0)
        gate[person] = owed > rng.random()
        locked[stratum] = locked.get(stratum, 0) + int(gate[person])
    return gate


@dataclass(frozen=True, slots=True)
class Cohort:
    """A folder of people to be written: some of a clinic's, with the labels that the clinic believes in.

    Attributes:
        source: the clinic.
        rows: int64 `[sequence]`, which of its sequences.
        task: whose labels are kept.
        labels: `[sequence]` of those rows.
        role: "development" or "gate".
    """

    source: ShardFolder
    rows: NDArray[np.int64]
    task: str
    labels: NDArray[np.str_]
    role: str

    def write(self, out: Path) -> ShardFolder:
        """Writes the folder as the app writes one of its cohort."""
        plain = {name: self.source.column(name)[self.rows] for name in COLUMNS if name not in TASKS}
        columns: Mapping[str, ColumnType] = {self.task: "text", **{name: COLUMNS[name] for name in plain}}
        keys, people = self.source.keys[self.rows].tolist(), self.source.person[self.rows].tolist()
        digest = hashlib.sha256("\n".join([*keys, *self.labels.tolist(), self.role]).encode()).hexdigest()
        facts: dict[str, Any] = {"simulated": True, "manifest_sha256": digest, "role": self.role}
        writer = ShardWriter(
            out, identity=digest[:16], manifest=facts, columns=columns, frame_rate_hz=self.source.frame_rate_hz
        )
        for place, row in enumerate(self.rows.tolist()):
            values: dict[str, str | int] = {name: _typed(name, str(each[place])) for name, each in plain.items()}
            values[self.task] = str(self.labels[place])
            writer.add(keys[place], people[place], 255 * self.source.sequence(row), values)
        return writer.finish()


def _typed(name: str, text: str) -> str | int:
    return int(text) if COLUMNS[name] == "int" else text
