"""Processes that train together, started by `torchrun`; one process alone needs nothing of it.

Every function works without a process group: the one process then is number 0 of 1. Several processes speak through
gloo on processors and through NCCL between GPUs (small messages through gloo there, too: no GPU waits for them).

Where `torchrun` restarts failed processes on gloo, set `TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`: without it some restarts
hang.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as processes

from fgait_core.errors import ConfigError


def rank() -> int:
    """Number of this process, from 0."""
    return processes.get_rank() if processes.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return processes.get_world_size() if processes.is_initialized() else 1


def choose_device(text: str) -> torch.device:
    """The device that a configuration asks for.

    Args:
        text: "auto" (a GPU if there is one), "cpu", "cuda" (under `torchrun` the GPU with the number of the process on
            its machine), or "cuda:N".

    Raises:
        ConfigError: if there is no such device or GPU, or several processes would share one.
    """
    if text == "cpu" or (text == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not re.fullmatch(r"auto|cuda(:\d+)?", text):
        raise ConfigError(f"There is no device {text!r}. Use auto, cpu, cuda or cuda:N.")
    if not torch.cuda.is_available():
        raise ConfigError(f"There is no GPU for device {text!r}. Use cpu or auto.")
    together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if ":" in text and together > 1:
        raise ConfigError(f"{together} processes cannot share {text}. Use `device: cuda`: each takes a GPU of its own.")
    number = int(text.split(":")[1]) if ":" in text else int(os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"There is no GPU {number}; this machine has {torch.cuda.device_count()}. Start at most so many processes."
        )
    return torch.device("cuda", number)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Joins the processes of `torchrun` for the time of the block; does nothing in a process alone.

    Args:
        device: that this process computes on; a GPU becomes the current one.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if processes.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    processes.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        processes.destroy_process_group()


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process; all must ask at the same place."""
    if world_size() == 1:
        return flag
    raised = torch.tensor([int(flag)])
    processes.all_reduce(raised, op=processes.ReduceOp.MAX)
    return bool(raised.item())


def mean_over_processes(values: Mapping[str, float]) -> dict[str, float]:
    """The mean of each value over all processes, which must have the same names in the same order."""
    if world_size() == 1:
        return dict(values)
    totals = torch.tensor(list(values.values()), dtype=torch.float64)
    processes.all_reduce(totals)
    return dict(zip(values, (totals / world_size()).tolist(), strict=True))


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, one process after the other.

    Gradients flow back: each process gets the sum of what all processes' losses want of its own rows. With the
    gradients then averaged over processes, as training does, a loss that every process computes from all rows counts
    once.

    Args:
        rows: `[row, ...]`, of the same shape in every process.

    Returns:
        `[process * row, ...]`.
    """
    return rows if world_size() == 1 else _GatherRows.apply(rows)  # pyright: ignore[reportReturnType]


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.count = len(rows)
        own = rows.detach().contiguous()
        everybody = [torch.empty_like(own) for _ in range(world_size())]
        processes.all_gather(everybody, own)
        return torch.cat(everybody)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        processes.all_reduce(total)
        return total[rank() * ctx.count : (rank() + 1) * ctx.count]
