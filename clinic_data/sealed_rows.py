"""Rows with sealed columns: the session seals them as it writes and opens them as it reads.

In Python an attribute holds the plain value, in the database the sealed one. Every value is sealed under the key of the
patient whom its row is about (of nobody: the clinic's), and bound to table, column and row: a value that was changed,
or copied to another row, raises a SealError, and so does a row that was given to another patient past this module.

A statement that reads single columns gets them sealed and opens them with ``open_values``. A statement that writes a
plain value into a sealed column fails; one that changes ``patient_id`` alone must not exist: change it in the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy import select as select_columns
from sqlalchemy.orm import ORMExecuteState, attributes
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session, col

from clinic_data import data_keys, sealed_columns
from clinic_data.access_tables import EmergencyAccess
from clinic_data.data_keys import DataKey
from clinic_data.errors import SealError
from clinic_data.privacy_tables import Erasure, LegalHold
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.sealed_columns import DATE, JSON_VALUE, TEXT, Codec, SealedText
from clinic_data.sealing import DOES_NOT_OPEN
from clinic_data.tables import Assessment, ClinicTable, Job, Patient, Recording, Report, Sex
from clinic_data.visit_tables import PatientNote, ScoreDecision

_SEX = Codec(TEXT.to_bytes, lambda plain: Sex(plain.decode()))


@dataclass(frozen=True, slots=True)
class SealedTable:
    """Which columns of a table are sealed.

    Attributes:
        name: of the table.
        columns: how the values of each sealed column become bytes.
        owner: the column that says whose row it is: "id" (the patient's own), "patient_id", or "assessment_id" (the
            patient of that assessment).
    """

    name: str
    columns: Mapping[str, Codec]
    owner: str


SEALED: dict[type[ClinicTable], SealedTable] = {
    Patient: SealedTable(
        "patient",
        {
            "record_number": TEXT,
            "family_name": TEXT,
            "given_name": TEXT,
            "birth_date": DATE,
            "sex": _SEX,
            "notes": TEXT,
        },
        "id",
    ),
    Recording: SealedTable("recording", {"original_name": TEXT}, "patient_id"),
    Job: SealedTable("job", {"result": JSON_VALUE}, "patient_id"),
    Assessment: SealedTable("assessment", {"result": JSON_VALUE}, "patient_id"),
    Report: SealedTable("report", {"addendum": TEXT}, "patient_id"),
    PatientNote: SealedTable("patient_note", {"text": TEXT}, "patient_id"),
    ScoreDecision: SealedTable("score_decision", {"reason": TEXT, "phq9_waived_reason": TEXT}, "assessment_id"),
    ConfirmedOutcome: SealedTable("confirmed_outcome", {"note": TEXT}, "assessment_id"),
    EmergencyAccess: SealedTable("emergency_access", {"reason": TEXT}, "patient_id"),
    LegalHold: SealedTable("legal_hold", {"reason": TEXT}, "patient_id"),
    Erasure: SealedTable("erasure", {"note": TEXT}, "patient_id"),
}
"""Every table with sealed columns."""

_WAITING = "rows that were read and are still sealed"
_SEALED_NOW = "rows that are sealed while they are written"


def context_of(table: str, column: str, row_id: str) -> str:
    """The place of a value, to which it is bound."""
    return f"{table}.{column}.{row_id}"


def open_values(
    *, session: Session, table: type[ClinicTable], column: str, values: Iterable[tuple[str, str | None]]
) -> list[Any]:
    """Open what a statement read of one sealed column.

    Args:
        session: that ran the statement.
        table: of the column.
        column: its name.
        values: the id of each row and the value as it was read.

    Raises:
        SealError: a value does not open.
    """
    codec = SEALED[table].columns[column]
    return [
        plain if plain is None or plain == "" else codec.from_bytes(plain)
        for plain in open_bytes(session=session, table=table, column=column, values=values)
    ]


def open_value(*, session: Session, table: type[ClinicTable], column: str, row_id: str, value: str | None) -> Any:
    """Open one value of a sealed column that a statement read; see ``open_values``."""
    return open_values(session=session, table=table, column=column, values=[(row_id, value)])[0]


def open_bytes(
    *, session: Session, table: type[ClinicTable], column: str, values: Iterable[tuple[str, str | None]]
) -> list[Any]:
    """Like ``open_values``, but the values as the bytes that were sealed; None and "" stay as they are."""
    read = list(values)
    keys = _keys_of(session, (value for _, value in read))
    name = SEALED[table].name
    return [
        sealed_columns.open_value(keys[sealed_columns.key_id_of(value)].key, value, context_of(name, column, row_id))
        if value
        else value
        for row_id, value in read
    ]


def sealed_values(
    *, session: Session, table: type[ClinicTable], rows: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows for a statement that inserts many at once, with their sealed columns sealed.

    Args:
        session: that will run the statement.
        table: of the rows.
        rows: plain values by column; ``id`` and the column that names the owner are among them, where it has one.
    """
    declared, plain_rows = SEALED[table], list(rows)
    owners = [_owner_of_values(session, declared, row) for row in plain_rows]
    keys = data_keys.of_patients(session=session, patient_ids=set(owners))
    return [
        dict(row)
        | {name: _sealed(declared, name, row["id"], row[name], keys[owner]) for name in declared.columns if name in row}
        for row, owner in zip(plain_rows, owners, strict=True)
    ]


