"""What a simulated patient, the result of a simulated walk and its outcomes hold. Nothing is stored here."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from app.services.simulated_gait import SOURCE, known_gait
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.storage import StoredFile
from fgait_core import __version__
from fgait_core.inference import model_facts
from fgait_core.model_package import ModelPackage
from fgait_core.screening_result import (
    CheckFacts,
    PersonFacts,
    QualityFacts,
    RecordingFacts,
    ScreeningResult,
    SequenceFacts,
)
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence
from fgait_core.silhouettes.quality import MIN_STEPS, SUITABLE_VIEWS
from fgait_core.simulation.dataset.clinic import ClinicFacts
from fgait_core.simulation.dataset.rows import SequenceRow
from fgait_core.simulation.picture.camera import view_name

PREFIX = "SIM-"
"""Of every record number."""
CAMERA = "simulated camera"
_PHQ9_MAX = 27


def patient_of(number: int, row: SequenceRow, filmed_at: datetime) -> PatientData:
    """A patient who says everywhere that no such person exists."""
    born = filmed_at.date() - timedelta(days=round(365.25 * row.age_years))
    return PatientData.checked(
        record_number=f"{PREFIX}{number + 1:04d}",
        family_name="Simulated",
        given_name=f"Walker {number + 1}",
        birth_date=born,
        sex=row.sex,
        notes="A simulated patient: no such person exists.",
        training_consent=True,
    )


def result_of(
    package: ModelPackage, known: ClinicFacts, walk: SilhouetteSequence, name: str, stored: StoredFile
) -> ScreeningResult:
    """What the engine's pipeline would say, but for what only a video can tell."""
    view = view_name(known.row.view_deg)
    assessed = package.assess(walk, package.tasks, view)
    way_m = known.row.truth["speed_m_s"] * walk.duration_s
    person = PersonFacts(
        number=1,
        seed_time_s=0.0,
        box_px=(0.0, 0.0, float(WIDTH_PX), float(HEIGHT_PX)),
        travel_body_heights=round(way_m / known.row.height_m, 2),
        visible_s=round(walk.duration_s, 2),
        in_full_view=True,
    )
    return ScreeningResult(
        created_by=f"FGait {__version__}",
        recording=RecordingFacts(
            file_name=name,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            frame_rate_hz=walk.frame_rate_hz,
            duration_s=walk.duration_s,
            codec=CAMERA,
            container="silhouettes, no video",
        ),
        people=(person,),
        person=1,
        quality=_quality(package, known.row, walk, view),
        sequence=SequenceFacts(
            frames=len(walk), frame_rate_hz=walk.frame_rate_hz, first_s=0.0, last_s=float(walk.timestamps_s[-1])
        ),
        scores=assessed.scores,
        typicality=assessed.typicality,
        gait=known_gait(known.row, view, walk.duration_s),
        body_height_m=round(known.row.height_m, 2),
        model=model_facts(package),
        simulated=True,
        refused=False,
    )


def _quality(package: ModelPackage, row: SequenceRow, walk: SilhouetteSequence, view: str) -> QualityFacts:
    """What is known of a simulated walk, named as the quality gate names it; what needs a picture is left out."""
    steps = int(row.truth["cadence_steps_min"] / 60.0 * walk.duration_s)

    def check(name: str, label: str, value: float | str, unit: str, threshold: str, passed: bool = True) -> CheckFacts:
        advice = "" if passed else f"The simulated walk has {value} {unit}".rstrip() + "."
        return CheckFacts(
            name=name,
            label=label,
            value=value,
            unit=unit,
            threshold=threshold,
            passed=passed,
            blocking=False,
            advice=advice,
        )

    checks = [
        check("simulated", "Camera", CAMERA, "", "no video: pictures were never made"),
        check("frame_rate", "Frame rate", round(walk.frame_rate_hz, 1), "Hz", SOURCE),
        check("duration", "Time in full view", round(walk.duration_s, 1), "s", SOURCE),
        check("steps", "Footsteps in full view", steps, "steps", f"{SOURCE}; at least {MIN_STEPS}", steps >= MIN_STEPS),
    ]
    for task in package.tasks:
        suitable = SUITABLE_VIEWS.get(task, (view,))
        checks.append(check(f"view_{task}", f"View for {task}", view, "", " or ".join(suitable), view in suitable))
    return QualityFacts(passed=True, view=view, steps=steps, checks=tuple(checks))


def outcomes_of(row: SequenceRow, examined_on: date, rng: np.random.Generator) -> tuple[OutcomeData, OutcomeData]:
    """What a radiograph or bend test and a clinician found."""
    straight = row.scoliosis == "negative" and rng.random() < 0.5
    phq9 = int(np.clip(round(4.0 + 10.0 * row.depression_dose + rng.normal(0.0, 3.0)), 0, _PHQ9_MAX))
    note = "Simulated."
    return (
        OutcomeData.checked(
            task="scoliosis",
            label=row.scoliosis,
            method="forward_bend_test" if straight else "radiograph",
            examined_on=examined_on,
            note=note,
        ),
        OutcomeData.checked(
            task="depression",
            label=row.depression,
            method="clinical_diagnosis",
            examined_on=examined_on,
            phq9_total=phq9,
            note=note,
        ),
    )
