"""People with confirmed outcomes, cohorts, retrainings and compared versions, made without training anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import fast_engine

from app.services.cohort_selection import CohortFilters
from clinic_data import (
    assessments,
    jobs,
    model_registry,
    outcomes,
    patients,
    recordings,
    retrainings,
)
from clinic_data.file_vault import FileKind
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.retraining_tables import Cohort, Retraining
from clinic_data.storage import StoredFile
from clinic_data.tables import Job, ModelVersion, Origin, Stage
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.gate_report import (
    ChangedSide,
    Criterion,
    GateReport,
    Measured,
    PairedFigures,
    SubgroupFigures,
    VersionFigures,
)

METRICS: dict[str, Any] = {
    "training_data": "Drawn for tests.",
    "known_gaps": ["It has seen nobody."],
    "people": {"train": 12, "calibration": 6, "test": 6},
    "tasks": ["scoliosis", "depression"],
    "adapted_on": None,
    "figures": {
        "scoliosis": {
            "threshold": 0.42,
            "sensitivity": 0.8,
            "specificity": 0.75,
            "n_positive": 20,
            "n_negative": 28,
            "ece": 0.05,
            "slope": None,
        }
    },
}
PRODUCTION_SHA256 = "a" * 64


def add_production(clinic) -> ModelVersion:
    with clinic.services.database.transaction() as session:
        return model_registry.ensure_bundled(
            session=session,
            name="drawn",
            version="0.0.1",
            sha256=PRODUCTION_SHA256,
            simulated=True,
            metrics=METRICS,
        )


def _store(storage, index: int) -> tuple[StoredFile, StoredFile]:
    return (
        storage.write_bytes(f"walk {index}".encode(), patient_id=None, kind=FileKind.VIDEO),
        storage.write_bytes(f"silhouettes {index}".encode(), patient_id=None, kind=FileKind.SILHOUETTES),
    )


def add_people(clinic, number: int, *, consent: bool = True, first: int = 0) -> None:
    """People whose scoliosis is confirmed, every third one positive, filmed at two sites."""
    version = add_production(clinic)
    services, actor_id = clinic.services, clinic.clinician.user_id
    result = fast_engine.result().to_json()
    files = {index: _store(services.storage, index) for index in range(first, first + number)}
    with services.database.transaction() as session:
        for index, (stored, walk) in files.items():
            patient = patients.create_patient(
                session=session,
                data=PatientData(
                    record_number=f"T-{index}",
                    family_name=f"Hidden{index}",
                    birth_date=date(1990 + index % 20, 1, 1),
                    sex="female" if index % 2 else "male",
                    training_consent=consent,
                ),
                actor_id=actor_id,
            )
            recording = recordings.add_recording(
                session=session,
                patient_id=patient.id,
                original_name="walk.mp4",
                stored=stored,
                uploaded_by=actor_id,
                recorded_at=datetime.now(UTC) - timedelta(days=40 - index % 30),
                site="North" if index % 2 else "",
            )
            job = jobs.enqueue(session=session, kind="screen", payload={}, queue="tests", recording_id=recording.id)
            assessment = assessments.add_assessment(
                session=session,
                patient_id=patient.id,
                recording_id=recording.id,
                job_id=job.id,
                model_version_id=version.id,
                result=result,
                silhouettes_key=walk.key,
                created_by=actor_id,
            )
            outcomes.record_outcome(
                session=session,
                assessment_id=assessment.id,
                data=OutcomeData.checked(
                    task="scoliosis",
                    label="positive" if index % 3 == 0 else "negative",
                    method="radiograph",
                    examined_on=date.today() - timedelta(days=1),
                ),
                expected_id=None,
                actor_id=actor_id,
            )


def freeze(clinic, number: int = 36) -> Cohort:
    add_people(clinic, number)
    return clinic.services.cohorts.freeze(clinic.administrator, CohortFilters(task="scoliosis"))


def start(clinic, cohort: Cohort) -> Retraining:
    return clinic.services.retrainings.start(
        clinic.administrator, cohort.id, RetrainingProtocol(task="scoliosis"), None
    )


def claim(clinic) -> Job:
    with clinic.services.database.transaction() as session:
        job = jobs.claim(session=session, worker="trainer", queues=("train-cpu",))
        assert job is not None
        return job


def show_live(clinic, retraining: Retraining, **live: Any) -> None:
    with clinic.services.database.transaction() as session:
        retrainings.set_live(session=session, retraining_id=retraining.id, live=live)


def figures(version: str, sha256: str, auroc: float) -> VersionFigures:
    measured = Measured(value=auroc, low=auroc - 0.1, high=auroc + 0.08)
    return VersionFigures(
        name="drawn",
        version=version,
        sha256=sha256,
        threshold=0.42,
        auroc=measured,
        sensitivity=measured,
        specificity=measured,
        brier=Measured(value=0.17, low=0.14, high=0.2),
        slope=Measured(value=0.93, low=0.61, high=1.3),
        intercept=None,
        ece=0.07,
        excess_ece=0.012,
        coverage=Measured(value=0.9, low=0.82, high=0.95),
        abstained=Measured(value=None),
        curve=(
            {"share": 0.6, "predicted": 0.2, "observed": 0.18},
            {"share": 0.4, "predicted": 0.7, "observed": 0.75},
        ),
    )


def gate_report(verdict: str = "passed", *, changed: int = 12, sha256: str = "c" * 64, **changes: Any) -> GateReport:
    """A comparison that passed, was "refused", or is "impossible"."""
    possible, passed = verdict != "impossible", verdict == "passed"
    values: dict[str, Any] = {
        "created_by": "FGait 0.1.0",
        "task": "scoliosis",
        "positive_class": "positive",
        "protocol_sha256": "d" * 64,
        "gate_sha256": "e" * 64,
        "simulated": False,
        "people": 80,
        "positive": 27,
        "recordings": 84,
        "trained_people": 160,
        "shared_people": 0,
        "production": figures("0.0.1", PRODUCTION_SHA256, 0.72),
        "candidate": figures("0.0.1-r1", sha256, 0.83),
        "paired": PairedFigures(
            auroc=Measured(value=0.11, low=-0.02, high=0.2),
            sensitivity=Measured(value=0.04, low=-0.05, high=0.13),
            specificity=Measured(value=0.0, low=-0.06, high=0.06),
            brier=Measured(value=-0.031, low=-0.06, high=-0.01),
            auroc_p=0.0004,
            mcnemar_p=0.21,
            only_candidate_right=9,
            only_production_right=3,
        ),
        "subgroups": (
            SubgroupFigures(
                group="sex",
                value="female",
                people=41,
                positive=14,
                production=Measured(value=0.71, low=0.6, high=0.8),
                candidate=Measured(value=None),
            ),
        ),
        "changed": tuple(
            ChangedSide(
                key=f"{index:032x}",
                person=f"{index + 99:032x}",
                positive=index % 3 > 0,
                production=0.2 if index % 2 else 0.6,
                candidate=0.6 if index % 2 else 0.2,
            )
            for index in range(changed)
        ),
        "criteria": (
            Criterion(
                name="people",
                label="Gate people",
                needed="at least 10 with and 10 without",
                measured="27 with, 53 without" if possible else "4 with, 9 without",
                passed=possible,
            ),
            Criterion(
                name="auroc",
                label="AUROC is not inferior",
                needed="above -0.05",
                measured="-0.02" if passed else "-0.19",
                passed=passed,
            ),
        ),
        "possible": possible,
        "passed": passed,
    }
    return GateReport.model_validate(values | changes)


def add_candidate(
    clinic,
    report: GateReport | None,
    *,
    number: int = 1,
    stage: Stage = Stage.CANDIDATE,
    adapted_on: dict[str, Any] | None = None,
) -> ModelVersion:
    production = add_production(clinic)
    with clinic.services.database.transaction() as session:
        return model_registry.ensure_version(
            session=session,
            name="drawn",
            version=f"0.0.1-r{number}",
            sha256=f"{number:064x}",
            simulated=True,
            metrics=METRICS | {"adapted_on": adapted_on},
            stage=stage,
            origin=Origin.RETRAINED,
            parent_id=production.id,
            config={"scope": "head"},
            environment={"python": "3.11"},
            gate_report=report.model_dump(mode="json") if report else None,
        )


def end(clinic, retraining: Retraining, candidate: ModelVersion) -> None:
    """The trainer is done with a retraining."""
    job = claim(clinic)
    with clinic.services.database.transaction() as session:
        retrainings.set_candidate(session=session, retraining_id=retraining.id, model_version_id=candidate.id)
        jobs.finish(session=session, job_id=job.id, worker="trainer", result={"passed": True})
