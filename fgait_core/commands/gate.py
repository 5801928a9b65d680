"""`fgait gate`: a candidate against the version in production, on locked people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fgait_core.commands.outputs import require_files
from fgait_core.commands.parent import END_WITH_PARENT, PROGRESS_FILE, end_with_parent, told_to_file
from fgait_core.commands.progress_bar import progress_bar, say

if TYPE_CHECKING:
    from fgait_core.evaluation.tables import Table
    from fgait_core.gate_report import GateReport

_CANDIDATE = typer.Argument(help="Folder of the model package that is to be judged.")
_PRODUCTION = typer.Option(..., help="Folder of the model package in production.")
_PEOPLE = typer.Option(..., help="Shards of the gate people: outcomes in the column of the task's name.")
_PROTOCOL = typer.Option(..., help="The protocol that was fixed before the retraining: JSON or YAML.")
_OUT = typer.Option(..., help="JSON file to write with the report; written last, as a whole.")
_PACKAGE = typer.Option(None, help="Folder to write: the candidate with the figures of the gate people.")
_TRAINED = typer.Option(0, min=0, help="People whom the candidate and those it descends from were trained on.")
_SHARED = typer.Option(0, min=0, help="Gate people among them; any at all and the gate is not passed.")
_SHA256 = typer.Option(None, help="Of the protocol, where its own form was summed; by default of the canonical JSON.")
_DEVICE = typer.Option(None, help="auto, cpu, cuda or cuda:N; by default the protocol's.")
_SEED = typer.Option(1, help="Of draws and bootstrap samples.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("gate")(gate)


def gate(
    candidate: Path = _CANDIDATE,
    production: Path = _PRODUCTION,
    people: Path = _PEOPLE,
    protocol: Path = _PROTOCOL,
    out: Path = _OUT,
    package: Path | None = _PACKAGE,
    trained_people: int = _TRAINED,
    shared_people: int = _SHARED,
    protocol_sha256: str | None = _SHA256,
    device: str | None = _DEVICE,
    seed: int = _SEED,
    orphan_ends: bool = END_WITH_PARENT,
    progress_file: Path | None = PROGRESS_FILE,
) -> None:
    """Compare a candidate with the version in production on locked people, by the criteria of a protocol."""
    end_with_parent(orphan_ends)
    from fgait_core.config.files import load_protocol
    from fgait_core.data.shards import read_shards
    from fgait_core.distributed import choose_device
    from fgait_core.model_package import ModelPackage
    from fgait_core.progress import part_of
    from fgait_core.recipes.package import require_replaceable
    from fgait_core.recipes.retraining.final_package import finish, named_as
    from fgait_core.recipes.retraining.gate import compare

    require_files(out)
    if package is not None:
        require_replaceable(package)
    fixed = load_protocol(protocol)
    locked = read_shards(people)
    where = str(choose_device(device or fixed.budget.device))
    with progress_bar() as bar:
        progress = told_to_file(progress_file, bar)
        report = compare(
            ModelPackage.load(production),
            ModelPackage.load(candidate),
            locked,
            fixed,
            trained_people=trained_people,
            shared_people=shared_people,
            protocol_sha256=protocol_sha256 or fixed.sha256,
            seed=seed,
            device=where,
            progress=part_of(progress, 0.0, 0.7),
        )
        if package is not None:
            rest = part_of(progress, 0.7, 1.0)
            report = named_as(report, finish(candidate, report, locked, package, device=where, progress=rest))
        _write(out, report)
        progress(1.0, "report written")
    say(f"{criteria_table(report).plain()}\n\n{_verdict(report)}\nthe report is in {out}")


def _write(out: Path, report: GateReport) -> None:
    partial = out.with_name(f"{out.name}.partial")
    partial.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(partial, out)


def criteria_table(report: GateReport) -> Table:
    """The criteria of a report, one a row."""
    from fgait_core.evaluation.tables import Table

    title = (
        f"{report.candidate.name} {report.candidate.version} against {report.production.name} "
        f"{report.production.version}: {report.task}, {report.people} gate people, {report.positive} with the condition"
    )
    rows = tuple((each.label, each.needed, each.measured, "yes" if each.passed else "NO") for each in report.criteria)
    return Table("gate", title, ("criterion", "needed", "measured", "met"), rows)


def _verdict(report: GateReport) -> str:
    if report.passed:
        return "Passed: the candidate may be promoted."
    if not report.possible:
        return "Not passed: too few gate people for any promotion."
    return "Not passed: the candidate may not be promoted."
