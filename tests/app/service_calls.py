"""Every use case that the services offer, how it is called, and which roles may: the table of the permission tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from two_teams import Ids, TwoTeams

from app.services.audit_export import ExportFormat
from app.services.cohort_selection import CohortFilters
from app.services.monitoring import Plan
from app.services.permissions import Actor
from app.services.screening import ChosenClip
from clinic_data.audit import AuditFilter
from clinic_data.clinic_profile import ClinicProfileData
from clinic_data.decisions import DecisionData
from clinic_data.outcomes import OutcomeData
from clinic_data.patients import PatientData
from clinic_data.tables import Role, new_id
from fgait_core.config.retraining import AcceptanceConfig, RetrainingProtocol

REASON = "A reason that is long enough."
DATA = PatientData(record_number="R-2", family_name="Another", birth_date=date(2000, 1, 1))
NOT_KNOWN = OutcomeData(task="depression", method="not_known")
OVERRIDDEN = DecisionData(task="depression", verdict="overridden", label="no", reason=REASON)
SCOLIOSIS = CohortFilters(task="scoliosis")
PROTOCOL = RetrainingProtocol(task="scoliosis")
PROFILE = ClinicProfileData(name="Harbour clinic")

Run = Callable[["Here", "Actor | None", Ids], Any]
CLINICIAN = frozenset({Role.CLINICIAN})
ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
AUDITOR = frozenset({Role.AUDITOR})
OFFICE = ADMINISTRATOR | AUDITOR
EVERYBODY = CLINICIAN | OFFICE


@dataclass(frozen=True)
class Here:
    """What a call may need beside the actor and the patient's ids."""

    world: TwoTeams

    @property
    def services(self):
        return self.world.services

    def user_id(self, who: str) -> str:
        return self.world.actors[who].user_id


@dataclass(frozen=True)
class Call:
    """A use case.

    Attributes:
        run: does it.
        granted: the roles that may.
        of_patient: whether it is about the rows of one patient, so that the team counts, too.
        slow: takes more than some milliseconds.
        breaks_glass: tells who may break the glass that there is such a patient; no more than the id and the team.
        unfinished: also for who must still set up a second step, because it is how they do.
    """

    run: Run
    granted: frozenset[Role]
    of_patient: bool = False
    slow: bool = False
    breaks_glass: bool = False
    unfinished: bool = False


def _of_patient(run: Run, **more: bool) -> Call:
    return Call(run, CLINICIAN, of_patient=True, **more)


def _new_patient() -> PatientData:
    return DATA.model_copy(update={"record_number": new_id()})


