"""Which files of the storage a row refers to."""

from __future__ import annotations

from sqlmodel import Session, col, select

from clinic_data.tables import Assessment, ModelVersion, Recording, Report
from clinic_data.visit_tables import AssessmentClip, ClinicProfile


def referenced_keys(*, session: Session) -> frozenset[str]:
    """The storage keys of all recordings, silhouettes, overlay clips, reports, model packages, and of the logo."""
    keys: set[str] = set()
    for column in (
        Recording.storage_key,
        Assessment.silhouettes_key,
        Assessment.overlay_key,
        AssessmentClip.silhouettes_key,
        AssessmentClip.overlay_key,
        ClinicProfile.logo_key,
        Report.storage_key,
        ModelVersion.package_key,
    ):
        keys.update(key for key in session.exec(select(col(column))).all() if key is not None)
    return frozenset(keys)
