"""Codes of the authenticator app, recovery codes, and the step between password and code."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from clinic_data import recovery_codes, sign_in_sessions, sign_in_steps, totp
from clinic_data.account_tables import RecoveryCode, SignInStep, TotpCredential
from clinic_data.errors import ConflictError, SealError, StepEndedError, ValidationError

STEP = timedelta(seconds=30)


@pytest.fixture
def user_id(session, rows) -> str:
    return rows.user(session).id


@pytest.fixture
def secret(session, user_id: str, now: datetime) -> str:
    """Of a user whose codes are in use; the code of ``now`` is used."""
    secret = totp.begin(session=session, user_id=user_id)
    totp.confirm(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now)
    return secret


@pytest.mark.parametrize(
    ("moment_s", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(moment_s: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp.code_at(secret, datetime.fromtimestamp(moment_s, UTC)) == code


def test_codes_count_once_they_are_confirmed(session, user_id: str, now: datetime) -> None:
    secret = totp.begin(session=session, user_id=user_id)
    assert totp.begin(session=session, user_id=user_id) == secret
    assert not totp.is_on(session=session, user_id=user_id)
    assert totp.accepts(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now) is None
    with pytest.raises(ValidationError):
        totp.confirm(session=session, user_id=user_id, code="000000", now=now)
    codes = totp.confirm(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now)
    assert len(set(codes)) == recovery_codes.COUNT
    assert totp.is_on(session=session, user_id=user_id)
    assert totp.all_users_with_codes(session=session) == {user_id}
    with pytest.raises(ConflictError):
        totp.begin(session=session, user_id=user_id)
    with pytest.raises(ConflictError):
        totp.confirm(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now)


def test_the_secret_of_a_set_up_that_was_left_does_not_come_again(session, user_id: str, now: datetime) -> None:
    """Else who once saw it on a screen that was left would have the codes of a later set-up."""
    first = totp.begin(session=session, user_id=user_id, now=now)
    assert totp.begin(session=session, user_id=user_id, now=now + timedelta(minutes=59)) == first
    later = now + timedelta(hours=1)
    second = totp.begin(session=session, user_id=user_id, now=later)
    assert second != first
    with pytest.raises(ValidationError):
        totp.confirm(session=session, user_id=user_id, code=totp.code_at(first, later), now=later)
    assert totp.confirm(session=session, user_id=user_id, code=totp.code_at(second, later), now=later)


def test_a_code_is_good_once(session, user_id: str, secret: str, now: datetime) -> None:
    code = totp.code_at(secret, now + STEP)
    spaced = f" {code[:3]} {code[3:]}"
    assert totp.accepts(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now) is None
    assert totp.accepts(session=session, user_id=user_id, code=spaced, now=now + STEP) == "code"
    assert totp.accepts(session=session, user_id=user_id, code=code, now=now + STEP) is None


def test_a_code_of_the_step_before_does_not_count_after_a_newer_one(session, user_id, secret, now: datetime) -> None:
    later = now + 3 * STEP
    assert totp.accepts(session=session, user_id=user_id, code=totp.code_at(secret, later), now=later) == "code"
    assert totp.accepts(session=session, user_id=user_id, code=totp.code_at(secret, later - STEP), now=later) is None


@pytest.mark.parametrize(("late", "good"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_one_step(session, user_id: str, secret: str, now, late: int, good: bool) -> None:
    moment = now + 10 * STEP
    code = totp.code_at(secret, moment + late * STEP)
    assert (totp.accepts(session=session, user_id=user_id, code=code, now=moment) is not None) is good


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "1" * 10_000, "\x00"])
def test_what_is_no_code_is_refused(session, user_id: str, secret: str, now: datetime, code: str) -> None:
    assert totp.accepts(session=session, user_id=user_id, code=code, now=now + STEP) is None


def test_two_requests_with_one_code_get_in_once(database, rows, in_threads, now: datetime) -> None:
    with database.transaction() as session:
        user_id = rows.user(session).id
        secret = totp.begin(session=session, user_id=user_id)
        totp.confirm(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now)
    later = now + STEP

    def send(_: int) -> str | None:
        with database.transaction() as session:
            return totp.accepts(session=session, user_id=user_id, code=totp.code_at(secret, later), now=later)

    assert sorted(in_threads(send, 4), key=str) == [None, None, None, "code"]


def test_the_secret_is_sealed_and_bound_to_its_user(session, rows, user_id: str, secret: str, now: datetime) -> None:
    row = session.exec(select(TotpCredential)).one()
    assert row.secret.startswith("s1.")
    assert secret not in row.secret
    assert secret not in repr(row)
    other = rows.user(session, "bea").id
    session.add(TotpCredential(user_id=other, secret=row.secret, confirmed_at=now))
    session.flush()
    with pytest.raises(SealError):
        totp.accepts(session=session, user_id=other, code=totp.code_at(secret, now + STEP), now=now + STEP)


def test_the_app_learns_name_and_clinic(secret: str) -> None:
    uri = totp.provisioning_uri(secret, "ada@example.org", "Harbour: clinic")
    assert uri.startswith("otpauth://totp/Harbour")
    assert f"secret={secret}" in uri
    assert "ada%40example.org" in uri


def test_a_recovery_code_is_good_once_however_it_is_typed(session, rows, user_id: str, now: datetime) -> None:
    secret = totp.begin(session=session, user_id=user_id)
    codes = totp.confirm(session=session, user_id=user_id, code=totp.code_at(secret, now), now=now)
    typed = codes[3].upper().replace("-", " ")
    assert totp.accepts(session=session, user_id=user_id, code=typed, now=now) == "recovery code"
    assert totp.accepts(session=session, user_id=user_id, code=codes[3], now=now) is None
    assert recovery_codes.left(session=session, user_id=user_id) == 9
    assert not recovery_codes.use(session=session, user_id=rows.user(session, "bea").id, code=codes[4])
    renewed = recovery_codes.replace_all(session=session, user_id=user_id)
    assert totp.accepts(session=session, user_id=user_id, code=codes[5], now=now) is None
    assert totp.accepts(session=session, user_id=user_id, code=renewed[0], now=now) == "recovery code"


def test_recovery_codes_are_stored_nowhere(session, user_id: str) -> None:
    codes = recovery_codes.replace_all(session=session, user_id=user_id)
    stored = str([row.model_dump() for row in session.exec(select(RecoveryCode))])
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_switching_off_forgets_secret_and_recovery_codes(session, user_id: str, secret: str, now: datetime) -> None:
    assert totp.remove(session=session, user_id=user_id)
    assert not totp.remove(session=session, user_id=user_id)
    assert recovery_codes.left(session=session, user_id=user_id) == 0
    assert not totp.is_on(session=session, user_id=user_id)
    assert totp.begin(session=session, user_id=user_id) != secret


def test_a_step_lasts_ten_minutes(session, user_id: str, now: datetime) -> None:
    token = sign_in_steps.begin(session=session, user_id=user_id, now=now)
    almost = now + timedelta(minutes=9, seconds=59)
    assert sign_in_steps.user_id_of(session=session, token=token, now=almost) == user_id
    for other, moment in ((token, now + timedelta(minutes=10)), ("made up", now), ("", now)):
        with pytest.raises(StepEndedError):
            sign_in_steps.user_id_of(session=session, token=other, now=moment)


def test_a_step_is_no_session_and_a_session_no_step(session, user_id: str, now: datetime) -> None:
    step = sign_in_steps.begin(session=session, user_id=user_id, now=now)
    assert sign_in_sessions.resolve(session=session, token=step, now=now) is None
    token = sign_in_sessions.open_session(session=session, user_id=user_id, now=now)
    with pytest.raises(StepEndedError):
        sign_in_steps.user_id_of(session=session, token=token, now=now)


def test_signing_out_everywhere_ends_steps_too(session, user_id: str, now: datetime) -> None:
    sign_in_steps.begin(session=session, user_id=user_id, now=now)
    sign_in_sessions.close_all_of_user(session=session, user_id=user_id)
    assert session.exec(select(SignInStep)).all() == []


def test_forgotten_steps_go(session, user_id: str, now: datetime) -> None:
    sign_in_steps.begin(session=session, user_id=user_id, now=now)
    sign_in_steps.begin(session=session, user_id=user_id, now=now + timedelta(minutes=11))
    assert len(session.exec(select(SignInStep)).all()) == 1
