"""Everybody in a recording is found; the one who walks furthest in full view is number 1."""

import numpy as np
import pytest

from fgait_core.errors import NoWalkerError, OperationCancelled
from fgait_core.silhouettes import find_people


def test_sample_the_walker_is_number_one_and_the_acrobat_number_two(sample):
    first, second = sample.people[:2]
    assert [person.number for person in sample.people] == list(range(1, len(sample.people) + 1))
    assert first.travel_body_heights > 2
    assert first.in_full_view
    assert 4 < first.visible_s < 7.7
    # The walker is on the grass, the acrobat on the roof.
    assert first.box_px[1] > 480
    assert second.box_px[3] < 520


def test_no_doubles_and_no_ghosts(sample):
    assert len(sample.people) == 2


def test_thumbnails_are_small_pictures_of_the_person(sample):
    for person in sample.people:
        height, width, channels = person.thumbnail_rgb.shape
        assert 100 < height <= 240
        assert 30 < width < 240
        assert channels == 3
        assert person.thumbnail_rgb.std() > 20
        x0, _, x1, _ = person.box_px
        assert x0 < person.seed_roi.x_px < x1


def test_every_candidate_can_be_followed_from_its_seed(sample):
    for person in sample.people:
        times = [at_s for at_s, _ in person.anchors]
        assert person.seed_time_s in times
        assert times == sorted(times)


def test_nobody_in_the_picture(make_clip, segmenter):
    grass = np.random.default_rng(3).integers(60, 120, (12, 180, 320, 3), np.uint8)
    with pytest.raises(NoWalkerError, match="Film the whole person"):
        find_people(make_clip(grass, "grass.mp4"), segmenter)


def test_the_search_can_be_cancelled(sample_video, segmenter):
    with pytest.raises(OperationCancelled):
        find_people(sample_video, segmenter, cancelled=lambda: True)
