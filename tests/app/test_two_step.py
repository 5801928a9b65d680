"""Two-step sign-in, one's own sessions, and what an administrator may do about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from conftest import PASSWORD

from app.services import accounts as accounts_service
from app.services.accounts import CodeNeededError
from app.services.catalogue import Services
from app.services.permissions import Permission, may, require
from app.services.visitor import Visitor, browser_name
from clinic_data import authentication, sign_in_sessions, sign_in_steps, totp, users
from clinic_data.errors import (
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    SignInError,
    SlowDownError,
    StepEndedError,
    ValidationError,
)
from clinic_data.tables import Role

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def clock(monkeypatch):
    """The clock of the services; `clock(90)` is 90 seconds after the beginning."""
    begin = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def at(seconds: float) -> datetime:
        moment = begin + timedelta(seconds=seconds)
        for module in (accounts_service, authentication, sign_in_sessions, sign_in_steps, totp, users):
            monkeypatch.setattr(module, "utc_now", lambda: moment)
        return moment

    at(0)
    return at


@pytest.fixture
def secret(clinic, clock) -> str:
    """Of the clinician's app, with two-step sign-in on; the code of the beginning is used."""
    own = clinic.services.own_accounts
    secret = own.begin_two_step(clinic.clinician).secret
    own.confirm_two_step(clinic.clinician, PASSWORD, totp.code_at(secret, clock(0)))
    return secret


def _step(clinic) -> str:
    with pytest.raises(CodeNeededError) as needed:
        clinic.services.accounts.sign_in("clara", PASSWORD)
    return needed.value.step_token


def _actions(clinic) -> list[str]:
    return [row.action for row in clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows]


def test_password_and_code_open_a_session(clinic, secret, clock):
    accounts = clinic.services.accounts
    step = _step(clinic)
    assert accounts.actor_of(step) is None
    assert accounts.step_is_open(step)
    token = accounts.finish_sign_in(step, totp.code_at(secret, clock(60)))
    assert accounts.actor_of(token) == clinic.clinician
    assert not accounts.step_is_open(step)
    with pytest.raises(StepEndedError):
        accounts.finish_sign_in(step, totp.code_at(secret, clock(90)))


def test_a_code_is_good_once_also_in_another_browser(clinic, secret, clock):
    accounts = clinic.services.accounts
    code = totp.code_at(secret, clock(60))
    accounts.finish_sign_in(_step(clinic), code)
    with pytest.raises(SignInError, match="used before"):
        accounts.finish_sign_in(_step(clinic), code)


def test_wrong_codes_are_slowed_and_lock_the_account_although_the_password_is_right(clinic, secret, clock):
    accounts = clinic.services.accounts
    for number in range(5):
        moment = clock(100 + 61 * number)
        with pytest.raises(SignInError) as caught:
            accounts.finish_sign_in(_step(clinic), "000000")
        assert not isinstance(caught.value, SlowDownError)
        if number >= 2:
            with pytest.raises(SlowDownError):
                accounts.sign_in("clara", PASSWORD)
    moment = clock(100 + 61 * 6)
    with pytest.raises(SignInError, match="Sign-in failed"):
        accounts.sign_in("clara", PASSWORD)
    clock(100 + 61 * 5 + 16 * 60)
    moment = clock(100 + 61 * 5 + 16 * 60)
    assert accounts.finish_sign_in(_step(clinic), totp.code_at(secret, moment))


def test_a_step_that_waits_cannot_be_finished_once_the_account_is_stopped(clinic, secret, clock):
    step = _step(clinic)
    clinic.services.users.set_active(clinic.administrator, clinic.clinician.user_id, active=False)
    with pytest.raises(StepEndedError):
        clinic.services.accounts.finish_sign_in(step, totp.code_at(secret, clock(60)))


def test_a_step_ends_after_ten_minutes(clinic, secret, clock):
    step = _step(clinic)
    with pytest.raises(StepEndedError):
        clinic.services.accounts.finish_sign_in(step, totp.code_at(secret, clock(600)))


