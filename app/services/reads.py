"""Reads of patient data in the audit trail: who looked at what, without a row for every second that a page is open."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from app.services.permissions import Actor
from clinic_data import audit
from clinic_data.database import Database

AGAIN_AFTER_S = 60.0
"""Pages read the same rows with every click, and some every second; within this time that is one look."""
_REMEMBERED = 20_000
_noted: WeakKeyDictionary[Database, OrderedDict[tuple[str | None, ...], float]] = WeakKeyDictionary()
_lock = Lock()


def note_read(
    database: Database,
    actor: Actor,
    action: str,
    subject_type: str,
    subject_id: str | None,
    details: dict[str, Any] | None = None,
) -> None:
    """Writes into the trail that the actor read something; call it after the check and before the data goes out.

    Args:
        database: the installation's.
        actor: who reads.
        action: a verb in the past, as "patient.opened".
        subject_type: the kind of row.
        subject_id: its id; None where many were read.
        details: further facts, without a patient's data.
    """
    what = (audit.origin.get().session, actor.user_id, action, subject_id, json.dumps(details, sort_keys=True))
    if not _is_new(database, what, time.monotonic()):
        return
    try:
        with database.transaction() as session:
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action=action,
                subject_type=subject_type,
                subject_id=subject_id,
                details=details,
            )
    except BaseException:
        with _lock:  # nothing was written, so the next look is the first again
            _noted[database].pop(what, None)
        raise


def _is_new(database: Database, what: tuple[str | None, ...], now_s: float) -> bool:
    with _lock:
        noted = _noted.setdefault(database, OrderedDict())
        if now_s - noted.get(what, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return False
        noted[what] = now_s
        noted.move_to_end(what)
        while len(noted) > _REMEMBERED:
            noted.popitem(last=False)
        return True
