"""What clinics of earlier releases had stored, in plain text, by the revision of their tables."""

from __future__ import annotations

from typing import Any

NOW = "2026-11-01 08:00:00+00:00"
USER, RECORDING, JOB, ASSESSMENT = "u" * 32, "c" * 32, "d" * 32, "e" * 32
PATIENTS = ("a" * 32, "b" * 32)
SECRET = "Qwertzuiop"
"""Stands in every value that has to be sealed, in one or another spelling."""

Rows = list[tuple[str, dict[str, Any]]]


def rows_of(revision: str) -> Rows:
    """The rows of a clinic whose tables are those of ``revision``, in an order that foreign keys allow."""
    rows = [*_FIRST]
    if revision >= "0002":
        rows += _RETRAINING
    if revision >= "0003":
        rows += _VISITS
    return rows


def _patient(number: int, notes: str) -> tuple[str, dict[str, Any]]:
    return (
        "patient",
        {
            "id": PATIENTS[number],
            "record_number": f"{SECRET}-{number}",
            "record_number_key": f"{SECRET.lower()}-{number}",
            "family_name": SECRET.title(),
            "given_name": f"Zoé{SECRET}",
            "birth_date": "2011-04-02",
            "sex": "female",
            "notes": notes,
            "search_text": f"{SECRET.lower()} zoe{SECRET.lower()} {SECRET.lower()}-{number} 2011-04-02",
            "version": 3,
            "created_by": USER,
            "created_at": NOW,
            "updated_at": NOW,
        },
    )


_FIRST: Rows = [
    (
        "user_account",
        {
            "id": USER,
            "username": "ada",
            "display_name": "Ada",
            "role": "clinician",
            "password_hash": "x",
            "must_change_password": False,
            "active": True,
            "failed_sign_ins": 0,
            "created_at": NOW,
        },
    ),
    _patient(0, f"About {SECRET}.\nMore."),
    _patient(1, ""),
    (
        "recording",
        {
            "id": RECORDING,
            "patient_id": PATIENTS[0],
            "original_name": f"{SECRET}.mp4",
            "storage_key": "k" * 32,
            "size_bytes": 11,
            "sha256": "ab" * 32,
            "created_at": NOW,
        },
    ),
    (
        "recording",
        {
            "id": "1" * 32,
            "original_name": f"nobody's {SECRET}.mp4",
            "storage_key": "l" * 32,
            "size_bytes": 11,
            "sha256": "cd" * 32,
            "created_at": NOW,
        },
    ),
    *(
        (
            "job",
            {
                "id": job_id,
                "queue": "cpu",
                "kind": "screening",
                "payload": "{}",
                "state": "done",
                "attempts": 1,
                "max_attempts": 3,
                "lease_s": 30.0,
                "cancel_requested": False,
                "progress": 1.0,
                "message": "",
                "reason": "",
                "result": result,
                "patient_id": PATIENTS[0],
                "recording_id": RECORDING,
                "created_at": NOW,
            },
        )
        for job_id, result in ((JOB, f'{{"told": "{SECRET}"}}'), ("2" * 32, None))
    ),
    (
        "model_version",
        {
            "id": "1" * 32,
            "name": "bundled",
            "version": "1.0",
            "sha256": "1" * 64,
            "simulated": True,
            "metrics": '{"ece": 0.03}',
            "stage": "production",
            "created_at": NOW,
        },
    ),
    (
        "assessment",
        {
            "id": ASSESSMENT,
            "patient_id": PATIENTS[0],
            "recording_id": RECORDING,
            "job_id": JOB,
            "model_version_id": "1" * 32,
            "result": f'{{"scores": [], "told": "{SECRET}", "number": 0.1}}',
            "created_at": NOW,
        },
    ),
    (
        "report",
        {
            "id": "f" * 32,
            "number": "FG-2026-000001",
            "assessment_id": ASSESSMENT,
            "storage_key": "r" * 32,
            "size_bytes": 5,
            "sha256": "cd" * 32,
            "language": "en",
            "created_at": NOW,
        },
    ),
    (
        "audit_row",
        {
            "at": NOW,
            "actor_id": USER,
            "action": "patient.created",
            "subject_type": "patient",
            "subject_id": PATIENTS[0],
            "details": "{}",
        },
    ),
]
_RETRAINING: Rows = [
    (
        "confirmed_outcome",
        {
            "id": "3" * 32,
            "assessment_id": ASSESSMENT,
            "task": "scoliosis",
            "label": "positive",
            "method": "radiograph",
            "examined_on": "2026-10-01",
            "note": f"Says {SECRET}.",
            "created_at": NOW,
        },
    ),
    (
        "training_person",
        {"code": "4" * 32, "patient_id": PATIENTS[0], "role": "gate", "stratum": "positive", "assigned_at": NOW},
    ),
]
_VISITS: Rows = [
    (
        "report",
        {
            "id": "0" * 32,
            "number": "FG-2026-000002",
            "assessment_id": ASSESSMENT,
            "patient_id": PATIENTS[0],
            "kind": "addendum",
            "version": 2,
            "supersedes_id": "f" * 32,
            "addendum": f"Adds {SECRET}.",
            "storage_key": "s" * 32,
            "size_bytes": 5,
            "sha256": "cd" * 32,
            "language": "en",
            "created_at": NOW,
        },
    ),
    (
        "patient_note",
        {"id": "5" * 32, "patient_id": PATIENTS[0], "text": f"Notes {SECRET}.", "created_at": NOW},
    ),
    *(
        (
            "score_decision",
            {
                "id": number * 32,
                "assessment_id": ASSESSMENT,
                "task": task,
                "verdict": verdict,
                "label": label,
                "reason": reason,
                "phq9_waived_reason": waived,
                "created_at": NOW,
            },
        )
        for number, task, verdict, label, reason, waived in (
            ("6", "scoliosis", "overridden", "negative", f"Because {SECRET}.", ""),
            ("7", "depression", "accepted", None, "", f"Waived by {SECRET}."),
        )
    ),
]
