"""A resumed pre-training equals an uninterrupted one bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fgait_core.config import PretrainConfig
from fgait_core.errors import OperationCancelled
from fgait_core.recipes.pretrain import pretrain


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
