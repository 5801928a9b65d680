"""All services of one installation, built together from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.services.accounts import Accounts
from app.services.installation import database_of
from app.services.operations import Operations
from app.services.own_account import OwnAccounts
from app.services.patient_records import PatientRecords
from app.services.recordings import Recordings
from app.services.reporting import Reporting
from app.services.screening import Screening
from app.services.stored_files import vault_of
from app.services.user_administration import UserAdministration
from app.settings import Settings
from clinic_data.database import Database
from clinic_data.file_vault import FileVault

if TYPE_CHECKING:
    from app.services.audit_trail import AuditTrail
    from app.services.batch import Batch
    from app.services.certificates import Certificates
    from app.services.clinic_profile import ClinicProfiles
    from app.services.cohorts import Cohorts
    from app.services.decisions import Decisions
    from app.services.duplicates import Duplicates
    from app.services.emergency import Emergencies
    from app.services.erasure import Erasures
    from app.services.exchange import Exchange
    from app.services.external_sign_in import ExternalSignIn
    from app.services.follow_up import FollowUps
    from app.services.models import Models
    from app.services.monitoring import Monitoring
    from app.services.moving import Moving
    from app.services.notes import Notes
    from app.services.outcomes import Outcomes
    from app.services.patient_copy import PatientCopies
    from app.services.privacy import Privacy
    from app.services.research_export import ResearchExports
    from app.services.retraining import Retrainings
    from app.services.teams import Teams
    from app.services.verification import Verification
    from app.services.walk_view import WalkViews


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
    storage: FileVault

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Connects to the database and the storage; does not create or upgrade the database."""
        database = database_of(settings)
        return cls(settings, database, vault_of(settings, database))

    @property
    def accounts(self) -> Accounts:
        """Sign-in and one's own password."""
        return Accounts(self.database, frozenset(self.settings.require_totp))

    @property
    def own_accounts(self) -> OwnAccounts:
        """One's own sessions and two-step sign-in."""
        return OwnAccounts(self.database, frozenset(self.settings.require_totp))

    @property
    def external_sign_in(self) -> ExternalSignIn:
        """Sign-in at the organisation's own service."""
        from app.services.external_sign_in import ExternalSignIn

        return ExternalSignIn(self.settings, self.database)

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
    def batch(self) -> Batch:
        """Many recordings at once."""
        from app.services.batch import Batch

        return Batch(self.database, self.storage)

    @property
    def reporting(self) -> Reporting:
        """Reports."""
        return Reporting(self.settings, self.database, self.storage)

    @property
    def operations(self) -> Operations:
        """The job queue."""
        return Operations(self.database)

    @property
    def audit_trail(self) -> AuditTrail:
        """The audit log: read, exported, verified."""
        from app.services.audit_trail import AuditTrail

        return AuditTrail(self.database)

    @property
    def outcomes(self) -> Outcomes:
        """What turned out to be true of screened patients."""
        from app.services.outcomes import Outcomes

        return Outcomes(self.database)

    @property
    def cohorts(self) -> Cohorts:
        """Recordings with outcomes, chosen and frozen for retraining."""
        from app.services.cohorts import Cohorts

        return Cohorts(self.database, self.storage)

    @property
    def retrainings(self) -> Retrainings:
        """Retrainings: checked, started, watched."""
        from app.services.retraining import Retrainings

        return Retrainings(self.settings, self.database, self.storage)

    @property
    def models(self) -> Models:
        """Model versions: compared, promoted, rolled back, exchanged."""
        from app.services.models import Models

        return Models(self.settings, self.database, self.storage)

    @property
    def monitoring(self) -> Monitoring:
        """Whether recordings, scores and outcomes are as they were when the model was measured."""
        from app.services.monitoring import Monitoring

        return Monitoring(self.database)

    @property
    def decisions(self) -> Decisions:
        """What clinicians made of scores."""
        from app.services.decisions import Decisions

        return Decisions(self.database)

    @property
    def notes(self) -> Notes:
        """Notes on patients."""
        from app.services.notes import Notes

        return Notes(self.database)

    @property
    def clinic_profiles(self) -> ClinicProfiles:
        """What the clinic says of itself."""
        from app.services.clinic_profile import ClinicProfiles

        return ClinicProfiles(self.settings, self.database, self.storage)

    @property
    def follow_ups(self) -> FollowUps:
        """The course of a patient over all visits."""
        from app.services.follow_up import FollowUps

        return FollowUps(self.database)

    @property
    def walk_views(self) -> WalkViews:
        """Silhouettes and strides of stored walks, for the player."""
        from app.services.walk_view import WalkViews

        return WalkViews(self.database, self.storage)

    @property
    def certificates(self) -> Certificates:
        """The certificate that signs reports."""
        from app.services.certificates import Certificates

        return Certificates(self.settings, self.database, self.storage)

    @property
    def verification(self) -> Verification:
        """Verification of reports by whoever holds one."""
        from app.services.verification import Verification

        return Verification(self.settings, self.database, self.storage)

    @property
    def exchange(self) -> Exchange:
        """Results for other systems."""
        from app.services.exchange import Exchange

        return Exchange(self.settings, self.database, self.storage)

    @property
    def teams(self) -> Teams:
        """Who is in which team."""
        from app.services.teams import Teams

        return Teams(self.database)

    @property
    def emergencies(self) -> Emergencies:
        """Access to another team's patient in an emergency."""
        from app.services.emergency import Emergencies

        return Emergencies(self.database)

    @property
    def duplicates(self) -> Duplicates:
        """Patients who may be on record already."""
        from app.services.duplicates import Duplicates

        return Duplicates(self.database)

    @property
    def moving(self) -> Moving:
        """Visits that were filed under the wrong patient."""
        from app.services.moving import Moving

        return Moving(self.database, self.storage)

    @property
    def privacy(self) -> Privacy:
        """Retention rules, runs of them, legal holds."""
        from app.services.privacy import Privacy

        return Privacy(self.database)

    @property
    def erasures(self) -> Erasures:
        """Erasure of a patient, by two people, with a proof."""
        from app.services.erasure import Erasures

        return Erasures(self.settings, self.database, self.storage)

    @property
    def patient_copies(self) -> PatientCopies:
        """A copy of all data of one patient."""
        from app.services.patient_copy import PatientCopies

        return PatientCopies(self.database, self.storage)

    @property
    def research_exports(self) -> ResearchExports:
        """Pseudonymised sequences for research."""
        from app.services.research_export import ResearchExports

        return ResearchExports(self.database, self.storage)
