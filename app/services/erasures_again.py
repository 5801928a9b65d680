"""Erasures that were carried out after a backup was made are carried out again when it is restored."""

from __future__ import annotations

from pathlib import Path

from app.services.erasure_proof import verify_proof
from clinic_data import audit, erasures
from clinic_data.database import Database
from clinic_data.errors import NotFoundError, ValidationError
from clinic_data.tables import Patient


def proven_patients(folder: Path) -> dict[str, str]:
    """The ids of the erased patients and of their erasures, from the proofs in a folder.

    Raises:
        ValidationError: there are no proofs, or one was changed.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValidationError(f"There are no proofs of erasure in {folder}: they are the files ID.json in `erasures`.")
    facts = [verify_proof(file.read_bytes()).facts for file in files]
    return {str(fact["patient_id"]): str(fact["erasure_id"]) for fact in facts}


def erase_again(database: Database, proven: dict[str, str]) -> int:
    """Removes the rows and keys of these patients where a backup brought them back; says how many that were.

    Their files go when the worker starts; nobody can open them any more.
    """
    count = 0
    for patient_id, erasure_id in proven.items():
        with database.transaction() as session:
            if session.get(Patient, patient_id) is None:
                continue
            try:
                erasures.erase_rows(session=session, patient_id=patient_id)
            except NotFoundError:
                continue
            audit.record(
                session=session,
                actor_id=None,
                action="erasure.repeated",
                subject_type="erasure",
                subject_id=erasure_id,
                details={"after": "restore of an older backup"},
            )
            count += 1
    return count
