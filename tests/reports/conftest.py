"""Report content for the tests: invented people and figures, marked as simulated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from reports.content import (
    ModelBlock,
    PatientBlock,
    QualityLine,
    RecordingBlock,
    ScoreBlock,
    ScreeningReport,
)
from reports.measures import CalibrationBlock, Interval, OperatingPointBlock, TypicalityBlock

CLASSES = {"scoliosis": ("negative", "neutral", "positive"), "depression": ("no", "yes")}


def walking_silhouettes(n: int = 48) -> np.ndarray:
    """A figure with a head, a trunk and two swinging legs, uint8 [n, 64, 44]."""
    rows, columns = np.mgrid[0:64, 0:44].astype(float)
    frames = []
    for phase in np.linspace(0, 4 * np.pi, n, endpoint=False):
        swing = 9 * np.sin(phase)
        body = (rows - 6) ** 2 + (columns - 22) ** 2 < 26
        body |= (np.abs(columns - 22) < 6) & (rows > 11) & (rows < 36)
        for side in (-1, 1):
            body |= (np.abs(columns - 22 - side * swing * (rows - 34) / 30) < 3) & (rows >= 34)
        frames.append(body.astype(np.uint8) * 255)
    return np.stack(frames)


def make_score(task: str = "scoliosis", **changes: Any) -> ScoreBlock:
    """A consistent score: positive above its threshold, unless changed."""
    classes = CLASSES.get(task, CLASSES["depression"])
    values: dict[str, Any] = {
        "task": task,
        "class_order": classes,
        "probabilities": (0.08, 0.20, 0.72) if task == "scoliosis" else (0.28, 0.72),
        "positive_class": classes[-1],
        "interval": Interval(0.58, 0.84),
        "interval_method": "resampled calibration people",
        "prediction_set": (classes[-1],),
        "coverage": 0.9,
        "abstained": False,
        "above_threshold": True,
        "operating_point": OperatingPointBlock(0.41, 0.9, Interval(0.82, 0.95), 0.785, Interval(0.71, 0.84), 90, 160),
        "calibration": CalibrationBlock(0.031, 0.142, 0.94, -0.06, 250),
        "simulated": True,
    }
    return ScoreBlock(**(values | changes))


def score_for(task: str, outcome: str) -> ScoreBlock:
    """A score with a wanted outcome."""
    classes = CLASSES[task]
    low = (0.88, 0.07, 0.05) if task == "scoliosis" else (0.95, 0.05)
    below = {"probabilities": low, "interval": Interval(0.02, 0.11), "above_threshold": False}
    changes: dict[str, dict[str, Any]] = {
        "positive": {},
        "negative": below | {"prediction_set": classes[:1]},
        "borderline": below | {"prediction_set": ("neutral",)},
        "abstained": {"prediction_set": classes, "abstained": True},
        "empty": {"prediction_set": (), "abstained": True},
        "conflicting": {"prediction_set": classes[:1]},
        "unlike": {"prediction_set": classes, "abstained": True, "typical": False},
    }
    return make_score(task, **changes[outcome])


def make_typicality(**changes: Any) -> TypicalityBlock:
    """What the guard says of a recording like the training data, unless changed."""
    values: dict[str, Any] = {
        "unlikeness": -0.123,
        "threshold": 0.444,
        "typical": True,
        "reason": "",
        "false_alarm_rate": 0.05,
        "measured_false_alarm_rate": 0.062,
        "measured_false_alarm_interval": Interval(0.043, 0.079),
    }
    return TypicalityBlock(**(values | changes))


def make_quality() -> tuple[QualityLine, ...]:
    """Four checks, one of them a warning."""
    return (
        QualityLine("Frame rate", "30.0 Hz", "at least 20 Hz", True, True, ""),
        QualityLine("Footsteps", "9", "at least 4", True, True, ""),
        QualityLine("Whole body in view", "97 %", "at least 90 %", True, True, ""),
        QualityLine("Light on the walker", "0.31", "at least 0.40", False, False, "Film in brighter, even light."),
    )


def make_patient(family_name: str = "Müller", given_name: str = "Zoë") -> PatientBlock:
    return PatientBlock("A-10233", family_name, given_name, date(2011, 5, 2), "female")


def make_report(**changes: Any) -> ScreeningReport:
    """A whole report on invented values."""
    values: dict[str, Any] = {
        "clinic_name": "Test Clinic",
        "report_number": "R-2026-000123",
        "created_at": datetime(2026, 11, 23, 10, 43, tzinfo=UTC),
        "created_by": "Dr. Test Person",
        "software_version": "FGait 0.1.0",
        "patient": make_patient(),
        "recording": RecordingBlock(
            file_name="corridor walk 2.mp4",
            recorded_at=datetime(2026, 11, 20, 9, 12, tzinfo=UTC),
            sha256="5a" * 32,
            duration_s=8.4,
            width_px=1080,
            height_px=1920,
            frame_rate_hz=29.97,
            codec="h264",
            person_number=1,
            n_people=2,
            frames_used=214,
            view="side",
            steps=9,
        ),
        "quality": make_quality(),
        "scores": (make_score("scoliosis"), score_for("depression", "abstained")),
        "model": ModelBlock(
            name="fgait-bundled",
            version="0.1.0",
            sha256="c3" * 32,
            training_data="Simulated walks of parametric bodies; no recording of a person.",
            known_gaps=("No children under 6 years.", "No walking aids.", "No view from above."),
            simulated=True,
            people_train=600,
            people_calibration=200,
            people_test=250,
        ),
        "silhouettes": walking_silhouettes(),
    }
    return ScreeningReport(**(values | changes))


@pytest.fixture(scope="session")
def report_factory() -> Callable[..., ScreeningReport]:
    return make_report


@pytest.fixture
def score_factory() -> Callable[..., ScoreBlock]:
    return make_score


@pytest.fixture
def typical() -> TypicalityBlock:
    return make_typicality()


@pytest.fixture
def unlike() -> TypicalityBlock:
    return make_typicality(unlikeness=1.731, typical=False, reason="Nothing like it was seen. Film again.")


@pytest.fixture
def outcome_factory() -> Callable[[str, str], ScoreBlock]:
    return score_for


@pytest.fixture
def patient_factory() -> Callable[..., PatientBlock]:
    return make_patient
