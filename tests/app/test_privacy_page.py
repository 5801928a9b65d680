"""The page Privacy: empty, with many rows, as an auditor sees it, and when somebody else was faster."""

from __future__ import annotations

import pytest
from conftest import Clinic, add_user
from test_pages import button, healthy, open_page, texts

from app import session
from clinic_data.clock import utc_now
from clinic_data.privacy_tables import Erasure, ErasureGround, ErasureState
from clinic_data.tables import Role

__all__ = ["open_page"]


def test_an_empty_clinic_says_so(open_page, clinic: Clinic) -> None:
    read = texts(healthy(open_page("privacy.py", "administrator")))
    assert "Nobody asked for an erasure." in read
    assert "There are no legal holds." in read
    assert "There was no run yet." in read
    assert "There is nothing to export" in read
    assert "90 days" in read
    assert "for ever" in read


def test_many_erasures_are_paged(open_page, clinic: Clinic) -> None:
    with clinic.services.database.transaction() as database_session:
        for number in range(23):
            database_session.add(
                Erasure(
                    patient_id=f"{number:032d}",
                    state=ErasureState.WITHDRAWN,
                    ground=ErasureGround.PATIENT_WISH,
                    requested_by=clinic.clinician.user_id,
                    finished_at=utc_now(),
                )
            )
    page = healthy(open_page("privacy.py", "administrator"))
    assert texts(page).count("asked for by Clara") == 10
    page.number_input(key="erasure-page").set_value(3).run()
    assert texts(healthy(page)).count("asked for by Clara") == 3


def test_an_auditor_reads_and_changes_nothing(open_page, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.services.privacy.place_hold(clinic.administrator, "R-1", "order of the court")
    auditor = add_user(clinic.services, "audrey", Role.AUDITOR)
    page = open_page("privacy.py", "administrator")
    monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: auditor)
    page = healthy(page.run())
    assert "order of the court" in texts(page)
    labels = {each.label for each in page.button}
    assert not labels & {"Release", "Place the hold", "Change a rule", "Remove what is due now", "Erase the patient"}
    assert "Export for research" not in texts(page)


def test_a_hold_is_placed_by_the_record_number(open_page, clinic: Clinic) -> None:
    page = healthy(open_page("privacy.py", "administrator"))
    number = next(each for each in page.text_input if each.label == "Record number of the patient")
    reason = next(each for each in page.text_input if each.label == "Why the data must be kept")
    number.set_value("R-9")
    reason.set_value("order of the court")
    button(page, "Place the hold").click().run()
    assert "No patient has this record number" in texts(healthy(page))
    number = next(each for each in page.text_input if each.label == "Record number of the patient")
    number.set_value("r-1")
    button(page, "Place the hold").click().run()
    read = texts(healthy(page))
    assert "in force" in read
    assert "Example" not in read
    assert clinic.patient.id[:8] in read


def test_a_run_asks_first(open_page, clinic: Clinic) -> None:
    page = healthy(open_page("privacy.py", "administrator"))
    page.button(key="retention-run").click().run()
    assert "Nothing is due." in texts(healthy(page))
    assert clinic.services.privacy.runs(clinic.administrator) == ()
