"""What an erasure does after its rows are gone: the files, the proof, the end. Can be done again at any point.

A process may be killed anywhere. What was removed stays removed, the erasure stays `running` and shows no proof, and
`ErasureWork.finish_all` goes on: at the start of app and worker, and daily.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services.erasure_proof import proof_bytes, sign_proof, write_proof
from app.services.file_removal import remove_waiting_files, scrub
from app.services.training_jobs import TRAINING_KINDS
from app.services.training_run import TRAINING_FOLDER, RunFolder
from app.settings import Settings
from clinic_data import audit, erasures, jobs, removals, training_people, users
from clinic_data.audit_tables import AuditHead
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.errors import ClinicDataError, ConflictError, NotFoundError
from clinic_data.file_vault import FileVault
from clinic_data.privacy_tables import Erasure, ErasureState
from clinic_data.tables import JobState

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErasureWork:
    """Carries an erasure to its end.

    Attributes:
        settings: for the data folder.
        database: where rows are.
        storage: where files are.
    """

    settings: Settings
    database: Database
    storage: FileVault

    def finish(self, erasure_id: str) -> Erasure:
        """Removes the files of an erasure whose rows are gone, signs the proof and stores it.

        Raises:
            ClinicDataError: if the storage does not answer or the key cannot sign; the next start tries again.
        """
        with self.database.reading() as session:
            erasure = erasures.get_erasure(session=session, erasure_id=erasure_id)
        if erasure.state is not ErasureState.RUNNING:
            return erasure
        self._remove_sequences()
        remove_waiting_files(self.database, self.storage, erasure_id)
        scrub(self.database)
        with self.database.reading() as session:
            if removals.waiting_files(session=session, erasure_id=erasure_id):
                raise ConflictError("Files of this erasure are still there. The next start goes on with it.")
            facts = _facts(session, erasure)
        proof = sign_proof(self.settings.data_dir, facts)
        write_proof(self.settings.data_dir, erasure_id, proof)
        with self.database.transaction() as session:
            done = erasures.finish(session=session, erasure_id=erasure_id, proof=proof)
            audit.record(
                session=session,
                actor_id=done.decided_by,
                action="erasure.finished",
                subject_type="erasure",
                subject_id=erasure_id,
                details={"proof_sha256": proof_sha256(proof)},
            )
        return done

    def finish_all(self) -> int:
        """Goes on with every erasure that was interrupted; returns how many came to their end."""
        with self.database.reading() as session:
            waiting = [erasure.id for erasure in erasures.unfinished(session=session)]
        done = 0
        for erasure_id in waiting:
            try:
                self.finish(erasure_id)
                done += 1
            except ClinicDataError as error:
                _log.warning("Erasure %s could not be finished yet: %s", erasure_id, error)
        return done

    def _remove_sequences(self) -> None:
        """Removes the silhouettes that retrainings copied for themselves; none runs with this person's now."""
        with self.database.reading() as session:
            if running_training(session):
                return
        for folder in (self.settings.data_dir / TRAINING_FOLDER).glob("*"):
            if folder.is_dir():
                RunFolder(folder).remove_sequences()


def running_training(session: Session) -> bool:
    """Whether a retraining or an evaluation computes at this moment."""
    running = jobs.list_jobs(session=session, state=JobState.RUNNING, limit=500).rows
    return any(job.kind in TRAINING_KINDS for job in running)


def require_no_training(session: Session, patient_id: str) -> None:
    """Refuses the erasure of somebody whose silhouettes a running retraining may hold.

    Raises:
        ConflictError: if there is one.
    """
    if training_people.roles_of(session=session, patient_ids=[patient_id]) and running_training(session):
        raise ConflictError(
            "A retraining is running, and this patient has a role in training: it may hold a copy of the silhouettes. "
            "Wait until it is done, or cancel it, then carry the erasure out."
        )


def proof_sha256(proof: dict[str, Any]) -> str:
    """The identity of a proof."""
    return hashlib.sha256(proof_bytes(proof)).hexdigest()


def _facts(session: Session, erasure: Erasure) -> dict[str, Any]:
    counts = erasure.counts or {}
    head = session.get(AuditHead, 1)
    return {
        "what": "All rows and files of one patient were removed and the patient's data key was destroyed.",
        "erasure_id": erasure.id,
        "patient_id": erasure.patient_id,
        "ground": erasure.ground.value,
        "data_key_id": counts.get("data_key_id"),
        "rows_removed": counts.get("rows", {}),
        "links_cut": counts.get("cut", {}),
        "files_removed": counts.get("files", {}),
        "requested_by": _name(session, erasure.requested_by),
        "requested_at": erasure.requested_at.isoformat(),
        "carried_out_by": _name(session, erasure.decided_by),
        "carried_out_at": erasure.decided_at.isoformat() if erasure.decided_at else None,
        "files_gone_at": utc_now().isoformat(),
        "audit_row": head.last_id if head is not None else None,
        "audit_head_sha256": hashlib.sha256(head.last_mac.encode()).hexdigest() if head is not None else None,
        "not_covered": "Copies outside this installation: backups made before, exports, printed or sent reports, and "
        "models that were trained before.",
    }


def _name(session: Session, user_id: str | None) -> str:
    if user_id is None:
        return "retention rule"
    try:
        return users.get_user(session=session, user_id=user_id).username
    except NotFoundError:
        return user_id
