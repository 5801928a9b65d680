"""Sessions of signed-in browsers: expiry and revocation."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from clinic_data import sign_in_sessions, users
from clinic_data.tables import SignInSession


@pytest.fixture
def user_id(session, rows) -> str:
    return rows.user(session).id


@pytest.fixture
def token(session, user_id: str, now: datetime) -> str:
    return sign_in_sessions.open_session(session=session, user_id=user_id, now=now)


def _user_id(session, token: str, now: datetime) -> str | None:
    found = sign_in_sessions.resolve(session=session, token=token, now=now)
    if found is None:
        return None
    if found.touch_due:
        sign_in_sessions.touch(session=session, token=token, now=now)
    return found.user.id


def test_a_token_leads_to_its_user(session, token: str, user_id: str, now: datetime) -> None:
    assert _user_id(session, token, now) == user_id


@pytest.mark.parametrize("other", ["", "x", "\x00", "é" * 1000])
def test_another_token_leads_to_nobody(session, token: str, now: datetime, other: str) -> None:
    assert _user_id(session, other, now) is None


def test_only_a_digest_of_the_token_is_kept(session, token: str) -> None:
    row = session.exec(select(SignInSession)).one()
    assert token not in str(row.model_dump())
    assert _user_id(session, row.token_sha256, row.created_at) is None
    assert len(token) >= 43  # 256 random bits


def test_ends_after_thirty_idle_minutes(session, token: str, now: datetime) -> None:
    assert _user_id(session, token, now + timedelta(minutes=30)) is None


def test_use_keeps_it_open_until_twelve_hours_have_passed(session, token: str, user_id: str, now: datetime) -> None:
    moment = now
    while moment < now + timedelta(hours=12):
        assert _user_id(session, token, moment) == user_id
        moment += timedelta(minutes=29)
    assert moment - now < timedelta(hours=12, minutes=29)
    assert _user_id(session, token, now + timedelta(hours=12)) is None


def test_looking_writes_nothing(database, rows, now: datetime) -> None:
    with database.transaction() as session:
        token = sign_in_sessions.open_session(session=session, user_id=rows.user(session).id, now=now)
    with database.reading() as session:  # the database refuses writes here
        found = sign_in_sessions.resolve(session=session, token=token, now=now + timedelta(minutes=5))
    assert found is not None
    assert found.touch_due


def test_a_session_that_has_ended_cannot_be_brought_back_by_use(session, token: str, now: datetime) -> None:
    sign_in_sessions.touch(session=session, token=token, now=now + timedelta(minutes=31))
    assert session.exec(select(SignInSession)).one().last_seen_at == now


def test_the_time_of_use_is_written_at_most_once_a_minute(session, token: str, now: datetime) -> None:
    _user_id(session, token, now + timedelta(seconds=59))
    assert session.exec(select(SignInSession)).one().last_seen_at == now
    _user_id(session, token, now + timedelta(seconds=60))
    assert session.exec(select(SignInSession)).one().last_seen_at == now + timedelta(seconds=60)


def test_signing_out_ends_this_session_only(session, token: str, user_id: str, now: datetime) -> None:
    other = sign_in_sessions.open_session(session=session, user_id=user_id, now=now)
    sign_in_sessions.close(session=session, token=token)
    sign_in_sessions.close(session=session, token=token)
    assert _user_id(session, token, now) is None
    assert _user_id(session, other, now) == user_id


def test_a_user_can_be_signed_out_everywhere(session, token: str, user_id: str, rows, now: datetime) -> None:
    sign_in_sessions.open_session(session=session, user_id=user_id, now=now)
    stranger = sign_in_sessions.open_session(session=session, user_id=rows.user(session, "bea").id, now=now)
    assert sign_in_sessions.close_all_of_user(session=session, user_id=user_id) == 2
    assert _user_id(session, token, now) is None
    assert _user_id(session, stranger, now) is not None


def test_an_inactive_user_is_nobody_even_if_the_session_were_left_open(session, token, user_id, now) -> None:
    users.get_user(session=session, user_id=user_id).active = False
    session.flush()
    assert _user_id(session, token, now) is None


def test_ended_sessions_can_be_removed(session, token: str, user_id: str, now: datetime) -> None:
    sign_in_sessions.close(session=session, token=token)
    later = now + timedelta(minutes=20)
    sign_in_sessions.open_session(session=session, user_id=user_id, now=later)
    assert sign_in_sessions.remove_ended(session=session, now=later) == 1
    assert sign_in_sessions.remove_ended(session=session, now=later + timedelta(minutes=30)) == 1


def test_sessions_say_where_they_are_in_printable_words(session, user_id: str, now: datetime) -> None:
    browser = "Mozilla\n\x1b[31m " + "x" * 500
    sign_in_sessions.open_session(session=session, user_id=user_id, address="203.0.113.9", browser=browser, now=now)
    row = session.exec(select(SignInSession)).one()
    assert row.address == "203.0.113.9"
    assert row.browser.startswith("Mozilla [31m x")
    assert len(row.browser) == 200


def test_the_open_sessions_of_a_user_newest_use_first(session, user_id: str, rows, now: datetime) -> None:
    early, late, gone, stranger = (
        sign_in_sessions.open_session(session=session, user_id=owner, now=moment)
        for owner, moment in (
            (user_id, now),
            (user_id, now + timedelta(minutes=1)),
            (user_id, now - timedelta(hours=1)),
            (rows.user(session, "bea").id, now),
        )
    )
    found = sign_in_sessions.list_open(session=session, user_id=user_id, now=now + timedelta(minutes=2))
    assert [row.token_sha256 for row in found] == [sign_in_sessions.digest(late), sign_in_sessions.digest(early)]
    assert sign_in_sessions.digest(gone) != sign_in_sessions.digest(stranger)


def test_only_ones_own_session_can_be_ended(session, token: str, user_id: str, rows, now: datetime) -> None:
    row = session.exec(select(SignInSession)).one()
    other = rows.user(session, "bea").id
    assert not sign_in_sessions.close_one_of_user(session=session, user_id=other, session_id=row.id)
    assert _user_id(session, token, now) == user_id
    assert sign_in_sessions.close_one_of_user(session=session, user_id=user_id, session_id=row.id)
    assert not sign_in_sessions.close_one_of_user(session=session, user_id=user_id, session_id=row.id)
    assert _user_id(session, token, now) is None
