"""A pseudonymised export for research: silhouettes, labels and a few facts, in the form that `fgait data import` reads.

Taken are the recordings of patients who consented to training. People get random codes and a random shift of their
dates, both new in each export and kept nowhere: nobody, not this clinic either, can find the way back from a code. Not
in the export: names, record numbers, birth dates, file names, sites, devices, texts and videos.

A silhouette still shows how somebody walks and may be recognised by it. The export is pseudonymous, not anonymous.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, BinaryIO

from sqlmodel import Session, col, select

from app.services.cohort_selection import VIEWS, age_years, filmed_on
from app.services.permissions import Actor, Permission, require
from app.services.zip_stream import ZipFileEntry, stream_zip
from clinic_data import assessment_clips, audit, outcomes
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Assessment, Patient, Recording
from clinic_data.text_rules import one_line
from fgait_core.sequence import SilhouetteSequence

TABLE = "recordings.csv"
PURPOSE_MIN, PURPOSE_MAX = 10, 500
OLDEST_YEARS = 90
"""From here on ages are one group: there are few such people."""
_SHIFT_DAYS = (30, 365)
_LABEL_COLUMNS = tuple(outcomes.LABELS)
COLUMNS = ("file", "person", *_LABEL_COLUMNS, "sex", "age_years", "seen_from", "filmed_on", "simulated")
"""Of the table; empty cells are unknown."""


@dataclass(frozen=True, slots=True)
class ResearchPreview:
    """What an export would hold now.

    Attributes:
        people: how many patients.
        recordings: how many sequences.
        labelled: how many sequences have an outcome, by task.
        without_consent: how many patients with a result are left out for lack of consent.
    """

    people: int
    recordings: int
    labelled: Mapping[str, int]
    without_consent: int


@dataclass(frozen=True, slots=True)
class ResearchExport:
    """An export that is about to be sent.

    Attributes:
        file_name: for the browser.
        chunks: the zip.
    """

    file_name: str
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One sequence of the export, before people have codes."""

    patient_id: str
    silhouettes_key: str
    filmed_on: date
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ResearchExports:
    """Use cases of the export. Administrators see counts only."""

    database: Database
    storage: FileVault

    def preview(self, actor: Actor | None) -> ResearchPreview:
        """How much an export would hold."""
        require(actor, Permission.EXPORT_RESEARCH)
        with self.database.reading() as session:
            found = _sequences(session)
            without = session.exec(
                select(Assessment.patient_id)
                .join(Patient, col(Patient.id) == col(Assessment.patient_id))
                .where(col(Patient.training_consent).is_(False))
                .distinct()
            ).all()
        labelled = {task: sum(bool(one.facts[task]) for one in found) for task in _LABEL_COLUMNS}
        return ResearchPreview(len({one.patient_id for one in found}), len(found), labelled, len(without))

    def make(self, actor: Actor | None, purpose: str) -> ResearchExport:
        """The export as a zip, made while it is sent; writes into the audit log that it was given out and what for.

        Args:
            actor: an administrator.
            purpose: the study and its approval, in words; kept in the audit log and in the export.

        Raises:
            ValidationError: if the purpose is missing, or nobody consented.
        """
        actor = require(actor, Permission.EXPORT_RESEARCH)
        said = one_line(purpose, PURPOSE_MAX + 1)
        if not PURPOSE_MIN <= len(said) <= PURPOSE_MAX:
            raise ValidationError(f"Name the study and its approval in {PURPOSE_MIN} to {PURPOSE_MAX} characters.")
        with self.database.transaction() as session:
            found = _sequences(session)
            if not found:
                raise ValidationError("There is nothing to export: no patient with silhouettes consented to training.")
            people = len({one.patient_id for one in found})
            audit.record(
                session=session,
                actor_id=actor.user_id,
                action="research.exported",
                subject_type="research_export",
                subject_id=None,
                details={"purpose": said, "people": people, "recordings": len(found)},
            )
        rows = list(_pseudonymised(found))
        entries = [
            ZipFileEntry("README.txt", lambda: io.BytesIO(_README.encode())),
            ZipFileEntry("export.json", lambda: io.BytesIO(_facts(said, people, len(rows)))),
            ZipFileEntry(TABLE, lambda: io.BytesIO(_table(row for row, _ in rows))),
            *(ZipFileEntry(row["file"], self._opener(key)) for row, key in rows),
        ]
        return ResearchExport(f"research-{utc_now():%Y-%m-%d}.zip", stream_zip(entries))

    def _opener(self, key: str) -> Any:
        def open_file() -> BinaryIO:
            # Written anew: nothing but the sequence comes along, whatever a stored file may hold besides.
            out = io.BytesIO()
            with self.storage.open(key) as file:
                SilhouetteSequence.load(file).save(out)
            out.seek(0)
            return out

        return open_file


