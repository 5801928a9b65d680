"""Drawings of the filming guide: plain SVG without words but for figures, so that it suits every language."""

from __future__ import annotations

import math
from html import escape

_INK = "#16262b"
_SOFT = "#4a5f66"
_FLOOR = "#dfe8ea"
_TEAL = "#0b6e75"
_PALE = "#cfe6e8"
_STOP = "#a3261a"
_HALF_FIELD = 0.69
"""Half the width of what a phone's main camera (26 mm) sees, as a share of the distance."""

_WALKER = (
    '<g transform="translate({x} {y}) scale({scale})" fill="{fill}" stroke="{fill}" stroke-linecap="round">'
    '<circle cx="0" cy="-92" r="8" stroke="none"/>'
    '<path d="M0 -82 L0 -48" stroke-width="13"/>'
    '<path d="M0 -76 L-13 -50 M0 -76 L14 -54" stroke-width="5" fill="none"/>'
    '<path d="M0 -46 L-12 -24 L-20 -2 M0 -46 L12 -25 L15 -2" stroke-width="7" fill="none"/>'
    '<path d="M-20 -1 L-11 -1 M15 -1 L24 -1" stroke-width="5"/></g>'
)
_CAMERA = (
    '<g transform="translate({x} {y}) rotate({turn})">'
    '<rect x="-13" y="-9" width="20" height="18" rx="3" fill="{fill}"/>'
    '<path d="M7 -5 L15 -10 L15 10 L7 5 Z" fill="{fill}"/></g>'
)
_TIP = '<path transform="translate({x} {y}) rotate({turn})" d="M2 0 L-11 -6 L-11 6 Z" fill="{fill}"/>'


def _svg(width: int, height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13">{content}</svg>'
    )


def _walker(x: float, y: float, scale: float = 1.0, fill: str = _INK) -> str:
    return _WALKER.format(x=x, y=y, scale=scale, fill=fill)


def _camera(x: float, y: float, turn: float = 0.0) -> str:
    return _CAMERA.format(x=x, y=y, turn=turn, fill=_TEAL)


def _arrow(x0: float, y0: float, x1: float, y1: float, *, both: bool = False) -> str:
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    tips = _TIP.format(x=x1, y=y1, turn=angle, fill=_SOFT)
    if both:
        tips += _TIP.format(x=x0, y=y0, turn=angle + 180, fill=_SOFT)
    return f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{_SOFT}" stroke-width="2"/>{tips}'


def _text(x: float, y: float, words: str, size: int = 13) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}" font-weight="600" fill="{_INK}">'
        f"{escape(words)}</text>"
    )


def from_the_side(*, distance: str, height: str) -> str:
    """The camera on its stand, the walker, what the camera sees from head to feet, distance and height."""
    content = (
        f'<rect x="0" y="178" width="520" height="6" fill="{_FLOOR}"/>'
        f'<path d="M86 112 L470 22 L470 178 L86 112 Z" fill="{_PALE}" opacity=".55"/>'
        f'<path d="M70 120 L56 178 M70 120 L84 178 M70 120 L70 178" stroke="{_SOFT}" stroke-width="3"/>'
        f"{_camera(72, 112)}{_walker(360, 178, 1.05)}"
        f"{_arrow(70, 206, 360, 206, both=True)}{_text(215, 226, distance)}"
        f"{_arrow(30, 112, 30, 178, both=True)}{_text(30, 100, height)}"
    )
    return _svg(520, 236, content)


_PLACES = {
    "front": ((300, 105), (70, 105), 0.0, (440, 105, 190, 105)),
    "back": ((300, 105), (70, 105), 0.0, (190, 105, 440, 105)),
    "side": ((260, 50), (260, 190), -90.0, (168, 50, 352, 50)),
    "oblique": ((300, 50), (165, 185), -45.0, (420, 50, 180, 50)),
}
"""Where the walker and the camera are, how the camera is turned, and where the walk begins and ends."""


def from_above(view: str) -> str:
    """The camera, the way of the walk and what the camera sees, from above.

    Args:
        view: "front", "back", "side" or "oblique".
    """
    (x, y), (camera_x, camera_y), turn, way = _PLACES[view]
    field = f"M{camera_x} {camera_y} l460 -{_HALF_FIELD * 460:.0f} l0 {_HALF_FIELD * 920:.0f} Z"
    content = (
        '<rect width="520" height="210" fill="#f5f8f9"/>'
        f'<g transform="rotate({turn} {camera_x} {camera_y})"><path d="{field}" fill="{_PALE}" opacity=".5"/></g>'
        f"{_arrow(*way)}{_camera(camera_x, camera_y, turn)}"
        f'<ellipse cx="{x}" cy="{y}" rx="13" ry="20" fill="{_INK}"/>'
        f'<circle cx="{x}" cy="{y}" r="9" fill="#e9c9a8"/>'
    )
    return _svg(520, 210, content)


def framing(kind: str) -> str:
    """A picture as the camera takes it: a good one, or one that is refused or warned about.

    Args:
        kind: "good", "feet", "far", "hidden", "dark" or "moving".
    """
    good = kind == "good"
    line = _TEAL if good else _STOP
    fill = "#3b464a" if kind == "dark" else "#eef3f4"
    body = {
        "good": _walker(120, 118, 0.98),
        "feet": _walker(120, 172, 1.6),
        "far": _walker(120, 104, 0.26),
        "hidden": _walker(120, 118, 0.98) + f'<rect x="70" y="72" width="100" height="64" fill="{_SOFT}"/>',
        "dark": _walker(120, 118, 0.98, "#525d61"),
        "moving": "".join(_walker(111 + 9 * n, 114 + 4 * n, 0.98, f"rgba(22,38,43,.{3 + n})") for n in range(3)),
    }[kind]
    mark = (
        f'<path d="M212 14 L220 23 L233 6" fill="none" stroke="{_TEAL}" stroke-width="5"/>'
        if good
        else f'<path d="M214 6 L231 23 M231 6 L214 23" fill="none" stroke="{_STOP}" stroke-width="5"/>'
    )
    content = (
        '<svg x="0" y="0" width="240" height="136" viewBox="0 0 240 136">'
        f'<rect width="240" height="136" fill="{fill}"/>'
        f'<rect y="118" width="240" height="18" fill="#c9d5d8" opacity=".6"/>{body}</svg>'
        f'<rect x="2" y="2" width="236" height="132" rx="5" fill="none" stroke="{line}" stroke-width="4"/>'
        f'<circle cx="222" cy="15" r="16" fill="#fff"/>{mark}'
    )
    return _svg(240, 136, content)
