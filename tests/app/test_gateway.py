"""The web application as a browser meets it, without a browser: guard, sign-in, upload, ranges, headers."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from conftest import PASSWORD, add_user, make_clinic
from starlette.websockets import WebSocketDisconnect
from stored import screen

from app.gateway.guard import local_path
from app.translation import translate
from clinic_data.tables import Role

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers the successor of httpx
    from starlette.testclient import TestClient

HTML = {"accept": "text/html"}
PAGES = "ws://localhost/_stcore/stream"  # with the host, or it is refused for its name already


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One application for all tests here: the pages' framework allows one in a process."""
    folder = tmp_path_factory.mktemp("site")
    clinic = make_clinic(folder)
    add_user(clinic.services, "newcomer", Role.CLINICIAN, must_change=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FGAIT_DATA_DIR", str(folder))
        from app.asgi import create_app

        with TestClient(create_app(clinic.services.settings), base_url="http://localhost") as client:
            yield clinic, client


@pytest.fixture
def browser(site):
    """A browser without cookies."""
    site[1].cookies.clear()
    return site[1]


def _form(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


def _sign_in(browser, username: str = "clara", password: str = PASSWORD, **more: str):
    token = _form(browser.get("/sign-in"))
    fields = {"username": username, "password": password, "csrf": token} | more
    return browser.post("/sign-in", data=fields, follow_redirects=False)


def _upload(browser, patient_id: str, content: bytes = b"video", **headers: str):
    sent = {"x-fgait-csrf": browser.cookies.get("fgait_csrf", ""), "x-fgait-patient": patient_id} | headers
    return browser.put("/api/recordings", content=content, headers=sent)


@pytest.mark.parametrize("path", ["/", "/patients", "/result?assessment=1", "/jobs", "/anything"])
def test_pages_lead_to_sign_in_and_back(browser, path):
    answer = browser.get(path, headers=HTML, follow_redirects=False)
    assert answer.status_code == 303
    assert _sign_in(browser, next=path).headers["location"] == path


@pytest.mark.parametrize(
    ("username", "path", "leads_to"),
    [
        ("clara", "/patients", "/"),
        ("clara", "/patients?a=1", "/?a=1"),
        ("adam", "/users", "/"),
        ("adam", "/audit_log", None),
        ("clara", "/users", None),
    ],
)
def test_the_address_of_ones_start_page_leads_there(browser, username, path, leads_to):
    """A link from a colleague of another role; the framework has the start page at "/" only."""
    _sign_in(browser, username)
    answer = browser.get(path, headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (303 if leads_to else 200, leads_to)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/media/abc.png"),
        ("GET", "/files/assessments/1/overlay.mp4"),
        ("PUT", "/api/recordings"),
        ("PUT", "/_stcore/upload_file/a/b"),
        ("GET", "/_stcore/host-config"),
        ("GET", "/_stcore/metrics"),
        ("GET", "/_stcore/agent/openapi.json"),
        ("GET", "/component/x/y"),
        ("POST", "/change-password"),
    ],
)
def test_nothing_is_served_to_nobody(browser, method, path):
    assert browser.request(method, path, follow_redirects=False).status_code == 401
    browser.cookies.set("fgait_session", "made-up")
    assert browser.request(method, path, follow_redirects=False).status_code == 401


def test_the_websocket_is_closed_to_nobody(browser):
    refused = pytest.raises(WebSocketDisconnect)
    with refused as caught, browser.websocket_connect(PAGES):
        pytest.fail("it was opened")
    assert caught.value.code == 4401


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_the_websocket_is_closed_to_pages_of_other_origins(site, browser, origin):
    """A cookie goes to each port of a computer, so a page of another port could work as who is signed in."""
    _sign_in(browser)
    refused = pytest.raises(WebSocketDisconnect)
    with refused as caught, browser.websocket_connect(PAGES, headers={"origin": origin}):
        pytest.fail("it was opened")
    assert caught.value.code == 4401
    with browser.websocket_connect(PAGES, headers={"origin": "http://localhost"}):
        pass  # accepted


def test_health_and_bundles_are_public(browser):
    assert browser.get("/healthz").json() == {"status": "ok"}
    assert browser.get("/static/nothing.js").status_code in {200, 404}


def test_the_session_cookie_cannot_be_read_by_scripts(browser):
    cookie = _sign_in(browser).headers["set-cookie"].lower()
    assert "fgait_session=" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_sign_in_needs_the_form_of_this_site(browser):
    _form(browser.get("/sign-in"))
    fields = {"username": "clara", "password": PASSWORD}
    assert browser.post("/sign-in", data=fields | {"csrf": "x" * 43}).status_code == 403
    assert browser.post("/sign-in", data=fields).status_code == 403
    token = _form(browser.get("/sign-in"))
    elsewhere = browser.post("/sign-in", data=fields | {"csrf": token}, headers={"origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    browser.cookies.clear()
    assert browser.post("/sign-in", data=fields | {"csrf": token}).status_code == 403


def test_wrong_passwords_and_script_in_names(browser):
    answer = _sign_in(browser, '"><script>alert(1)</script>', "wrong")
    assert answer.status_code == 401
    assert "<script>" not in answer.text
    assert "Sign-in failed" in answer.text


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "evil"])
def test_sign_in_never_leads_elsewhere(wanted):
    assert local_path(wanted) == "/"


def test_signed_in_then_out(site, browser):
    _sign_in(browser)
    page = browser.get("/patients", headers=HTML)
    assert page.status_code == 200
    assert "<title>FGait</title>" in page.text
    assert browser.get("/sign-in", follow_redirects=False).status_code == 303
    old = browser.cookies["fgait_session"]
    csrf = _form(browser.get("/sign-out"))
    assert browser.post("/sign-out", data={"csrf": "no"}).status_code == 403
    assert browser.post("/sign-out", data={"csrf": csrf}, follow_redirects=False).status_code == 303
    browser.cookies.set("fgait_session", old)
    assert browser.get("/patients", headers=HTML, follow_redirects=False).status_code == 303


def test_one_time_password_opens_only_its_own_change(site, browser):
    assert _sign_in(browser, "newcomer").status_code == 303
    assert browser.get("/patients", headers=HTML, follow_redirects=False).headers["location"] == "/change-password"
    assert browser.get("/media/x", follow_redirects=False).status_code == 403
    csrf = _form(browser.get("/change-password"))
    fields = {"current": PASSWORD, "new": "a brook below the bridge", "again": "something else", "csrf": csrf}
    assert "differ" in browser.post("/change-password", data=fields).text
    assert "12 characters" in browser.post("/change-password", data=fields | {"new": "a", "again": "a"}).text
    fields["again"] = fields["new"]
    assert browser.post("/change-password", data=fields, follow_redirects=False).status_code == 303
    assert browser.get("/", headers=HTML, follow_redirects=False).status_code == 200


def test_every_answer_carries_the_security_headers(browser):
    for path in ("/sign-in", "/healthz", "/media/x"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "ws://localhost" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_other_host_names_are_refused(browser):
    assert browser.get("/sign-in", headers={"host": "evil.example"}).status_code == 400


def test_upload(site, browser):
    clinic, _ = site
    _sign_in(browser)
    answer = _upload(browser, clinic.patient.id, b"a walk", **{"x-fgait-file-name": "Jos%C3%A9%20walks.mp4"})
    assert answer.status_code == 201
    recording = clinic.services.recordings.get(clinic.clinician, answer.json()["recording_id"])
    assert recording.original_name == "José walks.mp4"
    assert clinic.services.storage.read_bytes(recording.storage_key) == b"a walk"


def test_upload_refusals(site, browser):
    clinic, _ = site
    _sign_in(browser)
    assert _upload(browser, clinic.patient.id, **{"x-fgait-csrf": "x" * 43}).status_code == 403
    unknown = _upload(browser, "f" * 32)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "This patient does not exist.")
    in_chinese = _upload(browser, "f" * 32, **{"accept-language": "zh"})
    assert in_chinese.json()["error"] == translate("This patient does not exist.", "zh")
    assert in_chinese.json()["error"] != unknown.json()["error"]
    assert _upload(browser, clinic.patient.id, b"").status_code == 400
    too_large = _upload(browser, clinic.patient.id, b"x" * 1_000_001)
    assert too_large.status_code == 413
    assert "1 MB" in too_large.json()["error"]
    in_pieces = (b"x" * 100_000 for _ in range(11))  # without a Content-Length
    assert _upload(browser, clinic.patient.id, in_pieces).status_code == 413
    incoming = Path(clinic.services.settings.storage_dir) / "incoming"
    assert not list(incoming.iterdir())


def test_a_video_of_nobody_yet_comes_into_the_inbox_only_when_that_is_said(site, browser):
    clinic, _ = site
    _sign_in(browser)
    answer = _upload(browser, "inbox", b"a walk of somebody")
    recording = clinic.services.recordings.get(clinic.clinician, answer.json()["recording_id"])
    assert recording.patient_id is None
    assert _upload(browser, "").status_code == 404


def test_upload_is_for_clinicians(site, browser):
    clinic, _ = site
    _sign_in(browser, "adam")
    assert _upload(browser, clinic.patient.id).status_code == 403


def test_overlay_answers_ranges_to_clinicians_only(site, browser):
    clinic, _ = site
    assessment_id = screen(clinic)
    path = f"/files/assessments/{assessment_id}/overlay.mp4"
    _sign_in(browser)
    whole = browser.get(path)
    assert whole.headers["content-type"] == "video/mp4"
    part = browser.get(path, headers={"range": "bytes=256-511"})
    assert part.status_code == 206
    assert part.content == whole.content[256:512]
    assert browser.get("/files/assessments/nothing/overlay.mp4").status_code == 404
    of_first_clip = f"/files/assessments/{assessment_id}/overlay-0.mp4"
    assert browser.get(of_first_clip).content == whole.content
    assert browser.get(f"/files/assessments/{assessment_id}/overlay-1.mp4").status_code == 404
    browser.cookies.clear()
    _sign_in(browser, "adam")
    assert browser.get(path).status_code == 403


def test_pictures_of_reference_walkers(site, browser):
    assert browser.get("/files/references/r000.png").status_code == 401
    _sign_in(browser)
    picture = browser.get("/files/references/r000.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert browser.get("/files/references/nobody.png").status_code == 404


def test_cookies_over_https_only_where_asked(site, browser):
    from app.gateway import forms

    clinic, _ = site
    settings = clinic.services.settings.model_copy(update={"secure_cookies": True})
    response = forms.signed_in(settings, forms.lead_to("/"), "token")
    given = [line for line in response.headers.getlist("set-cookie") if not line.startswith("fgait_step=")]
    assert len(given) == 2
    assert all("; secure" in line.lower() for line in given)


def test_the_choice_of_a_language_is_kept_and_leads_back_only_to_own_pages(browser):
    answer = browser.get("/language", params={"to": "ar", "next": "/patients"}, follow_redirects=False)
    assert answer.headers["location"] == "/patients"
    assert '<html lang="ar" dir="rtl">' in browser.get("/sign-in").text
    assert (
        browser.get("/language", params={"next": "//elsewhere.example"}, follow_redirects=False).headers["location"]
        == "/"
    )
    browser.get("/language", params={"to": "klingon"})
    assert 'lang="ar"' in browser.get("/sign-in").text
    _sign_in(browser)
    assert '<html lang="ar" dir="rtl">' in browser.get("/about", headers=HTML).text


def test_a_copy_is_downloaded_by_clinicians_only(browser, site):
    """The routes of `app.gateway.downloads`: who may not gets a page that says why, and never a byte of it."""
    clinic, _ = site
    path = f"/files/patients/{clinic.patient.id}/copy.zip"
    assert browser.get(path, headers=HTML, follow_redirects=False).status_code == 303
    _sign_in(browser, "adam")
    refused = browser.get(path)
    assert refused.status_code == 403
    assert "Example" not in refused.text
    assert browser.get("/files/research.zip?purpose=study+42+approved").status_code == 400, "nobody consented"
    assert browser.get(f"/files/erasures/{'0' * 32}.json").status_code == 404
    browser.cookies.clear()
    _sign_in(browser)
    sent = browser.get(path)
    assert sent.status_code == 200
    assert sent.content[:2] == b"PK"
    assert sent.headers["cache-control"] == "no-store"
    assert "Example" not in sent.headers["content-disposition"]
    assert browser.get(f"/files/patients/{'0' * 32}/copy.zip").status_code == 404
    assert browser.get("/files/research.zip?purpose=study+42+approved").status_code == 403
    assert browser.get(f"/files/erasures/{'0' * 32}.json").status_code == 403
