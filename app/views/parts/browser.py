"""Two small pieces that run in the browser: leaving the page, and the uploader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

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


def uploader(*, url: str, headers: dict[str, str], file_name_header: str, max_bytes: int, key: str) -> str | None:
    """An area for one video, with progress; the file goes to the streaming route, not through this page.

    Args:
        url: route that takes the file by PUT.
        headers: sent with it.
        file_name_header: header that carries the percent-encoded file name.
        max_bytes: refused by the browser already; the route enforces it too.
        key: of the widget.

    Returns:
        The id of the stored recording once the upload is complete.
    """
    data: dict[str, Any] = {
        "url": url,
        "headers": headers,
        "file_name_header": file_name_header,
        "max_bytes": max_bytes,
    }
    result = _uploader(data=data, key=key, on_recording_change=lambda: None)
    return result.recording
