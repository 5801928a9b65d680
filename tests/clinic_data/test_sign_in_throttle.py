"""How long attempts wait after failures."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from clinic_data import sign_in_throttle
from clinic_data.account_tables import SignInThrottle
from clinic_data.errors import SlowDownError


def _wait_s(session, now: datetime, username: str = "ada", address: str = "") -> int:
    try:
        sign_in_throttle.check(session=session, username=username, address=address, now=now)
    except SlowDownError as error:
        return error.wait_s
    return 0


def _fail(session, now: datetime, username: str = "ada", address: str = "") -> None:
    sign_in_throttle.count_failure(session=session, username=username, address=address, now=now)


def test_waits_of_a_user_name_grow_from_the_third_failure_to_a_minute(session, now: datetime) -> None:
    waits = []
    for _ in range(12):
        _fail(session, now)
        waits.append(_wait_s(session, now))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_waits_of_an_address_grow_from_the_tenth_failure_whatever_the_names(session, now: datetime) -> None:
    waits = []
    for number in range(12):
        _fail(session, now, f"user{number}", "203.0.113.9")
        waits.append(_wait_s(session, now, "somebody else", "203.0.113.9"))
    assert waits == [0] * 9 + [1, 2, 4]
    assert _wait_s(session, now, "somebody else", "203.0.113.10") == 0


def test_a_wait_ends(session, now: datetime) -> None:
    for _ in range(5):
        _fail(session, now)
    assert _wait_s(session, now + timedelta(seconds=1.5)) == 3
    assert _wait_s(session, now + timedelta(seconds=4)) == 0


def test_counting_starts_anew_after_a_quarter_of_an_hour(session, now: datetime) -> None:
    for _ in range(8):
        _fail(session, now)
    later = now + timedelta(minutes=15)
    for _ in range(2):
        _fail(session, later)
        assert _wait_s(session, later) == 0


def test_success_is_forgiven_to_the_name_and_not_to_the_address(session, now: datetime) -> None:
    for _ in range(10):
        _fail(session, now, address="203.0.113.9")
    sign_in_throttle.forgive(session=session, username="ada")
    assert _wait_s(session, now) == 0
    assert _wait_s(session, now, address="203.0.113.9") == 1


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8:1:2::5", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::5", "2001:db8:1:3::5", False),
        ("203.0.113.9", "::ffff:203.0.113.9", True),
        ("testclient", "testclient", True),
    ],
)
def test_addresses_of_one_line_count_together(session, now, one: str, other: str, together: bool) -> None:
    for number in range(10):
        _fail(session, now, f"user{number}", one)
    assert (_wait_s(session, now, "x", other) > 0) is together


def test_neither_names_nor_addresses_are_stored(session, now: datetime) -> None:
    _fail(session, now, "violet harbour lamp 7", "203.0.113.9")
    stored = [row.model_dump() for row in session.exec(select(SignInThrottle))]
    assert len(stored) == 2
    assert "violet" not in str(stored)
    assert "203.0" not in str(stored)


def test_only_the_first_refusal_of_a_wait_is_worth_noting(session, now: datetime) -> None:
    for _ in range(4):
        _fail(session, now)
    noted = []
    for _ in range(3):
        with pytest.raises(SlowDownError) as caught:
            sign_in_throttle.check(session=session, username="ada", address="", now=now)
        noted.append(caught.value.first_in_wait)
    assert noted == [True, False, False]


def test_old_counters_go(session, now: datetime) -> None:
    _fail(session, now)
    assert sign_in_throttle.remove_old(session=session, now=now + timedelta(hours=23)) == 0
    assert sign_in_throttle.remove_old(session=session, now=now + timedelta(hours=25)) == 1
