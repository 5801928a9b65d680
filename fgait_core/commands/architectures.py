"""`fgait architectures`: the named sizes of the network."""

from __future__ import annotations

import json

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("architectures")(architectures)


def architectures(as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table.")) -> None:
    """List the named sizes of the network with their parameter counts."""
    from fgait_core.models.architectures import ARCHITECTURES, count_parameters

    rows: list[dict[str, object]] = []
    for architecture in ARCHITECTURES.values():
        count = count_parameters(architecture)
        rows.append(
            {
                "name": architecture.name,
                "channels": list(architecture.channels),
                "depths": list(architecture.depths),
                "encoder": count.encoder,
                "projector": count.projector,
                "predictor": count.predictor,
                "total": count.total,
                "buffers": count.buffers,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    typer.echo(
        f"{'name':<8}{'channels':<18}{'depths':<12}{'encoder':>14}{'projector':>14}{'predictor':>14}{'total':>14}"
    )
    for row in rows:
        channels, depths = ("-".join(map(str, _numbers(row[key]))) for key in ("channels", "depths"))
        counts = "".join(f"{row[key]:>14,}" for key in ("encoder", "projector", "predictor", "total"))
        typer.echo(f"{row['name']!s:<8}{channels:<18}{depths:<12}{counts}")


def _numbers(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
