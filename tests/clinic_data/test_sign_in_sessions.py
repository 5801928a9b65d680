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
    user = sign_in_sessions.resolve(session=session, token=token, now=now)
    return user.id if user else None


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
