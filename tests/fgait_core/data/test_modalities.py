"""Skeleton maps and parsing maps are what poses and silhouettes say, and all modalities go the same way."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fgait_core.config import AugmentationConfig
from fgait_core.data.augmentation import ChannelRules, augment
from fgait_core.data.joints import LEFT_ANKLE, LEFT_HIP, LEFT_KNEE, LIMBS, RIGHT_ANKLE, RIGHT_HIP, RIGHT_KNEE
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.parsing_maps import MIRRORED, PARTS, one_channel_each, parse, parts_of_labels
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.data.skeleton_maps import HIGHEST_ROW_PX, LOWEST_ROW_PX, SIGMA_PX, placed, skeleton_maps
from fgait_core.errors import ConfigError

STANDING = np.array(
    [
        (0, 5), (-1, 4), (1, 4), (-2, 4.5), (2, 4.5),  # nose, eyes, ears
        (-6, 13), (6, 13), (-8, 22), (8, 22), (-9, 31), (9, 31),  # shoulders, elbows, wrists
        (-3, 31), (3, 31), (-4, 46), (4, 46), (-4, 61.5), (4, 61.5),  # hips, knees, ankles
    ],
    np.float32,
)  # fmt: skip
"""Joints of a body that stands with its back to the camera, so that left is left: x from the middle, y in rows."""


def poses(frames: int = 1, confidence: float = 1.0) -> np.ndarray:
    pose = np.zeros((frames, 17, 3), np.float32)
    pose[..., :2] = np.add(STANDING, (22, 0))
    pose[..., 2] = confidence
    return pose


def away2(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distance of each pixel's middle from a line, float64 [64, 44]."""
    y, x = np.mgrid[0:64, 0:44] + 0.5
    step = other.astype(float) - one
    along = np.clip(((x - one[0]) * step[0] + (y - one[1]) * step[1]) / max((step**2).sum(), 1e-9), 0, 1)
    return (x - one[0] - along * step[0]) ** 2 + (y - one[1] - along * step[1]) ** 2


def body() -> np.ndarray:
    """A silhouette around the standing pose, uint8 [64, 44]."""
    pose = poses()[0, :, :2]
    return (np.min([away2(pose[one], pose[other]) for one, other in LIMBS], axis=0) < 9).astype(np.uint8) * 255


