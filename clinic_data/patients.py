"""Patients. ``PatientData`` is the only way into the table."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict
from sqlmodel import Session, col, select

from clinic_data import data_keys, patient_search
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, SealError, ValidationError
from clinic_data.paging import Page
from clinic_data.problem_sentences import problem_sentences
from clinic_data.sealing import DOES_NOT_OPEN
from clinic_data.tables import Patient, Sex, new_id
from clinic_data.text_rules import has_invisible, search_key

EARLIEST_BIRTH_DATE = date(1900, 1, 1)


class PatientData(BaseModel):
    """What a clinician states about a patient, checked.

    Build it from a form with ``PatientData.checked(...)``, whose errors are sentences; the constructor raises
    pydantic's error, without the values.

    Attributes:
        record_number: the clinic's own number of the patient, unique whatever its case, 1 to 64 characters.
        family_name: 1 to 120 characters.
        given_name: up to 120 characters; empty for people who have one name.
        birth_date: from 1900 on, not in the future.
        sex: female, male, other or unknown.
        notes: up to 4000 characters, new lines allowed.
        training_consent: whether recordings and outcomes may be used to train models.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    record_number: Annotated[str, AfterValidator(lambda value: _line(value, "record number", 1, 64))]
    family_name: Annotated[str, AfterValidator(lambda value: _line(value, "family name", 1, 120))]
    given_name: Annotated[str, AfterValidator(lambda value: _line(value, "given name", 0, 120))] = ""
    birth_date: Annotated[date, AfterValidator(lambda value: _birth_date(value))]
    sex: Sex = Sex.UNKNOWN
    notes: Annotated[str, AfterValidator(lambda value: _notes(value))] = ""
    training_consent: bool = False

    @classmethod
    def checked(cls, **fields: Any) -> PatientData:
        """Build from form values.

        Raises:
            ValidationError: every problem in one text, a sentence each.
        """
        try:
            return cls(**fields)
        except pydantic.ValidationError as error:
            raise ValidationError(problem_sentences(error, "patient")) from None


def create_patient(
    *, session: Session, data: PatientData, actor_id: str | None, patient_id: str | None = None
) -> Patient:
    """Add a patient, under a new id where none is given.

    Raises:
        ConflictError: the record number is taken.
    """
    patient = Patient(id=patient_id or new_id(), **_columns(session, data), created_by=actor_id)
    with conflict_as(session, _taken(data)):
        session.add(patient)
    patient_search.index_patient(session=session, patient=patient)
    return patient


def update_patient(
    *, session: Session, patient_id: str, data: PatientData, expected_version: int, actor_id: str | None
) -> Patient:
    """Replace what is stored about a patient, if nobody changed it since ``expected_version`` was read.

    ``actor_id`` is who changes it; the caller's audit row names them, this table keeps only who created it.

    Raises:
        ConflictError: somebody else saved the patient meanwhile, or the record number is taken.
        NotFoundError: there is no such patient.
    """
    patient = _locked(session, patient_id)
    if patient.version != expected_version:
        raise ConflictError(
            "Somebody else saved this patient while you were editing. Reload the page, compare, and enter your "
            "change again; nothing was overwritten."
        )
    values = _columns(session, data) | {"version": expected_version + 1, "updated_at": utc_now()}
    with conflict_as(session, _taken(data)):
        for name, value in values.items():
            setattr(patient, name, value)
    patient_search.index_patient(session=session, patient=patient)
    return patient


def get_patient(*, session: Session, patient_id: str) -> Patient:
    """Read one patient.

    Raises:
        NotFoundError: there is no such patient.
    """
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFoundError("This patient does not exist.")
    return patient


def search_patients(
    *, session: Session, text: str = "", limit: int = 50, offset: int = 0, team_ids: Collection[str] | None = None
) -> Page[Patient]:
    """Patients of whom every word of ``text`` begins a name, the record number or the birth date (2001-12-31).

    Case and accents do not matter, and a part of a word such as Anne-Marie or R-0012 (also 12) counts as a word. Up to
    `patient_search.MAX_SORTED` matches are sorted by family name, given name and record number; more than that, or
    all patients, are sorted by their last change, the newest first.

    Args:
        session: any session.
        text: what was typed.
        limit: rows of a page.
        offset: rows before it.
        team_ids: only patients of these teams and those of no team; None: everybody.

    Raises:
        ValidationError: there is no such page.
    """
    return patient_search.search(session=session, text=text, limit=limit, offset=offset, team_ids=team_ids)


