"""Rules of the house that the linters do not know."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "fgait_core", "clinic_data", "reports")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
REPLACES_TORCH = {
    "torchvision",
    "torchaudio",
    "timm",
    "lightly",
    "litdata",
    "mosaicml-streaming",
    "lightning",
    "triton",
}


def _constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_torch_is_pinned_and_nothing_replaces_it():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert "torch==2.13.0" in declared
    assert _constraints()["torch"] == "2.13.0"
    assert not REPLACES_TORCH & set(_constraints())
    assert not [name for name in _constraints() if name.startswith(("nvidia-", "cuda-"))]


def test_nothing_in_app_shadows_a_package():
    taken = set(sys.stdlib_module_names) | {"reports", "clinic_data", "fgait_core", "tests"}
    taken |= {name.replace("-", "_").lower() for name in _constraints()}
    assert not {path.stem for path in (ROOT / "app").iterdir()} & taken


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_keeps_the_rules(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert not re.search(r"\.cuda\(|\bimport pickle\b|\bTODO\b|\bFIXME\b|NotImplementedError", text)
    assert path.stem not in {"utils", "helpers", "common", "manager", "engine"}


@pytest.mark.parametrize(
    "module", ["app.asgi", "app.main", "app.services.screening", "clinic_data.database", "reports.pdf"]
)
def test_web_process_does_not_load_torch(module: str, tmp_path: Path):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True, env=_environment(tmp_path))


def test_command_line_starts_without_torch(tmp_path: Path):
    code = "import sys, app.cli; from fgait_core import cli; cli.build(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=_environment(tmp_path))


def _environment(tmp_path: Path) -> dict[str, str]:
    import os

    return os.environ | {"FGAIT_DATA_DIR": str(tmp_path)}
