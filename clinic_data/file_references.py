"""Which files of the storage a row refers to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column
from sqlmodel import Session, col, select

from clinic_data.schema import METADATA
from clinic_data.tables import Recording

FILE_COLUMNS: tuple[Column[Any], ...] = tuple(
    METADATA.tables[table].c[column]
    for table, column in (
        ("recording", "storage_key"),
        ("assessment", "silhouettes_key"),
        ("assessment", "overlay_key"),
        ("assessment_clip", "silhouettes_key"),
        ("assessment_clip", "overlay_key"),
        ("report", "storage_key"),
        ("clinic_profile", "logo_key"),
        ("model_version", "package_key"),
    )
)
"""Every column that names a file of the storage."""


def referenced_keys(*, session: Session) -> frozenset[str]:
    """The storage keys of all recordings, silhouettes, overlay clips, reports, model packages, and of the logo.

    A recording whose video was removed by a retention rule keeps its key, but refers to no file any more.
    """
    keys: set[str] = set()
    for column in FILE_COLUMNS:
        keys.update(session.connection().execute(select(column).where(column.is_not(None))).scalars())
    removed = select(Recording.storage_key).where(col(Recording.video_removed_at).is_not(None))
    return frozenset(keys.difference(session.exec(removed).all()))
