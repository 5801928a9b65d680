"""Who may do what: one table, asked by every service call.

Decision: an administrator runs the installation (users, jobs, models, the audit log) and sees no patient data, in
cohorts and comparisons only counts and pseudonyms; a clinician screens patients, confirms outcomes and sees nothing of
the administration; an auditor reads the trail, the accounts and the rules, and changes nothing. A person who needs two
roles has two accounts, so that the audit log always says in which role something was done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from clinic_data.errors import PermissionDeniedError
from clinic_data.tables import Role


class Permission(StrEnum):
    """Everything that a role can be allowed to do."""

    READ_PATIENTS = "read patients"
    WRITE_PATIENTS = "create and edit patients"
    ADD_RECORDINGS = "add recordings"
    SCREEN = "start, watch and cancel screenings"
    READ_RESULTS = "read results"
    WRITE_REPORTS = "create reports"
    READ_REPORTS = "read reports"
    MANAGE_USERS = "manage users"
    MANAGE_JOBS = "watch, cancel and retry jobs"
    READ_AUDIT = "read the audit log"
    READ_MODEL = "read what the model is and what it was measured to do"
    CONFIRM_OUTCOMES = "record confirmed outcomes"
    RETRAIN = "freeze cohorts and retrain"
    MANAGE_MODELS = "compare, promote and roll back models"
    READ_MONITORING = "read monitoring"
    DECIDE = "accept or override results"
    WRITE_NOTES = "write notes"
    EXPORT = "export results to other systems"
    READ_CLINIC = "read the clinic's profile"
    MANAGE_CLINIC = "change the clinic's profile"
    BREAK_GLASS = "open the record of another team's patient in an emergency"
    MOVE_VISITS = "move a visit to another patient"
    REQUEST_ERASURE = "ask for the erasure of a patient"
    READ_USERS = "read accounts and teams"
    MANAGE_TEAMS = "manage teams"
    EXPORT_AUDIT = "verify and export the audit log"
    READ_PRIVACY = "read retention rules, holds and erasures"
    MANAGE_RETENTION = "change retention rules and holds"
    ERASE = "carry out erasures"
    EXPORT_RESEARCH = "export pseudonymised data for research"
    OWN_ACCOUNT = "manage one's own account"


GRANTS: dict[Role, frozenset[Permission]] = {
    Role.CLINICIAN: frozenset(
        {
            Permission.READ_PATIENTS,
            Permission.WRITE_PATIENTS,
            Permission.ADD_RECORDINGS,
            Permission.SCREEN,
            Permission.READ_RESULTS,
            Permission.WRITE_REPORTS,
            Permission.READ_REPORTS,
            Permission.READ_MODEL,
            Permission.CONFIRM_OUTCOMES,
            Permission.DECIDE,
            Permission.WRITE_NOTES,
            Permission.EXPORT,
            Permission.READ_CLINIC,
            Permission.BREAK_GLASS,
            Permission.MOVE_VISITS,
            Permission.REQUEST_ERASURE,
            Permission.OWN_ACCOUNT,
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.MANAGE_USERS,
            Permission.MANAGE_JOBS,
            Permission.READ_AUDIT,
            Permission.READ_MODEL,
            Permission.RETRAIN,
            Permission.MANAGE_MODELS,
            Permission.READ_MONITORING,
            Permission.READ_CLINIC,
            Permission.MANAGE_CLINIC,
            Permission.READ_USERS,
            Permission.MANAGE_TEAMS,
            Permission.EXPORT_AUDIT,
            Permission.READ_PRIVACY,
            Permission.MANAGE_RETENTION,
            Permission.ERASE,
            Permission.EXPORT_RESEARCH,
            Permission.OWN_ACCOUNT,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.READ_AUDIT,
            Permission.EXPORT_AUDIT,
            Permission.READ_USERS,
            Permission.READ_PRIVACY,
            Permission.READ_MODEL,
            Permission.READ_MONITORING,
            Permission.READ_CLINIC,
            Permission.OWN_ACCOUNT,
        }
    ),
}
"""The one permission table."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in user, as the services know them.

    Attributes:
        user_id: id of the user row.
        username: what they sign in with.
        display_name: what is printed on reports.
        role: decides what they may do.
        must_change_password: True until a one-time password was replaced.
        must_set_up_totp: True until two-step sign-in is set up, where the clinic asks for it in this role.
    """

    user_id: str
    username: str
    display_name: str
    role: Role
    must_change_password: bool = False
    must_set_up_totp: bool = False

    @property
    def has_more_to_do(self) -> bool:
        """Whether something of the sign-in is left to do, before which the user may do nothing else."""
        return self.must_change_password or self.must_set_up_totp


def may(actor: Actor | None, permission: Permission) -> bool:
    """Whether the actor may do it; nobody, and who has something of the sign-in left to do, may do nothing."""
    return actor is not None and not actor.has_more_to_do and permission in GRANTS[actor.role]


def require(actor: Actor | None, permission: Permission) -> Actor:
    """Returns the actor if they may do it.

    Raises:
        PermissionDeniedError: for nobody, for a one-time password that was not replaced, for two-step sign-in that is
            still to be set up, and for a wrong role.
    """
    if actor is None:
        raise PermissionDeniedError("Please sign in first.")
    if actor.must_change_password:
        raise PermissionDeniedError("Please choose your own password first.")
    if actor.must_set_up_totp:
        raise PermissionDeniedError("Please set up two-step sign-in first.")
    if permission not in GRANTS[actor.role]:
        raise PermissionDeniedError(f"Your role ({actor.role.value}) does not allow you to {permission.value}.")
    return actor


def require_for_own_account(actor: Actor | None) -> Actor:
    """Returns the actor if they may look after their account, also while two-step sign-in is still to be set up.

    Raises:
        PermissionDeniedError: for nobody and for a one-time password that was not replaced.
    """
    if actor is not None and actor.must_set_up_totp and not actor.must_change_password:
        require(replace(actor, must_set_up_totp=False), Permission.OWN_ACCOUNT)
        return actor
    return require(actor, Permission.OWN_ACCOUNT)
