"""The frame of every page: the permission first, and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission, may
from app.views.parts import browser, links
from clinic_data.errors import ClinicDataError


def run(permission: Permission, body: Callable[[Actor], None]) -> None:
    """Shows a page to who may see it.

    Args:
        permission: what the page needs.
        body: draws the page.
    """
    actor = session.signed_in_actor()
    if actor is None:
        browser.leave("/sign-in?why=expired", "Your session has ended. Please sign in again.")
        return
    if not may(actor, permission):
        st.title("Not for your role")
        st.error(f"Your role ({actor.role.value}) does not allow you to {permission.value}.")
        links.link(links.PATIENTS if may(actor, Permission.READ_PATIENTS) else links.USERS, "Go to your start page")
        return
    try:
        body(actor)
    except ClinicDataError as error:
        st.error(str(error))


@contextmanager
def errors_shown() -> Iterator[None]:
    """Shows an error that is meant for the user, and goes on."""
    try:
        yield
    except ClinicDataError as error:
        st.error(str(error))


def missing(what: str, page: str = links.PATIENTS, label: str = "Go to the patients") -> None:
    """The state of a page whose address names nothing.

    Args:
        what: it should name.
        page: where one can be chosen.
        label: of the link to it.
    """
    st.title("Nothing chosen")
    st.info(f"This address names no {what}.")
    links.link(page, label)


def pager(total: int, limit: int, key: str) -> int:
    """Buttons through a long list, drawn where the list is longer than a page.

    Returns:
        How many rows to skip.
    """
    pages = max(1, -(-total // limit))
    if pages == 1:
        return 0
    number = st.number_input(f"Page (of {pages})", min_value=1, max_value=pages, value=1, step=1, key=key, width=160)
    return (int(number) - 1) * limit
