"""What may be stored about a patient, search, and concurrent editing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pydantic
import pytest
from sqlalchemy import text as sql

from clinic_data import patient_search, patients, teams
from clinic_data.errors import ConflictError, NotFoundError, SealError, ValidationError
from clinic_data.patients import PatientData
from clinic_data.tables import Sex

GOOD = {"record_number": "P-1", "family_name": "Moreau", "given_name": "Zoé", "birth_date": date(2011, 4, 2)}


def _data(**fields: object) -> PatientData:
    return PatientData.checked(**(GOOD | fields))


def test_a_patient_comes_back_as_it_was_entered(database) -> None:
    with database.transaction() as session:
        data = _data(sex="female", notes="Wears a brace.\nWalks freely.")
        created = patients.create_patient(session=session, data=data, actor_id=None)
    with database.reading() as session:
        read = patients.get_patient(session=session, patient_id=created.id)
    assert (read.record_number, read.family_name, read.given_name) == ("P-1", "Moreau", "Zoé")
    assert (read.birth_date, read.sex, read.version) == (date(2011, 4, 2), Sex.FEMALE, 1)
    assert read.notes == "Wears a brace.\nWalks freely."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"record_number": "  "}, "record number needs 1 to 64"),
        ({"record_number": "9" * 65}, "record number needs 1 to 64"),
        ({"record_number": "\u0301"}, "record number needs a letter"),
        ({"record_number": "\ufdfa" * 64}, "unusual characters"),
        ({"family_name": ""}, "family name needs 1 to 120"),
        ({"family_name": "x" * 121}, "family name needs 1 to 120"),
        ({"family_name": "Mor\x00eau"}, "family name holds a control"),
        ({"family_name": "Mor\neau"}, "family name holds a control"),
        ({"given_name": "Zo\u202eé"}, "given name holds a control or invisible"),
        ({"given_name": "\ud800"}, "given name"),
        ({"given_name": "x" * 121}, "at most 120"),
        ({"birth_date": date(1899, 12, 31)}, "before 1900"),
        ({"birth_date": datetime.now(UTC).date() + timedelta(days=2)}, "in the future"),
        ({"birth_date": "yesterday"}, "birth date is missing or not of the right kind"),
        ({"sex": "x"}, "sex is missing or not"),
        ({"notes": "x" * 4001}, "at most 4000"),
        ({"notes": "a\x07b"}, "notes hold a control"),
        ({"phone": "1"}, "no field phone"),
    ],
)
def test_refuses_what_is_no_patient_data_and_says_why(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _data(**fields)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValidationError, match=r"record number.*birth date"):
        _data(record_number="", birth_date=date(1800, 1, 1))


def test_consent_to_training_is_off_until_it_is_given_and_can_be_taken_back(session) -> None:
    created = patients.create_patient(session=session, data=_data(), actor_id=None)
    assert created.training_consent is False
    for version, consent in enumerate((True, False), start=1):
        updated = patients.update_patient(
            session=session,
            patient_id=created.id,
            data=_data(training_consent=consent),
            expected_version=version,
            actor_id=None,
        )
        assert updated.training_consent is consent
    with pytest.raises(ValidationError, match="training consent is missing or not"):
        _data(training_consent="perhaps")


def test_pydantics_own_error_does_not_print_the_value() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        PatientData(**(GOOD | {"family_name": "Secretname\x00"}))
    assert "Secretname" not in str(caught.value)


def test_a_patient_in_a_log_tells_nothing_about_the_person(session, rows) -> None:
    shown = repr(rows.patient(session, "P-77", notes="Secret."))
    assert not any(told in shown for told in ("P-77", "p-77", "Moreau", "moreau", "Zoé", "2011", "Secret"))


def test_the_example_of_the_documentation_runs(root: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    page = (root / "docs" / "clinic_data.md").read_text()
    example = page.split("```python\n", 1)[1].split("```", 1)[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example, names)  # noqa: S102 - it is our own page
    names["database"].dispose()
    assert capsys.readouterr().out == "P-17 Moreau 1\n"


def test_accepts_people_with_one_name_old_people_and_names_of_other_scripts() -> None:
    assert _data(given_name="").given_name == ""
    assert _data(birth_date=date(1900, 1, 1)).birth_date.year == 1900
    assert _data(family_name="علی\u200cزاده").family_name == "علی\u200cزاده"
    assert _data(family_name="  de   la Cruz ").family_name == "de la Cruz"
    assert _data(family_name="Nun\u0303ez").family_name == "Nuñez"


@pytest.mark.parametrize("number", ["P-1", "p-1", " P-1 ", "\uff30-1"])
def test_a_taken_record_number_is_a_conflict_whatever_its_case(session, rows, number: str) -> None:
    rows.patient(session, "P-1")
    with pytest.raises(ConflictError, match="belongs to another patient"):
        rows.patient(session, number)
    assert patients.search_patients(session=session).total == 1


def test_two_people_cannot_take_the_same_record_number_at_once(database, rows, in_threads) -> None:
    def create(_: int) -> bool:
        try:
            with database.transaction() as session:
                rows.patient(session, "P-1")
        except ConflictError:
            return False
        return True

    assert sorted(in_threads(create, 4)) == [False, False, False, True]


def test_an_update_replaces_everything_and_counts_the_version(database, rows) -> None:
    with database.transaction() as session:
        created = rows.patient(session, notes="old")
    with database.transaction() as session:
        data = _data(record_number="P-2", family_name="Durand")
        updated = patients.update_patient(
            session=session, patient_id=created.id, data=data, expected_version=1, actor_id=None
        )
        assert (updated.family_name, updated.notes, updated.version) == ("Durand", "", 2)
        assert updated.updated_at > created.updated_at
    with database.reading() as session:
        assert patients.search_patients(session=session, text="durand p-2").total == 1
        assert patients.search_patients(session=session, text="moreau").total == 0


def test_an_update_of_what_somebody_else_changed_is_refused_and_loses_nothing(database, rows) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id

    def save(family_name: str) -> None:
        with database.transaction() as session:
            patients.update_patient(
                session=session,
                patient_id=patient_id,
                data=_data(family_name=family_name),
                expected_version=1,
                actor_id=None,
            )

    save("First")
    with pytest.raises(ConflictError, match="Somebody else saved"):
        save("Second")
    with database.reading() as session:
        read = patients.get_patient(session=session, patient_id=patient_id)
    assert (read.family_name, read.version) == ("First", 2)


def test_of_concurrent_updates_exactly_one_wins(database, rows, in_threads) -> None:
    with database.transaction() as session:
        patient_id = rows.patient(session).id

    def save(number: int) -> bool:
        try:
            with database.transaction() as session:
                data = _data(family_name=f"Name {number}")
                patients.update_patient(
                    session=session, patient_id=patient_id, data=data, expected_version=1, actor_id=None
                )
        except ConflictError:
            return False
        return True

    assert sorted(in_threads(save, 4)) == [False, False, False, True]


def test_an_update_cannot_take_another_patients_record_number(session, rows) -> None:
    rows.patient(session, "P-1")
    second = rows.patient(session, "P-2")
    with pytest.raises(ConflictError, match="belongs to another patient"):
        patients.update_patient(
            session=session, patient_id=second.id, data=_data(record_number="p-1"), expected_version=1, actor_id=None
        )


def test_a_missing_patient_is_not_found(session) -> None:
    with pytest.raises(NotFoundError):
        patients.get_patient(session=session, patient_id="0" * 32)
    with pytest.raises(NotFoundError):
        patients.update_patient(session=session, patient_id="0" * 32, data=_data(), expected_version=1, actor_id=None)


@pytest.fixture
def crowd(session, rows) -> None:
    people = [("Müller", "Jörg"), ("Ødegård", "Åse"), ("Straße", "Ana"), ("Łuczak", "Zofia"), ("O'Neil", "100%")]
    for number, (family_name, given_name) in enumerate(people):
        rows.patient(session, f"FG_{number}", family_name=family_name, given_name=given_name)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("muller", ["Müller"]),
        ("JÖRG müller", ["Müller"]),
        ("odegard ase", ["Ødegård"]),
        ("STRASSE", ["Straße"]),
        ("luczak", ["Łuczak"]),
        ("o'neil", ["O'Neil"]),
        ("100%", ["O'Neil"]),
        ("%", []),
        ("neil", ["O'Neil"]),
        ("eil", []),
        ("3", ["Łuczak"]),
        ("2011", ["Łuczak", "Müller", "O'Neil", "Straße", "Ødegård"]),
        ("2011-04", ["Łuczak", "Müller", "O'Neil", "Straße", "Ødegård"]),
        ("2012", []),
        ("fg_3", ["Łuczak"]),
        ("g0", []),
        ("_", []),
        ("", ["Łuczak", "Müller", "O'Neil", "Straße", "Ødegård"]),
        ("\\", []),
        ("2011-04-02 ana", ["Straße"]),
        ("'; DROP TABLE patient; --", []),
        ("\x00", ["Łuczak", "Müller", "O'Neil", "Straße", "Ødegård"]),
        ("nobody", []),
    ],
)
def test_search_finds_beginnings_of_words_and_ignores_case_and_accents(session, text: str, found: list[str]) -> None:
    page = patients.search_patients(session=session, text=text)
    assert sorted(patient.family_name for patient in page.rows) == sorted(found)
    assert page.total == len(found)


@pytest.mark.usefixtures("crowd")
def test_found_patients_are_sorted_by_name_and_paged(session) -> None:
    pages = [patients.search_patients(session=session, text="fg", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    names = [[patient.family_name for patient in page.rows] for page in pages]
    assert names == [["Łuczak", "Müller"], ["O'Neil", "Ødegård"], ["Straße"], []]
    assert {page.total for page in pages} == {5}


@pytest.mark.usefixtures("crowd")
def test_without_words_and_with_many_matches_the_last_changed_come_first(session, monkeypatch) -> None:
    newest_first = ["O'Neil", "Łuczak", "Straße", "Ødegård", "Müller"]
    everybody = [patients.search_patients(session=session, limit=3, offset=offset) for offset in (0, 3)]
    assert [patient.family_name for page in everybody for patient in page.rows] == newest_first
    monkeypatch.setattr(patient_search, "MAX_SORTED", 4)
    found = patients.search_patients(session=session, text="fg", limit=4)
    assert ([patient.family_name for patient in found.rows], found.total) == (newest_first[:4], 5)


def test_long_words_are_found_by_any_beginning(session, rows) -> None:
    name = "Wolfeschlegelsteinhausenbergerdorff"
    rows.patient(session, family_name=name)
    for length in (1, 19, 20, 21, len(name)):
        assert patients.search_patients(session=session, text=name[:length]).total == 1


def test_a_team_finds_its_patients_and_those_of_no_team(session, rows) -> None:
    team = teams.create_team(session=session, name="Spine")
    mine, theirs, everybodys = (rows.patient(session, number) for number in ("P-1", "P-2", "P-3"))
    other = teams.create_team(session=session, name="Mood")
    mine.team_id, theirs.team_id = team.id, other.id
    session.flush()
    for text in ("", "moreau"):
        page = patients.search_patients(session=session, text=text, team_ids=frozenset({team.id}))
        assert {patient.id for patient in page.rows} == {mine.id, everybodys.id}
        assert patients.search_patients(session=session, text=text, team_ids=frozenset()).total == 1


def test_a_patient_is_found_by_the_whole_number_and_by_who_it_is(session, rows) -> None:
    created = rows.patient(session, "P-1")
    assert patients.find_by_record_number(session=session, record_number="p-1").id == created.id
    assert patients.find_by_record_number(session=session, record_number="p") is None
    who = {"family_name": "MOREAU", "given_name": "zoe", "birth_date": date(2011, 4, 2)}
    assert [found.id for found in patients.find_by_identity(session=session, **who)] == [created.id]
    assert patients.find_by_identity(session=session, **(who | {"birth_date": date(2011, 4, 3)})) == []


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (501, 0), (10, -1)])
def test_an_impossible_page_is_refused(session, limit: int, offset: int) -> None:
    with pytest.raises(ValidationError):
        patients.search_patients(session=session, limit=limit, offset=offset)


def test_many_matches_are_not_counted_to_their_end(session, monkeypatch) -> None:
    """And every word still counts, whichever of them is the rare one."""
    monkeypatch.setattr(patient_search, "MAX_COUNTED", 4)
    monkeypatch.setattr(patient_search, "MAX_COUNTED_OF_ALL", 5)
    monkeypatch.setattr(patient_search, "MAX_SORTED", 3)
    for number in range(8):
        data = patients.PatientData(
            record_number=f"K-{number}",
            family_name="Marin" if number else "Moser",
            given_name="Rosa" if number % 2 else "Ugo",
            birth_date=date(2001, 1, 1),
        )
        patients.create_patient(session=session, data=data, actor_id=None)

    def found(text: str, **page: int) -> tuple[int, list[str]]:
        answer = patients.search_patients(session=session, text=text, **page)
        return answer.total, [row.record_number for row in answer.rows]

    assert found("") == (5, [f"K-{number}" for number in reversed(range(8))])
    assert found("m", limit=2) == (4, ["K-7", "K-6"])
    assert found("m", limit=2, offset=6) == (4, ["K-1", "K-0"])
    assert found("m ro") == (4, ["K-7", "K-5", "K-3", "K-1"])
    assert found("moser m") == (1, ["K-0"])
    assert found("m 2001 u mar") == (3, ["K-2", "K-4", "K-6"])
    assert found("moser rosa") == (0, [])


def test_exchanged_hashes_of_record_numbers_lead_to_nobody(database) -> None:
    """Whoever writes into the database must not be able to file visits under another patient."""
    with database.transaction() as session:
        for number in ("N-1", "N-2"):
            patients.create_patient(session=session, data=_data(record_number=number), actor_id=None)
    with database.engine.begin() as connection:
        first, second = connection.execute(sql("SELECT id, record_number_key FROM patient ORDER BY id")).all()
        change = sql("UPDATE patient SET record_number_key = :key WHERE id = :id")
        for row_id, key in ((first.id, "0" * 64), (second.id, first[1]), (first.id, second[1])):
            connection.execute(change, {"id": row_id, "key": key})
    with database.reading() as session, pytest.raises(SealError):
        patients.find_by_record_number(session=session, record_number="N-1")
