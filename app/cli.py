"""The program `fgait`: the engine's command line and `screen`, which needs engine and report together."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fgait_core import cli as engine_cli
from fgait_core.commands.progress_bar import progress_bar
from fgait_core.errors import ConfigError
from fgait_core.screening_result import ScreeningResult

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessmentPipeline
    from fgait_core.silhouettes import Walk
    from reports.content import ScoreBlock


def main() -> None:
    """Entry point of the program `fgait`."""
    cli = engine_cli.build()
    cli.command()(screen)
    engine_cli.run(cli)


def screen(
    video: Annotated[Path, typer.Argument(help="The walking video.", exists=True, dir_okay=False, readable=True)],
    person: Annotated[
        int | None,
        typer.Option(min=1, help="Which person to score; by default 1, who walks furthest in full view."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="A task to score; can be given several times. By default all.")
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the result as JSON (docs/screening_json.md); - prints it.")
    ] = None,
    pdf_path: Annotated[Path | None, typer.Option("--pdf", help="Write the report as PDF.")] = None,
    package_dir: Annotated[
        Path | None,
        typer.Option("--package", help="Model package to score with; by default the bundled one.", file_okay=False),
    ] = None,
) -> None:
    """Screen one walking video: calibrated scores with their uncertainty, as JSON, as PDF and in words.

    Exit codes: 0 scored, 2 wrong usage, 3 recording refused (the JSON has every reason), 1 fault.
    """
    _require_writable(json_path, pdf_path)
    from fgait_core.inference import RefusedRecordingError

    pipeline = _load_pipeline(package_dir)
    try:
        with progress_bar() as progress:
            assessment = pipeline.assess(video, person, task or None, progress)
    except RefusedRecordingError as refusal:
        _write_json(refusal.result, json_path)
        if pdf_path is not None:
            typer.echo("No PDF was written: there is no report without a score.", err=True)
        raise
    _write_json(assessment.result, json_path)
    if pdf_path is not None:
        _write_atomically(pdf_path, _report(assessment.result, assessment.walk))
    if json_path != Path("-"):
        _print_summary(assessment.result)


def _require_writable(*paths: Path | None) -> None:
    for path in paths:
        if path is None or path == Path("-"):
            continue
        if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
            raise ConfigError(f"{path} cannot be written: name a file in a folder that exists and is yours to write.")


def _load_pipeline(package_dir: Path | None) -> GaitAssessmentPipeline:
    from fgait_core.inference import GaitAssessmentPipeline
    from fgait_core.model_package import ModelPackage, bundled_package_dir
    from fgait_core.silhouettes import load_segmenter

    return GaitAssessmentPipeline(ModelPackage.load(package_dir or bundled_package_dir()), load_segmenter())


def _write_json(result: ScreeningResult, path: Path | None) -> None:
    if path is None:
        return
    text = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
    if path == Path("-"):
        typer.echo(text, nl=False)
    else:
        _write_atomically(path, text.encode())


def _write_atomically(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _report(result: ScreeningResult, walk: Walk) -> bytes:
    from app.services.report_content import report_from_result
    from reports.pdf import render_pdf

    created_at = datetime.now(UTC)
    return render_pdf(
        report_from_result(
            result.to_json(),
            walk.sequence.frames,
            patient=None,
            clinic_name="Command line",
            report_number=f"CLI-{created_at:%Y%m%d-%H%M%S}-{result.recording.sha256[:8]}",
            created_at=created_at,
            created_by="fgait screen",
        )
    )


def _print_summary(result: ScreeningResult) -> None:
    from app.services.report_content import adaptation_block, score_blocks, typicality_block
    from reports.wording import simulated_explanation, typicality_sentence

    typer.echo(
        f"{result.recording.file_name}: person {result.person} of {len(result.people)}, {result.quality.view} view"
    )
    content = result.to_json()
    if result.simulated:
        typer.echo(f"SIMULATED MODEL: {simulated_explanation(adaptation_block(content['model'].get('adapted_on')))}")
    typicality = typicality_block(content)
    typer.echo(f"  {typicality_sentence(typicality)}. {typicality.reason if typicality else ''}".rstrip())
    for score in score_blocks(content):
        _print_score(score)
    for check in result.quality.checks:
        if not check.passed:
            typer.echo(f"  Note: {check.advice}")
    typer.echo(
        f"  Model {result.model.name} {result.model.version} ({result.model.sha256[:12]}). Screening, not diagnosis."
    )


def _print_score(score: ScoreBlock) -> None:
    """The score in two lines; without an answer no probability, but what to do instead."""
    from reports.content import Outcome
    from reports.wording import next_steps, plain_result, weakness_sentence

    if score.outcome is Outcome.UNLIKE:
        typer.echo(f"  {score.task}: no answer")
        typer.echo("    " + " ".join((plain_result(score), *next_steps(score))))
        return
    typer.echo(
        f"  {score.task}: {score.positive_class} {score.positive_probability:.2f} "
        f"(95 % interval {score.interval.low:.2f} to {score.interval.high:.2f}), "
        f"set {{{', '.join(score.prediction_set)}}}"
    )
    typer.echo("    " + " ".join(filter(None, (plain_result(score), weakness_sentence(score)))))
