"""The tables of encryption: keys, sealed files, the blind index of the search. Written to like those of `tables`."""

# pyright: reportAssignmentType=false
# (SQLModel types __tablename__ as a declared_attr and documents a plain text.)
# No "from __future__ import annotations": SQLModel reads the annotations while it builds the tables.
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Text
from sqlmodel import Field

from clinic_data.clock import UtcDateTime, utc_now
from clinic_data.tables import ClinicTable, new_id


class WrappedKey(ClinicTable, table=True):
    """A data key, wrapped by a master key: of one patient, or of one purpose. Written by `data_keys` only.

    ``wrapped`` is None once the key was destroyed: then nothing that it sealed can be opened any more. The row stays
    as the proof of it, longer than the patient's row; hence no foreign key.
    """

    __tablename__ = "data_key"
    __table_args__ = (
        CheckConstraint("(patient_id IS NULL) <> (purpose IS NULL)", name="patient_or_purpose"),
        CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    patient_id: str | None = Field(default=None, max_length=32, unique=True)
    purpose: str | None = Field(default=None, max_length=20, unique=True)
    master_key_id: str = Field(max_length=16, index=True)
    wrapped: str | None = Field(default=None, sa_type=Text, repr=False)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    destroyed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SealedFile(ClinicTable, table=True):
    """A sealed file of the storage: its key, wrapped by a data key. Written by `file_vault` only.

    ``size_bytes`` is that of the plain bytes, the other two tell about the file as it is stored.
    """

    __tablename__ = "stored_file"

    storage_key: str = Field(primary_key=True, max_length=64)
    data_key_id: str = Field(foreign_key="data_key.id", max_length=32, index=True)
    wrapped_key: str = Field(sa_type=Text, repr=False)
    kind: str = Field(max_length=20)
    size_bytes: int = Field(sa_type=BigInteger)
    sealed_size_bytes: int = Field(sa_type=BigInteger)
    sealed_sha256: str = Field(max_length=64)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class PatientToken(ClinicTable, table=True):
    """The blind index of the search: 64 bits of the keyed hash of the beginning of a patient's word.

    Who has no index key can neither read a word nor try one.
    """

    __tablename__ = "patient_token"

    token: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    patient_id: str = Field(primary_key=True, foreign_key="patient.id", max_length=32, index=True)


class ChangePermit(ClinicTable, table=True):
    """While this row exists, the rows that are kept for ever may be sealed anew, moved or erased.

    Never seen from outside a transaction: `change_permit.permitted` writes and removes it.
    """

    __tablename__ = "change_permit"
    __table_args__ = (CheckConstraint("id = 1", name="one_permit"),)

    id: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    purpose: str = Field(max_length=40)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