def test_a_recovery_code_opens_once(clinic, clock):
    own, accounts = clinic.services.own_accounts, clinic.services.accounts
    secret = own.begin_two_step(clinic.clinician).secret
    made = own.confirm_two_step(clinic.clinician, PASSWORD, totp.code_at(secret, clock(0)))
    assert accounts.finish_sign_in(_step(clinic), made.recovery_codes[0])
    with pytest.raises(SignInError):
        accounts.finish_sign_in(_step(clinic), made.recovery_codes[0])
    assert own.two_step_state(clinic.clinician).codes_left == 9
    signed_in = [
        row.details
        for row in clinic.services.audit_trail.list_rows(clinic.administrator, 100, 0).rows
        if row.action == "user.signed_in"
    ]
    assert "recovery code" in signed_in[0]


def test_switching_on_needs_password_and_code_and_ends_other_sessions(clinic, clock):
    own, accounts = clinic.services.own_accounts, clinic.services.accounts
    elsewhere = accounts.sign_in("clara", PASSWORD)
    secret = own.begin_two_step(clinic.clinician).secret
    code = totp.code_at(secret, clock(0))
    with pytest.raises(SignInError):
        own.confirm_two_step(clinic.clinician, "wrong", code)
    with pytest.raises(ValidationError):
        own.confirm_two_step(clinic.clinician, PASSWORD, "000000")
    assert not own.two_step_state(clinic.clinician).on
    made = own.confirm_two_step(clinic.clinician, PASSWORD, code)
    assert own.two_step_state(clinic.clinician).on
    assert accounts.actor_of(elsewhere) is None
    assert accounts.actor_of(made.token) == clinic.clinician
    with pytest.raises(ConflictError):
        own.begin_two_step(clinic.clinician)
    assert "user.totp_on" in _actions(clinic)


def test_switching_off_and_new_recovery_codes_need_a_code(clinic, secret, clock):
    own = clinic.services.own_accounts
    with pytest.raises(SignInError):
        own.renew_recovery_codes(clinic.clinician, PASSWORD, "000000")
    clock(60)
    renewed = own.renew_recovery_codes(clinic.clinician, PASSWORD, totp.code_at(secret, clock(60)))
    with pytest.raises(SignInError):
        own.switch_two_step_off(clinic.clinician, PASSWORD, totp.code_at(secret, clock(60)))
    own.switch_two_step_off(clinic.clinician, PASSWORD, renewed.recovery_codes[0])
    assert not own.two_step_state(clinic.clinician).on
    assert clinic.services.accounts.sign_in("clara", PASSWORD)


def _asking(clinic, *roles: Role) -> Services:
    settings = clinic.services.settings.model_copy(update={"require_totp": list(roles)})
    return replace(clinic.services, settings=settings)


def test_where_the_clinic_asks_for_it_nothing_else_works_before(clinic, clock):
    services = _asking(clinic, Role.CLINICIAN)
    actor = services.accounts.actor_of(services.accounts.sign_in("clara", PASSWORD))
    assert actor.must_set_up_totp
    assert not may(actor, Permission.READ_PATIENTS)
    with pytest.raises(PermissionDeniedError, match="two-step"):
        require(actor, Permission.READ_PATIENTS)
    with pytest.raises(PermissionDeniedError, match="two-step"):
        services.own_accounts.sessions(actor, None)
    setup = services.own_accounts.begin_two_step(actor)
    made = services.own_accounts.confirm_two_step(actor, PASSWORD, totp.code_at(setup.secret, clock(0)))
    done = services.accounts.actor_of(made.token)
    assert not done.must_set_up_totp
    assert may(done, Permission.READ_PATIENTS)
    with pytest.raises(ConflictError, match="stays on"):
        services.own_accounts.switch_two_step_off(done, PASSWORD, made.recovery_codes[0])
    other = services.accounts.actor_of(services.accounts.sign_in("adam", PASSWORD))
    assert not other.must_set_up_totp


