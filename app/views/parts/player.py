"""The player: the clip with the outline, wound by the phase of a stride, over a strip of silhouettes."""

from __future__ import annotations

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component

from app.services.walk_view import SHEET_COLUMNS, Stride, WalkView
from app.views.parts.words import reading_direction, tr

_FOLDER = Path(__file__).parent
_player: Any = component(
    "fgait_player",
    html=(_FOLDER / "player.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "player.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "player.js").read_text(encoding="utf-8"),
)


def show(walk: WalkView, url: str, *, key: str, group: str = "") -> None:
    """Draws a player.

    Args:
        walk: strides and silhouettes.
        url: of the overlay clip; empty where there is none, which leaves the silhouettes.
        key: of the widget.
        group: players of one group show the same phase of the gait cycle; empty: alone.
    """
    data: dict[str, Any] = {
        "name": key,
        "group": group,
        "url": url,
        "direction": reading_direction(),
        "strides": [asdict(stride) | {"name": _name(stride)} for stride in walk.strides],
        "first_stride": len(walk.strides) // 2,
        "tiles": [list(row) for row in walk.tiles],
        "tile_times_s": list(walk.tile_times_s),
        "sheet": "data:image/png;base64," + base64.b64encode(walk.sheet_png).decode(),
        "columns": SHEET_COLUMNS,
        "words": _words(),
    }
    _player(data=data, key=key)


def _name(stride: Stride) -> str:
    begins, ends = f"{max(stride.start_s, 0):.2f}", f"{stride.end_s:.2f}"
    if stride.foot == "left":
        return tr("left foot, {begins} to {ends} s", begins=begins, ends=ends)
    return tr("right foot, {begins} to {ends} s", begins=begins, ends=ends)


def _words() -> dict[str, str]:
    """The player's texts; `{percent}` is filled in by the browser."""
    return {
        "previous": tr("Previous stride"),
        "next": tr("Next stride"),
        "repeat": tr("Repeat this stride"),
        "stride": tr("Stride:"),
        "speed": tr("Speed:"),
        "cycle": tr("Gait cycle, from heel strike to heel strike"),
        "clip": tr("The whole walk"),
        "video": tr("The recording with the outline of the chosen person"),
        "broken": tr("Your browser cannot play this clip."),
        "at_phase": tr("{percent} % of the gait cycle"),
        "at_clip": tr("{percent} % of the walk"),
        "go_to": tr("Go to {percent} %"),
        "left_bar": tr("left foot on the ground"),
        "right_bar": tr("right foot on the ground"),
        "left_down": tr("left foot on the ground"),
        "right_down": tr("right foot on the ground"),
        "left_up": tr("left foot in the air"),
        "right_up": tr("right foot in the air"),
    }
