"""Who gets in: password, lock-out, expiry of one-time passwords, and equal costs for every refusal."""

from __future__ import annotations

from datetime import datetime, timedelta

import argon2
import pytest

from clinic_data import authentication, passwords, sign_in_sessions, users
from clinic_data.database import Database
from clinic_data.errors import SignInError, SlowDownError
from clinic_data.tables import Role

PAUSE = timedelta(seconds=61)  # longer than the longest wait


def _sign_in(database: Database, password: str, now: datetime, username: str = "ada", address: str = "") -> None:
    with database.reading() as session:
        claim = authentication.claim(session=session, username=username)
    checked = claim.checked(password)
    with database.transaction() as session:
        user = authentication.admit(session=session, checked=checked, address=address, now=now)
        authentication.welcome(session=session, user=user, now=now)


def _fail(database: Database, now: datetime, times: int, typed: str = "wrong", username: str = "ada") -> datetime:
    """Failures that each wait long enough; the moment of the last one."""
    moment = now
    for number in range(times):
        moment = now + number * PAUSE
        with pytest.raises(SignInError) as caught:
            _sign_in(database, typed, moment, username)
        assert not isinstance(caught.value, SlowDownError)
    return moment


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were compared, one entry per computation."""
    compared: list[str] = []
    verify, make = argon2.PasswordHasher.verify, argon2.PasswordHasher.hash

    def counted(self, stored, typed):
        compared.append(stored)
        return verify(self, stored, typed)

    def made(self, typed):
        compared.append("made")
        return make(self, typed)

    passwords.verify_password(None, "the hash of nobody is made once")
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    monkeypatch.setattr(argon2.PasswordHasher, "hash", made)
    return compared


def test_a_name_that_no_database_can_hold_is_refused_as_any_other(database, now: datetime) -> None:
    with pytest.raises(SignInError, match="user name or the password is wrong"):
        _sign_in(database, "wrong", now, username="ada\x00")


def test_signs_in_whatever_the_case_of_the_user_name(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session, "Ada")
    _sign_in(database, password, now, " ADA ")
    with database.reading() as session:
        user = users.find_user(session=session, username="ada")
    assert (user.username, user.role, user.last_sign_in_at) == ("ada", Role.CLINICIAN, now)


def test_five_failures_lock_the_account_for_fifteen_minutes(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session)
    last = _fail(database, now, 5)
    _fail(database, last + timedelta(minutes=14, seconds=59), 1, password)
    _sign_in(database, password, last + timedelta(minutes=16))


def test_four_failures_do_not_lock_and_success_starts_the_count_anew(database, rows, password: str, now) -> None:
    with database.transaction() as session:
        rows.user(session)
    for _ in range(2):
        last = _fail(database, now, 4)
        _sign_in(database, password, last + PAUSE)


def test_after_a_lock_out_there_are_five_new_attempts(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session)
    last = _fail(database, now, 5)
    again = _fail(database, last + timedelta(minutes=16), 4)
    _sign_in(database, password, again + PAUSE)


def test_parallel_guesses_are_slowed_after_three(database, rows, in_threads, now: datetime) -> None:
    with database.transaction() as session:
        user_id = rows.user(session).id

    def guess(_: int) -> str:
        with pytest.raises(SignInError) as caught:
            _sign_in(database, "wrong", now)
        return type(caught.value).__name__

    assert sorted(in_threads(guess, 6)) == ["SignInError"] * 3 + ["SlowDownError"] * 3
    with database.reading() as session:
        assert users.get_user(session=session, user_id=user_id).failed_sign_ins == 3


def _every_refusal(database, rows, password: str, now: datetime) -> list[tuple[str, str, datetime]]:
    """User name, what is typed, and when, for each cause of a refusal."""
    with database.transaction() as session:
        for name in ("ada", "eve", "slow"):
            rows.user(session, name)
        users.set_active(session=session, user_id=rows.user(session, "bea").id, active=False)
        users.create_user(session=session, username="elsie", display_name="Elsie", role="auditor", password=None)
    locked = _fail(database, now, 5)
    slowed = _fail(database, now, 3, username="slow")
    nobody_slowed = _fail(database, now, 3, username="nobody either")
    return [
        ("nobody", password, now),
        ("eve", "wrong", now),
        ("ada", password, locked + PAUSE),
        ("bea", password, now),
        ("elsie", passwords.NO_PASSWORD, now),
        ("slow", password, slowed),
        ("nobody either", password, nobody_slowed),
    ]


def test_unknown_wrong_locked_and_inactive_get_the_same_sentence(database, rows, password: str, now) -> None:
    sentences = []
    for username, typed, moment in _every_refusal(database, rows, password, now):
        with pytest.raises(SignInError) as caught:
            _sign_in(database, typed, moment, username)
        sentences.append(str(caught.value))
    assert set(sentences[:5]) == {authentication.SIGN_IN_REFUSED}
    assert len(set(sentences[5:])) == 1
    assert "Wait 1 s," in sentences[5]


def test_every_refusal_costs_one_hash_of_the_same_kind(database, rows, password: str, now, hashes) -> None:
    costs = []
    for username, typed, moment in _every_refusal(database, rows, password, now):
        hashes.clear()
        with pytest.raises(SignInError):
            _sign_in(database, typed, moment, username)
        costs.append([argon2.extract_parameters(stored) for stored in hashes])
    assert all(cost == costs[0] and len(cost) == 1 for cost in costs)


def test_no_hash_is_computed_inside_a_transaction(database, rows, now: datetime, hashes) -> None:
    with database.transaction() as session:
        rows.user(session)
    with database.reading() as session:
        checked = authentication.claim(session=session, username="ada").checked("wrong")
    hashes.clear()
    with pytest.raises(SignInError), database.transaction() as session:
        authentication.admit(session=session, checked=checked, now=now)
    assert hashes == []


def test_a_password_that_was_changed_meanwhile_lets_nobody_in(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        user_id = rows.user(session).id
    with database.reading() as session:
        checked = authentication.claim(session=session, username="ada").checked(password)
    with database.transaction() as session:
        users.set_password(session=session, user_id=user_id, password="amber window tree 4")
    with pytest.raises(SignInError), database.transaction() as session:
        authentication.admit(session=session, checked=checked, now=now)


def test_a_one_time_password_is_good_for_three_days(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session)
        user = users.find_user(session=session, username="ada")
        typed = "copper bridge rain 9"
        users.set_password(session=session, user_id=user.id, password=typed, must_change_password=True, now=now)
    _sign_in(database, typed, now + timedelta(hours=71, minutes=59))
    with pytest.raises(SignInError, match="expired"):
        _sign_in(database, typed, now + timedelta(hours=72))
    with pytest.raises(SignInError, match="Sign-in failed"):
        _sign_in(database, "wrong", now + timedelta(hours=72))


def test_an_older_hash_is_renewed_at_sign_in(database, rows, password: str, now: datetime) -> None:
    older = argon2.PasswordHasher(time_cost=1, memory_cost=1024).hash(password)
    with database.transaction() as session:
        user = rows.user(session)
        user.password_hash = older
    _sign_in(database, password, now)
    with database.reading() as session:
        renewed = users.get_user(session=session, user_id=user.id).password_hash
    assert not passwords.needs_rehash(renewed)
    _sign_in(database, password, now)


def test_a_new_password_lifts_lock_out_and_wait_and_signs_out_elsewhere(database, rows, password: str, now) -> None:
    with database.transaction() as session:
        user = rows.user(session)
        here, there = (sign_in_sessions.open_session(session=session, user_id=user.id, now=now) for _ in range(2))
    last = _fail(database, now, 5)
    with database.transaction() as session:
        users.set_password(session=session, user_id=user.id, password="amber window tree 4", keep_token=here)
    _sign_in(database, "amber window tree 4", last)
    _fail(database, last, 1, password)
    with database.reading() as session:
        assert sign_in_sessions.resolve(session=session, token=here, now=now) is not None
        assert sign_in_sessions.resolve(session=session, token=there, now=now) is None


def test_an_inactive_user_can_come_back(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        user = rows.user(session)
        users.set_active(session=session, user_id=user.id, active=False)
    _fail(database, now, 1, password)
    with database.transaction() as session:
        users.set_active(session=session, user_id=user.id, active=True)
    _sign_in(database, password, now)
