"""Whose each stored file is, and what it is, as the rows that refer to it say."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session, col

from clinic_data.file_vault import FileKind
from clinic_data.tables import Assessment, ModelVersion, Recording, Report
from clinic_data.visit_tables import AssessmentClip, ClinicProfile

Owner = tuple[FileKind, str | None]
"""What a file is, and the patient; None: the clinic's."""


def file_owners(*, session: Session) -> dict[str, Owner]:
    """The owner of every file that a row refers to, by its storage key."""
    videos = select(col(Recording.storage_key), col(Recording.patient_id))
    plain = (
        (FileKind.VIDEO, videos.where(col(Recording.video_removed_at).is_(None))),
        (FileKind.OVERLAY, select(col(Assessment.overlay_key), col(Assessment.patient_id))),
        (FileKind.SILHOUETTES, select(col(Assessment.silhouettes_key), col(Assessment.patient_id))),
        (FileKind.REPORT, select(col(Report.storage_key), col(Report.patient_id))),
    )
    clips = select(
        col(AssessmentClip.silhouettes_key), col(AssessmentClip.overlay_key), col(Assessment.patient_id)
    ).join(Assessment, col(Assessment.id) == col(AssessmentClip.assessment_id))
    owners: dict[str | None, Owner] = {}
    connection = session.connection()
    for silhouettes, overlay, patient_id in connection.execute(clips):
        owners[silhouettes] = (FileKind.SILHOUETTES, patient_id)
        owners[overlay] = (FileKind.OVERLAY, patient_id)
    for kind, statement in plain:
        owners.update((key, (kind, patient_id)) for key, patient_id in connection.execute(statement))
    for kind, column in ((FileKind.PACKAGE, ModelVersion.package_key), (FileKind.LOGO, ClinicProfile.logo_key)):
        owners.update((key, (kind, None)) for key in connection.execute(select(col(column))).scalars())
    return {key: owner for key, owner in owners.items() if key is not None}
