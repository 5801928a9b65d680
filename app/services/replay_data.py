"""Simulated people who are trained on beside a clinic's own, so that the network does not forget; made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

SEQUENCES = 2
FRAMES = 30
_SEED = 20_261
_PROCESSES = 2


def replay_folder(data_dir: Path, people: int, split: str, frame_rate_hz: float) -> Path:
    """Where the replay data of a split are."""
    return data_dir / "replay" / f"{split}-{people}x{SEQUENCES}x{FRAMES}-{frame_rate_hz:g}hz"


def ensure_replay(
    data_dir: Path,
    people: tuple[int, int],
    frame_rate_hz: float,
    run: Callable[[Sequence[str], str], None],
) -> tuple[Path, Path]:
    """The folders of simulated people for training and for calibration; what is missing is simulated.

    Args:
        data_dir: of the installation.
        people: for training, for calibration.
        frame_rate_hz: of the network.
        run: runs a command of the engine, which goes on where it was interrupted; told what it is for.
    """
    folders: list[Path] = []
    for split, count in zip(("train", "calibration"), people, strict=True):
        folder = replay_folder(data_dir, count, split, frame_rate_hz)
        folders.append(folder)
        if (folder / "manifest.json").exists():
            continue
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {
            "--people": count,
            "--split": split,
            "--sequences": SEQUENCES,
            "--frames": FRAMES,
            "--frame-rate-hz": frame_rate_hz,
            "--seed": _SEED,
            "--processes": _PROCESSES,
            "--out": folder,
        }
        arguments = [str(word) for pair in options.items() for word in pair]
        run(["simulate", "dataset", *arguments], f"Simulating {count} people for {split}")
    return folders[0], folders[1]
