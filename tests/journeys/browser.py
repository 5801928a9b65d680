"""What a user does again and again in the browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

PASSWORD = "walk tall and steady"


@dataclass
class RunningApp:
    """A started product.

    Attributes:
        url: where it answers.
        password: the one-time password that its start printed; empty where there are accounts already.
        process: the server.
    """

    url: str
    password: str
    process: subprocess.Popen[str]


@contextmanager
def running_app(root: Path, data_dir: Path) -> Iterator[RunningApp]:
    """The product on a data folder, started as its user starts it, and stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"FGAIT_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.serve", "--port", str(port)],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield RunningApp(f"http://127.0.0.1:{port}", _printed_password(process), process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _printed_password(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Stop with" in line:
            found = re.search(r"one-time password\s+(\S+)", printed)
            return found.group(1) if found else ""
    pytest.fail("The app did not start:\n" + printed)


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


_WCAG_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_FRAMEWORK = [['[data-testid="stSidebarNav"]'], ['[data-testid="stDateInput"] [role="spinbutton"]']]
"""What the framework draws and we cannot change: its menu puts a list's items into links, and the parts of its date
field lie close to each other."""


def assert_accessible(page: Page) -> None:
    """Fails where axe finds a breach of WCAG 2.2 AA in what this project draws."""
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # a function in the page would need eval
    expect(page.locator('[data-stale="true"]')).to_have_count(0)  # what is drawn anew is pale for a moment
    found = Axe().run(page, context={"exclude": _FRAMEWORK}, options=_WCAG_AA)
    breaches = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}\n    "
        + "\n    ".join(node["html"][:200] for node in rule["nodes"])
        for rule in found.response["violations"]
    ]
    assert not breaches, f"{page.url}\n" + "\n".join(breaches)


def good_to_read(page: Page, name: str) -> None:
    """Nothing is cut off and axe is content, on a tablet and on a laptop; pictures where `keep_picture` keeps them."""
    for width in (820, 1366):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(600)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert_accessible(page)
        keep_picture(page, f"{name}-{width}", whole=True)


def keep_picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Saves the page where FGAIT_PICTURES names a folder; the pictures of the documents are made this way.

    Args:
        page: what is shown.
        name: of the file.
        whole: the whole page as it is, instead of what a laptop's window shows.
    """
    if folder := os.environ.get("FGAIT_PICTURES"):
        if not whole:
            page.set_viewport_size({"width": 1366, "height": 1500})
            page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)
