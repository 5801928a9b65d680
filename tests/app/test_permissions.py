"""Every use case refuses who may not use it, whatever the pages show."""

from __future__ import annotations

import inspect
from datetime import date

import pytest

from app.services.audit_export import ExportFormat
from app.services.audit_trail import AuditTrail
from app.services.batch import Batch
from app.services.certificates import Certificates
from app.services.clinic_profile import ClinicProfiles
from app.services.cohort_selection import CohortFilters
from app.services.cohorts import Cohorts
from app.services.decisions import Decisions
from app.services.exchange import Exchange
from app.services.follow_up import FollowUps
from app.services.models import Models
from app.services.monitoring import Monitoring, Plan
from app.services.notes import Notes
from app.services.operations import Operations
from app.services.outcomes import Outcomes
from app.services.patient_records import PatientRecords
from app.services.permissions import GRANTS, Actor, Permission, may
from app.services.recordings import Recordings
from app.services.reporting import Reporting
from app.services.retraining import Retrainings
from app.services.screening import ChosenClip, Screening
from app.services.user_administration import UserAdministration
from app.services.walk_view import WalkViews
from clinic_data.audit import AuditFilter
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.errors import ClinicDataError, PermissionDeniedError
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.tables import Report, Role
from fgait_core.config.retraining import AcceptanceConfig, RetrainingProtocol
from fgait_core.errors import FGaitError

