"""Checkpoints: everything that a run needs to go on as if it had never stopped.

`checkpoint.pt` is the same file whatever the number of processes and however the weights were divided among them: whole
tensors of `model`, `optimizer`, `scheduler` and `scaler`, the finished steps (`iteration`), the `config`, and the
`fingerprint` of what must not change within a run. No state of samplers or random numbers is needed: everything drawn
for a step follows from the seed and the number of the step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # what torch raises for a foreign file; nothing is unpickled here
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fgait_core.config import TrainingConfig
from fgait_core.distributed import rank
from fgait_core.errors import CheckpointError, ConfigError

MAY_CHANGE = {
    "data": {"__all__": {"path"}},
    "validation": True,
    "accumulate": True,
    "activation_checkpointing": True,
    "parallel": True,
    "compile": True,
    "device": True,
    "workers": True,
    "threads": True,
    "checkpoint_every": True,
    "keep_every": True,
    "tensorboard": True,
}
"""Where and how a run is computed, which may be another way when it goes on."""


def fingerprint(config: TrainingConfig) -> str:
    """What of a configuration must not change within a run, as text."""
    return json.dumps(config.model_dump(mode="json", exclude=MAY_CHANGE), sort_keys=True)  # pyright: ignore[reportArgumentType]


@dataclass(slots=True, eq=False)
class TrainingState:
    """A training in progress.

    Attributes:
        network: everything that is learned or averaged.
        optimizer: of the learnable part.
        scheduler: of the learning rates.
        scaler: of the loss, for float16; otherwise switched off.
        config: of the run.
        iteration: finished steps.
    """

    network: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    scaler: GradScaler
    config: TrainingConfig
    iteration: int = 0


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint without running any code that it might hold.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    try:
        if path.is_file() and not is_zipfile(path):
            raise UnpicklingError
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # PyTorch's own text advises to load it all the same.
        raise CheckpointError(
            f"The checkpoint {path} cannot be read: it is damaged, or no checkpoint. Copy another one there (kept ones "
            "are in checkpoints/), or delete it to begin again."
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read: {error}") from error


def read_checkpoint_of(path: Path, config: TrainingConfig) -> dict[str, Any]:
    """Reads the checkpoint that a run goes on from.

    Raises:
        CheckpointError: if it cannot be read.
        ConfigError: if it belongs to another configuration; the text names what differs.
    """
    content = read_checkpoint(path)
    wanted = fingerprint(config)
    if content.get("fingerprint") != wanted:
        raise ConfigError(
            f"{path} belongs to another configuration{_difference(content.get('fingerprint'), wanted)}. Take the "
            "configuration of that run (config.yaml beside it), or choose another run folder."
        )
    return content


def restore_network(network: nn.Module, content: Mapping[str, Any], path: Path) -> None:
    """Puts the weights of a checkpoint into a network that is not yet divided among processes.

    Raises:
        CheckpointError: if they do not fit.
    """
    try:
        network.load_state_dict(content["model"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit the network: {error}") from error


def restore_progress(state: TrainingState, content: Mapping[str, Any], path: Path) -> None:
    """Puts everything but the weights of a checkpoint into a training.

    Raises:
        CheckpointError: if it does not fit.
    """
    try:
        state.optimizer.load_state_dict(_divided(content["optimizer"], state.optimizer))
        state.scheduler.load_state_dict(content["scheduler"])
        if content["scaler"]:
            state.scaler.load_state_dict(content["scaler"])
        state.iteration = int(content["iteration"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit the optimiser: {error}") from error


def save_checkpoint(path: Path, state: TrainingState, keep_as: Path | None = None) -> None:
    """Writes a checkpoint; an interrupted write leaves the older one as it was.

    All processes must call it: weights that are divided among them are put together. Only process 0 writes.

    Args:
        path: of the checkpoint.
        state: what to write.
        keep_as: also keep a copy there for good.
    """
    content = {
        "model": whole_tensors(state.network.state_dict()),
        "optimizer": whole_tensors(state.optimizer.state_dict()),
        "scheduler": state.scheduler.state_dict(),
        "scaler": state.scaler.state_dict(),
        "iteration": state.iteration,
        "fingerprint": fingerprint(state.config),
        "config": state.config.model_dump(mode="json"),
    }
    if rank() > 0:
        return
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    if keep_as is not None:
        keep_as.parent.mkdir(exist_ok=True)
        shutil.copyfile(partial, keep_as.with_suffix(".partial"))
        os.replace(keep_as.with_suffix(".partial"), keep_as)
    os.replace(partial, path)


def whole_tensors(content: Any) -> Any:
    """The same with every tensor that is divided among processes put together on the processor."""
    if isinstance(content, DTensor):
        return content.full_tensor().cpu()
    if isinstance(content, Mapping):
        return {key: whole_tensors(value) for key, value in content.items()}
    return [whole_tensors(value) for value in content] if isinstance(content, list) else content


def _divided(content: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """The optimiser's state with each tensor divided among processes like the parameter that it belongs to."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def like(parameter: nn.Parameter, value: Any) -> Any:
        if isinstance(parameter, DTensor) and isinstance(value, Tensor) and value.shape == parameter.shape:
            return distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
        return value

    state = {
        number: {name: like(parameters[number], value) for name, value in values.items()}
        for number, values in content["state"].items()
    }
    return content | {"state": state}


def _difference(stored: Any, wanted: str) -> str:
    """`: batch was 8, is 16; …`, or nothing where the stored fingerprint says too little."""
    try:
        before = _flat(json.loads(stored))
    except (TypeError, ValueError, AttributeError):
        return ""
    now = _flat(json.loads(wanted))
    changed = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    return ": " + "; ".join(f"{name} was {before.get(name)}, is {now.get(name)}" for name in changed)


def _flat(content: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return flat
