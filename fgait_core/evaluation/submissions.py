"""Files for the competitions that keep the names of their probes to themselves: GREW and HID."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import Kind
from fgait_core.evaluation.protocols import distance_rows
from fgait_core.evaluation.retrieval import nearest_by_distance
from fgait_core.evaluation.selection import Sequences
from fgait_core.evaluation.tables import Table
from fgait_core.progress import Progress, ignore_progress

_NOBODY = "probe"
"""The name under which these data sets keep sequences of unknown people."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a competition wants.

    Attributes:
        name: on the command line.
        title: of the competition.
        header: of the CSV file; one column for the video, one for each answer.
        gallery: regular expression that the whole type of a gallery sequence fits.
        reranked: whether the published code re-ranks.
    """

    name: str
    title: str
    header: tuple[str, ...]
    gallery: str
    reranked: bool


SUBMISSIONS: dict[str, Submission] = {
    each.name: each
    for each in (
        Submission(
            "grew_submission", "GREW", ("videoId", *(f"rank{k}" for k in range(1, 21))), gallery="01|02", reranked=False
        ),
        Submission("hid_submission", "HID", ("videoID", "label"), gallery=".*", reranked=True),
    )
}


def make_submission(
    name: str, data: Sequences, *, distance: Kind = "euclidean", progress: Progress = ignore_progress
) -> Table:
    """Answers for the probes: the people of the nearest gallery sequences, nearest first, as numbers.

    A probe's video is named by its view or its type, whichever tells the probes apart.

    Args:
        name: one of `SUBMISSIONS`.
        data: embedded sequences; the probes' person is "probe".
        distance: "euclidean" or "cosine".
        progress: told as it goes on.

    Raises:
        ConfigError: if there are no probes, too few in the gallery, or the probes cannot be told apart by name.
    """
    wanted = SUBMISSIONS[name]
    probe = np.flatnonzero(data.persons == _NOBODY)
    known = np.array([re.fullmatch(wanted.gallery, each) is not None for each in data.types.tolist()], bool)
    gallery = np.flatnonzero((data.persons != _NOBODY) & known)
    answers = len(wanted.header) - 1
    if not len(probe) or len(gallery) < answers:
        raise ConfigError(
            f"{wanted.title} wants sequences of the person {_NOBODY!r} and at least {answers} others of type "
            f"{wanted.gallery}; the data have {len(probe)} and {len(gallery)}."
        )
    rows = distance_rows(data, probe, gallery, distance, reranked=wanted.reranked, progress=progress)
    places = nearest_by_distance(rows, len(probe), len(gallery), answers, progress=progress)
    labels = [[_number(person) for person in row] for row in data.persons[gallery[places]].tolist()]
    videos = _videos(data, probe)
    lines = tuple((video, *row) for video, row in zip(videos, labels, strict=True))
    return Table("submission", f"{wanted.title}: answers for the probes", wanted.header, lines)


def _videos(data: Sequences, probe: NDArray[np.int64]) -> list[str]:
    for names in (data.views[probe].tolist(), data.types[probe].tolist()):
        if len(set(names)) == len(names):
            return names
    raise ConfigError("Neither views nor types tell the probes apart, so their videos have no names; check the import.")


def _number(person: str) -> int | str:
    return int(person) if person.isdigit() else person
