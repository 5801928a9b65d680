"""What a follow-up report is made of: the visits of one patient, oldest first. Nothing is looked up elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from reports.checks import require, require_aware, require_positive, require_text
from reports.content import VIEWS, ModelBlock, PatientBlock, ScoreBlock
from reports.gait_blocks import GaitBlock
from reports.record_blocks import ClinicBlock, DecisionBlock, NoteBlock, OutcomeLine, VerificationBlock


@dataclass(frozen=True, slots=True)
class VisitBlock:
    """One assessment of the patient.

    Attributes:
        on: day of the recording, or of the assessment where nobody knows it.
        model: which model scored; scores of two versions are never compared.
        view: from which side the leading recording was filmed; None where it could not be told.
        scores: empty where the recording was refused.
        gait: None in results of versions that did not measure it.
        decisions, outcomes: of this assessment.
        rescored: whether an older recording was scored again with this version.
        clips: how many recordings the scores were fused from.
    """

    on: date
    model: ModelBlock
    view: str | None
    scores: tuple[ScoreBlock, ...]
    gait: GaitBlock | None = None
    decisions: tuple[DecisionBlock, ...] = ()
    outcomes: tuple[OutcomeLine, ...] = ()
    rescored: bool = False
    clips: int = 1

    def __post_init__(self) -> None:
        require(self.view in {None, *VIEWS}, f"The view must be one of {', '.join(VIEWS)}; it is {self.view!r}.")
        require_positive(self.clips, "The number of recordings of a visit")
        tasks = [score.task for score in self.scores]
        require(len(set(tasks)) == len(tasks), "A visit carries each task once.")

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return f"{self.model.name} {self.model.version}"

    def score(self, task: str) -> ScoreBlock | None:
        """The score of a task, if this visit has one."""
        return next((score for score in self.scores if score.task == task), None)


@dataclass(frozen=True, slots=True)
class FollowUpReport:
    """A report over several visits.

    Attributes:
        visits: oldest first; a recording that was scored again stands among them once for each version.
        notes: what the clinic wants printed.
        language: key of the wording.
    """

    clinic: ClinicBlock
    report_number: str
    created_at: datetime
    created_by: str
    software_version: str
    patient: PatientBlock
    visits: tuple[VisitBlock, ...]
    notes: tuple[NoteBlock, ...] = ()
    verification: VerificationBlock | None = None
    version: int = 1
    language: str = "en"

    def __post_init__(self) -> None:
        require_text(self.report_number, "The report number")
        require_text(self.software_version, "The software version")
        require_aware(self.created_at, "The time of the report")
        require_positive(self.version, "The version of the report")
        require(bool(self.visits), "A follow-up report needs at least one visit.")
        days = [visit.on for visit in self.visits]
        require(days == sorted(days), "The visits of a follow-up report must be in order of time, oldest first.")
        born = self.patient.birth_date <= days[0]
        require(born, "The patient's birth date must not lie after the first visit.")

    @property
    def simulated(self) -> bool:
        """Whether any score is of a model that learned from simulated people."""
        return any(visit.model.simulated for visit in self.visits)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task that any visit has a score of, in the order of the first mention."""
        return tuple(dict.fromkeys(score.task for visit in self.visits for score in visit.scores))

    @property
    def versions(self) -> tuple[str, ...]:
        """Every model version, in the order of the first mention."""
        return tuple(dict.fromkeys(visit.version for visit in self.visits))

    @property
    def walks(self) -> Iterator[VisitBlock]:
        """The visits whose gait was measured; a recording that was scored again counts once."""
        return (visit for visit in self.visits if visit.gait is not None and not visit.rescored)
