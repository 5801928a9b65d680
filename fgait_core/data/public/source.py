"""Where sequences come from: what a source is, and the one in folders `root/<id>/<type>/<view>`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fgait_core.data.public.description import PublicDataSet, attribute_names
from fgait_core.data.public.findings import Finding
from fgait_core.data.public.layout import folder_names, is_text, walk
from fgait_core.data.public.partition import Part, Partition
from fgait_core.data.public.readers import Reader
from fgait_core.data.public.tables import PersonLabels
from fgait_core.data.shard_rows import ColumnType, Value
from fgait_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Item:
    """A sequence that is to be read.

    Attributes:
        key: unique in the data set.
        person: whose it is.
        group: id or person by which a data set is split.
        place: folder or file to read.
        fraction: how far through the data set it lies, 0 to 1.
        values: of the columns.
        problem: why its names do not fit the data set; "" where they do.
        missing: why there is nothing to read; "" where there is.
    """

    key: str
    person: str
    group: str
    place: Path
    fraction: float
    values: Mapping[str, Value] = field(default_factory=dict)
    problem: str = ""
    missing: str = ""


class Source(Protocol):
    """Sequences in a fixed order, and what is known of the whole."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads each sequence."""
        ...

    @property
    def columns(self) -> Mapping[str, ColumnType]:
        """Columns and their types."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts for the manifest; they also tell one source from another."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Ids or people by which the source can be divided, sorted."""
        ...

    def items(self) -> Iterator[Item]:
        """Every sequence, in order, found as one goes."""
        ...

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the whole, before any sequence is read."""
        ...


class LayoutSource:
    """A data set in folders `root/<id>/<type>/<view>`.

    Args:
        root: the folder of the ids.
        data_set: whose rules hold.
        reader: of pickles or pictures.
        partition: who trains and tests; None takes every id on disk.
        part: whom to take.
        attributes: names of integer attributes, where the data set has some.
        labels: of people, for further columns.

    Raises:
        ConfigError: if the folder is missing, an id is in both sets, or attribute names do not fit.
    """

    def __init__(
        self,
        root: Path,
        data_set: PublicDataSet,
        reader: Reader,
        *,
        partition: Partition | None = None,
        part: Part = "all",
        attributes: Sequence[str] = (),
        labels: PersonLabels | None = None,
    ) -> None:
        if partition is None and part != "all":
            raise ConfigError(f"Part {part} needs a partition JSON: give --partition, or import all with --part all.")
        self.name = data_set.name
        self.reader = reader
        self._root, self._data_set, self._partition, self._part = root, data_set, partition, part
        names = folder_names(root)
        self._on_disk = [name for name in names if is_text(name)]
        self._unnamed = [name for name in names if not is_text(name)]
        there = set(self._on_disk)
        self._wanted = tuple(self._on_disk) if partition is None else partition.ids(part)
        self.groups = tuple(each for each in self._wanted if each in there)
        self._train, self._test = (set(), set()) if partition is None else (set(partition.train), set(partition.test))
        self._attributes = attribute_names(data_set, (place.name for place in walk(root, self.groups)), attributes)
        self._labels = labels
        self.columns = data_set.columns(self._attributes)
        if labels is not None:
            if taken := set(labels.columns) & set(self.columns):
                raise ConfigError(f"The labels have the column {min(taken)}, which {data_set.title} has itself.")
            self.columns |= dict.fromkeys(labels.columns, "text")

    @property
    def facts(self) -> dict[str, Any]:
        """See `Source`."""
        partition = None if self._partition is None else self._partition.sha256
        labels = None if self._labels is None else self._labels.sha256
        return {
            "data_set": self.name,
            "part": self._part,
            "partition_sha256": partition,
            "labels_sha256": labels,
            "reader": repr(self.reader),
        }

    def items(self) -> Iterator[Item]:
        """See `Source`."""
        ends = {identity: number / len(self.groups) for number, identity in enumerate(self.groups, 1)}
        for place in walk(self._root, self.groups):
            fraction, key, path = ends[place.levels[0]], f"{self.name}/{place.name}", self._root / place.name
            if place.why:
                yield Item(key, "", place.levels[0], path, fraction, missing=place.why)
                continue
            values, problem = self._values(*place.levels)
            person = self._data_set.person(*place.levels)
            yield Item(key, person, place.levels[0], path, fraction, values, problem)

    def _values(self, identity: str, type_name: str, view: str) -> tuple[dict[str, Value], str]:
        part = "train" if identity in self._train else "test" if identity in self._test else ""
        role = self._partition.role(identity, type_name, view) if self._partition and part == "test" else ""
        plain: dict[str, Value] = {"id": identity, "type": type_name, "view": view, "part": part, "role": role}
        plain |= {} if self._labels is None else self._labels.of(identity)
        try:
            return plain | self._data_set.values(f"{identity}/{type_name}/{view}", self._attributes), ""
        except ConfigError as error:
            return plain, str(error)

    def findings(self) -> Iterator[Finding]:
        """See `Source`."""
        for name in self._unnamed:
            yield Finding("mislabelled", ascii(name), "its name is no UTF-8; rename it")
        if self._partition is not None:
            yield from self._against_partition(self._partition)

    def _against_partition(self, partition: Partition) -> Iterator[Finding]:
        there = set(self._on_disk)
        for each in self._wanted:
            if each not in there:
                yield Finding("missing_id", each, f"{self._root / each} does not exist, but the partition names it")
        for each in sorted(there - self._train - self._test):
            yield Finding("unlisted_id", each, "on disk, but in neither TRAIN_SET nor TEST_SET")
        for each in partition.overlap:
            yield Finding("in_both_sets", each, "in both TRAIN_SET and TEST_SET")
        for each in partition.repeated:
            yield Finding("named_twice", each, "more than once in TRAIN_SET or TEST_SET")
        counts = (len(self._train), len(self._test))
        if self._data_set.counts and counts not in self._data_set.counts:
            known = " or ".join(f"{train}/{test}" for train, test in self._data_set.counts)
            words = f"the partition has {counts[0]}/{counts[1]} training/test ids; the published one has {known}"
            yield Finding("id_count", self._data_set.title, words)
        if self._part != "train":
            yield from self._missing_probes(partition)

    def _missing_probes(self, partition: Partition) -> Iterator[Finding]:
        named = dict.fromkeys(partition.probe or (), "PROBE_SET") | dict.fromkeys(
            partition.gallery or (), "GALLERY_SET"
        )
        if not named:
            return
        for place in walk(self._root, self.groups):
            named.pop("-".join(place.levels), None)
        for name in sorted(named):
            yield Finding("probe_missing", name, f"in {named[name]}, but there is no such sequence on disk")
