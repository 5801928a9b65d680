"""Bones and skin: compiled code against plain numpy, and what angles mean."""

import numpy as np
import pytest

from benchmarks.simulation import plain_skin, plain_transforms
from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.mesh import Mesh, make_mesh, mesh_of
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, PARENTS
from fgait_core.simulation.gait.channels import CHANNEL_INDEX, CHANNELS
from fgait_core.simulation.picture.posing import bone_transforms, carried, skin

STILL = np.zeros((5, 3))


@pytest.fixture(scope="module")
def mesh(bank: BodyBank) -> Mesh:
    return mesh_of(bank)


def channels(seed: int = 0, spread: float = 15.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, spread, (6, len(CHANNELS)))


def standing(**angles: float) -> np.ndarray:
    out = np.zeros((1, len(CHANNELS)))
    for name, angle in angles.items():
        out[0, CHANNEL_INDEX[name]] = angle
    return out


def test_transforms_are_those_of_plain_numpy(bank: BodyBank):
    spine_deg = np.random.default_rng(1).normal(0.0, 10.0, (5, 3))
    for number in range(3):
        joints = bank.body(number).joints_m.astype(float)
        ours = bone_transforms(channels(number), joints, spine_deg, 5.0)
        plain = plain_transforms(channels(number), joints, spine_deg, 5.0)
        for one, other in zip(ours, plain, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


def test_bones_keep_their_length(bank: BodyBank):
    joints = bank.body(0).joints_m.astype(float)
    _, moved = bone_transforms(channels(), joints, STILL)
    for bone, parent in enumerate(PARENTS):
        if parent >= 0:
            length = np.linalg.norm(joints[bone] - joints[parent])
            np.testing.assert_allclose(np.linalg.norm(moved[:, bone] - moved[:, parent], axis=-1), length)


@pytest.mark.parametrize(
    ("angles", "bone", "axis", "sign"),
    [
        ({"pel_yaw": 20.0}, "l_thigh", 1, 1),  # the left hip comes forward
        ({"pel_roll": 20.0}, "l_thigh", 2, 1),  # the left hip rises
        ({"ch_pitch": 20.0}, "neck", 1, 1),  # the trunk leans forward
        ({"l_thigh_sag": 30.0}, "l_shank", 1, 1),  # the left knee comes forward
        ({"r_uarm_lat": 30.0}, "r_forearm", 0, -1),  # the right elbow goes out
    ],
    ids=lambda value: str(value),
)
def test_angles_mean_what_they_say(bank: BodyBank, angles: dict, bone: str, axis: int, sign: int):
    joints = bank.body(0).joints_m.astype(float)
    (_, still), (_, moved) = (bone_transforms(standing(**a), joints, STILL) for a in ({}, angles))
    assert sign * (moved - still)[0, BONE_INDEX[bone], axis] > 0.02


def test_limbs_hang_straight_down_at_angle_zero(bank: BodyBank):
    _, joints = bone_transforms(standing(), bank.body(3).joints_m.astype(float), STILL)
    for side in "lr":
        for start, end in (("thigh", "shank"), ("shank", "foot"), ("upper_arm", "forearm"), ("forearm", "hand")):
            along = joints[0, BONE_INDEX[f"{side}_{end}"]] - joints[0, BONE_INDEX[f"{side}_{start}"]]
            np.testing.assert_allclose(along / np.linalg.norm(along), (0.0, 0.0, -1.0), atol=1e-9)


def test_skin_follows_the_bones_and_stands_on_the_floor(bank: BodyBank, mesh: Mesh):
    body = bank.body(2)
    transforms, _ = bone_transforms(channels(spread=8.0), body.joints_m.astype(float), STILL)
    shift = np.zeros((6, 3), np.float32)
    shift[:, 0] = 0.1
    ours = np.empty((6, len(body.vertices_m), 3), np.float32)
    skin(body.vertices_m, mesh, transforms, shift, ours)
    plain = plain_skin(body.vertices_m, bank.weights, transforms) + np.array((0.1, 0.0, 0.0))
    # Only the four heaviest bones of a vertex count.
    assert np.linalg.norm(ours - plain, axis=-1).max() < 0.01
    assert np.linalg.norm(ours - plain, axis=-1).mean() < 5e-5
    np.testing.assert_allclose(ours[..., 2].min(1), 0.0, atol=1e-6)
    np.testing.assert_allclose(shift[:, :2], np.tile((0.1, 0.0), (6, 1)), atol=1e-6)


def test_what_a_bone_carries_moves_stiffly(bank: BodyBank):
    joints = bank.body(0).joints_m.astype(float)
    transforms, moved = bone_transforms(channels(), joints, STILL)
    points = joints[BONE_INDEX["head"]] + np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.3]])
    held = carried(transforms, "head", points)
    np.testing.assert_allclose(held[:, 0], moved[:, BONE_INDEX["head"]], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(held[:, 1] - held[:, 0], axis=-1), np.linalg.norm([0.1, 0.2, 0.3]))


def test_weights_of_a_vertex_sum_to_one(bank: BodyBank, mesh: Mesh):
    vertex = np.repeat(np.arange(len(bank.weights)), np.diff(mesh.vertex_start.astype(int)))
    np.testing.assert_allclose(np.bincount(vertex, mesh.entry_weight), 1.0, atol=1e-6)
    assert np.bincount(vertex).max() <= 4
    assert (bank.weights[vertex, mesh.entry_bone] > 0).all()
    assert (np.diff(mesh.entry_bone.astype(int))[np.diff(vertex) == 0] != 0).all()


def test_a_mesh_with_a_hole_is_refused(bank: BodyBank):
    with pytest.raises(ConfigError, match="holes"):
        make_mesh(bank.faces[1:], bank.weights)