def test_a_one_time_password_comes_first(clinic, clock):
    services = _asking(clinic, Role.AUDITOR)
    _, password = services.users.create_user(clinic.administrator, "ida", "Ida", Role.AUDITOR)
    actor = services.accounts.actor_of(services.accounts.sign_in("ida", password))
    with pytest.raises(PermissionDeniedError, match="own password"):
        services.own_accounts.begin_two_step(actor)


def test_who_has_no_password_here_proves_the_second_step_elsewhere(clinic, clock):
    services = _asking(clinic, Role.AUDITOR)
    with services.database.transaction() as session:
        user = users.create_user(
            session=session, username="elsie", display_name="Elsie", role=Role.AUDITOR, password=None
        )
        token = sign_in_sessions.open_session(session=session, user_id=user.id)
    assert not services.accounts.actor_of(token).must_set_up_totp


def test_an_administrator_resets_the_second_step_of_others(clinic, secret, clock):
    services = clinic.services
    assert services.users.with_two_steps(clinic.administrator) == {clinic.clinician.user_id}
    services.users.reset_totp(clinic.administrator, clinic.clinician.user_id)
    assert services.accounts.sign_in("clara", PASSWORD)
    assert _actions(clinic)[1] == "user.totp_reset"
    with pytest.raises(ConflictError):
        services.users.reset_totp(clinic.administrator, clinic.clinician.user_id)
    with pytest.raises(ConflictError):
        services.users.reset_totp(clinic.administrator, clinic.administrator.user_id)
    with pytest.raises(PermissionDeniedError):
        services.users.reset_totp(clinic.clinician, clinic.administrator.user_id)


def test_the_server_resets_the_second_step_of_the_last_administrator(clinic, secret, clock):
    assert clinic.services.accounts.reset_totp_locally("CLARA")
    assert not clinic.services.accounts.reset_totp_locally("clara")
    assert clinic.services.accounts.sign_in("clara", PASSWORD)
    with pytest.raises(NotFoundError):
        clinic.services.accounts.reset_totp_locally("nobody")


def test_sessions_say_where_and_end_one_by_one(clinic):
    accounts, own = clinic.services.accounts, clinic.services.own_accounts
    here = accounts.sign_in("clara", PASSWORD, Visitor("203.0.113.9", FIREFOX))
    there = accounts.sign_in("clara", PASSWORD, Visitor("2001:db8::1", ""))
    adams = accounts.sign_in("adam", PASSWORD)
    found = {session.address: session for session in own.sessions(clinic.clinician, here)}
    assert set(found) == {"203.0.113.9", "2001:db8::1"}
    assert (found["203.0.113.9"].browser, found["203.0.113.9"].current) == ("Firefox, Windows", True)
    assert not found["2001:db8::1"].current
    (foreign,) = own.sessions(clinic.administrator, adams)
    with pytest.raises(NotFoundError):
        own.end_session(clinic.clinician, foreign.id)
    own.end_session(clinic.clinician, found["2001:db8::1"].id)
    assert accounts.actor_of(there) is None
    assert accounts.actor_of(here) is not None
    assert accounts.actor_of(adams) is not None
    with pytest.raises(NotFoundError):
        own.end_session(clinic.clinician, found["2001:db8::1"].id)


def test_signing_out_everywhere_ends_this_session_too(clinic):
    accounts = clinic.services.accounts
    tokens = [accounts.sign_in("clara", PASSWORD) for _ in range(3)]
    adams = accounts.sign_in("adam", PASSWORD)
    assert clinic.services.own_accounts.sign_out_everywhere(clinic.clinician) == 3
    assert [accounts.actor_of(token) for token in tokens] == [None] * 3
    assert accounts.actor_of(adams) is not None
    assert "user.signed_out_everywhere" in _actions(clinic)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604", "Safari, iPad"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_browsers_have_short_names(user_agent: str, name: str):
    assert browser_name(user_agent) == name
