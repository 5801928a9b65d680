"""Access in an emergency: its reason, its end, and who looked at it afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clinic_data import emergency_access
from clinic_data.errors import ConflictError, NotFoundError, ValidationError

NOBODY = "0" * 32
REASON = "Fell on the stairs, seen in the emergency room."


@pytest.fixture
def granted(session, rows, now: datetime):
    """An access of ada to a patient, and the ids of ada and of an administrator."""
    ada, eve = rows.user(session, "ada"), rows.user(session, "eve", "administrator")
    access = emergency_access.grant(
        session=session, user_id=ada.id, patient_id=rows.patient(session).id, reason=f"  {REASON}\r\n", now=now
    )
    return access, ada.id, eve.id


def test_an_access_says_why_and_until_when(session, granted, now: datetime) -> None:
    access, ada, _ = granted
    session.expire(access)
    assert (access.reason, access.granted_at, access.expires_at) == (REASON, now, now + timedelta(hours=8))
    assert REASON not in repr(access)
    assert emergency_access.list_open(session=session, user_id=ada, now=now) == [access]
    assert emergency_access.list_open(session=session, user_id=ada, now=now + timedelta(hours=8)) == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "at least 10"),
        ("emergency", "at least 10"),
        ("a         b         c", "at least 10"),
        ("x" * 501, "at most 500"),
        ("needed\u200bright now", "invisible"),
    ],
)
def test_a_reason_that_says_nothing_is_refused(session, rows, reason: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        emergency_access.grant(
            session=session, user_id=rows.user(session).id, patient_id=rows.patient(session).id, reason=reason
        )


def test_there_is_no_access_to_nobody(session, rows) -> None:
    with pytest.raises(ConflictError, match="does not exist"):
        emergency_access.grant(session=session, user_id=rows.user(session).id, patient_id=NOBODY, reason=REASON)


def test_an_access_can_end_early_and_not_begin_again(session, granted, now: datetime) -> None:
    access, ada, _ = granted
    early = now + timedelta(minutes=20)
    emergency_access.end(session=session, access_id=access.id, now=early)
    assert access.expires_at == early
    assert not emergency_access.is_open(session=session, user_id=ada, patient_id=access.patient_id, now=early)
    emergency_access.end(session=session, access_id=access.id, now=now + timedelta(hours=5))
    assert access.expires_at == early
    with pytest.raises(NotFoundError):
        emergency_access.end(session=session, access_id=NOBODY)


def test_somebody_else_reviews_it_once(session, rows, granted, now: datetime) -> None:
    access, ada, eve = granted
    assert emergency_access.count_to_review(session=session) == 1
    with pytest.raises(ConflictError, match="their own"):
        emergency_access.review(session=session, access_id=access.id, reviewer_id=ada)
    emergency_access.review(session=session, access_id=access.id, reviewer_id=eve, now=now)
    assert (access.reviewed_by, access.reviewed_at) == (eve, now)
    with pytest.raises(ConflictError, match="meanwhile"):
        emergency_access.review(session=session, access_id=access.id, reviewer_id=eve)
    assert emergency_access.count_to_review(session=session) == 0


def test_the_list_is_newest_first_and_filtered(session, rows, granted, now: datetime) -> None:
    access, ada, eve = granted
    later = emergency_access.grant(
        session=session, user_id=ada, patient_id=access.patient_id, reason=REASON, now=now + timedelta(days=1)
    )
    emergency_access.review(session=session, access_id=access.id, reviewer_id=eve)

    def listed(reviewed: bool | None) -> list[str]:
        return [row.id for row in emergency_access.list_accesses(session=session, reviewed=reviewed).rows]

    assert (listed(None), listed(True), listed(False)) == ([later.id, access.id], [access.id], [later.id])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE emergency_access SET reviewed_by = user_id, reviewed_at = granted_at",
        "UPDATE emergency_access SET reviewed_at = granted_at",
        "DELETE FROM patient",
    ],
)
def test_the_database_itself_refuses(database, rows, now: datetime, statement: str) -> None:
    with database.transaction() as session:
        emergency_access.grant(
            session=session, user_id=rows.user(session).id, patient_id=rows.patient(session).id, reason=REASON, now=now
        )
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text(statement))


def test_the_reason_is_sealed_in_the_database(database, rows, now: datetime) -> None:
    with database.transaction() as session:
        emergency_access.grant(
            session=session, user_id=rows.user(session).id, patient_id=rows.patient(session).id, reason=REASON, now=now
        )
    with database.reading() as session:
        (stored,) = session.execute(text("SELECT reason FROM emergency_access")).one()
        assert stored.startswith("s1.")
        assert "stairs" not in stored
        assert emergency_access.list_accesses(session=session).rows[0].reason == REASON
