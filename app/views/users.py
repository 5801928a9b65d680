"""Accounts: create, deactivate, give a new one-time password, change the role."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import look, page
from app.views.parts.words import tr
from clinic_data.tables import Role, User

_ROLES = [role.value for role in Role]


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Users"))
    _new_user(actor)
    for user in session.services().users.list_users(actor):
        _user(actor, user)


def _new_user(actor: Actor) -> None:
    with st.expander(tr("New user")), st.form("new-user", border=False, clear_on_submit=True):
        username = st.text_input(
            tr("User name"), max_chars=64, placeholder=tr("a to z, digits, dot, hyphen, underscore, @")
        )
        display_name = st.text_input(tr("Name as printed on reports"), max_chars=120)
        role = st.selectbox(tr("Role"), _ROLES, format_func=tr)
        if st.form_submit_button(tr("Create the account"), type="primary"):
            with page.errors_shown():
                user, password = session.services().users.create_user(actor, username, display_name, Role(role))
                look.one_time_password(user.username, password)


def _user(actor: Actor, user: User) -> None:
    state = (tr("active"), "ok") if user.active else (tr("deactivated"), "neutral")
    with st.container(border=True):
        name, controls = st.columns([2, 3], vertical_alignment="center")
        seen = tr("never signed in")
        if user.last_sign_in_at:
            seen = tr("last sign-in {time}", time=session.shown_time(user.last_sign_in_at))
        name.html(
            f"<b>{escape(user.display_name)}</b> &nbsp; {look.pill(*state)}<br>"
            f'<span class="fg-muted fg-small">{escape(f"{user.username} · {tr(user.role.value)} · {seen}")}</span>'
        )
        if user.id == actor.user_id:
            controls.caption(tr("This is you. Your password is changed with the link in the side bar."))
            return
        with controls.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            _controls(actor, user)


def _controls(actor: Actor, user: User) -> None:
    users = session.services().users
    other = Role.CLINICIAN if user.role is Role.ADMINISTRATOR else Role.ADMINISTRATOR
    if st.button(tr("Make {role}", role=tr(other.value)), key=f"role-{user.id}"):
        with page.errors_shown():
            users.set_role(actor, user.id, other)
            st.rerun()
    if st.button(tr("New password"), key=f"password-{user.id}"):
        with page.errors_shown():
            look.one_time_password(user.username, users.reset_password(actor, user.id))
    if st.button(tr("Deactivate") if user.active else tr("Activate"), key=f"active-{user.id}"):
        with page.errors_shown():
            users.set_active(actor, user.id, active=not user.active)
            st.rerun()


if __name__ == "__main__":
    page.run(Permission.MANAGE_USERS, body)