CALLS: dict[str, Call] = {
    "patients.search": Call(lambda h, a, i: h.services.patients.search(a, "", 50, 0), CLINICIAN),
    "patients.get": _of_patient(lambda h, a, i: h.services.patients.get(a, i.patient)),
    "patients.open": _of_patient(lambda h, a, i: h.services.patients.open(a, i.patient), breaks_glass=True),
    "patients.create": Call(lambda h, a, i: h.services.patients.create(a, _new_patient()), CLINICIAN),
    "patients.update": _of_patient(lambda h, a, i: h.services.patients.update(a, i.patient, _new_patient(), 1)),
    "recordings.receive": _of_patient(
        lambda h, a, i: h.services.recordings.receive(a, i.patient, "w.mp4", [new_id().encode()])
    ),
    "recordings.add_sample": _of_patient(lambda h, a, i: h.services.recordings.add_sample(a, i.patient)),
    "recordings.get": _of_patient(lambda h, a, i: h.services.recordings.get(a, i.recording)),
    "recordings.list_of_patient": _of_patient(lambda h, a, i: h.services.recordings.list_of_patient(a, i.patient)),
    "recordings.check_file": _of_patient(lambda h, a, i: h.services.recordings.check_file(a, i.recording)),
    "screening.find_people": _of_patient(lambda h, a, i: h.services.screening.find_people(a, i.recording)),
    "screening.last_search": _of_patient(lambda h, a, i: h.services.screening.last_search(a, i.recording)),
    "screening.people": _of_patient(lambda h, a, i: h.services.screening.people(a, i.search_job)),
    "screening.start": _of_patient(
        lambda h, a, i: h.services.screening.start(a, [ChosenClip(i.recording, 1)], ["scoliosis"])
    ),
    "screening.rescore": _of_patient(lambda h, a, i: h.services.screening.rescore(a, i.assessment)),
    "screening.outdated": _of_patient(lambda h, a, i: h.services.screening.outdated(a, i.patient)),
    "screening.last_body_height": _of_patient(lambda h, a, i: h.services.screening.last_body_height(a, i.patient)),
    "screening.job": _of_patient(lambda h, a, i: h.services.screening.job(a, i.screen_job)),
    "screening.cancel": _of_patient(lambda h, a, i: h.services.screening.cancel(a, i.screen_job)),
    "screening.jobs_of_recording": _of_patient(lambda h, a, i: h.services.screening.jobs_of_recording(a, i.recording)),
    "screening.assessment": _of_patient(lambda h, a, i: h.services.screening.assessment(a, i.assessment)),
    "screening.assessments_of_patient": _of_patient(
        lambda h, a, i: h.services.screening.assessments_of_patient(a, i.patient)
    ),
    "screening.silhouette_strip": _of_patient(lambda h, a, i: h.services.screening.silhouette_strip(a, i.assessment)),
    "screening.waiting_s": _of_patient(lambda h, a, i: h.services.screening.waiting_s(a, i.search_job)),
    "screening.reference_png": Call(lambda h, a, i: h.services.screening.reference_png(a, "none"), CLINICIAN),
    "screening.overlay": _of_patient(lambda h, a, i: h.services.screening.overlay(a, i.assessment)),
    "walk_views.of": _of_patient(lambda h, a, i: h.services.walk_views.of(a, i.assessment)),
    "walk_views.has_clip": _of_patient(lambda h, a, i: h.services.walk_views.has_clip(a, i.assessment)),
    "batch.waiting": Call(lambda h, a, i: h.services.batch.waiting(a, 50, 0), CLINICIAN),
    "batch.assign": _of_patient(lambda h, a, i: h.services.batch.assign(a, i.waiting, i.patient, i.patient)),
    "batch.discard": _of_patient(lambda h, a, i: h.services.batch.discard(a, i.waiting)),
    "batch.ready": Call(lambda h, a, i: h.services.batch.ready(a), CLINICIAN),
    "batch.queue_all": Call(lambda h, a, i: h.services.batch.queue_all(a, ["scoliosis"]), CLINICIAN),
    "batch.queued": Call(lambda h, a, i: h.services.batch.queued(a, 50, 0), CLINICIAN),
    "reporting.create": _of_patient(lambda h, a, i: h.services.reporting.create(a, i.assessment), slow=True),
    "reporting.add_addendum": _of_patient(
        lambda h, a, i: h.services.reporting.add_addendum(a, i.report, "More."), slow=True
    ),
    "reporting.create_follow_up": _of_patient(
        lambda h, a, i: h.services.reporting.create_follow_up(a, i.patient), slow=True
    ),
    "reporting.get": _of_patient(lambda h, a, i: h.services.reporting.get(a, i.report)),
    "reporting.list_of_assessment": _of_patient(
        lambda h, a, i: h.services.reporting.list_of_assessment(a, i.assessment)
    ),
    "reporting.list_of_patient": _of_patient(lambda h, a, i: h.services.reporting.list_of_patient(a, i.patient)),
    "reporting.read_pdf": _of_patient(lambda h, a, i: h.services.reporting.read_pdf(a, i.report)),
    "reporting.content_of": _of_patient(lambda h, a, i: h.services.reporting.content_of(a, i.report)),
    "exchange.dicom": _of_patient(lambda h, a, i: h.services.exchange.dicom(a, i.report), slow=True),
    "exchange.fhir": _of_patient(lambda h, a, i: h.services.exchange.fhir(a, i.report), slow=True),
    "exchange.assessment_tables": _of_patient(
        lambda h, a, i: h.services.exchange.assessment_tables(a, [i.assessment], "csv")
    ),
    "exchange.patient_tables": _of_patient(lambda h, a, i: h.services.exchange.patient_tables(a, i.patient, "json")),
    "exchange.clinic_tables": Call(lambda h, a, i: h.services.exchange.clinic_tables(a, "json"), CLINICIAN),
    "outcomes.current": _of_patient(lambda h, a, i: h.services.outcomes.current(a, i.assessment)),
    "outcomes.history": _of_patient(lambda h, a, i: h.services.outcomes.history(a, i.assessment, "scoliosis")),
    "outcomes.record": _of_patient(lambda h, a, i: h.services.outcomes.record(a, i.assessment, NOT_KNOWN, None)),
    "decisions.current": _of_patient(lambda h, a, i: h.services.decisions.current(a, i.assessment)),
    "decisions.current_of": _of_patient(lambda h, a, i: h.services.decisions.current_of(a, [i.assessment])),
    "decisions.history": _of_patient(lambda h, a, i: h.services.decisions.history(a, i.assessment, "scoliosis")),
    "decisions.decide": _of_patient(lambda h, a, i: h.services.decisions.decide(a, i.assessment, OVERRIDDEN, None)),
    "notes.of_patient": _of_patient(lambda h, a, i: h.services.notes.of_patient(a, i.patient)),
    "notes.add": _of_patient(lambda h, a, i: h.services.notes.add(a, i.patient, "A note.", i.assessment)),
    "notes.correct": _of_patient(lambda h, a, i: h.services.notes.correct(a, i.note, "Another note.")),
    "follow_ups.visits": _of_patient(lambda h, a, i: h.services.follow_ups.visits(a, i.patient)),
    "follow_ups.recordings_with_result": _of_patient(
        lambda h, a, i: h.services.follow_ups.recordings_with_result(a, i.patient)
    ),
    "certificates.read": Call(lambda h, a, i: h.services.certificates.read(a), EVERYBODY),
    "certificates.install": Call(lambda h, a, i: h.services.certificates.install(a, b"none", ""), ADMINISTRATOR),
    "certificates.renew_self_signed": Call(
        lambda h, a, i: h.services.certificates.renew_self_signed(a), ADMINISTRATOR, slow=True
    ),
    "certificates.signing_identity": Call(lambda h, a, i: h.services.certificates.signing_identity(a), CLINICIAN),
    "clinic_profiles.read": Call(lambda h, a, i: h.services.clinic_profiles.read(a), EVERYBODY),
    "clinic_profiles.update": Call(lambda h, a, i: h.services.clinic_profiles.update(a, PROFILE, 0), ADMINISTRATOR),
    "clinic_profiles.set_logo": Call(lambda h, a, i: h.services.clinic_profiles.set_logo(a, b"none"), ADMINISTRATOR),
    "clinic_profiles.remove_logo": Call(lambda h, a, i: h.services.clinic_profiles.remove_logo(a), ADMINISTRATOR),
    "users.list_users": Call(lambda h, a, i: h.services.users.list_users(a), OFFICE),
    "users.with_two_steps": Call(lambda h, a, i: h.services.users.with_two_steps(a), OFFICE),
    "users.reset_totp": Call(lambda h, a, i: h.services.users.reset_totp(a, h.user_id("newcomer")), ADMINISTRATOR),
    "own_accounts.sessions": Call(lambda h, a, i: h.services.own_accounts.sessions(a, None), EVERYBODY),
    "own_accounts.end_session": Call(lambda h, a, i: h.services.own_accounts.end_session(a, i.other), EVERYBODY),
    "own_accounts.sign_out_everywhere": Call(lambda h, a, i: h.services.own_accounts.sign_out_everywhere(a), EVERYBODY),
    "own_accounts.two_step_state": Call(
        lambda h, a, i: h.services.own_accounts.two_step_state(a), EVERYBODY, unfinished=True
    ),
    "own_accounts.begin_two_step": Call(
        lambda h, a, i: h.services.own_accounts.begin_two_step(a), EVERYBODY, unfinished=True
    ),
    "own_accounts.confirm_two_step": Call(
        lambda h, a, i: h.services.own_accounts.confirm_two_step(a, "wrong", "0"), EVERYBODY, slow=True, unfinished=True
    ),
    "own_accounts.renew_recovery_codes": Call(
        lambda h, a, i: h.services.own_accounts.renew_recovery_codes(a, "wrong", "0"),
        EVERYBODY,
        slow=True,
        unfinished=True,
    ),
    "own_accounts.switch_two_step_off": Call(
        lambda h, a, i: h.services.own_accounts.switch_two_step_off(a, "wrong", "0"),
        EVERYBODY,
        slow=True,
        unfinished=True,
    ),
    "users.create_user": Call(
        lambda h, a, i: h.services.users.create_user(a, f"u{new_id()[:8]}", "Nora", Role.CLINICIAN),
        ADMINISTRATOR,
        slow=True,
    ),
    "users.reset_password": Call(
        lambda h, a, i: h.services.users.reset_password(a, h.user_id("newcomer")), ADMINISTRATOR, slow=True
    ),
    "users.set_active": Call(
        lambda h, a, i: h.services.users.set_active(a, h.user_id("newcomer"), active=False), ADMINISTRATOR
    ),
    "users.set_role": Call(
        lambda h, a, i: h.services.users.set_role(a, h.user_id("newcomer"), Role.AUDITOR), ADMINISTRATOR
    ),
    "audit_trail.list_rows": Call(lambda h, a, _: h.services.audit_trail.list_rows(a, 10, 0), OFFICE),
    "audit_trail.choices": Call(lambda h, a, _: h.services.audit_trail.choices(a), OFFICE),
    "audit_trail.export": Call(
        lambda h, a, _: h.services.audit_trail.export(a, AuditFilter(), ExportFormat.CSV), OFFICE
    ),
    "audit_trail.verify": Call(lambda h, a, _: h.services.audit_trail.verify(a), OFFICE),
    "operations.list_jobs": Call(lambda h, a, i: h.services.operations.list_jobs(a, None, 50, 0), ADMINISTRATOR),
    "operations.cancel_job": Call(lambda h, a, i: h.services.operations.cancel_job(a, i.search_job), ADMINISTRATOR),
    "operations.retry_job": Call(lambda h, a, i: h.services.operations.retry_job(a, i.search_job), ADMINISTRATOR),
    "operations.model": Call(lambda h, a, i: h.services.operations.model(a), EVERYBODY),
    "privacy.rules": Call(lambda h, a, i: h.services.privacy.rules(a), OFFICE),
    "privacy.waiting_files": Call(lambda h, a, i: h.services.privacy.waiting_files(a), OFFICE),
    "privacy.runs": Call(lambda h, a, i: h.services.privacy.runs(a), OFFICE),
    "privacy.holds": Call(lambda h, a, i: h.services.privacy.holds(a), OFFICE),
    "privacy.set_rule": Call(lambda h, a, i: h.services.privacy.set_rule(a, "videos", 30, 99), ADMINISTRATOR),
    "privacy.start_run": Call(lambda h, a, i: h.services.privacy.start_run(a), ADMINISTRATOR),
    "privacy.place_hold": Call(lambda h, a, i: h.services.privacy.place_hold(a, "unknown", REASON), ADMINISTRATOR),
    "privacy.release_hold": Call(lambda h, a, i: h.services.privacy.release_hold(a, i.other), ADMINISTRATOR),
    "erasures.request": _of_patient(lambda h, a, i: h.services.erasures.request(a, i.patient, "wrong", "other")),
    "erasures.open_request": _of_patient(lambda h, a, i: h.services.erasures.open_request(a, i.patient)),
    "erasures.withdraw": Call(lambda h, a, i: h.services.erasures.withdraw(a, i.other), CLINICIAN),
    "erasures.refuse": Call(lambda h, a, i: h.services.erasures.refuse(a, i.other), ADMINISTRATOR),
    "erasures.carry_out": Call(lambda h, a, i: h.services.erasures.carry_out(a, i.other, "R-1"), ADMINISTRATOR),
    "erasures.list": Call(lambda h, a, i: h.services.erasures.list(a), OFFICE),
    "erasures.proof": Call(lambda h, a, i: h.services.erasures.proof(a, i.other), OFFICE),
    "patient_copies.make": _of_patient(lambda h, a, i: h.services.patient_copies.make(a, i.patient)),
    "research_exports.preview": Call(lambda h, a, i: h.services.research_exports.preview(a), ADMINISTRATOR),
    "research_exports.make": Call(lambda h, a, i: h.services.research_exports.make(a, REASON), ADMINISTRATOR),
    "external_sign_in.connect": Call(lambda h, a, i: h.services.external_sign_in.connect(a, {}), EVERYBODY),
    "external_sign_in.identities": Call(lambda h, a, i: h.services.external_sign_in.identities(a), EVERYBODY),
    "external_sign_in.disconnect": Call(lambda h, a, i: h.services.external_sign_in.disconnect(a, i.other), EVERYBODY),
    "teams.overview": Call(lambda h, a, i: h.services.teams.overview(a), OFFICE),
    "teams.names_by_user": Call(lambda h, a, i: h.services.teams.names_by_user(a), OFFICE),
    "teams.choice": Call(lambda h, a, i: h.services.teams.choice(a), CLINICIAN),
    "teams.create": Call(lambda h, a, i: h.services.teams.create(a, new_id()), ADMINISTRATOR),
    "teams.rename": Call(lambda h, a, i: h.services.teams.rename(a, i.other, "Ward"), ADMINISTRATOR),
    "teams.set_members": Call(lambda h, a, i: h.services.teams.set_members(a, i.other, []), ADMINISTRATOR),
    "teams.hand_over": Call(lambda h, a, i: h.services.teams.hand_over(a, i.other, None), ADMINISTRATOR),
    "teams.set_active": Call(lambda h, a, i: h.services.teams.set_active(a, i.other, active=False), ADMINISTRATOR),
    "emergencies.find": Call(lambda h, a, i: h.services.emergencies.find(a, "R-1"), CLINICIAN),
    "emergencies.of_patient": Call(
        lambda h, a, i: h.services.emergencies.of_patient(a, i.patient), CLINICIAN, breaks_glass=True
    ),
    "emergencies.open": Call(
        lambda h, a, i: h.services.emergencies.open(a, i.patient, REASON), CLINICIAN, breaks_glass=True
    ),
    "emergencies.own": Call(lambda h, a, i: h.services.emergencies.own(a), CLINICIAN),
    "emergencies.end": Call(lambda h, a, i: h.services.emergencies.end(a, i.other), CLINICIAN | ADMINISTRATOR),
    "emergencies.list": Call(lambda h, a, i: h.services.emergencies.list(a, None, 50, 0), OFFICE),
    "emergencies.count_to_review": Call(lambda h, a, i: h.services.emergencies.count_to_review(a), OFFICE),
    "emergencies.review": Call(lambda h, a, i: h.services.emergencies.review(a, i.other), ADMINISTRATOR),
    "moving.visit": _of_patient(lambda h, a, i: h.services.moving.visit(a, i.recording)),
    "moving.preview": _of_patient(lambda h, a, i: h.services.moving.preview(a, i.recording, i.patient)),
    "moving.move": _of_patient(
        lambda h, a, i: h.services.moving.move(a, i.recording, i.patient, h.world.ids["all"].patient, REASON)
    ),
    "duplicates.find": Call(
        lambda h, a, i: h.services.duplicates.find(a, _new_patient()), CLINICIAN, breaks_glass=True
    ),
    "duplicates.note_overruled": _of_patient(lambda h, a, i: h.services.duplicates.note_overruled(a, i.patient, ())),
    "cohorts.choices": Call(lambda h, a, i: h.services.cohorts.choices(a, "scoliosis"), ADMINISTRATOR),
    "cohorts.preview": Call(lambda h, a, i: h.services.cohorts.preview(a, SCOLIOSIS), ADMINISTRATOR),
    "cohorts.freeze": Call(lambda h, a, i: h.services.cohorts.freeze(a, SCOLIOSIS), ADMINISTRATOR),
    "cohorts.list": Call(lambda h, a, i: h.services.cohorts.list(a), ADMINISTRATOR),
    "cohorts.get": Call(lambda h, a, i: h.services.cohorts.get(a, i.other), ADMINISTRATOR),
    "cohorts.manifest_csv": Call(lambda h, a, i: h.services.cohorts.manifest_csv(a, i.other), ADMINISTRATOR),
    "retrainings.checks": Call(lambda h, a, i: h.services.retrainings.checks(a, i.other, PROTOCOL), ADMINISTRATOR),
    "retrainings.start": Call(lambda h, a, i: h.services.retrainings.start(a, i.other, PROTOCOL), ADMINISTRATOR),
    "retrainings.get": Call(lambda h, a, i: h.services.retrainings.get(a, i.other), ADMINISTRATOR),
    "retrainings.list": Call(lambda h, a, i: h.services.retrainings.list(a), ADMINISTRATOR),
    "retrainings.cancel": Call(lambda h, a, i: h.services.retrainings.cancel(a, i.other), ADMINISTRATOR),
    "retrainings.retry": Call(lambda h, a, i: h.services.retrainings.retry(a, i.other), ADMINISTRATOR),
    "models.list": Call(lambda h, a, i: h.services.models.list(a), ADMINISTRATOR),
    "models.get": Call(lambda h, a, i: h.services.models.get(a, i.other), ADMINISTRATOR),
    "models.reject": Call(lambda h, a, i: h.services.models.reject(a, i.other, REASON), ADMINISTRATOR),
    "models.start_shadow": Call(lambda h, a, i: h.services.models.start_shadow(a, i.other, 7), ADMINISTRATOR),
    "models.stop_shadow": Call(lambda h, a, i: h.services.models.stop_shadow(a, i.other), ADMINISTRATOR),
    "models.evaluate": Call(
        lambda h, a, i: h.services.models.evaluate(a, i.other, i.other, AcceptanceConfig()), ADMINISTRATOR
    ),
    "models.request_promotion": Call(
        lambda h, a, i: h.services.models.request_promotion(a, i.other, REASON), ADMINISTRATOR
    ),
    "models.approve": Call(lambda h, a, i: h.services.models.approve(a, i.other, REASON), ADMINISTRATOR),
    "models.refuse": Call(lambda h, a, i: h.services.models.refuse(a, i.other, REASON), ADMINISTRATOR),
    "models.withdraw": Call(lambda h, a, i: h.services.models.withdraw(a, i.other), ADMINISTRATOR),
    "models.roll_back": Call(lambda h, a, i: h.services.models.roll_back(a, REASON), ADMINISTRATOR),
    "models.export": Call(lambda h, a, i: h.services.models.export(a, i.other), ADMINISTRATOR),
    "models.import_package": Call(lambda h, a, i: h.services.models.import_package(a, b"no zip"), ADMINISTRATOR),
    "models.trust_key": Call(lambda h, a, i: h.services.models.trust_key(a, "Other clinic", "ab" * 32), ADMINISTRATOR),
    "models.revoke_key": Call(lambda h, a, i: h.services.models.revoke_key(a, i.other), ADMINISTRATOR),
    "models.keys": Call(lambda h, a, i: h.services.models.keys(a), ADMINISTRATOR),
    "models.own_key": Call(lambda h, a, i: h.services.models.own_key(a), ADMINISTRATOR),
    "monitoring.versions": Call(lambda h, a, i: h.services.monitoring.versions(a), OFFICE),
    "monitoring.view": Call(lambda h, a, i: h.services.monitoring.view(a, i.other, Plan()), OFFICE),
    "monitoring.agreement": Call(lambda h, a, i: h.services.monitoring.agreement(a, i.other), OFFICE),
    "monitoring.export": Call(lambda h, a, i: h.services.monitoring.export(a, i.other, Plan()), OFFICE),
    "monitoring.export_agreement": Call(lambda h, a, i: h.services.monitoring.export_agreement(a, i.other), OFFICE),
}
OPEN = {
    "verification.of_code": "anybody who holds a report may verify it; the answer says nothing of the patient",
    "verification.of_file": "likewise",
    "verification.clinic_name": "stands above the sign-in",
    "accounts.sign_in": "how one becomes somebody",
    "accounts.finish_sign_in": "likewise; needs a step that began with the password",
    "accounts.step_is_open": "whether a browser has such a step; says nothing of anybody",
    "accounts.reset_totp_locally": "asked by the command line of the server",
    "external_sign_in.sign_in": "likewise, by what the organisation's own service says",
    "accounts.actor_of": "whose session it is",
    "accounts.sign_out": "ends the caller's own session",
    "accounts.change_own_password": "needs the present password",
    "accounts.create_first_administrator": "asked by the server at its start; works without accounts only",
    "accounts.reset_password_locally": "asked by the command line of the server",
}
"""Use cases that ask for no permission, and why they need none."""
