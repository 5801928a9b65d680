"""What is known of a data set: its names, its labels, which file holds the silhouettes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import cv2

from fgait_core.data.shard_rows import ColumnType, Value
from fgait_core.errors import ConfigError

Pretreatment = Literal["cubic", "area", "none"]
INTERPOLATIONS = {"cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}

NAME = r"[^/]+"
"""Any name of a folder."""

ATTRIBUTES = r"(?P<attributes>(_-?\d+)+)"
"""Integer attributes at the end of a type: "x_1_0_3" has three."""

PLAIN_COLUMNS = ("id", "type", "view", "part", "role")
FLOATS = ("view_deg",)


@dataclass(frozen=True, slots=True)
class PublicDataSet:
    """A data set and the rules of its layout `root/<id>/<type>/<view>/<files>`.

    Attributes:
        name: as the command line calls it; people and sequences are named after it.
        title: as its authors call it.
        example: one "id/type/view" of its kind.
        layout: what each "id/type/view" matches as a whole. Named groups become columns.
        meanings: for columns whose text is not taken as it stands: the column's value for each text, in lower case.
        counts: numbers of (training, test) ids in its published partitions.
        silhouettes: place of the silhouettes among the files of a sequence, sorted by name; None: the first.
        frame_rate_hz: from its publication; None where the user has to say it.
        pretreatment: how its raw masks are scaled; "none": they are aligned already.
        people: whether an id is a person. Otherwise each sequence counts as a person of its own.
    """

    name: str
    title: str
    example: str
    layout: str
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    counts: tuple[tuple[int, int], ...] = ()
    silhouettes: int | None = None
    frame_rate_hz: float | None = None
    pretreatment: Pretreatment = "cubic"
    people: bool = True

    @property
    def has_attributes(self) -> bool:
        """Whether its types end in integer attributes."""
        return "attributes" in re.compile(self.layout).groupindex

    def columns(self, attributes: Sequence[str] = ()) -> dict[str, ColumnType]:
        """Columns of its shards and their types; `attributes` are names of integer attributes."""
        derived = [name for name in re.compile(self.layout).groupindex if name != "attributes"]
        types: dict[str, ColumnType] = {name: "float" if name in FLOATS else "text" for name in derived}
        return {**dict.fromkeys(PLAIN_COLUMNS, "text"), **types, **dict.fromkeys(attributes, "int")}

    def person(self, identity: str, type_name: str, view: str) -> str:
        """Who walks: "<data set>-<id>", or the whole sequence where an id is no person."""
        return f"{self.name}-{identity}" if self.people else f"{self.name}-{identity}-{type_name}-{view}"

    def values(self, place: str, attributes: Sequence[str] = ()) -> dict[str, Value]:
        """The derived columns of a sequence.

        Args:
            place: "id/type/view".
            attributes: names of the integer attributes.

        Raises:
            ConfigError: if the names are not of this data set.
        """
        match = re.fullmatch(self.layout, place)
        if match is None:
            raise ConfigError(f"{place!r} is no name of {self.title}; one looks like {self.example!r}")
        texts = match.groupdict(default="")
        numbers = [int(number) for number in texts.pop("attributes", "").split("_") if number]
        if len(numbers) != len(attributes):
            raise ConfigError(f"the type in {place!r} has {len(numbers)} attributes, not {len(attributes)}")
        values: dict[str, Value] = {name: self._value(name, text) for name, text in texts.items()}
        return values | dict(zip(attributes, numbers, strict=True))

    def _value(self, column: str, text: str) -> Value:
        if column in FLOATS:
            return float(text)
        return self.meanings[column][text.lower()] if column in self.meanings else text


def attribute_names(data_set: PublicDataSet, places: Iterable[str], given: Sequence[str]) -> tuple[str, ...]:
    """Names of the integer attributes: those that the user gives, or attribute_01 and so on.

    Args:
        data_set: whose.
        places: "id/type/view" of sequences; the first that fits the data set tells how many attributes there are.
        given: by the user, empty for numbered names.

    Raises:
        ConfigError: if the data set has none, another number of them, or a name is taken.
    """
    if not data_set.has_attributes:
        if given:
            raise ConfigError(f"{data_set.title} has no attributes in its types; leave --attribute-names out.")
        return ()
    if set(given) & set(PLAIN_COLUMNS) or len(set(given)) != len(given):
        raise ConfigError(f"Attribute names must differ, also from {', '.join(PLAIN_COLUMNS)}.")
    match = next(filter(None, (re.fullmatch(data_set.layout, place) for place in places)), None)
    if match is None:
        return tuple(given)
    count = match["attributes"].count("_")
    if given and len(given) != count:
        raise ConfigError(f"--attribute-names has {len(given)} names, but {match[0]} has {count} attributes.")
    return tuple(given) or tuple(f"attribute_{number:02d}" for number in range(1, count + 1))
