"""Sign-in at the organisation's own service, with a real provider of OpenID Connect in a thread."""

from __future__ import annotations

import re
import warnings
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from conftest import PASSWORD, Clinic, add_user
from pydantic import ValidationError as SettingsError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.gateway import cookies
from app.gateway.external_sign_in import RETURN_PATH, ExternalSignInPages, notices, offer
from app.gateway.guard import ACTOR_KEY, ELSEWHERE_PATH, SessionGuard
from app.services.accounts import Accounts
from app.services.external_sign_in import ExternalSignIn, confirmed_person
from app.services.visitor import HERE
from app.settings import Settings
from clinic_data import users
from clinic_data.errors import ConflictError, NotFoundError, PermissionDeniedError, SignInError, ValidationError
from clinic_data.tables import Role

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the provider's own libraries warn
    from oidc_provider_mock import User, run_server_in_thread
    from starlette.testclient import TestClient

# The provider works in a thread of this process, and its own library warns there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib.*"),
    pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning"),
]

NURSE = User(sub="n-17", claims={"name": "Nora Nurse", "preferred_username": "Nora.N", "groups": ["all", "gait"]})
CHIEF = User(sub="c-1", claims={"preferred_username": "chief", "groups": ["gait-admin", "gait"]})
GUEST = User(sub="g-9", claims={"preferred_username": "guest", "groups": ["all"]})
CLARA = User(sub="x-2", claims={"preferred_username": "clara", "groups": ["gait"]})
ROLES = {"gait-admin": "administrator", "gait": "clinician", "gait-audit": "auditor"}


@pytest.fixture(scope="module")
def provider():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with run_server_in_thread(require_nonce=True, user_claims=[NURSE, CHIEF, GUEST, CLARA]) as server:
            yield f"http://localhost:{server.server_port}"


def _settings(clinic: Clinic, issuer: str, **more) -> Settings:
    return Settings(
        data_dir=clinic.services.settings.data_dir,
        oidc_issuer=issuer,
        oidc_client_id="fgait",
        oidc_client_secret="secret of the tests",
        oidc_roles=ROLES,
        public_url="http://localhost",
        **more,
    )


@pytest.fixture
def external(clinic: Clinic, provider: str) -> ExternalSignIn:
    return ExternalSignIn(_settings(clinic, provider), clinic.services.database)


@pytest.fixture
def visitor(clinic: Clinic, external: ExternalSignIn):
    """A browser in front of the routes and a page that says who is signed in."""
    accounts = Accounts(clinic.services.database)

    async def who(request):
        return PlainTextResponse(request.scope[ACTOR_KEY].username)

    application = Starlette(
        routes=[Route("/", who), *ExternalSignInPages(external, accounts, external.settings).routes()],
        middleware=[Middleware(SessionGuard, accounts=accounts)],
    )
    with TestClient(application, base_url="http://localhost", follow_redirects=False) as client:
        yield client


def _answer(visitor, subject: str, path: str = ELSEWHERE_PATH) -> str:
    """Goes to the provider, signs in there, and gives the address to which it leads back."""
    there = visitor.get(path).headers["location"]
    return httpx.post(there, data={"sub": subject}).headers["location"]


def _come_back(visitor, subject: str, path: str = ELSEWHERE_PATH):
    back = urlsplit(_answer(visitor, subject, path))
    assert back.path == RETURN_PATH
    return visitor.get(f"{back.path}?{back.query}")


def _trail(clinic: Clinic) -> list[tuple[str, str | None]]:
    with clinic.services.database.reading() as session:
        from clinic_data import audit

        return [(row.action, row.actor_id) for row in audit.list_rows(session=session, limit=20).rows]


def test_first_visit_makes_an_account_with_the_role_of_the_table(visitor, clinic: Clinic) -> None:
    answer = _come_back(visitor, NURSE.sub, f"{ELSEWHERE_PATH}?next=/?page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?page=2")
    assert visitor.get("/").text == "nora.n"
    with clinic.services.database.reading() as session:
        user = users.find_user(session=session, username="nora.n")
    assert (user.display_name, user.role, user.must_change_password) == ("Nora Nurse", Role.CLINICIAN, False)
    actions = [action for action, _ in _trail(clinic)]
    assert actions[:2] == ["user.signed_in", "user.created"]


