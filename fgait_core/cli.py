"""The command line `fgait`: what each room of the engine offers, put together.

Exit codes: 0 done, 1 fault, 2 wrong usage or configuration, 3 recording refused (its reasons are printed), 130 stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import typer

from fgait_core import __version__
from fgait_core.errors import ConfigError, FGaitError, OperationCancelled, RecordingError

EXIT_FAULT = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_STOPPED = 130

ROOMS = (
    "silhouettes",
    "gait",
    "schema",
    "architectures",
    "checkpoints",
    "simulation",
    "simgait",
    "data",
    "training",
    "retraining",
    "gate",
    "retraining_study",
    "evaluation",
    "embedding",
    "explanation",
)


def build() -> typer.Typer:
    """The command line with the commands of every room of the engine."""
    cli = typer.Typer(
        name="fgait",
        help="Gait screening from video, and the network behind it. Screening, not diagnosis.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    cli.callback()(_root)
    for room in ROOMS:
        register: Callable[[typer.Typer], None] = import_module(f"fgait_core.commands.{room}").register
        register(cli)
    return cli


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fgait {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Gait screening from video, and the network behind it. Screening, not diagnosis."""


def run(cli: typer.Typer) -> None:
    """Runs the command line and turns the engine's errors into sentences and exit codes."""
    try:
        cli()
    except RecordingError as error:
        _say("This recording cannot be used:", *(f"- {reason}" for reason in error.reasons))
        sys.exit(EXIT_REFUSED)
    except ConfigError as error:
        _say(f"Error: {error}")
        sys.exit(EXIT_USAGE)
    except OperationCancelled as stop:
        _say(str(stop))
        sys.exit(EXIT_STOPPED)
    except KeyboardInterrupt:
        _say("Stopped.")
        sys.exit(EXIT_STOPPED)
    except (FileExistsError, NotADirectoryError) as error:
        # Folders are made where they are missing, so that only a file can be in the way.
        _say(f"Error: {error.filename} cannot be made: a file is in the way. Name another folder.")
        sys.exit(EXIT_USAGE)
    except (FGaitError, OSError) as error:
        _say(f"Error: {error}")
        sys.exit(EXIT_FAULT)


def _say(*lines: str) -> None:
    for line in lines:
        typer.echo(line, err=True)


if __name__ == "__main__":
    run(build())
