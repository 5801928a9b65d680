"""The frame of every page: the permission first, and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.views.parts import browser, links
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ClinicDataError


def run(permission: Permission, body: Callable[[Actor], None]) -> None:
    """Shows a page to who may see it.

    Args:
        permission: what the page needs.
        body: draws the page.
    """
    actor = session.signed_in_actor()
    if actor is None:
        browser.leave("/sign-in?why=expired", tr("Your session has ended. Please sign in again."))
        return
    if not may(actor, permission):
        st.title(tr("Not for your role"))
        st.error(
            tr(
                "Your role ({role}) does not allow you to {permission}.",
                role=tr(actor.role.value),
                permission=tr(permission.value),
            )
        )
        links.link(links.start_page(actor), tr("Go to your start page"))
        return
    try:
        body(actor)
    except ClinicDataError as error:
        st.error(tr_error(error))


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows an error that is meant for the user, and goes on."""
    try:
        yield
    except ClinicDataError as error:
        st.error(tr_error(error))


def missing(what: str, page: str = links.PATIENTS, label: str = "") -> None:
    """The state of a page whose address names nothing.

    Args:
        what: it should name: "patient", "assessment" or "screening"; other words stay English.
        page: where one can be chosen.
        label: of the link to it.
    """
    sentences = {
        "patient": tr("This address names no patient."),
        "assessment": tr("This address names no assessment."),
        "screening": tr("This address names no screening."),
    }
    st.title(tr("Nothing chosen"))
    st.info(sentences.get(what) or tr("This address names no {what}.", what=what))
    links.link(page, label or tr("Go to the patients"))


def pager(total: int, limit: int, key: str) -> int:
    """Buttons through a long list, drawn where the list is longer than a page.

    Returns:
        How many rows to skip.
    """
    pages = max(1, -(-total // limit))
    if pages == 1:
        return 0
    number = st.number_input(
        tr("Page (of {pages})", pages=pages), min_value=1, max_value=pages, value=1, step=1, key=key, width=160
    )
    return (int(number) - 1) * limit
