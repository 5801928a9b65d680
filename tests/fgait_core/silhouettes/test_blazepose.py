"""BlazePose finds people wherever they are and however the picture is turned."""

import cv2
import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.silhouettes import BlazePoseSegmenter, Region
from fgait_core.silhouettes.blazepose import detector_anchors, tiles_of
from fgait_core.silhouettes.segmenter import ANKLES, NOSE
from fgait_core.silhouettes.video import probe_video, read_frames


@pytest.fixture(scope="module")
def frame(sample_video):
    """Frame 120: the walker in the lower middle, the acrobat on the roof."""
    info = probe_video(sample_video)
    return next(f.rgb() for f in read_frames(sample_video, info) if f.index == 120)


@pytest.fixture(scope="module")
def walker(frame, segmenter):
    found = [segmenter.segment(frame, d.region) for d in segmenter.detect(frame)]
    return max((p for p in found if p is not None), key=lambda p: p.landmarks_px[:, 1].mean())


def test_anchors_are_those_of_the_model():
    anchors = detector_anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[0], [0.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(anchors[28 * 28 * 2], [0.5 / 14, 0.5 / 14])
    np.testing.assert_allclose(anchors[-1], [6.5 / 7, 6.5 / 7])


@pytest.mark.parametrize("size", [(994, 1768), (1920, 1080), (100, 100)])
def test_tiles_cover_the_frame_and_overlap_by_half(size):
    covered = np.zeros(size, int)
    for x0, y0, x1, y1 in tiles_of(*size):
        assert 0 <= x0 < x1 <= size[1]
        assert 0 <= y0 < y1 <= size[0]
        covered[y0:y1, x0:x1] += 1
    assert covered.min() >= 3


def test_both_people_are_found(frame, segmenter, walker):
    assert walker.score > 0.9
    assert 780 < walker.next_region.x_px < 900
    assert walker.landmarks_px[NOSE, 1] < walker.landmarks_px[list(ANKLES), 1].min() - 250
    tops = [d.region.y_px for d in segmenter.detect(frame)]
    assert min(tops) < 350
    assert max(tops) > 600


def test_small_people_are_found_when_thorough(frame, segmenter):
    canvas = np.full((1080, 1920, 3), 120, np.uint8)
    small = cv2.resize(frame[480:960, 700:980], None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    canvas[600 : 600 + small.shape[0], 900 : 900 + small.shape[1]] = small
    found = segmenter.detect(canvas, thorough=True)
    assert any(abs(d.region.x_px - 956) < 60 and abs(d.region.y_px - 700) < 60 for d in found)


def test_mask_lies_over_the_walker(walker):
    region, mask = walker.mask_region, walker.mask
    assert set(np.unique(mask)) == {0, 255}
    pixel = region.size_px / 256
    rows, _ = np.nonzero(mask)
    top = region.y_px - region.size_px / 2 + rows.min() * pixel
    bottom = region.y_px - region.size_px / 2 + rows.max() * pixel
    assert top < walker.landmarks_px[NOSE, 1] < top + 80
    assert abs(bottom - walker.landmarks_px[27:, 1].max()) < 30
    assert 0.08 < (mask > 0).mean() < 0.3


def test_landmarks_move_with_the_picture(frame, segmenter, walker):
    shifted = np.roll(frame, 90, axis=1)
    region = walker.next_region
    here = segmenter.segment(frame, region)
    moved = Region(region.x_px + 90, region.y_px, region.size_px, region.angle_rad)
    there = segmenter.segment(shifted, moved)
    np.testing.assert_allclose(there.landmarks_px - here.landmarks_px, np.tile([90, 0], (33, 1)), atol=2)


def test_a_turned_region_gives_upright_mask_and_world(frame, segmenter, walker):
    region = segmenter.segment(frame, walker.next_region).next_region
    left, right = (
        segmenter.segment(frame, Region(region.x_px, region.y_px, region.size_px, region.angle_rad + turn))
        for turn in (-0.3, 0.3)
    )
    common = (left.mask > 0) & (right.mask > 0)
    either = (left.mask > 0) | (right.mask > 0)
    assert common.sum() / either.sum() > 0.7
    # The network itself leans towards upright; without turning back the two would be 34 degrees apart or more.
    trunks = [p.world_m[11:13].mean(axis=0) - p.world_m[23:25].mean(axis=0) for p in (left, right)]
    leans = [np.degrees(np.arctan2(trunk[0], -trunk[1])) for trunk in trunks]
    assert abs(leans[0] - leans[1]) < 22


def test_nobody_in_the_region(frame, segmenter):
    assert segmenter.segment(frame, Region(300.0, 700.0, 200.0)) is None
    assert segmenter.segment(frame, Region(-4000.0, -4000.0, 300.0)) is None


def test_unknown_variant():
    with pytest.raises(ConfigError, match="full"):
        BlazePoseSegmenter("enormous")
