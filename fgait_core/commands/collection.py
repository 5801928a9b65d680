"""What `fgait silhouettes` and `fgait embed` share where they work through many recordings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fgait_core.commands.progress_bar import progress_bar

if TYPE_CHECKING:
    from fgait_core.collection.run import Summary
    from fgait_core.collection.work import Processor

Processes = Annotated[
    int | None,
    typer.Option(min=1, help="Recordings at once on this machine; by default one for each core."),
]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Work on a Ray cluster: auto, ray://host:port, host:port or local."),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Also try those again that failed before.")]


def run_collection(
    source: str, processor: Processor, out: Path, processes: int | None, ray: str | None, retry_failed: bool
) -> None:
    """Works through a source, shows how far it is, and prints what came of it."""
    from fgait_core.collection.run import Where, work_through
    from fgait_core.training.stopping import stop_signals

    if ray is not None and processes is not None:
        raise typer.BadParameter("--processes is for this machine; a Ray cluster knows its own cores.")
    where = Where(processes or len(os.sched_getaffinity(0)), ray)
    with progress_bar() as progress, stop_signals() as stopped:
        summary = work_through(
            source, processor, out, where, retry_failed=retry_failed, progress=progress, cancelled=stopped
        )
    _print_summary(summary, out)


def _print_summary(summary: Summary, out: Path) -> None:
    rows = {
        "recordings": summary.found,
        "done": summary.done,
        "done before": summary.skipped,
        "failed": summary.failed,
        "failed before": summary.failed_before,
    }
    for words, count in rows.items():
        typer.echo(f"{words:<14}{count:>9,}")
    typer.echo(f"The index is {out / 'recordings.csv'}.")
    if summary.failed or summary.failed_before:
        typer.echo(f"Why recordings failed is in {out / 'failures.jsonl'}; --retry-failed tries them again.")
