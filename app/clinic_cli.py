"""The program `fgait-clinic`: what whoever runs the server does there, outside the pages.

Each module of `app.commands` adds its commands with `add_to(cli)`. Who may run it is who may read the master key.
"""

from __future__ import annotations

import sys

import typer

from app import commands
from app.services.command_line import command_line_origin
from clinic_data import audit
from clinic_data.errors import ClinicDataError
from fgait_core.errors import FGaitError


def build() -> typer.Typer:
    """The program with all its commands."""
    cli = typer.Typer(
        name="fgait-clinic",
        help="Runs and guards an installation: keys, audit trail, backup and restore, retention, checks.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in commands.MODULES:
        module.add_to(cli)
    return cli


def main() -> None:
    """Entry point: an error on purpose is one sentence and exit code 2."""
    audit.origin.set(command_line_origin())
    try:
        build()()
    except (ClinicDataError, FGaitError) as error:
        print(f"fgait-clinic: {error}", file=sys.stderr)
        raise SystemExit(2) from error
