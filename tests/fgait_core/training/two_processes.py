"""Started twice by torchrun: tries the functions of `distributed`, then trains every configuration of a file.

Usage: torchrun --nproc_per_node=2 two_processes.py CONFIGURATIONS OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from fgait_core.config import PretrainConfig
from fgait_core.distributed import (
    any_process,
    gather_rows,
    mean_over_processes,
    process_group,
    rank,
    world_size,
)
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.recipes.pretrain import pretrain


def functions() -> dict[str, object]:
    """What each function says in this process, which gives its number to all."""
    own = torch.full((2, 3), float(rank() + 1), requires_grad=True)
    gathered = gather_rows(own)
    (gathered * torch.arange(12.0).reshape(4, 3) * (rank() + 1)).sum().backward()
    return {
        "rank": rank(),
        "world_size": world_size(),
        "any": [any_process(False), any_process(rank() == 1)],
        "mean": mean_over_processes({"a": rank() * 2.0, "b": 5.0}),
        "gathered": gathered.tolist(),
        "gradient": own.grad.tolist() if own.grad is not None else None,
    }


def main(configurations: Path, out: Path) -> None:
    """Writes `functions-RANK.json`, a run folder for each configuration, and `refused-RANK.json`."""
    refused: dict[str, str] = {}
    with process_group(torch.device("cpu")):
        (out / f"functions-{rank()}.json").write_text(json.dumps(functions()))
        for name, content in json.loads(configurations.read_text()).items():
            answers = iter([False] * 2)
            stop = name == "stopped" and rank() == 1
            try:
                pretrain(
                    PretrainConfig.model_validate(content),
                    out / name,
                    cancelled=lambda stop=stop, answers=answers: stop and next(answers, True),
                )
            except (ConfigError, OperationCancelled) as error:
                refused[name] = f"{type(error).__name__}: {error}"
        (out / f"refused-{rank()}.json").write_text(json.dumps(refused))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
