"""Every page with the ids of another team's patient in its address: shown is only that there is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from two_teams import Ids, TwoTeams, words_of

from app import session
from clinic_data import teams

ADDRESSES = {
    "patient_form.py": {"patient": "patient"},
    "follow_up.py": {"patient": "patient"},
    "new_assessment.py": {"patient": "patient"},
    "screening_progress.py": {"job": "search_job"},
    "result.py": {"assessment": "assessment"},
    "move_visit.py": {"recording": "recording"},
}
"""What each page about a patient finds in its address."""


@pytest.fixture
def open_page(world: TwoTeams, root: Path, monkeypatch):
    session.opened_services.clear()

    def open_as(view: str, who: str, **query: str) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: world.actors[who])
        monkeypatch.setattr(session, "services", lambda: world.services)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=60)
        page.switch_page(f"views/{view}")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open_as


def texts(page: AppTest) -> str:
    """All that can be read on the page, in its fields and in its menus."""
    assert not page.exception
    kinds = ("title", "subheader", "markdown", "text", "caption", "info", "error", "success", "warning")
    parts = [element.value for kind in kinds for element in page.get(kind)]
    parts += [element.proto.body for element in page.get("html")]
    for kind in ("text_input", "text_area", "selectbox", "radio", "button", "page_link"):
        parts += [str(element.proto) for element in page.get(kind)]
    return "\n".join(str(part) for part in parts)


def _query(view: str, ids: Ids) -> dict[str, str]:
    return {name: getattr(ids, kind) for name, kind in ADDRESSES[view].items()}


@pytest.mark.parametrize("view", ADDRESSES)
def test_another_teams_ids_lead_to_the_page_of_unknown_ones(open_page, world: TwoTeams, view: str):
    red, blue = world.ids["red"], world.ids["blue"]
    hidden = texts(open_page(view, "blue", **_query(view, red)))
    assert "does not exist" in hidden
    assert not any(word in hidden for word in words_of("red"))
    assert hidden == texts(open_page(view, "blue", **_query(view, Ids.unknown())))
    assert any(word in texts(open_page(view, "blue", **_query(view, blue))) for word in words_of("blue"))


def test_another_teams_patient_is_offered_in_an_emergency_without_a_word_of_theirs(open_page, world: TwoTeams):
    shown = texts(open_page("patient.py", "blue", patient=world.ids["red"].patient))
    assert not any(word in shown for word in words_of("red"))
    assert "team" in shown
    for view, who in (("patient.py", "administrator"), ("patient.py", "auditor")):
        shown = texts(open_page(view, who, patient=world.ids["red"].patient))
        assert "Not for your role" in shown


def test_ids_of_two_teams_in_one_address(open_page, world: TwoTeams):
    red, blue = world.ids["red"], world.ids["blue"]
    for view, query in {
        "new_assessment.py": {"patient": blue.patient, "recording": red.recording},
        "result.py": {"assessment": blue.assessment, "compare": red.assessment},
        "move_visit.py": {"recording": blue.recording, "to": red.patient},
    }.items():
        shown = texts(open_page(view, "blue", **query))
        assert not any(word in shown for word in words_of("red")), view


@pytest.mark.parametrize("view", ["patients.py", "batch.py"])
def test_lists_hold_ones_own_patients(open_page, world: TwoTeams, view: str):
    shown = texts(open_page(view, "blue"))
    assert not any(word in shown for word in words_of("red"))
    assert any(word in shown for word in words_of("blue"))


@pytest.mark.parametrize("view", ["patient.py", *ADDRESSES])
def test_malformed_ids_are_no_faults(open_page, view: str):
    for row_id in ("\x00", "../../etc/passwd", "' OR '1'='1", "a" * 5000):
        query = dict.fromkeys(ADDRESSES.get(view, {"patient": ""}), row_id)
        assert "does not exist" in texts(open_page(view, "blue", **query))


def test_who_loses_the_team_while_a_form_is_open_sees_and_saves_nothing_more(open_page, world: TwoTeams):
    page = open_page("patient_form.py", "red", patient=world.ids["red"].patient)
    assert words_of("red")[0] in texts(page)
    with world.services.database.transaction() as db_session:
        teams.set_members(session=db_session, team_id=world.team_ids["red"], user_ids=[])
    shown = texts(page.run())
    assert not any(word in shown for word in words_of("red"))


def test_a_progress_page_that_is_open_ends_with_a_sentence(open_page, world: TwoTeams):
    ids = world.ids["red"]
    red = world.actors["red"]
    job = world.services.screening.find_people(red, ids.waiting)
    page = open_page("screening_progress.py", "red", job=job.id)
    with world.services.database.transaction() as db_session:
        teams.set_members(session=db_session, team_id=world.team_ids["red"], user_ids=[])
    assert "does not exist" in texts(page.run())
