"""What a run of the retention rules would remove now: how many, and how large. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select, union

from clinic_data import retention
from clinic_data.encryption_tables import SealedFile, WrappedKey
from clinic_data.privacy_tables import DataKind
from clinic_data.tables import Assessment, Recording
from clinic_data.visit_tables import AssessmentClip


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of one kind.

    Attributes:
        count: recordings, assessments, patients, jobs or sessions.
        files: that would go.
        size_bytes: of these files, as their users know them.
        held: how many would be due but for a legal hold (videos only).
    """

    count: int
    files: int = 0
    size_bytes: int = 0
    held: int = 0


def preview(*, session: Session, now: datetime | None = None) -> dict[DataKind, Due]:
    """What is due of each kind at this moment; kinds that stay for ever have nothing due."""
    cutoffs = retention.cutoffs(session=session, now=now)
    return {kind: _due(session, kind, cutoffs[kind]) if kind in cutoffs else Due(0) for kind in DataKind}


def _due(session: Session, kind: DataKind, before: datetime) -> Due:
    statement, _ = retention.DUE[kind]
    ids = statement(before).order_by(None)
    count = session.exec(select(func.count()).select_from(ids.subquery())).one()
    held = 0
    if kind is DataKind.VIDEOS:
        held_ids = retention.held_videos(before).order_by(None)
        held = session.exec(select(func.count()).select_from(held_ids.subquery())).one()
    files, size_bytes = _files(session, kind, ids) if count else (0, 0)
    return Due(count, files, size_bytes, held)


def _files(session: Session, kind: DataKind, ids: Any) -> tuple[int, int]:
    if kind in {DataKind.JOBS, DataKind.SESSIONS}:
        return 0, 0
    chosen = select(func.count(), func.coalesce(func.sum(SealedFile.size_bytes), 0))
    if kind is DataKind.RECORDS:
        keys: Any = select(WrappedKey.id).where(col(WrappedKey.patient_id).in_(ids))
        found = session.exec(chosen.where(col(SealedFile.data_key_id).in_(keys))).one()
    else:
        found = session.exec(chosen.where(col(SealedFile.storage_key).in_(_keys(kind, ids)))).one()
    return int(found[0]), int(found[1])


def _keys(kind: DataKind, ids: Any) -> Any:
    if kind is DataKind.SILHOUETTES:
        return union(
            select(Assessment.silhouettes_key).where(col(Assessment.id).in_(ids)),
            select(AssessmentClip.silhouettes_key).where(col(AssessmentClip.assessment_id).in_(ids)),
        )
    of_videos = [
        select(Recording.storage_key).where(col(Recording.id).in_(ids)),
        select(Assessment.overlay_key).where(col(Assessment.recording_id).in_(ids)),
        select(AssessmentClip.overlay_key).where(col(AssessmentClip.recording_id).in_(ids)),
    ]
    if kind is DataKind.INBOX:
        of_videos.append(select(Assessment.silhouettes_key).where(col(Assessment.recording_id).in_(ids)))
        of_videos.append(select(AssessmentClip.silhouettes_key).where(col(AssessmentClip.recording_id).in_(ids)))
    return union(*of_videos)
