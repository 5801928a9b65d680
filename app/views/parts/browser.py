"""Two small pieces that run in the browser: leaving the page, and the uploader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from app.views.parts.words import tr

_FOLDER = Path(__file__).parent
_LEAVE_JS = """
export default function(component) {
  window.location.replace(component.data.to);
}
"""
_leave: Any = component("fgait_leave", html="<span></span>", js=_LEAVE_JS)
_uploader: Any = component(
    "fgait_uploader",
    html=(_FOLDER / "uploader.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "uploader.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "uploader.js").read_text(encoding="utf-8"),
)


def leave(path: str, words: str) -> None:
    """Leaves the pages for a plain route; the words stay for a browser that does not follow."""
    st.info(words)
    _leave(data={"to": path}, key=f"leave-{path}", height=1)


def uploader(*, url: str, headers: dict[str, str], file_name_header: str, max_bytes: int, key: str) -> tuple[str, ...]:
    """An area for videos, each with its progress; files go to the streaming route, not through this page.

    On a phone or tablet a second button opens the device's own camera.

    Args:
        url: route that takes a file by PUT.
        headers: sent with it.
        file_name_header: header that carries the percent-encoded file name.
        max_bytes: refused by the browser already; the route enforces it too.
        key: of the widget.

    Returns:
        The ids of the recordings stored since the page was opened, oldest first.
    """
    data: dict[str, Any] = {
        "url": url,
        "headers": headers,
        "file_name_header": file_name_header,
        "max_bytes": max_bytes,
        "texts": _uploader_texts(),
    }
    result = _uploader(data=data, key=key, default={"stored": []}, on_stored_change=lambda: None)
    return tuple(result.stored or ())


def _uploader_texts() -> dict[str, str]:
    """The words of the uploader; the browser fills in what stands in braces."""
    return {
        "title": tr("Drop walking videos here"),
        "hint": tr(
            "MP4, MOV, MKV, AVI or WebM, up to {limit} MB, up to 60 minutes each. A walk of 10 seconds is enough."
        ),
        "choose": tr("Choose videos"),
        "camera": tr("Film with this device"),
        "stop": tr("Stop"),
        "again": tr("Try again"),
        "dismiss": tr("Dismiss"),
        "upload": tr("Upload"),
        "waiting": tr("Waiting"),
        "storing": tr("Storing…"),
        "sent": tr("{done} of {total} MB"),
        "summary": tr("{done} of {total} videos are stored. Keep this page open until all are."),
        "empty": tr("The file is empty. Please choose the video again."),
        "too_large": tr(
            "The video has {size} MB; this installation takes up to {limit} MB. Film a shorter walk, or choose 1080p "
            "on the camera."
        ),
        "refused": tr("The upload was refused ({status}). Please try again."),
        "broke_off": tr("The upload broke off. Check the connection and try again; nothing of it was stored."),
        "no_file": tr("Please drop video files."),
    }
