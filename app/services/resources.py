"""Whether this machine has the disk and the memory that a retraining needs."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.settings import Settings
from fgait_core.config.retraining import RetrainingProtocol

_FRAME_BYTES = 64 * 44 // 8
_RESAMPLED = 2.0
"""Room for recordings of a lower frame rate than the network's."""
_RUN_BYTES = 200_000_000
"""Package, checkpoints with the state of the optimizer, and logs."""
_REPLAY_BYTES = 150_000_000


@dataclass(frozen=True, slots=True)
class Resource:
    """How much there is and how much is needed, in bytes.

    Attributes:
        name: "disk" or "memory".
        free: bytes.
        needed: bytes.
    """

    name: str
    free: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the work can begin."""
        return self.free >= self.needed

    @property
    def words(self) -> str:
        """For the administrator, with what to do."""
        amounts = f"{self.needed / 1e6:.0f} MB of {self.name} are needed, {self.free / 1e6:.0f} MB are free"
        if self.enough:
            return f"{amounts}."
        advice = "Free some space" if self.name == "disk" else "End other programs"
        return f"{amounts}. {advice} on the machine of the trainer, then try again."


def resources(
    settings: Settings, protocol: RetrainingProtocol, entries: Collection[Mapping[str, Any]]
) -> tuple[Resource, Resource]:
    """Disk and memory of this machine, for a retraining on these entries of a manifest."""
    shards = _RESAMPLED * _FRAME_BYTES * sum(int(entry["frames"]) for entry in entries)
    replay = _REPLAY_BYTES if protocol.changes_encoder else 0
    needed = int(shards) + _RUN_BYTES + replay + settings.min_free_disk_bytes
    memory = settings.min_free_memory_mb * 1_000_000
    return (
        Resource("disk", free_disk_bytes(settings.data_dir), needed),
        Resource("memory", psutil.virtual_memory().available, memory),
    )


def free_disk_bytes(folder: Path) -> int:
    """Free space where a folder is."""
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free
