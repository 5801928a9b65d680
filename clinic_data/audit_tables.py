"""The end of the audit trail's chain; the rows themselves are ``tables.AuditRow``."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from clinic_data.clock import UtcDateTime
from clinic_data.tables import ClinicTable


class AuditHead(ClinicTable, table=True):
    """The last row of the trail. One row, locked by whoever appends: so the trail has one order and no gaps.

    ``seal`` is a keyed hash of the rest: who cuts the trail cannot set the head back to an earlier row.
    """

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_head"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    last_id: int = Field(sa_type=BigInteger)
    last_mac: str = Field(max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    seal: str = Field(max_length=64)
