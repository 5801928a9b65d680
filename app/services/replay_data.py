"""Simulated people who are trained on beside a clinic's own, so that the network does not forget; made once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SEQUENCES = 2
_MIN_FRAMES = 30
_SPARE_FRAMES = 3
_SIMULATED_HZ = 15.0
"""The simulator's lowest frame rate."""
_SEED = 20_261
_PROCESSES = 2


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is simulated.

    Attributes:
        people: for training, for calibration.
        frame_rate_hz: a multiple of the network's, as low as the simulator allows; the engine leaves frames out.
        frames: of each recording; some more than the network sees at once.
    """

    people: tuple[int, int]
    frame_rate_hz: float
    frames: int

    @classmethod
    def fitting(cls, people: tuple[int, int], frame_rate_hz: float, window_frames: int) -> ReplayPlan:
        """The plan for a network that sees so many frames at this frame rate."""
        multiple = math.ceil(_SIMULATED_HZ / frame_rate_hz)
        frames = max(_MIN_FRAMES, (window_frames + _SPARE_FRAMES) * multiple)
        return cls(people, multiple * frame_rate_hz, frames)


def ensure_replay(data_dir: Path, plan: ReplayPlan, run: Callable[[Sequence[str], str], None]) -> tuple[Path, Path]:
    """The folders of simulated people for training and for calibration; what is missing is simulated.

    Args:
        data_dir: of the installation.
        plan: what is needed.
        run: runs a command of the engine, which goes on where it was interrupted; told what it is for.
    """
    folders: list[Path] = []
    for split, count in zip(("train", "calibration"), plan.people, strict=True):
        folder = data_dir / "replay" / f"{split}-{count}x{_SEQUENCES}x{plan.frames}-{plan.frame_rate_hz:g}hz"
        folders.append(folder)
        if (folder / "manifest.json").exists():
            continue
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {
            "--people": count,
            "--split": split,
            "--sequences": _SEQUENCES,
            "--frames": plan.frames,
            "--frame-rate-hz": plan.frame_rate_hz,
            "--seed": _SEED,
            "--processes": _PROCESSES,
            "--out": folder,
        }
        arguments = [str(word) for pair in options.items() for word in pair]
        run(["simulate", "dataset", *arguments], f"Simulating {count} people for {split}")
    return folders[0], folders[1]
