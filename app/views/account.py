"""My account: password, two-step sign-in, and where one is signed in."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.own_account import OwnSession, TwoStepState
from app.services.permissions import Actor, Permission
from app.views.parts import browser, links, look, page
from app.views.parts.words import tr
from clinic_data.account_tables import ExternalIdentity


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("My account"))
    look.facts(
        [
            (tr("Name"), actor.display_name),
            (tr("User name"), actor.username),
            (tr("Role"), tr(actor.role.value)),
        ]
    )
    st.subheader(tr("Password"))
    _way("/change-password", tr("Change password"))
    _two_steps(session.services().own_accounts.two_step_state(actor))
    _elsewhere(actor)
    _sessions(actor)


def _two_steps(state: TwoStepState) -> None:
    st.subheader(tr("Two-step sign-in"))
    if not state.on:
        st.write(
            tr(
                "Sign-in asks for your password only. With an authenticator app on your phone it also asks for a code, "
                "so that a password that somebody saw opens nothing."
            )
        )
        _way("/two-step", tr("Switch two-step sign-in on"))
        return
    st.write(tr("On: sign-in also asks for a code of your authenticator app."))
    if state.codes_left < 3:
        st.warning(tr("Recovery codes left: {left}. Make new ones before you need them.", left=state.codes_left))
    else:
        st.caption(tr("Recovery codes left: {left}", left=state.codes_left))
    _way("/two-step", tr("New recovery codes, or switch it off"))


def _elsewhere(actor: Actor) -> None:
    """The identities at the organisation's own service; nothing where there is no such service."""
    service = session.services().external_sign_in
    if not service.offered:
        return
    st.subheader(tr("Sign-in elsewhere"))
    told = links.asked_for("connected")
    if told == "yes":
        st.success(tr("Your account is connected. From now on you may sign in there."))
    elif told == "no":
        st.error(tr("Your account was not connected: this identity may be connected with another account."))
    found = service.identities(actor)
    if not found:
        st.write(tr("Connect your account with the one at your organisation to sign in without this password."))
    for identity in found:
        with st.container(border=True):
            _identity(actor, identity)
    _way(session.way_to_connect(), tr("Connect an account"))


def _identity(actor: Actor, identity: ExternalIdentity) -> None:
    words, control = st.columns([4, 1], vertical_alignment="center")
    times = tr(
        "connected {begin} · last used {used}",
        begin=session.shown_time(identity.created_at),
        used=session.shown_time(identity.last_used_at),
    )
    words.html(f'<b><bdi>{escape(identity.issuer)}</bdi></b><br><span class="fg-muted fg-small">{escape(times)}</span>')
    with control.popover(tr("Disconnect"), key=f"disconnect-{identity.id}", width="stretch"):
        st.write(tr("You sign in with your password alone from then on."))
        if st.button(tr("Disconnect it"), key=f"disconnect-yes-{identity.id}", type="primary", width="stretch"):
            with page.errors_shown():
                session.services().external_sign_in.disconnect(actor, identity.id)
                st.rerun()


def _way(path: str, words: str) -> None:
    """A link to a plain route: it leaves the pages, and the browser gets a new session there."""
    st.html(f'<a class="fg-link" href="{path}" target="_self">{escape(words)}</a>')


def _sessions(actor: Actor) -> None:
    st.subheader(tr("Where you are signed in"))
    st.caption(tr("A sign-in ends by itself after 30 minutes without use, and after 12 hours in any case."))
    for found in session.services().own_accounts.sessions(actor, session.token()):
        with st.container(border=True):
            _session(actor, found)
    with st.popover(tr("Sign out everywhere"), key="everywhere"):
        st.write(tr("You are signed out in all browsers, this one too."))
        if st.button(tr("Sign me out everywhere"), type="primary", key="everywhere-yes", width="stretch"):
            session.services().own_accounts.sign_out_everywhere(actor)
            browser.leave("/sign-in?why=signed-out", tr("You are signed out."))
            st.stop()


def _session(actor: Actor, found: OwnSession) -> None:
    words, control = st.columns([4, 1], vertical_alignment="center")
    here = look.pill(tr("this browser"), "ok") if found.current else ""
    times = tr(
        "signed in {begin} · last used {used}",
        begin=session.shown_time(found.created_at),
        used=session.shown_time(found.last_seen_at),
    )
    words.html(
        f"<b>{escape(found.browser or tr('unknown browser'))}</b> &nbsp; {here}<br>"
        f'<span class="fg-muted fg-small"><bdi>{escape(found.address or tr("unknown address"))}</bdi>'
        f" · {escape(times)}</span>"
    )
    if found.current:
        return
    with control:
        ended = st.button(tr("End"), key=f"end-{found.id}", help=tr("Signs this browser out"), width="stretch")
    if ended:
        with page.errors_shown():
            session.services().own_accounts.end_session(actor, found.id)
            st.rerun()


if __name__ == "__main__":
    page.run(Permission.OWN_ACCOUNT, body)
