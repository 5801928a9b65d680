"""Fonts are found where they should be, and a missing one is named with its package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reports import fonts


def test_a_missing_font_names_the_package_and_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "SYSTEM_FONT_DIR", tmp_path)
    monkeypatch.delenv(fonts.FONT_DIR_VARIABLE, raising=False)
    with pytest.raises(fonts.FontError, match=r"DejaVuSans\.ttf.*fonts-dejavu-core.*FGAIT_FONT_DIR"):
        fonts.load_fonts()


def test_a_missing_han_font_names_its_own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        shutil.copy(next(Path("/usr/share/fonts").rglob(name)), tmp_path / name)
    monkeypatch.setattr(fonts, "SYSTEM_FONT_DIR", tmp_path)
    with pytest.raises(fonts.FontError, match="fonts-wqy-zenhei"):
        fonts.load_fonts()


def test_a_chosen_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"this is no font")
    monkeypatch.setenv(fonts.FONT_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(fonts.FontError, match="cannot be read"):
        fonts.load_fonts()
