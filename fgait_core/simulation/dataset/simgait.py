"""SimGait: the fixed set of simulated walkers that models of this project are trained, calibrated and measured on.

Sizes, seeds and bodies are written here, so that everybody who builds it gets the same bytes, and the hash says so.
What it is for and how to measure on it: docs/simgait.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fgait_core.data.shard_files import read_manifest
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.generator import GENERATOR_VERSION, bank_sha256, write_split
from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES
from fgait_core.simulation.dataset.plan import SimulationPlan

SIMGAIT_NAME = "simgait.json"
SIMGAIT_VERSION = "1"
"""Raised with the generator or the bodies: they say who the walkers are."""
_GENERATOR_VERSION = "2"
_BODIES_SHA256 = "c4146df587f65d9ba57257ca4fe063edaf473da1ae4c52cf1533e105485235ae"
_SEED = 20261
_FEWEST_PEOPLE = 6
"""Each combination of the classes once."""

_WHOLE: dict[str, SimulationPlan] = {
    "train": SimulationPlan("train", 10_000, 10, 30, seed=_SEED),
    "calibration": SimulationPlan("calibration", 3_000, 4, 60, seed=_SEED),
    "test": SimulationPlan("test", 3_000, 4, 60, seed=_SEED),
    "identification": SimulationPlan("test", 300, IDENTIFICATION_SEQUENCES, 30, seed=_SEED, layout="identification"),
}


def simgait_plans(scale: float = 1.0) -> dict[str, SimulationPlan]:
    """What each split is made of.

    Args:
        scale: share of the people of each split, above 0 up to 1; at least six of each.

    Raises:
        ConfigError: if the scale makes no sense.
    """
    if not 0.0 < scale <= 1.0:
        raise ConfigError(f"The scale must be above 0 and at most 1, not {scale:g}.")
    return {
        name: replace(plan, people=max(_FEWEST_PEOPLE, round(plan.people * scale))) for name, plan in _WHOLE.items()
    }


def build_simgait(
    out: Path,
    scale: float = 1.0,
    processes: int = 2,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> dict[str, Any]:
    """Writes SimGait, a folder of shards for each split and `simgait.json`. Goes on where it was interrupted.

    Args:
        out: folder of the whole.
        scale: see `simgait_plans`.
        processes: how many worker processes; the result does not depend on it.
        progress: told as it goes on.
        cancelled: asked now and then.

    Returns:
        Content of `simgait.json`: version, generator, bodies, for each split its size and SHA-256, and one over all.

    Raises:
        ConfigError: if the folder holds a SimGait of another scale, version, generator or bodies, or this installation
            has others.
        OperationCancelled: if `cancelled` answers yes.
    """
    plans, facts = simgait_plans(scale), _facts(scale)
    if (out / SIMGAIT_NAME).exists():
        _require_same(out, _read(out), facts)
    whole = sum(_frames(plan) for plan in plans.values())
    done = 0
    for name, plan in plans.items():
        begun, done = done, done + _frames(plan)
        told = part_of(progress, begun / whole, done / whole)
        write_split(plan, out / name, None, processes, _named(name, told), cancelled)
    splits = {name: _split_facts(out / name, plan) for name, plan in plans.items()}
    facts |= {"splits": splits, "sha256": _sha256_of_lines((split["sha256"], name) for name, split in splits.items())}
    _write(out / SIMGAIT_NAME, facts)
    return facts


def open_simgait(folder: Path, *names: str) -> tuple[ShardFolder, ...]:
    """Splits of a SimGait that was built by this version.

    Raises:
        ConfigError: if it is missing, unfinished or damaged, or was built by another generator or of other bodies.
    """
    facts = _read(folder)
    _require_same(folder, facts, _facts(facts["scale"]))
    for name in names:
        if name not in facts["splits"]:
            raise ConfigError(f"SimGait has no split {name!r}. Choose of: {', '.join(facts['splits'])}.")
        if manifest_sha256(folder / name) != facts["splits"][name]["sha256"]:
            raise ConfigError(f"{folder / name} is not the split that {SIMGAIT_NAME} names. Delete and build it again.")
    return tuple(read_shards(folder / name) for name in names)


def manifest_sha256(folder: Path) -> str:
    """One hash over all files of a folder of shards, of the SHA-256 that its manifest keeps."""
    files = read_manifest(folder)["files"]
    return _sha256_of_lines((facts["sha256"], name) for name, facts in files.items())


def _sha256_of_lines(rows: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of what `sha256sum` would print for the parts."""
    return hashlib.sha256("".join(f"{digest}  {name}\n" for digest, name in rows).encode()).hexdigest()


def _facts(scale: float) -> dict[str, Any]:
    """What must be the same for two SimGaits to be the same.

    Raises:
        ConfigError: if generator or bodies of this installation are not those that SimGait is made by.
    """
    bank = BodyBank.packaged()
    if (GENERATOR_VERSION, bank_sha256(bank)) != (_GENERATOR_VERSION, _BODIES_SHA256):
        raise ConfigError(
            f"SimGait {SIMGAIT_VERSION} is made by generator {_GENERATOR_VERSION} of bodies {_BODIES_SHA256[:16]}, but "
            f"here are generator {GENERATOR_VERSION} and bodies {bank_sha256(bank)[:16]}. Install the package again."
        )
    return {
        "name": "SimGait",
        "version": SIMGAIT_VERSION,
        "simulated": True,
        "scale": scale,
        "generator_version": GENERATOR_VERSION,
        "bodies": bank.name,
        "bodies_sha256": _BODIES_SHA256,
    }


def _require_same(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ConfigError(
                f"{folder} holds a SimGait with {name.replace('_', ' ')} {found.get(name)}, not {value}. Choose "
                "another folder, or delete it and build it again."
            )


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / SIMGAIT_NAME).read_text(encoding="utf-8"))
        if found["name"] == "SimGait" and found["splits"] and found["scale"]:
            return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder} holds no finished SimGait: {SIMGAIT_NAME} is missing or cannot be read. Build it with "
            "`fgait simgait build`, or name the folder where it is."
        ) from error
    raise ConfigError(f"{folder / SIMGAIT_NAME} is none of this project. Choose another folder.")


def _write(file: Path, facts: dict[str, Any]) -> None:
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)


def _split_facts(folder: Path, plan: SimulationPlan) -> dict[str, Any]:
    return {"plan": asdict(plan), "counts": read_manifest(folder)["counts"], "sha256": manifest_sha256(folder)}


def _frames(plan: SimulationPlan) -> int:
    return plan.people * plan.sequences * plan.frames


def _named(name: str, progress: Progress) -> Progress:
    return lambda share, text: progress(share, f"{name}: {text}")
