"""`fgait-clinic audit`: verifies, exports and anchors the audit trail."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.services.audit_export import ExportFormat
from app.services.audit_local import LocalAudit
from app.services.installation import database_of
from app.settings import Settings
from clinic_data.audit import AuditFilter
from clinic_data.audit_head_file import HeadFile
from clinic_data.errors import ValidationError

_TOLD_EVERY = 100_000


def add_to(cli: typer.Typer) -> None:
    """Adds `audit verify|export|anchor|head`."""
    audit = typer.Typer(name="audit", help="The audit trail: is it whole, and what does it say?", no_args_is_help=True)
    for command in (verify, export, anchor, head):
        audit.command()(command)
    cli.add_typer(audit)


def verify(
    anchor_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchor",
            help="File of heads that `anchor` made; can be given several times.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Check every row, its place and the end of the trail.

    Also compares the heads that this installation notes outside the database. Exit codes: 0 whole, 1 something is
    wrong (each problem with its row), 2 the check was not possible.
    """
    files = [HeadFile(path) for path in anchor_file or []]
    for file in files:
        if next(file.read(), None) is None:
            raise ValidationError(f"{file.path} holds no head of an audit trail. Name a file that `anchor` made.")
    with _local() as local:
        found = local.verify(files, _Clock())
    for problem in found.problems:
        typer.echo(problem.sentence)
    if found.problem_count > len(found.problems):
        typer.echo(f"... and {found.problem_count - len(found.problems)} more.")
    heads = f"{found.anchors} heads noted outside the database"
    if not found.is_intact:
        typer.echo(f"NOT INTACT: {found.problem_count} problems in {found.rows} rows, compared with {heads}.")
        raise typer.Exit(1)
    typer.echo(f"Intact: {found.rows} rows, compared with {heads}. Last row {found.last_id}, {found.last_mac}.")


def export(
    to: Annotated[Path, typer.Argument(help="File to write; it must not exist. - prints.", metavar="FILE")],
    kind: Annotated[
        Literal["csv", "jsonl"], typer.Option("--format", help="For spreadsheets, or for programs.")
    ] = "csv",
    since: Annotated[datetime | None, typer.Option("--from", help="Not before this moment, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Before this moment, UTC.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, for example user.signed_in.")] = None,
    patient_id: Annotated[
        str | None, typer.Option("--patient", help="Only what concerns the patient of this id.")
    ] = None,
) -> None:
    """Write the rows of the trail, oldest first; that it was exported becomes a row, too."""
    wanted = AuditFilter(action=action, patient_id=patient_id, since=_in_utc(since), until=_in_utc(until))
    with _local() as local:
        if to == Path("-"):
            count = local.export(sys.stdout.buffer.write, wanted, ExportFormat(kind))
            sys.stdout.flush()
        else:
            count = _export_to_file(local, to, wanted, ExportFormat(kind))
    typer.echo(f"{count} rows.", err=True)


def anchor(
    to: Annotated[
        Path, typer.Option(help="File to append to, on another computer's disk or a medium.", metavar="FILE")
    ],
) -> None:
    """Append the head of the trail to a file that is kept elsewhere.

    `verify --anchor FILE` then finds rows that were cut off or rewritten, whoever did it.
    """
    with _local() as local:
        now = local.head()
    try:
        HeadFile(to).append(now)
    except OSError as error:
        raise ValidationError(
            f"{to} cannot be written: {error.strerror}. Name a file in a folder that is yours."
        ) from None
    typer.echo(f"Row {now.last_id} is anchored in {to}.")


def head() -> None:
    """Print the head of the trail as one line, to be kept elsewhere, on paper or in an e-mail."""
    with _local() as local:
        typer.echo(local.head().line())


class _Clock:
    """Tells on stderr how far the check is."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, rows: int) -> None:
        if rows % _TOLD_EVERY == 0:
            typer.echo(f"{rows} rows, {time.monotonic() - self._began:.1f} s", err=True)


@contextmanager
def _local() -> Iterator[LocalAudit]:
    database = database_of(Settings())
    try:
        yield LocalAudit(database)
    finally:
        database.dispose()


def _export_to_file(local: LocalAudit, to: Path, wanted: AuditFilter, kind: ExportFormat) -> int:
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ValidationError(f"{to} cannot be written: {error.strerror}. Name a file that does not exist.") from None
    with closing(os.fdopen(descriptor, "wb")) as file:
        return local.export(file.write, wanted, kind)


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
