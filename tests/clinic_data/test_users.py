"""Accounts, lock-out and the last administrator."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import argon2
import pytest

from clinic_data import passwords, sign_in_sessions, users
from clinic_data.database import Database
from clinic_data.errors import ConflictError, NotFoundError, SignInError, ValidationError
from clinic_data.tables import Role


def _sign_in(database: Database, password: str, now: datetime, username: str = "ada") -> None:
    with database.transaction() as session:
        users.authenticate(session=session, username=username, password=password, now=now)


def _fail(database: Database, now: datetime, times: int, typed: str = "wrong") -> None:
    for _ in range(times):
        with pytest.raises(SignInError):
            _sign_in(database, typed, now)


def test_signs_in_whatever_the_case_of_the_user_name(session, rows, password: str, now: datetime) -> None:
    rows.user(session, "Ada")
    user = users.authenticate(session=session, username=" ADA ", password=password, now=now)
    assert (user.username, user.role, user.last_sign_in_at) == ("ada", Role.CLINICIAN, now)


def test_the_password_is_stored_nowhere(session, rows, password: str) -> None:
    user = rows.user(session)
    assert password not in str(user.model_dump())
    assert user.password_hash not in repr(user)


@pytest.mark.parametrize("username", ["", "a", "-ada", "ada lovelace", "ada/..", "ada\x00", "x" * 65, "аda"])
def test_refuses_unusable_user_names(session, rows, username: str) -> None:
    with pytest.raises(ValidationError, match="user name"):
        rows.user(session, username)


def test_refuses_a_weak_password_and_an_unknown_role(session, password: str) -> None:
    common = {"session": session, "username": "ada", "display_name": "Ada"}
    with pytest.raises(ValidationError, match="12"):
        users.create_user(role="clinician", password="short", **common)
    with pytest.raises(ValidationError, match="clinician, administrator"):
        users.create_user(role="owner", password=password, **common)
    assert users.count_users(session=session) == 0


def test_refuses_a_display_name_with_control_characters(session, password: str) -> None:
    with pytest.raises(ValidationError, match="displayed name"):
        users.create_user(
            session=session, username="ada", display_name="A\u202eda", role="clinician", password=password
        )


def test_a_taken_user_name_is_a_conflict_and_the_session_goes_on(session, rows) -> None:
    rows.user(session, "ada")
    with pytest.raises(ConflictError, match="ada is taken"):
        rows.user(session, "ADA")
    rows.user(session, "bea")
    assert [user.username for user in users.list_users(session=session)] == ["ada", "bea"]


def test_five_failures_lock_the_account_for_fifteen_minutes(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session)
    _fail(database, now, 5)
    _fail(database, now + timedelta(minutes=14, seconds=59), 1, password)
    _sign_in(database, password, now + timedelta(minutes=15))


def test_four_failures_do_not_lock_and_success_starts_the_count_anew(database, rows, password: str, now) -> None:
    with database.transaction() as session:
        rows.user(session)
    for _ in range(2):
        _fail(database, now, 4)
        _sign_in(database, password, now)


def test_after_a_lock_out_there_are_five_new_attempts(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        rows.user(session)
    _fail(database, now, 5)
    later = now + timedelta(minutes=16)
    _fail(database, later, 4)
    _sign_in(database, password, later)


def test_parallel_guesses_do_not_get_more_than_five(database, rows, in_threads, now: datetime) -> None:
    with database.transaction() as session:
        user_id = rows.user(session).id

    def guess(_: int) -> None:
        _fail(database, now, 1)

    in_threads(guess, 5)
    with database.reading() as session:
        user = users.get_user(session=session, user_id=user_id)
    assert (user.failed_sign_ins, user.locked_until) == (5, now + timedelta(minutes=15))


def test_unknown_wrong_locked_and_inactive_get_the_same_sentence(database, rows, password: str, now) -> None:
    with database.transaction() as session:
        rows.user(session, "ada")
        users.set_active(session=session, user_id=rows.user(session, "bea").id, active=False)
        rows.user(session, "eve")
    _fail(database, now, 5)
    sentences = set()
    for username, typed in [("nobody", password), ("eve", "wrong"), ("ada", password), ("bea", password)]:
        with pytest.raises(SignInError) as caught:
            _sign_in(database, typed, now, username)
        sentences.add(str(caught.value))
    assert sentences == {users.SIGN_IN_REFUSED}


def test_an_unknown_user_costs_a_hash_too(database, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    verify = argon2.PasswordHasher.verify
    monkeypatch.setattr(
        argon2.PasswordHasher, "verify", lambda self, *pair: (checked.append(pair), verify(self, *pair))[1]
    )
    with pytest.raises(SignInError):
        _sign_in(database, "whatever it is", now, "nobody")
    assert len(checked) == 1
    assert checked[0][0].startswith("$argon2id$")


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


def test_a_new_password_lifts_the_lock_out_and_signs_out_elsewhere(database, rows, password: str, now) -> None:
    with database.transaction() as session:
        user = rows.user(session)
        here, there = (sign_in_sessions.open_session(session=session, user_id=user.id, now=now) for _ in range(2))
    _fail(database, now, 5)
    with database.transaction() as session:
        users.set_password(session=session, user_id=user.id, password="amber window tree 4", keep_token=here)
    _sign_in(database, "amber window tree 4", now)
    _fail(database, now, 1, password)
    with database.transaction() as session:
        assert sign_in_sessions.resolve(session=session, token=here, now=now) is not None
        assert sign_in_sessions.resolve(session=session, token=there, now=now) is None


def test_a_new_password_must_be_new_and_acceptable(session, rows, password: str) -> None:
    user = rows.user(session)
    for refused in (password, "short"):
        with pytest.raises(ValidationError):
            users.set_password(session=session, user_id=user.id, password=refused)


def test_a_reset_password_can_ask_for_another_one(session, rows) -> None:
    user = rows.user(session)
    changed = users.set_password(
        session=session, user_id=user.id, password="amber window tree 4", must_change_password=True
    )
    assert changed.must_change_password


@pytest.mark.parametrize("change", ["deactivate", "change role"])
def test_a_change_of_rights_ends_the_users_sessions(database, rows, now: datetime, change: str) -> None:
    with database.transaction() as session:
        rows.user(session, "chief", "administrator")
        user = rows.user(session)
        token = sign_in_sessions.open_session(session=session, user_id=user.id, now=now)
    with database.transaction() as session:
        if change == "deactivate":
            users.set_active(session=session, user_id=user.id, active=False)
        else:
            users.set_role(session=session, user_id=user.id, role="administrator")
    with database.transaction() as session:
        assert sign_in_sessions.resolve(session=session, token=token, now=now) is None


def test_an_inactive_user_can_come_back(database, rows, password: str, now: datetime) -> None:
    with database.transaction() as session:
        user = rows.user(session)
        users.set_active(session=session, user_id=user.id, active=False)
    _fail(database, now, 1, password)
    with database.transaction() as session:
        users.set_active(session=session, user_id=user.id, active=True)
    _sign_in(database, password, now)


def test_the_last_active_administrator_stays(session, rows) -> None:
    chief = rows.user(session, "chief", "administrator")
    retired = rows.user(session, "retired", "administrator")
    users.set_active(session=session, user_id=retired.id, active=False)
    with pytest.raises(ConflictError, match="last active administrator"):
        users.set_active(session=session, user_id=chief.id, active=False)
    with pytest.raises(ConflictError, match="last active administrator"):
        users.set_role(session=session, user_id=chief.id, role="clinician")
    users.set_active(session=session, user_id=retired.id, active=True)
    assert users.set_role(session=session, user_id=chief.id, role="clinician").role is Role.CLINICIAN


def test_two_administrators_cannot_remove_each_other_at_once(database, rows, in_threads) -> None:
    with database.transaction() as session:
        chiefs = [rows.user(session, name, "administrator").id for name in ("ann", "ben")]
    first_has_written = threading.Event()

    def remove(number: int) -> bool:
        if number == 1:
            first_has_written.wait(10)
        try:
            with database.transaction() as session:
                users.set_active(session=session, user_id=chiefs[number], active=False)
                first_has_written.set()
                time.sleep(0.3)  # the second must wait for this commit, whatever it reads before
        except ConflictError:
            return False
        return True

    assert in_threads(remove, 2) == [True, False]


def test_a_missing_user_is_not_found(session) -> None:
    with pytest.raises(NotFoundError):
        users.get_user(session=session, user_id="0" * 32)
    with pytest.raises(NotFoundError):
        users.set_active(session=session, user_id="0" * 32, active=False)
