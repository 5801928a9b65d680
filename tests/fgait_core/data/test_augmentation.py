"""The augmentations equal the published ones on golden draws, and only change what they should."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fgait_core.config import AugmentationConfig
from fgait_core.data.augmentation import (
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


def test_nothing_changes_at_probability_zero_and_the_generator_decides_the_rest(golden: dict[str, np.ndarray]) -> None:
    clips = np.stack([golden["seq"][None, :, :, 10:54]] * 6)
    never = AugmentationConfig(affine=0, perspective=0, rotate=0, flip=0, dilate=0, blur=0)
    np.testing.assert_array_equal(augment(clips, never, np.random.default_rng(1)), clips)
    always = AugmentationConfig(affine=1, perspective=1, rotate=1, flip=1, dilate=1, blur=1)
    first, again, other = (augment(clips, always, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[0] != first[1]).any()


def test_flip_mirrors_the_whole_clip(golden: dict[str, np.ndarray]) -> None:
    clips = golden["seq"][None, None, :, :, 10:54]
    only_flip = AugmentationConfig(affine=0, perspective=0, rotate=0, flip=1, dilate=0, blur=0)
    np.testing.assert_array_equal(augment(clips, only_flip, np.random.default_rng(1)), clips[..., ::-1])
