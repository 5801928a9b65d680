"""Activation checkpointing: activations are computed again in the backward pass instead of being kept.

A second forward pass in training mode would update the running statistics of batch normalisation a second time.
`run_again_later` leaves them as the first pass made them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def run_again_later(module: nn.Module, *inputs: Any) -> Tensor:
    """Runs a module and keeps only its inputs; the backward pass runs it again without touching its statistics."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), statistics_set_aside(module)

    return checkpoint(module, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def statistics_set_aside(module: nn.Module) -> Generator[None]:
    """Whatever runs inside updates copies of the running statistics, which are thrown away at the end.

    Batch normalisation that does not track statistics would save fewer tensors for the backward pass than the first
    pass did, which checkpointing refuses.
    """
    normalisations = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    named = [(part, name, getattr(part, name)) for part in normalisations for name in STATISTICS]
    kept = [(part, name, value) for part, name, value in named if value is not None]
    for part, name, value in kept:
        setattr(part, name, value.clone())
    try:
        yield
    finally:
        for part, name, value in kept:
            setattr(part, name, value)
