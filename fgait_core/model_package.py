"""The deployable unit, loaded: scores a walk, says whether it is like the training data, and guesses sex and age group.

What its folder holds is described in `package_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from fgait_core.data.modalities import to_network
from fgait_core.data.windows import recording_windows
from fgait_core.errors import ConfigError
from fgait_core.evaluation.conformal import in_prediction_set
from fgait_core.evaluation.scoring import ClipLogits, fuse_clips
from fgait_core.evaluation.typicality import Typicality
from fgait_core.losses import LOGIT_SCALE
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import ANY_VIEW, AttributeContent, PackageContent, TaskContent, Transform
from fgait_core.package_files import CONTENT_FILE, WEIGHTS_FILE, load_weights, read_content, verify_files
from fgait_core.screening_result import CalibrationFacts, OperatingPointFacts, ScoreFacts, TypicalityFacts
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes.quality import SUITABLE_VIEWS

INTERVAL_METHOD = (
    "Middle 95 % over bootstrap replicates of head and calibrator, each refitted on people drawn anew from the "
    "training and calibration splits, combined with random choices among the windows of this recording. It leaves out "
    "the training of the encoder, the making of the silhouettes, and what sets real people apart from simulated ones."
)
FUSION = (
    "Mean of the calibrated log odds of the recordings, each counting the same. The prediction set is that of the "
    "recording from the most suitable side, with the most probable class of all recordings added. Threshold, "
    "sensitivity, specificity and calibration were measured on single recordings."
)
UNLIKE = (
    "The silhouettes of this recording are unlike those of the people whom the model learned from, so that no score of "
    "it can be trusted. Check that one whole person walks in full view, upright and from head to feet, and film again."
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the package says of a recording; where it is not typical every score abstains."""

    scores: tuple[ScoreFacts, ...]
    typicality: TypicalityFacts


