"""The program `fgait`: the engine's command line and `screen`, which needs engine and report together."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...",
            help="The walking videos: one, or several of the same person from different sides, which give one score.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    person: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="Which person to score; by default 1, who walks furthest in full view. With several videos give it "
            "once for each, in their order.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="A task to score; can be given several times. By default all.")
    ] = None,
    height_cm: Annotated[
        float | None,
        typer.Option("--height", min=50, max=250, help="Body height in cm, for lengths and speed in metres."),
    ] = None,
    age_years: Annotated[
        float | None, typer.Option("--age", min=0, max=120, help="Age in years, for what is usual at that age.")
    ] = None,
    sex: Annotated[
        Literal["female", "male"] | None, typer.Option(help="For what is usual. No score depends on it.")
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the result as JSON (docs/screening_json.md); - prints it.")
    ] = None,
    pdf_path: Annotated[Path | None, typer.Option("--pdf", help="Write the report as PDF.")] = None,
    language: Annotated[Literal["en", "zh", "ar"], typer.Option(help="Language of the PDF.")] = "en",
    package_dir: Annotated[
        Path | None,
        typer.Option("--package", help="Model package to score with; by default the bundled one.", file_okay=False),
    ] = None,
) -> None:
    """Screen walking videos of one person: calibrated scores with their uncertainty, as JSON, as PDF and in words.

    Exit codes: 0 scored, 2 wrong usage, 3 every recording refused (the JSON has every reason), 1 fault.
    """
    _require_writable(json_path, pdf_path)
    people = _one_for_each(videos, person)
    from fgait_core.gait_parameters.subject import Subject
    from fgait_core.inference import Clip, RefusedRecordingError

    clips = [Clip(path, chosen) for path, chosen in zip(videos, people, strict=True)]
    subject = Subject(age_years, sex, None if height_cm is None else height_cm / 100)
    pipeline = _load_pipeline(package_dir)
    try:
        with progress_bar() as progress:
            assessment = pipeline.assess_clips(clips, task or None, progress, subject=subject)
    except RefusedRecordingError as refusal:
        _write_json(refusal.result, json_path)
        if pdf_path is not None:
            typer.echo("No PDF was written: there is no report without a score.", err=True)
        raise
    _write_json(assessment.result, json_path)
    if pdf_path is not None:
        _write_atomically(pdf_path, _report(assessment.result, assessment.walk, language))
    if json_path != Path("-"):
        print_summary(assessment.result)


def _one_for_each(videos: list[Path], person: list[int] | None) -> list[int | None]:
    """The number of the person in each video."""
    if not person:
        return [None] * len(videos)
    if len(person) != len(videos):
        raise ConfigError(
            f"Give --person once for each video, in their order: {len(videos)} videos, but {len(person)} numbers."
        )
    return list(person)


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


def _report(result: ScreeningResult, walk: Walk, language: str) -> bytes:
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
            language=language,
        )
    )


def print_summary(result: ScreeningResult) -> None:
    """Prints a result in words."""
    from app.services.report_content import adaptation_block, score_blocks, typicality_block
    from reports.wording import simulated_explanation, typicality_sentence

    for clip in result.clips or (result,):
        # Of a recording that was refused before somebody was found nobody has a number.
        whom = "" if clip.person is None else f"person {clip.person} of {len(clip.people)}, "
        said = "refused: " + " ".join(clip.reasons) if clip.refused else f"{clip.quality.view} view"
        typer.echo(f"{clip.recording.file_name}: {whom}{said}")
    content = result.to_json()
    if result.simulated:
        typer.echo(f"SIMULATED MODEL: {simulated_explanation(adaptation_block(content['model'].get('adapted_on')))}")
    typicality = typicality_block(content)
    typer.echo(f"  {typicality_sentence(typicality)}. {typicality.reason if typicality else ''}".rstrip())
    for score in score_blocks(content):
        _print_score(score)
    _print_explanations(result)
    for check in result.quality.checks:
        if not check.passed:
            typer.echo(f"  Note: {check.advice}")
    typer.echo(
        f"  Model {result.model.name} {result.model.version} ({result.model.sha256[:12]}). Screening, not diagnosis."
    )


def _print_explanations(result: ScreeningResult) -> None:
    """Which band of the body moved each score most, where that passed its checks."""
    from reports.gait_words import band_label

    for each in result.explanations:
        if each.shown:
            most = max(each.bands, key=lambda band: abs(band.effect))
            typer.echo(
                f"  {each.task}: what moved the number most is {band_label(most.name).lower()} ({most.effect:+.2f}); "
                "this is no cause of the gait"
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
