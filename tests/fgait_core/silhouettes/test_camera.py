"""The motion of the camera is found, and the walker is not taken for the background."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fgait_core.silhouettes.camera import GREY_WIDTH_PX, CameraPath, background_shift
from fgait_core.silhouettes.video import probe_video, read_frames

_spec = importlib.util.spec_from_file_location("red_figure", Path(__file__).with_name("red_figure.py"))
red_figure = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(red_figure)


@pytest.fixture(scope="module")
def greys(sample_video):
    info = probe_video(sample_video)
    return [frame.grey(2 * GREY_WIDTH_PX) for frame in read_frames(sample_video, info) if frame.index % 3 == 0]


def test_still_camera_does_not_move(sample_video):
    info, camera = probe_video(sample_video), CameraPath()
    at = [camera.follow(frame, info.width_px) for frame in read_frames(sample_video, info)]
    assert np.abs(at).max() < 5
    assert camera.mean_speed < 0.001


def test_a_pan_is_measured(greys):
    truth = np.array([3 * i for i in range(len(greys))])
    cut = [np.ascontiguousarray(p[60:240, x : x + 320]) for p, x in zip(greys, truth, strict=True)]
    found = np.cumsum([background_shift(a, b)[0] for a, b in pairwise(cut)])
    np.testing.assert_allclose(found, -truth[1:], atol=12)


def test_a_walker_before_a_plain_wall_is_not_the_background():
    pictures = [red_figure.picture(x)[..., 0] for x in (100, 112)]
    plain = [np.where(p > 180, 255, 128).astype(np.uint8)[::2, ::2] for p in pictures]
    np.testing.assert_array_equal(background_shift(*(np.ascontiguousarray(p) for p in plain)), [0, 0])


@pytest.mark.parametrize("now", [np.full((180, 320), 90, np.uint8), np.zeros((180, 320), np.uint8)])
def test_a_blank_picture_is_no_motion(now, greys):
    before = np.ascontiguousarray(greys[0][:180, :320])
    np.testing.assert_array_equal(background_shift(before, now), [0, 0])
    np.testing.assert_array_equal(background_shift(now, before), [0, 0])
