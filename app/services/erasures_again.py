"""Erasures that were carried out after a backup was made are carried out again when it is restored."""

from __future__ import annotations

from pathlib import Path

from app.services.erasure_proof import verify_proof
from app.services.package_signature import KEY_FILE, KEYS_FOLDER, own_key
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


def require_own(folder: Path, data_dir: Path) -> None:
    """Refuses proofs that another clinic's key signed, where the restored keys tell which is ours.

    A backup from before the key was made has none: then a sound signature is all that can be asked for.

    Raises:
        ValidationError: another key signed a proof.
    """
    if not (data_dir / KEYS_FOLDER / KEY_FILE).exists():
        return
    ours = own_key(data_dir).public_key
    for file in sorted(folder.glob("*.json")):
        verify_proof(file.read_bytes(), ours)


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
