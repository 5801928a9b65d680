"""The browser's session: the only file that touches `st.session_state` and `st.cache_resource`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from babel.dates import format_skeleton

from app.gateway.cookies import CSRF_COOKIE, SESSION_COOKIE, connect_mark
from app.gateway.guard import ELSEWHERE_PATH
from app.gateway.language import LANGUAGE_COOKIE, chosen_language
from app.gateway.origin import session_mark
from app.services.catalogue import Services
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data import audit

ValueT = TypeVar("ValueT")
_LOCALES = {"en": "en_GB", "zh": "zh_CN", "ar": "ar_AE"}


@st.cache_resource(show_spinner=False)
def opened_services() -> Services:
    """What `services` gives; kept for the whole process."""
    return Services.open(Settings())


def services() -> Services:
    """The services of this process, shared by all sessions; they hold no user.

    Whoever asks for them is about to do something: from here on this thread's audit rows tell from where.
    """
    audit.origin.set(_here())
    return opened_services()


def _here() -> audit.Origin:
    # The framework keeps quiet about its own computer.
    return audit.Origin(str(st.context.ip_address or "127.0.0.1"), session_mark(str(token() or "")))


def bound(make: Callable[[], ValueT]) -> Callable[[], ValueT]:
    """`make`, for a thread that knows no session, so that the audit trail still knows from where it was asked for.

    Args:
        make: makes a download; who asks must be read from a token.
    """
    here = _here()

    def made() -> ValueT:
        before = audit.origin.set(here)
        try:
            return make()
        finally:
            audit.origin.reset(before)

    return made


def token() -> str | None:
    """The session token that the browser sent when it opened this page."""
    return st.context.cookies.get(SESSION_COOKIE)


def csrf_token() -> str:
    """The double-submit token, for the uploader's requests."""
    return st.context.cookies.get(CSRF_COOKIE) or ""


def way_to_connect() -> str:
    """The address that connects the signed-in account with one elsewhere; it works in this session only."""
    return f"{ELSEWHERE_PATH}?connect={connect_mark(token())}"


def language() -> str:
    """The language in which this browser wants to read."""
    return chosen_language(st.context.cookies.get(LANGUAGE_COOKIE), st.context.locale)


def signed_in_actor(*, touch: bool = True) -> Actor | None:
    """Who is signed in right now, by the database.

    Args:
        touch: False in code that runs by itself, which must not keep a session alive.
    """
    return services().accounts.actor_of(token(), touch=touch)


def keep(name: str, make: Callable[[], ValueT]) -> ValueT:
    """The value that was made when `name` was first asked for, until `forget`."""
    key = f"kept:{name}"
    if key not in st.session_state:
        st.session_state[key] = make()
    return st.session_state[key]


def kept(name: str) -> Any:
    """What `keep` holds under `name`, or None."""
    return st.session_state.get(f"kept:{name}")


def forget(name: str) -> None:
    """Drops what `keep` holds under `name`."""
    st.session_state.pop(f"kept:{name}", None)


def put_notice(text: str) -> None:
    """A message that the next page shows once."""
    st.session_state["notice"] = text


def take_notice() -> str:
    """The message of `put_notice`, once."""
    return st.session_state.pop("notice", "")


def value_of(key: str, default: Any = None) -> Any:
    """The value of a widget by its key."""
    return st.session_state.get(key, default)


def _zone() -> ZoneInfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def begin_of(day: date) -> datetime:
    """The first moment of a day by the user's own clock."""
    return datetime.combine(day, time.min, tzinfo=_zone())


def shown_time(moment: datetime | None) -> str:
    """A time as the user's own clock shows it."""
    if moment is None:
        return "–"
    local, locale = moment.astimezone(_zone()), _LOCALES[language()]
    return ", ".join(format_skeleton(parts, local, locale=locale) for parts in ("yMMMd", "Hm"))
