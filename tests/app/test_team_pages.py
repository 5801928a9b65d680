"""The pages of teams, emergencies and moved visits, and what teams change on the pages of patients."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import add_user
from stored import screen
from streamlit.testing.v1 import AppTest
from test_pages import button, healthy, texts

from app import session
from clinic_data.patients import PatientData
from clinic_data.tables import Role

REASON = "Fell on the stairs, seen in the emergency room."


@pytest.fixture
def actors(clinic):
    """Who can open pages, by name: the clinician is in Ward A, bea in Ward B."""
    teams = clinic.services.teams
    found = {
        "clara": clinic.clinician,
        "adam": clinic.administrator,
        "bea": add_user(clinic.services, "bea", Role.CLINICIAN),
        "audrey": add_user(clinic.services, "audrey", Role.AUDITOR),
    }
    for name, member in (("Ward A", "clara"), ("Ward B", "bea")):
        team = teams.create(clinic.administrator, name)
        teams.set_members(clinic.administrator, team.id, [found[member].user_id])
    return found


@pytest.fixture
def team_ids(clinic, actors):
    return {view.team.name: view.team.id for view in clinic.services.teams.overview(clinic.administrator).teams}


@pytest.fixture
def open_page(clinic, actors, root: Path, monkeypatch):
    session.opened_services.clear()

    def open_as(view: str, who: str, **query: str) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: actors[who])
        monkeypatch.setattr(session, "services", lambda: clinic.services)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page(f"views/{view}")
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return open_as


def _give_to(clinic, team_id: str | None) -> None:
    stored = clinic.services.patients.get(clinic.clinician, clinic.patient.id)
    clinic.services.patients.update(clinic.clinician, stored.id, _data("R-1"), stored.version, team_id)


def _data(number: str, family: str = "Example", given: str = "Ana", born: str = "2011-04-23") -> PatientData:
    return PatientData(record_number=number, family_name=family, given_name=given, birth_date=born)


def test_administrators_make_teams_and_auditors_only_read(open_page, clinic, team_ids):
    page = healthy(open_page("teams.py", "adam"))
    page.text_input[0].set_value("Ward A")
    button(page, "Create the team").click().run()
    assert "Choose another name" in texts(healthy(page))
    page.text_input[0].set_value("Walk lab")
    button(page, "Create the team").click().run()
    assert "Walk lab" in texts(healthy(page))
    page = healthy(open_page("teams.py", "audrey"))
    assert "Ward A" in texts(page)
    assert not page.text_input
    assert {each.label for each in page.button} == {"Sign out"}


def test_members_are_changed_and_leaving_patients_alone_is_asked(open_page, clinic, actors, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    page = healthy(open_page("teams.py", "adam"))
    page.multiselect[0].set_value([])
    button(page, "Save the members").click().run()
    assert "seen in an emergency only" in texts(healthy(page))
    assert len(clinic.services.teams.overview(clinic.administrator).teams[0].members) == 1
    page.multiselect[0].set_value([actors["bea"].user_id])
    button(page, "Save the members").click().run()
    members = clinic.services.teams.overview(clinic.administrator).teams[0].members
    assert [person.username for person in healthy(page) and members] == ["bea"]


def test_a_team_with_patients_is_handed_over_before_it_closes(open_page, clinic, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    page = healthy(open_page("teams.py", "adam"))
    assert page.button(key=f"hand-over-{team_ids['Ward A']}").disabled
    assert f"active-{team_ids['Ward A']}" not in {each.key for each in page.button}
    page.selectbox(key=f"to-{team_ids['Ward A']}").set_value(team_ids["Ward B"]).run()
    page.button(key=f"hand-over-{team_ids['Ward A']}").click().run()
    assert "1 patients of Ward A go to Ward B" in texts(healthy(page))
    clinic.services.teams.hand_over(clinic.administrator, team_ids["Ward A"], team_ids["Ward B"])
    page = healthy(open_page("teams.py", "adam"))
    page.button(key=f"active-{team_ids['Ward A']}").click().run()
    assert "closed" in texts(healthy(page))


def test_a_team_without_anybody_is_warned_of(open_page, clinic, actors, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    clinic.services.users.set_active(clinic.administrator, actors["clara"].user_id, active=False)
    read = texts(healthy(open_page("teams.py", "adam")))
    assert "without anybody who can sign in: 1" in read
    assert "cannot sign in" in read
    assert "Ana" not in read


def test_the_page_of_users_names_their_teams(open_page, team_ids):
    assert "teams: Ward A" in texts(healthy(open_page("users.py", "audrey")))


def _fill(page: AppTest, family: str, given: str, number: str, born: str) -> None:
    for place, value in enumerate((family, number, given)):  # column by column
        page.text_input[place].set_value(value)
    page.date_input[0].set_value(born)


def test_who_has_two_teams_must_choose(open_page, clinic, actors, team_ids):
    members = [actors["clara"].user_id, actors["bea"].user_id]
    clinic.services.teams.set_members(clinic.administrator, team_ids["Ward B"], members)
    page = healthy(open_page("patient_form.py", "clara"))
    assert page.selectbox(key="patient-team").value is None
    _fill(page, "Okafor", "Ada", "R-2", "2012-05-06")
    button(page, "Save").click().run()
    assert "Choose the team" in texts(healthy(page))
    page.selectbox(key="patient-team").set_value(team_ids["Ward B"])
    button(page, "Save").click().run()
    (stored,) = clinic.services.patients.search(actors["bea"], "okafor", 10, 0).rows
    assert stored.team_id == team_ids["Ward B"]


def test_handing_a_patient_away_is_asked(open_page, clinic, actors, team_ids):
    page = healthy(open_page("patient_form.py", "clara", patient=clinic.patient.id))
    page.selectbox(key=f"patient-team:{clinic.patient.id}:1").set_value(team_ids["Ward B"])
    button(page, "Save").click().run()
    assert "you do not see this patient any more" in texts(healthy(page))
    button(page, "Save").click().run()
    assert clinic.services.patients.get(clinic.clinician, clinic.patient.id).team_id is None
    page.checkbox(key=f"loses-sight:{clinic.patient.id}").check()
    button(page, "Save").click().run()
    assert clinic.services.patients.get(actors["bea"], clinic.patient.id).team_id == team_ids["Ward B"]


def test_a_duplicate_is_shown_and_can_be_overruled(open_page, clinic):
    page = healthy(open_page("patient_form.py", "clara"))
    _fill(page, "Exampel", "Ana", "R-2", "2011-04-23")
    button(page, "Save").click().run()
    read = texts(healthy(page))
    assert "may be on record already" in read
    assert "similar names" in read
    assert clinic.services.patients.search(clinic.clinician, "", 10, 0).total == 1
    page.checkbox(key="another-person:").check()
    button(page, "Save").click().run()
    assert clinic.services.patients.search(clinic.clinician, "exampel", 10, 0).total == 1


def test_of_another_teams_duplicate_no_name_is_shown(open_page, clinic, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    page = healthy(open_page("patient_form.py", "bea"))
    _fill(page, "EXAMPLE", "ANA", "R-2", "2011-04-23")
    button(page, "Save").click().run()
    read = texts(healthy(page))
    assert "A patient of another team." in read
    for hidden in ("R-1", "Example", "Ward A", clinic.patient.id):
        assert hidden not in read


def test_a_kept_form_is_of_no_use_to_who_left_the_team(open_page, clinic, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    page = healthy(open_page("patient_form.py", "clara", patient=clinic.patient.id))
    assert page.text_input[0].value == "Example"
    clinic.services.teams.set_members(clinic.administrator, team_ids["Ward A"], [])
    page.run()
    assert "does not exist" in texts(page)
    assert not page.text_input


def test_another_teams_patient_opens_with_a_reason_only(open_page, clinic, team_ids):
    _give_to(clinic, team_ids["Ward A"])
    page = healthy(open_page("patient.py", "bea", patient=clinic.patient.id))
    assert "Ana" not in texts(page)
    page.text_area(key="emergency-reason").set_value("now")
    button(page, "Open the record in an emergency").click().run()
    assert "at least 10" in texts(healthy(page))
    page.text_area(key="emergency-reason").set_value(REASON)
    button(page, "Open the record in an emergency").click().run()
    read = texts(healthy(open_page("patient.py", "bea", patient=clinic.patient.id)))
    assert "Example, Ana" in read
    assert "You see this patient in an emergency" in read
    listed = healthy(open_page("patients.py", "bea"))
    assert "emergency access" in texts(listed)
    page = healthy(open_page("patient.py", "bea", patient=clinic.patient.id))
    page.button(key="end-emergency").click().run()
    assert "Ana" not in texts(open_page("patient.py", "bea", patient=clinic.patient.id))


def test_the_list_of_emergencies_in_both_roles(open_page, clinic, actors, team_ids):
    assert "waits for a review" in texts(healthy(open_page("emergencies.py", "audrey")))
    _give_to(clinic, team_ids["Ward A"])
    access = clinic.services.emergencies.open(actors["bea"], clinic.patient.id, REASON)
    page = healthy(open_page("emergencies.py", "audrey"))
    assert REASON in texts(page)
    assert f"review-{access.id}" not in {each.key for each in page.button}
    page = healthy(open_page("emergencies.py", "adam"))
    assert "Ana" not in texts(page)
    page.button(key=f"review-{access.id}").click().run()
    assert "waits for a review" in texts(healthy(page))


def test_a_visit_is_moved_after_both_patients_were_compared(open_page, clinic):
    assessment_id = screen(clinic)
    other = clinic.services.patients.create(clinic.clinician, _data("R-2", "Okafor", "Ada", "2012-05-06"))
    page = healthy(open_page("move_visit.py", "clara", recording=clinic.recording.id))
    page.text_input(key="move-search").set_value("okafor").run()
    page.button(key=f"move-to-{other.id}").click().run()
    read = texts(healthy(page))
    assert "Example, Ana" in read
    assert "Okafor, Ada" in read
    page.text_input(key="move-reason").set_value("Wrong patient was chosen")
    button(page, "Move the visit").click().run()
    assert "tick the box first" in texts(healthy(page))
    page.checkbox(key="move-yes").check()
    button(page, "Move the visit").click().run()
    (moved,) = clinic.services.screening.assessments_of_patient(clinic.clinician, other.id)
    assert moved.id == assessment_id


@pytest.mark.parametrize("query", [{}, {"recording": "0" * 32}, {"recording": "x", "to": "y"}])
def test_addresses_that_name_nothing_move_nothing(open_page, query: dict[str, str]):
    read = texts(healthy(open_page("move_visit.py", "clara", **query)))
    assert "does not exist" in read or "Nothing chosen" in read


def test_a_patient_who_is_not_there_leaves_a_way_out(open_page, clinic):
    page = healthy(open_page("move_visit.py", "clara", recording=clinic.recording.id, to="0" * 32))
    assert "This patient does not exist." in texts(page)
    links = [link.proto.label for link in page.get("page_link")]
    assert links[-2:] == ["Choose another patient", "Back without moving"]


def test_names_are_no_markdown(open_page, clinic):
    odd = clinic.services.patients.create(clinic.clinician, _data("R-3", "![x](http://example.org/x.png)", "*Ana*"))
    page = healthy(open_page("patient.py", "clara", patient=odd.id))
    assert page.title[0].value.startswith("\\!\\[x\\]")
