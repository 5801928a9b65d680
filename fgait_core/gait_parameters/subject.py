"""What is known of the person who walks; norms and lengths in metres depend on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """The person who walks, as far as somebody told.

    Attributes:
        age_years: on the day of the recording.
        sex: "female" or "male"; None where the record says neither.
        body_height_m: measured on the day of the recording, without shoes.
    """

    age_years: float | None = None
    sex: str | None = None
    body_height_m: float | None = None


NOBODY = Subject()