def _sequences(session: Session) -> list[_Sequence]:
    """Every recording of who consented, with the silhouettes of its newest first assessment."""
    statement = (
        select(Assessment, Recording, Patient)
        .join(Recording, col(Recording.id) == col(Assessment.recording_id))
        .join(Patient, col(Patient.id) == col(Assessment.patient_id))
        .where(col(Patient.training_consent).is_(True), col(Assessment.rescored_from_id).is_(None))
        .order_by(col(Assessment.created_at), col(Assessment.id))
    )
    newest: dict[str, _Sequence] = {}
    for assessment, recording, patient in session.exec(statement).all():
        labels = outcomes.current_outcomes(session=session, assessment_id=assessment.id)
        for filmed, key, view in _walks(session, assessment, recording):
            newest[filmed.sha256] = _Sequence(
                patient.id,
                key,
                filmed_on(filmed),
                {
                    **{task: (labels[task].label or "") if task in labels else "" for task in _LABEL_COLUMNS},
                    "sex": patient.sex.value,
                    "age_years": str(min(OLDEST_YEARS, age_years(patient, filmed_on(filmed)))),
                    "seen_from": view,
                    "simulated": "yes" if filmed.simulated else "no",
                },
            )
    return list(newest.values())


def _walks(session: Session, assessment: Assessment, leading: Recording) -> Iterator[tuple[Recording, str, str]]:
    """Each recording of an assessment that has silhouettes, with their key and from where it was filmed."""
    clips = assessment_clips.list_clips(session=session, assessment_id=assessment.id)
    if not clips:
        if assessment.silhouettes_key:
            yield leading, assessment.silhouettes_key, _view(assessment.result)
        return
    facts: list[Mapping[str, Any]] = assessment.result.get("clips") or []
    for clip in clips:
        recording = session.get(Recording, clip.recording_id)
        if clip.silhouettes_key and recording is not None:
            view = _view(facts[clip.position]) if clip.position < len(facts) else ""
            yield recording, clip.silhouettes_key, view


def _view(facts: Mapping[str, Any]) -> str:
    quality: Mapping[str, Any] = facts.get("quality") or {}
    view = str(quality.get("view") or "")
    return view if view in VIEWS else ""


def _pseudonymised(found: Iterable[_Sequence]) -> Iterator[tuple[dict[str, str], str]]:
    """Rows of the table in an order that tells nothing, each with the key of its silhouettes."""
    chance = secrets.SystemRandom()
    codes: dict[str, str] = {}
    shifts: dict[str, timedelta] = {}
    rows: list[tuple[dict[str, str], str]] = []
    for one in found:
        code = codes.setdefault(one.patient_id, secrets.token_hex(8))
        days = chance.randint(*_SHIFT_DAYS) * chance.choice((-1, 1))
        shift = shifts.setdefault(one.patient_id, timedelta(days=days))
        row = {
            "file": f"sequences/{secrets.token_hex(12)}.npz",
            "person": code,
            **one.facts,
            "filmed_on": (one.filmed_on + shift).isoformat(),
        }
        rows.append((row, one.silhouettes_key))
    yield from sorted(rows, key=lambda each: each[0]["file"])


def _table(rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _facts(purpose: str, people: int, recordings: int) -> bytes:
    content = {
        "format": 1,
        "what": "pseudonymised gait sequences of FGait",
        "purpose": purpose,
        "made_in": utc_now().strftime("%Y-%m"),
        "people": people,
        "recordings": recordings,
        "dates": "shifted by a random number of days, the same for all recordings of a person",
        "oldest_age_years": OLDEST_YEARS,
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()


_README = """Pseudonymised gait sequences, exported by FGait.

recordings.csv names each file with its person (a random code), labels and facts; empty cells are unknown. Dates are
shifted by a random number of days, the same for all recordings of a person: times between the recordings of a person
are true, dates and seasons are not. Ages of 90 years and more are 90.

Unpack the archive, then make shards of it with

    fgait data import FOLDER --format recordings --table FOLDER/recordings.csv --name NAME --frame-rate-hz 25 --out OUT

Silhouettes show how a person walks and may identify people. Treat them as personal data: no attempt to find out who
somebody is, no publication of single sequences, deletion when the study ends.
"""
