"""The augmentations equal the published ones on golden draws, and only change what they should."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fgait_core.config import AugmentationConfig
from fgait_core.data.augmentation import (
    ChannelRules,
    affine_matrix,
    augment,
    blur_band,
    dilate_band,
    perspective_matrix,
    rotation_matrix,
    warp,
)

SHAPES = {"RECT": cv2.MORPH_RECT, "CROSS": cv2.MORPH_CROSS, "ELLIPSE": cv2.MORPH_ELLIPSE}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parents[2] / "golden" / "golden_transforms.npz") as stored:
        return dict(stored)


def draws(golden: dict[str, np.ndarray], name: str) -> list:
    return [value for _, value in json.loads(str(golden["meta"]))[name]][1:]


@pytest.mark.parametrize("name", ["affine_0", "affine_1", "affine_2", "affine_3", "affine44_0", "affine44_1"])
def test_affine(golden: dict[str, np.ndarray], name: str) -> None:
    clip = golden["seq"][:, :, 10:54] if "44" in name else golden["seq"]
    points = np.array(draws(golden, name)).reshape(2, 3, 2)
    moved = warp(clip, affine_matrix(points[0], points[1], *clip.shape[1:]))
    assert np.abs(moved.astype(int) - golden[name]).max() <= 1


@pytest.mark.parametrize(
    "name", ["perspective_0", "perspective_1", "perspective_2", "perspective_3", "perspective44_0"]
)
def test_perspective(golden: dict[str, np.ndarray], name: str) -> None:
    clip = golden["seq"][:, :, 10:54] if "44" in name else golden["seq"]
    top_left, top_right, bottom_left, bottom_right = draws(golden, name)
    matrix = perspective_matrix((top_left, bottom_left), (top_right, bottom_right), *clip.shape[1:])
    assert np.abs(warp(clip, matrix).astype(int) - golden[name]).max() <= 1


@pytest.mark.parametrize("name", ["rotate64_0", "rotate64_1"])
def test_rotation(golden: dict[str, np.ndarray], name: str) -> None:
    clip = golden["seq"]
    moved = warp(clip, rotation_matrix(draws(golden, name)[0], *clip.shape[1:]))
    assert np.abs(moved.astype(int) - golden[name]).max() <= 1


@pytest.mark.parametrize("name", ["rotate44_0", "rotate44_1"])
def test_rotation_of_narrow_frames_is_off_centre_as_published_or_about_the_middle(
    golden: dict[str, np.ndarray], name: str
) -> None:
    clip, degrees = golden["seq"][:, :, 10:54], draws(golden, name)[0]
    published = warp(clip, rotation_matrix(degrees, 64, 44, off_centre=True))
    assert np.abs(published - golden[name] * 255).max() <= 1
    middle = rotation_matrix(degrees, 64, 44)
    np.testing.assert_allclose(middle @ (22, 32, 1), (22, 32), atol=1e-9)


def test_flip_and_cut(golden: dict[str, np.ndarray]) -> None:
    """Cutting leaves the middle 44 columns; the golden flips were always on."""
    clips = golden["seq"][None, None, :, :, 10:54]
    np.testing.assert_allclose(clips[0, 0] / 255, golden["cut_0"], atol=1e-6)
    mirrored = augment(clips, only(flip=1), np.random.default_rng(0))
    np.testing.assert_allclose(mirrored[0, 0] / 255, golden["flip_0"], atol=1e-6)


@pytest.mark.parametrize("name", ["dilate_0", "dilate_1", "dilate_2", "dilate_3"])
def test_dilation(golden: dict[str, np.ndarray], name: str) -> None:
    shape, size, top, bottom = draws(golden, name)
    kernel = np.asarray(cv2.getStructuringElement(SHAPES[shape], size), np.uint8)
    thicker = dilate_band(golden["seq"][:, :, 10:54], kernel, top, bottom)
    np.testing.assert_allclose(thicker / 255, golden[name], atol=1e-6)


@pytest.mark.parametrize("name", ["blur_0", "blur_1"])
def test_blur(golden: dict[str, np.ndarray], name: str) -> None:
    top, bottom = draws(golden, name)
    blurred = blur_band(golden["seq"][:, :, 10:54], top, bottom)
    np.testing.assert_allclose(blurred[:, top:bottom] / 255, golden[name][:, top:bottom], atol=1e-6)


def only(**chances: float) -> AugmentationConfig:
    """Nothing but these."""
    nothing = dict.fromkeys(("affine", "perspective", "rotate", "flip", "dilate", "blur", "erase"), 0.0)
    return AugmentationConfig(**nothing | chances)


def test_nothing_changes_at_probability_zero_and_the_generator_decides_the_rest(golden: dict[str, np.ndarray]) -> None:
    clips = np.stack([golden["seq"][None, :, :, 10:54]] * 6)
    np.testing.assert_array_equal(augment(clips, only(), np.random.default_rng(1)), clips)
    always = AugmentationConfig(affine=1, perspective=1, rotate=1, flip=1, dilate=1, blur=1, erase=1)
    first, again, other = (augment(clips, always, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[0] != first[1]).any()


def test_each_clip_may_have_its_own_generator(golden: dict[str, np.ndarray]) -> None:
    clips = np.stack([golden["seq"][None, :, :, 10:54]] * 4)
    always = AugmentationConfig(affine=1, perspective=1, rotate=1, erase=1)
    together = augment(clips, always, [np.random.default_rng(i) for i in range(4)])
    apart = [augment(clips[i : i + 1], always, np.random.default_rng(i))[0] for i in range(4)]
    np.testing.assert_array_equal(together, np.stack(apart))


@pytest.mark.parametrize("name", ["affine", "perspective", "rotate", "flip", "dilate", "blur", "erase"])
def test_probabilities(golden: dict[str, np.ndarray], name: str) -> None:
    clips = np.stack([golden["seq"][None, :1, :, 10:54]] * 400)
    changed = augment(clips, only(**{name: 0.2}), np.random.default_rng(5))
    share = (changed != clips).reshape(400, -1).any(axis=1).mean()
    # Some draws of affine, perspective and erase leave this body as it is.
    assert 0.12 < share < 0.27


def test_erasing_blackens_one_box_of_the_published_size() -> None:
    white = np.full((300, 2, 3, 64, 44), 255, np.uint8)
    erased = augment(white, only(erase=1), np.random.default_rng(0)) == 0
    assert (erased == erased[:, :1, :1]).all()  # the same box in all channels and frames
    shares, aspects = [], []
    for box in erased[:, 0, 0]:
        rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        assert box.sum() == len(rows) * len(columns)
        assert np.ptp(rows) == len(rows) - 1
        shares.append(box.mean())
        aspects.append(len(rows) / len(columns))
    assert 0.04 < min(shares) < 0.07
    assert 0.18 < max(shares) < 0.21
    assert 0.25 < min(aspects) < 0.6
    assert 2.9 < max(aspects) < 3.8


def test_channels_move_together(golden: dict[str, np.ndarray]) -> None:
    clip = golden["seq"][:, :, 10:54]
    moved = augment(
        np.stack([clip, clip])[None],
        AugmentationConfig(affine=1, perspective=1, rotate=1, flip=1, dilate=1, blur=1, erase=1),
        np.random.default_rng(3),
        ChannelRules(mirrored=(1, 0)),
    )
    np.testing.assert_array_equal(moved[0, 0], moved[0, 1])
