"""All services of one installation, built together from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.accounts import Accounts
from app.services.operations import Operations
from app.services.patient_records import PatientRecords
from app.services.recordings import Recordings
from app.services.reporting import Reporting
from app.services.screening import Screening
from app.services.user_administration import UserAdministration
from app.settings import Settings
from clinic_data.database import Database
from clinic_data.storage import Storage


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases that pages and routes call.

    Attributes:
        settings: of this installation.
        database: shared by all services.
        storage: shared by all services.
    """

    settings: Settings
    database: Database
    storage: Storage

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Connects to the database and the storage; does not create or upgrade the database."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return cls(settings, Database(settings.resolved_database_url), Storage(settings.storage_dir))

    @property
    def accounts(self) -> Accounts:
        """Sign-in and one's own password."""
        return Accounts(self.database)

    @property
    def users(self) -> UserAdministration:
        """The administration of users."""
        return UserAdministration(self.database)

    @property
    def patients(self) -> PatientRecords:
        """Patients."""
        return PatientRecords(self.database)

    @property
    def recordings(self) -> Recordings:
        """Video files."""
        return Recordings(self.settings, self.database, self.storage)

    @property
    def screening(self) -> Screening:
        """Jobs and results."""
        return Screening(self.database, self.storage)

    @property
    def reporting(self) -> Reporting:
        """Reports."""
        return Reporting(self.settings, self.database, self.storage)

    @property
    def operations(self) -> Operations:
        """The job queue and the audit log."""
        return Operations(self.database)
