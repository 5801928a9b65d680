"""Fixtures: golden values, and networks with the weights of the golden rule."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def golden_rule() -> ModuleType:
    specification = importlib.util.spec_from_file_location("golden_rule", GOLDEN / "golden_rule.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden_step(golden_dir: Path) -> dict[str, np.ndarray]:
    """One published step of pre-training."""
    with np.load(golden_dir / "golden_train_tiny.npz") as stored:
        return dict(stored)
