"""Thousands of service calls in random order by random people: nobody ever sees or changes another team's patient.

The ids of one call may belong to several patients. What is looked for in every answer and every error are words and
ids that stand in the data of one patient only.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from service_calls import CALLS, Here
from sqlalchemy import event, text
from two_teams import ACTORS, CLINICIANS, TEAMS, Ids, TwoTeams, texts_in, words_of

from clinic_data import audit
from clinic_data.errors import ClinicDataError
from clinic_data.tables import new_id
from fgait_core.errors import FGaitError

SEQUENCES, CALLS_EACH = 50, 200
OTHER_TEST = {"moving.move": "afterwards the ids of the two patients are mixed"}
QUICK = sorted(name for name, call in CALLS.items() if not call.slow and name not in OTHER_TEST)
ABOUT_PATIENTS = sorted(name for name in QUICK if CALLS[name].of_patient)
SLOW = sorted(name for name, call in CALLS.items() if call.slow and call.of_patient)
_TRAIL = {"audit_row", "audit_head"}
_NOT_OF_PATIENTS = {
    "report_counter",
    "user_account",
    "sign_in_session",
    "sign_in_throttle",
    "totp_credential",
    "recovery_code",
}
_WRITES = re.compile(r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One call: who, what, about whom; `mixed` names ids that are taken from somebody else."""

    who: str
    name: str
    team: str
    mixed: tuple[tuple[str, str], ...] = ()


def steps() -> st.SearchStrategy[Step]:
    names = st.one_of(st.sampled_from(ABOUT_PATIENTS), st.sampled_from(ABOUT_PATIENTS), st.sampled_from(QUICK))
    people = st.one_of(st.sampled_from(list(CLINICIANS)), st.sampled_from(list(CLINICIANS)), st.sampled_from(ACTORS))
    other = st.tuples(st.sampled_from(list(Ids.__dataclass_fields__)), st.sampled_from([*TEAMS, "unknown"]))
    return st.builds(Step, people, names, st.sampled_from(list(TEAMS)), st.lists(other, max_size=2).map(tuple))


