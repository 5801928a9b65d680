"""One optimiser step: precision, gradient accumulation and the exchange of gradients between processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from fgait_core.config import TrainingConfig
from fgait_core.errors import ConfigError, FGaitError

_AUTOCAST: Mapping[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_SMALLEST_SCALE = 2.0**-14


def require_possible(config: TrainingConfig, device: torch.device) -> None:
    """Refuses a precision that the device has not.

    Raises:
        ConfigError: for float16 without a GPU.
    """
    if config.precision == "float16" and device.type != "cuda":
        raise ConfigError("precision float16 needs a GPU. Use bfloat16 or float32 on a processor.")


def loss_scaler(config: TrainingConfig, device: torch.device) -> GradScaler:
    """Keeps small float16 gradients from vanishing; switched off for other precisions."""
    return GradScaler(device.type, enabled=config.precision == "float16")


class OptimiserTurn:
    """What a recipe computes with (`training.loop.Turn`), and the optimiser's step after it.

    Args:
        learner: as it is called in training.
        config: of the run.
        device: that is computed on.
        scaler: see `loss_scaler`.

    Attributes:
        device: where inputs are wanted.
        dtype: of inputs.
    """

    def __init__(self, learner: nn.Module, config: TrainingConfig, device: torch.device, scaler: GradScaler) -> None:
        self.device = device
        self.dtype = torch.float64 if config.precision == "float64" else torch.float32
        self._learner = learner
        self._micro_batches = config.accumulate
        self._autocast = _AUTOCAST.get(config.precision)
        self._scaler = scaler

    @contextmanager
    def forward(self, last: bool) -> Iterator[None]:
        """Computes in the wanted precision; the gradients of what the learner computes are exchanged only where last.

        Args:
            last: whether this is the last micro-batch of the step.
        """
        if isinstance(self._learner, FSDPModule):
            self._learner.set_requires_gradient_sync(last)
        learner = self._learner
        with (
            learner.no_sync() if isinstance(learner, DistributedDataParallel) and not last else nullcontext(),
            torch.autocast(self.device.type, self._autocast, enabled=self._autocast is not None),
        ):
            yield

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a micro-batch, whose loss is the mean over its sequences."""
        self._scaler.scale(loss / self._micro_batches).backward()

    def finish(self, optimizer: Optimizer) -> float | None:
        """Does the optimiser's step.

        Returns:
            Norm of all gradients; None where float16 gradients overflowed and nothing was changed but their scale.

        Raises:
            FGaitError: if gradients overflow however small the scale is.
        """
        self._scaler.unscale_(optimizer)
        norm = _gradient_norm(optimizer)
        before = self._scaler.get_scale()
        self._scaler.step(optimizer)
        self._scaler.update()
        if self._scaler.get_scale() >= before:
            return norm
        if before < _SMALLEST_SCALE:
            raise FGaitError(
                "The float16 gradients overflow at every scale. Use bfloat16 or float32, or a lower learning rate."
            )
        return None


def _gradient_norm(optimizer: Optimizer) -> float:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm: Any = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
