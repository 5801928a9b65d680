"""Unexpected faults: the details go to the log, the user gets a number to quote."""

from __future__ import annotations

import logging
import secrets

_log = logging.getLogger("app.incidents")


def log_incident(error: BaseException) -> str:
    """Logs a fault with its traceback and returns the short number under which it can be found."""
    incident = secrets.token_hex(4)
    _log.error("Incident %s: %s", incident, type(error).__name__, exc_info=error)
    return incident
