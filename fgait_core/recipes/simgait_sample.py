"""Sanity check on a real video: is the second half of a walk nearer to the first than simulated walkers are?

It says that embeddings of a real segmenter's silhouettes are stable from one half of a walk to the other, and no more:
the walkers of the gallery are simulated, so that real and simulated silhouettes alone may set them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import LayerName
from fgait_core.data.shards import ShardFolder
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.errors import ConfigError
from fgait_core.evaluation.distances import Kind, PreparedGallery
from fgait_core.evaluation.tables import Table
from fgait_core.models.backbone import Backbone
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.embed import embed_clips
from fgait_core.recipes.measure_groups import view_names
from fgait_core.sequence import SilhouetteSequence

FEWEST_FRAMES = 12
_LAYERS: tuple[LayerName, ...] = ("pooled", "projector", "predictor")


@dataclass(frozen=True, slots=True)
class HalfWalkResult:
    """How the halves of a walk compare with a gallery, by one layer and one distance.

    Attributes:
        layer: whose output, each part at unit length.
        distance: kind of it.
        between_halves: distance of second half to first.
        nearest_walker: distance of the nearest simulated walker to the first half; a walker's nearest recording counts.
        share_farther: share of the walkers who are farther from the first half than the second half is.
    """

    layer: str
    distance: str
    between_halves: float
    nearest_walker: float
    share_farther: float


@dataclass(frozen=True, slots=True)
class SampleCheck:
    """Results with what they were measured on.

    Attributes:
        view: of the recordings of the gallery.
        frames: of each half and of each recording of the gallery.
        frame_rate_hz: of both.
        walkers: people in the gallery.
        recordings: of them.
        results: one for each layer and distance.
    """

    view: str
    frames: int
    frame_rate_hz: float
    walkers: int
    recordings: int
    results: tuple[HalfWalkResult, ...]

    def table(self) -> Table:
        """For a terminal."""
        title = (
            f"{self.walkers} simulated walkers ({self.recordings} recordings, view {self.view}) and two halves of a "
            f"walk, {self.frames} frames each at {self.frame_rate_hz:g} Hz"
        )
        header = ("layer", "distance", "between halves", "nearest walker", "share of walkers farther")
        rows = tuple(
            (each.layer, each.distance, each.between_halves, each.nearest_walker, each.share_farther)
            for each in self.results
        )
        return Table("sample_check", title, header, rows)


def check_sample(
    backbone: Backbone,
    walk: SilhouetteSequence,
    gallery: ShardFolder,
    view: str,
    *,
    progress: Progress = ignore_progress,
) -> SampleCheck:
    """Compares the halves of a walk with simulated walkers seen from the same side.

    Halves and recordings are brought to the same frame rate and the same number of frames, as many as the shortest of
    them has, and to pixels that are body or background.

    Args:
        backbone: that embeds silhouettes.
        walk: of `fgait silhouettes`.
        gallery: simulated people.
        view: "front", "oblique", "side" or "back", from where the walk was filmed.
        progress: told as it goes on.

    Raises:
        ConfigError: if the walk is too short, or the gallery has nobody seen from there.
    """
    halves = halves_of(walk, gallery.frame_rate_hz)
    chosen = np.flatnonzero(view_names(gallery) == view)
    if len(chosen) == 0:
        raise ConfigError(f"{gallery.path} has no recording in the view {view!r}. Choose another gallery or view.")
    frames = min(len(halves[0]), int(gallery.frames[chosen].min()))
    if frames < FEWEST_FRAMES:
        raise ConfigError(
            f"Halves of {frames} frames at {gallery.frame_rate_hz:g} Hz say nothing; a walk without gaps of at least "
            f"{2 * FEWEST_FRAMES} is needed. Take a longer recording."
        )
    clips = np.stack([half[:frames] for half in halves])
    rows = gallery.first_frame[chosen][:, None] + np.arange(frames)
    people = gallery.person_number[chosen]
    layers = _LAYERS if len(backbone.predictor) else _LAYERS[:-1]
    results: list[HalfWalkResult] = []
    for number, layer in enumerate(layers):
        own = _unit(embed_clips(backbone, clips, layer))
        told = part_of(progress, number / len(layers), (number + 1) / len(layers))
        others = _unit(embed_clips(backbone, gallery.take(rows) * np.uint8(255), layer, progress=told))
        results += [_compare(own, others, people, layer, kind) for kind in get_args(Kind)]
    return SampleCheck(view, frames, gallery.frame_rate_hz, len(np.unique(people)), len(chosen), tuple(results))


def halves_of(walk: SilhouetteSequence, frame_rate_hz: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """First and second half of the longest stretch of a walk without a gap: uint8 `[frame, 64, 44]`, 0 or 255."""
    even = walk.resampled(frame_rate_hz)
    breaks = np.flatnonzero(np.diff(even.timestamps_s) > 1.5 / frame_rate_hz) + 1
    longest = max(np.split(np.arange(len(even)), breaks), key=len)
    frames = np.where(even.frames[longest] > BINARY_ABOVE, 255, 0).astype(np.uint8)
    half = len(frames) // 2
    return frames[:half], frames[half : 2 * half]


def _unit(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each part at unit length."""
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), np.float32(1e-12))


def _compare(
    own: NDArray[np.float32], others: NDArray[np.float32], people: NDArray[np.int64], layer: str, kind: Kind
) -> HalfWalkResult:
    to_first = PreparedGallery(np.concatenate([own[1:], others]), kind).distances(own[:1])[0].astype(np.float64)
    between, away = float(to_first[0]), to_first[1:]
    nearest = np.array([away[people == person].min() for person in np.unique(people)])
    return HalfWalkResult(layer, kind, between, float(nearest.min()), float((nearest > between).mean()))
