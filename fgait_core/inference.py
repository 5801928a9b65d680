"""From a walking video to a screening result: the one path that the app, the worker and the command line share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fgait_core import __version__
from fgait_core.errors import ConfigError, RecordingError
from fgait_core.model_package import Assessment, ModelPackage
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of, raise_if_cancelled
from fgait_core.screening_result import (
    AdaptationFacts,
    CheckFacts,
    ModelFacts,
    PersonFacts,
    QualityFacts,
    RecordingFacts,
    ScreeningResult,
    SequenceFacts,
)
from fgait_core.silhouettes import (
    PersonCandidate,
    PersonSegmenter,
    QualityCheck,
    VideoInfo,
    Walk,
    assess_quality,
    find_people,
    probe_video,
    track_walk,
)

# Where each step begins and ends on the progress bar: finding and following people takes nearly all the time.
FINDING = (0.02, 0.30)
FOLLOWING = (0.30, 0.92)


@dataclass(frozen=True, slots=True)
class GaitAssessment:
    """The result with the walk that it was measured on.

    Attributes:
        result: what is stored and exchanged.
        walk: silhouettes and landmarks of the chosen person.
    """

    result: ScreeningResult
    walk: Walk

    def to_json(self) -> dict:
        """The result as plain values."""
        return self.result.to_json()


class RefusedRecordingError(RecordingError):
    """A recording that cannot be scored, with all that was found out about it.

    Attributes:
        result: a result with `refused` true, every reason, and the checks that were made.
    """

    def __init__(self, error: RecordingError, result: ScreeningResult) -> None:
        super().__init__(str(error), error.reasons, error.checks)
        self.result = result


@dataclass(slots=True)
class _Findings:
    """What is known of a recording so far, so that a refusal can say it."""

    path: Path
    file_name: str
    video: VideoInfo | None = None
    people: tuple[PersonCandidate, ...] = ()
    person: int | None = None
    quality: QualityFacts = field(default_factory=lambda: QualityFacts(passed=False))
    walk: Walk | None = None


class GaitAssessmentPipeline:
    """Screens recordings with one model package and one segmenter.

    Args:
        package: the model package that scores.
        segmenter: finds people and their masks.
    """

    def __init__(self, package: ModelPackage, segmenter: PersonSegmenter) -> None:
        self.package = package
        self.segmenter = segmenter

    def assess(
        self,
        path: Path,
        person: int | None = None,
        tasks: Sequence[str] | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        file_name: str | None = None,
    ) -> GaitAssessment:
        """Screens one recording.

        Args:
            path: the video file.
            person: the number of the person to score, as `find_people` gives it; None takes number 1.
            tasks: the tasks to score; None scores all of the package.
            progress: told at least once a second how far the work is.
            cancelled: asked often whether to stop.
            file_name: the name to show, where `path` is a stored copy under another name.

        Raises:
            RefusedRecordingError: if the recording cannot be scored, with every reason.
            ConfigError: if the package does not know a task, or there is no person of that number.
            OperationCancelled: if `cancelled` answered yes.
        """
        tasks = self._known_tasks(tasks)
        findings = _Findings(path, file_name or path.name)
        try:
            walk = self._walk_of_chosen_person(
                findings, person, progress or ignore_progress, cancelled or never_cancelled
            )
            quality = assess_quality(walk, findings.people, tasks)
            findings.quality = QualityFacts(
                passed=not quality.blocking,
                view=quality.view,
                steps=quality.steps,
                checks=tuple(_check_facts(check) for check in quality.checks),
            )
            quality.require()
        except RecordingError as error:
            raise RefusedRecordingError(error, self._result(findings, None, error)) from error
        assessed = self.package.assess(walk.sequence, tasks, quality.view)
        raise_if_cancelled(cancelled or never_cancelled)
        return GaitAssessment(self._result(findings, assessed, None), walk)

    def _known_tasks(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        chosen = tuple(tasks) if tasks else self.package.tasks
        unknown = [task for task in chosen if task not in self.package.tasks]
        if unknown:
            raise ConfigError(
                f"This model does not know the task {', '.join(unknown)}; it knows {', '.join(self.package.tasks)}."
            )
        return chosen

    def _walk_of_chosen_person(
        self, findings: _Findings, person: int | None, progress: Progress, cancelled: Cancelled
    ) -> Walk:
        progress(0.0, "Reading the video")
        findings.video = probe_video(findings.path)
        findings.people = find_people(
            findings.path, self.segmenter, progress=part_of(progress, *FINDING), cancelled=cancelled
        )
        chosen = _choose(findings.people, person)
        findings.person = chosen.number
        findings.walk = track_walk(
            findings.path, chosen, self.segmenter, progress=part_of(progress, *FOLLOWING), cancelled=cancelled
        )
        progress(FOLLOWING[1], "Checking the recording and scoring")
        return findings.walk

    def _result(
        self, findings: _Findings, assessed: Assessment | None, error: RecordingError | None
    ) -> ScreeningResult:
        quality = findings.quality
        if error is not None and error.checks and not quality.checks:
            quality = QualityFacts(passed=False, checks=tuple(_check_facts(check) for check in error.checks))
        return ScreeningResult(
            created_by=f"FGait {__version__}",
            recording=recording_facts(findings.path, findings.file_name, findings.video),
            people=tuple(_person_facts(candidate) for candidate in findings.people),
            person=findings.person,
            quality=quality,
            sequence=_sequence_facts(findings.walk),
            scores=assessed.scores if assessed is not None else (),
            typicality=assessed.typicality if assessed is not None else None,
            model=model_facts(self.package),
            simulated=self.package.simulated,
            refused=error is not None,
            reasons=error.reasons if error is not None else (),
        )


def _choose(people: tuple[PersonCandidate, ...], number: int | None) -> PersonCandidate:
    wanted = 1 if number is None else number
    for candidate in people:
        if candidate.number == wanted:
            return candidate
    raise ConfigError(
        f"There is no person {wanted} in this recording: {len(people)} "
        f"{'person was' if len(people) == 1 else 'people were'} found. Choose a number from 1 to {len(people)}."
    )


def recording_facts(path: Path, file_name: str, video: VideoInfo | None) -> RecordingFacts:
    """The facts of a file; those of `video` are null where it could not be read."""
    known = {} if video is None else _fields_of(video, set(RecordingFacts.model_fields))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return RecordingFacts(file_name=file_name, sha256=sha256, size_bytes=path.stat().st_size, **known)


def model_facts(package: ModelPackage) -> ModelFacts:
    """What a result says of the package that made it."""
    return ModelFacts(
        name=package.name,
        version=package.version,
        sha256=package.sha256,
        training_data=package.training_data,
        known_gaps=package.known_gaps,
        people=dict(package.people),
        adapted_on=_adaptation_facts(package),
    )


def _adaptation_facts(package: ModelPackage) -> AdaptationFacts | None:
    adaptation = package.content.adaptation
    if adaptation is None:
        return None
    return AdaptationFacts(**adaptation.model_dump(include=set(AdaptationFacts.model_fields)))


def _fields_of(source: Any, names: set[str]) -> dict:
    return {field.name: getattr(source, field.name) for field in fields(source) if field.name in names}


def _person_facts(candidate: PersonCandidate) -> PersonFacts:
    return PersonFacts(**_fields_of(candidate, set(PersonFacts.model_fields)))


def _check_facts(check: QualityCheck) -> CheckFacts:
    return CheckFacts(**_fields_of(check, set(CheckFacts.model_fields)))


def _sequence_facts(walk: Walk | None) -> SequenceFacts | None:
    if walk is None:
        return None
    sequence = walk.sequence
    return SequenceFacts(
        frames=len(sequence),
        frame_rate_hz=sequence.frame_rate_hz,
        first_s=float(sequence.timestamps_s[0]),
        last_s=float(sequence.timestamps_s[-1]),
    )
