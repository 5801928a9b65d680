"""Data keys: one for each patient and one for each purpose, wrapped by a master key in the table ``data_key``.

``Database`` puts its key ring into each session; the functions here find it there. An opened key stays in the ring for
some minutes, so a page with fifty patients asks the database once for their keys.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, event, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from clinic_data import sealing
from clinic_data.clock import utc_now
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import SealError
from clinic_data.master_keys import MasterKeys, missing_key_sentence
from clinic_data.tables import new_id

CLINIC = "clinic"
INDEX = "index"
AUDIT = "audit"
PURPOSES = (CLINIC, INDEX, AUDIT)
"""The keys that every installation has; `for_purpose` makes others where they are asked for."""

_Owner = tuple[str | None, str | None]  # patient and purpose, one of them None
_RING = "keys"  # in session.info
_SEALING = "keys that seal in this session"
_CACHED_KEYS = 20_000
_CACHED_S = 300.0
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key, ready to seal with. Its ``repr`` tells only the id.

    Attributes:
        id: under which the table knows it.
        key: 32 bytes.
        patient_id: whose key it is; None: that of a purpose.
    """

    id: str
    key: bytes = field(repr=False)
    patient_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of ``data_key`` as it was read.

    Attributes:
        id: of the key.
        patient_id: whose key it is, or None.
        purpose: what it is for, or None.
        master_key_id: under which it is wrapped.
        wrapped: the wrapped key as text; None once it was destroyed.
    """

    id: str
    patient_id: str | None
    purpose: str | None
    master_key_id: str
    wrapped: str | None = field(repr=False)

    @property
    def context(self) -> str:
        """The place to which the wrapped key is bound: a key that was put into another row does not open."""
        return f"data_key.{self.id}.{self.patient_id or ''}.{self.purpose or ''}"


class KeyRing:
    """The master keys, and those data keys that were needed lately. Threads may share it.

    Args:
        master: the master keys of this installation.
        read_again: gives the master keys as they are now; asked when the database names one that is not known, because
            a rotation may run in another process.
    """

    def __init__(self, master: MasterKeys, read_again: Callable[[], MasterKeys] | None = None) -> None:
        self.master = master
        self._read_again = read_again
        self._opened: OrderedDict[str, tuple[float, DataKey]] = OrderedDict()
        self._lock = threading.Lock()

    def opened(self, key_id: str) -> DataKey | None:
        """A data key that was needed lately, or None."""
        with self._lock:
            until, key = self._opened.get(key_id, (0.0, None))
            if key is None or until < time.monotonic():
                self._opened.pop(key_id, None)
                return None
            self._opened.move_to_end(key_id)
            return key

    def master_with(self, master_key_id: str) -> MasterKeys:
        """The master keys, among them the named one.

        Raises:
            SealError: it is not among them, nor among those that are read again.
        """
        if master_key_id not in self.master.ids and self._read_again is not None:
            self.master = self._read_again()
        if master_key_id not in self.master.ids:
            raise SealError(missing_key_sentence(master_key_id))
        return self.master

    def open(self, row: Stored) -> DataKey:
        """Unwrap a data key and keep it for a while.

        Raises:
            SealError: it was destroyed, or it does not open with these master keys.
        """
        if row.wrapped is None:
            raise SealError(ERASED)
        master = self.master_with(row.master_key_id)
        plain = master.unwrap(row.master_key_id, sealing.from_text(row.wrapped), row.context)
        key = DataKey(row.id, plain, row.patient_id)
        with self._lock:
            self._opened[row.id] = (time.monotonic() + _CACHED_S, key)
            while len(self._opened) > _CACHED_KEYS:
                self._opened.popitem(last=False)
        return key

    def forget(self, key_id: str) -> None:
        """Drop a data key that was destroyed."""
        with self._lock:
            self._opened.pop(key_id, None)

    def __repr__(self) -> str:
        return f"KeyRing({self.master!r})"


ERASED = "This belongs to a patient who was erased: the key is destroyed, so nobody can open it any more."
_UNKNOWN = "A stored value names a key that does not exist. Run `fgait-clinic check` and restore from a backup."
_NO_RING = "This needs the clinic's keys, and the database was opened without them."


def attach(session: Session, ring: KeyRing | None) -> None:
    """Give a session the keys of its database."""
    session.info[_RING] = ring


def ring_of(session: Session) -> KeyRing:
    """The key ring of a session.

    Raises:
        SealError: the database was opened without keys.
    """
    ring = session.info.get(_RING)
    if not isinstance(ring, KeyRing):
        raise SealError(_NO_RING)
    return ring


def of_patient(*, session: Session, patient_id: str | None) -> DataKey:
    """The key that seals what belongs to a patient, or to nobody (None: the clinic's). Made if there is none yet.

    Raises:
        SealError: the patient was erased, or the key does not open.
    """
    return of_patients(session=session, patient_ids=[patient_id])[patient_id]


def of_patients(*, session: Session, patient_ids: Collection[str | None]) -> dict[str | None, DataKey]:
    """The keys of many patients with few questions to the database; see ``of_patient``."""
    owners = {patient_id: (patient_id, None) if patient_id else (None, CLINIC) for patient_id in patient_ids}
    keys = _of_owners(session, set(owners.values()))
    return {patient_id: keys[owner] for patient_id, owner in owners.items()}


def for_purpose(*, session: Session, purpose: str) -> DataKey:
    """The key of a purpose; made if there is none yet.

    Raises:
        SealError: the key does not open.
    """
    return _of_owners(session, {(None, purpose)})[None, purpose]


def by_id(*, session: Session, key_id: str) -> DataKey:
    """The key that a stored value or file names.

    Raises:
        SealError: there is no such key, its patient was erased, or it does not open.
    """
    return by_ids(session=session, key_ids=[key_id])[key_id]


def by_ids(*, session: Session, key_ids: Collection[str]) -> dict[str, DataKey]:
    """Many keys with few questions to the database.

    Raises:
        SealError: one of them does not exist, was destroyed, or does not open.
    """
    ring = ring_of(session)
    keys: dict[str, DataKey] = {}
    for key_id in set(key_ids):
        key = ring.opened(key_id)
        if key is not None:
            keys[key_id] = key
    missing = sorted(set(key_ids) - keys.keys())
    for start in range(0, len(missing), _AT_ONCE):
        some = missing[start : start + _AT_ONCE]
        for row in _read(session, col(WrappedKey.id).in_(some)):
            keys[row.id] = ring.open(row)
    if len(keys) < len(set(key_ids)):
        raise SealError(_UNKNOWN)
    return keys


def index_token(*, session: Session, kind: str, text: str) -> str:
    """The keyed hash of a text as 64 hexadecimal digits, under which it is found again without being stored.

    Args:
        session: any session of a database with keys.
        kind: of the text; equal texts of different kinds have different tokens.
        text: as it is to be compared; normalise it first.
    """
    key = for_purpose(session=session, purpose=INDEX)
    return sealing.keyed_hash(key.key, f"{kind}\n{text}").hex()


def destroy(*, session: Session, patient_id: str) -> str | None:
    """Destroy a patient's key for ever; what it sealed cannot be opened any more. The id of the key, if there was one.

    Backups that are older still hold the wrapped key: restoring one must erase the patient again.
    """
    found = _read(session, col(WrappedKey.patient_id) == patient_id)
    if not found:
        return None
    key_id = found[0].id
    destroyed = {"wrapped": None, "destroyed_at": utc_now()}
    session.connection().execute(
        update(WrappedKey).where(col(WrappedKey.id) == key_id, col(WrappedKey.wrapped).is_not(None)).values(destroyed)
    )
    ring_of(session).forget(key_id)
    session.info.pop(_SEALING, None)
    return key_id


def check(*, session: Session) -> None:
    """That the master keys at hand are those of this database.

    Raises:
        SealError: the data is sealed under another master key, or a key was changed.
    """
    ring = ring_of(session)
    for used in master_key_counts(session=session):
        ring.master_with(used)
    for row in _read(session, col(WrappedKey.purpose).is_not(None)):
        ring.open(row)


def master_key_counts(*, session: Session) -> dict[str, int]:
    """How many data keys each master key wraps, by the name of the master key; destroyed ones do not count."""
    name = col(WrappedKey.master_key_id)
    statement = select(name, func.count()).where(col(WrappedKey.wrapped).is_not(None)).group_by(name)
    return {used: count for used, count in session.connection().execute(statement)}


def make_missing(*, session: Session, patient_ids: Iterable[str] = (), purposes: Iterable[str] = ()) -> None:
    """Make the keys of those patients and purposes that have none yet."""
    master_key_id = _wrapping_key(session)
    master = ring_of(session).master_with(master_key_id)
    owners = [*((patient_id, None) for patient_id in patient_ids), *((None, purpose) for purpose in purposes)]
    rows = [_new_row(master, master_key_id, patient_id, purpose) for patient_id, purpose in owners]
    # Another transaction may make the same key at this moment: the first one stays.
    dialect = session.get_bind().dialect.name
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(WrappedKey).on_conflict_do_nothing()
    for start in range(0, len(rows), _AT_ONCE):
        session.connection().execute(statement, rows[start : start + _AT_ONCE])


def _of_owners(session: Session, owners: set[_Owner]) -> dict[_Owner, DataKey]:
    """The keys by owner. The session remembers them until it rolls back: with it a new key may vanish."""
    known: dict[_Owner, DataKey] = session.info.setdefault(_SEALING, {})
    missing = owners - known.keys()
    if missing:
        known.update(_find(session, missing))
        missing = owners - known.keys()
    if missing:
        patient_ids = [patient_id for patient_id, _ in missing if patient_id]
        make_missing(session=session, patient_ids=patient_ids, purposes=[purpose for _, purpose in missing if purpose])
        known.update(_find(session, missing))
    return {owner: known[owner] for owner in owners}


def _find(session: Session, owners: set[_Owner]) -> dict[_Owner, DataKey]:
    rows: list[Stored] = []
    patient_ids = sorted(patient_id for patient_id, _ in owners if patient_id)
    for start in range(0, len(patient_ids), _AT_ONCE):
        rows += _read(session, col(WrappedKey.patient_id).in_(patient_ids[start : start + _AT_ONCE]))
    purposes = [purpose for _, purpose in owners if purpose]
    if purposes:
        rows += _read(session, col(WrappedKey.purpose).in_(purposes))
    ring = ring_of(session)
    return {(row.patient_id, row.purpose): ring.open(row) for row in rows}


def _forget_keys(session: Session, _transaction: object) -> None:
    session.info.pop(_SEALING, None)


event.listen(Session, "after_soft_rollback", _forget_keys)


def _read(session: Session, condition: ColumnElement[bool]) -> list[Stored]:
    columns = (WrappedKey.id, WrappedKey.patient_id, WrappedKey.purpose, WrappedKey.master_key_id, WrappedKey.wrapped)
    statement = select(*(col(column) for column in columns)).where(condition)
    # Not through the session: reading a key while rows are written must not write them.
    return [Stored(*row) for row in session.connection().execute(statement)]


def _wrapping_key(session: Session) -> str:
    """The master key that wraps new data keys: the one of the clinic's own key.

    So no process that still has the older master keys in memory can wrap with one that a rotation is about to drop:
    the rotation changes this row first and waits for the transactions that read it.
    """
    statement = select(col(WrappedKey.master_key_id)).where(col(WrappedKey.purpose) == CLINIC)
    found = session.connection().execute(statement.with_for_update(read=True)).scalar()
    return found or ring_of(session).master.current


def _new_row(master: MasterKeys, master_key_id: str, patient_id: str | None, purpose: str | None) -> dict[str, Any]:
    row = Stored(new_id(), patient_id, purpose, master_key_id, None)
    return {
        "id": row.id,
        "patient_id": patient_id,
        "purpose": purpose,
        "master_key_id": master_key_id,
        "wrapped": sealing.to_text(master.wrap(sealing.new_key(), row.context, master_key_id)),
        "created_at": utc_now(),
    }
