"""The change of the master key: all data keys are wrapped anew, some at a time, while the app runs.

Values and files stay as they are; only the wrapped keys change. First the clinic's own key goes over: from then on new
data keys are wrapped by the new master key in every process (`data_keys`). A rotation that was killed goes on where it
stood, because each data key names the master key that wraps it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, bindparam, func, select, true, update
from sqlmodel import Session, col

from clinic_data import data_keys, sealing
from clinic_data.data_keys import Stored
from clinic_data.database import Database
from clinic_data.encryption_tables import WrappedKey
from clinic_data.master_keys import MasterKeys
from clinic_data.schema import METADATA

_AT_ONCE = 500


def rewrap_all(*, database: Database, on_progress: Callable[[int, int], None] | None = None) -> int:
    """Wrap every data key with the newest master key.

    Args:
        database: opened with the new master key first and the older ones behind it.
        on_progress: told how many keys are done, of how many.

    Returns:
        How many keys were wrapped anew.

    Raises:
        SealError: a master key that wraps some of them is missing; nothing was changed then.
    """
    with database.reading() as session:
        data_keys.check(session=session)
        master = data_keys.ring_of(session).master
        wanted = count_left(session=session, master=master)
    with database.transaction() as session:
        done = _rewrap_some(session, master, col(WrappedKey.purpose) == data_keys.CLINIC)
    while True:
        with database.transaction() as session:
            some = _rewrap_some(session, master, true())
        if not some:
            return done
        done += some
        if on_progress is not None:
            on_progress(done, max(done, wanted))


def count_left(*, session: Session, master: MasterKeys) -> int:
    """How many data keys are not wrapped by the newest master key."""
    statement = select(func.count()).select_from(WrappedKey).where(_is_left(master))
    return session.connection().execute(statement).scalar_one()


def _is_left(master: MasterKeys) -> ColumnElement[bool]:
    return (col(WrappedKey.master_key_id) != master.current) & col(WrappedKey.wrapped).is_not(None)


def _rewrap_some(session: Session, master: MasterKeys, condition: ColumnElement[bool]) -> int:
    columns = (WrappedKey.id, WrappedKey.patient_id, WrappedKey.purpose, WrappedKey.master_key_id, WrappedKey.wrapped)
    statement = select(*(col(column) for column in columns)).where(_is_left(master), condition).limit(_AT_ONCE)
    rows = [Stored(*row) for row in session.connection().execute(statement.with_for_update())]
    table = METADATA.tables["data_key"]
    change = update(table).where(table.c.id == bindparam("row_id"))
    if rows:
        session.connection().execute(change, [_rewrapped(row, master) for row in rows])
    return len(rows)


def _rewrapped(row: Stored, master: MasterKeys) -> dict[str, str]:
    key = master.unwrap(row.master_key_id, sealing.from_text(row.wrapped or ""), row.context)
    wrapped = sealing.to_text(master.wrap(key, row.context))
    return {"row_id": row.id, "master_key_id": master.current, "wrapped": wrapped}
