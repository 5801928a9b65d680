"""How a network lies on its device and is divided among processes.

DDP gives every process a copy of the weights and averages gradients. FSDP2 divides weights, gradients and the
optimiser's state: each block of the encoder is put together only while it computes, which saves memory and costs
communication.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from fgait_core.config import TrainingConfig
from fgait_core.distributed import world_size
from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone
from fgait_core.models.layers import BasicBlock2d, P3DBlock
from fgait_core.models.synchronised import synchronise_batch_norm

if TYPE_CHECKING:
    from fgait_core.training.loop import Recipe


def require_divisible(config: TrainingConfig) -> None:
    """Refuses a batch that does not divide among the processes.

    Raises:
        ConfigError: the text says which batches do.
    """
    pieces = world_size() * config.accumulate * (1 if set(config.crops) == {1} else 2 * len(config.crops))
    if config.batch % pieces:
        raise ConfigError(
            f"batch {config.batch} does not divide among {world_size()} processes with {config.accumulate} "
            f"micro-batches and the body crops; use a multiple of {pieces}, or other numbers of processes."
        )


def place(network: nn.Module, config: TrainingConfig, device: torch.device) -> None:
    """Moves a network to its device and gives it what the configuration asks for.

    Over several processes, batch normalisation uses the statistics of all of them.
    """
    network.to(device=device, dtype=torch.float64 if config.precision == "float64" else torch.float32)
    if world_size() > 1:
        synchronise_batch_norm(network)
    recompute = "twice" if config.reproduce.double_statistics else "once"
    for part in network.modules():
        if isinstance(part, Backbone):
            part.checkpointing = recompute if config.activation_checkpointing else "off"
    if config.compile:
        # widths, crops and gradients make about 20 variants of a block; beyond the limit (8) they run uncompiled
        torch._dynamo.config.recompile_limit = 64
        for block in _blocks(network):
            block.compile()


def divide(recipe: Recipe, config: TrainingConfig, device: torch.device) -> nn.Module:
    """Divides a placed network among the processes.

    Returns:
        The learner, as it is called in training.
    """
    if world_size() == 1:
        return recipe.learner()
    if config.parallel == "fsdp":
        _shard(recipe.shards(), device)
        return recipe.learner()
    # It says that the first convolution, of one input channel, could be laid out a little faster.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
    return DistributedDataParallel(
        recipe.learner(),
        device_ids=[device] if device.type == "cuda" else None,
        forward_sync_buffers=False,
        gradient_as_bucket_view=True,
    )


def _shard(modules: Sequence[nn.Module], device: torch.device) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    # It warns that views must not be changed in place; nothing here changes what a backbone returns.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
    mesh = init_device_mesh(device.type, (world_size(),))
    for module in modules:
        for part in (*_blocks(module), module):
            fully_shard(part, mesh=mesh, reshard_after_forward=True)


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    return (part for part in list(network.modules()) if isinstance(part, BasicBlock2d | P3DBlock))
