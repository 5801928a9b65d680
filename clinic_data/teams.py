"""Teams, and who may see which patient.

A patient of a team is seen by its members, and for some hours by whoever opened the record in an emergency
(``emergency_access``). A patient without a team is seen by all staff, so that a clinic without teams needs none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select, update

from clinic_data import emergency_access
from clinic_data.access_tables import Team, TeamMember
from clinic_data.clock import utc_now
from clinic_data.database import conflict_as
from clinic_data.errors import ConflictError, NotFoundError, ValidationError
from clinic_data.patients import get_patient
from clinic_data.tables import Patient, User
from clinic_data.text_rules import has_invisible, search_key

NAME_MAX = 80


@dataclass(frozen=True, slots=True)
class MembersChange:
    """Who came into a team and who left it, by user id, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def create_team(*, session: Session, name: str) -> Team:
    """Add a team without members.

    Raises:
        ConflictError: another team has this name, whatever its case or accents.
        ValidationError: the name is empty, too long or holds invisible characters.
    """
    shown = _checked_name(name)
    team = Team(name=shown, name_key=search_key(shown))
    with conflict_as(session, _taken(shown)):
        session.add(team)
    return team


def get_team(*, session: Session, team_id: str) -> Team:
    """Read one team.

    Raises:
        NotFoundError: there is no such team.
    """
    team = session.get(Team, team_id)
    if team is None:
        raise NotFoundError("This team does not exist.")
    return team


def list_teams(*, session: Session) -> list[Team]:
    """All teams, active or not, by name."""
    return list(session.exec(select(Team).order_by(col(Team.name_key))).all())


def rename_team(*, session: Session, team_id: str, name: str) -> Team:
    """Give a team another name.

    Raises:
        ConflictError: another team has this name, whatever its case or accents.
        NotFoundError: there is no such team.
        ValidationError: the name is empty, too long or holds invisible characters.
    """
    shown = _checked_name(name)
    team = _locked(session, team_id)
    with conflict_as(session, _taken(shown)):
        team.name, team.name_key = shown, search_key(shown)
    return team


def set_active(*, session: Session, team_id: str, active: bool) -> Team:
    """Close a team that has no patients any more, or open it again.

    Raises:
        ConflictError: patients belong to it.
        NotFoundError: there is no such team.
    """
    team = _locked(session, team_id)
    if not active and patient_counts(session=session).get(team_id):
        raise ConflictError(
            "Patients belong to this team. Hand them over to another team, or to all staff; then close it."
        )
    team.active = active
    session.flush()
    return team


def members(*, session: Session) -> dict[str, frozenset[str]]:
    """The user ids of the members of each team that has any, by team id."""
    found: dict[str, set[str]] = {}
    for member in session.exec(select(TeamMember)).all():
        found.setdefault(member.team_id, set()).add(member.user_id)
    return {team_id: frozenset(user_ids) for team_id, user_ids in found.items()}


def set_members(*, session: Session, team_id: str, user_ids: Collection[str]) -> MembersChange:
    """Make exactly these users the members of a team.

    Raises:
        NotFoundError: there is no such team or user.
    """
    _locked(session, team_id)
    wanted = set(user_ids)
    known = session.exec(select(User.id).where(col(User.id).in_(wanted))).all()
    if len(known) < len(wanted):
        raise NotFoundError("This user does not exist.")
    present = {row.user_id: row for row in session.exec(select(TeamMember).where(TeamMember.team_id == team_id)).all()}
    added, removed = sorted(wanted - present.keys()), sorted(present.keys() - wanted)
    for user_id in removed:
        session.delete(present[user_id])
    session.add_all(TeamMember(team_id=team_id, user_id=user_id) for user_id in added)
    session.flush()
    return MembersChange(tuple(added), tuple(removed))


