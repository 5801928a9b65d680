"""From where somebody signs in."""

from __future__ import annotations

from dataclasses import dataclass

# The first that is found counts: most browsers name others, too.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser in front of the clinic.

    Attributes:
        address: its IP address; empty for the server's own command line.
        user_agent: how it calls itself, at most 200 characters are kept.
    """

    address: str = ""
    user_agent: str = ""


HERE = Visitor()
"""The server itself."""


def browser_name(user_agent: str) -> str:
    """A browser and its system in two words, as far as they are known: "Firefox, Windows"; or an empty text."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(part for part in (browser, system) if part)
