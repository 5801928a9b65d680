"""The audit trail for who has access to the server: `fgait-clinic audit`. Nobody is signed in there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.services.audit_export import ExportFormat, export_lines
from app.services.audit_trail import names_of_users, record_about_the_trail, verified
from clinic_data import audit_reading
from clinic_data.audit import AuditFilter
from clinic_data.audit_chain import Head
from clinic_data.audit_head_file import HeadFile
from clinic_data.audit_verification import Verification, audit_key
from clinic_data.audit_writing import locked_head
from clinic_data.database import Database


@dataclass(frozen=True, slots=True)
class LocalAudit:
    """Use cases of the command line."""

    database: Database

    def verify(self, anchors: Iterable[HeadFile] = (), progress: Callable[[int], object] | None = None) -> Verification:
        """Checks the whole trail and records that it was checked.

        Args:
            anchors: files of heads that were kept elsewhere.
            progress: told how many rows were read.
        """
        return verified(self.database, None, anchors, progress)

    def head(self) -> Head:
        """The head of the trail as it is now.

        Raises:
            ConflictError: it is missing.
        """
        with self.database.transaction() as session:
            return locked_head(session, audit_key(session))

    def export(self, write: Callable[[bytes], object], wanted: AuditFilter, kind: ExportFormat) -> int:
        """Writes the rows of a filter piece by piece and records it.

        Args:
            write: takes the pieces of the file.
            wanted: the filter.
            kind: the format.

        Returns:
            How many rows were written.
        """
        pieces = 0
        with self.database.reading() as session:
            rows = audit_reading.stream(session=session, wanted=wanted)
            for piece in export_lines(rows, names_of_users(session), kind):
                write(piece)
                pieces += 1
        count = pieces - (1 if kind is ExportFormat.CSV else 0)  # its head
        with self.database.transaction() as session:
            record_about_the_trail(session, None, "audit.exported", {"rows": count, "format": kind.value})
        return count
