"""Patients who may be on record already: found before a new one is stored, for the clinician to compare.

The same name and birth date is looked for in all teams, because one person with two records is a danger; of another
team's patient nothing is told but that there is one: the name of a team may be health data. Names that are merely
alike are compared among the actor's own patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum

from sqlmodel import Session

from app.services.access import patient_for, sees
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from clinic_data import audit, patients, teams
from clinic_data.database import Database
from clinic_data.patients import PatientData
from clinic_data.tables import Patient
from clinic_data.text_rules import search_key

ALIKE = 0.84
"""Share of the letters that two names have in common, in order, from which on they are shown as alike."""
_PARTICLE = 3  # letters: van, der, de la
_SHOWN = 5
_BORN_ON_A_DAY = 200


class Likeness(StrEnum):
    """In what two patients agree."""

    SAME = "same names and birth date"
    SWAPPED_NAMES = "same birth date, family and given name the other way round"
    SWAPPED_DATE = "same names, day and month of the birth date the other way round"
    ALIKE = "same birth date, similar names"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Somebody who may be the same person.

    Attributes:
        patient_id: of the patient on record.
        likeness: in what they agree.
        patient: the patient; None: another team's.
    """

    patient_id: str
    likeness: Likeness
    patient: Patient | None


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Use cases around patients who may be on record already."""

    database: Database

    def find(self, actor: Actor | None, data: PatientData, patient_id: str | None = None) -> tuple[Duplicate, ...]:
        """Who may be the same person, the likeliest first, at most five.

        Args:
            actor: who fills in the form.
            data: what was filled in.
            patient_id: whose form it is; None: a new patient's.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.reading() as session:
            found: dict[str, Duplicate] = {}
            for likeness, patient in _candidates(session, actor, data):
                if patient.id != patient_id and patient.id not in found:
                    duplicate = _duplicate(session, actor, likeness, patient)
                    if duplicate is not None:
                        found[patient.id] = duplicate
        shown = tuple(found.values())[:_SHOWN]
        if shown:
            told = [duplicate.patient_id for duplicate in shown]
            note_read(self.database, actor, "patients.compared", "patient", patient_id, {"compared_with": told})
        return shown

    def note_overruled(self, actor: Actor | None, patient_id: str, shown: tuple[Duplicate, ...]) -> None:
        """Writes into the audit log that the actor was shown these and said that it is another person.

        Raises:
            NotFoundError: if there is no such patient, or it is one of another team.
        """
        actor = require(actor, Permission.WRITE_PATIENTS)
        with self.database.transaction() as session:
            patient_for(session, actor, Permission.WRITE_PATIENTS, patient_id)
            if not shown:
                return
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="patient.duplicate_overruled",
                subject_type="patient",
                subject_id=patient_id,
                details={"compared_with": [duplicate.patient_id for duplicate in shown]},
            )


def _candidates(session: Session, actor: Actor, data: PatientData) -> Iterator[tuple[Likeness, Patient]]:
    family, given, born = data.family_name, data.given_name, data.birth_date
    swapped_date = _day_and_month_swapped(born)
    looked_for = [
        (Likeness.SAME, family, given, born),
        (Likeness.SWAPPED_NAMES, given, family, born),
        *([(Likeness.SWAPPED_DATE, family, given, swapped_date)] if swapped_date else []),
    ]
    for likeness, first, second, day in looked_for:
        for patient in patients.find_by_identity(session=session, family_name=first, given_name=second, birth_date=day):
            yield likeness, patient
    own = teams.visible_team_ids(session=session, user_id=actor.user_id)
    day = patients.search_patients(session=session, text=born.isoformat(), limit=_BORN_ON_A_DAY, team_ids=own)
    for patient in day.rows:
        if patient.birth_date == born and names_alike((family, given), (patient.family_name, patient.given_name)):
            yield Likeness.ALIKE, patient


def _duplicate(session: Session, actor: Actor, likeness: Likeness, patient: Patient) -> Duplicate | None:
    if sees(session, actor, patient.id):
        return Duplicate(patient.id, likeness, patient)
    return None if likeness is Likeness.ALIKE else Duplicate(patient.id, likeness, None)


def names_alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two pairs of family and given name may be the same, mistyped, in either order or with a part left out."""
    (family, given), (other_family, other_given) = map(_keys, (one, other))
    whole, other_whole = f"{family} {given}", f"{other_family} {other_given}"
    if max(_ratio(whole, other_whole), _ratio(whole, f"{other_given} {other_family}")) >= ALIKE:
        return True
    first, other_first = given.partition(" ")[0], other_given.partition(" ")[0]
    if not first or first != other_first:
        return False
    shared = {word for word in {*family.split()} & {*other_family.split()} if len(word) > _PARTICLE}
    return bool(shared) or _ratio(family, other_family) >= ALIKE


def _keys(names: tuple[str, str]) -> tuple[str, str]:
    return search_key(names[0]), search_key(names[1])


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _day_and_month_swapped(day: date) -> date | None:
    """The date that somebody may have meant who writes the month first; None where there is none."""
    if day.day > 12 or day.day == day.month:
        return None
    return day.replace(month=day.day, day=day.month)
