"""Every page in every role and state, run by the framework's own test runner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stored import do_next_job, screen
from streamlit.testing.v1 import AppTest

from app import session
from app.services.job_work import JobWork
from app.services.recordings import FileCheck, Recordings
from app.services.screening import ChosenClip
from clinic_data.patients import PatientData
from clinic_data.tables import Role
from fgait_core.screening_result import ScreeningResult
from fgait_core.silhouettes import VideoInfo
from reports.wording import UNLIKE_TITLE, percent_of_count

VERSION_1 = Path(__file__).parents[1] / "golden" / "screening_result_1.json"
VIEWS = sorted(path.name for path in (Path(__file__).parents[2] / "app" / "views").glob("[a-z]*.py"))
ALLOWED = {
    "patients.py": "clinician",
    "patient.py": "clinician",
    "patient_form.py": "clinician",
    "new_assessment.py": "clinician",
    "batch.py": "clinician",
    "filming_guide.py": "clinician",
    "screening_progress.py": "clinician",
    "result.py": "clinician",
    "follow_up.py": "clinician",
    "move_visit.py": "clinician",
    "users.py": "administrator",
    "teams.py": "administrator",
    "emergencies.py": "administrator",
    "clinic.py": "administrator",
    "jobs.py": "administrator",
    "audit_log.py": "administrator",
    "retraining.py": "administrator",
    "retraining_run.py": "administrator",
    "models.py": "administrator",
    "model.py": "administrator",
    "monitoring.py": "administrator",
    "privacy.py": "administrator",
}


@pytest.fixture
def open_page(clinic, root: Path, monkeypatch):
    """Opens a page as somebody; cookies cannot be given to the test runner, so who is signed in is set here."""
    session.opened_services.clear()

    def open_as(view: str, role: str | None, **query: str) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: clinic.actor(role))
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        monkeypatch.setattr(session, "token", lambda: None)  # the test runner has cookies of no kind
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page(f"views/{view}")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open_as


def texts(page: AppTest) -> str:
    """All that can be read on the page."""
    kinds = ("title", "subheader", "markdown", "text", "caption", "info", "error", "success", "warning")
    parts = [element.value for kind in kinds for element in page.get(kind)]
    parts += [element.proto.body for element in page.get("html")]
    return "\n".join(str(part) for part in parts)


def button(page: AppTest, label: str):
    return next(button for button in page.button if button.label == label)


def healthy(page: AppTest) -> AppTest:
    assert not page.exception
    assert "incident" not in texts(page)
    return page


@pytest.mark.parametrize("role", [None, "clinician", "administrator"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_page_in_every_role(open_page, clinic, view: str, role: str | None):
    page = healthy(open_page(view, role, patient=clinic.patient.id))
    read = texts(page)
    if role is None:
        assert "session has ended" in read
        assert not page.title
    elif ALLOWED.get(view, role) != role:
        assert [title.value for title in page.title] == ["Not for your role"]
    else:
        assert page.title
        assert "Not for your role" not in read
    if role != "clinician":
        assert "Ana" not in read


@pytest.mark.parametrize(
    "view", ["patient.py", "follow_up.py", "new_assessment.py", "screening_progress.py", "result.py"]
)
def test_addresses_that_name_nothing_or_something_unknown(open_page, view: str):
    assert "Nothing chosen" in texts(healthy(open_page(view, "clinician")))
    unknown = {"patient": "f" * 32, "job": "f" * 32, "assessment": "f" * 32}
    assert "does not exist" in texts(healthy(open_page(view, "clinician", **unknown)))


def test_many_patients_are_paged_and_searched(open_page, clinic):
    for number in range(45):
        data = PatientData(record_number=f"N-{number}", family_name=f"Person{number:02d}", birth_date="2001-01-01")
        clinic.services.patients.create(clinic.clinician, data)
    page = healthy(open_page("patients.py", "clinician"))
    assert "46 patients, the last changed first" in texts(page)
    assert "N-44" in texts(page)
    page.number_input(key="patient-page").set_value(3).run()
    assert "R-1" in texts(healthy(page))
    page.text_input(key="patient-search").set_value("person07").run()
    assert "N-7" in texts(healthy(page))
    assert "1 patient" in texts(page)
    page.text_input(key="patient-search").set_value("nobody at all").run()
    assert "No patient matches" in texts(healthy(page))


def test_a_change_by_somebody_else_is_not_overwritten(open_page, clinic):
    page = healthy(open_page("patient_form.py", "clinician", patient=clinic.patient.id))
    theirs = PatientData(record_number="R-1", family_name="Theirs", given_name="Ana", birth_date="2011-04-23")
    clinic.services.patients.update(clinic.clinician, clinic.patient.id, theirs, 1)
    page.text_input[0].set_value("Mine")
    button(page, "Save").click().run()
    assert "Somebody else saved" in texts(page)
    assert clinic.services.patients.get(clinic.clinician, clinic.patient.id).family_name == "Theirs"
    button(page, "Load the stored data").click().run()
    assert page.text_input[0].value == "Theirs"


def test_a_wrong_form_says_what_to_change(open_page):
    page = healthy(open_page("patient_form.py", "clinician"))
    button(page, "Save").click().run()
    assert "birth date" in texts(page)


def test_a_file_that_is_no_video_is_refused_at_once(open_page, clinic):
    page = healthy(open_page("new_assessment.py", "clinician", recording=clinic.recording.id))
    assert "cannot be used" in texts(page)
    assert not clinic.services.screening.jobs_of_recording(clinic.clinician, clinic.recording.id)


def _found(clinic, *contents: bytes) -> list[str]:
    """Recordings whose people were searched."""
    ids = [clinic.add_recording(content).id for content in contents]
    for recording_id in ids:
        clinic.services.screening.find_people(clinic.clinician, recording_id)
        do_next_job(clinic)
    return ids


@pytest.fixture
def readable(monkeypatch, clinic):
    """Every recording looks like a video that can be read."""
    info = VideoInfo(1280, 720, 30.0, 5.0, 150, "h264", "mp4/mov", 0, False)
    monkeypatch.setattr(Recordings, "check_file", lambda *_: FileCheck(info, ""))


@pytest.mark.usefixtures("readable")
def test_several_recordings_with_their_people_and_the_height_are_screened_together(open_page, clinic):
    front, side = _found(clinic, b"alone", b"two people")
    page = healthy(open_page("new_assessment.py", "clinician", recording=[front, side]))
    read = texts(page)
    for words in ("Recording 1", "Recording 2", "One walking person was found", "Several people were found"):
        assert words in read
    page.radio(key=f"person-{side}").set_value(2)
    page.number_input(key=f"height-{clinic.patient.id}").set_value(151.5)
    button(page, "Start the screening").click().run()
    (job,) = clinic.services.screening.jobs_of_recording(clinic.clinician, side)[:1]
    assert job.payload["clips"] == [{"recording_id": front, "person": 1}, {"recording_id": side, "person": 2}]
    assert job.payload["body_height_cm"] == 151.5
    do_next_job(clinic)
    again = texts(healthy(open_page("new_assessment.py", "clinician", patient=clinic.patient.id, recording=[front])))
    assert "Last entered: 151.5 cm" in again


@pytest.mark.usefixtures("readable")
def test_a_recording_without_people_says_why_and_can_be_taken_away(open_page, clinic):
    alone, nobody = _found(clinic, b"alone", b"nobody")
    page = healthy(open_page("new_assessment.py", "clinician", recording=[alone, nobody]))
    for words in ("cannot be scored", "Nobody who walks", "was taken away"):
        assert words in texts(page)
    assert not [each for each in page.button if each.label == "Start the screening"]
    page.button(key=f"take-away-{nobody}").click().run()
    assert button(healthy(page), "Start the screening")


def test_a_recording_of_somebody_else_is_left_out(open_page, clinic):
    data = PatientData(record_number="R-2", family_name="Other", birth_date="2001-01-01")
    other = clinic.services.patients.create(clinic.clinician, data)
    theirs = clinic.services.recordings.receive(clinic.clinician, other.id, "theirs.mp4", [b"x"])
    page = healthy(open_page("new_assessment.py", "clinician", recording=[clinic.recording.id, theirs.id]))
    assert "belongs to another patient" in texts(page)
    assert "theirs.mp4" not in texts(page)


@pytest.mark.usefixtures("readable")
def test_batch_from_the_inbox_to_the_queue(open_page, clinic):
    clinic.services.batch.discard(clinic.clinician, clinic.recording.id)
    empty = texts(healthy(open_page("batch.py", "clinician")))
    for words in ("No video waits", "Nothing was queued"):
        assert words in empty
    receive = clinic.services.recordings.receive
    first = receive(clinic.clinician, None, "R-1 front.mp4", [b"alone"])
    second = receive(clinic.clinician, None, "unnamed.mp4", [b"two people"])
    third = receive(clinic.clinician, None, "by mistake.mp4", [b"no walk"])
    page = healthy(open_page("batch.py", "clinician"))
    assert "Not queued yet: 3" in texts(page)
    page.button(key=f"assign-{first.id}-{clinic.patient.id}").click().run()
    page.text_input(key=f"patient-of-{second.id}").set_value("exam").run()
    page.button(key=f"assign-{second.id}-{clinic.patient.id}").click().run()
    assert "assigned" in texts(healthy(page))
    page.button(key=f"discard-{third.id}").click().run()
    assert "deleted for good" in texts(healthy(page))
    clinic.services.batch.discard(clinic.clinician, third.id)  # the dialog's own button is pressed in the browser
    _register_model(clinic)
    page.run()
    page.button(key="queue-all").click().run()
    assert "Queued from here so far: 2" in texts(healthy(page))
    for _ in range(3):
        do_next_job(clinic)
    read = texts(healthy(open_page("batch.py", "clinician")))
    for words in ("screened", "choose the person"):
        assert words in read


def _register_model(clinic) -> None:
    JobWork(clinic.services.settings, clinic.services.database, clinic.services.storage, None, "test").prepare()


def test_many_waiting_videos_are_paged(open_page, clinic):
    for number in range(24):
        clinic.services.recordings.receive(clinic.clinician, None, f"walk {number:02d}.mp4", [b"x%d" % number])
    page = healthy(open_page("batch.py", "clinician"))
    assert "walk 02.mp4" in texts(page)
    assert "walk 23.mp4" not in texts(page)
    page.number_input(key="inbox-page").set_value(2).run()
    assert "walk 23.mp4" in texts(healthy(page))


def test_the_filming_guide_says_what_the_quality_check_asks_for(open_page):
    page = healthy(open_page("filming_guide.py", "clinician"))
    read = texts(page)
    for words in ("fewer than 4", "120 pixels high; warning below 200", "fewer than 20", "From behind", "Scoliosis"):
        assert words in read
    pictures = [element.proto for element in page.get("image")]
    assert len(pictures) == 15
    assert all(image.alt for picture in pictures for image in picture.imgs)


def test_result_shows_uncertainty_simulation_and_what_to_do(open_page, clinic):
    assessment_id = screen(clinic)
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    read = texts(page)
    for words in ("SIMULATED", "not clinically validated", "95 % interval", "threshold 42", "forward-bend", "PHQ-9"):
        assert words in read
    model = clinic.services.operations.model(clinic.clinician)
    assert f"{model.name} {model.version}" in read
    for words in ("The model cannot tell", "Film in better light"):
        assert words in read
    button(page, "Create the report (PDF)").click().run()
    reports = clinic.services.reporting.list_of_assessment(clinic.clinician, assessment_id)
    assert len(reports) == 1
    assert reports[0].number in texts(healthy(page))
    patient = texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))
    assert "SIMULATED" in patient
    assert "Screening positive" in patient


def test_typical_recording_says_so_among_the_checks(open_page, clinic):
    read = texts(healthy(open_page("result.py", "clinician", assessment=screen(clinic))))
    for words in ("Like the training data", "0.210", "at most 0.444", "recordings from the side", "6.2", "4.3"):
        assert words in read
    assert UNLIKE_TITLE not in read


def test_unlike_recording_gets_no_figure_and_says_what_to_do(open_page, clinic):
    assessment_id = screen(clinic, clinic.add_recording(b"unlike").id)
    page = healthy(open_page("result.py", "clinician", assessment=assessment_id))
    read = texts(page)
    for words in (UNLIKE_TITLE, "Film again", "1.731", "0.444", "No answer", "no score", "forward-bend", "PHQ-9"):
        assert words in read
    for words in (
        "71\u00a0%",
        "48\u00a0%",
        'class="fg-scale"',
        "How sure is this",
        "Calibrated probabilit",
        "Screening positive",
    ):
        assert words not in read
    assert not [expander for expander in page.expander if expander.label == "How sure is this?"]
    button(page, "Create the report (PDF)").click().run()
    assert len(clinic.services.reporting.list_of_assessment(clinic.clinician, assessment_id)) == 1
    listed = texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))
    for words in ("No answer", UNLIKE_TITLE):
        assert words in listed


def test_result_of_version_1_still_shows(open_page, clinic, monkeypatch):
    stored = ScreeningResult.model_validate_json(VERSION_1.read_text())
    monkeypatch.setattr("fast_engine.result", lambda *_: stored)
    page = healthy(open_page("result.py", "clinician", assessment=screen(clinic)))
    read = texts(page)
    for words in ("not checked by this version", "Screening positive", "95 % interval", "calibrated on."):
        assert words in read
    button(page, "Create the report (PDF)").click().run()
    assert "FG-" in texts(healthy(page))
    assert "Screening positive" in texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))


def test_about_names_the_guard_and_what_is_never_shown(open_page, clinic):
    assert "No model is loaded" in texts(healthy(open_page("about.py", "clinician")))
    screen(clinic)
    read = texts(healthy(open_page("about.py", "administrator")))
    alarms = clinic.services.operations.model(clinic.clinician).metrics["false_alarms"]
    for words in ("Recordings unlike the training data", *map(percent_of_count, alarms[1:])):
        assert words in read
    for words in ("sex and age group", "Measured, never shown"):
        assert words in read


def test_refused_recording_shows_every_reason_and_check(open_page, clinic):
    recording = clinic.add_recording(b"refuse")
    job = clinic.services.screening.start(clinic.clinician, [ChosenClip(recording.id, 1)], ["scoliosis"])
    do_next_job(clinic)
    read = texts(healthy(open_page("screening_progress.py", "clinician", job=job.id)))
    for words in ("cannot be scored", "Step back", "Film a longer walk", "Sharpness", "failed"):
        assert words in read
    assert "SIMULATED" not in read
    assert "refused" in texts(healthy(open_page("patient.py", "clinician", patient=clinic.patient.id)))


def test_of_several_refused_recordings_each_says_why(open_page, clinic):
    clips = [ChosenClip(clinic.add_recording(content).id, 1) for content in (b"refuse", b"refuse too")]
    job = clinic.services.screening.start(clinic.clinician, clips, ["scoliosis"])
    do_next_job(clinic)
    page = healthy(open_page("screening_progress.py", "clinician", job=job.id))
    read = texts(page)
    for words in ("None of these recordings", "Recording 1", "Recording 2", "Step back"):
        assert words in read
    assert read.count("Film a longer walk") == 2


def test_progress_cancel_and_screen_again(open_page, clinic):
    job = clinic.services.screening.start(clinic.clinician, [ChosenClip(clinic.recording.id, 1)], ["scoliosis"])
    page = healthy(open_page("screening_progress.py", "clinician", job=job.id))
    button(page, "Cancel the screening").click().run()
    assert "was cancelled" in texts(healthy(open_page("screening_progress.py", "clinician", job=job.id)))


def test_administrators_cancel_and_queue_again(open_page, clinic):
    job = clinic.services.screening.start(clinic.clinician, [ChosenClip(clinic.recording.id, 1)], ["scoliosis"])
    page = healthy(open_page("jobs.py", "administrator"))
    page.button(key=f"cancel-{job.id}").click().run()
    page = healthy(open_page("jobs.py", "administrator"))
    page.button(key=f"retry-{job.id}").click().run()
    states = [row.state.value for row in clinic.services.operations.list_jobs(clinic.administrator, None, 9, 0).rows]
    assert sorted(states) == ["cancelled", "queued"]


def test_administrators_give_out_one_time_passwords(open_page, clinic):
    page = healthy(open_page("users.py", "administrator"))
    page.button(key=f"password-{clinic.clinician.user_id}").click().run()
    assert "shown once" in texts(healthy(page))
    page.button(key=f"active-{clinic.clinician.user_id}").click().run()
    assert "deactivated" in texts(healthy(page))


def test_a_session_that_ends_takes_the_data_off_the_page(open_page, clinic, monkeypatch):
    page = healthy(open_page("patients.py", "clinician"))
    assert "R-1" in texts(page)
    monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: None)
    assert "R-1" not in texts(page.run())
    newcomer = replace(clinic.clinician, must_change_password=True)
    monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: newcomer)
    assert "R-1" not in texts(page.run())
    assert newcomer.role is Role.CLINICIAN


def test_a_fault_shows_a_number_and_no_traceback(clinic, monkeypatch, caplog):
    from app import asgi

    shown: list[str] = []
    monkeypatch.setattr(asgi.st, "error", shown.append)
    assert asgi.show_incident(ZeroDivisionError("a secret"))
    assert "secret" not in shown[0]
    assert shown[0].split("incident number ")[1].rstrip(".") in caplog.text
