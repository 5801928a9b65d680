"""The compiled alignment is the one that videos go through."""

import cv2
import numpy as np
import pytest

from fgait_core.alignment import align
from fgait_core.simulation.picture.fast_alignment import align_all, to_silhouette


def blobs(seed: int, n: int = 24, size: int = 128) -> np.ndarray:
    """Ragged shapes of every size, some at the border."""
    rng = np.random.default_rng(seed)
    out = np.zeros((n, size, size), np.uint8)
    for frame in out:
        for _ in range(4):
            centre = tuple(int(v) for v in rng.integers(0, size, 2))
            axes = tuple(int(v) for v in rng.integers(3, size // 2, 2))
            cv2.ellipse(frame, centre, axes, float(rng.uniform(0, 180)), 0.0, 360.0, (255.0,), -1)
        frame[rng.random((size, size)) < 0.05] = 0
    return out


@pytest.mark.parametrize("size", [96, 128])
def test_every_pixel_is_within_one_grey_level_of_the_recipe(size: int):
    for seed in range(3):
        masks = blobs(seed, size=size)
        ours, _, usable = align_all(masks)
        for frame, (mask, one) in enumerate(zip(masks, ours, strict=True)):
            reference = align(mask)
            assert (reference is not None) == usable[frame]
            if reference is not None:
                assert np.abs(reference.astype(int) - one).max() <= 1


def test_frames_with_too_little_in_them_are_named():
    masks = np.zeros((3, 128, 128), np.uint8)
    masks[0, 10:100, 40:60] = 255
    masks[1, 50:55, 50:57] = 255  # 35 pixels
    silhouettes, _, usable = align_all(masks)
    assert usable.tolist() == [True, False, False]
    assert [align(mask) is not None for mask in masks] == usable.tolist()
    assert not silhouettes[1:].any()


def test_points_move_with_the_pixels():
    rng = np.random.default_rng(1)
    for _ in range(20):
        mask = np.zeros((1, 128, 128), np.uint8)
        top, left = (int(v) for v in rng.integers(0, 30, 2))
        mask[0, top : top + 80, left + 25 : left + 45] = 255
        at = (left + 35, top + int(rng.integers(20, 60)))
        cv2.circle(mask[0], at, 4, (0.0,), -1)
        silhouettes, framing, _ = align_all(mask)
        _, regions = cv2.connectedComponents((silhouettes[0] < 128).astype(np.uint8))
        hole = (regions > 0) & ~np.isin(regions, np.concatenate([regions[:, 0], regions[:, -1]]))
        rows, columns = np.nonzero(hole)
        moved = to_silhouette(np.array([[at]], np.float32), framing)[0, 0]
        np.testing.assert_allclose(moved, (columns.mean() + 0.5, rows.mean() + 0.5), atol=0.3)
