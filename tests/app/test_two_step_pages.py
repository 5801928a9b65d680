"""The pages of sign-in as a browser meets them: second step, new tokens at each step, addresses."""

from __future__ import annotations

import asyncio
import re
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from conftest import PASSWORD, add_user, make_clinic
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import serve
from app.gateway.guard import SecurityHeaders, SessionGuard
from app.gateway.own_password import OwnPasswordPages
from app.gateway.sign_in import SignInPages
from app.gateway.two_step import TwoStepPages
from clinic_data import authentication, sign_in_sessions, totp
from clinic_data.tables import Role

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers the successor of httpx
    from starlette.testclient import TestClient

HTML = {"accept": "text/html"}


async def _page(request: Request) -> Response:
    return PlainTextResponse("a page of the framework")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The plain pages behind the guard, without the pages' framework, which allows one application in a process.

    Auditors must sign in with a code.
    """
    clinic = make_clinic(tmp_path_factory.mktemp("site"))
    for number in range(6):
        add_user(clinic.services, f"user{number}", Role.CLINICIAN)
    add_user(clinic.services, "auditor0", Role.AUDITOR)
    settings = clinic.services.settings.model_copy(update={"require_totp": [Role.AUDITOR]})
    services = replace(clinic.services, settings=settings)
    application = Starlette(
        routes=[
            *SignInPages(services.accounts, settings).routes(),
            *OwnPasswordPages(services.accounts, settings).routes(),
            *TwoStepPages(services.own_accounts, settings).routes(),
            Route("/{page:path}", _page),
        ],
        middleware=[Middleware(SecurityHeaders, https=False), Middleware(SessionGuard, accounts=services.accounts)],
    )
    with TestClient(application, base_url="http://localhost") as client:
        yield clinic, client


@pytest.fixture
def browser(site):
    """A browser without cookies."""
    site[1].cookies.clear()
    return site[1]


def _form(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


def _sign_in(browser, username: str, password: str = PASSWORD, **more: str):
    fields = {"username": username, "password": password, "csrf": _form(browser.get("/sign-in"))} | more
    return browser.post("/sign-in", data=fields, follow_redirects=False)


def _send(browser, path: str, **fields: str):
    return browser.post(path, data=fields | {"csrf": _form(browser.get(path))}, follow_redirects=False)


def _secret(page) -> str:
    return re.search(r'class="secret">([^<]+)<', page.text)[1].replace(" ", "")


def _switch_on(browser, username: str) -> tuple[str, list[str]]:
    """Signs in and switches two-step sign-in on; the secret and the recovery codes."""
    if "fgait_session" not in browser.cookies:
        _sign_in(browser, username)
    secret = _secret(browser.get("/two-step"))
    for _ in range(3):  # the code of the step before, which is over if the clock goes on meanwhile
        done = _send(browser, "/two-step", action="on", password=PASSWORD, code=_code(secret, -30))
        if done.status_code == 200:
            break
    assert done.status_code == 200
    return secret, re.findall(r"<li>([^<]+)</li>", done.text)


def _code(secret: str, seconds: float = 0) -> str:
    return totp.code_at(secret, datetime.fromtimestamp(time.time() + seconds, UTC))


def test_password_then_code(site, browser):
    secret, codes = _switch_on(browser, "user0")
    assert len(codes) == 10
    browser.cookies.clear()
    answer = _sign_in(browser, "user0", next="/patients")
    assert answer.headers["location"] == "/sign-in/code?next=%2Fpatients"
    assert browser.get("/patients", headers=HTML, follow_redirects=False).headers["location"].startswith("/sign-in")
    assert 'autocomplete="one-time-code"' in browser.get(answer.headers["location"]).text
    wrong = _send(browser, "/sign-in/code", code="000000", next="/patients")
    assert (wrong.status_code, "code is wrong" in wrong.text) == (401, True)
    done = _send(browser, "/sign-in/code", code=_code(secret), next="/patients")
    assert (done.status_code, done.headers["location"]) == (303, "/patients")
    assert browser.get("/patients", headers=HTML, follow_redirects=False).status_code == 200
    assert browser.cookies.get("fgait_step") is None


def test_the_code_page_is_nothing_without_a_password(site, browser):
    leads_to = browser.get("/sign-in/code?next=//evil.example", follow_redirects=False)
    assert (leads_to.status_code, leads_to.headers["location"]) == (303, "/sign-in?next=%2F")
    csrf = _form(browser.get("/sign-in"))
    answer = browser.post("/sign-in/code", data={"csrf": csrf, "code": "000000"}, follow_redirects=False)
    assert answer.status_code == 401
    assert "took too long" in answer.text
    assert browser.post("/sign-in/code", data={"code": "000000"}, follow_redirects=False).status_code == 403


def test_the_step_token_is_no_session_and_goes_to_the_sign_in_only(site, browser):
    _switch_on(browser, "user1")
    browser.cookies.clear()
    cookie = next(
        line for line in _sign_in(browser, "user1").headers.get_list("set-cookie") if line.startswith("fgait_step=")
    )
    assert {"httponly", "samesite=lax", "path=/sign-in"} <= {part.strip().lower() for part in cookie.split(";")}
    token = cookie.split(";")[0].partition("=")[2]
    browser.cookies.clear()
    browser.cookies.set("fgait_session", token)
    assert browser.get("/patients", headers=HTML, follow_redirects=False).status_code == 303


def test_tokens_planted_before_the_sign_in_are_worth_nothing_after_it(site, browser):
    _sign_in(browser, "user2")
    planted, csrf = browser.cookies["fgait_session"], browser.cookies["fgait_csrf"]
    fields = {"username": "user3", "password": PASSWORD, "csrf": csrf}
    assert browser.post("/sign-in", data=fields, follow_redirects=False).status_code == 303
    assert browser.cookies["fgait_session"] != planted
    assert browser.cookies["fgait_csrf"] != csrf
    browser.cookies.clear()
    browser.cookies.set("fgait_session", planted)
    assert browser.get("/patients", headers=HTML, follow_redirects=False).status_code == 303


def test_a_made_up_session_is_not_adopted(site, browser):
    browser.cookies.set("fgait_session", "chosen-by-somebody-else", domain="localhost.local", path="/")
    answer = _sign_in(browser, "user2")
    given = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("fgait_session="))
    assert "chosen-by-somebody-else" not in given
    assert len(given.split(";")[0]) > 50


def test_each_change_gives_a_new_session(site, browser):
    _sign_in(browser, "user4")
    before = browser.cookies["fgait_session"]
    secret, codes = _switch_on(browser, "user4")
    after = browser.cookies["fgait_session"]
    assert after != before
    page = browser.get("/two-step").text
    assert "10 recovery codes are left" in page
    assert "otpauth" not in page
    assert secret not in page
    off = _send(browser, "/two-step", action="off", password=PASSWORD, code=codes[0])
    assert (off.status_code, off.headers["location"]) == (303, "/account")
    assert browser.cookies["fgait_session"] not in {before, after}
    browser.cookies.clear()
    assert _sign_in(browser, "user4").headers["location"] == "/"


def test_changes_need_the_form_of_this_site_and_the_password(site, browser):
    _sign_in(browser, "user5")
    secret = _secret(browser.get("/two-step"))
    fields = {"action": "on", "password": PASSWORD, "code": _code(secret)}
    assert browser.post("/two-step", data=fields).status_code == 403
    refused = _send(browser, "/two-step", action="on", password="wrong", code=_code(secret))
    assert refused.status_code == 400
    assert _secret(refused) == secret
    assert "not the code" in _send(browser, "/two-step", action="on", password=PASSWORD, code="000000").text


def test_the_secret_comes_as_picture_without_the_network(site, browser):
    _sign_in(browser, "user5")
    page = browser.get("/two-step").text
    assert '<svg role="img" aria-label="QR code' in page
    assert "http://www.w3.org/2000/svg" in page
    assert not re.search(r'(src|href)="https?:', page)


def test_where_the_clinic_asks_for_it_only_its_page_is_open(site, browser):
    assert _sign_in(browser, "auditor0").status_code == 303
    for path in ("/", "/users", "/account"):
        answer = browser.get(path, headers=HTML, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/two-step")
    refused = browser.get("/media/x", follow_redirects=False)
    assert (refused.status_code, "two-step" in refused.json()["error"]) == (403, True)
    assert "asks for two-step sign-in" in browser.get("/two-step").text
    _switch_on(browser, "auditor0")
    assert browser.get("/users", headers=HTML, follow_redirects=False).status_code == 200
    assert "stays on" in browser.get("/two-step").text


def test_after_three_wrong_passwords_the_page_says_how_long_to_wait(site, browser, monkeypatch):
    moment = datetime.now(UTC)
    monkeypatch.setattr(authentication, "utc_now", lambda: moment)
    for _ in range(3):
        assert "Sign-in failed" in _sign_in(browser, "adam", "wrong").text
    answer = _sign_in(browser, "adam")
    assert answer.status_code == 401
    assert "Wait 1 s," in answer.text


def test_who_is_no_proxy_cannot_say_another_address(site, browser):
    clinic, _ = site
    csrf = _form(browser.get("/sign-in"))
    fields = {"username": "user3", "password": PASSWORD, "csrf": csrf}
    browser.post("/sign-in", data=fields, headers={"x-forwarded-for": "198.51.100.7"}, follow_redirects=False)
    token = browser.cookies["fgait_session"]
    with clinic.services.database.reading() as session:
        found = sign_in_sessions.resolve(session=session, token=token)
        rows = sign_in_sessions.list_open(session=session, user_id=found.user.id)
    assert "198.51.100.7" not in {row.address for row in rows}
    assert "testclient" in {row.address for row in rows}


@pytest.mark.parametrize(
    ("proxies", "client", "address"),
    [
        ([], "127.0.0.1", "127.0.0.1"),
        (["10.0.0.0/8"], "10.1.2.3", "198.51.100.7"),
        (["10.0.0.0/8"], "192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_server_believes_proxies_of_the_clinic_only(site, proxies, client: str, address: str):
    settings = site[0].services.settings.model_copy(update={"trusted_proxies": proxies})
    seen: list[str] = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["client"][0])

    config = serve.server_config(settings, app, 8501)
    config.load()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "client": (client, 1234),
        "headers": [(b"x-forwarded-for", b"203.0.113.66, 198.51.100.7")],
    }
    with ThreadPoolExecutor(1) as aside:  # browser tests of the same process leave a running loop here
        aside.submit(asyncio.run, config.loaded_app(scope, None, None)).result()
    assert seen == [address]
