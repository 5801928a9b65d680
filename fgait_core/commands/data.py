"""`fgait data list | import | check`: public data sets and one's own, into shards."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fgait_core.commands.progress_bar import progress_bar

if TYPE_CHECKING:
    from fgait_core.data.public.findings import Findings
    from fgait_core.recipes.check_data import CheckReport
    from fgait_core.recipes.data_source import SourceOptions
    from fgait_core.recipes.import_data import ImportReport

EXAMPLES = 3
"""Findings of a kind that are printed; the JSON file has them all."""

EXIT_FOUND = 1


class _Format(StrEnum):
    PICKLES = "pickles"
    PICTURES = "pictures"
    RECORDINGS = "recordings"


class _Part(StrEnum):
    TRAIN = "train"
    TEST = "test"
    ALL = "all"


_Source = Annotated[Path, typer.Argument(help="Folder of the ids (id/type/view/files), or of recordings.")]
_DataSet = Annotated[str | None, typer.Option("--dataset", help="Name of the data set; see `fgait data list`.")]
_FormatOption = Annotated[_Format, typer.Option(help="How the sequences are stored.")]
_Partition = Annotated[Path | None, typer.Option(help="JSON file with TRAIN_SET and TEST_SET.")]
_PartOption = Annotated[_Part, typer.Option(help="Whom to take.")]
_Name = Annotated[str | None, typer.Option(help="Name of the data set instead of its own; people are named after it.")]
_FrameRate = Annotated[
    float | None, typer.Option(min=1.0, help="Frames a second; needed where the data set's is unknown.")
]
_ModalityIndex = Annotated[
    int | None, typer.Option(min=0, help="Which of a sequence's files holds the silhouettes, from 0, sorted by name.")
]
_Poses = Annotated[
    str | None,
    typer.Option(help="Which file holds 2-D poses: a number from 0 or a name pattern; `recorded` for recordings."),
]
_Parsing = Annotated[
    str | None,
    typer.Option(help="Which file holds body parts: a number from 0 or a name pattern; `recorded` for recordings."),
]
_Aligned = Annotated[bool, typer.Option("--aligned", help="The pictures are 64 x 64 or 64 x 44 already.")]
_AttributeNames = Annotated[str | None, typer.Option(help="Names of the attributes in the types, with commas.")]
_Labels = Annotated[Path | None, typer.Option(help="CSV file with the column id and a column for each label.")]
_Table = Annotated[Path | None, typer.Option(help="CSV file of recordings: file, person and any labels.")]
_MinFrames = Annotated[int, typer.Option(min=1, help="Sequences of fewer frames are too short.")]
_Processes = Annotated[int, typer.Option(min=1, help="Processes that read; the result does not depend on it.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this room."""
    room = typer.Typer(help="Public data sets and your own: import them, check them.", no_args_is_help=True)
    room.command("list")(list_data_sets)
    room.command("import")(import_)
    room.command("check")(check)
    app.add_typer(room, name="data")


def list_data_sets() -> None:
    """List the data sets that are known by name."""
    from rich.table import Table

    from fgait_core.data.public.catalogue import ALL

    table = Table("name", "data set", "train/test ids", "silhouettes", "Hz", "columns")
    for each in ALL:
        counts = ", ".join(f"{train}/{test}" for train, test in each.counts)
        place = "first file" if each.silhouettes is None else f"file {each.silhouettes}"
        rate = "--frame-rate-hz" if each.frame_rate_hz is None else f"{each.frame_rate_hz:g}"
        attributes = ["attribute_01 ..."] if each.has_attributes else []
        table.add_row(each.name, each.title, counts, place, rate, ", ".join([*each.columns(), *attributes]))
    _print_table(table)


