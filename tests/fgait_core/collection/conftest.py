"""Fixtures: a folder with made-up recordings, and stand-ins for what is made of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def stand_ins() -> ModuleType:
    """Under its own name, by which workers import it, too."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module("collection_stand_ins")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six files that are called like videos, in folders."""
    folder = tmp_path / "clinic"
    for name in ("a.mp4", "b.MOV", "ward 1/a.mp4", "ward 1/ä?.avi", "ward 2/deep/c.mkv", "ward 2/d.webm"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (folder / "notes.txt").write_text("no video")
    (folder / "._a.mp4").write_text("left by another system")
    return folder
