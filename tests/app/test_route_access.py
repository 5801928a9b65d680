"""Every route as every role: who may not gets no byte, and another team's ids are answered as unknown ones."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import pytest
from conftest import PASSWORD
from starlette.routing import BaseRoute, Route
from two_teams import CLINICIANS, TwoTeams, build, words_of

from app.gateway.guard import is_public
from clinic_data.tables import new_id

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it prefers the successor of httpx
    from starlette.testclient import TestClient

USERS = {"administrator": "adam", "auditor": "audrey"} | {name: name for name in CLINICIANS}
MALFORMED = (
    "0" * 32,
    "nothing",
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%27%20OR%20%271%27=%271",
    "a" * 3000,
    "%F0%9D%9F%99",
    "%ff",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[TwoTeams, TestClient]]:
    """One application for all tests here: the pages' framework allows one in a process."""
    folder = tmp_path_factory.mktemp("site")
    world = build(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FGAIT_DATA_DIR", str(folder))
        from app.asgi import create_app

        application = create_app(world.services.settings)
        with TestClient(application, base_url="http://localhost", raise_server_exceptions=False) as client:
            client.application = application
            yield world, client


def _as(site, who: str):
    """A browser of somebody; "nobody" has no cookie."""
    world, client = site
    client.cookies.clear()
    if who != "nobody":
        client.cookies.set("fgait_session", _token(world, USERS.get(who, who)))
    return client


_TOKENS: dict[tuple[int, str], str] = {}


def _token(world: TwoTeams, username: str) -> str:
    key = (id(world), username)
    if key not in _TOKENS:
        _TOKENS[key] = world.services.accounts.sign_in(username, PASSWORD)
    return _TOKENS[key]


def _paths(site, parameters: dict[str, str]) -> list[tuple[str, str]]:
    """Every route of ours with its methods, filled in."""
    _, client = site
    found: list[tuple[str, str]] = []
    for route in _routes(client.application):
        path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: parameters.get(match[1], "0"), route.path)
        found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def _routes(application) -> list[Route]:
    listed: list[BaseRoute] = application._user_routes  # those of `create_app`; the framework keeps its own apart
    return [route for route in listed if isinstance(route, Route)]


def test_all_our_routes_are_looked_at(site):
    paths = {path for _, path in _paths(site, {})}
    assert {"/sign-in", "/api/recordings", "/files/assessments/0/overlay.mp4", "/files/patients/0/copy.zip"} <= paths


def test_nobody_and_newcomers_reach_public_routes_only(site):
    world, _ = site
    ids = vars(world.ids["red"])
    parameters = {"assessment_id": ids["assessment"], "patient_id": ids["patient"]}
    for who, status in (("nobody", 401), ("newcomer", 403)):
        for method, path in _paths(site, parameters):
            answer = _as(site, who).request(method, path, follow_redirects=False)
            if not is_public(path) and path != "/change-password":
                assert answer.status_code == status, (who, method, path, answer.status_code)
            assert "zq" not in answer.text


FILES = {
    "/files/assessments/{assessment}/overlay.mp4": {"red", "both"},
    "/files/assessments/{assessment}/overlay-0.mp4": {"red", "both"},
    "/files/patients/{patient}/copy.zip": {"red", "both"},
}


@pytest.mark.parametrize("path", FILES)
def test_files_of_a_patient_are_given_to_the_team_only(site, path: str):
    world, _ = site
    wanted, unknown = path.format(**vars(world.ids["red"])), path.format(assessment=new_id(), patient=new_id())
    for who in (*USERS, "nobody"):
        answer = _as(site, who).get(wanted)
        if who in FILES[path]:
            assert answer.status_code == 200, who
            assert answer.content
        else:
            refused = _as(site, who).get(unknown)
            assert answer.status_code == {"nobody": 401, "administrator": 403, "auditor": 403}.get(who, 404)
            assert (answer.status_code, answer.text) == (refused.status_code, refused.text)
            assert not any(word in answer.text for word in words_of("red"))


def test_a_part_of_a_file_is_asked_for_like_the_whole(site):
    world, _ = site
    path = f"/files/assessments/{world.ids['red'].assessment}/overlay.mp4"
    whole = _as(site, "red").get(path)
    for headers in ({"range": "bytes=0-5"}, {"if-none-match": whole.headers.get("etag", '"x"')}):
        assert _as(site, "blue").get(path, headers=headers).status_code == 404
    assert _as(site, "red").get(path, headers={"range": "bytes=0-5"}).content == whole.content[:6]


def _upload(client, patient_id: str):
    client.cookies.set("fgait_csrf", "c" * 43)
    sent = {"x-fgait-csrf": "c" * 43, "x-fgait-patient": patient_id}
    return client.put("/api/recordings", content=b"zq a walk", headers=sent)


def test_a_video_is_taken_for_a_patient_of_ones_team_only(site):
    world, _ = site
    before = len(world.services.recordings.list_of_patient(world.actors["red"], world.ids["red"].patient))
    for who in ("administrator", "auditor"):
        assert _upload(_as(site, who), world.ids["red"].patient).status_code == 403
    for patient_id in (world.ids["red"].patient, new_id(), "..%2f", "' OR 1=1", "\x7f", "a" * 3000):
        refused = _upload(_as(site, "blue"), patient_id)
        assert (refused.status_code, refused.json()) == (404, {"error": "This patient does not exist."}), patient_id
    assert len(world.services.recordings.list_of_patient(world.actors["red"], world.ids["red"].patient)) == before
    assert _upload(_as(site, "red"), world.ids["red"].patient).status_code == 201


def test_malformed_ids_in_addresses_are_no_faults(site):
    for who in ("red", "administrator", "auditor"):
        client = _as(site, who)
        for row_id in MALFORMED:
            names = ("assessment_id", "patient_id", "erasure_id", "reference_id", "code")
            for method, path in _paths(site, dict.fromkeys(names, row_id) | {"position": "99999999999999999999"}):
                if method == "GET" and row_id in path:
                    answer = client.get(path, follow_redirects=False)
                    assert 300 <= answer.status_code < 500, (who, path, answer.status_code)
                    assert "root:" not in answer.text


def test_a_session_that_was_ended_opens_nothing(site):
    world, _ = site
    token = world.services.accounts.sign_in("blue", PASSWORD)
    world.services.accounts.sign_out(token)
    client = _as(site, "nobody")
    client.cookies.set("fgait_session", token)
    path = f"/files/assessments/{world.ids['blue'].assessment}/overlay.mp4"
    assert client.get(path).status_code == 401
