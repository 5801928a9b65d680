"""Every configuration of the project loads, and a wrong one says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fgait_core.config import (
    FinetuneConfig,
    PretrainConfig,
    ProbeConfig,
    RetrainConfig,
    RetrainingStudyConfig,
    ScalingConfig,
    load_config,
    save_config,
)
from fgait_core.errors import ConfigError
from fgait_core.recipes.pretrain import build_backbone

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KINDS = {
    "pretrain": PretrainConfig,
    "finetune": FinetuneConfig,
    "probe": ProbeConfig,
    "scaling": ScalingConfig,
    "retrain": RetrainConfig,
    "retraining_study": RetrainingStudyConfig,
}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_configuration_loads(path: Path, tmp_path: Path) -> None:
    config = load_config(path, KINDS[yaml.safe_load(path.read_text())["kind"]])
    save_config(tmp_path / "copy.yaml", config)
    assert load_config(tmp_path / "copy.yaml", type(config)) == config
    if isinstance(config, PretrainConfig | FinetuneConfig):
        build_backbone(config)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"learning_rat": 0.1}, r"fit: learning_rat is no known name \(is learning_rate meant\?\)\."),
        ({"reproduce": {"double_statistics": True}}, "fit: reproduce.double_statistics needs"),
        ({"batch": 60}, "even number of sequences"),
        ({"iterations": 0}, "iterations"),
        ({"clip": {"frames": 12, "step": 2}}, r"clip\.step is no known name\."),
        ({"augmentation": {"flip": 1.5}}, r"augmentation\.flip"),
        ({"kind": "finetune"}, "is for `fgait finetune`; one for `fgait pretrain` is needed"),
        ({"kind": "training"}, "kind: Input should be 'pretrain'"),
    ],
)
def test_wrong_values_are_named(change: dict, problem: str, tmp_path: Path) -> None:
    content = yaml.safe_load((CONFIGS / "pretrain_bundled.yaml").read_text()) | change
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=problem):
        load_config(tmp_path / "wrong.yaml", PretrainConfig)


@pytest.mark.parametrize("text", ["just words", "- a\n- b", "a: [1", ""])
def test_files_that_are_no_configuration(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config(tmp_path / "odd.yaml", PretrainConfig)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "missing.yaml", PretrainConfig)
