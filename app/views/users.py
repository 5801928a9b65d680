"""Accounts: create, deactivate, give a new one-time password, change the role. Auditors read them."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import session
from app.services.permissions import Actor, Permission, may
from app.views.parts import look, page
from app.views.parts.words import later, tr
from clinic_data.clock import utc_now
from clinic_data.tables import Role, User, new_id

_ROLES = [role.value for role in Role]
_ROWS = 30
_ROLE_MEANINGS = {
    Role.CLINICIAN: later("screens patients and sees nothing of the administration"),
    Role.ADMINISTRATOR: later("runs the installation and sees no patient data"),
    Role.AUDITOR: later("reads the audit log, accounts and rules, and changes nothing"),
}


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Users"))
    administers = may(actor, Permission.MANAGE_USERS)
    if administers:
        _new_user(actor)
    found = _found(session.services().users.list_users(actor))
    two_steps = session.services().users.with_two_steps(actor)
    teams = session.services().teams.names_by_user(actor)
    if not found:
        st.info(tr("No user has this name."))
        return
    rows = st.container()
    first = page.pager(len(found), _ROWS, "users-page")
    for user in found[first : first + _ROWS]:
        with rows.container(border=True):
            _user(actor, user, user.id in two_steps, teams.get(user.id, ()), administers=administers)


def _found(users: tuple[User, ...]) -> list[User]:
    """The users to show; a field to look for one where the list is long."""
    if len(users) <= _ROWS:
        return list(users)
    wanted = st.text_input(tr("Look for a user"), key="users-search", placeholder=tr("name or user name"), width=360)
    parts = wanted.casefold().split()
    return [user for user in users if all(part in f"{user.username} {user.display_name}".casefold() for part in parts)]


def _new_user(actor: Actor) -> None:
    with st.expander(tr("New user")), st.form("new-user", border=False, clear_on_submit=True):
        username = st.text_input(
            tr("User name"), max_chars=64, placeholder=tr("a to z, digits, dot, hyphen, underscore, @")
        )
        display_name = st.text_input(tr("Name as printed on reports"), max_chars=120)
        role = st.radio(
            tr("Role"), _ROLES, format_func=tr, captions=[tr(_ROLE_MEANINGS[role]) for role in Role], key="new-role"
        )
        if st.form_submit_button(tr("Create the account"), type="primary"):
            with page.errors_shown():
                user, password = session.services().users.create_user(actor, username, display_name, Role(role))
                look.one_time_password(user.username, password)


def _user(actor: Actor, user: User, two_steps: bool, teams: tuple[str, ...], *, administers: bool) -> None:
    described = _described(user, two_steps, teams)
    if not administers or user.id == actor.user_id:
        st.html(described)
    if user.id == actor.user_id:
        st.caption(tr("This is you. Your own password, sign-ins and second step are under My account."))
    elif administers:
        name, controls = st.columns([4, 1], vertical_alignment="center")
        name.html(described)
        _controls(actor, user, two_steps, controls, below=st.container())


def _described(user: User, two_steps: bool, teams: tuple[str, ...]) -> str:
    pills = [look.pill(tr("active"), "ok") if user.active else look.pill(tr("deactivated"), "neutral")]
    if user.locked_until is not None and user.locked_until > utc_now():
        pills.append(look.pill(tr("locked until {time}", time=session.shown_time(user.locked_until)), "wait"))
    if two_steps:
        pills.append(look.pill(tr("two-step sign-in"), "neutral"))
    facts = [user.username, tr(user.role.value)]
    if teams:
        facts.append(tr("teams: {names}", names=", ".join(teams)))
    if user.last_sign_in_at:
        facts.append(tr("last sign-in {time}", time=session.shown_time(user.last_sign_in_at)))
    else:
        facts.append(tr("never signed in"))
    if user.must_change_password and user.password_expires_at is not None:
        over = user.password_expires_at <= utc_now()
        until = session.shown_time(user.password_expires_at)
        facts.append(
            tr("the one-time password has expired") if over else tr("one-time password until {time}", time=until)
        )
    return (
        f"<b>{escape(user.display_name)}</b> &nbsp; {' '.join(pills)}<br>"
        f'<span class="fg-muted fg-small">{escape(" · ".join(facts))}</span>'
    )


def _controls(actor: Actor, user: User, two_steps: bool, place: DeltaGenerator, below: DeltaGenerator) -> None:
    users = session.services().users
    opened = f"manage-{user.id}"

    def close() -> None:
        """The next run draws another popover, which is closed and covers nothing."""
        session.forget(opened)

    with place.popover(tr("Manage"), key=f"{opened}-{session.keep(opened, new_id)}", width="stretch"):
        st.caption(tr("Each of these signs {name} out at once.", name=look.plain(user.display_name)))
        chosen = st.selectbox(
            tr("Role"), _ROLES, index=_ROLES.index(user.role.value), format_func=tr, key=f"chosen-{user.id}"
        )
        change_role = st.button(
            tr("Change the role"), key=f"role-{user.id}", disabled=chosen == user.role.value, width="stretch"
        )
        new_password = st.button(tr("New password"), key=f"password-{user.id}", on_click=close, width="stretch")
        reset = two_steps and st.button(
            tr("Switch two-step sign-in off"),
            key=f"totp-{user.id}",
            on_click=close,
            width="stretch",
            help=tr("For who lost the phone and the recovery codes. Make sure who is asking."),
        )
        change_active = st.button(
            tr("Deactivate") if user.active else tr("Activate"), key=f"active-{user.id}", width="stretch"
        )
    with below, page.errors_shown():
        if new_password:
            look.one_time_password(user.username, users.reset_password(actor, user.id))
        if change_role:
            users.set_role(actor, user.id, Role(chosen))
        if reset:
            users.reset_totp(actor, user.id)
        if change_active:
            users.set_active(actor, user.id, active=not user.active)
        if change_role or reset or change_active:
            st.rerun()


if __name__ == "__main__":
    page.run(Permission.READ_USERS, body)
