"""Batch normalisation whose batch statistics are those of all processes together.

Source: FoundationGait trains with synchronised batch normalisation. On CUDA this is `torch.nn.SyncBatchNorm` itself; it
has no CPU path, so that elsewhere there is one of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


def synchronise_batch_norm(module: nn.Module) -> None:
    """Replaces every 1-D and 2-D batch normalisation inside a module; parameters, buffers and their names stay.

    With one process, or in evaluation mode, nothing changes. Processes may hold different numbers of rows.

    Args:
        module: changed in place. It is on its device already, and is no batch normalisation itself.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                setattr(parent, name, _synchronised(child))


def _synchronised(plain: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    on_cuda = any(tensor.is_cuda for tensor in (*plain.parameters(), *plain.buffers()))
    kind = nn.SyncBatchNorm if on_cuda else SynchronisedBatchNorm
    with torch.device("meta"):
        replacement = kind(plain.num_features, plain.eps, plain.momentum, plain.affine, plain.track_running_stats)
    replacement.weight, replacement.bias = plain.weight, plain.bias
    for name, buffer in plain.named_buffers():
        setattr(replacement, name, buffer)
    return replacement.train(plain.training)


class SynchronisedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """What `torch.nn.SyncBatchNorm` does, for devices that it does not know."""

    def forward(self, input: Tensor) -> Tensor:
        """`[row, channel, ...]`, unchanged in shape."""
        together = self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        return _uncompiled(self, input) if together else super().forward(input)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes will do."""


def _normalise_jointly(layer: SynchronisedBatchNorm, x: Tensor) -> Tensor:
    mean, variance, count = joint_statistics(x)
    if layer.running_mean is not None and layer.running_var is not None and layer.num_batches_tracked is not None:
        layer.num_batches_tracked.add_(1)
        share = 1.0 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        unbiased = variance * (count / (count - 1))
        for running, value in ((layer.running_mean, mean), (layer.running_var, unbiased)):
            running.lerp_(value.to(running.dtype), share)
    return _Normalise.apply(x, layer.weight, layer.bias, mean, variance, count, layer.eps)


_uncompiled = cast(Callable[[SynchronisedBatchNorm, Tensor], Tensor], torch.compiler.disable(_normalise_jointly))
"""Collectives belong to no compiled graph."""


@torch.no_grad()
def joint_statistics(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean, variance (not the unbiased one) and count of each channel over the rows of all processes.

    Each process sends its own mean and variance, which are then combined; that loses no digits where the mean is large
    beside the spread.

    Args:
        x: `[row, channel, ...]` of this process; each process has at least one row.

    Returns:
        Two `[channel]` tensors, float64, and the number of values in each channel.
    """
    mean, variance = torch.batch_norm_update_stats(_wide(x), None, None, 0.0)
    count = torch.tensor([x.numel() // x.shape[1]], dtype=torch.float64, device=x.device)
    own = torch.cat([count, mean.double(), variance.double()])
    everyone = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, own)
    counts, means, variances = torch.stack(everyone).split([1, x.shape[1], x.shape[1]], dim=1)
    shares = counts / counts.sum()
    joint_mean = (shares * means).sum(0)
    joint_variance = (shares * (variances + (means - joint_mean).square())).sum(0)
    return joint_mean, joint_variance, float(counts.sum())


class _Normalise(torch.autograd.Function):
    """Normalises with joint statistics, by the kernels of plain batch normalisation.

    These take the statistics for constants; the gradient of the input gets what they owe to all inputs.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: float,
        eps: float,
    ) -> Tensor:
        wide = _wide(x)
        mean, variance = mean.to(wide.dtype), variance.to(wide.dtype)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.count, ctx.eps = count, eps
        return functional.batch_norm(wide, mean, variance, weight, bias, training=False, eps=eps).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance = ctx.saved_tensors
        wide, scale = _wide(x), (variance + ctx.eps).rsqrt()
        input_gradient, weight_gradient, bias_gradient = torch.ops.aten.native_batch_norm_backward(
            _wide(gradients[0]), wide, weight, mean, variance, mean, scale, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([weight_gradient, bias_gradient]).double()
        dist.all_reduce(sums)
        of_spread, of_mean = (sums / ctx.count).to(wide.dtype) * (scale if weight is None else scale * weight)
        owed = functional.batch_norm(wide, mean, variance, of_spread, of_mean, training=False, eps=ctx.eps)
        own = (None, None) if weight is None else (weight_gradient, bias_gradient)
        return input_gradient.sub_(owed).to(x.dtype), *own, None, None, None, None


def _wide(x: Tensor) -> Tensor:
    """At least float32, in which sums are exact enough."""
    return x if x.dtype == torch.float64 else x.float()
