"""Keeps two trainings off one device: a lock of the operating system for each device of this machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path


class DeviceLock:
    """The right to compute on some devices, for one process at a time.

    The kernel frees it when its holder ends, however that happens. Programs that the holder starts get `descriptors`,
    so that the device stays taken until the last of them has ended, too.

    Args:
        devices: "cpu", "cuda:0" ...
        folder: of the lock files; the same for all programs of this machine.
    """

    def __init__(self, devices: Sequence[str], folder: Path | None = None) -> None:
        self.devices = tuple(sorted(devices))  # one order for all, so that no two wait for each other
        self._folder = folder or Path(tempfile.gettempdir())
        self._held: list[int] = []

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Open files that hold the lock."""
        return tuple(self._held)

    def acquire(self) -> bool:
        """Takes all devices, or none; does not wait."""
        for device in self.devices:
            descriptor = self._open(device)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                self.release()
                return False
            self._held.append(descriptor)
        return True

    def release(self) -> None:
        """Gives the devices back, once programs that hold them, too, have ended."""
        while self._held:
            os.close(self._held.pop())

    def _open(self, device: str) -> int:
        path = self._folder / f"fgait-{device.replace(':', '-')}.lock"
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:  # first without O_CREAT: systems forbid it for a file of another account in a shared folder
            return os.open(path, flags)
        except FileNotFoundError:
            return os.open(path, flags | os.O_CREAT, 0o644)


def devices_of(device: str, processes: int) -> tuple[str, ...]:
    """The devices that a trainer takes: "cuda" with two processes is "cuda:0" and "cuda:1"."""
    if not device.startswith("cuda"):
        return ("cpu",)
    first = int(device.partition(":")[2] or 0)
    return tuple(f"cuda:{first + number}" for number in range(processes))
