"""What a run writes beside its checkpoint: `metrics.jsonl`, `environment.json`, TensorBoard events."""

from __future__ import annotations

import json
import math
import os
import platform
import resource
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import torch

from fgait_core import __version__
from fgait_core.config import TrainingConfig, save_config
from fgait_core.distributed import rank, world_size

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
TENSORBOARD = "tensorboard"

Values = Mapping[str, float | str]


class RunLog:
    """The log of a run, written by process 0 alone; the other processes have one that writes nothing.

    A run that goes on begins after its checkpoint: steps that were done after it are dropped from the log, because they
    are done again.

    Args:
        folder: of the run.
        config: of the run.
        device: that is computed on.
        iteration: finished steps.
    """

    def __init__(self, folder: Path, config: TrainingConfig, device: torch.device, iteration: int) -> None:
        self._device = device
        self._writer: SummaryWriter | None = None
        if rank() > 0:
            nowhere = Path(os.devnull)
            self._lines = nowhere.open("a", encoding="utf-8")
            return
        save_config(folder / "config.yaml", config)
        environment = json.dumps(describe_environment(config.parallel, device), indent=1)
        (folder / ENVIRONMENT).write_text(environment + "\n", encoding="utf-8")
        forget_lines_after(folder / METRICS, iteration)
        self._lines = (folder / METRICS).open("a", encoding="utf-8")
        if config.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / TENSORBOARD), purge_step=iteration + 1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        if self._writer is not None:
            self._writer.close()

    def write(self, iteration: int, values: Values) -> None:
        """Adds a step."""
        line = {"iteration": iteration, **values, "memory_mib": round(peak_memory_mib(self._device), 1)}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        if self._writer is not None:
            for name, value in line.items():
                if name != "iteration" and not isinstance(value, str):
                    self._writer.add_scalar(name, value, iteration)


def forget_lines_after(path: Path, iteration: int) -> None:
    """Drops what a log says of later steps, and a last line that was cut off."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            done = json.loads(line)["iteration"]
        except ValueError:
            break
        if done <= iteration:
            kept.append(line + "\n")
    partial = path.with_suffix(".partial")
    partial.write_text("".join(kept), encoding="utf-8")
    os.replace(partial, path)


def note_environment(path: Path, device: torch.device) -> None:
    """Writes versions and machine of a run that trains by no steps."""
    path.write_text(json.dumps(describe_environment("", device), indent=1) + "\n", encoding="utf-8")


def describe_environment(parallel: str, device: torch.device) -> dict[str, str | int]:
    """Versions and machine of a run; `parallel` says how several processes shared it."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor_name()
    return {
        "fgait": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "cuda": str(torch.version.cuda or ""),
        "system": platform.platform(),
        "device": str(device.type),
        "device_name": name,
        "processes": world_size(),
        "parallel": parallel if world_size() > 1 else "",
        "threads": torch.get_num_threads(),
    }


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def peak_memory_mib(device: torch.device) -> float:
    """The most memory so far: of the GPU where there is one, otherwise of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def in_words(values: Values) -> str:
    """Numbers for people: `loss 2.904, accuracy 0.125`."""
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in values.items())


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if value == 0 or 1e-3 <= math.fabs(value) < 1e4 else f"{value:.1e}"
