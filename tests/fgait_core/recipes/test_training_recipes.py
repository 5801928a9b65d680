"""A resumed pre-training equals an uninterrupted one bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fgait_core.config import PretrainConfig
from fgait_core.errors import CheckpointError, OperationCancelled
from fgait_core.recipes.pretrain import pretrain
from fgait_core.training.loop import CHECKPOINT


def test_pretraining_resumes_bit_for_bit(
    pretrain_config: PretrainConfig, stop_after, losses_of, tmp_path: Path
) -> None:
    whole = pretrain(pretrain_config, tmp_path / "whole")
    with pytest.raises(OperationCancelled):
        pretrain(pretrain_config, tmp_path / "stopped", cancelled=stop_after(3))
    resumed = pretrain(pretrain_config, tmp_path / "stopped")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "stopped")
    assert losses_of(tmp_path / "whole")[-1]["iteration"] == 4


def test_killed_run_repeats_only_the_steps_after_its_checkpoint(
    pretrain_config: PretrainConfig, losses_of, tmp_path: Path
) -> None:
    whole = pretrain(pretrain_config, tmp_path / "whole")

    def die(fraction: float, words: str) -> None:
        if fraction >= 0.75:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pretrain_config, tmp_path / "killed", progress=die)
    assert len(losses_of(tmp_path / "killed")) == 3
    resumed = pretrain(pretrain_config, tmp_path / "killed")
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "killed")


def test_a_checkpoint_of_another_configuration_is_refused(pretrain_config: PretrainConfig, tmp_path: Path) -> None:
    pretrain(pretrain_config, tmp_path / "run")
    with pytest.raises(CheckpointError, match="another configuration"):
        pretrain(pretrain_config.model_copy(update={"learning_rate": 0.5}), tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read"):
        pretrain(pretrain_config, tmp_path / "run")