def _owner_of_values(session: Session, declared: SealedTable, row: Mapping[str, Any]) -> str | None:
    if declared.owner == "assessment_id":
        return _patient_of_assessment(session, row["assessment_id"])
    return row.get(declared.owner)


def _sealed(table: SealedTable, name: str, row_id: str, value: Any, key: DataKey) -> Any:
    if value is None or value == "":
        return value
    plain = table.columns[name].to_bytes(value)
    return sealed_columns.seal_value(key.id, key.key, plain, context_of(table.name, name, row_id))


def reseal(*, session: Session, rows: Iterable[ClinicTable]) -> None:
    """Seal rows again at the next flush, because somebody else is their patient now.

    Rows that are kept for ever need ``change_permit.permitted`` around it.
    """
    for row in rows:
        for name in SEALED[type(row)].columns:
            attributes.flag_modified(row, name)


def _keys_of(session: Session, values: Iterable[str | None]) -> dict[str, DataKey]:
    wanted = {sealed_columns.key_id_of(value) for value in values if value}
    return data_keys.by_ids(session=session, key_ids=wanted) if wanted else {}


def _loaded(row: ClinicTable, context: Any, *_: object) -> None:
    """A row was read; it is opened with the others of its statement, where there are others."""
    session: Session = context.session
    waiting: list[ClinicTable] | None = session.info.get(_WAITING)
    if waiting is None:
        _open(session, [row])
    else:
        waiting.append(row)


def _read_together(state: ORMExecuteState) -> Any:
    """Read all rows of a statement before they are opened, so that their keys are read with one question."""
    session: Any = state.session
    sealed = any(mapper.class_ in SEALED for mapper in state.all_mappers)
    if not sealed or not state.is_select or _WAITING in session.info or state.execution_options.get("yield_per"):
        return None
    waiting: list[ClinicTable] = []
    session.info[_WAITING] = waiting
    try:
        result = state.invoke_statement().freeze()
    except BaseException:
        _drop(session, waiting)
        raise
    finally:
        del session.info[_WAITING]
    _open(session, waiting)
    return result()


def _open(session: Any, rows: list[ClinicTable]) -> None:
    try:
        keys = _keys_of(session, (value for row in rows for _, value in _still_sealed(row)))
        for row in rows:
            for name, value in _still_sealed(row):
                key = keys[sealed_columns.key_id_of(value)]
                attributes.set_committed_value(row, name, _opened(row, name, value, key))
    except SealError:
        _drop(session, rows)
        raise


