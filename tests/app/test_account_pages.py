"""The pages Users and My account, and what an auditor sees of all pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PASSWORD, add_user
from streamlit.testing.v1 import AppTest

from app import session
from app.services.accounts import actor_of_user
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.services.visitor import Visitor
from clinic_data import external_identities, totp, users
from clinic_data.clock import utc_now
from clinic_data.errors import ConflictError
from clinic_data.tables import Role, User

VIEWS = sorted(path.name for path in (Path(__file__).parents[2] / "app" / "views").glob("[a-z]*.py"))
OF_AUDITORS = {
    "about.py",
    "account.py",
    "audit_log.py",
    "emergencies.py",
    "monitoring.py",
    "privacy.py",
    "teams.py",
    "users.py",
}


@pytest.fixture
def auditor(clinic) -> Actor:
    return add_user(clinic.services, "audrey", Role.AUDITOR)


@pytest.fixture
def open_page(clinic, root: Path, monkeypatch):
    """Opens a page as somebody; cookies cannot be given to the test runner, so who is signed in is set here."""
    session.opened_services.clear()

    def open_as(view: str, actor: Actor, token: str | None = None, services: Services = clinic.services) -> AppTest:
        monkeypatch.setattr(session, "signed_in_actor", lambda touch=True: actor)
        monkeypatch.setattr(session, "services", lambda: services)
        monkeypatch.setattr(session, "token", lambda: token)
        page = AppTest.from_file(str(root / "app" / "main.py"), default_timeout=30)
        page.switch_page(f"views/{view}")
        return page.run()

    return open_as


def texts(page: AppTest) -> str:
    """All that can be read on the page; a fault fails the test."""
    assert not page.exception
    kinds = ("title", "subheader", "markdown", "caption", "info", "error", "success", "warning")
    parts = [element.value for kind in kinds for element in page.get(kind)]
    read = "\n".join(str(part) for part in [*parts, *(element.proto.body for element in page.get("html"))])
    assert "incident" not in read
    return read


def _labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


@pytest.mark.parametrize("view", VIEWS)
def test_auditors_see_their_pages_and_no_others(open_page, auditor, view: str):
    read = texts(open_page(view, auditor))
    assert ("does not allow you" in read) is (view not in OF_AUDITORS)


def test_auditors_read_the_accounts_without_controls(open_page, auditor):
    page = open_page("users.py", auditor)
    assert "clara" in texts(page)
    assert _labels(page) == {"Sign out"}
    assert not page.text_input


def test_clinicians_do_not_see_the_accounts(open_page, clinic):
    assert "adam" not in texts(open_page("users.py", clinic.clinician))


@pytest.mark.parametrize("role", list(Role))
def test_administrators_create_accounts_of_every_role(open_page, clinic, role: Role):
    page = open_page("users.py", clinic.administrator)
    username, display_name = page.text_input
    username.set_value("nora")
    display_name.set_value("Nora Nurse")
    page.radio(key="new-role").set_value(role.value)
    next(button for button in page.button if button.label == "Create the account").click().run()
    assert "shown once" in texts(page)
    created = {user.username: user for user in clinic.services.users.list_users(clinic.administrator)}["nora"]
    assert (created.role, created.must_change_password) == (role, True)


def test_administrators_change_roles(open_page, clinic):
    page = open_page("users.py", clinic.administrator)
    user_id = clinic.clinician.user_id
    assert page.button(key=f"role-{user_id}").disabled
    page.selectbox(key=f"chosen-{user_id}").set_value("auditor").run()
    page.button(key=f"role-{user_id}").click().run()
    assert "clara · auditor" in texts(page)


def test_administrators_see_locks_expiries_and_second_steps(open_page, clinic):
    with clinic.services.database.transaction() as database:
        secret = totp.begin(session=database, user_id=clinic.clinician.user_id)
        now = utc_now()
        totp.confirm(session=database, user_id=clinic.clinician.user_id, code=totp.code_at(secret, now), now=now)
    clinic.services.users.create_user(clinic.administrator, "nora", "Nora <b>Nurse</b>", Role.AUDITOR)
    page = open_page("users.py", clinic.administrator)
    read = texts(page)
    assert "two-step sign-in" in read
    assert "one-time password until" in read
    assert "<b>Nurse" not in read
    page.button(key=f"totp-{clinic.clinician.user_id}").click().run()
    assert "two-step sign-in" not in texts(page)


def test_a_long_list_has_pages_and_a_search(open_page, clinic):
    for number in range(33):
        with clinic.services.database.transaction() as database:
            name = f"user{number:02}"
            database.add(User(username=name, display_name=f"User {number}", role=Role.CLINICIAN, password_hash="x"))
    page = open_page("users.py", clinic.administrator)
    read = texts(page)
    assert "user27" in read
    assert "user28" not in read
    page.number_input(key="users-page").set_value(2).run()
    assert "user28" in texts(page)
    page.text_input(key="users-search").set_value("user 32").run()
    assert "user32" in texts(page)
    page.text_input(key="users-search").set_value("nobody at all").run()
    assert "No user has this name" in texts(page)


def test_ones_own_account_shows_where_one_is_signed_in(open_page, clinic):
    accounts = clinic.services.accounts
    here = accounts.sign_in("clara", PASSWORD, Visitor("203.0.113.9", "Mozilla/5.0 (Windows) Firefox/140.0"))
    there = accounts.sign_in("clara", PASSWORD, Visitor("198.51.100.7", "<script>alert(1)</script>"))
    accounts.sign_in("adam", PASSWORD, Visitor("192.0.2.1", ""))
    page = open_page("account.py", clinic.clinician, here)
    read = texts(page)
    assert "203.0.113.9" in read
    assert "198.51.100.7" in read
    assert "unknown browser" in read
    assert "192.0.2.1" not in read
    assert "<script>" not in read
    (other,) = [found for found in clinic.services.own_accounts.sessions(clinic.clinician, here) if not found.current]
    page.button(key=f"end-{other.id}").click().run()
    assert "198.51.100.7" not in texts(page)
    assert accounts.actor_of(there) is None


def test_signing_out_everywhere_from_the_page(open_page, clinic):
    accounts = clinic.services.accounts
    tokens = [accounts.sign_in("clara", PASSWORD) for _ in range(2)]
    page = open_page("account.py", clinic.clinician, tokens[0])
    page.button(key="everywhere-yes").click().run()
    assert "You are signed out." in texts(page)
    assert [accounts.actor_of(token) for token in tokens] == [None, None]


def test_few_recovery_codes_are_a_warning(open_page, clinic):
    user_id, now = clinic.clinician.user_id, utc_now()
    with clinic.services.database.transaction() as database:
        secret = totp.begin(session=database, user_id=user_id)
        codes = totp.confirm(session=database, user_id=user_id, code=totp.code_at(secret, now), now=now)
    assert "Recovery codes left: 10" in texts(open_page("account.py", clinic.clinician))
    with clinic.services.database.transaction() as database:
        for code in codes[:8]:
            assert totp.accepts(session=database, user_id=user_id, code=code)
    page = open_page("account.py", clinic.clinician)
    texts(page)
    assert "2. Make new ones" in page.warning[0].value


def test_identities_elsewhere_are_shown_and_disconnected(open_page, clinic):
    with clinic.services.database.transaction() as database:
        external_identities.connect(
            session=database, user_id=clinic.clinician.user_id, issuer="https://login.example.org", subject="42"
        )
    assert "login.example.org" not in texts(open_page("account.py", clinic.clinician))
    settings = clinic.services.settings.model_copy(update={"oidc_issuer": "https://login.example.org"})
    page = open_page("account.py", clinic.clinician, services=replace(clinic.services, settings=settings))
    assert "login.example.org" in texts(page)
    (identity,) = clinic.services.external_sign_in.identities(clinic.clinician)
    page.button(key=f"disconnect-yes-{identity.id}").click().run()
    assert "login.example.org" not in texts(page)


def test_who_has_no_password_keeps_the_identity(clinic):
    with clinic.services.database.transaction() as database:
        user = users.create_user(
            session=database, username="elsie", display_name="Elsie", role=Role.CLINICIAN, password=None
        )
        identity = external_identities.connect(session=database, user_id=user.id, issuer="https://a", subject="1")
    with pytest.raises(ConflictError, match="no password"):
        clinic.services.external_sign_in.disconnect(actor_of_user(user), identity.id)