def find_by_record_number(*, session: Session, record_number: str) -> Patient | None:
    """The patient with exactly this record number, whatever its case, or None.

    Raises:
        SealError: somebody exchanged the hashes of two patients in the database.
    """
    key = _record_number_key(session, record_number)
    patient = session.exec(select(Patient).where(col(Patient.record_number_key) == key)).first()
    if patient is not None and search_key(patient.record_number) != search_key(record_number):
        raise SealError(DOES_NOT_OPEN)  # the hash was exchanged: a visit would be filed under another patient
    return patient


def find_by_identity(*, session: Session, family_name: str, given_name: str, birth_date: date) -> list[Patient]:
    """The patients with these names and this birth date, whatever case and accents; the oldest row first."""
    key = identity_key(session=session, family_name=family_name, given_name=given_name, birth_date=birth_date)
    statement = select(Patient).where(col(Patient.identity_key) == key)
    return list(session.exec(statement.order_by(col(Patient.created_at), col(Patient.id))).all())


def identity_key(*, session: Session, family_name: str, given_name: str, birth_date: date) -> str:
    """The keyed hash of who somebody is: equal for equal names with an equal birth date."""
    text = identity_text(family_name, given_name, birth_date)
    return data_keys.index_token(session=session, kind="identity", text=text)


def identity_text(family_name: str, given_name: str, birth_date: date) -> str:
    """What ``identity_key`` hashes."""
    return "\n".join((search_key(family_name), search_key(given_name), birth_date.isoformat()))


def _record_number_key(session: Session, record_number: str) -> str:
    return data_keys.index_token(session=session, kind="record_number", text=search_key(record_number))


def _locked(session: Session, patient_id: str) -> Patient:
    """The patient, read anew and locked against a concurrent change (on SQLite the transaction is the lock)."""
    statement = select(Patient).where(Patient.id == patient_id).with_for_update()
    patient = session.exec(statement.execution_options(populate_existing=True)).first()
    if patient is None:
        raise NotFoundError("This patient does not exist.")
    return patient


def _columns(session: Session, data: PatientData) -> dict[str, Any]:
    return data.model_dump() | {
        "record_number_key": _record_number_key(session, data.record_number),
        "identity_key": identity_key(
            session=session,
            family_name=data.family_name,
            given_name=data.given_name,
            birth_date=data.birth_date,
        ),
    }


def _taken(data: PatientData) -> str:
    return (
        f"The record number {data.record_number} belongs to another patient, perhaps one of another team. "
        "Search for it, or enter another number."
    )


def _line(value: str, name: str, min_length: int, max_length: int) -> str:
    text = " ".join(part for part in unicodedata.normalize("NFC", value).split(" ") if part)
    if has_invisible(text):
        raise ValueError(f"The {name} holds a control or invisible character. Type it anew.")
    if not min_length <= len(text) <= max_length:
        wanted = f"{min_length} to {max_length}" if min_length else f"at most {max_length}"
        raise ValueError(f"The {name} needs {wanted} characters.")
    if min_length and not search_key(text):
        raise ValueError(f"The {name} needs a letter or digit.")
    if len(search_key(text)) > 2 * max_length:  # a few ligatures decompose into whole words
        raise ValueError(f"The {name} holds unusual characters. Type it with plain letters and digits.")
    return text


def _notes(value: str) -> str:
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if has_invisible(text, allow_lines=True):
        raise ValueError("The notes hold a control or invisible character. Type that part anew.")
    if len(text) > 4000:
        raise ValueError("The notes may have at most 4000 characters.")
    return text


def _birth_date(value: date) -> date:
    # The day has already begun in time zones up to 14 hours ahead of UTC.
    if value > (utc_now() + timedelta(hours=14)).date():
        raise ValueError("The birth date is in the future. Check the year.")
    if value < EARLIEST_BIRTH_DATE:
        raise ValueError("The birth date is before 1900. Check the year.")
    return value