def _still_sealed(row: ClinicTable) -> list[tuple[str, SealedText]]:
    values = vars(row)
    found = ((name, values.get(name)) for name in SEALED[type(row)].columns)
    return [(name, value) for name, value in found if isinstance(value, SealedText)]


def _opened(row: ClinicTable, name: str, value: str, key: DataKey) -> Any:
    table, values = SEALED[type(row)], vars(row)
    if table.owner in ("id", "patient_id") and values.get(table.owner, key.patient_id) != key.patient_id:
        raise SealError(DOES_NOT_OPEN)
    plain = sealed_columns.open_value(key.key, value, context_of(table.name, name, values["id"]))
    return table.columns[name].from_bytes(plain)


def _drop(session: Session, rows: list[ClinicTable]) -> None:
    """Take rows that stayed sealed out of the session: nobody shall find them there later."""
    for row in rows:
        if row in session:
            session.expunge(row)


def _find_keys(session: Session, _context: object, _instances: object) -> None:
    """Before rows are written: read or make the keys of all their patients with few questions."""
    written = [row for row in (*session.new, *session.dirty) if type(row) in SEALED]
    owners = {_owner(session, row) for row in written if _values_to_seal(row)}
    data_keys.of_patients(session=session, patient_ids=owners)


def _seal(_mapper: object, _connection: object, row: ClinicTable) -> None:
    session = _session_of(row)
    values = _values_to_seal(row)
    if session is None or not values:
        return
    table = SEALED[type(row)]
    owner = _owner(session, row)
    key = data_keys.of_patients(session=session, patient_ids=[owner])[owner]
    session.info.setdefault(_SEALED_NOW, []).append((row, values))
    for name, value in values.items():
        attributes.set_attribute(row, name, _sealed(table, name, vars(row)["id"], value, key))


def _values_to_seal(row: ClinicTable) -> dict[str, Any]:
    """The plain values that have to be sealed: those that are new, and all of them where the patient is another."""
    table, state = SEALED[type(row)], inspect(row)
    everything = not state.persistent or (table.owner != "id" and state.attrs[table.owner].history.has_changes())
    values = {
        name: getattr(row, name) for name in table.columns if everything or state.attrs[name].history.has_changes()
    }
    return {
        name: value
        for name, value in values.items()
        if value is not None and value != "" and not isinstance(value, SealedText)
    }


def _owner(session: Session, row: ClinicTable) -> str | None:
    owner: str | None = getattr(row, SEALED[type(row)].owner)
    if SEALED[type(row)].owner == "assessment_id" and owner is not None:
        return _patient_of_assessment(session, owner)
    return owner


def _patient_of_assessment(session: Session, assessment_id: str) -> str | None:
    known = session.identity_map.get(identity_key(Assessment, assessment_id))
    if isinstance(known, Assessment):
        return known.patient_id
    statement = select_columns(col(Assessment.patient_id)).where(col(Assessment.id) == assessment_id)
    return session.connection().execute(statement).scalar()


def _session_of(row: ClinicTable) -> Session | None:
    session = inspect(row).session
    return session if isinstance(session, Session) else None


def _show_plain(session: Session, *_: object) -> None:
    """After rows were written, or could not be: their attributes hold the plain values again."""
    sealed: list[tuple[ClinicTable, dict[str, Any]]] = session.info.pop(_SEALED_NOW, [])
    for row, values in sealed:
        written: dict[str, Any] = vars(row)
        for name, value in values.items():
            if isinstance(written.get(name), SealedText):
                attributes.set_committed_value(row, name, value)


for _table in SEALED:
    event.listen(_table, "load", _loaded)
    event.listen(_table, "refresh", _loaded)
    event.listen(_table, "before_insert", _seal)
    event.listen(_table, "before_update", _seal)
event.listen(Session, "do_orm_execute", _read_together)
event.listen(Session, "before_flush", _find_keys)
event.listen(Session, "after_flush", _show_plain)
event.listen(Session, "after_soft_rollback", _show_plain)
