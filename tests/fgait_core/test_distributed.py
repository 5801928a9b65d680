"""One process alone, and which device a process takes; two processes are tried in training/test_two_processes.py."""

from __future__ import annotations

import pytest
import torch

from fgait_core import distributed
from fgait_core.errors import ConfigError


def test_one_process_alone_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    rows = torch.randn(3, 2, requires_grad=True)
    with distributed.process_group(torch.device("cpu")):
        assert not torch.distributed.is_initialized()
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.gather_rows(rows) is rows
        assert (distributed.any_process(True), distributed.any_process(False)) == (True, False)
        assert distributed.mean_over_processes({"loss": 2.5}) == {"loss": 2.5}


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert distributed.choose_device("auto") == distributed.choose_device("cpu") == torch.device("cpu")
    for text in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match="no GPU"):
            distributed.choose_device(text)
    for text in ("tpu", "cuda:", "cuda:x"):
        with pytest.raises(ConfigError, match=f"no device '{text}'"):
            distributed.choose_device(text)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert distributed.choose_device("cuda:3") == torch.device("cuda", 3)
    assert distributed.choose_device("cpu") == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert distributed.choose_device("auto") == distributed.choose_device("cuda") == torch.device("cuda", 2)
    with pytest.raises(ConfigError, match="4 processes cannot share cuda:3"):
        distributed.choose_device("cuda:3")
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(ConfigError, match="no GPU 4; this machine has 4"):
        distributed.choose_device("cuda")
