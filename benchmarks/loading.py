"""Clips a second that loading gives to training: with and without augmentation, in this process and in others.

`./run benchmark loading` prints the tables of docs/evidence/speed.md. A thousand made-up walks of 60 frames, with poses
and body parts, are written to a temporary folder. Batches are those of the published pre-training: two views of 16
frames. "Frame by frame" augments as this project did before: OpenCV is called for each frame and for copies of four.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fgait_core.config import AugmentationConfig, ModalityName, PretrainConfig
from fgait_core.data import augmentation
from fgait_core.data.batches import Batch, ClipBatches, stream
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.parsing_maps import parse
from fgait_core.data.sampling import make_sampler
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder

SEQUENCES, FRAMES, BATCH, VIEWS = 1000, 60, 64, 2
PUBLISHED = AugmentationConfig()
MOVES = AugmentationConfig(dilate=0, blur=0)
NOTHING = AugmentationConfig(affine=0, perspective=0, flip=0, dilate=0, blur=0)
Clip = NDArray[np.uint8]


def generate(path: Path) -> ShardFolder:
    """Ellipses with two legs that swing, and the joints of such a body."""
    writer = ShardWriter(path, identity="b", manifest={}, columns={}, frame_rate_hz=25.0, poses=True, parsing=True)
    y, x = np.mgrid[0:64, 0:44] + 0.5
    rows = np.array([5, 4, 4, 4.5, 4.5, 13, 13, 22, 22, 31, 31, 31, 31, 46, 46, 61, 61])
    for number in range(SEQUENCES):
        swing = 9 * np.sin(2 * np.pi * (np.arange(FRAMES) + number) / 25)[:, None, None]
        body = (((x - 22) / (5 + number % 5)) ** 2 + ((y - 20) / 20) ** 2 < 1) | np.zeros((FRAMES, 1, 1), bool)
        for side in (-1, 1):
            body = body | ((np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34))
        poses = np.zeros((FRAMES, 17, 3), np.float32)
        poses[..., 1], poses[..., 2] = rows, 0.9
        poses[..., 0] = 22 + np.where(rows > 35, np.where(np.arange(17) % 2, 1, -1) * swing[:, 0] * (rows - 34) / 30, 0)
        frames = body.astype(np.uint8) * 255
        writer.add(f"walk-{number}", f"person-{number}", frames, {}, poses=poses, parsing=parse(frames, poses))
    return writer.finish()


def source(folder: ShardFolder, changes: AugmentationConfig, modality: ModalityName = "silhouettes") -> ClipBatches:
    config = PretrainConfig.model_validate(
        {
            "kind": "pretrain",
            "seed": 1,
            "architecture": "0.03B",
            "modality": modality,
            "data": folder.path,
            "clip": {"frames": 16, "skip": 4},
            "augmentation": changes,
            "batch": BATCH,
            "iterations": 10**6,
        }
    )
    return ClipBatches([folder], make_sampler([folder], config), config, views=VIEWS, part=0, parts=1)


def warp_by_fours(clip: Clip, matrix: NDArray[np.float64], *, smooth: bool = True) -> Clip:
    frames, height, width = clip.shape
    picture = np.ascontiguousarray(clip.transpose(1, 2, 0))
    move = cv2.warpAffine if matrix.shape[0] == 2 else cv2.warpPerspective
    moved = [move(picture[..., at : at + 4], matrix, (width, height)).reshape(64, 44, -1) for at in range(0, frames, 4)]
    return np.ascontiguousarray(np.concatenate(moved, axis=2).transpose(2, 0, 1)).astype(np.uint8, copy=False)


def dilate_frames(clip: Clip, kernel: Clip, top: int, bottom: int) -> Clip:
    changed = clip.copy()
    for frame in changed:
        frame[top:bottom] = cv2.dilate(frame[top:bottom], kernel)
    return changed


def blur_frames(clip: Clip, top: int, bottom: int) -> Clip:
    changed = clip.copy()
    for frame in changed:
        smooth = cv2.GaussianBlur(frame[top:bottom].astype(np.float32), (3, 3), 0)
        frame[top:bottom] = np.where(smooth > 0.2 * 255, 255, 0)
    return changed


def frame_by_frame():
    """Augmentation as it was before."""
    return patch.multiple(augmentation, warp=warp_by_fours, dilate_band=dilate_frames, blur_band=blur_frames)


def clips_per_second(batches: ClipBatches, steps: int, rounds: int, clock: Callable[[], float]) -> float:
    """Of the calmest round, in this process."""
    batches[1]
    rates = []
    for number in range(rounds):
        began_s = clock()
        for step in range(2 + number * steps, 2 + (number + 1) * steps):
            batches[step]
        rates.append(steps * BATCH * VIEWS / (clock() - began_s))
    return max(rates)


def streamed(batches: ClipBatches, workers: int, steps: int, rounds: int) -> tuple[float, float]:
    """Clips a second by the clock, and microseconds of this process for each clip, once the workers run."""
    loaded: Iterator[list[Batch]] = stream(batches, 1, (rounds + 1) * steps, workers)
    rates, own_us = [], []
    for number in range(rounds + 1):
        began_s, own_s = time.perf_counter(), time.process_time()
        for _ in range(steps):
            next(loaded)
        if number:
            rates.append(steps * BATCH * VIEWS / (time.perf_counter() - began_s))
            own_us.append((time.process_time() - own_s) / (steps * BATCH * VIEWS) * 1e6)
    return max(rates), min(own_us)


def measure(folder: ShardFolder, steps: int, rounds: int) -> None:
    with frame_by_frame():
        before = clips_per_second(source(folder, PUBLISHED), steps, rounds, time.process_time)
        old = source(folder, PUBLISHED)[3][0].views[0]
    assert np.array_equal(old, source(folder, PUBLISHED)[3][0].views[0])
    print("| modality | augmentation | clips/s of one core |")
    print("|---|---|---|")
    print(f"| silhouettes | published, frame by frame (before) | {before:,.0f} |")
    settings: list[tuple[ModalityName, str, AugmentationConfig]] = [
        ("silhouettes", "published", PUBLISHED),
        ("silhouettes", "none", NOTHING),
        *((name, "published without dilate and blur", MOVES) for name in MODALITIES if name != "silhouettes"),
    ]
    for modality, words, changes in settings:
        rate = clips_per_second(source(folder, changes, modality), steps, rounds, time.process_time)
        print(f"| {modality} | {words} | {rate:,.0f} |", flush=True)
    print("\n| workers | augmentation | clips/s by the clock | microseconds of the training process a clip |")
    print("|---|---|---|---|")
    for workers in (0, 1, 2):
        for words, changes in (("published", PUBLISHED), ("none", NOTHING)):
            rate, own_us = streamed(source(folder, changes), workers, steps, rounds)
            print(f"| {workers} | {words} | {rate:,.0f} | {own_us:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        measure(generate(Path(place) / "shards"), chosen.steps, chosen.rounds)


if __name__ == "__main__":
    main()
