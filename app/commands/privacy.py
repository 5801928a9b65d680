"""`fgait-clinic retention`: how long data are kept, what is due, and a run."""

from __future__ import annotations

from typing import Annotated

import typer

from app.services.privacy_local import LocalPrivacy
from app.settings import Settings
from clinic_data.privacy_tables import DataKind
from fgait_core.commands.progress_bar import progress_bar, say

_MB = 1e6


def add_to(cli: typer.Typer) -> None:
    """Adds `retention preview|run|set`."""
    retention = typer.Typer(
        name="retention", help="How long data are kept: the rules, what is due, a run.", no_args_is_help=True
    )
    for command in (preview, run):
        retention.command()(command)
    retention.command("set")(set_rule)
    cli.add_typer(retention)


def preview() -> None:
    """Show every rule and what a run would remove now. Nothing is changed."""
    with LocalPrivacy.opened(Settings()) as local:
        found = local.rules()
    say(f"{'kind':<12} {'kept for':>10} {'due':>8} {'files':>8} {'MB':>10} {'on hold':>8}")
    for kind, (rule, due) in found.items():
        kept = "for ever" if rule.days is None else f"{rule.days} days"
        say(f"{kind.value:<12} {kept:>10} {due.count:>8} {due.files:>8} {due.size_bytes / _MB:>10.1f} {due.held:>8}")


def run() -> None:
    """Remove everything that is due, and finish what was interrupted. The worker does the same once a day.

    Exit codes: 0 done, 1 done but something could not go now, 2 not done.
    """
    with LocalPrivacy.opened(Settings()) as local, progress_bar() as progress:
        counts = local.run(progress)
    for kind in DataKind:
        if kind.value in counts:
            say(f"{kind.value:<12} {counts[kind.value]}")
    say(f"{'files':<12} {counts['files']}")
    if counts["left"]:
        say(f"{counts['left']} are due but could not go now; the log says why. The next run tries again.")
        raise typer.Exit(1)


def set_rule(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(DataKind)}.")],
    days: Annotated[str, typer.Argument(help="A number of days, or `never`: the data stay for ever.")],
) -> None:
    """Change how long a kind of data is kept."""
    if days != "never" and not days.isdecimal():
        raise typer.BadParameter("Give a number of days, or never.")
    with LocalPrivacy.opened(Settings()) as local:
        local.set_rule(kind, None if days == "never" else int(days))
    say(f"{kind}: kept {'for ever' if days == 'never' else f'for {days} days'} from now on.")
