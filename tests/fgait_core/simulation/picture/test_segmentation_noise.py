"""What the simulated segmenter does to masks."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fgait_core.simulation.picture.segmentation_noise import PART_SHARE, degrade, sharpened


def _bar(frames: int = 20) -> NDArray[np.uint8]:
    masks = np.zeros((frames, 128, 128), np.uint8)
    masks[:, 4:124, 50:80] = 255
    return masks


def _blobs(mask: NDArray[np.uint8]) -> list[int]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return sorted(stats[1:, cv2.CC_STAT_AREA].tolist())


def test_nothing_happens_without_noise():
    masks = _bar(2)
    noisy = degrade(masks, 0.0, np.random.default_rng(0))
    assert (noisy == masks).all()
    assert noisy is not masks


def test_only_edges_move_and_they_move_from_frame_to_frame():
    noisy = degrade(_bar(), 1.0, np.random.default_rng(0))
    assert set(np.unique(noisy)) == {0, 255}
    assert (noisy[:, 12:116, 56:74] > 0).mean() > 0.99
    assert not noisy[:, :, :44].any()
    assert not noisy[:, :, 86:].any()
    assert (noisy[1:] != noisy[:-1]).any(axis=(1, 2)).all()


def test_more_noise_is_rougher_and_the_area_stays():
    masks = _bar(60)
    changed, area = [], []
    for amount in (0.5, 1.0, 1.5):
        several = np.concatenate([degrade(masks, amount, np.random.default_rng(seed)) for seed in range(8)])
        changed.append(float((several != masks[0]).mean()))
        area.append(float((several > 0).mean()))
    assert changed == sorted(changed)
    assert changed[2] > 1.5 * changed[0]
    np.testing.assert_allclose(area, (masks > 0).mean(), rtol=0.03)


def test_a_part_of_the_noise_lasts_through_a_recording():
    still = _bar(60)
    edge = (degrade(still, 1.0, np.random.default_rng(3)) > 0).sum(2)[:, 12:116].astype(float)
    means = edge.mean(0)
    assert means.std() > 2.0 * edge.std(0).mean() / np.sqrt(60)  # more than chance alone leaves in a mean


def test_narrow_gaps_fill_and_thin_things_vanish():
    masks = np.zeros((1, 128, 128), np.uint8)
    masks[:, 10:120, 40:60] = 255
    masks[:, 10:120, 61:80] = 255  # a gap of one pixel
    masks[:, 60, 80:110] = 255  # a line of one pixel
    noisy = degrade(masks, 1.0, np.random.default_rng(0))[0]
    assert (noisy[20:110, 60] > 0).mean() > 0.7
    assert (noisy[60, 85:] > 0).mean() < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_small_parts_are_dropped_and_large_ones_kept(seed: int):
    rng = np.random.default_rng(seed)
    masks = np.zeros((1, 128, 128), np.uint8)
    masks[:, 4:124, 60:80] = 255
    masks[:, 40:60, 20:40] = 255  # 17 % of the large one
    for _ in range(6):
        row, column = rng.integers(4, 110), rng.integers(90, 120)
        masks[:, row : row + 5, column : column + 5] = 255  # 1 % each
    areas = _blobs(degrade(masks, 0.2, rng)[0])
    assert len(areas) == 2
    assert areas[0] >= PART_SHARE * areas[1]


def test_parts_are_told_apart_as_opencv_does():
    """Shapes whose parts join late: a comb, a spiral, diagonal neighbours."""
    masks = np.zeros((1, 128, 128), np.uint8)
    for tooth in range(5):
        masks[:, 8:100, 10 + 16 * tooth : 18 + 16 * tooth] = 255
    masks[:, 92:100, 10:82] = 255
    cv2.line(masks[0], (84, 102), (124, 122), (255.0,), 5)
    kept = degrade(masks, 0.05, np.random.default_rng(0))[0]
    assert len(_blobs(kept)) == len([a for a in _blobs(masks[0]) if a >= PART_SHARE * max(_blobs(masks[0]))])


def test_the_seed_decides_and_empty_frames_stay_empty():
    masks = _bar(3)
    masks[1] = 0
    first, second = (degrade(masks, 1.0, np.random.default_rng(4)) for _ in range(2))
    assert (first == second).all()
    assert not first[1].any()
    assert first[0].any()


def test_a_body_that_touches_the_border_is_cut_there():
    masks = np.zeros((2, 128, 128), np.uint8)
    masks[:, :, 100:] = 255
    noisy = degrade(masks, 1.0, np.random.default_rng(0))
    assert (noisy[:, 6:-6, 106:122] > 0).mean() > 0.98
    assert not noisy[:, :, :94].any()


def test_sharpening_spreads_greys_and_keeps_black_white_and_the_outline():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sharp = sharpened(levels)
    assert (np.diff(sharp.ravel().astype(int)) >= 0).all()
    assert sharp.flat[0] == 0
    assert sharp.flat[-1] == 255
    assert ((sharp > 127) == (levels > 127)).all()
    assert ((sharp > 12) & (sharp < 243)).sum() < ((levels > 12) & (levels < 243)).sum()
