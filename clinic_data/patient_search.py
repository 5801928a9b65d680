"""The search for patients whose names are sealed: a blind index of the beginnings of their words.

For each beginning of each word the index holds 64 bits of a keyed hash (HMAC-SHA256). A search hashes its words in the
same way. Who copies the database without the index key can neither read a word nor try one; what the index gives away
is which patients share the beginning of a word, and how many.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import and_, delete, insert
from sqlmodel import Session, col, func, select

from clinic_data import data_keys, sealing
from clinic_data.encryption_tables import PatientToken
from clinic_data.paging import Page, check_range
from clinic_data.tables import Patient
from clinic_data.text_rules import search_key

MAX_SEARCH_WORDS = 8
MAX_SORTED = 200
"""Up to so many matches are sorted by name; for that all of them have to be opened."""

MAX_COUNTED = 500
"""The count of the patients who match stops here: who has so many before them types another letter."""
MAX_COUNTED_OF_ALL = 10_000
"""The count of all patients stops here."""

_LONGEST_BEGINNING = 20
_YEAR = len("2001")
_NO_LETTERS = re.compile(r"[\W_]+")


def index_patient(*, session: Session, patient: Patient) -> None:
    """Put a stored patient into the index, or renew the patient's words there."""
    words = (patient.family_name, patient.given_name, patient.record_number)
    values = tokens(data_keys.for_purpose(session=session, purpose=data_keys.INDEX).key, words, patient.birth_date)
    connection = session.connection()
    connection.execute(delete(PatientToken).where(col(PatientToken.patient_id) == patient.id))
    connection.execute(insert(PatientToken), [{"token": token, "patient_id": patient.id} for token in sorted(values)])


def tokens(index_key: bytes, texts: Iterable[str], birth_date: Any) -> set[int]:
    """The index values of a patient.

    Args:
        index_key: the data key of the purpose `INDEX`.
        texts: names and record number.
        birth_date: found by its year, year and month, or whole (2001-12-31).
    """
    day = str(birth_date)
    beginnings = {beginning for text in texts for word in _words(text) for beginning in _beginnings(word)}
    beginnings.update(day[:length] for length in range(_YEAR, len(day) + 1))
    return {_token(index_key, beginning) for beginning in beginnings}


def search(
    *, session: Session, text: str, limit: int, offset: int, team_ids: Collection[str] | None = None
) -> Page[Patient]:
    """One page of the patients of whom every word of ``text`` begins a word; see ``patients.search_patients``.

    However many patients there are, a common beginning costs no more than a rare one: nothing is counted to its end
    or sorted that is not shown.
    """
    check_range(limit, offset)
    conditions = _word_conditions(session, text)
    max_counted = MAX_COUNTED if conditions else MAX_COUNTED_OF_ALL
    if team_ids is not None:
        # An expression, because an index over teams would find half of the patients and then sort them.
        conditions.append(func.coalesce(Patient.team_id, "").in_(["", *sorted(team_ids)]))
    statement = select(Patient).where(*conditions)
    counted = select(Patient.id).where(*conditions).limit(max_counted).subquery()
    total = session.exec(select(func.count()).select_from(counted)).one()
    if max_counted == MAX_COUNTED and total <= MAX_SORTED:
        rows = sorted(session.exec(statement).all(), key=_by_name)[offset : offset + limit]
    else:
        order = (col(Patient.updated_at).desc(), col(Patient.id))
        rows = list(session.exec(statement.order_by(*order).limit(limit).offset(offset)).all())
    return Page(rows=tuple(rows), total=total, limit=limit, offset=offset)


def _word_conditions(session: Session, text: str) -> list[Any]:
    """What a patient must fulfil to have all words; the rarest word is looked up, the others are tried on its rows."""
    words = search_key(text.replace("\x00", " ")).split()[:MAX_SEARCH_WORDS]
    if not words:
        return []
    key = data_keys.for_purpose(session=session, purpose=data_keys.INDEX).key
    sizes = {token: _size(session, token) for token in {_token(key, word[:_LONGEST_BEGINNING]) for word in words}}
    rarest = min(sizes, key=lambda token: sizes[token])
    if sizes[rarest] > MAX_COUNTED:
        return [_is_tried(token) for token in sizes]
    return [_is_looked_up(rarest), *(_is_tried(token) for token in sizes if token != rarest)]


def _size(session: Session, token: int) -> int:
    """How many patients have a token; counted to `MAX_COUNTED` and one more."""
    found = select(PatientToken.patient_id).where(col(PatientToken.token) == token).limit(MAX_COUNTED + 1).subquery()
    return session.exec(select(func.count()).select_from(found)).one()


def _is_looked_up(token: int) -> Any:
    return col(Patient.id).in_(select(PatientToken.patient_id).where(col(PatientToken.token) == token))


def _is_tried(token: int) -> Any:
    mine = and_(col(PatientToken.token) == token, col(PatientToken.patient_id) == col(Patient.id))
    return select(PatientToken.token).where(mine).correlate(Patient).scalar_subquery().is_not(None)


def _words(text: str) -> Iterator[str]:
    """The words of a text, and the parts of words such as Anne-Marie and R-0012 (there also 12)."""
    for word in search_key(text).split():
        yield word
        for part in _NO_LETTERS.split(word):
            yield part
            yield part.lstrip("0")


def _beginnings(word: str) -> Iterator[str]:
    return (word[:length] for length in range(1, min(len(word), _LONGEST_BEGINNING) + 1))


def _token(key: bytes, beginning: str) -> int:
    return int.from_bytes(sealing.keyed_hash(key, f"word\n{beginning}")[:8], "big", signed=True)


def _by_name(patient: Patient) -> tuple[str, str]:
    return search_key(f"{patient.family_name} {patient.given_name} {patient.record_number}"), patient.id
