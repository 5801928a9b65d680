"""Silhouettes of each recording of a collection.

They are of the person who walks furthest in full view, and what screening would refuse is refused. No network is loaded
here, so that a worker stays small.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from fgait_core.collection.work import Process, Product
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import PersonSegmenter, assess_quality, find_people, load_segmenter, track_walk

TASKS = ("scoliosis", "depression")
"""The quality gate notes what each of them needs."""


@dataclass(frozen=True, slots=True)
class SilhouettesOfRecordings:
    """Makes npz files as `fgait silhouettes VIDEO` does."""

    @property
    def suffix(self) -> str:
        """Of result files."""
        return ".npz"

    @property
    def identity(self) -> str:
        """What the results are."""
        return "silhouettes"

    def prepare(self) -> Process:
        """Loads the segmenter, for one core."""
        cv2.setNumThreads(1)
        segmenter = load_segmenter(threads=1)

        def process(video: Path) -> Product:
            sequence = walk_of(video, segmenter)
            with TemporaryDirectory(prefix="fgait-") as folder:
                file = Path(folder) / "silhouettes.npz"
                sequence.save(file)
                return product_of(file.read_bytes(), sequence)

        return process


def walk_of(video: Path, segmenter: PersonSegmenter) -> SilhouetteSequence:
    """Silhouettes of the person who walks furthest in full view.

    Raises:
        RecordingError: if the recording cannot be used, with every reason.
    """
    people = find_people(video, segmenter)
    walk = track_walk(video, people[0], segmenter)
    assess_quality(walk, people, TASKS).require()
    return walk.sequence


def product_of(content: bytes, sequence: SilhouetteSequence) -> Product:
    """A result file with what the index says of its silhouettes."""
    return Product(content, len(sequence), sequence.frame_rate_hz, sequence.duration_s)
