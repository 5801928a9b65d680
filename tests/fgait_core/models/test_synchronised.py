"""Two processes with synchronised batch normalisation equal one process with the joined batch."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from fgait_core.models.backbone import Backbone, Checkpointing, initialise
from fgait_core.models.synchronised import SynchronisedBatchNorm, synchronise_batch_norm

ROWS = (4, 2)
"""Sequences of each process: not the same number."""


class Network(nn.Module):
    """A backbone, and a normalisation without scale and shift as the attributes head has it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone((4, 4, 6, 6), (1, 1, 1, 1))
        self.bn1d = nn.BatchNorm1d(6 * 31, affine=False)

    def forward(self, silhouettes: torch.Tensor) -> torch.Tensor:
        return self.bn1d(self.backbone(silhouettes).predicted.flatten(1))


def start() -> tuple[Network, torch.Tensor, torch.Tensor]:
    """A network, the joined batch and weights of its outputs."""
    generator = torch.Generator().manual_seed(5)
    network = Network().double()
    initialise(network.backbone, generator)
    silhouettes = torch.rand(sum(ROWS), 1, 3, 64, 44, generator=generator, dtype=torch.float64)
    weights = torch.randn(sum(ROWS), 6 * 31, generator=generator, dtype=torch.float64)
    return network, 50 + silhouettes, weights


def one_pass(network: nn.Module, silhouettes: torch.Tensor, weights: torch.Tensor) -> dict[str, Any]:
    """Output and gradients of a loss that is a sum over rows."""
    silhouettes = silhouettes.clone().requires_grad_()
    output = network(silhouettes)
    (output * weights).sum().backward()
    return {"output": output.detach(), "input": silhouettes.grad}


def process(rank: int, folder: str) -> None:
    """What each of the two processes runs."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=len(ROWS))
    results: dict[str, Any] = {}
    modes: tuple[Checkpointing, ...] = ("off", "once")
    for checkpointing in modes:
        network, silhouettes, weights = start()
        synchronise_batch_norm(network)
        network.backbone.checkpointing = checkpointing
        wrapped = DistributedDataParallel(network, forward_sync_buffers=False)
        mine = slice(sum(ROWS[:rank]), sum(ROWS[: rank + 1]))
        results[checkpointing] = one_pass(wrapped, silhouettes[mine], weights[mine])
        results[checkpointing]["gradients"] = {
            name: parameter.grad * len(ROWS) for name, parameter in network.named_parameters()
        }
        results[checkpointing]["state"] = network.state_dict()
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path: Path) -> None:
    multiprocessing.spawn(process, (str(tmp_path),), nprocs=len(ROWS))
    network, silhouettes, weights = start()
    expected = one_pass(network, silhouettes, weights)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(len(ROWS))]
    for checkpointing in ("off", "once"):
        parts = [result[checkpointing] for result in results]
        for name in ("output", "input"):
            joined = torch.cat([part[name] for part in parts])
            torch.testing.assert_close(joined, expected[name], rtol=1e-10, atol=1e-10)
        for part in parts:
            for name, parameter in network.named_parameters():
                torch.testing.assert_close(part["gradients"][name], parameter.grad, rtol=1e-9, atol=1e-9, msg=name)
            for name, value in network.state_dict().items():
                torch.testing.assert_close(part["state"][name], value, rtol=1e-10, atol=1e-10, msg=name)


def test_alone_it_is_plain_batch_normalisation() -> None:
    plain, silhouettes, weights = start()
    synchronised = copy.deepcopy(plain)
    state = synchronised.state_dict()
    parameters = list(synchronised.parameters())
    synchronise_batch_norm(synchronised)
    assert all(kept is before for kept, before in zip(synchronised.parameters(), parameters, strict=True))
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in synchronised.modules())
    assert sum(isinstance(part, SynchronisedBatchNorm) for part in synchronised.modules()) == 18
    assert synchronised.state_dict().keys() == state.keys()
    for training in (True, False):
        first = one_pass(plain.train(training), silhouettes, weights)
        second = one_pass(synchronised.train(training), silhouettes, weights)
        assert all(torch.equal(first[name], second[name]) for name in first)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, synchronised.state_dict()[name]), name
