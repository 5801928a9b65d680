"""The simulated clinic: what the engine says of simulated walks, beside nothing real, and going on where it stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import simulated_clinic
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.services.simulated_gait import SOURCE
from app.services.simulated_patients import CAMERA
from app.settings import Settings
from app.simulated_clinic import ACCOUNTS, ClinicOrder, NotSimulatedError, fill_clinic
from clinic_data import assessments, jobs, outcomes, patients, recordings
from clinic_data.outcomes import METHODS
from clinic_data.tables import JobState, Role
from fgait_core.screening_result import ScreeningResult
from fgait_core.sequence import SilhouetteSequence

ORDER = ClinicOrder(3, seed=5, weeks=10)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory):
    services = Services.open(Settings(data_dir=tmp_path_factory.mktemp("simulated") / "var"))
    services.database.upgrade()
    yield services, fill_clinic(services, ORDER)
    services.database.dispose()


def _rows(services: Services):
    with services.database.reading() as session:
        found = patients.search_patients(session=session, limit=100).rows
        return [
            (
                patient,
                recordings.list_recordings(session=session, patient_id=patient.id),
                assessments.list_assessments(session=session, patient_id=patient.id),
            )
            for patient in sorted(found, key=lambda each: each.record_number)
        ]


def test_patients_are_simulated_and_say_so(filled):
    services, done = filled
    assert (done.added, done.patients, set(done.passwords)) == (3, 3, set(ACCOUNTS))
    rows = _rows(services)
    assert [patient.record_number for patient, _, _ in rows] == ["SIM-0001", "SIM-0002", "SIM-0003"]
    for patient, (recording,), _ in rows:
        assert patient.family_name == "Simulated"
        assert patient.training_consent
        assert recording.simulated
        assert recording.site in ("Corridor", "Hall")


def test_results_are_those_of_the_engine_and_fit_the_stored_silhouettes(filled):
    services, _ = filled
    for _, (recording,), (assessment,) in _rows(services):
        result = ScreeningResult.model_validate(assessment.result)
        with services.storage.open(assessment.silhouettes_key or "") as file:
            walk = SilhouetteSequence.load(file)
        assert assessment.silhouettes_key == recording.storage_key
        assert result.simulated
        assert result.recording.codec == CAMERA
        assert result.recording.width_px is None
        assert result.recording.sha256 == recording.sha256
        assert result.sequence is not None
        assert result.sequence.frames == len(walk)
        assert {score.task for score in result.scores} == {"scoliosis", "depression"}
        assert {score.model_version for score in result.scores} == {result.model.version}
        with services.database.reading() as session:
            assert jobs.get_job(session=session, job_id=assessment.job_id).state is JobState.DONE


def test_outcomes_are_confirmed_after_the_walk_and_not_in_the_future(filled):
    services, _ = filled
    for _, (recording,), (assessment,) in _rows(services):
        with services.database.reading() as session:
            found = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
        assert set(found) == {"scoliosis", "depression"}
        for task, outcome in found.items():
            assert outcome.label
            assert outcome.method in METHODS[task]
            assert recording.recorded_at.date() <= outcome.examined_on <= datetime.now(UTC).date()


def test_walks_are_spread_over_the_weeks(filled):
    services, _ = filled
    times = [assessment.created_at for _, _, (assessment,) in _rows(services)]
    assert times == sorted(times)
    assert timedelta(weeks=5) < times[-1] - times[0] < timedelta(weeks=10)
    assert times[-1] < datetime.now(UTC)


def test_patients_come_up_to_as_often_as_is_ordered(tmp_path: Path):
    services = Services.open(Settings(data_dir=tmp_path / "var"))
    services.database.upgrade()
    fill_clinic(services, ClinicOrder(2, seed=5, visits=2))
    with services.database.reading() as session:
        ids = [patient.id for patient, _, _ in _rows(services)]
        known = [
            set(outcomes.current_outcomes(session=session, assessment_id=row.id))
            for row in assessments.list_assessments(session=session, patient_id=ids[0])
        ]
    actor = Actor("0" * 32, "ada", "Ada", Role.CLINICIAN)
    often, once = (services.follow_ups.visits(actor, patient_id) for patient_id in ids)
    services.database.dispose()
    assert known == [{"scoliosis", "depression"}, {"depression"}]  # newest first; a radiograph is taken once
    assert [len(often), len(once)] == [2, 1]
    assert (often[1].at - often[0].at).days in (55, 56)
    assert often[0].assessment.result["recording"]["sha256"] != often[1].assessment.result["recording"]["sha256"]
    for visit in often:
        (gait,) = visit.gaits
        found = {facts.name: facts for facts in gait.parameters}
        assert gait.event_detector == SOURCE
        assert 60 < found["cadence"].value < 160
        assert (found["walking_speed"].why_not == "view") == (gait.view != "side")
        assert found["arm_swing_asymmetry"].why_not == "not_measurable"


def test_it_goes_on_at_the_next_patient(filled):
    services, _ = filled
    before = [(patient.id, walk.sha256) for patient, (walk,), _ in _rows(services)]
    again = fill_clinic(services, ORDER)
    assert (again.added, again.passwords) == (0, {})
    more = fill_clinic(services, ClinicOrder(4, seed=5, weeks=10))
    assert (more.added, more.patients) == (1, 4)
    assert [(patient.id, walk.sha256) for patient, (walk,), _ in _rows(services)[:3]] == before


def test_an_installation_with_real_patients_is_refused(clinic, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(NotSimulatedError, match=r"1 patients and 1 recordings .* FGAIT_DATA_DIR"):
        fill_clinic(clinic.services, ORDER)
    monkeypatch.setattr("sys.argv", ["simulated_clinic", "--patients", "2"])
    with pytest.raises(SystemExit, match="not simulated"):
        simulated_clinic.main()


def test_the_command_prints_each_password_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("FGAIT_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("sys.argv", ["simulated_clinic", "--patients", "1", "--weeks", "2"])
    simulated_clinic.main()
    first = capsys.readouterr().out
    assert "1 simulated patients were added" in first
    assert all(name in first for name in ACCOUNTS)
    simulated_clinic.main()
    second = capsys.readouterr().out
    assert "0 simulated patients were added" in second
    assert "password" not in second


@pytest.mark.parametrize("words", [["--patients", "0"], ["--weeks", "0"], ["--seed", "-1"], ["--visits", "0"]])
def test_orders_that_make_no_sense_are_refused(words: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["simulated_clinic", *words])
    with pytest.raises(SystemExit):
        simulated_clinic.main()
