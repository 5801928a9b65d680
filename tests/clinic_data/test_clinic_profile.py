"""The clinic's profile: one row, checked, never overwritten by somebody who saw an older one."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clinic_data import clinic_profile
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.file_references import referenced_keys

STATED = {
    "name": "Harbour clinic",
    "address": "Quay 7\nPort",
    "prevalence": {"scoliosis": 0.03},
    "prevalence_source": "Own counts of 2025",
    "report_language": "zh",
}


def _update(session, version: int, **changes):
    data = ClinicProfileData.checked(**(STATED | changes))
    return clinic_profile.update_profile(session=session, data=data, expected_version=version, actor_id=None)


def test_there_is_nothing_until_somebody_states_it(database, rows) -> None:
    with database.transaction() as session:
        assert clinic_profile.read_profile(session=session) is None
        user = rows.user(session)
        data = ClinicProfileData.checked(**STATED)
        clinic_profile.update_profile(session=session, data=data, expected_version=0, actor_id=user.id)
    with database.transaction() as session:
        assert _update(session, 1, name="Hill clinic").version == 2
    with database.reading() as session:
        read = clinic_profile.read_profile(session=session)
    assert {name: getattr(read, name) for name in STATED} == STATED | {"name": "Hill clinic"}
    assert (read.version, read.updated_by, read.logo_key) == (2, None, None)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_of_two_who_edit_the_second_is_told(session, version: int) -> None:
    _update(session, 0)
    _update(session, 1, name="Theirs")
    with pytest.raises(ConflictError, match="Somebody else saved"):
        _update(session, version, name="Mine")
    assert clinic_profile.read_profile(session=session).name == "Theirs"


def test_the_logo_is_a_change_too_and_its_file_is_referred_to(session, rows) -> None:
    key = rows.stored().key
    assert clinic_profile.set_logo(session=session, key=key, expected_version=0, actor_id=None).version == 1
    assert key in referenced_keys(session=session)
    assert _update(session, 1).logo_key == key
    assert clinic_profile.set_logo(session=session, key=None, expected_version=2, actor_id=None).logo_key is None
    assert key not in referenced_keys(session=session)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "a\nb"}, "one line"),
        ({"name": "x" * 121}, "at most 120"),
        ({"address": "x" * 501}, "at most 500"),
        ({"prevalence": {"flu": 0.1}}, "one of the tasks"),
        ({"prevalence": {"scoliosis": 0.0}}, "between 0 and 100"),
        ({"prevalence": {"scoliosis": 1.0}}, "between 0 and 100"),
        ({"prevalence": {"scoliosis": float("nan")}}, "between 0 and 100"),
        ({"prevalence_source": " "}, "Say where"),
        ({"report_language": "english"}, "report language is missing or not"),
    ],
)
def test_refuses_what_cannot_be_and_says_why(changes: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ClinicProfileData.checked(**(STATED | changes))


def test_a_second_clinic_is_refused_by_the_database(database) -> None:
    with database.transaction() as session:
        _update(session, 0)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.exec(text("UPDATE clinic_profile SET id = 2"))
