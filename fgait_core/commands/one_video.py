"""The person who walks in one video, for commands that look at one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fgait_core.commands.progress_bar import progress_bar
from fgait_core.progress import part_of

if TYPE_CHECKING:
    from fgait_core.silhouettes import PersonCandidate, Walk


def follow(video: Path, person: int) -> tuple[Walk, tuple[PersonCandidate, ...]]:
    """The walk of a person, not yet through the quality gate, and everybody who was seen.

    Args:
        video: the file.
        person: number of whom to follow, from 1.

    Raises:
        typer.BadParameter: if there is no such file or no such person.
    """
    from fgait_core.silhouettes import find_people, load_segmenter, track_walk

    if not video.is_file():
        raise typer.BadParameter(f"There is no file {video}.")
    segmenter = load_segmenter()
    with progress_bar() as progress:
        people = find_people(video, segmenter, progress=part_of(progress, 0.0, 0.5))
        if person > len(people):
            raise typer.BadParameter(f"There is no person {person}: {len(people)} found. Choose 1 to {len(people)}.")
        return track_walk(video, people[person - 1], segmenter, progress=part_of(progress, 0.5, 1.0)), people
