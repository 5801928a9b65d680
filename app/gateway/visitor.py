"""Who is at the other end of a connection.

The address is the one of the connection. Behind a proxy the server puts the client's there (`FGAIT_TRUSTED_PROXIES`);
a header of somebody who is no such proxy is never believed.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from app.services.visitor import Visitor

_MAX_LENGTH = 200


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Address and browser of a connection."""
    address = connection.client.host if connection.client is not None else ""
    return Visitor(address[:64], connection.headers.get("user-agent", "")[:_MAX_LENGTH])
