"""Which devices a program of the engine sees: those of its trainer, and no others."""

from __future__ import annotations

import os
from collections.abc import Sequence

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_devices(devices: Sequence[str]) -> dict[str, str]:
    """The environment in which "auto" is a device of the trainer and "cuda" its first GPU.

    Args:
        devices: as `DeviceLock` names them, counted among those that the trainer itself sees.
    """
    numbers = [int(device.partition(":")[2]) for device in devices if device.startswith("cuda")]
    named = os.environ.get(_VISIBLE, "").split(",") if os.environ.get(_VISIBLE) else []
    return {_VISIBLE: ",".join(named[number] if number < len(named) else str(number) for number in numbers)}
