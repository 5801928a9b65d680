"""Patients. ``PatientData`` is the only way into the table."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import date, timedelta
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict
from sqlmodel import Session, col, or_, select, update

from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.paging import Page, read_page
from clinic_data.problem_sentences import problem_sentences
from clinic_data.tables import Patient, Sex
from clinic_data.text_rules import has_invisible, search_key

EARLIEST_BIRTH_DATE = date(1900, 1, 1)
MAX_SEARCH_WORDS = 8


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


def create_patient(*, session: Session, data: PatientData, actor_id: str | None) -> Patient:
    """Add a patient.

    Raises:
        ConflictError: the record number is taken.
    """
    patient = Patient(**_columns(data), created_by=actor_id)
    with conflict_as(session, _taken(data)):
        session.add(patient)
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
    values = _columns(data) | {"version": expected_version + 1, "updated_at": utc_now()}
    statement = update(Patient).where(col(Patient.id) == patient_id, col(Patient.version) == expected_version)
    with conflict_as(session, _taken(data)):
        changed = session.exec(statement.values(values).execution_options(synchronize_session=False)).rowcount
    patient = get_patient(session=session, patient_id=patient_id)
    session.refresh(patient)
    if not changed:
        raise ConflictError(
            "Somebody else saved this patient while you were editing. Reload the page, compare, and enter your "
            "change again; nothing was overwritten."
        )
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
    *,
    session: Session,
    text: str = "",
    limit: int = 50,
    offset: int = 0,
    team_ids: Collection[str] | None = None,
) -> Page[Patient]:
    """Patients in whose names, record number or birth date (2001-12-31) every word of ``text`` occurs.

    Case and accents do not matter. Sorted by family name, given name, record number.
    """
    statement = select(Patient)
    if team_ids is not None:  # None: of any team
        statement = statement.where(or_(col(Patient.team_id).is_(None), col(Patient.team_id).in_(sorted(team_ids))))
    for word in search_key(text.replace("\x00", " ")).split()[:MAX_SEARCH_WORDS]:
        statement = statement.where(col(Patient.search_text).contains(word, autoescape=True))
    order = (col(Patient.search_text), col(Patient.id))
    return read_page(session, statement, order=order, limit=limit, offset=offset)


def _columns(data: PatientData) -> dict[str, Any]:
    words = (data.family_name, data.given_name, data.record_number, data.birth_date.isoformat())
    return data.model_dump() | {
        "record_number_key": search_key(data.record_number),
        "search_text": search_key(" ".join(words)),
    }


def _taken(data: PatientData) -> str:
    return f"The record number {data.record_number} belongs to another patient. Search for it, or enter another number."


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
