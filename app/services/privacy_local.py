"""Retention and erasure from the command line of the server, where nobody is signed in.

Who may read the master key may do this; the audit trail says that it was done on the server. A request for an erasure
is made and carried out by two people on the pages only: nothing here erases anybody whom they have not decided on.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from app.services.erasure_proof import CheckedProof, verify_proof
from app.services.erasure_work import ErasureWork
from app.services.installation import database_of
from app.services.package_signature import own_key
from app.services.retention_work import Counts, RetentionWork
from app.services.stored_files import vault_of
from app.settings import Settings
from clinic_data import audit, erasures, retention, retention_preview
from clinic_data.errors import ConflictError
from clinic_data.paging import Page
from clinic_data.privacy_tables import DataKind, Erasure, RetentionRule
from clinic_data.retention_preview import Due
from fgait_core.progress import Progress

_ORIGIN = "fgait-clinic"


@dataclass(frozen=True, slots=True)
class LocalPrivacy:
    """What the commands do."""

    settings: Settings
    work: RetentionWork

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Generator[LocalPrivacy]:
        """Opens the installation for a command."""
        database = database_of(settings)
        before = audit.origin.set(audit.Origin(_ORIGIN))
        try:
            yield cls(settings, RetentionWork(settings, database, vault_of(settings, database)))
        finally:
            audit.origin.reset(before)
            database.dispose()

    def rules(self) -> dict[DataKind, tuple[RetentionRule, Due]]:
        """Every rule with what is due by it."""
        with self.work.database.reading() as session:
            due = retention_preview.preview(session=session)
            return {kind: (rule, due[kind]) for kind, rule in retention.rules(session=session).items()}

    def set_rule(self, kind: str, days: int | None) -> None:
        """Changes a rule.

        Raises:
            ValidationError: if there is no such kind, or the days cannot be.
        """
        with self.work.database.transaction() as session:
            known = retention.rules(session=session)
            version = known[DataKind(kind)].version if kind in set(DataKind) else 0
            before = known[DataKind(kind)].days if kind in set(DataKind) else None
            retention.set_rule(session=session, kind=kind, days=days, expected_version=version, actor_id=None)
            audit.record(
                session=session,
                actor_id=None,
                action="retention.rule_changed",
                subject_type="retention_rule",
                subject_id=kind,
                details={"kind": kind, "before_days": before, "days": days},
            )

    def run(self, progress: Progress) -> Counts:
        """Removes what is due."""
        counts = self.work.run(progress=progress)
        with self.work.database.transaction() as session:
            audit.record(
                session=session,
                actor_id=None,
                action="retention.run",
                subject_type="installation",
                subject_id=None,
                details=dict(counts),
            )
        return counts

    def erasures(self, limit: int) -> Page[Erasure]:
        """Erasures, those that wait first."""
        with self.work.database.reading() as session:
            return erasures.list_erasures(session=session, limit=limit)

    def finish(self) -> int:
        """Goes on with interrupted erasures; returns how many were finished.

        Raises:
            ConflictError: if some could not be finished.
        """
        work = ErasureWork(self.settings, self.work.database, self.work.storage)
        done = work.finish_all()
        with self.work.database.reading() as session:
            left = len(erasures.unfinished(session=session))
        if left:
            raise ConflictError(f"{left} erasures could not be finished. The log says why; try again later.")
        return done


def check_proof(settings: Settings, content: bytes, public_key: str | None) -> CheckedProof:
    """Checks a proof with the given public key, or with this installation's own."""
    return verify_proof(content, public_key or own_key(settings.data_dir).public_key)