def test_the_second_visit_is_the_same_account_and_ends_the_session_before(visitor, clinic: Clinic) -> None:
    _come_back(visitor, NURSE.sub)
    first = visitor.cookies[cookies.SESSION_COOKIE]
    _come_back(visitor, NURSE.sub)
    assert visitor.cookies[cookies.SESSION_COOKIE] != first
    assert clinic.services.accounts.actor_of(first) is None
    with clinic.services.database.reading() as session:
        assert len([user for user in users.list_users(session=session) if "nora" in user.username]) == 1


def test_the_first_line_of_the_table_that_fits_counts(visitor, clinic: Clinic) -> None:
    _come_back(visitor, CHIEF.sub)
    assert clinic.services.accounts.actor_of(visitor.cookies[cookies.SESSION_COOKIE]).role is Role.ADMINISTRATOR


class _Terse:
    """A service that tells groups only to who asks for more."""

    def __init__(self, issuer: str, subject_of_more: str) -> None:
        self.said = {"iss": issuer, "sub": "a-4", "preferred_username": "asked"}
        self.more = {"sub": subject_of_more, "groups": ["gait-audit"], "preferred_username": "another name"}

    async def authorize_access_token(self, request):
        return {"userinfo": self.said}

    async def userinfo(self, **_):
        return self.more


@pytest.mark.parametrize(("subject", "where"), [("a-4", "/"), ("somebody-else", "/sign-in?why=elsewhere")])
def test_roles_that_are_told_only_when_asked_count_too(external: ExternalSignIn, subject: str, where: str) -> None:
    pages = ExternalSignInPages(external, Accounts(external.database), external.settings)
    pages._made = _Terse(external.settings.oidc_issuer, subject)
    with TestClient(Starlette(routes=pages.routes()), base_url="http://localhost", follow_redirects=False) as client:
        assert client.get(RETURN_PATH).headers["location"] == where
        actor = Accounts(external.database).actor_of(client.cookies.get(cookies.SESSION_COOKIE))
    assert (actor.username, actor.role) == ("asked", Role.AUDITOR) if where == "/" else actor is None


def test_who_has_no_role_gets_no_session_and_no_account(visitor, clinic: Clinic) -> None:
    answer = _come_back(visitor, GUEST.sub)
    assert answer.headers["location"] == "/sign-in?why=no-role"
    assert cookies.SESSION_COOKIE not in visitor.cookies
    assert "no role" in notices("en")["no-role"]
    with clinic.services.database.reading() as session:
        assert users.find_user(session=session, username="guest") is None
    assert _trail(clinic)[0] == ("user.sign_in_refused", None)


def test_a_local_account_of_the_same_name_is_never_taken_over(visitor, clinic: Clinic) -> None:
    assert _come_back(visitor, CLARA.sub).headers["location"] == "/sign-in?why=name-taken"
    assert cookies.SESSION_COOKIE not in visitor.cookies


def test_an_account_is_connected_by_who_is_signed_in_with_it(visitor, clinic: Clinic) -> None:
    token = clinic.services.accounts.sign_in("clara", PASSWORD)
    visitor.cookies.set(cookies.SESSION_COOKIE, token)
    answer = _come_back(visitor, CLARA.sub, f"{ELSEWHERE_PATH}?connect={cookies.connect_mark(token)}")
    assert answer.headers["location"] == "/account?connected=yes"
    visitor.cookies.clear()
    _come_back(visitor, CLARA.sub)
    assert visitor.get("/").text == "clara"


def test_nobody_signed_in_connects_nothing(visitor, external: ExternalSignIn, clinic: Clinic) -> None:
    answer = visitor.get(f"{ELSEWHERE_PATH}?connect={cookies.connect_mark('of nobody')}")
    assert answer.headers["location"] == "/account?connected=no"
    assert external.identities(clinic.clinician) == ()


def test_a_link_of_another_site_connects_nothing(visitor, external: ExternalSignIn, clinic: Clinic) -> None:
    """Else who signs the victim's browser in there as themselves could sign in here as the victim."""
    token = clinic.services.accounts.sign_in("clara", PASSWORD)
    visitor.cookies.set(cookies.SESSION_COOKIE, token)
    for guess in ("1", cookies.connect_mark("another session"), "é"):
        answer = visitor.get(ELSEWHERE_PATH, params={"connect": guess})
        assert answer.headers["location"] == "/account?connected=no"
    assert external.identities(clinic.clinician) == ()