DATA = PatientData(record_number="R-2", family_name="Another", birth_date=date(2000, 1, 1))
NONE = "0" * 32
REASON = "A reason that is long enough."
UNKNOWN = OutcomeData(task="scoliosis", method="not_known")
SCOLIOSIS = CohortFilters(task="scoliosis")
PROTOCOL = RetrainingProtocol(task="scoliosis")
PLAN = Plan()
ACCEPTED = DecisionData(task="scoliosis", verdict="accepted")
PROFILE = ClinicProfileData(name="Harbour clinic")
CALLS = {
    "patients.search": (lambda s, a, c: s.patients.search(a, "", 10, 0), {"clinician"}),
    "patients.get": (lambda s, a, c: s.patients.get(a, c.patient.id), {"clinician"}),
    "patients.note_opened": (lambda s, a, c: s.patients.note_opened(a, c.patient.id), {"clinician"}),
    "patients.create": (lambda s, a, c: s.patients.create(a, DATA), {"clinician"}),
    "patients.update": (lambda s, a, c: s.patients.update(a, c.patient.id, DATA, 1), {"clinician"}),
    "recordings.receive": (lambda s, a, c: s.recordings.receive(a, c.patient.id, "w.mp4", [b"x"]), {"clinician"}),
    "recordings.add_sample": (lambda s, a, c: s.recordings.add_sample(a, c.patient.id), {"clinician"}),
    "recordings.get": (lambda s, a, c: s.recordings.get(a, c.recording.id), {"clinician"}),
    "recordings.list_of_patient": (lambda s, a, c: s.recordings.list_of_patient(a, c.patient.id), {"clinician"}),
    "recordings.check_file": (lambda s, a, c: s.recordings.check_file(a, c.recording.id), {"clinician"}),
    "screening.find_people": (lambda s, a, c: s.screening.find_people(a, c.recording.id), {"clinician"}),
    "screening.last_search": (lambda s, a, c: s.screening.last_search(a, c.recording.id), {"clinician"}),
    "screening.people": (lambda s, a, c: s.screening.people(a, _job(c)), {"clinician"}),
    "screening.start": (
        lambda s, a, c: s.screening.start(a, [ChosenClip(c.recording.id, 1)], ["scoliosis"]),
        {"clinician"},
    ),
    "screening.rescore": (lambda s, a, c: s.screening.rescore(a, NONE), {"clinician"}),
    "screening.outdated": (lambda s, a, c: s.screening.outdated(a, c.patient.id), {"clinician"}),
    "screening.last_body_height": (lambda s, a, c: s.screening.last_body_height(a, c.patient.id), {"clinician"}),
    "screening.reference_png": (lambda s, a, c: s.screening.reference_png(a, "none"), {"clinician"}),
    "batch.waiting": (lambda s, a, c: s.batch.waiting(a, 10, 0), {"clinician"}),
    "batch.assign": (lambda s, a, c: s.batch.assign(a, NONE, c.patient.id, None), {"clinician"}),
    "batch.discard": (lambda s, a, c: s.batch.discard(a, NONE), {"clinician"}),
    "batch.ready": (lambda s, a, c: s.batch.ready(a), {"clinician"}),
    "batch.queue_all": (lambda s, a, c: s.batch.queue_all(a, ["scoliosis"]), {"clinician"}),
    "batch.queued": (lambda s, a, c: s.batch.queued(a, 10, 0), {"clinician"}),
    "screening.job": (lambda s, a, c: s.screening.job(a, _job(c).id), {"clinician"}),
    "screening.cancel": (lambda s, a, c: s.screening.cancel(a, _job(c).id), {"clinician"}),
    "screening.jobs_of_recording": (lambda s, a, c: s.screening.jobs_of_recording(a, c.recording.id), {"clinician"}),
    "screening.assessment": (lambda s, a, c: s.screening.assessment(a, "0" * 32), {"clinician"}),
    "screening.assessments_of_patient": (
        lambda s, a, c: s.screening.assessments_of_patient(a, c.patient.id),
        {"clinician"},
    ),
    "screening.overlay": (lambda s, a, c: s.screening.overlay(a, "0" * 32), {"clinician"}),
    "screening.silhouette_strip": (lambda s, a, c: s.screening.silhouette_strip(a, _NoFiles()), {"clinician"}),
    "walk_views.of": (lambda s, a, c: s.walk_views.of(a, _NoFiles()), {"clinician"}),
    "walk_views.has_clip": (lambda s, a, c: s.walk_views.has_clip(a, _NoFiles()), {"clinician"}),
    "screening.waiting_s": (lambda s, a, c: s.screening.waiting_s(a, _job(c)), {"clinician"}),
    "reporting.create": (lambda s, a, c: s.reporting.create(a, "0" * 32), {"clinician"}),
    "reporting.list_of_assessment": (lambda s, a, c: s.reporting.list_of_assessment(a, "0" * 32), {"clinician"}),
    "reporting.read_pdf": (lambda s, a, c: s.reporting.read_pdf(a, "0" * 32), {"clinician"}),
    "reporting.add_addendum": (lambda s, a, c: s.reporting.add_addendum(a, NONE, "More."), {"clinician"}),
    "reporting.create_follow_up": (lambda s, a, c: s.reporting.create_follow_up(a, c.patient.id), {"clinician"}),
    "reporting.get": (lambda s, a, c: s.reporting.get(a, NONE), {"clinician"}),
    "reporting.content_of": (lambda s, a, c: s.reporting.content_of(a, Report(assessment_id=NONE)), {"clinician"}),
    "reporting.list_of_patient": (lambda s, a, c: s.reporting.list_of_patient(a, c.patient.id), {"clinician"}),
    "exchange.dicom": (lambda s, a, c: s.exchange.dicom(a, NONE), {"clinician"}),
    "exchange.fhir": (lambda s, a, c: s.exchange.fhir(a, NONE), {"clinician"}),
    "exchange.assessment_tables": (lambda s, a, c: s.exchange.assessment_tables(a, [NONE], "csv"), {"clinician"}),
    "exchange.patient_tables": (lambda s, a, c: s.exchange.patient_tables(a, c.patient.id, "json"), {"clinician"}),
    "exchange.clinic_tables": (lambda s, a, c: s.exchange.clinic_tables(a, "json"), {"clinician"}),
    "certificates.read": (lambda s, a, c: s.certificates.read(a), {"clinician", "administrator"}),
    "certificates.install": (lambda s, a, c: s.certificates.install(a, b"none", ""), {"administrator"}),
    "certificates.renew_self_signed": (lambda s, a, c: s.certificates.renew_self_signed(a), {"administrator"}),
    "certificates.signing_identity": (lambda s, a, c: s.certificates.signing_identity(a), {"clinician"}),
    "users.list_users": (lambda s, a, c: s.users.list_users(a), {"administrator"}),
    "users.create_user": (lambda s, a, c: s.users.create_user(a, "nora", "Nora", Role.CLINICIAN), {"administrator"}),
    "users.reset_password": (lambda s, a, c: s.users.reset_password(a, c.clinician.user_id), {"administrator"}),
    "users.set_active": (lambda s, a, c: s.users.set_active(a, c.clinician.user_id, active=False), {"administrator"}),
    "users.set_role": (lambda s, a, c: s.users.set_role(a, c.clinician.user_id, Role.ADMINISTRATOR), {"administrator"}),
    "operations.list_jobs": (lambda s, a, c: s.operations.list_jobs(a, None, 10, 0), {"administrator"}),
    "operations.cancel_job": (lambda s, a, c: s.operations.cancel_job(a, _job(c).id), {"administrator"}),
    "operations.retry_job": (lambda s, a, c: s.operations.retry_job(a, _job(c).id), {"administrator"}),
    "audit_trail.list_rows": (lambda s, a, c: s.audit_trail.list_rows(a, 10, 0), {"administrator", "auditor"}),
    "audit_trail.choices": (lambda s, a, c: s.audit_trail.choices(a), {"administrator", "auditor"}),
    "audit_trail.export": (lambda s, a, c: s.audit_trail.export(a, AuditFilter(), ExportFormat.CSV), {"administrator", "auditor"}),
    "audit_trail.verify": (lambda s, a, c: s.audit_trail.verify(a), {"administrator", "auditor"}),
    "outcomes.current": (lambda s, a, c: s.outcomes.current(a, NONE), {"clinician"}),
    "outcomes.history": (lambda s, a, c: s.outcomes.history(a, NONE, "scoliosis"), {"clinician"}),
    "outcomes.record": (lambda s, a, c: s.outcomes.record(a, NONE, UNKNOWN, None), {"clinician"}),
    "decisions.current": (lambda s, a, c: s.decisions.current(a, NONE), {"clinician"}),
    "decisions.current_of": (lambda s, a, c: s.decisions.current_of(a, [NONE]), {"clinician"}),
    "decisions.history": (lambda s, a, c: s.decisions.history(a, NONE, "scoliosis"), {"clinician"}),
    "decisions.decide": (lambda s, a, c: s.decisions.decide(a, NONE, ACCEPTED, None), {"clinician"}),
    "notes.of_patient": (lambda s, a, c: s.notes.of_patient(a, c.patient.id), {"clinician"}),
    "notes.add": (lambda s, a, c: s.notes.add(a, c.patient.id, "A note."), {"clinician"}),
    "notes.correct": (lambda s, a, c: s.notes.correct(a, NONE, "A note."), {"clinician"}),
    "follow_ups.visits": (lambda s, a, c: s.follow_ups.visits(a, c.patient.id), {"clinician"}),
    "follow_ups.recordings_with_result": (
        lambda s, a, c: s.follow_ups.recordings_with_result(a, c.patient.id),
        {"clinician"},
    ),
    "clinic_profiles.read": (lambda s, a, c: s.clinic_profiles.read(a), {"clinician", "administrator"}),
    "clinic_profiles.update": (lambda s, a, c: s.clinic_profiles.update(a, PROFILE, 0), {"administrator"}),
    "clinic_profiles.set_logo": (lambda s, a, c: s.clinic_profiles.set_logo(a, b"no picture"), {"administrator"}),
    "clinic_profiles.remove_logo": (lambda s, a, c: s.clinic_profiles.remove_logo(a), {"administrator"}),
    "cohorts.choices": (lambda s, a, c: s.cohorts.choices(a, "scoliosis"), {"administrator"}),
    "cohorts.preview": (lambda s, a, c: s.cohorts.preview(a, SCOLIOSIS), {"administrator"}),
    "cohorts.freeze": (lambda s, a, c: s.cohorts.freeze(a, SCOLIOSIS), {"administrator"}),
    "cohorts.list": (lambda s, a, c: s.cohorts.list(a), {"administrator"}),
    "cohorts.get": (lambda s, a, c: s.cohorts.get(a, NONE), {"administrator"}),
    "cohorts.manifest_csv": (lambda s, a, c: s.cohorts.manifest_csv(a, NONE), {"administrator"}),
    "retrainings.checks": (lambda s, a, c: s.retrainings.checks(a, NONE, PROTOCOL), {"administrator"}),
    "retrainings.start": (lambda s, a, c: s.retrainings.start(a, NONE, PROTOCOL), {"administrator"}),
    "retrainings.get": (lambda s, a, c: s.retrainings.get(a, NONE), {"administrator"}),
    "retrainings.list": (lambda s, a, c: s.retrainings.list(a), {"administrator"}),
    "retrainings.cancel": (lambda s, a, c: s.retrainings.cancel(a, NONE), {"administrator"}),
    "retrainings.retry": (lambda s, a, c: s.retrainings.retry(a, NONE), {"administrator"}),
    "models.list": (lambda s, a, c: s.models.list(a), {"administrator"}),
    "models.get": (lambda s, a, c: s.models.get(a, NONE), {"administrator"}),
    "models.reject": (lambda s, a, c: s.models.reject(a, NONE, REASON), {"administrator"}),
    "models.start_shadow": (lambda s, a, c: s.models.start_shadow(a, NONE, 7), {"administrator"}),
    "models.stop_shadow": (lambda s, a, c: s.models.stop_shadow(a, NONE), {"administrator"}),
    "models.evaluate": (lambda s, a, c: s.models.evaluate(a, NONE, NONE, AcceptanceConfig()), {"administrator"}),
    "models.request_promotion": (lambda s, a, c: s.models.request_promotion(a, NONE, REASON), {"administrator"}),
    "models.approve": (lambda s, a, c: s.models.approve(a, NONE, REASON), {"administrator"}),
    "models.refuse": (lambda s, a, c: s.models.refuse(a, NONE, REASON), {"administrator"}),
    "models.withdraw": (lambda s, a, c: s.models.withdraw(a, NONE), {"administrator"}),
    "models.roll_back": (lambda s, a, c: s.models.roll_back(a, REASON), {"administrator"}),
    "models.export": (lambda s, a, c: s.models.export(a, NONE), {"administrator"}),
    "models.import_package": (lambda s, a, c: s.models.import_package(a, b"no zip"), {"administrator"}),
    "models.trust_key": (lambda s, a, c: s.models.trust_key(a, "Other clinic", "ab" * 32), {"administrator"}),
    "models.revoke_key": (lambda s, a, c: s.models.revoke_key(a, NONE), {"administrator"}),
    "models.keys": (lambda s, a, c: s.models.keys(a), {"administrator"}),
    "models.own_key": (lambda s, a, c: s.models.own_key(a), {"administrator"}),
    "monitoring.versions": (lambda s, a, c: s.monitoring.versions(a), {"administrator"}),
    "monitoring.view": (lambda s, a, c: s.monitoring.view(a, NONE, PLAN), {"administrator"}),
    "monitoring.agreement": (lambda s, a, c: s.monitoring.agreement(a, NONE), {"administrator"}),
    "monitoring.export": (lambda s, a, c: s.monitoring.export(a, NONE, PLAN), {"administrator"}),
    "monitoring.export_agreement": (lambda s, a, c: s.monitoring.export_agreement(a, NONE), {"administrator"}),
    "operations.model": (lambda s, a, c: s.operations.model(a), {"clinician", "administrator"}),
}
SERVICES = {
    "patients": PatientRecords,
    "recordings": Recordings,
    "screening": Screening,
    "walk_views": WalkViews,
    "batch": Batch,
    "reporting": Reporting,
    "exchange": Exchange,
    "certificates": Certificates,
    "users": UserAdministration,
    "operations": Operations,
    "audit_trail": AuditTrail,
    "outcomes": Outcomes,
    "decisions": Decisions,
    "notes": Notes,
    "follow_ups": FollowUps,
    "clinic_profiles": ClinicProfiles,
    "cohorts": Cohorts,
    "retrainings": Retrainings,
    "models": Models,
    "monitoring": Monitoring,
}


