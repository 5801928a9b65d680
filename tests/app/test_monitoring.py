"""Monitoring: reference, alarms, agreement, export, and the page in its states."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from screened_weeks import FIRST_MONDAY, PHONE, TABLET, Way, add_version, add_weeks
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from app import session
from app.services.monitoring_export import agreement_csv, weekly_csv
from app.services.monitoring_view import Plan
from clinic_data import audit, recordings
from clinic_data.errors import NotFoundError, PermissionDeniedError, ValidationError
from clinic_data.tables import Job, JobState, Recording, Stage


def usual(week: int) -> Way:
    return Way()


def worse_from(first: int, **changes):
    return lambda week: Way(**changes) if week >= first else Way()


def after(weeks: float):
    return FIRST_MONDAY + timedelta(weeks=weeks)


def looked_at(clinic, version, weeks: float, plan: Plan | None = None):
    return clinic.services.monitoring.view(clinic.administrator, version.id, plan or Plan(), after(weeks))


def test_only_administrators_may_look(clinic):
    version = add_version(clinic)
    for actor in (None, clinic.clinician):
        with pytest.raises(PermissionDeniedError):
            clinic.services.monitoring.versions(actor)
        with pytest.raises(PermissionDeniedError):
            clinic.services.monitoring.view(actor, version.id, Plan())
        with pytest.raises(PermissionDeniedError):
            clinic.services.monitoring.agreement(actor, version.id)
        with pytest.raises(PermissionDeniedError):
            clinic.services.monitoring.export(actor, version.id, Plan())
    with pytest.raises(NotFoundError):
        clinic.services.monitoring.view(clinic.administrator, "f" * 32, Plan())


def test_before_the_reference_is_full_nothing_is_compared(clinic):
    version = add_version(clinic)
    empty = looked_at(clinic, version, 1)
    assert (empty.reference.screenings, empty.reference.complete, empty.comparisons) == (0, False, ())
    add_weeks(clinic, version, 2, 30, usual)
    view = looked_at(clinic, version, 2)
    assert (view.reference.screenings, view.reference.wanted, view.reference.complete) == (60, 100, False)
    assert view.comparisons == ()
    assert view.devices[0].in_reference == 60


def test_a_change_raises_an_alarm_with_its_beginning_and_ends_with_it(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 12, 50, lambda week: Way(refused=0.6) if 6 <= week < 9 else Way())
    present = [alarm for alarm in looked_at(clinic, version, 8.5).alarms if alarm.present]
    assert {alarm.measure for alarm in present} == {"refused", "check:sharpness"}
    alarm = present[0]
    assert alarm.where == ("all devices", "1920x1080 30 Hz h264")
    assert (alarm.comparison.week - alarm.since, alarm.comparison.people) == (1, 50)
    assert "in the reference" in alarm.words
    assert "at most one week in" in alarm.chance or "in a million" in alarm.chance
    assert "Ask whoever films" in next(each for each in present if each.measure == "refused").advice
    later = looked_at(clinic, version, 26)
    assert not any(each.present and each.comparison.weeks == 1 for each in later.alarms)
    assert later.alarms


def test_the_running_week_is_shown_but_not_judged(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 4, 50, worse_from(3, refused=0.9))
    running = looked_at(clinic, version, 3.9)
    assert running.alarms == ()
    shown = [each for each in running.comparisons if each.week == running.running]
    assert shown
    assert {each.p for each in shown} == {None}
    ended = looked_at(clinic, version, 4.5)
    assert {alarm.measure for alarm in ended.alarms} >= {"refused"}


def test_a_device_of_its_own_and_one_that_is_new(clinic):
    version = add_version(clinic)
    two = (PHONE, TABLET)
    new = (3840, 2160, 60.0, "av1")
    add_weeks(clinic, version, 8, 60, lambda week: Way(devices=two if week < 5 else (*two, new)))
    view = looked_at(clinic, version, 8.5)
    judged = {device.name: device.judged for device in view.devices}
    assert judged == {"1920x1080 30 Hz h264": True, "1280x720 25 Hz hevc": True, "3840x2160 60 Hz av1": False}
    assert view.devices[-1].values["refused"] <= 0.5
    assert view.alarms == ()
    assert {each.device for each in view.comparisons} == {None, "1920x1080 30 Hz h264", "1280x720 25 Hz hevc"}


def test_each_version_has_a_reference_of_its_own(clinic):
    old = add_version(clinic, "1.0", Stage.RETIRED, "a")
    new = add_version(clinic, "2.0", Stage.PRODUCTION, "b")
    add_weeks(clinic, old, 5, 40, usual)
    add_weeks(clinic, new, 5, 40, lambda week: Way(unlikeness=0.3), first_week=5, seed=2)
    choices = clinic.services.monitoring.versions(clinic.administrator)
    assert [choice.version.version for choice in choices] == ["2.0", "1.0"]
    assert sum(choice.screenings for choice in choices) < 400
    view = looked_at(clinic, new, 10.5)
    assert view.alarms == ()
    assert view.reference.first >= after(5)
    retired = looked_at(clinic, old, 10.5)
    assert retired.later == 100
    assert max(each.week for each in retired.comparisons) == view.running - 6


def test_recordings_in_which_nobody_was_found_count_for_the_version_of_the_time(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 4, 50, usual)
    with clinic.services.database.transaction() as rows:
        for number in range(20):
            at = after(3.2) + timedelta(minutes=number)
            facts = {"queue": "cpu", "kind": "find_people", "payload": {}, "recording_id": clinic.recording.id}
            result = {"reasons": ["Nobody who walks was found."]}
            rows.add(Job(**facts, state=JobState.REFUSED, result=result, finished_at=at))
    alarms = looked_at(clinic, version, 4.5).alarms
    assert "check:nobody_found" in {alarm.measure for alarm in alarms}


def test_a_period_of_ones_own_choice(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 10, 40, worse_from(4, unlikeness=0.5))
    assert {alarm.measure for alarm in looked_at(clinic, version, 10.5).alarms} >= {"unlikeness"}
    days = (after(4).date(), after(6).date())
    view = looked_at(clinic, version, 10.5, Plan(period=days))
    assert view.alarms == ()
    assert view.reference.first >= after(3.9)
    with pytest.raises(ValidationError, match="ends before it begins"):
        looked_at(clinic, version, 10.5, Plan(period=days[::-1]))


def test_agreement_by_quarter_with_intervals(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 12, 20, usual, outcomes=True)
    whole, *quarters = clinic.services.monitoring.agreement(clinic.administrator, version.id)
    assert (whole.task, whole.quarter) == ("scoliosis", None)
    assert [row.quarter for row in quarters] == ["2026 Q3", "2026 Q2"]
    assert sum(row.agreement.people for row in quarters) == whole.agreement.people
    assert 150 < whole.agreement.people < 240
    assert whole.agreement.auroc.low < whole.agreement.auroc.value < whole.agreement.auroc.high
    assert whole.agreement.calibration.low < 0 < whole.agreement.calibration.high
    assert whole.not_shown > 0


def test_one_recording_a_person_counts(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 2, 20, lambda week: Way(refused=0.0, unlikeness=-1.0), outcomes=True)
    with clinic.services.database.transaction() as rows:
        for recording in rows.exec(select(Recording)):
            recordings.assign_patient(session=rows, recording_id=recording.id, patient_id=clinic.patient.id)
    whole = clinic.services.monitoring.agreement(clinic.administrator, version.id)[0]
    assert whole.agreement.people == 1


def test_exports_are_tables_that_run_no_formula_and_are_audited(clinic):
    version = add_version(clinic)
    evil = (1920, 1080, 30.0, "=cmd")
    add_weeks(clinic, version, 6, 40, lambda week: Way(devices=(evil, PHONE)), outcomes=True)
    rows = list(csv.DictReader(io.StringIO(weekly_csv(looked_at(clinic, version, 6.5)).decode("utf-8-sig"))))
    assert {row["device"] for row in rows} == {"all", "1920x1080 30 Hz h264", "1920x1080 30 Hz =cmd"}
    assert {row["weeks_together"] for row in rows} == {"1", "8"}
    assert all(date.fromisoformat(row["week_from"]).weekday() == 0 for row in rows)
    agreed = clinic.services.monitoring.agreement(clinic.administrator, version.id)
    assert "scoliosis,all," in agreement_csv(agreed).decode("utf-8-sig")
    clinic.services.monitoring.export(clinic.administrator, version.id, Plan())
    clinic.services.monitoring.export_agreement(clinic.administrator, version.id)
    with clinic.services.database.reading() as opened:
        found = audit.list_rows(session=opened, action="monitoring.exported").rows
    assert [row.details["table"] for row in found] == ["agreement", "weeks"]
    assert {row.subject_id for row in found} == {version.id}


def test_cells_that_a_spreadsheet_would_run(clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 2, 60, usual)
    view = looked_at(clinic, version, 2.5)
    dangerous = replace(view, comparisons=tuple(replace(each, device="@SUM(1)") for each in view.comparisons))
    assert ",'@SUM(1)," in weekly_csv(dangerous).decode("utf-8-sig")


@pytest.fixture
def open_page(clinic, root, monkeypatch):
    """Opens the page as the administrator, at a time of the drawn clinic."""

    def open_at(weeks: float) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: clinic.administrator)
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        monkeypatch.setattr("app.services.monitoring.utc_now", lambda: after(weeks))
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        return page.switch_page("views/monitoring.py").run()

    return open_at


def texts(page: AppTest) -> str:
    kinds = ("title", "subheader", "markdown", "caption", "info", "error", "success")
    parts = [element.value for kind in kinds for element in page.get(kind)]
    parts += [element.proto.body for element in page.get("html")]
    assert not page.exception
    return "\n".join(map(str, parts))


def test_page_before_there_is_any_version(open_page):
    assert "No model version has scored a recording yet" in texts(open_page(1))


def test_page_while_the_reference_fills(open_page, clinic):
    version = add_version(clinic)
    assert "has screened nobody" in texts(open_page(0))
    add_weeks(clinic, version, 2, 20, usual)
    read = texts(open_page(2))
    assert "40 of 100 screenings" in read
    assert "By device" in read
    assert "No outcome of a recording" in read
    assert "Alarms" not in read


def test_page_with_alarms_charts_devices_and_outcomes(open_page, clinic):
    version = add_version(clinic)
    many = tuple((1000 + number, 700, 30.0, "h264") for number in range(18))
    add_weeks(
        clinic,
        version,
        8,
        45,
        lambda week: Way(unlikeness=0.0 if week < 5 else 0.6, devices=(PHONE,) if week < 3 else (PHONE, *many)),
        outcomes=True,
    )
    page = open_page(8.5)
    read = texts(page)
    for words in ("since the week of", "What to do:", "in at most 1 of 100 weeks", "Recordings unlike", "AUROC"):
        assert words in read
    assert any("more devices" in each.label for each in page.expander)
    assert len(page.get("plotly_chart")) >= 5
    assert {button.label for button in page.get("download_button")} == {"Weeks as CSV", "Agreement as CSV"}
    page.selectbox(key="watched-reference").select("its first 400 screenings").run()
    assert "of 400 screenings" in texts(page)


def test_page_keeps_what_it_read_until_it_is_asked_to_look_again(open_page, clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 1, 20, usual)
    page = open_page(3)
    add_weeks(clinic, version, 1, 20, usual, first_week=1, seed=2)
    assert "20 of 100" in texts(page.run())
    page.button(key="look-again").click().run()
    assert "40 of 100" in texts(page)


def test_page_asks_for_both_days_of_a_period(open_page, clinic):
    version = add_version(clinic)
    add_weeks(clinic, version, 1, 20, usual)
    page = open_page(3)
    page.selectbox(key="watched-reference").select("a period that you choose").run()
    assert "in the time of the reference" in texts(page)
    page.date_input(key="watched-period").set_value((FIRST_MONDAY.date(),)).run()
    assert "Choose the first and the last day" in texts(page)
    page.date_input(key="watched-period").set_value((FIRST_MONDAY.date(), FIRST_MONDAY.date())).run()
    assert "screenings" in texts(page)