def test_who_signs_in_meanwhile_is_not_connected(visitor, external: ExternalSignIn, clinic: Clinic) -> None:
    token = clinic.services.accounts.sign_in("clara", PASSWORD)
    visitor.cookies.set(cookies.SESSION_COOKIE, token)
    back = urlsplit(_answer(visitor, CLARA.sub, f"{ELSEWHERE_PATH}?connect={cookies.connect_mark(token)}"))
    visitor.cookies.delete(cookies.SESSION_COOKIE)
    visitor.cookies.set(cookies.SESSION_COOKIE, clinic.services.accounts.sign_in("adam", PASSWORD))
    answer = visitor.get(f"{back.path}?{back.query}")
    assert answer.headers["location"] == "/account?connected=no"
    assert external.identities(clinic.administrator) == external.identities(clinic.clinician) == ()


def test_an_identity_is_one_accounts_only_and_can_be_disconnected(external: ExternalSignIn, clinic: Clinic) -> None:
    claims = {"iss": external.settings.oidc_issuer, "sub": "one", "groups": ["gait"], "email": "clara@example.org"}
    external.connect(clinic.clinician, claims)
    with pytest.raises(ConflictError):
        external.connect(clinic.administrator, claims)
    (identity,) = external.identities(clinic.clinician)
    with pytest.raises(NotFoundError):
        external.disconnect(clinic.administrator, identity.id)
    external.disconnect(clinic.clinician, identity.id)
    with pytest.raises(SignInError):  # her user name is hers: the identity gets no account of that name
        external.sign_in(claims | {"preferred_username": "clara"}, HERE)
    with pytest.raises(PermissionDeniedError):
        external.connect(None, claims)


def test_a_changed_role_counts_at_the_next_visit_and_the_last_administrator_stays(
    external: ExternalSignIn, clinic: Clinic
) -> None:
    claims = {"iss": external.settings.oidc_issuer, "sub": "s", "preferred_username": "sam", "groups": ["gait"]}
    token = external.sign_in(claims, HERE)
    later = external.sign_in(claims | {"groups": ["gait-audit"]}, HERE)
    assert clinic.services.accounts.actor_of(token) is None
    assert clinic.services.accounts.actor_of(later).role is Role.AUDITOR
    external.connect(clinic.administrator, claims | {"sub": "adam"})
    with pytest.raises(SignInError, match="last active administrator"):
        external.sign_in(claims | {"sub": "adam"}, HERE)


def test_a_deactivated_account_stays_out(external: ExternalSignIn, clinic: Clinic) -> None:
    dora = add_user(clinic.services, "dora", Role.CLINICIAN)
    claims = {"iss": external.settings.oidc_issuer, "sub": "d", "groups": ["gait"]}
    external.connect(dora, claims)
    clinic.services.users.set_active(clinic.administrator, dora.user_id, active=False)
    with pytest.raises(SignInError, match="cannot sign in"):
        external.sign_in(claims, HERE)


def test_accounts_are_made_only_where_the_clinic_wants_it(clinic: Clinic, provider: str) -> None:
    external = ExternalSignIn(_settings(clinic, provider, oidc_create_users=False), clinic.services.database)
    with pytest.raises(SignInError, match="no account"):
        external.sign_in({"iss": provider, "sub": "new", "groups": ["gait"]}, HERE)


@pytest.mark.parametrize("change", ["state", "code", "nothing to come back to"])
def test_a_forged_or_stale_answer_is_refused(visitor, clinic: Clinic, change: str) -> None:
    back = urlsplit(_answer(visitor, NURSE.sub))
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    if change in query:
        query[change] += "x"
    else:
        visitor.cookies.clear()
    answer = visitor.get(RETURN_PATH, params=query)
    assert answer.headers["location"] == "/sign-in?why=elsewhere"
    assert cookies.SESSION_COOKIE not in visitor.cookies


