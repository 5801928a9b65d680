"""Which files of the storage a row refers to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, Select
from sqlalchemy import select as select_columns
from sqlmodel import Session

from clinic_data.schema import METADATA

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
        keys.update(session.connection().execute(references(column)).scalars())
    return frozenset(keys)


def still_referenced(*, session: Session, storage_keys: Collection[str]) -> frozenset[str]:
    """Those of some storage keys to which a row refers."""
    found: set[str] = set()
    for column in FILE_COLUMNS:
        found.update(session.connection().execute(references(column).where(column.in_(storage_keys))).scalars())
    return frozenset(found)


def references(column: Column[Any]) -> Select[tuple[Any]]:
    """The keys of a column whose files are wanted; a file may have several rows, as in simulated clinics."""
    found = select_columns(column).where(column.is_not(None))
    if column.table.name == "recording":
        found = found.where(column.table.c.video_removed_at.is_(None))
    return found
