"""From walking videos to a screening result: the one path that the app, the worker and the command line share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fgait_core import __version__
from fgait_core.errors import ConfigError, RecordingError
from fgait_core.explanation.explained import explained
from fgait_core.gait_parameters.measure import gait_facts
from fgait_core.gait_parameters.subject import NOBODY, Subject
from fgait_core.model_package import ModelPackage, SeenWalk
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of, raise_if_cancelled
from fgait_core.result_facts import check_facts, model_facts, person_facts, recording_facts, sequence_facts
from fgait_core.screening_result import ClipFacts, QualityFacts, ScreeningResult
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import (
    PersonCandidate,
    PersonSegmenter,
    VideoInfo,
    Walk,
    assess_quality,
    find_people,
    probe_video,
    track_walk,
)
from fgait_core.silhouettes.video_source import VideoSource

__all__ = ["Clip", "GaitAssessment", "GaitAssessmentPipeline", "RefusedRecordingError", "model_facts", "rescore"]

CREATED_BY = f"FGait {__version__}"

# Where each step begins and ends on the progress bar: finding and following people takes nearly all the time.
FINDING = (0.02, 0.32)
FOLLOWING = (0.32, 1.0)
SCORING = 0.90

OF_THE_LEADING_CLIP = ("recording", "people", "person", "quality", "sequence", "typicality", "gait")


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of an assessment.

    Attributes:
        video: the video file, or what can be opened like one.
        person: the number of the person to score, as `find_people` gives it; None takes number 1.
        file_name: the name to show, where that of `video` is another.
    """

    video: VideoSource
    person: int | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class GaitAssessment:
    """The result with the walks that it was measured on.

    Attributes:
        result: what is stored and exchanged.
        walk: silhouettes and landmarks of the chosen person in the leading recording: the first that passed and is like
            the training data, or the first that passed.
        walks: of each recording, in the order in which they were given; None where one was refused.
        leading: place of the leading recording.
    """

    result: ScreeningResult
    walk: Walk
    walks: tuple[Walk | None, ...] = ()
    leading: int = 0

    def to_json(self) -> dict:
        """The result as plain values."""
        return self.result.to_json()


class RefusedRecordingError(RecordingError):
    """Recordings none of which can be scored, with all that was found out about them.

    Attributes:
        result: a result with `refused` true, every reason, and the checks that were made.
    """

    def __init__(self, error: RecordingError, result: ScreeningResult) -> None:
        super().__init__(str(error), error.reasons, error.checks)
        self.result = result


