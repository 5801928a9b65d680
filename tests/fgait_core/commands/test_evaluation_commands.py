"""`fgait evaluate` and `fgait compare` on the command line: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fgait_core.cli import build
from fgait_core.errors import ConfigError

GOLDEN = Path(__file__).parents[2] / "golden"


def fgait(*arguments: object) -> str:
    result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def embeddings(tmp_path: Path) -> Path:
    """Golden embeddings as a researcher would bring them."""
    with np.load(GOLDEN / "golden_metric_gait3d.npz") as golden:
        arrays = {each: golden[each] for each in ("embeddings", "types", "views", "probe_set")}
        np.savez(tmp_path / "gait3d.npz", persons=golden["labels"], simulated=True, **arrays)
    return tmp_path / "gait3d.npz"


def test_measures_are_printed_as_json(embeddings: Path) -> None:
    printed = json.loads(fgait("evaluate", embeddings, "--protocol", "gait3d"))
    assert printed["protocol"]["summary"]["rank-1"] == pytest.approx(14 / 55 * 100)
    assert printed["simulated"] is True
    cosine = json.loads(fgait("evaluate", embeddings, "--protocol", "gait3d", "--distance", "cosine"))
    assert cosine["protocol"]["summary"] != printed["protocol"]["summary"]
    again = json.loads(fgait("evaluate", embeddings, "--protocol", "gait3d", "--rerank"))
    assert again["protocol"]["reranked"] is True
    assert again["protocol"]["summary"] != printed["protocol"]["summary"]


def test_a_folder_gets_tables_and_is_compared(embeddings: Path, tmp_path: Path) -> None:
    said = fgait("evaluate", embeddings, "--protocol", "gait3d", "--out", tmp_path / "out")
    assert "Gait3D" in said
    assert "SIMULATED DATA" in said
    assert "25.45" in said
    assert (tmp_path / "out" / "cumulative_match.png").exists()
    compared = fgait("compare", tmp_path / "out", tmp_path / "out" / "metrics.json", "--metric", "gait3d rank-1")
    assert compared.count("25.45") == 2
    assert "(simulated)" in compared


def test_wrong_usage_says_what_to_do(embeddings: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no protocol 'gait'; known ones: casiab, .*hid_submission"):
        fgait("evaluate", embeddings, "--protocol", "gait")
    with pytest.raises(ConfigError, match="no re-ranking"):
        fgait("evaluate", embeddings, "--protocol", "any", "--rerank")
    with pytest.raises(ConfigError, match="No types of these data fit the protocol casiab"):
        fgait("evaluate", embeddings, "--protocol", "casiab")
    with pytest.raises(ConfigError, match="is no readable metrics"):
        fgait("compare", tmp_path)
    with pytest.raises(SystemExit):
        fgait("evaluate", embeddings, "--protocol", "any", "--layer", "encoder")
