"""`fgait checkpoint`: what a checkpoint holds, and writing one that the published software reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from fgait_core.models.published import PublishedCheckpoint

_FILE = typer.Argument(..., help="Checkpoint file of FGait or of the published code, or a run folder.")
_FAULTS = ("missing", "unexpected", "wrong_shape")
_OUT = typer.Option(..., help="File to write.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="Checkpoints: what they hold, and the published format.", no_args_is_help=True)
    room.command("show")(show)
    room.command("export")(export)
    app.add_typer(room, name="checkpoint")


def show(file: Path = _FILE, as_json: bool = typer.Option(False, "--json", help="Print JSON instead of text.")) -> None:
    """Show what a checkpoint holds: sizes, branches, heads, and which weights are missing or unexpected."""
    from fgait_core.models.published import read_published

    facts = _facts(file, read_published(file))
    typer.echo(json.dumps(facts, indent=1) if as_json else "\n".join(_lines(facts)))


def export(
    source: Path = _FILE,
    out: Path = _OUT,
    task: str | None = typer.Option(None, help="Whose head is written; needed where there are several."),
) -> None:
    """Write the weights of a run or checkpoint in the published format."""
    from fgait_core.models.published import read_published
    from fgait_core.models.published_export import export_published

    checkpoint = read_published(source)
    left_out = export_published(out, checkpoint.weights, checkpoint.iteration or 0, task=task)
    typer.echo(f"{len(checkpoint.weights) - len(left_out)} weights in {out}")
    for name in left_out:
        typer.echo(f"left out, no place in the published format: {name}")


def _facts(file: Path, checkpoint: PublishedCheckpoint) -> dict[str, Any]:
    from fgait_core.models.published import compare

    backbone = checkpoint.build()
    facts: dict[str, Any] = {
        "file": str(file),
        "iteration": checkpoint.iteration,
        "architecture": checkpoint.architecture,
        "channels": list(checkpoint.channels),
        "depths": list(checkpoint.depths),
        "in_channels": checkpoint.in_channels,
    }
    learned = {name for name, _ in backbone.named_parameters()}
    for branch, weights in (("teacher", checkpoint.teacher), ("student", checkpoint.student)):
        report = compare(backbone, weights or {})
        facts[branch] = weights and {
            "weights": len(weights),
            "parameters": sum(value.numel() for key, value in weights.items() if key in learned),
            "missing": list(report.missing),
            "unexpected": list(report.unexpected),
            "wrong_shape": list(report.wrong_shape),
        }
    facts["heads"] = {key: list(value.shape) for key, value in checkpoint.heads.items()}
    return facts


def _lines(facts: dict[str, Any]) -> list[str]:
    iteration = "unknown number of" if facts["iteration"] is None else facts["iteration"]
    sizes = ", ".join(f"{name} {'-'.join(map(str, facts[name]))}" for name in ("channels", "depths"))
    lines = [
        f"{facts['file']}: {iteration} iterations",
        f"architecture {facts['architecture'] or 'without a name'}: {sizes}, input channels {facts['in_channels']}",
    ]
    for branch in ("teacher", "student"):
        lines += _branch_lines(branch, facts[branch])
    lines += [f"head: {name} {shape}" for name, shape in facts["heads"].items()]
    return lines


def _branch_lines(name: str, branch: dict[str, Any] | None) -> list[str]:
    if branch is None:
        return [f"{name}: none"]
    faults = [f"  {kind.replace('_', ' ')}: {key}" for kind in _FAULTS for key in branch[kind]]
    state = f"{len(faults)} do not fit:" if faults else "complete"
    return [f"{name}: {branch['weights']} weights, {branch['parameters']:,} parameters, {state}", *faults]