def teams_of(*, session: Session, user_id: str) -> list[Team]:
    """The active teams that the user belongs to, by name."""
    statement = select(Team).join(TeamMember, col(TeamMember.team_id) == col(Team.id))
    mine = statement.where(TeamMember.user_id == user_id, col(Team.active))
    return list(session.exec(mine.order_by(col(Team.name_key))).all())


def visible_team_ids(*, session: Session, user_id: str) -> frozenset[str]:
    """The teams whose patients the user sees; patients without a team come on top of that."""
    return frozenset(session.exec(select(TeamMember.team_id).where(TeamMember.user_id == user_id)).all())


def is_member(*, session: Session, user_id: str, team_id: str | None) -> bool:
    """Whether the user belongs to a team; to all staff (None) everybody does."""
    return team_id is None or session.get(TeamMember, (team_id, user_id)) is not None


def may_see(*, session: Session, user_id: str, patient_id: str, now: datetime | None = None) -> bool:
    """Whether the user sees the patient: no team, a team of the user, or open access in an emergency.

    Nobody sees a patient who does not exist.
    """
    found = session.exec(select(Patient.id, Patient.team_id).where(Patient.id == patient_id)).first()
    if found is None:
        return False
    if is_member(session=session, user_id=user_id, team_id=found[1]):
        return True
    return emergency_access.is_open(session=session, user_id=user_id, patient_id=patient_id, now=now)


def give_patient(*, session: Session, patient_id: str, team_id: str | None) -> str | None:
    """Make a patient one of a team, or of all staff (None). The caller writes the audit row.

    Returns:
        The team before.

    Raises:
        ConflictError: the team is closed.
        NotFoundError: there is no such patient or team.
    """
    patient = get_patient(session=session, patient_id=patient_id)
    session.refresh(patient, ["team_id"])  # many at once may have been handed over since it was read
    before = patient.team_id
    if team_id != before:
        _open_team(session, team_id)
        patient.team_id = team_id
        session.flush()
    return before


def hand_over(*, session: Session, team_id: str, to_team_id: str | None) -> int:
    """Give all patients of a team to another one, or to all staff (None). The caller writes the audit row.

    Who has one of these patients open in a form is told that somebody else changed it.

    Returns:
        How many patients there were.

    Raises:
        ConflictError: the other team is closed, or it is the same.
        NotFoundError: there is no such team.
    """
    if team_id == to_team_id:
        raise ConflictError("These patients belong to this team already. Choose another one.")
    get_team(session=session, team_id=team_id)
    _open_team(session, to_team_id)
    statement = update(Patient).where(col(Patient.team_id) == team_id)
    values = {"team_id": to_team_id, "version": col(Patient.version) + 1, "updated_at": utc_now()}
    return session.exec(statement.values(values).execution_options(synchronize_session=False)).rowcount


def patient_counts(*, session: Session) -> Mapping[str | None, int]:
    """How many patients each team has; None: how many belong to all staff."""
    statement = select(Patient.team_id, func.count()).group_by(col(Patient.team_id))
    return dict(session.exec(statement).all())


def _open_team(session: Session, team_id: str | None) -> None:
    # Locked, so that a team that is being closed gets no patient meanwhile.
    if team_id is not None and not _locked(session, team_id).active:
        raise ConflictError("This team is closed. Choose another one.")


def _locked(session: Session, team_id: str) -> Team:
    """The team, read anew and locked against a concurrent change (on SQLite the transaction is the lock)."""
    statement = select(Team).where(Team.id == team_id).with_for_update().execution_options(populate_existing=True)
    team = session.exec(statement).first()
    if team is None:
        raise NotFoundError("This team does not exist.")
    return team


def _checked_name(name: str) -> str:
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(shown) <= NAME_MAX or has_invisible(shown) or not 1 <= len(search_key(shown)) <= 2 * NAME_MAX:
        raise ValidationError(f"The name of a team has 1 to {NAME_MAX} printable characters, one of them a letter.")
    return shown


def _taken(name: str) -> str:
    return f"There is a team {name} already. Choose another name, or open that team again."
