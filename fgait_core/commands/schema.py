"""`fgait schema`: the JSON Schema of a screening result."""

from __future__ import annotations

import json

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(schema)


def schema() -> None:
    """Print the JSON Schema of what `fgait screen --json` writes."""
    from fgait_core.screening_result import ScreeningResult

    typer.echo(json.dumps(ScreeningResult.model_json_schema(), indent=2))
