"""Slow sign-in: after some failures each further attempt has to wait, by user name and by address.

Both are kept as their blind index only, so that the table tells neither names that were typed (a password, perhaps)
nor where people sit. A name that nobody has waits like any other: the wait tells no stranger which accounts exist.
"""

from __future__ import annotations

import ipaddress
import math
from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select

from clinic_data import data_keys
from clinic_data.account_tables import SignInThrottle
from clinic_data.errors import SlowDownError

WINDOW = timedelta(minutes=15)
"""After so long without a failure counting starts anew."""
FAILURES_OF_NAME = 3
FAILURES_OF_ADDRESS = 10  # a clinic's users may share one
LONGEST_WAIT_S = 60
_KEPT = timedelta(days=1)


def check(*, session: Session, username: str, address: str, now: datetime) -> None:
    """Refuse an attempt that comes too early. Locks both counters until the transaction ends: no guesses in parallel.

    Args:
        session: a session of ``Database.transaction()``.
        username: as ``users.normalised_username`` gives it; of an account or of nobody.
        address: of the visitor; an empty text is not counted (the server's own command line).
        now: the present moment.

    Raises:
        SlowDownError: with the seconds to wait; the attempt changes no counter.
    """
    counters = [row for row, _ in _counters(session, username, address, now)]
    waits = [row for row in counters if row.wait_until is not None and row.wait_until > now]
    if not waits:
        return
    seconds = max(math.ceil((row.wait_until - now).total_seconds()) for row in waits if row.wait_until)
    first = any(not row.refusal_noted for row in waits)
    for row in waits:
        row.refusal_noted = True
    session.flush()
    raise SlowDownError(seconds, first_in_wait=first)


def count_failure(*, session: Session, username: str, address: str, now: datetime) -> None:
    """Count a failed attempt, and set the wait before the next one: 1, 2, 4 … 60 seconds."""
    remove_old(session=session, now=now)
    for row, free_failures in _counters(session, username, address, now):
        if now - row.last_failure_at >= WINDOW:
            row.failures = 0
        row.failures += 1
        row.last_failure_at = now
        row.refusal_noted = False
        beyond = row.failures - free_failures
        row.wait_until = now + timedelta(seconds=min(LONGEST_WAIT_S, 2 ** min(beyond, 10))) if beyond >= 0 else None
    session.flush()


def forgive(*, session: Session, username: str) -> None:
    """Forget the failures of a user name, after a sign-in or a new password.

    Those of the address stay: one account of one's own must not make guessing at others free.
    """
    key = _key(session, "name", username)
    session.exec(delete(SignInThrottle).where(col(SignInThrottle.key) == key))


def remove_old(*, session: Session, now: datetime) -> int:
    """Delete counters of yesterday and before; how many there were."""
    return session.exec(delete(SignInThrottle).where(col(SignInThrottle.last_failure_at) < now - _KEPT)).rowcount


def _counters(session: Session, username: str, address: str, now: datetime) -> list[tuple[SignInThrottle, int]]:
    """The locked counters with the failures that are free; always in this order, so that nobody deadlocks."""
    counters = [(_locked_row(session, _key(session, "name", username), now), FAILURES_OF_NAME)]
    if address:
        key = _key(session, "address", _network(address))
        counters.append((_locked_row(session, key, now), FAILURES_OF_ADDRESS))
    return counters


def _locked_row(session: Session, key: str, now: datetime) -> SignInThrottle:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    new = {"key": key, "failures": 0, "last_failure_at": now, "refusal_noted": False}
    session.connection().execute(dialect.insert(SignInThrottle).values(new).on_conflict_do_nothing())
    statement = select(SignInThrottle).where(SignInThrottle.key == key).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).one()


def _key(session: Session, kind: str, text: str) -> str:
    return data_keys.index_token(session=session, kind=f"sign-in {kind}", text=text)


def _network(address: str) -> str:
    """An address as it is counted: a home or office has 2^64 addresses of IPv6, so those count together."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
