"""`fgait-clinic erasure`: the list, what was interrupted, and the check of a proof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.services.privacy_local import LocalPrivacy, check_proof
from app.settings import Settings
from fgait_core.commands.progress_bar import say


def add_to(cli: typer.Typer) -> None:
    """Adds `erasure list|finish|verify`."""
    erasure = typer.Typer(
        name="erasure",
        help="Erasures of patients. Two people decide on them on the pages; here they are watched and verified.",
        no_args_is_help=True,
    )
    erasure.command("list")(list_erasures)
    for command in (finish, verify):
        erasure.command()(command)
    cli.add_typer(erasure)


def list_erasures(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at the most.")] = 50,
) -> None:
    """List erasures: those that wait for a decision first, then the newest first."""
    with LocalPrivacy.opened(Settings()) as local:
        found = local.erasures(limit)
    for row in found.rows:
        say(f"{row.id}  patient {row.patient_id}  {row.state.value:<10} {row.requested_at:%Y-%m-%d %H:%M} UTC")
    say(f"{found.total} erasures.")


def finish() -> None:
    """Go on with erasures that a killed process left behind; app and worker do it at each start."""
    with LocalPrivacy.opened(Settings()) as local:
        done = local.finish()
    say(f"Finished {done} erasures.")


def verify(
    file: Annotated[Path, typer.Argument(help="The proof, as it was downloaded.", exists=True, dir_okay=False)],
    public_key: Annotated[
        str | None,
        typer.Option(help="The clinic's public key, 64 hexadecimal digits; by default this installation's own."),
    ] = None,
) -> None:
    """Check the proof of an erasure: is it what the clinic signed, to the last byte? Exit codes: 0 yes, 2 no."""
    found = check_proof(Settings(), file.read_bytes(), public_key)
    say(f"The proof is sound. Signed with the key {found.fingerprint}.")
    say(json.dumps(dict(found.facts), indent=1, ensure_ascii=False))
