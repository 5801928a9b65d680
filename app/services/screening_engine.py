"""What the worker needs of the engine, as one value: the seam between the queue and the networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.settings import Settings
from fgait_core.progress import Cancelled, Progress
from fgait_core.screening_result import ModelFacts

if TYPE_CHECKING:
    from fgait_core.inference import GaitAssessment
    from fgait_core.silhouettes import PersonCandidate, Walk


class Assess(Protocol):
    """`GaitAssessmentPipeline.assess`."""

    def __call__(
        self,
        path: Path,
        person: int | None = None,
        tasks: Sequence[str] | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        file_name: str | None = None,
    ) -> GaitAssessment:
        """Screens one recording."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """One loaded model package with its segmenter.

    Attributes:
        model: which model it is.
        tasks: what it can screen for.
        simulated: whether it learned from simulated people only.
        false_alarms: the promised share of recordings called unlike the training data by mistake, the measured share,
            and both ends of its 95 % interval.
        attributes: what the package estimates of a person beside its tasks; measured, never part of a result.
        find_people: lists the people of a recording, the sensible default first.
        assess: screens one recording.
        write_overlay: writes the clip with the outline of the silhouettes.
    """

    model: ModelFacts
    tasks: tuple[str, ...]
    simulated: bool
    false_alarms: tuple[float, float, float, float]
    attributes: tuple[str, ...]
    find_people: Callable[[Path, Progress, Cancelled], Sequence[PersonCandidate]]
    assess: Assess
    write_overlay: Callable[[Path, Walk, Path], None]

    def registry_metrics(self) -> dict[str, Any]:
        """What the model registry keeps beside name, version and SHA-256."""
        facts = self.model.model_dump(mode="json", include={"training_data", "known_gaps", "people"})
        return facts | {
            "tasks": list(self.tasks),
            "false_alarms": list(self.false_alarms),
            "attributes": list(self.attributes),
        }


def load_engine(settings: Settings) -> Engine:
    """Loads the bundled model package and the segmenter; takes some seconds and fetches what is missing.

    Raises:
        ModelPackageError: if the package is damaged or does not fit this software.
        AssetError: if the segmenter's weights are not on this computer and cannot be fetched.
    """
    from fgait_core.inference import GaitAssessmentPipeline, model_facts
    from fgait_core.model_package import ModelPackage, bundled_package_dir
    from fgait_core.silhouettes import find_people, load_segmenter, write_overlay_clip

    package = ModelPackage.load(bundled_package_dir())
    segmenter = load_segmenter(threads=settings.segmenter_threads)

    guard = package.content.typicality

    def search(path: Path, progress: Progress, cancelled: Cancelled) -> Sequence[PersonCandidate]:
        return find_people(path, segmenter, progress=progress, cancelled=cancelled)

    def overlay(path: Path, walk: Walk, out_path: Path) -> None:
        write_overlay_clip(path, walk, out_path)

    return Engine(
        model=model_facts(package),
        tasks=tuple(package.tasks),
        simulated=package.simulated,
        false_alarms=(guard.false_alarm_rate, guard.measured_false_alarm_rate, *guard.measured_false_alarm_interval),
        attributes=tuple(attribute.name for attribute in package.content.attributes),
        find_people=search,
        assess=GaitAssessmentPipeline(package, segmenter).assess,
        write_overlay=overlay,
    )