def import_(
    source: _Source,
    out: Annotated[Path, typer.Option(help="Folder for the shards and import_report.json.")],
    dataset: _DataSet = None,
    format: _FormatOption = _Format.PICKLES,
    partition: _Partition = None,
    part: _PartOption = _Part.ALL,
    name: _Name = None,
    frame_rate_hz: _FrameRate = None,
    modality_index: _ModalityIndex = None,
    poses: _Poses = None,
    parsing: _Parsing = None,
    aligned: _Aligned = False,
    attribute_names: _AttributeNames = None,
    labels: _Labels = None,
    table: _Table = None,
    parsing_parts: Annotated[
        str | None, typer.Option(help="Which label of --parsing is which part, such as 1=head,2=trunk.")
    ] = None,
    split_by_person: Annotated[
        str | None, typer.Option(help="Divide people at random, such as train=0.7,calibration=0.15,test=0.15.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of --split-by-person.")] = 1,
    min_frames: _MinFrames = 5,
    processes: _Processes = 2,
) -> None:
    """Import a data set into shards. Goes on where it was interrupted; what cannot be used is reported."""
    from fgait_core.recipes.data_source import open_source
    from fgait_core.recipes.import_data import ImportOrder, import_data, import_splits, parse_pairs, parse_shares

    options = _options(
        source, dataset, format, partition, part, name, frame_rate_hz, modality_index, poses, parsing, aligned,
        attribute_names, labels, table,
    )  # fmt: skip
    opened = open_source(options)
    order = ImportOrder(
        options.frame_rate(),
        min_frames,
        poses=poses is not None,
        parsing=parsing is not None,
        parsing_parts=parse_pairs(parsing_parts) if parsing_parts else {},
        processes=processes,
    )
    with progress_bar() as progress:
        if split_by_person is None:
            reports = [import_data(opened, out, order, progress=progress)]
        else:
            reports = import_splits(opened, out, order, parse_shares(split_by_person), seed, progress=progress)
    for report in reports:
        _print_import(report)


def check(
    source: _Source,
    dataset: _DataSet = None,
    format: _FormatOption = _Format.PICKLES,
    partition: _Partition = None,
    part: _PartOption = _Part.ALL,
    name: _Name = None,
    frame_rate_hz: _FrameRate = None,
    modality_index: _ModalityIndex = None,
    poses: _Poses = None,
    parsing: _Parsing = None,
    aligned: _Aligned = False,
    attribute_names: _AttributeNames = None,
    labels: _Labels = None,
    table: _Table = None,
    min_frames: _MinFrames = 5,
    processes: _Processes = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all findings.")] = None,
) -> None:
    """Check a data set, or a folder of shards, and say everything that is wrong. Exit code 1 if something is."""
    from fgait_core.recipes.check_data import check_shards, check_source, is_shard_folder
    from fgait_core.recipes.data_source import open_source

    with progress_bar() as progress:
        if is_shard_folder(source):
            report = check_shards(source, min_frames=min_frames, progress=progress)
        else:
            options = _options(
                source, dataset, format, partition, part, name, frame_rate_hz, modality_index, poses, parsing,
                aligned, attribute_names, labels, table,
            )  # fmt: skip
            opened = open_source(options)
            report = check_source(opened, min_frames=min_frames, processes=processes, progress=progress)
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
    _print_check(report)
    if not report.clean:
        raise typer.Exit(EXIT_FOUND)


def _options(
    source: Path,
    dataset: str | None,
    format: _Format,
    partition: Path | None,
    part: _Part,
    name: str | None,
    frame_rate_hz: float | None,
    modality_index: int | None,
    poses: str | None,
    parsing: str | None,
    aligned: bool,
    attribute_names: str | None,
    labels: Path | None,
    table: Path | None,
) -> SourceOptions:
    from fgait_core.recipes.data_source import SourceOptions

    return SourceOptions(
        path=source,
        format=format.value,
        data_set=dataset,
        name=name,
        partition=partition,
        part=part.value,
        frame_rate_hz=frame_rate_hz,
        modality_index=modality_index,
        poses=poses,
        parsing=parsing,
        aligned=aligned,
        attribute_names=tuple(attribute_names.split(",")) if attribute_names else (),
        labels=labels,
        table=table,
    )


def _print_import(report: ImportReport) -> None:
    typer.echo(
        f"{report.folder}: {report.sequences} sequences of {report.people} people, {report.frames} frames; "
        f"{report.written} new, {len(report.left_out)} left out (see import_report.json)."
    )
    _print_findings(report.left_out)
    _print_findings(report.noted)


def _print_check(report: CheckReport) -> None:
    typer.echo(f"{report.sequences} usable sequences of {report.people} people, {report.frames} frames.")
    _print_findings(report.findings)
    faults = report.findings.faults
    typer.echo("Nothing is wrong." if report.clean else f"{faults} fault{'' if faults == 1 else 's'}.")


def _print_findings(findings: Findings) -> None:
    from rich.table import Table

    from fgait_core.data.public.findings import FAULTS, NOTES

    if not findings.counts:
        return
    table = Table("number", "what", "for example")
    for kind, words in {**FAULTS, **NOTES}.items():
        if count := findings.counts[kind]:
            examples = [f"{finding.where}: {finding.words}" for finding in findings.of(kind)[:EXAMPLES]]
            table.add_row(str(count), words, "\n".join(examples))
    _print_table(table)


def _print_table(table: Any) -> None:
    from rich.console import Console

    # A file or pipe has no width; names must not be cut there.
    console = Console(width=None if Console().is_terminal else 200, highlight=False, markup=False)
    console.print(table)
