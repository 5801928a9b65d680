"""The warning of a patient who may be on record already."""

from __future__ import annotations

import pytest
from conftest import add_user

from app.services.duplicates import Likeness, names_alike
from clinic_data import audit
from clinic_data.patients import PatientData
from clinic_data.tables import Role


def _data(family: str = "Muñoz", given: str = "Ana María", born: str = "2011-04-02", number: str = "R-7"):
    return PatientData(record_number=number, family_name=family, given_name=given, birth_date=born)


@pytest.fixture
def known(clinic):
    """A patient on record."""
    return clinic.services.patients.create(clinic.clinician, _data())


@pytest.mark.parametrize(
    ("names", "likeness"),
    [
        (("munoz", "ANA MARIA", "2011-04-02"), Likeness.SAME),
        (("Ana María", "Muñoz", "2011-04-02"), Likeness.SWAPPED_NAMES),
        (("Muñoz", "Ana María", "2011-02-04"), Likeness.SWAPPED_DATE),
        (("Munos", "Ana María", "2011-04-02"), Likeness.ALIKE),
        (("Muñoz", "Ana", "2011-04-02"), Likeness.ALIKE),
        (("Muñoz García", "Ana María", "2011-04-02"), Likeness.ALIKE),
        (("Muñoz", "Ana María", "2011-04-03"), None),
        (("Okafor", "Ada", "2011-04-02"), None),
    ],
)
def test_who_is_taken_for_the_same(clinic, known, names: tuple[str, str, str], likeness: Likeness | None):
    found = clinic.services.duplicates.find(clinic.clinician, _data(*names, number="R-8"))
    assert [(each.patient_id, each.likeness) for each in found] == ([(known.id, likeness)] if likeness else [])


def test_one_is_not_ones_own_duplicate(clinic, known):
    assert clinic.services.duplicates.find(clinic.clinician, _data(), known.id) == ()


def test_the_likeliest_come_first_and_not_too_many(clinic, known):
    for number in range(7):
        clinic.services.patients.create(clinic.clinician, _data(family="Munos", number=f"N-{number}"))
    found = clinic.services.duplicates.find(clinic.clinician, _data(number="R-8"))
    assert len(found) == 5
    assert (found[0].patient_id, found[0].likeness) == (known.id, Likeness.SAME)


def test_of_another_teams_patient_nothing_is_told_but_that_there_is_one(clinic, known):
    teams = clinic.services.teams
    ward = teams.create(clinic.administrator, "Ward A")
    teams.set_members(clinic.administrator, ward.id, [clinic.clinician.user_id])
    clinic.services.patients.update(clinic.clinician, known.id, _data(), known.version, ward.id)
    bea = add_user(clinic.services, "bea", Role.CLINICIAN)
    (same,) = clinic.services.duplicates.find(bea, _data(number="R-8"))
    assert (same.patient, same.likeness) == (None, Likeness.SAME)
    assert "Ward A" not in repr(same)
    assert clinic.services.duplicates.find(bea, _data(family="Munos", number="R-8")) == ()
    (seen,) = clinic.services.duplicates.find(clinic.clinician, _data(family="Munos", number="R-8"))
    assert seen.patient.family_name == "Muñoz"


def test_overruling_it_is_written_down(clinic, known):
    duplicates = clinic.services.duplicates
    shown = duplicates.find(clinic.clinician, _data(number="R-8"))
    new = clinic.services.patients.create(clinic.clinician, _data(number="R-8"))
    duplicates.note_overruled(clinic.clinician, new.id, shown)
    with clinic.services.database.reading() as session:
        wanted = audit.AuditFilter(action="patient.duplicate_overruled")
        (row,) = audit.list_rows(session=session, wanted=wanted).rows
    assert (row.subject_id, row.details) == (new.id, {"compared_with": [known.id]})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("Moreau", "Zoé"), ("Morau", "Zoe"), True),
        (("Moreau", "Zoé"), ("Zoé", "Moreau"), True),
        (("van der Berg", "Jan"), ("van den Berg", "Jan"), True),
        (("Li", "Wei"), ("Li", "Na"), False),
        (("Nguyen", "Anh"), ("Tran", "Anh"), False),
        (("van Berg", "Jan"), ("van Dijk", "Jan"), False),
        (("Moreau", ""), ("Moreau", "Zoé"), False),
        (("Garcia", "Luis"), ("Garcia", "Luisa"), True),
    ],
)
def test_names_that_are_alike(one: tuple[str, str], other: tuple[str, str], alike: bool):
    assert names_alike(one, other) is alike
    assert names_alike(other, one) is alike