class _NoFiles:
    id = NONE
    silhouettes_key = None
    overlay_key = None


def _job(clinic):
    return clinic.services.screening.find_people(clinic.clinician, clinic.recording.id)


def test_every_use_case_is_listed_here():
    offered = {
        f"{name}.{method}"
        for name, service in SERVICES.items()
        for method, _ in inspect.getmembers(service, inspect.isfunction)
        if not method.startswith("_")
    }
    assert offered == set(CALLS)


@pytest.mark.parametrize("role", [None, "clinician", "administrator"])
@pytest.mark.parametrize("name", CALLS)
def test_only_the_granted_roles_get_through(clinic, name: str, role: str | None, monkeypatch):
    monkeypatch.setattr("app.services.recordings.fetch_asset", lambda _: _small_file(clinic))
    call, allowed = CALLS[name]
    if role in allowed:
        try:
            call(clinic.services, clinic.actor(role), clinic)
        except PermissionDeniedError:
            pytest.fail("a granted role was refused")
        except (ClinicDataError, FGaitError):
            pass  # for example: there is no such assessment
    else:
        with pytest.raises(PermissionDeniedError):
            call(clinic.services, clinic.actor(role), clinic)


def _small_file(clinic):
    path = clinic.services.settings.data_dir / "sample.bin"
    path.write_bytes(b"sample")
    return path


def test_a_one_time_password_opens_nothing():
    for role in Role:
        actor = Actor("1", "new", "New", role, must_change_password=True)
        assert not any(may(actor, permission) for permission in Permission)


def test_no_role_has_both_patients_and_administration():
    patients = {Permission.READ_PATIENTS, Permission.READ_RESULTS, Permission.CONFIRM_OUTCOMES}
    administration = {Permission.MANAGE_USERS, Permission.RETRAIN, Permission.MANAGE_MODELS}
    for granted in GRANTS.values():
        assert not (granted & patients and granted & administration)
    assert set().union(*GRANTS.values()) == set(Permission)
