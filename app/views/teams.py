"""Teams: who is in which, and which patients belong to them. Administrators change them; no patient is named here."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.services.teams import Overview, Person, TeamView
from app.views.parts import look, page
from app.views.parts.words import tr
from clinic_data.teams import NAME_MAX

_ALL_STAFF = ""  # in a list of choices: no team


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Teams"))
    overview = session.services().teams.overview(actor)
    st.caption(
        tr(
            "A patient of a team is seen by its members only; a patient without a team by all clinicians. In an "
            "emergency a clinician can open the record of another team's patient with a reason, which is reviewed."
        )
    )
    manages = may(actor, Permission.MANAGE_TEAMS)
    if manages:
        _new_team(actor)
    if overview.unseen:
        st.warning(
            tr(
                "Patients in teams without anybody who can sign in: {count}. They are seen in an emergency only. Add a "
                "member, or hand the patients over.",
                count=overview.unseen,
            )
        )
    if not overview.teams:
        st.info(tr("There are no teams. All clinicians see all patients."))
    for view in overview.teams:
        _team(actor, view, overview, manages=manages)
    st.caption(tr("Patients without a team, seen by all clinicians: {count}", count=overview.patients_of_all_staff))


def _new_team(actor: Actor) -> None:
    with st.expander(tr("New team")), st.form("new-team", border=False, clear_on_submit=True):
        name = st.text_input(tr("Name of the team"), max_chars=NAME_MAX)
        if st.form_submit_button(tr("Create the team"), type="primary"):
            with page.errors_shown():
                session.services().teams.create(actor, name)
                session.put_notice(tr("The team was created. Add its members now."))
                st.rerun()


def _team(actor: Actor, view: TeamView, overview: Overview, *, manages: bool) -> None:
    team = view.team
    state = look.pill(tr("open"), "ok") if team.active else look.pill(tr("closed"), "neutral")
    members = ", ".join(_name(person) for person in view.members) or tr("nobody")
    counts = tr("Patients: {patients} · members: {members}", patients=view.patients, members=len(view.members))
    with st.container(border=True):
        st.html(
            f"<b><bdi>{escape(team.name)}</bdi></b> &nbsp; {state}<br>"
            f'<span class="fg-muted fg-small">{escape(counts)}</span><br><bdi>{escape(members)}</bdi>'
        )
        if not manages:
            return
        if team.active:
            _members(actor, view, overview.staff)
        _changes(actor, view, overview)


def _name(person: Person) -> str:
    return person.display_name if person.active else tr("{name} (cannot sign in)", name=person.display_name)


def _members(actor: Actor, view: TeamView, staff: tuple[Person, ...]) -> None:
    people = {person.user_id: person for person in staff}
    present = [person.user_id for person in view.members]
    with st.expander(tr("Members")), st.form(f"members-{view.team.id}", border=False):
        if not people:
            st.caption(tr("There are no clinicians yet. Create their accounts on the page Users."))
        chosen = st.multiselect(
            tr("Who is in this team"),
            list(people),
            default=present,
            format_func=lambda user_id: f"{_name(people[user_id])} · {people[user_id].username}",
            placeholder=tr("Choose clinicians"),
            key=f"members-of-{view.team.id}-{'-'.join(present)}",
        )
        if st.form_submit_button(tr("Save the members")):
            if view.patients and not any(people[user_id].active for user_id in chosen):
                _confirm_nobody(view, chosen)
            else:
                _save_members(actor, view.team.id, chosen)


def _save_members(actor: Actor | None, team_id: str, chosen: list[str]) -> None:
    with page.errors_shown():
        session.services().teams.set_members(actor, team_id, chosen)
        session.put_notice(tr("The members were saved."))
        st.rerun()


def _confirm_nobody(view: TeamView, chosen: list[str]) -> None:
    @st.dialog(tr("Leave a team without anybody?"))
    def dialog() -> None:
        st.text(
            tr(
                "Nobody who can sign in would be in {team}. Its {count} patients would be seen in an emergency only.",
                team=view.team.name,
                count=view.patients,
            )
        )
        if st.button(tr("Save nevertheless"), key="members-now", type="primary"):
            _save_members(session.signed_in_actor(), view.team.id, chosen)

    dialog()


def _changes(actor: Actor, view: TeamView, overview: Overview) -> None:
    team = view.team
    with st.expander(tr("Rename, hand over, close")):
        with st.form(f"rename-{team.id}", border=False):
            name = st.text_input(tr("New name"), team.name, max_chars=NAME_MAX, key=f"name-{team.id}")
            if st.form_submit_button(tr("Rename")):
                with page.errors_shown():
                    session.services().teams.rename(actor, team.id, name)
                    st.rerun()
        if view.patients:
            _hand_over(view, overview)
        elif st.button(
            tr("Close the team") if team.active else tr("Open the team again"),
            key=f"active-{team.id}",
        ):
            with page.errors_shown():
                session.services().teams.set_active(actor, team.id, active=not team.active)
                st.rerun()


def _hand_over(view: TeamView, overview: Overview) -> None:
    names = {_ALL_STAFF: tr("All clinicians")}
    names |= {other.team.id: other.team.name for other in overview.teams if other.team.active}
    del names[view.team.id]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            tr("Hand all its patients over to"),
            list(names),
            index=None,
            format_func=lambda team_id: names[team_id],
            placeholder=tr("Choose a team"),
            key=f"to-{view.team.id}",
            width=360,
        )
        if st.button(tr("Hand over"), key=f"hand-over-{view.team.id}", disabled=chosen is None):
            _confirm_hand_over(view, chosen or None, names[chosen or _ALL_STAFF])


def _confirm_hand_over(view: TeamView, to_team_id: str | None, to_name: str) -> None:
    @st.dialog(tr("Hand over all patients?"))
    def dialog() -> None:
        st.text(
            tr(
                "{count} patients of {team} go to {other}. Members of {team} who are not there do not see them "
                "any more.",
                count=view.patients,
                team=view.team.name,
                other=to_name,
            )
        )
        if st.button(tr("Hand over now"), key="hand-over-now", type="primary"):
            with page.errors_shown():
                actor = session.signed_in_actor()
                count = session.services().teams.hand_over(actor, view.team.id, to_team_id)
                session.put_notice(tr("Patients handed over: {count}", count=count))
                st.rerun()

    dialog()


if __name__ == "__main__":
    page.run(Permission.READ_USERS, body)