@dataclass(frozen=True, slots=True)
class FusedAssessment:
    """What the package says of several recordings of one person.

    Attributes:
        scores: fused from the recordings that are like the training data, or from all where none is; then every score
            abstains.
        each: what it says of each recording alone, in their order.
    """

    scores: tuple[ScoreFacts, ...]
    each: tuple[Assessment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SeenWalk:
    """A walk with the view that it was filmed from, as the quality gate names it; None where it is not known."""

    sequence: SilhouetteSequence
    view: str | None = None


@dataclass(frozen=True, slots=True)
class AttributeEstimate:
    """What the package says of an attribute of the person; probabilities are calibrated and sum to 1."""

    attribute: str
    probabilities: dict[str, float]
    prediction_set: tuple[str, ...]
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the network computes of a recording's windows.

    Attributes:
        logits: for each head float64 `[window, 1 + replicates, class]`, scaled.
        pooled: float32 `[window, feature]`, what `Typicality` reads.
        side_by_side: how many windows fit side by side into the recording.
    """

    logits: dict[str, NDArray[np.float64]]
    pooled: NDArray[np.float32]
    side_by_side: int


class ModelPackage:
    """A loaded package, ready to score. Build it with `ModelPackage.load`."""

    def __init__(self, content: PackageContent, network: TaskNetwork, guard: Typicality, sha256: str) -> None:
        self.content = content
        self.network = network.eval()
        self.guard = guard
        self.sha256 = sha256
        self.name = content.name
        self.version = content.version
        self.simulated = content.simulated
        self.training_data = content.training_data
        self.known_gaps = content.known_gaps
        self.people: dict[str, int] = {str(split): count for split, count in content.people.items()}
        self.tasks = tuple(task.name for task in content.tasks)

    @property
    def contents(self) -> tuple[TaskContent | AttributeContent, ...]:
        """Screening tasks and attributes."""
        return *self.content.tasks, *self.content.attributes

    @classmethod
    def load(cls, folder: Path) -> ModelPackage:
        """Reads a package and checks all of it.

        Raises:
            ModelPackageError: if a file is missing or differs from its SHA-256, the package is of an older format, or
                it was made for another transform, class order or architecture than this software's; the text says what
                to do.
        """
        sha256 = verify_files(folder)
        content = read_content(folder / CONTENT_FILE)
        network, guard = load_weights(folder / WEIGHTS_FILE, content)
        return cls(content, network, guard, sha256)

    def assess(
        self, sequence: SilhouetteSequence, tasks: Sequence[str] | None = None, view: str | None = None
    ) -> Assessment:
        """Scores a walk and says whether it is like the training data at all.

        Args:
            sequence: the walk at the recording's own frame rate.
            tasks: tasks to score; None scores all.
            view: "front", "oblique", "side" or "back", as the quality gate found it; with None, or where too few people
                of the calibration split were seen from there, what was fitted on all views is used.

        Raises:
            ConfigError: if the package has no such task.
        """
        return self.assess_clips((SeenWalk(sequence, view),), tasks).each[0]

    def assess_clips(self, clips: Sequence[SeenWalk], tasks: Sequence[str] | None = None) -> FusedAssessment:
        """Scores several recordings of one person, each alone and all together.

        Calibrated logits are averaged over the recordings. The prediction set is that of one recording, chosen by its
        view alone, so that it keeps its promise, with the class that is most probable of all recordings added
        (docs/decisions/0024).

        Args:
            clips: the walks, at least one.
            tasks: as of `assess`.

        Raises:
            ConfigError: if the package has no such task.
        """
        unknown = sorted(set(tasks or ()) - set(self.tasks))
        if unknown:
            raise ConfigError(f"This model does not know {', '.join(unknown)}; it knows {', '.join(self.tasks)}.")
        readings = [read_walk(self.network, self.content.transform, clip.sequence) for clip in clips]
        return self.assess_readings(readings, [clip.view for clip in clips], tasks)

    def assess_readings(
        self, readings: Sequence[Reading], views: Sequence[str | None], tasks: Sequence[str] | None = None
    ) -> FusedAssessment:
        """What `assess_clips` makes of what the network computed of each recording."""
        chosen = [task for task in self.content.tasks if tasks is None or task.name in tasks]
        guarded = [self._typicality(reading, view) for reading, view in zip(readings, views, strict=True)]
        each = tuple(
            Assessment(tuple(self._task_score(task, [(reading, view)], guard.typical) for task in chosen), guard)
            for reading, view, guard in zip(readings, views, guarded, strict=True)
        )
        if len(readings) == 1:
            return FusedAssessment(each[0].scores, each)
        typical = any(guard.typical for guard in guarded)
        seen = [(readings[i], views[i]) for i, guard in enumerate(guarded) if guard.typical or not typical]
        return FusedAssessment(tuple(self._task_score(task, seen, typical) for task in chosen), each)

    def score(
        self, sequence: SilhouetteSequence, tasks: Sequence[str] | None = None, view: str | None = None
    ) -> tuple[ScoreFacts, ...]:
        """The scores of `assess`."""
        return self.assess(sequence, tasks, view).scores

    def typicality(self, sequence: SilhouetteSequence, view: str | None = None) -> TypicalityFacts:
        """Whether a walk is like the training data; see `assess`."""
        return self._typicality(read_walk(self.network, self.content.transform, sequence), view)

    def attributes(self, sequence: SilhouetteSequence, view: str | None = None) -> tuple[AttributeEstimate, ...]:
        """Sex and age group as far as the package knows them. They are for research: no screening result holds them."""
        reading = read_walk(self.network, self.content.transform, sequence)
        return tuple(_estimate(each, reading, view) for each in self.content.attributes)

    def _typicality(self, reading: Reading, view: str | None) -> TypicalityFacts:
        content = self.content.typicality
        score, threshold = float(self.guard.unlikeness(reading.pooled).mean()), content.threshold(view)
        return TypicalityFacts(
            score=score,
            threshold=threshold,
            typical=score <= threshold,
            reason="" if score <= threshold else UNLIKE,
            false_alarm_rate=content.false_alarm_rate,
            measured_false_alarm_rate=content.measured_false_alarm_rate,
            measured_false_alarm_interval=content.measured_false_alarm_interval,
        )

    def _task_score(self, task: TaskContent, seen: Sequence[tuple[Reading, str | None]], typical: bool) -> ScoreFacts:
        positive_index = task.class_order.index(task.positive_class)
        said = [_said_of(task, reading, view) for reading, view in seen]
        fused = fuse_clips(said, positive_index=positive_index, rng=np.random.default_rng(0))
        trusted = _most_suitable(task.name, [view for _, view in seen])
        members = _members(task, said[trusted], seen[trusted][1])
        if len(seen) > 1 and members.any():
            members[fused.probabilities.argmax()] = True
        probabilities = dict(zip(task.class_order, fused.probabilities.tolist(), strict=True))
        # Nothing can be ruled out of a recording unlike all that the thresholds were fitted on.
        prediction_set = _named(task.class_order, members) if typical else task.class_order
        return ScoreFacts(
            task=task.name,
            class_order=task.class_order,
            probabilities=probabilities,
            positive_class=task.positive_class,
            interval=fused.interval,
            interval_method=INTERVAL_METHOD,
            prediction_set=prediction_set,
            coverage=task.coverage,
            fitted_on=_common({task.fitted_on(view) for _, view in seen}),
            abstained=len(prediction_set) != 1,
            operating_point=OperatingPointFacts(**task.operating_point.model_dump(exclude={"rule"})),
            above_threshold=probabilities[task.positive_class] >= task.operating_point.threshold,
            calibration=CalibrationFacts(**task.calibration.model_dump()),
            model_version=self.version,
            simulated=self.simulated,
            clips=len(seen),
            fusion="" if len(seen) == 1 else FUSION,
        )


def look(network: TaskNetwork, clips: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """One pass through the network.

    Args:
        network: in evaluation mode.
        clips: `[window, channel, frame, 64, 44]`, where the network is.

    Returns:
        What each head says, not scaled, and the pooled parts `[window, feature]`.
    """
    with torch.inference_mode():
        output = network.backbone(clips)
        parts = output.head_features.float()
        said = {name: network.head(name)(parts).logits for name in network.heads}
    return said, output.parts.flatten(1).float()


def read_walk(network: TaskNetwork, transform: Transform, sequence: SilhouetteSequence) -> Reading:
    """Resamples a walk, cuts it into windows and runs the network on them.

    Raises:
        ConfigError: if the walk lacks what the network sees.
    """
    windows = recording_windows(
        sequence,
        frame_rate_hz=transform.frame_rate_hz,
        frames=transform.window_frames,
        hop=transform.hop_frames,
        modality=transform.modality,
    )
    said, pooled = look(network, to_network(windows))
    logits = {name: each.double().numpy() * LOGIT_SCALE for name, each in said.items()}
    side_by_side = len(sequence.resampled(transform.frame_rate_hz)) // transform.window_frames
    return Reading(logits, pooled.numpy(), side_by_side)


def _said_of(task: TaskContent, reading: Reading, view: str | None) -> ClipLogits:
    calibrators = [each.calibrator() for each in task.of_view(view).calibrators]
    return ClipLogits(reading.logits[task.name], calibrators, reading.side_by_side)


def _members(task: TaskContent, clip: ClipLogits, view: str | None) -> NDArray[np.bool_]:
    """The prediction set of one recording alone."""
    probabilities = softmax(clip.calibrators[0].calibrated_logits(clip.logits[:, 0]).mean(0))
    return in_prediction_set(probabilities, task.of_view(view).quantiles())


def _most_suitable(task: str, views: Sequence[str | None]) -> int:
    """Place of the first recording in the most suitable view. No probability has a say, or the promise would break."""
    order = SUITABLE_VIEWS.get(task, ())
    return min(range(len(views)), key=lambda place: order.index(views[place]) if views[place] in order else len(order))


def _common(fitted_on: set[str]) -> str:
    """The view that all recordings share; "any" where they are of several."""
    return fitted_on.pop() if len(fitted_on) == 1 else ANY_VIEW


def _estimate(attribute: AttributeContent, reading: Reading, view: str | None) -> AttributeEstimate:
    of_view = attribute.of_view(view)
    calibrated = of_view.calibrators[0].calibrator().calibrated_logits(reading.logits[attribute.name][:, 0])
    probabilities = softmax(calibrated.mean(0))
    members = in_prediction_set(probabilities, of_view.quantiles())
    named = dict(zip(attribute.class_order, probabilities.tolist(), strict=True))
    return AttributeEstimate(attribute.name, named, _named(attribute.class_order, members), attribute.coverage)


def _named(class_order: tuple[str, ...], members: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, member in zip(class_order, members, strict=True) if member)


def bundled_package_dir() -> Path:
    """Folder of the model package that comes with the software (trained on simulated walkers only)."""
    return Path(__file__).parent / "bundled_model"
