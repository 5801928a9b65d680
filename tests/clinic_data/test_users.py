"""Accounts, one-time passwords and the last administrator."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import pytest

from clinic_data import sign_in_sessions, users
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.tables import Role


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


def test_a_new_password_must_be_new_and_acceptable(session, rows, password: str) -> None:
    user = rows.user(session)
    for refused in (password, "short"):
        with pytest.raises(ValidationError):
            users.set_password(session=session, user_id=user.id, password=refused)


def test_a_reset_password_asks_for_another_one_within_three_days(session, rows, now: datetime) -> None:
    user = rows.user(session)
    changed = users.set_password(
        session=session, user_id=user.id, password="amber window tree 4", must_change_password=True, now=now
    )
    assert (changed.must_change_password, changed.password_expires_at) == (True, now + timedelta(hours=72))
    chosen = users.set_password(session=session, user_id=user.id, password="copper bridge rain 9", now=now)
    assert (chosen.must_change_password, chosen.password_expires_at) == (False, None)


@pytest.mark.parametrize("role", ["clinician", "administrator", "auditor"])
def test_every_role_can_be_given_and_changed(session, rows, role: str) -> None:
    rows.user(session, "chief", "administrator")
    assert rows.user(session, "ada", role).role == Role(role)
    for other in Role:
        user = users.find_user(session=session, username="ADA ")
        assert user is not None
        assert users.set_role(session=session, user_id=user.id, role=other).role is other


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
    with database.reading() as session:
        assert sign_in_sessions.resolve(session=session, token=token, now=now) is None


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
