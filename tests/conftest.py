"""What tests of several packages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fgait_core.assets import fetch_asset

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def sample_video() -> Path:
    """The real walking video that the product offers as its sample."""
    return fetch_asset("sample_video")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first: a long one that begins last would keep one core busy and the others idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
