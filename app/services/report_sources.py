"""From what the services know of a clinic and a patient to the blocks of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.services.clinic_profile import ClinicProfileView
from app.services.decisions import DecisionView
from app.services.follow_up import Scoring, Visit
from app.services.notes import NoteView
from app.services.outcomes import OutcomeView
from app.services.report_gait_content import gait_block
from clinic_data.tables import Patient
from reports.content import VIEWS, PatientBlock
from reports.follow_up_content import VisitBlock
from reports.record_blocks import ClinicBlock, DecisionBlock, NoteBlock, OutcomeLine


def patient_block(patient: Patient) -> PatientBlock:
    """The patient as printed."""
    return PatientBlock(
        record_number=patient.record_number,
        family_name=patient.family_name,
        given_name=patient.given_name,
        birth_date=patient.birth_date,
        sex=patient.sex.value,
    )


def clinic_block(profile: ClinicProfileView) -> ClinicBlock:
    """The letterhead and the prevalence."""
    return ClinicBlock(
        name=profile.name,
        address=profile.address,
        logo_png=profile.logo_png,
        prevalence=dict(profile.prevalence),
        prevalence_source=profile.prevalence_source,
    )


def decision_blocks(found: Mapping[str, DecisionView]) -> tuple[DecisionBlock, ...]:
    """The present decisions, by task."""
    return tuple(
        DecisionBlock(
            task=task,
            verdict=view.decision.verdict.value,
            label=view.decision.label,
            reason=view.decision.reason,
            decided_by=view.decided_by_name,
            decided_at=view.decision.created_at,
            phq9_waived_reason=view.decision.phq9_waived_reason,
        )
        for task, view in sorted(found.items())
    )


def outcome_lines(found: Mapping[str, OutcomeView]) -> tuple[OutcomeLine, ...]:
    """The present outcomes, by task."""
    return tuple(
        OutcomeLine(
            task=task,
            label=view.outcome.label,
            method=view.outcome.method,
            examined_on=view.outcome.examined_on,
            phq9_total=view.outcome.phq9_total,
            note=view.outcome.note or "",
        )
        for task, view in sorted(found.items())
    )


def note_blocks(found: Iterable[NoteView]) -> tuple[NoteBlock, ...]:
    """Notes as they stand now, oldest first."""
    views = sorted(found, key=lambda view: view.note.created_at)
    return tuple(NoteBlock(view.note.text, view.written_by, view.note.created_at) for view in views)


def visit_blocks(visits: Sequence[Visit]) -> tuple[VisitBlock, ...]:
    """One block for each scoring of each visit, oldest visit first; an outcome is told once a visit."""
    return tuple(
        _visit_block(visit, scoring, first=place == 0)
        for visit in visits
        for place, scoring in enumerate(visit.scorings)
    )


def _visit_block(visit: Visit, scoring: Scoring, *, first: bool) -> VisitBlock:
    return VisitBlock(
        on=visit.at.date(),
        model=scoring.model,
        view=visit.view if visit.view in VIEWS else None,
        scores=scoring.scores,
        gait=gait_block(scoring.assessment.result),
        decisions=decision_blocks(scoring.decisions),
        outcomes=outcome_lines(visit.outcomes) if first else (),
        rescored=scoring.rescored,
        clips=visit.clips,
    )
