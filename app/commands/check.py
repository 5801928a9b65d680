"""`fgait-clinic check`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from app.services.clinic_check import check_clinic
from clinic_data.clinic_check import Fault, FaultKind
from fgait_core.commands.progress_bar import progress_bar, say

_NAMED = 20


def add_to(cli: typer.Typer) -> None:
    """Adds the command."""
    cli.command("check")(_check)


def _check(
    every_byte: Annotated[
        bool, typer.Option(help="Also read each file and open each sealed value; takes longer.")
    ] = False,
    repair: Annotated[
        bool, typer.Option(help="Remove files to which no row refers and that are older than a day; nothing else.")
    ] = False,
) -> None:
    """Check the installation, which may be in use: files and rows, sealed values, references, keys, the audit trail.

    Exit codes: 0 all is well, 1 something is wrong, 2 the check was not possible.
    """
    found: Counter[FaultKind] = Counter()

    def tell(fault: Fault) -> None:
        found[fault.kind] += 1
        if found[fault.kind] <= _NAMED:
            say(fault.sentence)

    with progress_bar() as progress:
        removed = check_clinic(progress, tell, every_byte=every_byte, repair=repair)
    for kind, count in found.items():
        if count > _NAMED:
            say(f"... and {count - _NAMED:,} more of this kind ({kind.value.replace('_', ' ')}).")
    if repair:
        say(f"Removed {removed:,} files to which no row referred.")
    if found:
        say(f"{found.total():,} faults.")
        raise typer.Exit(1)
    say("Everything is as it should be.")
