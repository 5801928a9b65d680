"""A simulated recording as a row of a folder of shards (`fgait_core.data.shards`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from fgait_core.data.shard_rows import ColumnType, Value


@dataclass(frozen=True, slots=True)
class SequenceRow:
    """One simulated recording.

    Attributes:
        key: unique over all splits, for example `train-000012-03`.
        person: number in the split; body: number in the body bank.
        scoliosis: negative, neutral or positive; cobb_deg, curve, side (convex): its dose and shape.
        depression: no or yes; depression_dose: 0 nothing, 1 typical.
        sex, age_years: of the body.
        view_deg: 0 walks towards the camera, 90 to the right of the picture, 180 away, 270 to the left.
        clothing, carrying: see `clothing`; distractor: see `conditions`.
        cadence_steps_min: of this recording.
        seed: of this recording.
    """

    key: str
    person: int
    body: int
    scoliosis: str
    cobb_deg: float
    curve: str
    side: str
    depression: str
    depression_dose: float
    sex: str
    age_years: float
    view_deg: float
    clothing: str
    carrying: str
    distractor: str
    cadence_steps_min: float
    seed: int

    def values(self) -> dict[str, Value]:
        """What the columns of `COLUMNS` hold."""
        return {name: value for name, value in asdict(self).items() if name in COLUMNS}


_TYPES: dict[str, ColumnType] = {"str": "text", "int": "int", "float": "float"}
COLUMNS: dict[str, ColumnType] = {
    field.name: _TYPES[str(field.type)] for field in fields(SequenceRow) if field.name not in ("key", "person")
}
"""Columns of a simulated data set beside the key and the person, with their types."""
