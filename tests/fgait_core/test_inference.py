"""Several recordings as one assessment, and old ones scored again. Videos are replaced by reference walkers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import logit

from fgait_core import inference
from fgait_core.errors import ConfigError, RecordingError
from fgait_core.explanation import explained
from fgait_core.explanation.effects import Effects
from fgait_core.explanation.reference_bank import FRAME_RATE_HZ, packaged_bank
from fgait_core.gait_parameters.subject import Subject
from fgait_core.inference import Clip, GaitAssessmentPipeline, RefusedRecordingError, rescore
from fgait_core.model_package import ModelPackage, SeenWalk, bundled_package_dir
from fgait_core.screening_result import GaitFacts, PersonFacts, ScreeningResult
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import PersonSegmenter

Screen = Callable[..., Any]
FILES = ("front.mp4", "side.mp4", "dark.mp4", "noise.mp4")


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load(bundled_package_dir())


def sequence_of(name: str) -> SilhouetteSequence:
    """The silhouettes that "tracking" finds in a file of that name."""
    bank = packaged_bank()
    if name == "noise.mp4":
        frames = (np.random.default_rng(0).random((36, 64, 44)) < 0.5).astype(np.uint8) * np.uint8(255)
    else:
        place = int(np.flatnonzero(bank.view == ("front" if name == "front.mp4" else "side"))[4])
        frames = np.tile(bank.frames(place), (3, 1, 1))
    return SilhouetteSequence(frames, np.arange(len(frames)) / FRAME_RATE_HZ, np.arange(len(frames)))


@pytest.fixture
def pipeline(package: ModelPackage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GaitAssessmentPipeline:
    """One whose videos are files of nothing but their name; dark.mp4 is refused by the quality check."""
    for name in FILES:
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)

    def refuse_the_dark(walk: SimpleNamespace, *_: Any) -> SimpleNamespace:
        def require() -> None:
            if walk.name == "dark.mp4":
                raise RecordingError("Too dark.", ["Film in more light."])

        view = "front" if walk.name == "front.mp4" else "side"
        return SimpleNamespace(view=view, steps=6, checks=(), blocking=walk.name == "dark.mp4", require=require)

    def candidate(number: int) -> SimpleNamespace:
        return SimpleNamespace(number=number)

    monkeypatch.setattr(inference, "probe_video", lambda path: None)
    monkeypatch.setattr(inference, "find_people", lambda *_, **__: (candidate(1), candidate(2)))
    monkeypatch.setattr(inference, "person_facts", lambda each: PersonFacts(**_person(each.number)))
    monkeypatch.setattr(
        inference, "track_walk", lambda path, *_, **__: SimpleNamespace(name=path.name, sequence=sequence_of(path.name))
    )
    monkeypatch.setattr(inference, "assess_quality", refuse_the_dark)
    monkeypatch.setattr(inference, "gait_facts", _gait)
    monkeypatch.setattr(explained, "measure_effects", _effects)
    return GaitAssessmentPipeline(package, cast(PersonSegmenter, SimpleNamespace()))


def _person(number: int) -> dict[str, Any]:
    box = (0.0, 0.0, 1.0, 2.0)
    return {
        "number": number,
        "seed_time_s": 0.0,
        "box_px": box,
        "travel_body_heights": 3.0,
        "visible_s": 3.0,
        "in_full_view": True,
    }


def _gait(walk: Any, view: str, subject: Subject) -> GaitFacts:
    return GaitFacts(view=view, event_detector=f"told of {subject.body_height_m}", events=(), parameters=())


def _effects(_: ModelPackage, seen: SeenWalk, phase: np.ndarray | None, tasks: Sequence[str]) -> dict[str, Effects]:
    """Numbers of this walk, without asking the network (which tests of the explanation do)."""
    assert phase is not None
    rows = seen.sequence.frames.mean(axis=(0, 2))[:6] / 255
    return dict.fromkeys(tasks, Effects(np.stack([rows, rows]), np.zeros((2, 0)), rows[None, ::-1]))


def clips(*names: str) -> list[Clip]:
    return [Clip(Path(name)) for name in names]


def test_one_recording_lists_no_clips(pipeline: GaitAssessmentPipeline):
    assessed = pipeline.assess(Path("side.mp4"), person=2, file_name="walk.mp4", subject=Subject(30, "male", 1.8))
    result = assessed.result
    assert result.clips == ()
    assert result.recording.file_name == "walk.mp4"
    assert result.person == 2
    assert result.body_height_m == 1.8
    assert result.gait is not None
    assert result.gait.event_detector == "told of 1.8"
    assert {score.clips for score in result.scores} == {1}
    assert {each.task for each in result.explanations} == {"scoliosis", "depression"}
    assert assessed.walks == (assessed.walk,)
    assert assessed.leading == 0


def test_scores_of_several_recordings_are_fused_and_a_refused_one_is_listed(pipeline: GaitAssessmentPipeline):
    told: list[float] = []
    assessed = pipeline.assess_clips(clips("dark.mp4", "front.mp4", "side.mp4"), progress=lambda at, _: told.append(at))
    result = assessed.result
    assert [clip.refused for clip in result.clips] == [True, False, False]
    assert result.clips[0].reasons == ("Film in more light.",)
    assert result.clips[0].scores == ()
    assert [walk is None for walk in assessed.walks] == [True, False, False]
    assert assessed.leading == 1
    assert assessed.walk is assessed.walks[1]
    assert result.recording.file_name == "front.mp4"
    assert result.quality.view == "front"
    assert not result.refused
    for place, score in enumerate(result.scores):
        singles = [clip.scores[place] for clip in result.clips[1:]]
        assert score.clips == 2
        assert score.fusion
        assert score.fitted_on == "any"
        assert [single.fitted_on for single in singles] == ["front", "side"]
        suitable = singles[{"scoliosis": 0, "depression": 1}[score.task]]
        likeliest = max(score.probabilities, key=lambda name: score.probabilities[name])
        assert set(score.prediction_set) == {*suitable.prediction_set, likeliest}
        assert score.interval[0] <= score.probabilities[score.positive_class] <= score.interval[1]
    depression = [clip.scores[1].probabilities["yes"] for clip in result.clips[1:]]
    assert logit(result.scores[1].probabilities["yes"]) == pytest.approx(np.mean(logit(depression)), abs=1e-9)
    assert told == sorted(told)
    assert ScreeningResult.model_validate(result.to_json()) == result


def test_a_recording_unlike_the_training_data_is_not_fused_and_does_not_lead(pipeline: GaitAssessmentPipeline):
    assessed = pipeline.assess_clips(clips("noise.mp4", "side.mp4"))
    alone = pipeline.assess(Path("side.mp4")).result
    assert assessed.leading == 1
    assert assessed.result.typicality == alone.typicality
    assert assessed.result.scores == alone.scores
    assert assessed.result.explanations == alone.explanations
    noise = assessed.result.clips[0]
    assert noise.typicality is not None
    assert not noise.typicality.typical
    assert all(score.abstained for score in noise.scores)
    both = pipeline.assess_clips(clips("noise.mp4", "noise.mp4")).result
    assert all(score.abstained and score.clips == 2 for score in both.scores)
    assert {each.why_not for each in both.explanations} == {"unlike"}


def test_refused_as_a_whole_only_where_all_are(pipeline: GaitAssessmentPipeline):
    with pytest.raises(RefusedRecordingError) as refusal:
        pipeline.assess(Path("dark.mp4"))
    assert refusal.value.reasons == refusal.value.result.reasons == ("Film in more light.",)
    assert refusal.value.result.refused
    assert refusal.value.result.clips == ()
    with pytest.raises(RefusedRecordingError) as refusal:
        pipeline.assess_clips(clips("dark.mp4", "dark.mp4"))
    assert refusal.value.result.reasons == ("dark.mp4: Film in more light.",) * 2
    assert [clip.refused for clip in refusal.value.result.clips] == [True, True]
    with pytest.raises(ConfigError, match="at least one"):
        pipeline.assess_clips([])


def test_scoring_again_with_the_same_package_changes_nothing(pipeline: GaitAssessmentPipeline):
    one = pipeline.assess(Path("side.mp4"))
    assert rescore(pipeline.package, one.result, [one.walk.sequence]) == one.result
    many = pipeline.assess_clips(clips("dark.mp4", "front.mp4", "side.mp4"))
    sequences = [None if walk is None else walk.sequence for walk in many.walks]
    assert pipeline.rescore(many.result, sequences) == many.result


def test_scoring_again_with_another_package_keeps_the_gait(pipeline: GaitAssessmentPipeline, package: ModelPackage):
    one = pipeline.assess(Path("side.mp4"), tasks=["depression"])
    content = package.content.model_copy(update={"version": "9.9.9"})
    other = ModelPackage(content, package.network, package.guard, "f" * 64)
    renewed = rescore(other, one.result, [one.walk.sequence])
    assert [score.task for score in renewed.scores] == ["depression"]
    assert renewed.scores[0].model_version == renewed.model.version == "9.9.9"
    assert renewed.gait == one.result.gait
    assert renewed.recording == one.result.recording
    assert one.result.model.version == package.version


def test_what_cannot_be_scored_again_is_refused(pipeline: GaitAssessmentPipeline):
    many = pipeline.assess_clips(clips("front.mp4", "side.mp4"))
    with pytest.raises(ConfigError, match="silhouettes of its recordings are missing"):
        rescore(pipeline.package, many.result, [sequence_of("front.mp4"), None])
    with pytest.raises(ConfigError, match="silhouettes of its recordings are missing"):
        rescore(pipeline.package, many.result, [sequence_of("front.mp4")])
    scores = tuple(score.model_copy(update={"task": "other"}) for score in many.result.scores)
    with pytest.raises(ConfigError, match="none of these tasks"):
        pipeline.rescore(
            many.result.model_copy(update={"scores": scores}), [sequence_of("front.mp4"), sequence_of("side.mp4")]
        )
