"""A small clinic with two teams whose patients' data are words that occur nowhere else, to be looked for in answers."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

from conftest import add_user
from fast_engine import MODEL, result, sequence
from sqlmodel import SQLModel

from app.services.catalogue import Services
from app.services.permissions import Actor
from app.services.screening_jobs import SCREEN
from app.settings import Settings
from clinic_data import assessments, jobs, model_registry, teams
from clinic_data.decisions import DecisionData
from clinic_data.file_vault import FileKind
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.tables import Role, new_id
from tests.keys import give_test_keys

TEAMS = {"red": "red", "blue": "blue", "all": None}
"""Whose patients there are; those of `None` are all staff's."""
CLINICIANS = {"red": {"red"}, "blue": {"blue"}, "both": {"red", "blue"}, "free": set()}
"""The clinicians and their teams."""
ACTORS = ("nobody", "newcomer", "administrator", "auditor", *CLINICIANS)


@dataclass(frozen=True)
class Ids:
    """The ids of everything about one patient.

    Attributes:
        waiting: a recording for which nothing was queued.
        other: of what is no patient's, as a cohort; there is no such row.
    """

    patient: str
    recording: str
    waiting: str
    search_job: str
    screen_job: str
    assessment: str
    report: str
    note: str
    other: str = "0" * 32

    @classmethod
    def unknown(cls) -> Ids:
        """Ids that no row has."""
        return cls(*(new_id() for _ in fields(cls)))

    @classmethod
    def all_of(cls, text: str) -> Ids:
        """The same text in place of every id."""
        return cls(*(text for _ in fields(cls)))


@dataclass(frozen=True)
class TwoTeams:
    """The clinic.

    Attributes:
        services: of it.
        actors: by name; None is nobody.
        ids: of the patients' rows, by team.
        inbox: a recording of nobody yet.
        retraining_job: a job that is no clinician's.
        team_ids: by name.
    """

    services: Services
    actors: dict[str, Actor | None]
    ids: dict[str, Ids]
    inbox: str
    retraining_job: str
    team_ids: dict[str, str]

    def hidden_from(self, who: str) -> list[str]:
        """The teams whose patients the actor must not see."""
        if who not in CLINICIANS:
            return list(TEAMS)
        return [name for name, team in TEAMS.items() if team is not None and team not in CLINICIANS[who]]

    def at(self, folder: Path) -> TwoTeams:
        """The same clinic after its folder was copied."""
        settings = self.services.settings.model_copy(update={"data_dir": folder})
        return TwoTeams(Services.open(settings), self.actors, self.ids, self.inbox, self.retraining_job, self.team_ids)


def words_of(team: str) -> tuple[str, ...]:
    """What is said of a team's patient and stands nowhere else."""
    kinds = ("family", "given", "number", "remark", "file", "note", "reason", "outcome", "addendum", "person", "video")
    return tuple(f"zq{kind}{team}qz" for kind in kinds)


def build(folder: Path, database_url: str = "") -> TwoTeams:
    """Makes the clinic in a folder, or in another database."""
    give_test_keys(folder)
    services = Services.open(Settings(data_dir=folder, database_url=database_url, max_upload_mb=1, min_free_disk_mb=0))
    services.database.upgrade()
    actors: dict[str, Actor | None] = {"nobody": None}
    actors["administrator"] = add_user(services, "adam", Role.ADMINISTRATOR)
    actors["auditor"] = add_user(services, "audrey", Role.AUDITOR)
    actors |= {name: add_user(services, name, Role.CLINICIAN) for name in CLINICIANS}
    actors["newcomer"] = add_user(services, "newcomer", Role.CLINICIAN, must_change=True)
    with services.database.transaction() as session:
        team_ids = {name: teams.create_team(session=session, name=name).id for name in ("red", "blue")}
        for name, team_id in team_ids.items():
            members = [actors[who].user_id for who, mine in CLINICIANS.items() if name in mine]
            teams.set_members(session=session, team_id=team_id, user_ids=[*members, actors["newcomer"].user_id])
        version = model_registry.ensure_version(
            session=session, name=MODEL.name, version=MODEL.version, sha256=MODEL.sha256, simulated=True, metrics={}
        )
        retraining = jobs.enqueue(session=session, kind="retrain", payload={"retraining_id": "0"}, queue="train")
    ids = {
        name: _fill(services, actors[name if name in team_ids else "free"], name, team_ids, version.id)
        for name in TEAMS
    }
    inbox = services.recordings.receive(actors["free"], None, "nobody_yet.mp4", [b"inbox"])
    return TwoTeams(services, actors, ids, inbox.id, retraining.id, team_ids)