def by_hand(pose: np.ndarray) -> np.ndarray:
    """Both maps from the formula, in float64: [2, 64, 44]."""

    def gaussian(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return 255 * min(one[2], other[2]) * np.exp(-away2(one[:2], other[:2]) / (2 * SIGMA_PX**2))

    joints = np.max([gaussian(joint, joint) for joint in pose], axis=0)
    return np.stack([joints, np.max([gaussian(pose[one], pose[other]) for one, other in LIMBS], axis=0)])


def test_maps_are_the_formula() -> None:
    rng = np.random.default_rng(0)
    pose = poses(5)
    pose[..., :2] += rng.normal(0, 2, (5, 17, 2))
    pose[..., 2] = rng.uniform(0.35, 1, (5, 17))
    maps = skeleton_maps(pose)
    assert maps.shape == (5, 2, 64, 44)
    for drawn, place in zip(maps, placed(pose), strict=True):
        np.testing.assert_allclose(drawn, by_hand(place), atol=0.6)


def test_a_pose_is_centred_by_the_hips_and_scaled_by_its_height() -> None:
    where = placed(poses())[0]
    assert where[:, 1].min() == pytest.approx(HIGHEST_ROW_PX)
    assert where[:, 1].max() == pytest.approx(LOWEST_ROW_PX)
    assert where[[LEFT_HIP, RIGHT_HIP], 0].mean() == pytest.approx(22)
    moved = poses()
    moved[..., :2] = moved[..., :2] * 7.5 + (400, -30)
    np.testing.assert_allclose(placed(moved)[0], where, atol=1e-4)
    lean = poses()
    lean[:, :11, 0] += 5
    np.testing.assert_allclose(placed(lean)[0, 11:], where[11:], atol=1e-5)


def test_a_joint_that_is_not_sure_vanishes_with_its_limbs() -> None:
    pose = poses()
    pose[0, LEFT_KNEE, 2] = 0.29
    joints, limbs = skeleton_maps(pose)[0]
    x, y = placed(poses())[0, LEFT_KNEE, :2].astype(int)
    whole = skeleton_maps(poses())[0]
    assert min(whole[0, y, x], whole[1, y, x]) > 200
    assert joints[y, x] < 5
    assert limbs[y, x] < 5
    weak = poses()
    weak[0, LEFT_KNEE, 2] = 0.5
    assert skeleton_maps(weak)[0, 0, y, x] == pytest.approx(whole[0, y, x] / 2, abs=1)


@pytest.mark.parametrize("kind", ["unseen", "nan", "one joint", "one line"])
def test_poses_that_say_nothing_are_black(kind: str) -> None:
    pose = poses()
    if kind == "unseen":
        pose[..., 2] = 0.1
    elif kind == "nan":
        pose[..., 0] = np.nan
    elif kind == "one joint":
        pose[0, 1:, 2] = 0
    else:
        pose[..., 1] = 10
    assert skeleton_maps(pose).max() == 0


def test_skeleton_maps_are_fast() -> None:
    """At least 3000 frames a second on one core; about 16 000 were measured."""
    many = poses(1500)
    skeleton_maps(many[:1])
    began_s = time.process_time()
    skeleton_maps(many)
    assert time.process_time() - began_s < 0.5


def test_each_pixel_of_a_body_gets_the_part_of_the_nearest_limb() -> None:
    labels = parse(body()[None], poses())[0]
    np.testing.assert_array_equal(labels > 0, body() > 0)
    places = [(22, 4), (22, 14), (13, 21), (30, 21), (18, 50), (26, 50)]
    assert [PARTS[labels[y, x] - 1] for x, y in places] == list(PARTS)
    pose = poses()
    pose[..., 0] = 44 - pose[..., 0]
    mirrored = parse(body()[None, :, ::-1], pose)[0]
    np.testing.assert_array_equal(mirrored[:, ::-1], labels)


def test_parts_without_sure_joints_go_to_their_neighbours() -> None:
    pose = poses()
    pose[0, [LEFT_KNEE, LEFT_ANKLE], 2] = 0
    labels = parse(body()[None], pose)[0]
    assert set(np.unique(labels).tolist()) == {0, 1, 2, 3, 4, 6}
    np.testing.assert_array_equal(labels > 0, body() > 0)
    assert parse(body()[None], poses(confidence=0.1)).max() == 0


def test_labels_of_other_data_sets_are_named_in_the_manifest() -> None:
    labels = np.array([0, 1, 2, 9, 15], np.uint8).reshape(1, 1, 1, 5)
    table = parts_of_labels({"1": "trunk", "2": "head", "9": "head"})
    channels = one_channel_each(labels, table)
    assert channels.shape == (1, 6, 1, 1, 5)
    assert channels[0, :, 0, 0].argmax(0).tolist()[1:4] == [1, 0, 0]
    assert channels[..., [0, 4]].max() == 0
    for wrong in ({"1": "tail"}, {"0": "head"}, {"16": "head"}, {"one": "head"}):
        with pytest.raises(ConfigError, match="parsing_parts"):
            parts_of_labels(wrong)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    """Twelve people with silhouettes, poses and parsing, made up."""
    path = tmp_path_factory.mktemp("shards") / "all"
    writer = ShardWriter(
        path, identity="test", manifest={}, columns={"scoliosis": "text"}, frame_rate_hz=25, poses=True, parsing=True
    )
    rng = np.random.default_rng(0)
    for person in range(12):
        pose = poses(8, 0.9)
        pose[:, [RIGHT_KNEE, RIGHT_ANKLE], 0] += rng.normal(0, 2, (8, 2))
        frames = np.repeat(body()[None], 8, axis=0)
        label = ("negative", "positive")[person % 2]
        writer.add(f"s{person}", f"p{person}", frames, {"scoliosis": label}, poses=pose, parsing=parse(frames, pose))
    return writer.finish()


def test_shards_and_recordings_show_the_same(folder: ShardFolder) -> None:
    rows = np.arange(8)[None]
    for modality in MODALITIES.values():
        clips = modality.clips(folder, rows)
        assert clips.dtype == np.uint8
        assert clips.shape == (1, modality.channels, 8, 64, 44)
        assert clips.max() > 200
        pictures = modality.pictures(folder.take(rows[0]) * np.uint8(255), folder.take_poses(rows[0]))
        np.testing.assert_array_equal(pictures.swapaxes(0, 1), clips[0])


def test_data_without_poses_are_refused(train_shards: Path) -> None:
    with pytest.raises(ConfigError, match="holds no poses"):
        MODALITIES["skeleton_maps"].require(read_shards(train_shards))
    with pytest.raises(ConfigError, match="holds no parsing"):
        MODALITIES["parsing_maps"].require(read_shards(train_shards))


def test_a_mirror_swaps_the_sides_of_the_body(folder: ShardFolder) -> None:
    """A mirrored clip is the clip of the mirrored walk: its left arm is where the right one was."""
    clips = MODALITIES["parsing_maps"].clips(folder, np.arange(4)[None])
    flip = AugmentationConfig(affine=0, perspective=0, flip=1, dilate=0, blur=0)
    flipped = augment(clips, flip, np.random.default_rng(0), ChannelRules(MIRRORED, smooth=False))
    np.testing.assert_array_equal(flipped, clips[:, list(MIRRORED), :, :, ::-1])
    assert [PARTS[part] for part in MIRRORED] == ["head", "trunk", "right_arm", "left_arm", "right_leg", "left_leg"]


def test_labels_are_moved_without_mixing(folder: ShardFolder) -> None:
    clips = MODALITIES["parsing_maps"].clips(folder, np.arange(4)[None])
    move = AugmentationConfig(affine=1, perspective=1, rotate=1, flip=1, dilate=0, blur=0)
    moved = augment(clips, move, np.random.default_rng(1), ChannelRules(MIRRORED, smooth=False))
    assert set(np.unique(moved).tolist()) == {0, 255}
    assert moved.sum(axis=1, dtype=int).max() == 255  # no pixel in two parts
    assert (moved != clips).any()


def test_input_of_the_network() -> None:
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 64, 44), np.uint8)
    seen = to_network(clips)
    assert seen.dtype == torch.float32
    np.testing.assert_array_equal(seen.numpy(), clips.astype(np.float32) / np.float32(255))
    assert to_network(clips[:, 0]).shape == (2, 1, 4, 64, 44)
    assert to_network(clips, dtype=torch.float64).dtype == torch.float64
