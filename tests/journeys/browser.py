"""What a user does again and again in the browser."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from playwright.sync_api import Page

PASSWORD = "walk tall and steady"


@dataclass
class RunningApp:
    """A started product.

    Attributes:
        url: where it answers.
        password: the one-time password that its start printed.
        process: the server.
    """

    url: str
    password: str
    process: subprocess.Popen[str]


def sign_in(page: Page, app: RunningApp, username: str, password: str) -> None:
    """Signs in from the sign-in page."""
    page.goto(app.url)
    page.fill("#username", username)
    page.fill("#password", password)
    page.click("button")


def choose_password(page: Page, one_time: str) -> None:
    """Replaces a one-time password."""
    page.fill("#current", one_time)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")


def sign_out(page: Page) -> None:
    """Signs out from any page."""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*")
