"""Sign-in, lock-out, passwords, and the administration of users."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from conftest import PASSWORD

from app.services import accounts as accounts_service
from app.services.visitor import Visitor
from clinic_data import audit, authentication, sign_in_sessions, sign_in_steps, totp, users
from clinic_data.errors import ConflictError, NotFoundError, SignInError, SlowDownError, ValidationError
from clinic_data.tables import Role


def _actions(clinic) -> list[str]:
    return [row.action for row in clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows]


def test_sign_in_opens_a_session_and_sign_out_closes_it(clinic):
    accounts = clinic.services.accounts
    token = accounts.sign_in("Clara ", PASSWORD)
    assert accounts.actor_of(token) == clinic.clinician
    accounts.sign_out(token)
    assert accounts.actor_of(token) is None
    assert _actions(clinic)[:2] == ["user.signed_out", "user.signed_in"]


@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_no_or_unknown_token_is_nobody(clinic, token):
    assert clinic.services.accounts.actor_of(token) is None
    clinic.services.accounts.sign_out(token)


@pytest.fixture
def later(monkeypatch):
    """Lets the services think that some seconds have passed."""
    begin = datetime.now(UTC)

    def at(seconds: float) -> None:
        for module in (accounts_service, authentication, sign_in_sessions, sign_in_steps, totp, users):
            monkeypatch.setattr(module, "utc_now", lambda: begin + timedelta(seconds=seconds))

    at(0)
    return at


def _fail(accounts, later, times: int, start_s: float = 0) -> float:
    """Failures with pauses between them; when the last one was."""
    for number in range(times):
        later(start_s + number * 61)
        with pytest.raises(SignInError) as caught:
            accounts.sign_in("clara", "wrong")
        assert not isinstance(caught.value, SlowDownError)
    return start_s + (times - 1) * 61


def test_five_failures_lock_the_account_even_for_the_right_password(clinic, later):
    accounts = clinic.services.accounts
    last = _fail(accounts, later, 5)
    later(last + 61)
    with pytest.raises(SignInError, match="Sign-in failed"):
        accounts.sign_in("clara", PASSWORD)
    assert _actions(clinic).count("user.sign_in_refused") == 6
    later(last + 16 * 60)
    assert accounts.sign_in("clara", PASSWORD)


def test_after_three_failures_even_the_right_password_waits_and_is_noted_once(clinic, later):
    accounts = clinic.services.accounts
    last = _fail(accounts, later, 3)
    for _ in range(4):
        with pytest.raises(SlowDownError, match="Wait 1 s,"):
            accounts.sign_in("clara", PASSWORD)
    causes = [row.details for row in clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows]
    assert _actions(clinic).count("user.sign_in_refused") == 4
    assert sum("too early" in cause for cause in causes) == 1
    later(last + 1.5)
    assert accounts.sign_in("clara", PASSWORD)


def test_an_address_that_guesses_at_many_accounts_is_slowed(clinic, later):
    accounts, visitor = clinic.services.accounts, Visitor("203.0.113.9", "")
    for number in range(10):
        with pytest.raises(SignInError):
            accounts.sign_in(f"user{number}", "wrong", visitor)
    with pytest.raises(SlowDownError):
        accounts.sign_in("clara", PASSWORD, visitor)
    assert accounts.sign_in("clara", PASSWORD, Visitor("203.0.113.10", ""))


def test_the_log_tells_nothing_that_was_typed(clinic, later, caplog):
    accounts = clinic.services.accounts
    caplog.set_level(logging.DEBUG)
    typed = "my secret\nERROR forged line\x1b[31m"
    for username, password in ((typed, typed), ("clara", typed), ("clara", "x" * 100_000)):
        with pytest.raises(SignInError):
            accounts.sign_in(username, password, Visitor("203.0.113.9", typed))
    assert "secret" not in caplog.text
    assert "forged" not in caplog.text
    assert "secret" not in str(clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows)


def test_a_sign_in_ends_the_session_that_the_browser_had(clinic):
    accounts = clinic.services.accounts
    planted = accounts.sign_in("adam", PASSWORD)
    token = accounts.sign_in("clara", PASSWORD, earlier_token=planted)
    assert token != planted
    assert accounts.actor_of(planted) is None
    assert accounts.actor_of(token) == clinic.clinician


def test_looking_who_is_signed_in_takes_no_lock(clinic):
    accounts = clinic.services.accounts
    token = accounts.sign_in("clara", PASSWORD)
    with clinic.services.database.transaction():  # on SQLite nobody else can write now
        assert accounts.actor_of(token) == clinic.clinician


def test_a_one_time_password_expires_after_three_days(clinic, later):
    _, password = clinic.services.users.create_user(clinic.administrator, "nora", "Nora Nurse", Role.AUDITOR)
    later(72 * 3600 + 1)
    with pytest.raises(SignInError, match="expired"):
        clinic.services.accounts.sign_in("nora", password)
    user = next(user for user in clinic.services.users.list_users(clinic.administrator) if user.username == "nora")
    again = clinic.services.users.reset_password(clinic.administrator, user.id)
    actor = clinic.services.accounts.actor_of(clinic.services.accounts.sign_in("nora", again))
    assert actor.must_change_password
    assert actor.role is Role.AUDITOR


def test_what_was_typed_is_not_kept(clinic):
    with pytest.raises(SignInError):
        clinic.services.accounts.sign_in("my secret typed in the wrong field", "x")
    with clinic.services.database.reading() as session:
        row = audit.list_rows(session=session, limit=1).rows[0]
    assert (row.action, row.subject_id, row.details) == ("user.sign_in_refused", None, {})


def test_a_look_without_touch_does_not_keep_a_session_alive(clinic, monkeypatch):
    accounts, begin = clinic.services.accounts, datetime.now(UTC)
    token = accounts.sign_in("clara", PASSWORD)

    def at(minutes: float) -> None:
        monkeypatch.setattr(sign_in_sessions, "utc_now", lambda: begin + timedelta(minutes=minutes))

    at(29)
    assert accounts.actor_of(token, touch=False) is not None
    at(31)
    assert accounts.actor_of(token, touch=False) is None
    at(29)
    assert accounts.actor_of(token) is not None
    at(31)
    assert accounts.actor_of(token) is not None


def test_change_of_the_own_password_ends_all_other_sessions(clinic):
    accounts = clinic.services.accounts
    old = accounts.sign_in("clara", PASSWORD)
    new = accounts.change_own_password(clinic.clinician, PASSWORD, "another quiet river walk")
    assert accounts.actor_of(old) is None
    assert accounts.actor_of(new) is not None
    assert accounts.sign_in("clara", "another quiet river walk")


def test_change_of_the_own_password_needs_the_current_one_and_a_good_new_one(clinic):
    accounts = clinic.services.accounts
    with pytest.raises(SignInError):
        accounts.change_own_password(clinic.clinician, "wrong", "another quiet river walk")
    with pytest.raises(ValidationError):
        accounts.change_own_password(clinic.clinician, PASSWORD, "short")
    with pytest.raises(ValidationError):
        accounts.change_own_password(clinic.clinician, PASSWORD, PASSWORD)


def test_the_first_administrator_is_created_once(clinic):
    assert clinic.services.accounts.create_first_administrator() is None


def test_reset_on_the_server_unlocks_and_asks_for_a_new_password(clinic):
    accounts = clinic.services.accounts
    clinic.services.users.set_active(clinic.administrator, clinic.clinician.user_id, active=False)
    password = accounts.reset_password_locally("CLARA")
    actor = accounts.actor_of(accounts.sign_in("clara", password))
    assert actor is not None
    assert actor.must_change_password
    with pytest.raises(NotFoundError):
        accounts.reset_password_locally("nobody")


def test_administration_of_a_user(clinic):
    users, accounts = clinic.services.users, clinic.services.accounts
    user, password = users.create_user(clinic.administrator, "nora", "Nora Nurse", Role.CLINICIAN)
    token = accounts.sign_in("nora", password)
    assert accounts.actor_of(token).must_change_password
    again = users.reset_password(clinic.administrator, user.id)
    assert accounts.actor_of(token) is None
    token = accounts.sign_in("nora", again)
    users.set_active(clinic.administrator, user.id, active=False)
    assert accounts.actor_of(token) is None
    with pytest.raises(SignInError):
        accounts.sign_in("nora", again)
    expected = ["user.deactivated", "user.signed_in", "user.password_reset", "user.signed_in", "user.created"]
    assert [action for action in _actions(clinic) if action != "user.sign_in_refused"][:5] == expected


def test_an_administrator_cannot_lock_oneself_out(clinic):
    users, oneself = clinic.services.users, clinic.administrator
    with pytest.raises(ConflictError):
        users.set_active(oneself, oneself.user_id, active=False)
    with pytest.raises(ConflictError):
        users.set_role(oneself, oneself.user_id, Role.CLINICIAN)
    with pytest.raises(ConflictError):
        users.reset_password(oneself, oneself.user_id)
