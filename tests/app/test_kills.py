"""kill -9 at the steps of upload, screening, report and promotion; of backup and restore in `test_backup`.

Nothing accepted is lost, nothing half-done is shown as done, and the work can be done again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from confirmed import confirm, patient_of, production_id, several
from test_models import candidates_of

from app.services.screening import ChosenClip

HERE = Path(__file__).parent
REASON = "It passed on the locked people of this clinic."


def killed(clinic, root: Path, what: str, **ids: str) -> int:
    """Kills the work at its steps, each time on a copy of the clinic; gives how often."""
    folder = clinic.services.settings.data_dir.parent
    clinic.services.database.dispose()
    paths = (root, HERE, root / "tests" / "clinic_data")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    known = {"clinician": clinic.clinician.user_id, "patient": clinic.patient.id} | ids
    command = [sys.executable, str(HERE / "killed_work.py"), what, str(folder), json.dumps(known)]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=290, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_an_upload(clinic, root: Path):
    assert killed(clinic, root, "upload") >= 5


@pytest.mark.slow
def test_a_screening(clinic, root: Path):
    production_id(clinic.services)
    recording = clinic.add_recording(b"good")
    chosen = [ChosenClip(recording.id, 1)]
    job = clinic.services.screening.start(clinic.clinician, chosen, ["scoliosis"])
    assert killed(clinic, root, "screening", job=job.id) >= 5


@pytest.mark.slow
def test_a_report(clinic, root: Path):
    (assessment_id,) = confirm(clinic, *several(1))
    assert killed(clinic, root, "report", assessment=assessment_id, patient=patient_of(clinic, assessment_id)) >= 3


@pytest.mark.slow
def test_a_promotion(clinic, root: Path, tmp_path: Path):
    made = candidates_of(clinic, tmp_path)
    promotion = made.models.request_promotion(made.first, made.version.id, REASON)
    ids = {"second": made.second.user_id, "promotion": promotion.id, "bundled": made.bundled.id}
    assert killed(clinic, root, "promotion", candidate=made.version.id, **ids) >= 3
