"""Accounts of an earlier release: their rows survive, the auditor is a role, one-time passwords get an end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from clinic_data import database as clinic_database
from clinic_data import users
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.tables import Role, SignInSession
from tests.keys import TEST_KEYS

_WHEN = "2026-11-01 08:00:00+00:00"
_ADD_USER = (
    "INSERT INTO user_account (id, username, display_name, role, password_hash, must_change_password, active, "
    "failed_sign_ins, created_at) VALUES (:id, :id, :id, :role, 'x', :must_change, :yes, 3, :at)"
)
_ADD_SESSION = (
    "INSERT INTO sign_in_session (id, token_sha256, user_id, created_at, last_seen_at) "
    "VALUES ('s', 't', 'ada', :at, :at)"
)


def _user(name: str, role: str, must_change: bool = False) -> dict[str, Any]:
    return {"id": name, "role": role, "must_change": must_change, "yes": True, "at": _WHEN}


def _make_tables_of_0003(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(clinic_database._MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0003")


@pytest.fixture
def upgraded(empty_database_url: str):
    """A database in which two people worked before this release."""
    database = Database(empty_database_url, TEST_KEYS)
    with database.engine.connect() as connection:
        _make_tables_of_0003(connection)
        connection.execute(text(_ADD_USER), _user("ada", "clinician"))
        connection.execute(text(_ADD_USER), _user("new", "administrator", must_change=True))
        connection.execute(text(_ADD_SESSION), {"at": _WHEN})
        connection.commit()
    database.upgrade()
    yield database
    database.dispose()


def test_accounts_and_sessions_survive(upgraded: Database) -> None:
    with upgraded.reading() as session:
        ada = users.get_user(session=session, user_id="ada")
        signed_in = session.get(SignInSession, "s")
    assert (ada.role, ada.failed_sign_ins, ada.active, ada.password_expires_at) == (Role.CLINICIAN, 3, True, None)
    assert (signed_in.user_id, signed_in.address, signed_in.browser) == ("ada", "", "")


def test_one_time_passwords_of_before_get_three_days(upgraded: Database) -> None:
    with upgraded.reading() as session:
        expiry = users.get_user(session=session, user_id="new").password_expires_at
    assert timedelta(hours=71) < expiry - utc_now() <= timedelta(hours=72)


def test_the_database_takes_auditors_and_no_other_roles(upgraded: Database) -> None:
    with upgraded.transaction() as session:
        session.connection().execute(text(_ADD_USER), _user("ida", "auditor"))
    with upgraded.reading() as session:
        assert users.get_user(session=session, user_id="ida").role is Role.AUDITOR
    with pytest.raises(DBAPIError), upgraded.transaction() as session:
        session.connection().execute(text(_ADD_USER), _user("eve", "owner"))
