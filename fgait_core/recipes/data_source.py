"""Opens what `fgait data import` and `fgait data check` are pointed at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fgait_core.data.public.catalogue import find_data_set
from fgait_core.data.public.description import PublicDataSet
from fgait_core.data.public.partition import Part, Partition
from fgait_core.data.public.readers import PickleReader, PictureReader
from fgait_core.data.public.recordings import RecordingSource
from fgait_core.data.public.source import LayoutSource, Source
from fgait_core.data.public.tables import PersonLabels
from fgait_core.errors import ConfigError

Format = Literal["pickles", "pictures", "recordings"]

RECORDED = "recorded"
"""What `--poses` and `--parsing` are for recordings, which hold their poses themselves."""

_ONLY_FOR: dict[str, tuple[Format, ...]] = {
    "data_set": ("pickles", "pictures"),
    "partition": ("pickles", "pictures"),
    "attribute_names": ("pickles", "pictures"),
    "labels": ("pickles", "pictures"),
    "modality_index": ("pickles",),
    "poses": ("pickles", "recordings"),
    "parsing": ("pickles", "recordings"),
    "aligned": ("pictures",),
    "table": ("recordings",),
}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a user says of a source; the fields are the options of the command line.

    Attributes:
        path: folder of the ids, or of the recordings.
        format: how sequences are stored.
        data_set: name in the catalogue; None for recordings.
        name: of the data set, instead of its own.
        partition: JSON file with training and test ids.
        part: whom to take.
        frame_rate_hz: instead of the published one.
        modality_index: which file holds the silhouettes.
        poses: which file holds them, a place or a name pattern; of recordings, `RECORDED`.
        parsing: which file holds body parts, a place or a name pattern; of recordings, `RECORDED`: made of their poses.
        aligned: pictures are 64 x 64 or 64 x 44 already.
        attribute_names: of integer attributes.
        labels: CSV file with labels by id.
        table: CSV file of recordings.
    """

    path: Path
    format: Format = "pickles"
    data_set: str | None = None
    name: str | None = None
    partition: Path | None = None
    part: Part = "all"
    frame_rate_hz: float | None = None
    modality_index: int | None = None
    poses: str | None = None
    parsing: str | None = None
    aligned: bool = False
    attribute_names: tuple[str, ...] = ()
    labels: Path | None = None
    table: Path | None = None

    def __post_init__(self) -> None:
        for option, formats in _ONLY_FOR.items():
            if getattr(self, option) not in (None, False, ()) and self.format not in formats:
                raise ConfigError(f"{_flag(option)} is for the format {' or '.join(formats)}, not for {self.format}.")
        for option in ("poses", "parsing"):
            if self.format == "recordings" and getattr(self, option) not in (None, RECORDED):
                raise ConfigError(f"Recordings hold their own poses: write --{option} {RECORDED}.")
        if self.format == "recordings" and self.part != "all":
            raise ConfigError("--part needs a partition, which recordings have not; see --split-by-person.")

    def frame_rate(self) -> float:
        """The frame rate of the sequences.

        Raises:
            ConfigError: if nobody says it.
        """
        known = None if self.data_set is None else find_data_set(self.data_set).frame_rate_hz
        rate = self.frame_rate_hz or known
        if rate is None:
            what = "recordings" if self.data_set is None else find_data_set(self.data_set).title
            raise ConfigError(f"The frame rate of {what} is not known here: give --frame-rate-hz.")
        return rate


def open_source(options: SourceOptions) -> Source:
    """The sequences that the options describe; nothing is read yet but names.

    Raises:
        ConfigError: if something is missing or does not fit together.
    """
    if not options.path.is_dir():
        raise ConfigError(f"{options.path} is no folder.")
    if options.format == "recordings":
        if options.table is None:
            raise ConfigError("Recordings need --table: a CSV file with the columns file and person.")
        return RecordingSource(
            options.path,
            options.table,
            name=options.name or "own",
            frame_rate_hz=options.frame_rate(),
            poses=options.poses is not None,
            parsing=options.parsing is not None,
        )
    if options.data_set is None:
        raise ConfigError("Which data set is it? Give --dataset; `fgait data list` lists them, own is your own.")
    data_set = find_data_set(options.data_set)
    return LayoutSource(
        options.path,
        data_set if options.name is None else replace(data_set, name=options.name),
        _reader(options, data_set),
        partition=None if options.partition is None else Partition.read(options.partition),
        part=options.part,
        attributes=options.attribute_names,
        labels=None if options.labels is None else PersonLabels.read(options.labels),
    )


def _reader(options: SourceOptions, data_set: PublicDataSet) -> PickleReader | PictureReader:
    if options.format == "pictures":
        return PictureReader("none" if options.aligned else data_set.pretreatment)
    index = data_set.silhouettes if options.modality_index is None else options.modality_index
    return PickleReader(index, _choice(options.poses), _choice(options.parsing))


def _choice(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _flag(option: str) -> str:
    return "--dataset" if option == "data_set" else f"--{option.replace('_', '-')}"