def test_an_answer_counts_once(visitor) -> None:
    back = urlsplit(_answer(visitor, NURSE.sub))
    assert visitor.get(f"{back.path}?{back.query}").headers["location"] == "/"
    visitor.cookies.clear()
    assert visitor.get(f"{back.path}?{back.query}").headers["location"] == "/sign-in?why=elsewhere"


def test_a_stranger_cannot_be_led_elsewhere_afterwards(visitor) -> None:
    assert _come_back(visitor, NURSE.sub, f"{ELSEWHERE_PATH}?next=//evil.example").headers["location"] == "/"


def test_a_service_that_does_not_answer_is_said(clinic: Clinic) -> None:
    settings = _settings(clinic, "http://localhost:9")
    pages = ExternalSignInPages(ExternalSignIn(settings, clinic.services.database), clinic.services.accounts, settings)
    with TestClient(Starlette(routes=pages.routes()), base_url="http://localhost", follow_redirects=False) as client:
        assert client.get(ELSEWHERE_PATH).headers["location"] == "/sign-in?why=unreachable"


def test_pkce_and_nonce_go_to_the_service_and_no_secret(visitor) -> None:
    there = visitor.get(ELSEWHERE_PATH).headers["location"]
    asked = parse_qs(urlsplit(there).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"][0]
    assert asked["redirect_uri"] == [f"http://localhost{RETURN_PATH}"]
    assert "secret" not in there


def test_the_sign_in_page_offers_the_service_by_name_and_keeps_the_way(clinic: Clinic, provider: str) -> None:
    link = offer(_settings(clinic, provider, oidc_name="Ward <1>"), "/patients?page=2", "en")
    assert 'href="/sign-in/elsewhere?next=%2Fpatients%3Fpage%3D2"' in link
    assert "Sign in with Ward &lt;1&gt;" in link


def test_without_a_service_there_are_no_routes(clinic: Clinic) -> None:
    services = clinic.services
    assert offer(services.settings, "/", "en") == ""
    assert ExternalSignInPages(services.external_sign_in, services.accounts, services.settings).routes() == []


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({"preferred_username": "Nora.N"}, "nora.n"),
        ({"email": "nora@example.org"}, "nora@example.org"),
        ({"preferred_username": "\u59d3\u540d"}, None),
        ({"preferred_username": "<script>"}, "script"),
        ({}, None),
    ],
)
def test_user_names_are_made_acceptable(external: ExternalSignIn, claims: dict[str, str], username: str | None) -> None:
    person = confirmed_person({"iss": external.settings.oidc_issuer, "sub": "1"} | claims, external.settings)
    assert person.username == username or (username is None and re.fullmatch(r"user-[0-9a-f]{12}", person.username))


@pytest.mark.parametrize("claims", [{"sub": "1"}, {"iss": "https://other.example", "sub": "1"}, {"sub": ""}])
def test_claims_of_another_service_are_refused(external: ExternalSignIn, claims: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        confirmed_person(claims, external.settings)


def test_roles_may_lie_inside_another_claim(clinic: Clinic, provider: str) -> None:
    settings = _settings(clinic, provider, oidc_role_claim="realm_access.roles")
    claims = {"iss": provider, "sub": "1", "realm_access": {"roles": ["gait-audit"]}}
    assert confirmed_person(claims, settings).role is Role.AUDITOR
    assert confirmed_person(claims | {"realm_access": "gait-audit"}, settings).role is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "http://login.example.org"},
        {"oidc_client_id": ""},
        {"oidc_roles": {}},
        {"oidc_roles": {"gait": "owner"}},
        {"oidc_scope": "email"},
    ],
)
def test_half_a_setting_is_refused_at_the_start(wrong) -> None:
    whole = {"oidc_issuer": "https://login.example.org", "oidc_client_id": "fgait", "oidc_roles": ROLES}
    assert Settings(**whole).oidc_issuer
    with pytest.raises(SettingsError):
        Settings(**whole | wrong)


def test_the_last_administrator_is_told_why(visitor, external: ExternalSignIn, clinic: Clinic) -> None:
    claims = {"iss": external.settings.oidc_issuer, "sub": NURSE.sub}
    external.connect(clinic.administrator, claims)
    assert _come_back(visitor, NURSE.sub).headers["location"] == "/sign-in?why=last-administrator"
    assert "last active administrator" in notices("en")["last-administrator"]
