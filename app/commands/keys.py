"""`fgait-clinic keys`: which master keys there are, a new one, and the change to a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.services.file_removal import scrub
from app.services.installation import KeySource, key_source, master_keys_of
from app.settings import Settings
from clinic_data import data_keys, key_rotation, master_keys
from clinic_data.data_keys import KeyRing
from clinic_data.database import Database
from clinic_data.master_keys import MasterKeys

_BACKUPS = (
    "Backups made before still open with the old key only. Keep a copy of the old key file as long as you keep them."
)


def add_to(cli: typer.Typer) -> None:
    """Adds the commands."""
    keys = typer.Typer(name="keys", help="Master keys: all patient data is sealed under them.", no_args_is_help=True)
    keys.command("status")(status)
    keys.command("new")(new)
    keys.command("rotate")(rotate)
    cli.add_typer(keys)


def status() -> None:
    """Tell which master keys are given, and how many data keys each of them wraps."""
    settings = Settings()
    master = master_keys_of(settings, may_make=False)
    counts = _counts(settings, master)
    typer.echo(f"The master keys come from {_source_words(settings)}.")
    for number, name in enumerate(master.ids):
        role = "wraps new keys" if number == 0 else "older, opens only"
        typer.echo(f"  {name}  {role}; wraps {counts.pop(name, 0)} data keys")
    for name, count in counts.items():
        typer.echo(f"  {name}  MISSING; wraps {count} data keys, which nobody can open without it")
    if len(master.ids) > 1:
        typer.echo("A change of the master key is not finished: run `fgait-clinic keys rotate`.")
    if counts:
        raise typer.Exit(1)


def new() -> None:
    """Print a new master key, for who keeps it in the environment or on a key server. Nothing is stored."""
    typer.echo(MasterKeys.new().text(), nl=False)


def rotate(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Change to a new master key while the app may run; run it again if it was interrupted."""
    settings = Settings()
    master = master_keys_of(settings, may_make=False)
    if key_source(settings) is not KeySource.FILE:
        _check(settings, master)
        _rotate_given(settings, master)
        return
    file = settings.resolved_master_key_file
    with master_keys.only_one_changes(file):
        _rotate_file(settings, file, yes)


def _rotate_file(settings: Settings, file: Path, yes: bool) -> None:
    master = master_keys.read_file(file)
    _check(settings, master)
    if not yes:
        typer.confirm(f"Change the master key in {file}? Have a copy of this file first.", abort=True)
    if len(master.ids) == 1:
        master = master.behind(MasterKeys.new())
        master_keys.replace_file(file, master)
        typer.echo(f"Made master key {master.current}; the file holds both keys until the change is finished.")
    _rewrap(settings, master)
    master_keys.replace_file(file, master.only([master.current]))
    typer.echo(f"The change is finished: {file} holds the new key only. Copy it to its safe place now.\n{_BACKUPS}")


def _rotate_given(settings: Settings, master: MasterKeys) -> None:
    words = _source_words(settings)
    if len(master.ids) == 1:
        typer.echo(
            f"The master key comes from {words}, which only you can change:\n"
            "  1. Make a key: fgait-clinic keys new\n"
            f"  2. Let {words} give the new line first and the present line behind it, and restart FGait.\n"
            "  3. Run `fgait-clinic keys rotate` again.\n"
            "  4. Then take the old line away, and restart FGait."
        )
        return
    _rewrap(settings, master)
    typer.echo(f"Done: take every line but that of {master.current} out of {words}, and restart FGait.\n{_BACKUPS}")


def _rewrap(settings: Settings, master: MasterKeys) -> None:
    database = Database(settings.resolved_database_url, KeyRing(master))
    try:
        count = key_rotation.rewrap_all(
            database=database, on_progress=lambda done, wanted: typer.echo(f"  {done} of {wanted} data keys")
        )
        scrub(database)  # else whoever knew the old key could open what the database's log still holds
    finally:
        database.dispose()
    typer.echo(f"Wrapped {count} data keys anew.")


def _check(settings: Settings, master: MasterKeys) -> None:
    database = Database(settings.resolved_database_url, KeyRing(master))
    try:
        database.require_current()
        with database.reading() as session:
            data_keys.check(session=session)
    finally:
        database.dispose()


def _counts(settings: Settings, master: MasterKeys) -> dict[str, int]:
    database = Database(settings.resolved_database_url, KeyRing(master))
    try:
        database.require_current()
        with database.reading() as session:
            return data_keys.master_key_counts(session=session)
    finally:
        database.dispose()


def _source_words(settings: Settings) -> str:
    return {
        KeySource.COMMAND: "the program of FGAIT_MASTER_KEY_COMMAND",
        KeySource.ENVIRONMENT: "the environment variable FGAIT_MASTER_KEY",
        KeySource.FILE: f"the file {settings.resolved_master_key_file}",
    }[key_source(settings)]
