"""Every use case refuses who may not use it, whatever the pages show: wrong roles, nobody, and other teams."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from service_calls import CALLS, OPEN, Here
from sqlalchemy import text
from two_teams import Ids, TwoTeams, build, texts_in, words_of

from app.services.catalogue import Services
from app.services.permissions import GRANTS, Actor, Permission, may
from clinic_data.errors import ClinicDataError, NotFoundError, PermissionDeniedError
from clinic_data.schema import METADATA
from clinic_data.tables import Role
from fgait_core.errors import FGaitError

_TRAIL = {"audit_row", "audit_head", "stored_file", "data_key"}
"""Tables that may grow with a refusal or a look."""


def offered(services: Services) -> set[str]:
    """Every public method of every service of the catalogue."""
    names = [name for name, each in inspect.getmembers(Services) if isinstance(each, property)]
    return {
        f"{name}.{method}"
        for name in names
        for method, _ in inspect.getmembers(type(getattr(services, name)), inspect.isfunction)
        if not method.startswith("_")
    }


def test_every_use_case_is_in_the_table(world: TwoTeams):
    listed, present = set(CALLS) | set(OPEN), offered(world.services)
    assert present - listed == set(), "without a row in service_calls.py"
    assert listed - present == set(), "rows of methods that are gone"
    assert not set(CALLS) & set(OPEN)


def state(world: TwoTeams) -> dict[str, list[str]]:
    """All rows as they are stored, but for the trail."""
    with world.services.database.engine.connect() as connection:
        return {
            name: sorted(str(tuple(row)) for row in connection.execute(text(f'SELECT * FROM "{name}"')))
            for name in METADATA.tables
            if name not in _TRAIL
        }


def _outcome(world: TwoTeams, name: str, actor: Actor | None, ids: Ids) -> tuple[type, list[str]]:
    """What a call answers: the kind of answer or error, and every text in it."""
    try:
        answer: Any = CALLS[name].run(Here(world), actor, ids)
    except (ClinicDataError, FGaitError) as error:
        answer = error
    return type(answer), list(texts_in(answer))


@pytest.fixture
def here(world: TwoTeams, monkeypatch) -> TwoTeams:
    sample = world.services.settings.data_dir / "sample.bin"
    sample.write_bytes(b"sample")
    monkeypatch.setattr("app.services.recordings.fetch_asset", lambda _: sample)
    return world


def _actors(world: TwoTeams) -> dict[str, Actor | None]:
    unfinished = {"without a second step": replace(world.actors["red"], must_set_up_totp=True)}
    return world.actors | unfinished


def _is_granted(actor: Actor | None, name: str) -> bool:
    return (
        actor is not None
        and not actor.must_change_password
        and (not actor.must_set_up_totp or CALLS[name].unfinished)
        and actor.role in CALLS[name].granted
    )


@pytest.mark.parametrize("name", CALLS)
def test_only_the_granted_roles_get_through(here: TwoTeams, name: str):
    before = state(here)
    refused = [actor for actor in _actors(here).values() if not _is_granted(actor, name)]
    assert len(refused) >= 2  # nobody and the newcomer at least
    for actor in refused:
        for ids in (here.ids["red"], Ids.unknown(), Ids.all_of("\x00")):
            kind, said = _outcome(here, name, actor, ids)
            assert issubclass(kind, PermissionDeniedError), (actor, said)
            assert not any(word in line for line in said for word in words_of("red"))
    assert state(here) == before
    for role in CALLS[name].granted:
        kind, said = _outcome(here, name, here.actors[_OF_ROLE[role]], here.ids["red"])
        assert not issubclass(kind, PermissionDeniedError), said
        if CALLS[name].of_patient:
            assert not issubclass(kind, NotFoundError) or "does not exist" not in said[0], said


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.of_patient])
def test_another_teams_patient_is_answered_as_one_that_does_not_exist(here: TwoTeams, name: str):
    before, refusals = state(here), set()
    for ids in (here.ids["red"], Ids.unknown(), Ids.all_of("\x00"), Ids.all_of("../../etc/passwd")):
        for who in ("blue", "free"):
            kind, said = _outcome(here, name, here.actors[who], ids)
            if CALLS[name].breaks_glass and ids is here.ids["red"]:
                assert kind.__name__ == "PatientOfOtherTeamError"
            else:
                refusals.add((kind, *said))
            assert not any(word in line for line in said for word in words_of("red"))
    assert len(refusals) == 1, refusals
    assert state(here) == before


def test_a_row_of_ones_own_does_not_open_the_door_to_another(here: TwoTeams):
    """Ids of two patients in one call: each of them is checked."""
    red, mine = here.ids["red"], here.ids["blue"]
    before = state(here)
    for field in vars(mine):
        mixed = replace(mine, **{field: getattr(red, field)})
        for name, call in CALLS.items():
            if call.of_patient and not call.breaks_glass and name in _TWO_IDS:
                _, said = _outcome(here, name, here.actors["blue"], mixed)
                assert not any(word in line for line in said for word in words_of("red")), (name, field)
    after = state(here)
    red_ids = set(vars(red).values()) - {red.other}
    for table, rows in before.items():
        kept = {row for row in rows if any(row_id in row for row_id in red_ids)}
        assert kept <= set(after[table]), table
        assert {row for row in after[table] if any(row_id in row for row_id in red_ids)} == kept, table


MALFORMED = ("\x00", "\ud800", "' OR '1'='1", "a" * 100_000)


def _malformed_ids_are_refused(world: TwoTeams) -> None:
    """A refusal is a sentence; anything else would be a fault of the server."""
    takes_ids = {
        name: call for name, call in CALLS.items() if set(call.run.__code__.co_names) & set(vars(Ids.unknown()))
    }
    assert len(takes_ids) > len(CALLS) / 2
    for name, call in takes_ids.items():
        for role in call.granted:
            for row_id in MALFORMED:
                _, said = _outcome(world, name, world.actors[_OF_ROLE[role]], Ids.all_of(row_id))
                assert not any("zq" in line for line in said) or not call.of_patient, (name, row_id)


_OF_ROLE = {Role.CLINICIAN: "red", Role.ADMINISTRATOR: "administrator", Role.AUDITOR: "auditor"}


def test_malformed_ids_are_answered_with_a_sentence(here: TwoTeams):
    _malformed_ids_are_refused(here)


def test_malformed_ids_are_answered_with_a_sentence_on_postgresql(postgresql_url, tmp_path, monkeypatch):
    monkeypatch.setattr("app.services.recordings.fetch_asset", lambda _: tmp_path / "none")
    world = build(tmp_path / "teams", postgresql_url)
    try:
        _malformed_ids_are_refused(world)
    finally:
        world.services.database.dispose()


_TWO_IDS = {"batch.assign", "notes.add"}


def test_no_page_and_no_route_calls_what_is_meant_for_the_server():
    for path in [*Path("app/views").rglob("*.py"), *Path("app/gateway").rglob("*.py"), Path("app/main.py")]:
        content = path.read_text(encoding="utf-8")
        assert "create_first_administrator" not in content
        assert "reset_password_locally" not in content


def test_a_one_time_password_or_a_missing_second_step_opens_nothing():
    for role in Role:
        for unfinished in ({"must_change_password": True}, {"must_set_up_totp": True}):
            actor = Actor("1", "new", "New", role, **unfinished)
            assert not any(may(actor, permission) for permission in Permission)


def test_no_role_has_both_patients_and_administration():
    patients = {Permission.READ_PATIENTS, Permission.READ_RESULTS, Permission.CONFIRM_OUTCOMES}
    administration = {Permission.MANAGE_USERS, Permission.RETRAIN, Permission.MANAGE_MODELS}
    for granted in GRANTS.values():
        assert not (granted & patients and granted & administration)
    assert set().union(*GRANTS.values()) == set(Permission)


def test_the_auditor_changes_nothing():
    reads = ("read", "verify and export", "manage one's own account")
    assert all(permission.value.startswith(reads) for permission in GRANTS[Role.AUDITOR])
