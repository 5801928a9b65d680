"""`fgait-clinic backup`, `backup-verify` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.services.backup import back_up, check_backup, restore_into
from fgait_core.commands.progress_bar import progress_bar, say

_MB = 1e6
_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of backups.", file_okay=False)]
_Name = Annotated[str | None, typer.Option(help="Which backup; by default the newest.")]


def add_to(cli: typer.Typer) -> None:
    """Adds the commands."""
    cli.command("backup")(_backup)
    cli.command("backup-verify")(_verify)
    cli.command("restore")(_restore)


def _backup(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where backups lie; on another disk. Made if missing.")
    ],
    keep: Annotated[
        int | None, typer.Option(min=1, help="So many backups stay in FOLDER, older ones go. By default all stay.")
    ] = None,
) -> None:
    """Back up database and files, sealed, while the app runs. The master key is not in it: keep that elsewhere.

    Exit codes: 0 done, 1 done but files were missing or damaged in the storage, 2 not done.
    """
    with progress_bar() as progress:
        made = back_up(folder, keep, progress)
    mark = made.mark
    say(f"Backup {made.name} in {folder}: {mark.rows:,} rows, {mark.files:,} files ({mark.files_bytes / _MB:,.1f} MB).")
    say(f"Copied now: {made.new_files:,} files ({made.new_bytes / _MB:,.1f} MB); the others were there already.")
    if made.removed:
        say(f"Removed {len(made.removed)} older backups and {made.removed_bytes / _MB:,.1f} MB that only they had.")
    say(f"Took {made.seconds:.1f} s. It opens with master key {mark.master_key} only, which is not in it.")
    if mark.missing:
        say(
            f"ATTENTION: {len(mark.missing)} files of the database are missing or damaged in the storage and are not "
            f"in the backup. Run `fgait-clinic check`. The first: {', '.join(mark.missing[:5])}"
        )
        raise typer.Exit(1)


def _verify(folder: _Folder, name: _Name = None) -> None:
    """Read a backup again, every byte of it. Exit codes: 0 it is whole, 2 it is not."""
    with progress_bar() as progress:
        found, mark = check_backup(folder, name, progress)
    say(f"Backup {found} is whole: {mark.rows:,} rows, {mark.files:,} files ({mark.files_bytes / _MB:,.1f} MB).")
    if mark.missing:
        say(f"{len(mark.missing)} files were missing or damaged when it was made; they are not in it.")


def _restore(
    folder: _Folder,
    into: Annotated[Path, typer.Option(help="The data folder of the new installation; empty or missing.")],
    name: _Name = None,
    database_url: Annotated[
        str, typer.Option(help="An empty PostgreSQL database. By default a SQLite file in the data folder.")
    ] = "",
    erasures: Annotated[
        Path | None,
        typer.Option(
            help="Folder with proofs of erasure that are newer than the backup: those patients are erased again.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Restore a backup into an empty place. Interrupted, it is started again with the same words."""
    with progress_bar() as progress:
        restored, erased = restore_into(folder, name, into, database_url, erasures, progress)
    mark = restored.mark
    say(f"Restored backup {restored.name} of {mark.created_at} ({mark.made_by}) in {restored.seconds:.1f} s to {into}.")
    say(f"{mark.rows:,} rows, {mark.files:,} files ({mark.files_bytes / _MB:,.1f} MB).")
    say(f"{restored.sessions_closed} open sign-ins were ended. Passwords are those of the day of the backup.")
    if erasures is not None:
        say(f"{erased} patients were erased again.")
    if mark.missing:
        say(f"{len(mark.missing)} files were missing already when the backup was made: {', '.join(mark.missing[:5])}")
    say(f"What to do next:\n  export FGAIT_DATA_DIR={into}")
    if database_url:
        say("  export FGAIT_DATABASE_URL=... (the one you gave)")
    if not (into / "keys" / "master.key").exists():
        say(f"  the master key: a copy of its file as {into}/keys/master.key, or FGAIT_MASTER_KEY_FILE that names it")
    say("  fgait-clinic check\n  fgait-clinic audit verify\n  start the app, sign in, open a patient and a report")
    if erasures is None:
        say("Was anybody erased after this backup was made? Restore again with --erasures and the proofs.")
