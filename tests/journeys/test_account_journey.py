"""An account in the browser: two-step sign-in, recovery codes, sessions, sign out everywhere."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import PASSWORD, RunningApp, choose_password, good_to_read, running_app, sign_in, sign_out
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import Session

from app.services.installation import database_of
from app.settings import Settings
from clinic_data import totp, users
from clinic_data.tables import Role


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("accounts")


@pytest.fixture(scope="module")
def own_app(root: Path, data_dir: Path) -> Iterator[RunningApp]:
    """The product on a data folder of its own: this journey ends sessions."""
    with running_app(root, data_dir) as app:
        yield app


@contextmanager
def _writing(data_dir: Path) -> Iterator[Session]:
    """A transaction in the database of the running product."""
    database = database_of(Settings(data_dir=data_dir))
    with database.transaction() as session:
        yield session
    database.dispose()


def _code(secret: str, seconds: float = 0) -> str:
    """What the app shows, some seconds from now.

    The code of this moment and the next one are right for another 30 seconds at least, the one before perhaps for none.
    """
    return totp.code_at(secret, datetime.fromtimestamp(time.time() + seconds, UTC))


def _heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def _to_account(page: Page, app: RunningApp) -> None:
    page.goto(f"{app.url}/account")
    _heading(page, "My account")
    expect(page.get_by_text("this browser")).to_be_visible()


def _send_code(page: Page, code: str) -> None:
    page.fill("#code", code)
    page.get_by_role("button", name="Sign in").click()


def test_an_account_with_two_steps(page: Page, own_app: RunningApp, context: BrowserContext) -> None:
    sign_in(page, own_app, "admin", own_app.password)
    choose_password(page, own_app.password)
    _heading(page, "Users")
    _to_account(page, own_app)
    good_to_read(page, "account-off")
    page.get_by_role("link", name="Switch two-step sign-in on").click()
    _heading(page, "Two-step sign-in")
    expect(page.get_by_role("img", name="QR code for the authenticator app")).to_be_visible()
    secret = (page.text_content(".secret") or "").replace(" ", "")
    good_to_read(page, "two-step-off")
    page.fill("#password", PASSWORD)
    page.fill("#code", _code(secret))
    page.get_by_role("button", name="Switch on").click()
    _heading(page, "Recovery codes")
    codes = page.locator(".codes li").all_text_contents()
    assert len(codes) == 10
    good_to_read(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    _heading(page, "Users")
    good_to_read(page, "users")

    sign_out(page)
    sign_in(page, own_app, "admin", PASSWORD)
    _heading(page, "Second step")
    good_to_read(page, "second-step")
    _send_code(page, "000000")
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    good_to_read(page, "second-step-wrong")
    page.goto(f"{own_app.url}/users")  # a password alone opens nothing
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page, own_app, "admin", PASSWORD)
    _send_code(page, _code(secret, totp.STEP_S))  # that of this moment may be used up by the set-up
    _heading(page, "Users")

    other_context = context.browser.new_context()
    other = other_context.new_page()
    sign_in(other, own_app, "admin", PASSWORD)
    _send_code(other, codes[0].upper().replace("-", " "))
    _heading(other, "Users")

    _to_account(page, own_app)
    expect(page.get_by_text("Recovery codes left: 9")).to_be_visible()
    good_to_read(page, "account-on")
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_role("button", name="End", exact=True)).to_have_count(0)
    other.goto(own_app.url)
    expect(other).to_have_url(re.compile("/sign-in"))

    sign_in(other, own_app, "admin", PASSWORD)
    _send_code(other, codes[0])
    expect(other.get_by_role("alert")).to_contain_text("used before")
    _send_code(other, codes[1])
    _heading(other, "Users")
    _to_account(page, own_app)
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("button", name="Sign me out everywhere").click()
    page.wait_for_url("**/sign-in*")
    other.goto(own_app.url)
    expect(other).to_have_url(re.compile("/sign-in"))
    other_context.close()


def test_an_auditor_reads_the_accounts_and_changes_nothing(page: Page, own_app: RunningApp, data_dir: Path) -> None:
    with _writing(data_dir) as session:
        for username, role in (("ida", Role.AUDITOR), ("clara", Role.CLINICIAN), ("bo", Role.CLINICIAN)):
            users.create_user(
                session=session, username=username, display_name=username.title(), role=role, password=PASSWORD
            )
        users.set_password(
            session=session,
            user_id=users.find_user(session=session, username="bo").id,
            password="hvg6-another-one-time",
            must_change_password=True,
        )
    sign_in(page, own_app, "ida", PASSWORD)
    _heading(page, "Audit log")
    page.get_by_role("link", name="Users").click()
    _heading(page, "Users")
    expect(page.get_by_text("one-time password until")).to_be_visible()
    expect(page.get_by_role("button", name="Manage")).to_have_count(0)
    expect(page.get_by_text("New user")).to_have_count(0)
    good_to_read(page, "users-auditor")
    expect(page.get_by_role("link", name="Patients")).to_have_count(0)
    page.goto(f"{own_app.url}/patients")
    expect(page.get_by_text("does not allow you to read patients")).to_be_visible()
    sign_out(page)


def test_an_administrator_chooses_among_three_roles(page: Page, own_app: RunningApp, data_dir: Path) -> None:
    with _writing(data_dir) as session:
        administrator = users.find_user(session=session, username="admin")
        totp.remove(session=session, user_id=administrator.id)
    sign_in(page, own_app, "admin", PASSWORD)
    _heading(page, "Users")
    page.get_by_text("New user").click()
    expect(page.get_by_role("radio", name="auditor")).to_be_visible()
    good_to_read(page, "users-new")
    page.get_by_text("New user").click()
    page.get_by_role("button", name="Manage").nth(1).click()
    expect(page.get_by_role("button", name="Deactivate")).to_be_visible()
    good_to_read(page, "users-manage")
    page.get_by_role("button", name="New password").click()
    expect(page.get_by_text("It is shown once and stored nowhere")).to_be_visible()
    good_to_read(page, "users-password")
