"""What the worker needs of the engine, as one value: the seam between the queue and the networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from app.settings import Settings
from fgait_core.gait_parameters.subject import NOBODY, Subject
from fgait_core.progress import Cancelled, Progress
from fgait_core.screening_result import ScreeningResult
from fgait_core.sequence import SilhouetteSequence

if TYPE_CHECKING:
    from fgait_core.inference import Clip, GaitAssessment
    from fgait_core.model_package import ModelPackage
    from fgait_core.silhouettes import PersonCandidate, Walk
    from fgait_core.silhouettes.video_source import VideoSource


class Pipeline(Protocol):
    """What the worker uses of `GaitAssessmentPipeline`."""

    def assess_clips(
        self,
        clips: Sequence[Clip],
        tasks: Sequence[str] | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        subject: Subject = NOBODY,
    ) -> GaitAssessment:
        """Screens one person on one or several recordings."""
        ...

    def rescore(self, result: ScreeningResult, sequences: Sequence[SilhouetteSequence | None]) -> ScreeningResult:
        """Scores the stored silhouettes of an older result anew."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """What is loaded once and serves every model version: the segmenter. Packages come and go.

    Attributes:
        find_people: lists the people of a recording, the sensible default first.
        write_overlay: writes the clip with the outline of the silhouettes into an open file.
        pipeline_of: how a loaded model package screens recordings.
    """

    find_people: Callable[[VideoSource, Progress, Cancelled], Sequence[PersonCandidate]]
    write_overlay: Callable[[VideoSource, Walk, BinaryIO], None]
    pipeline_of: Callable[[ModelPackage], Pipeline]


def load_engine(settings: Settings) -> Engine:
    """Loads the segmenter; takes some seconds and fetches what is missing.

    Raises:
        AssetError: if the segmenter's weights are not on this computer and cannot be fetched.
    """
    from fgait_core.inference import GaitAssessmentPipeline
    from fgait_core.silhouettes import find_people, load_segmenter, write_overlay_clip

    segmenter = load_segmenter(threads=settings.segmenter_threads)

    def search(video: VideoSource, progress: Progress, cancelled: Cancelled) -> Sequence[PersonCandidate]:
        return find_people(video, segmenter, progress=progress, cancelled=cancelled)

    def overlay(video: VideoSource, walk: Walk, out: BinaryIO) -> None:
        write_overlay_clip(video, walk, out)

    def pipeline_of(package: ModelPackage) -> Pipeline:
        return GaitAssessmentPipeline(package, segmenter)

    return Engine(search, overlay, pipeline_of)