def _fill(services: Services, actor: Actor, name: str, team_ids: dict[str, str], version_id: str) -> Ids:
    family, given, number, remark, file, note, reason, outcome, addendum, person, video = words_of(name)
    data = PatientData(
        record_number=number, family_name=family, given_name=given, birth_date=date(2010, 2, 3), notes=remark
    )
    patient = services.patients.create(actor, data, team_ids.get(name))
    receive = services.recordings.receive
    recording = receive(actor, patient.id, f"{file}.mp4", [video.encode()])
    waiting = receive(actor, patient.id, f"{file}-waiting.mp4", [f"{video} waiting".encode()])
    search = services.screening.find_people(actor, recording.id)
    assessment_id, job_id = _screened(services, actor, recording, search.id, file, person, version_id)
    services.outcomes.record(
        actor, assessment_id, OutcomeData(task="scoliosis", method="not_known", note=outcome), None
    )
    decided = DecisionData(task="scoliosis", verdict="overridden", label="negative", reason=reason)
    services.decisions.decide(actor, assessment_id, decided, None)
    written = services.notes.add(actor, patient.id, note)
    services.reporting.create(actor, assessment_id)
    first = services.reporting.list_of_assessment(actor, assessment_id)[0]
    report = services.reporting.add_addendum(actor, first.id, addendum)
    return Ids(patient.id, recording.id, waiting.id, search.id, job_id, assessment_id, report.id, written.id)


def _screened(services, actor: Actor, recording, search_id: str, file: str, person: str, version_id: str):
    """What a worker would have stored."""
    found = {"people": [_found(person)]}
    buffer = io.BytesIO()
    sequence().save(buffer)
    kept = {"patient_id": recording.patient_id}
    silhouettes = services.storage.write_bytes(buffer.getvalue(), kind=FileKind.SILHOUETTES, **kept)
    overlay = services.storage.write_bytes(person.encode() * 100, kind=FileKind.OVERLAY, **kept)
    with services.database.transaction() as session:
        job = jobs.enqueue(
            session=session,
            kind=SCREEN,
            payload={"clips": [{"recording_id": recording.id, "person": 1}], "tasks": ["scoliosis"]},
            created_by=actor.user_id,
            patient_id=recording.patient_id,
            recording_id=recording.id,
        )
        assessment = assessments.add_assessment(
            session=session,
            patient_id=recording.patient_id,
            recording_id=recording.id,
            job_id=job.id,
            model_version_id=version_id,
            result=result(f"{file}.mp4").model_dump(mode="json"),
            silhouettes_key=silhouettes.key,
            overlay_key=overlay.key,
            created_by=actor.user_id,
        )
        for each, told in ((search_id, found), (job.id, {"assessment_id": assessment.id})):
            jobs.claim(session=session, worker="test", queues=("cpu",))
            jobs.finish(session=session, job_id=each, worker="test", result=told)
    return assessment.id, job.id


def _found(person: str) -> dict[str, Any]:
    return {
        "number": 1,
        "travel_body_heights": 2.0,
        "visible_s": 4.0,
        "in_full_view": True,
        "thumbnail_jpeg": base64.b64encode(person.encode()).decode(),
    }


def texts_in(value: Any) -> Iterator[str]:
    """Every text inside an answer or an error, however deep; files and archives are opened."""
    if isinstance(value, bytes | bytearray):
        yield from _texts_in_bytes(bytes(value))
    elif isinstance(value, Path):
        yield from _texts_in_bytes(value.read_bytes())
    elif hasattr(value, "read"):
        with value:
            yield from _texts_in_bytes(value.read())
    elif (inside := _inside(value)) is not None:
        for each in inside:
            yield from texts_in(each)
    elif value is not None:
        yield str(value)


def _inside(value: Any) -> Iterable[Any] | None:
    """What a value is made of; None for a single one."""
    if isinstance(value, BaseException):
        return (str(value), *(arg for arg in value.args if arg != str(value)), value.__cause__)
    if isinstance(value, SQLModel):
        return [each for name, each in value.__dict__.items() if name != "_sa_instance_state"]
    if isinstance(value, Mapping):
        return [*value, *value.values()]
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, Iterator):  # of rows, or a file in pieces
        pieces = list(value)
        return [b"".join(pieces)] if pieces and isinstance(pieces[0], bytes) else pieces
    if isinstance(value, list | tuple | set | frozenset):
        return value
    return None


def _texts_in_bytes(content: bytes) -> Iterator[str]:
    yield content.decode("latin-1")
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name).decode("utf-8", "replace")
