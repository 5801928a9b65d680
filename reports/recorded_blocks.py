"""Who was recorded, how, and how well, as frozen dataclasses that refuse values that cannot be true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from reports.checks import require, require_aware, require_positive, require_sha256, require_text

SEXES = ("female", "male", "other", "unknown")
VIEWS = ("front", "oblique", "side", "back")


@dataclass(frozen=True, slots=True)
class PatientBlock:
    """Who was recorded.

    Attributes:
        record_number: the clinic's own number of the patient.
        family_name, given_name: in any script; one of the two may be empty.
        birth_date: without a time.
        sex: "female", "male", "other" or "unknown".
    """

    record_number: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str

    def __post_init__(self) -> None:
        require_text(self.record_number, "The record number")
        require_text(self.family_name + self.given_name, "The patient's name")
        require(self.sex in SEXES, f"The sex must be one of {', '.join(SEXES)}; it is {self.sex!r}.")

    @property
    def full_name(self) -> str:
        """Family name, then given name, as they were entered: no letter case is forced on a name."""
        return ", ".join(part for part in (self.family_name.strip(), self.given_name.strip()) if part)

    def age_years(self, on: date) -> int:
        """Completed years of life on a day."""
        had_birthday = (on.month, on.day) >= (self.birth_date.month, self.birth_date.day)
        return on.year - self.birth_date.year - (0 if had_birthday else 1)


@dataclass(frozen=True, slots=True)
class RecordingBlock:
    """Which recording was measured and what of it was used.

    Attributes:
        recorded_at: with a time zone, or None where the recording does not say.
        sha256: of the video file.
        duration_s, width_px, height_px, frame_rate_hz, codec: of the video, the size after rotation; None where there
            was none, as of simulated people whose silhouettes were never filmed.
        person_number: which of the `n_people` people in view was followed, from 1.
        frames_used: silhouettes that the model saw.
        view: "front", "oblique", "side" or "back".
        steps: footsteps that were counted.
    """

    file_name: str
    recorded_at: datetime | None
    sha256: str
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    frame_rate_hz: float | None
    codec: str | None
    person_number: int
    n_people: int
    frames_used: int
    view: str
    steps: int

    def __post_init__(self) -> None:
        require_text(self.file_name, "The file name of the recording")
        require_sha256(self.sha256, "The SHA-256 of the recording")
        if self.recorded_at is not None:
            require_aware(self.recorded_at, "The time of the recording")
        for figure, name in (
            (self.duration_s, "The duration of the recording in seconds"),
            (self.width_px, "The width of the recording in pixels"),
            (self.height_px, "The height of the recording in pixels"),
            (self.frame_rate_hz, "The frame rate of the recording in Hz"),
        ):
            if figure is not None:
                require_positive(figure, name)
        require_positive(self.frames_used, "The number of frames used")
        require(self.steps >= 0, f"The number of steps must not be negative; it is {self.steps}.")
        require(self.view in VIEWS, f"The view must be one of {', '.join(VIEWS)}; it is {self.view!r}.")
        fits = 1 <= self.person_number <= self.n_people
        require(fits, f"Person {self.person_number} cannot be chosen out of {self.n_people} people.")


@dataclass(frozen=True, slots=True)
class QualityLine:
    """One quality check: what was measured, what was asked for, and what to do if it failed."""

    label: str
    value: str
    threshold: str
    passed: bool
    blocking: bool
    advice: str

    def __post_init__(self) -> None:
        require_text(self.label, "The label of a quality check")
        if not self.passed:
            require_text(self.advice, f"The advice of the failed quality check {self.label!r}")
