"""An engine without networks, for tests of the queue: every frame of it is drawn, every result has the real schema."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np

from app.services.screening_engine import Engine
from fgait_core.errors import NoWalkerError, RecordingError
from fgait_core.gait_parameters.subject import NOBODY
from fgait_core.inference import Clip, GaitAssessment, RefusedRecordingError, model_facts
from fgait_core.model_package import ModelPackage
from fgait_core.progress import raise_if_cancelled
from fgait_core.screening_result import ClipFacts, ModelFacts, ScreeningResult
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import PersonCandidate
from fgait_core.silhouettes.video_source import VideoSource, open_video

SECONDS_VARIABLE = "FGAIT_TEST_JOB_SECONDS"
MODEL = ModelFacts(
    name="drawn",
    version="0.0.1",
    sha256="a" * 64,
    training_data="Drawn for tests: 12 simulated people.",
    known_gaps=("It has seen nobody.",),
    people={"train": 12, "calibration": 6, "test": 6},
)

CLIP = bytes(range(256)) * 40
"""What stands for the clip with the outline."""
FALSE_ALARMS = (0.05, 0.062, 0.043, 0.079)


def sequence() -> SilhouetteSequence:
    """Thirty silhouettes of a bar that moves."""
    frames = np.zeros((30, 64, 44), np.uint8)
    for index in range(30):
        frames[index, 4:60, 14 + index % 8 : 26 + index % 8] = 255
    return SilhouetteSequence(frames, np.arange(30) / 15.0, np.arange(30, dtype=np.int64) * 2)


def typicality(*, typical: bool) -> dict:
    """What the guard says."""
    return {
        "score": 0.21 if typical else 1.731,
        "threshold": 0.444,
        "typical": typical,
        "reason": "" if typical else "The silhouettes are unlike those of the training data. Film again.",
        "false_alarm_rate": FALSE_ALARMS[0],
        "measured_false_alarm_rate": FALSE_ALARMS[1],
        "measured_false_alarm_interval": FALSE_ALARMS[2:],
    }


def score(task: str, positive: float, prediction_set: tuple[str, ...]) -> dict:
    """One score with the whole schema."""
    order = ("negative", "neutral", "positive") if task == "scoliosis" else ("no", "yes")
    rest = (1.0 - positive) / (len(order) - 1)
    return {
        "task": task,
        "class_order": order,
        "probabilities": {name: positive if name == order[-1] else rest for name in order},
        "positive_class": order[-1],
        "interval": (max(positive - 0.11, 0.0), min(positive + 0.09, 1.0)),
        "interval_method": "bootstrap over the walk",
        "prediction_set": prediction_set,
        "coverage": 0.9,
        "fitted_on": "side",
        "abstained": len(prediction_set) != 1,
        "above_threshold": positive >= 0.42,
        "operating_point": {
            "threshold": 0.42,
            "sensitivity": 0.8,
            "sensitivity_interval": (0.6, 0.91),
            "specificity": 0.75,
            "specificity_interval": (0.58, 0.87),
            "n_positive": 20,
            "n_negative": 28,
        },
        "calibration": {"ece": 0.05, "brier": 0.17, "slope": 0.93, "intercept": 0.04, "n_people": 48},
        "model_version": MODEL.version,
        "simulated": True,
    }


def result(file_name: str = "walk.mp4", tasks: tuple[str, ...] = ("scoliosis", "depression")) -> ScreeningResult:
    """A whole result of a recording that could be scored."""
    scores = {
        "scoliosis": score("scoliosis", 0.71, ("positive",)),
        "depression": score("depression", 0.48, ("no", "yes")),
    }
    return ScreeningResult.model_validate(
        {
            "created_by": "FGait 0.1.0",
            "recording": {
                "file_name": file_name,
                "sha256": "b" * 64,
                "size_bytes": 1000,
                "width_px": 1920,
                "height_px": 1080,
                "frame_rate_hz": 30.0,
                "duration_s": 7.7,
                "codec": "h264",
                "container": "mp4/mov",
                "rotation_deg": 0,
                "variable_frame_rate": False,
            },
            "people": [_person(1), _person(2)],
            "person": 1,
            "quality": {
                "passed": True,
                "view": "side",
                "steps": 9,
                "checks": [_check(True), _check(False, blocking=False)],
            },
            "sequence": {"frames": 30, "frame_rate_hz": 15.0, "first_s": 0.0, "last_s": 1.93},
            "scores": [scores[task] for task in tasks],
            "typicality": typicality(typical=True),
            "model": MODEL,
            "simulated": True,
            "refused": False,
        }
    )


def _person(number: int) -> dict:
    return {
        "number": number,
        "seed_time_s": 1.0,
        "box_px": (0.0, 0.0, 10.0, 20.0),
        "travel_body_heights": 3.0 / number,
        "visible_s": 4.0,
        "in_full_view": number == 1,
    }


def _check(passed: bool, *, blocking: bool = True) -> dict:
    return {
        "name": "frame_rate" if passed else "sharpness",
        "label": "Frame rate" if passed else "Sharpness",
        "value": 30.0 if passed else 0.2,
        "unit": "Hz" if passed else "",
        "threshold": "at least 15 Hz" if passed else "at least 0.3",
        "passed": passed,
        "blocking": blocking,
        "advice": "Film in better light.",
    }


def refused() -> RefusedRecordingError:
    """What a recording that fails two checks raises."""
    whole = result()
    reasons = ("The feet leave the picture. Step back.", "Only two steps were seen. Film a longer walk.")
    checks = [_check(True), _check(False)]
    facts = whole.model_copy(update={"scores": (), "refused": True, "reasons": reasons})
    data = facts.model_dump() | {"quality": {"passed": False, "view": "side", "steps": 2, "checks": checks}}
    return RefusedRecordingError(RecordingError("refused", reasons), ScreeningResult.model_validate(data))


def unlike(file_name: str, tasks: tuple[str, ...]) -> ScreeningResult:
    """A result of a recording that is unlike the training data."""
    content = result(file_name, tasks).model_dump()
    for each in content["scores"]:
        each.update(prediction_set=each["class_order"], abstained=True)
    return ScreeningResult.model_validate(content | {"typicality": typicality(typical=False)})


def candidates() -> tuple[PersonCandidate, ...]:
    """Two people with pictures."""
    fields = {name: None for name in PersonCandidate.__dataclass_fields__}
    picture = np.full((120, 60, 3), 140, np.uint8)
    return tuple(PersonCandidate(**fields | _person(number) | {"thumbnail_rgb": picture}) for number in (1, 2))


def of_package(stored: ScreeningResult, package: ModelPackage) -> ScreeningResult:
    """The same result, as this package would have signed it."""
    scores = tuple(each.model_copy(update={"model_version": package.version}) for each in stored.scores)
    return stored.model_copy(update={"scores": scores, "model": model_facts(package)})


class FastPipeline:
    """Draws scores: the content of a file says what comes of it; every result names the package that was loaded."""

    def __init__(self, package: ModelPackage) -> None:
        self.package = package

    def assess_clips(self, clips, tasks=None, progress=None, cancelled=None, subject=NOBODY) -> GaitAssessment:
        drawn = [self._draw(clip, tasks, progress, cancelled) for clip in clips]
        passed = [place for place, each in enumerate(drawn) if not each.refused]
        if not passed:
            refusal = refused()
            if len(drawn) > 1:
                refusal.result = refusal.result.model_copy(update={"clips": tuple(_clip_facts(each) for each in drawn)})
            raise refusal
        leading = drawn[passed[0]]
        if len(drawn) > 1:
            facts = tuple(_clip_facts(each) for each in drawn)
            scores = tuple(each.model_copy(update={"clips": len(passed)}) for each in leading.scores)
            leading = leading.model_copy(update={"clips": facts, "scores": scores})
        leading = leading.model_copy(update={"body_height_m": subject.body_height_m})
        walks = tuple(None if each.refused else SimpleNamespace(sequence=sequence()) for each in drawn)
        return GaitAssessment(of_package(leading, self.package), walks[passed[0]], walks, passed[0])

    def rescore(self, result: ScreeningResult, sequences) -> ScreeningResult:
        assert [each is None for each in sequences] == [clip.refused for clip in result.clips] or len(sequences) == 1
        return of_package(result, self.package)

    def _draw(self, clip: Clip, tasks, progress, cancelled) -> ScreeningResult:
        content = _start_of(clip.video)
        if b"refuse" in content:
            return refused().result
        if b"break" in content:
            raise ZeroDivisionError("a secret of the patient")
        ends_at = time.monotonic() + float(os.environ.get(SECONDS_VARIABLE, "0"))
        while time.monotonic() < ends_at:
            progress(0.4, "Following the person")
            raise_if_cancelled(cancelled)
            time.sleep(0.05)
        made = unlike if b"unlike" in content else result
        return made(clip.file_name, tuple(tasks))


def _start_of(video: VideoSource) -> bytes:
    with open_video(video) as file:
        return file.read(100)


def _clip_facts(drawn: ScreeningResult) -> ClipFacts:
    return ClipFacts(**{name: getattr(drawn, name) for name in ClipFacts.model_fields})


def make_engine(settings: object) -> Engine:
    """The engine; `FGAIT_TEST_JOB_SECONDS` says how long a screening of one recording takes.

    The worker loads real packages, and every result names the one that was loaded; scores are drawn.
    """

    def find(video: VideoSource, progress, cancelled):
        content = _start_of(video)
        if b"nobody" in content:
            raise NoWalkerError("Nobody who walks was found. Film the whole body.")
        return candidates()[: 1 if b"alone" in content else 2]

    def overlay(video: VideoSource, walk: object, out: BinaryIO) -> None:
        out.write(CLIP)

    return Engine(find, overlay, FastPipeline)