@dataclass
class Observed:
    """The clinic of one sequence, what is stored in it, and what was seen so far."""

    world: TwoTeams
    rows: dict[str, set[str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    opened: set[tuple[str, str]] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        engine = self.world.services.database.engine
        engine.dispose()
        event.listen(engine, "connect", _without_waiting_for_the_disk)
        event.listen(engine, "before_cursor_execute", self._note_statement)
        with engine.connect() as connection:
            self.keys = {
                name: [row[0] for row in connection.execute(text(_KEYS), {"patient": ids.patient})]
                for name, ids in self.world.ids.items()
            }
            tables = [row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
        self.rows = {table: self._stored(table) for table in tables if table not in _TRAIL}

    def _note_statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        match = _WRITES.match(statement)
        if match:
            self.written.add(match[1])

    def _stored(self, table: str) -> set[str]:
        with self.world.services.database.engine.connect() as connection:
            return {str(tuple(row)) for row in connection.execute(text(f'SELECT * FROM "{table}"'))}

    def changes(self) -> dict[str, set[str]]:
        """The rows that were written or removed since the last look, without those of the trail."""
        changed: dict[str, set[str]] = {}
        for table in self.written - _TRAIL:
            now = self._stored(table)
            if now != self.rows[table]:
                changed[table], self.rows[table] = now ^ self.rows[table], now
        self.written.clear()
        return changed

    def trail(self) -> int:
        with self.world.services.database.engine.connect() as connection:
            return connection.execute(text("SELECT max(id) FROM audit_row")).scalar_one()

    def hidden(self, who: str) -> list[str]:
        return [name for name in self.world.hidden_from(who) if (who, name) not in self.opened]


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")  # a power cut is not what is tested


_KEYS = "SELECT id FROM data_key WHERE patient_id = :patient"


def _ids(world: TwoTeams, step: Step) -> Ids:
    others = world.ids | {"unknown": Ids.unknown()}
    return replace(world.ids[step.team], **{name: getattr(others[team], name) for name, team in step.mixed})


_MARK = re.compile("zq[a-z]+qz|[0-9a-f]{32}")


def _ids_of(world: TwoTeams, name: str) -> set[str]:
    return set(vars(world.ids[name]).values()) - {world.ids[name].other}


def _marks(names: list[str], world: TwoTeams, *, with_ids: bool) -> set[str]:
    """Words and ids of these patients."""
    return {mark for name in names for mark in (*words_of(name), *(_ids_of(world, name) if with_ids else ()))}


def check(observed: Observed, step: Step) -> None:
    """Makes a call and looks at everything that it said and did."""
    world, call = observed.world, CALLS[step.name]
    before = observed.trail()
    token = audit.origin.set(audit.Origin("192.0.2.7", new_id()))  # a session of its own: each look counts
    try:
        answer: Any = call.run(Here(world), world.actors[step.who], _ids(world, step))
        refused = False
    except (ClinicDataError, FGaitError) as error:
        answer, refused = error, True
    finally:
        audit.origin.reset(token)
    observed.counted["refused" if refused else "answered"] += 1
    hidden, clinician = observed.hidden(step.who), step.who in CLINICIANS
    told = {mark for said in texts_in(answer) for mark in _MARK.findall(said)}
    assert not told & _marks(hidden, world, with_ids=clinician and not call.breaks_glass), step
    changed = observed.changes()
    if refused:
        assert not set(changed) - _NOT_OF_PATIENTS or not clinician, (
            step,
            changed,
        )
    if clinician and step.name != "emergencies.open":
        marks = [mark for name in hidden for mark in (*_ids_of(world, name), *observed.keys[name])]
        for table, rows in changed.items():
            assert not [row for row in rows for mark in marks if mark in row], (step, table)
    told &= _marks(list(TEAMS), world, with_ids=False)
    if not refused and (told or set(changed) - _NOT_OF_PATIENTS):
        assert observed.trail() > before, step
        observed.counted["told"] += bool(told)
    if not refused and step.name == "emergencies.open":
        patients = {ids.patient: name for name, ids in world.ids.items()}
        observed.opened.add((step.who, patients[_ids(world, step).patient]))


def _run(template: TwoTeams, sequence: list[Step]) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "clinic"
        shutil.copytree(template.services.settings.data_dir, copy)
        (copy / "sample.bin").write_bytes(b"sample")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.services.recordings.fetch_asset", lambda _: copy / "sample.bin")
            world = template.at(copy)
            with closing(_Disposed(world)):
                observed = Observed(world)
                for step in sequence:
                    check(observed, step)
                return observed.counted


@dataclass
class _Disposed:
    world: TwoTeams

    def close(self) -> None:
        self.world.services.database.dispose()


COUNTED: Counter[str] = Counter()


@pytest.mark.slow
@settings(
    max_examples=SEQUENCES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each failure names its step; shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(sequence=st.lists(steps(), min_size=CALLS_EACH, max_size=CALLS_EACH))
def test_no_sequence_of_calls_shows_or_changes_another_teams_patient(two_teams_template, sequence):
    COUNTED.update(_run(two_teams_template, sequence))


@pytest.mark.slow
def test_the_sequences_were_not_all_refused():
    """A test in which everything is refused would prove nothing."""
    if COUNTED.total():
        assert COUNTED["answered"] > COUNTED.total() / 5
        assert COUNTED["told"] > COUNTED.total() / 20


def _everybody_asks(names: list[str]) -> list[Step]:
    return [Step(who, name, team) for name in names for who in ACTORS for team in TEAMS]


@pytest.mark.slow
def test_documents_of_another_team_are_neither_made_nor_read(two_teams_template):
    assert _run(two_teams_template, _everybody_asks(SLOW))["answered"] > 10


def test_a_leak_would_be_found(two_teams_template, monkeypatch):
    """The test of the test: without the question for the team, the very first look at another team's patient fails."""
    monkeypatch.setattr("app.services.access.sees", lambda *_: True)
    with pytest.raises(AssertionError):
        _run(two_teams_template, [Step("blue", "patients.get", "red")])
    with pytest.raises(AssertionError):
        _run(two_teams_template, [Step("blue", "notes.correct", "red")])


def test_a_look_without_a_row_in_the_trail_would_be_found(two_teams_template, monkeypatch):
    monkeypatch.setattr("app.services.patient_records.note_read", lambda *_: None)
    with pytest.raises(AssertionError):
        _run(two_teams_template, [Step("red", "patients.get", "red")])
