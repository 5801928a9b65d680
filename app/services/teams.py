"""Teams of staff: who is in which, and which patients belong to them. No patient's data is read here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.services.permissions import Actor, Permission, require
from clinic_data import audit, teams, users
from clinic_data.access_tables import Team
from clinic_data.database import Database
from clinic_data.errors import ValidationError
from clinic_data.tables import Role, User


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff, as lists show them."""

    user_id: str
    username: str
    display_name: str
    active: bool


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team with its members by displayed name, and how many patients it has."""

    team: Team
    members: tuple[Person, ...]
    patients: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All teams, those that are open first; who may be in one; and how many patients belong to all staff.

    ``unseen`` counts the patients of teams in which nobody can sign in: they are seen in an emergency only.
    """

    teams: tuple[TeamView, ...]
    staff: tuple[Person, ...]
    patients_of_all_staff: int
    unseen: int


@dataclass(frozen=True, slots=True)
class TeamChoice:
    """The teams that a patient can be given to, and which of them are the actor's own."""

    teams: tuple[Team, ...]
    own_ids: frozenset[str]

    @property
    def first_for_new(self) -> str | None:
        """The team of a new patient where there is no doubt: the actor's only one."""
        return next(iter(self.own_ids)) if len(self.own_ids) == 1 else None


@dataclass(frozen=True, slots=True)
class Teams:
    """Use cases around teams."""

    database: Database

    def overview(self, actor: Actor | None) -> Overview:
        """Everything that the page of teams shows."""
        require(actor, Permission.READ_USERS)
        with self.database.reading() as session:
            found = teams.list_teams(session=session)
            members = teams.members(session=session)
            counts = teams.patient_counts(session=session)
            people = {user.id: _person(user) for user in users.list_users(session=session) if _may_be_in(user, members)}
        views = tuple(
            TeamView(team, _by_name(people[each] for each in members.get(team.id, ())), counts.get(team.id, 0))
            for team in sorted(found, key=lambda team: not team.active)
        )
        unseen = sum(view.patients for view in views if not any(person.active for person in view.members))
        return Overview(views, _by_name(people.values()), counts.get(None, 0), unseen)

    def names_by_user(self, actor: Actor | None) -> Mapping[str, tuple[str, ...]]:
        """The names of the teams of each user who is in one, by user id."""
        require(actor, Permission.READ_USERS)
        with self.database.reading() as session:
            members = teams.members(session=session)
            found = teams.list_teams(session=session)
        names: dict[str, tuple[str, ...]] = {}
        for team in found:
            for user_id in members.get(team.id, ()):
                names[user_id] = (*names.get(user_id, ()), team.name)
        return names

    def choice(self, actor: Actor | None) -> TeamChoice:
        """The teams that the form of a patient offers."""
        actor = require(actor, Permission.READ_PATIENTS)
        with self.database.reading() as session:
            found = tuple(team for team in teams.list_teams(session=session) if team.active)
            own = teams.teams_of(session=session, user_id=actor.user_id)
        return TeamChoice(found, frozenset(team.id for team in own))

    def create(self, actor: Actor | None, name: str) -> Team:
        """Adds a team without members.

        Raises:
            ConflictError: if another team has this name.
            ValidationError: if the name is not acceptable.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            team = teams.create_team(session=session, name=name)
            _audit(session, actor, "team.created", team.id, {"name": team.name})
        return team

    def rename(self, actor: Actor | None, team_id: str, name: str) -> None:
        """Gives a team another name.

        Raises:
            ConflictError: if another team has this name.
            NotFoundError: if there is no such team.
            ValidationError: if the name is not acceptable.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            before = teams.get_team(session=session, team_id=team_id).name
            team = teams.rename_team(session=session, team_id=team_id, name=name)
            _audit(session, actor, "team.renamed", team.id, {"name": team.name, "before": before})

    def set_members(self, actor: Actor | None, team_id: str, user_ids: Collection[str]) -> teams.MembersChange:
        """Makes exactly these users the members of a team; they see its patients at once, those who left at once not.

        Raises:
            NotFoundError: if there is no such team or user.
            ValidationError: if somebody new is no clinician: others see no patients.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            change = teams.set_members(session=session, team_id=team_id, user_ids=user_ids)
            for user_id in change.added:
                if users.get_user(session=session, user_id=user_id).role is not Role.CLINICIAN:
                    raise ValidationError("Only clinicians can come into a team: other roles see no patients.")
            for action, changed in (("team.member_added", change.added), ("team.member_removed", change.removed)):
                for user_id in changed:
                    _audit(session, actor, action, team_id, {"user_id": user_id})
        return change

    def hand_over(self, actor: Actor | None, team_id: str, to_team_id: str | None) -> int:
        """Gives all patients of a team to another one, or to all staff (None).

        Returns:
            How many there were.

        Raises:
            ConflictError: if the other team is closed, or it is the same.
            NotFoundError: if there is no such team.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            count = teams.hand_over(session=session, team_id=team_id, to_team_id=to_team_id)
            _audit(session, actor, "team.patients_handed_over", team_id, {"to_team_id": to_team_id, "count": count})
        return count

    def set_active(self, actor: Actor | None, team_id: str, *, active: bool) -> None:
        """Closes a team that has no patients, or opens it again.

        Raises:
            ConflictError: if patients belong to it.
            NotFoundError: if there is no such team.
        """
        actor = require(actor, Permission.MANAGE_TEAMS)
        with self.database.transaction() as session:
            teams.set_active(session=session, team_id=team_id, active=active)
            _audit(session, actor, "team.opened" if active else "team.closed", team_id, {})


def _may_be_in(user: User, members: Mapping[str, frozenset[str]]) -> bool:
    """Active clinicians, and whoever is in a team still."""
    return (user.active and user.role is Role.CLINICIAN) or any(user.id in each for each in members.values())


def _person(user: User) -> Person:
    return Person(user.id, user.username, user.display_name, user.active and user.role is Role.CLINICIAN)


def _by_name(people: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(sorted(people, key=lambda person: (person.display_name.casefold(), person.username)))


def _audit(session: Session, actor: Actor, action: str, team_id: str, details: dict[str, Any]) -> None:
    audit.record(
        session=session,
        actor_id=actor.user_id,
        action=action,
        subject_type="team",
        subject_id=team_id,
        details=details,
    )
