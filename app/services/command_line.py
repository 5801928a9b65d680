"""From where a command comes that somebody gives on the server itself."""

from __future__ import annotations

import getpass
import os
import socket

from clinic_data.audit import Origin


def command_line_origin() -> Origin:
    """The account of the operating system and the computer, for the audit trail."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        account = str(os.getuid())
    return Origin(f"command line {account}@{socket.gethostname()}")