@dataclass(slots=True)
class _Findings:
    """What is known of a recording so far, so that a refusal can say it."""

    source: VideoSource
    file_name: str
    video: VideoInfo | None = None
    people: tuple[PersonCandidate, ...] = ()
    person: int | None = None
    quality: QualityFacts = field(default_factory=lambda: QualityFacts(passed=False))
    walk: Walk | None = None
    error: RecordingError | None = None


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
        video: VideoSource,
        person: int | None = None,
        tasks: Sequence[str] | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        file_name: str | None = None,
        subject: Subject = NOBODY,
    ) -> GaitAssessment:
        """Screens one recording; see `assess_clips`."""
        return self.assess_clips((Clip(video, person, file_name),), tasks, progress, cancelled, subject)

    def assess_clips(
        self,
        clips: Sequence[Clip],
        tasks: Sequence[str] | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        subject: Subject = NOBODY,
    ) -> GaitAssessment:
        """Screens one or more recordings of one person, made on the same occasion.

        A recording that the quality check refuses is left out and listed with its reasons.

        Args:
            clips: the recordings, at least one.
            tasks: the tasks to score; None scores all of the package.
            progress: told at least once a second how far the work is.
            cancelled: asked often whether to stop.
            subject: what is known of the person; no score depends on it.

        Raises:
            RefusedRecordingError: if no recording can be scored, with every reason.
            ConfigError: if the package does not know a task, there is no recording, or no person of that number.
            OperationCancelled: if `cancelled` answered yes.
        """
        if not clips:
            raise ConfigError("There is no recording to screen: name at least one.")
        tasks = self._known_tasks(tasks)
        stop = cancelled or never_cancelled
        told = progress or ignore_progress
        findings: list[_Findings] = []
        for number, clip in enumerate(clips):
            start, end = (SCORING * each / len(clips) for each in (number, number + 1))
            findings.append(self._look_at(clip, tasks, part_of(told, start, end), stop))
        facts = [_clip_facts(each) for each in findings]
        walks = tuple(each.walk if each.error is None else None for each in findings)
        passed = {place: walk for place, walk in enumerate(walks) if walk is not None}
        if not passed:
            refusal = _refusal(findings)
            blank = _result_of(self.package, facts, 0, subject.body_height_m)
            refused = blank.model_copy(update={"refused": True, "reasons": refusal.reasons})
            raise RefusedRecordingError(refusal, refused) from findings[0].error
        told(SCORING, "Measuring and scoring the walk")
        for place, walk in passed.items():
            view = facts[place].quality.view
            gait = None if view is None else gait_facts(walk, view, subject)
            facts[place] = facts[place].model_copy(update={"gait": gait})
        seen = {place: SeenWalk(walk.sequence, facts[place].quality.view) for place, walk in passed.items()}
        result, leading = _scored(self.package, facts, seen, tasks, subject.body_height_m)
        raise_if_cancelled(stop)
        return GaitAssessment(result, passed[leading], walks, leading)

    def rescore(self, result: ScreeningResult, sequences: Sequence[SilhouetteSequence | None]) -> ScreeningResult:
        """See `rescore`."""
        return rescore(self.package, result, sequences)

    def _known_tasks(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        chosen = tuple(tasks) if tasks else self.package.tasks
        unknown = [task for task in chosen if task not in self.package.tasks]
        if unknown:
            raise ConfigError(
                f"This model does not know the task {', '.join(unknown)}; it knows {', '.join(self.package.tasks)}."
            )
        return chosen

    def _look_at(self, clip: Clip, tasks: Sequence[str], progress: Progress, cancelled: Cancelled) -> _Findings:
        findings = _Findings(clip.video, clip.file_name or clip.video.name)
        try:
            walk = self._walk_of_chosen_person(findings, clip.person, progress, cancelled)
            quality = assess_quality(walk, findings.people, tasks)
            findings.quality = QualityFacts(
                passed=not quality.blocking,
                view=quality.view,
                steps=quality.steps,
                checks=tuple(check_facts(check) for check in quality.checks),
            )
            quality.require()
        except RecordingError as error:
            findings.error = error
            if error.checks and not findings.quality.checks:
                checks = tuple(check_facts(check) for check in error.checks)
                findings.quality = QualityFacts(passed=False, checks=checks)
        return findings

    def _walk_of_chosen_person(
        self, findings: _Findings, person: int | None, progress: Progress, cancelled: Cancelled
    ) -> Walk:
        progress(0.0, "Reading the video")
        findings.video = probe_video(findings.source)
        findings.people = find_people(
            findings.source, self.segmenter, progress=part_of(progress, *FINDING), cancelled=cancelled
        )
        chosen = _choose(findings.people, person)
        findings.person = chosen.number
        findings.walk = track_walk(
            findings.source, chosen, self.segmenter, progress=part_of(progress, *FOLLOWING), cancelled=cancelled
        )
        progress(FOLLOWING[1], "Checking the recording")
        return findings.walk


def rescore(
    package: ModelPackage, result: ScreeningResult, sequences: Sequence[SilhouetteSequence | None]
) -> ScreeningResult:
    """Scores stored silhouettes of an older result with another package. What was measured of the gait stays as it is.

    Args:
        package: the one that scores.
        result: what the recordings said; it stays unchanged.
        sequences: silhouettes of its recordings in the order of `result.clips`, None where one was refused; of a result
            of one recording, only that.

    Raises:
        ConfigError: if silhouettes are missing, or the package has none of the tasks.
    """
    clips = result.clips or (_only_clip(result),)
    wanted = [not clip.refused for clip in clips]
    if not any(wanted) or [sequence is not None for sequence in sequences] != wanted:
        raise ConfigError(
            "This assessment cannot be scored again: silhouettes of its recordings are missing. Screen the video again."
        )
    tasks = [score.task for score in result.scores if score.task in package.tasks]
    if not tasks:
        raise ConfigError(f"This model knows none of these tasks; it knows {', '.join(package.tasks)}.")
    seen = {
        place: SeenWalk(sequence, clips[place].quality.view)
        for place, sequence in enumerate(sequences)
        if sequence is not None
    }
    return _scored(package, clips, seen, tasks, result.body_height_m)[0]


def _scored(
    package: ModelPackage,
    clips: Sequence[ClipFacts],
    seen: Mapping[int, SeenWalk],
    tasks: Sequence[str],
    body_height_m: float | None,
) -> tuple[ScreeningResult, int]:
    """The result of recordings of which some passed, and the place of the leading one."""
    fused = package.assess_clips(list(seen.values()), tasks)
    scored = list(clips)
    for place, assessed in zip(seen, fused.each, strict=True):
        said = {"scores": assessed.scores, "typicality": assessed.typicality}
        scored[place] = clips[place].model_copy(update=said)
    leading = _leading(scored)
    result = _result_of(package, scored, leading, body_height_m).model_copy(update={"scores": fused.scores})
    return explained(package, result, seen[leading]), leading


def _leading(clips: Sequence[ClipFacts]) -> int:
    """Place of the first recording that passed and is like the training data, else of the first that passed."""
    passed = [place for place, clip in enumerate(clips) if not clip.refused]
    typical = (place for place in passed if (guard := clips[place].typicality) is not None and guard.typical)
    return next(typical, passed[0])


def _result_of(
    package: ModelPackage, clips: Sequence[ClipFacts], leading: int, body_height_m: float | None
) -> ScreeningResult:
    """All but fused scores and what explains them."""
    return ScreeningResult(
        created_by=CREATED_BY,
        **{name: getattr(clips[leading], name) for name in OF_THE_LEADING_CLIP},
        clips=tuple(clips) if len(clips) > 1 else (),
        body_height_m=body_height_m,
        model=model_facts(package),
        simulated=package.simulated,
        refused=False,
    )


def _only_clip(result: ScreeningResult) -> ClipFacts:
    """A result of one recording as the facts of that recording."""
    return ClipFacts(**{name: getattr(result, name) for name in ClipFacts.model_fields})


def _clip_facts(findings: _Findings) -> ClipFacts:
    error = findings.error
    return ClipFacts(
        recording=recording_facts(findings.source, findings.file_name, findings.video),
        people=tuple(person_facts(candidate) for candidate in findings.people),
        person=findings.person,
        quality=findings.quality,
        sequence=sequence_facts(findings.walk),
        refused=error is not None,
        reasons=() if error is None else error.reasons,
    )


def _refusal(findings: Sequence[_Findings]) -> RecordingError:
    """Why no recording can be scored; of several, each reason with the name of the file."""
    errors = [(each.file_name, each.error) for each in findings if each.error is not None]
    if len(errors) == 1:
        return errors[0][1]
    reasons = [f"{file_name}: {reason}" for file_name, error in errors for reason in error.reasons]
    return RecordingError("None of these recordings can be scored.", reasons)


def _choose(people: tuple[PersonCandidate, ...], number: int | None) -> PersonCandidate:
    wanted = 1 if number is None else number
    for candidate in people:
        if candidate.number == wanted:
            return candidate
    raise ConfigError(
        f"There is no person {wanted} in this recording: {len(people)} "
        f"{'person was' if len(people) == 1 else 'people were'} found. Choose a number from 1 to {len(people)}."
    )
