"""The kinds of jobs that screen, and what their payload says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIND_PEOPLE = "find_people"
FIND_AND_SCREEN = "find_and_screen"
SCREEN = "screen"
RESCORE = "rescore"
SEARCHES = frozenset({FIND_PEOPLE, FIND_AND_SCREEN})
SCREENING_KINDS = SEARCHES | {SCREEN, RESCORE}
"""The jobs of clinicians; those of other kinds do not exist for them."""


@dataclass(frozen=True, slots=True)
class ChosenClip:
    """A recording of a visit with the person in it who is the patient.

    Attributes:
        recording_id: the recording.
        person: number of the person, as the search gave it.
    """

    recording_id: str
    person: int


def chosen_clips(payload: Mapping[str, Any]) -> tuple[ChosenClip, ...]:
    """The recordings that a screening job is about; jobs of earlier releases name one only."""
    if "clips" in payload:
        return tuple(ChosenClip(clip["recording_id"], clip["person"]) for clip in payload["clips"])
    return (ChosenClip(payload["recording_id"], payload["person"]),)
