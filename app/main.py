"""The script of the pages: who is signed in decides which pages there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.views.parts import browser, links, look
from app.views.parts.words import tr

_PARTS = Path(__file__).parent / "views" / "parts"


def main() -> None:
    """Runs the page that the address names."""
    st.set_page_config(page_title="FGait", page_icon=str(_PARTS / "icon.svg"), layout="wide", initial_sidebar_state=230)
    st.logo(_PARTS / "logo.svg", size="large", icon_image=_PARTS / "icon.svg")
    look.add_style()
    actor = session.signed_in_actor()
    if actor is None or actor.has_more_to_do:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        st.stop()
    page = st.navigation(_pages(actor), position="sidebar")
    _sidebar(actor)
    _watch_session()
    notice = session.take_notice()
    if notice:
        st.toast(notice)
    page.run()


def _pages(actor: Actor) -> list[st.Page]:
    """All pages; those of another role are hidden, and each page checks the permission itself."""
    clinician = may(actor, Permission.READ_PATIENTS)
    administrator = may(actor, Permission.MANAGE_USERS)
    auditor = not clinician and not administrator

    def page(path: str, title: str, *, shown: bool, default: bool = False) -> st.Page:
        return st.Page(path, title=title, default=default, visibility="visible" if shown else "hidden")

    return [
        page(links.PATIENTS, tr("Patients"), shown=clinician, default=clinician),
        page(links.BATCH, tr("Batch"), shown=clinician),
        page(links.FILMING_GUIDE, tr("Filming guide"), shown=clinician),
        page(links.PATIENT, tr("Patient"), shown=False),
        page(links.PATIENT_FORM, tr("Patient data"), shown=False),
        page(links.FOLLOW_UP, tr("Follow-up"), shown=False),
        page(links.NEW_ASSESSMENT, tr("New assessment"), shown=False),
        page(links.PROGRESS, tr("Screening"), shown=False),
        page(links.RESULT, tr("Result"), shown=False),
        page(links.MOVE_VISIT, tr("Move a visit"), shown=False),
        page(links.USERS, tr("Users"), shown=may(actor, Permission.READ_USERS), default=administrator),
        page(links.TEAMS, tr("Teams"), shown=may(actor, Permission.READ_USERS)),
        page(links.EMERGENCIES, tr("Emergency access"), shown=may(actor, Permission.READ_AUDIT)),
        page(links.CLINIC, tr("Clinic"), shown=administrator),
        page(links.RETRAINING, tr("Retraining"), shown=administrator),
        page(links.RETRAINING_RUN, tr("Retraining run"), shown=False),
        page(links.MODELS, tr("Models"), shown=administrator),
        page(links.MODEL, tr("Model version"), shown=False),
        page(links.MONITORING, tr("Monitoring"), shown=may(actor, Permission.READ_MONITORING)),
        page(links.JOBS, tr("Jobs"), shown=administrator),
        page(links.AUDIT, tr("Audit log"), shown=may(actor, Permission.READ_AUDIT), default=auditor),
        page(links.PRIVACY, tr("Privacy"), shown=may(actor, Permission.READ_PRIVACY)),
        page(links.ACCOUNT, tr("My account"), shown=True),
        page(links.ABOUT, tr("About this tool"), shown=True),
    ]


def _sidebar(actor: Actor) -> None:
    with st.sidebar:
        look.who_is_signed_in(actor)
        look.choice_of_language()
        if st.button(tr("Sign out"), key="sign-out", width="stretch"):
            session.services().accounts.sign_out(session.token())
            browser.leave("/sign-in?why=signed-out", tr("You are signed out."))
            st.stop()


@st.fragment(run_every=30)
def _watch_session() -> None:
    """Takes the page off the screen once the session has ended, also where nobody touches it."""
    if session.signed_in_actor(touch=False) is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))


if __name__ == "__main__":
    main()
