"""From gait channels to the vertices of a walking body: forward kinematics and linear blend skinning, compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.mesh import Mesh
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, PARENTS, SPINE
from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.outfit.clothing import DressedBody

Floats = NDArray[np.floating]

_SPINE_SHARE = (0.15, 0.4, 0.65, 0.85, 1.0)
"""How much of the turn from pelvis to chest each trunk bone has taken."""

_PELVIS = tuple(CHANNEL_INDEX[name] for name in ("pel_yaw", "pel_roll", "pel_pitch"))
_CHEST = tuple(CHANNEL_INDEX[name] for name in ("ch_yaw", "ch_roll", "ch_pitch"))
_HEAD = tuple(CHANNEL_INDEX[name] for name in ("hd_roll", "hd_pitch"))
_TRUNK_BONES = tuple(BONE_INDEX[name] for name in ("pelvis", *SPINE, "neck", "head"))
_LIMBS = tuple(
    (
        BONE_INDEX[f"{side}_{bone}"],
        BONE_INDEX[f"{side}_{following}"],
        CHANNEL_INDEX[f"{side}_{channel}_sag"],
        CHANNEL_INDEX[f"{side}_{channel}_lat"],
        outward,
        int(channel in ("uarm", "farm")),
    )
    for side, outward in (("l", 1), ("r", -1))
    for bone, channel, following in (
        ("thigh", "thigh", "shank"),
        ("shank", "shank", "foot"),
        ("upper_arm", "uarm", "forearm"),
        ("forearm", "farm", "hand"),
    )
)
_ENDS = tuple(
    (
        BONE_INDEX[f"{side}_hand"],
        BONE_INDEX[f"{side}_forearm"],
        BONE_INDEX[f"{side}_foot"],
        CHANNEL_INDEX[f"{side}_foot_sag"],
        CHANNEL_INDEX[f"{side}_foot_lat"],
        outward,
    )
    for side, outward in (("l", 1), ("r", -1))
)


@njit(cache=True)
def _yaw_roll_pitch(yaw, roll, pitch, out):  # pragma: no cover - compiled
    """Yaw brings the left side forward, roll lifts it, pitch leans forward; degrees."""
    cy, sy = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cr, sr = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    cp, sp = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    out[0, 0], out[0, 1], out[0, 2] = cy * cr, cy * sr * sp - sy * cp, -cy * sr * cp - sy * sp
    out[1, 0], out[1, 1], out[1, 2] = sy * cr, sy * sr * sp + cy * cp, -sy * sr * cp + cy * sp
    out[2, 0], out[2, 1], out[2, 2] = sr, -cr * sp, cr * cp


@njit(cache=True)
def _times(left, right, out):  # pragma: no cover - compiled
    for i in range(3):
        for j in range(3):
            out[i, j] = left[i, 0] * right[0, j] + left[i, 1] * right[1, j] + left[i, 2] * right[2, j]


@njit(cache=True)
def _shortest(ax, ay, az, bx, by, bz, out):  # pragma: no cover - compiled
    """The rotation by the smallest angle that takes unit vector a to unit vector b."""
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    cosine = ax * bx + ay * by + az * bz
    k = 1.0 / max(1.0 + cosine, 1e-6)
    out[0, 0], out[0, 1], out[0, 2] = cosine + k * x * x, k * x * y - z, k * x * z + y
    out[1, 0], out[1, 1], out[1, 2] = k * x * y + z, cosine + k * y * y, k * y * z - x
    out[2, 0], out[2, 1], out[2, 2] = k * x * z - y, k * y * z + x, cosine + k * z * z


@njit(cache=True)
def _pose_trunk(channels, spine_deg, out):  # pragma: no cover - compiled
    pelvis_yaw, pelvis_roll, pelvis_pitch = channels[_PELVIS[0]], channels[_PELVIS[1]], channels[_PELVIS[2]]
    chest_yaw, chest_roll = pelvis_yaw + channels[_CHEST[0]], pelvis_roll + channels[_CHEST[1]]
    chest_pitch, head_roll, head_pitch = channels[_CHEST[2]], channels[_HEAD[0]], channels[_HEAD[1]]
    _yaw_roll_pitch(pelvis_yaw, pelvis_roll, pelvis_pitch, out[_TRUNK_BONES[0]])
    for number in range(5):
        share = _SPINE_SHARE[number]
        _yaw_roll_pitch(
            pelvis_yaw + (chest_yaw - pelvis_yaw) * share + spine_deg[number, 0],
            pelvis_roll + (chest_roll - pelvis_roll) * share + spine_deg[number, 1],
            pelvis_pitch + (chest_pitch - pelvis_pitch) * share + spine_deg[number, 2],
            out[_TRUNK_BONES[1 + number]],
        )
    neck_roll, neck_pitch = 0.5 * (chest_roll + head_roll), 0.5 * (chest_pitch + head_pitch)
    _yaw_roll_pitch(0.5 * chest_yaw, neck_roll, neck_pitch, out[_TRUNK_BONES[6]])
    _yaw_roll_pitch(0.15 * chest_yaw, head_roll, head_pitch, out[_TRUNK_BONES[7]])
    return pelvis_yaw, chest_yaw + spine_deg[4, 0]


@njit(cache=True)
def _pose_limb(limb, channels, joints, turn, abduction_deg, out, scratch):  # pragma: no cover - compiled
    bone, following, sagittal, lateral, outward, is_arm = limb
    x, y = joints[following, 0] - joints[bone, 0], joints[following, 1] - joints[bone, 1]
    z = joints[following, 2] - joints[bone, 2]
    length = np.sqrt(x * x + y * y + z * z)
    _shortest(x / length, y / length, z / length, 0.0, 0.0, -1.0, scratch[0])
    forward, out_angle = np.radians(channels[sagittal]), np.radians(channels[lateral] + abduction_deg * is_arm)
    across, ahead = np.sin(out_angle) * outward, np.cos(out_angle) * np.sin(forward)
    _shortest(0.0, 0.0, -1.0, across, ahead, -np.cos(out_angle) * np.cos(forward), scratch[1])
    _times(scratch[1], scratch[0], scratch[2])
    _yaw_roll_pitch(turn, 0.0, 0.0, scratch[0])
    _times(scratch[0], scratch[2], out[bone])


@njit(cache=True)
def _pose_frame(channels, joints, spine_deg, abduction_deg, out, scratch):  # pragma: no cover - compiled
    pelvis_yaw, chest_yaw = _pose_trunk(channels, spine_deg, out)
    for limb in _LIMBS:
        _pose_limb(limb, channels, joints, chest_yaw if limb[5] else pelvis_yaw, abduction_deg, out, scratch)
    for hand, forearm, foot, lift, turn_out, outward in _ENDS:
        out[hand] = out[forearm]
        _yaw_roll_pitch(pelvis_yaw - outward * channels[turn_out], 0.0, -channels[lift], out[foot])


@njit(cache=True)
def _transforms(channels, joints, parents, spine_deg, abduction_deg):  # pragma: no cover - compiled
    """Rotations and shifts [frame, bone, 3, 4] and where the bones begin [frame, bone, 3], pelvis at the origin."""
    frames, bones = channels.shape[0], joints.shape[0]
    transforms, positions = np.empty((frames, bones, 3, 4)), np.zeros((frames, bones, 3))
    turned, scratch = np.empty((bones, 3, 3)), np.empty((3, 3, 3))
    for frame in range(frames):
        _pose_frame(channels[frame], joints, spine_deg, abduction_deg, turned, scratch)
        for bone in range(bones):
            parent = parents[bone]
            for i in range(3):
                place, rest = 0.0, 0.0
                for j in range(3):
                    if parent >= 0:
                        place += turned[parent, i, j] * (joints[bone, j] - joints[parent, j])
                    rest += turned[bone, i, j] * joints[bone, j]
                    transforms[frame, bone, i, j] = turned[bone, i, j]
                if parent >= 0:
                    positions[frame, bone, i] = positions[frame, parent, i] + place
                transforms[frame, bone, i, 3] = positions[frame, bone, i] - rest
    return transforms, positions


def bone_transforms(
    channels: Floats, joints_m: Floats, spine_deg: Floats, arm_abduction_deg: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How every bone moves from rest, in the body's frame.

    Args:
        channels: [frame, channel] as in `channels.CHANNELS`.
        joints_m: [bone, 3] at rest.
        spine_deg: [5, 3] extra yaw, roll, pitch of the trunk bones.
        arm_abduction_deg: how far a wide body holds its arms away.

    Returns:
        float64 [frame, bone, 3, 4], rotation and shift from rest, and [frame, bone, 3], where each bone begins.
    """
    return _transforms(
        np.ascontiguousarray(channels, np.float64),
        np.ascontiguousarray(joints_m, np.float64),
        np.array(PARENTS),
        np.ascontiguousarray(spine_deg, np.float64),
        float(arm_abduction_deg),
    )


@njit(cache=True)
def _skin(transforms, rest, vertex_start, entry_bone, entry_weight, shift, out):  # pragma: no cover - compiled
    for frame in range(transforms.shape[0]):
        lowest = np.float32(np.inf)
        for vertex in range(rest.shape[0]):
            x, y, z = rest[vertex, 0], rest[vertex, 1], rest[vertex, 2]
            left, ahead, up = shift[frame, 0], shift[frame, 1], np.float32(0.0)
            for entry in range(vertex_start[vertex], vertex_start[vertex + 1]):
                weight, m = entry_weight[entry], transforms[frame, entry_bone[entry]]
                left += weight * (m[0] * x + m[1] * y + m[2] * z + m[3])
                ahead += weight * (m[4] * x + m[5] * y + m[6] * z + m[7])
                up += weight * (m[8] * x + m[9] * y + m[10] * z + m[11])
            out[frame, vertex, 0], out[frame, vertex, 1], out[frame, vertex, 2] = left, ahead, up
            lowest = min(lowest, up)
        for vertex in range(rest.shape[0]):
            out[frame, vertex, 2] -= lowest
        shift[frame, 2] = -lowest


def skin(
    vertices_m: NDArray[np.float32],
    mesh: Mesh,
    transforms: NDArray[np.float64],
    shift_m: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Linear blend skinning of the mesh, its lowest point on the floor.

    Args:
        vertices_m: float32 [vertex, 3] at rest.
        mesh: of the bank.
        transforms: [frame, bone, 3, 4] from `bone_transforms`.
        shift_m: float32 [frame, 3], added left and forward; its third number is set to how far the floor is below.
        out: float32 [frame, point, 3], whose first points are set.
    """
    vertices = np.ascontiguousarray(vertices_m, np.float32)
    moves = transforms.astype(np.float32).reshape(*transforms.shape[:2], 12)
    _skin(moves, vertices, mesh.vertex_start, mesh.entry_bone, mesh.entry_weight, shift_m, out)


@dataclass(frozen=True, slots=True, eq=False)
class PosedBody:
    """A body in the walker's frame: the lowest point of the mesh on the floor, swaying about the middle of its path.

    Attributes:
        points_m: float32 [frame, vertex, 3]: the mesh, then the points of each part.
        transforms: float64 [frame, bone, 3, 4], rotation and shift of each bone from rest.
        joints_m: float64 [frame, 21, 3]: where each of `BONES` begins, then the crown of the head.
    """

    points_m: NDArray[np.float32]
    transforms: NDArray[np.float64]
    joints_m: NDArray[np.float64]


def pose_body(body: Body, dressed: DressedBody, mesh: Mesh, spine_deg: Floats, channels: Floats) -> PosedBody:
    """Poses a dressed body.

    Args:
        body: the body below the clothes.
        dressed: mesh and parts at rest.
        mesh: of the bank.
        spine_deg: [5, 3] static yaw, roll, pitch of the trunk bones.
        channels: [frame, channel].
    """
    abduction_deg = float(np.clip((body.bmi - 22.0) * 0.55, -1.0, 8.0))
    transforms, joints = bone_transforms(channels, body.joints_m, spine_deg, abduction_deg)
    count, frames = len(dressed.vertices_m), len(channels)
    points = np.empty((frames, count + sum(len(part.points_m) for part in dressed.parts), 3), np.float32)
    shift = np.zeros((frames, 3), np.float32)
    shift[:, 0] = channels[:, CHANNEL_INDEX["px"]] * body.leg_m
    skin(dressed.vertices_m, mesh, transforms, shift, points)
    transforms[..., 3] += shift[:, None]
    for part in dressed.parts:
        own = points[:, count : count + len(part.points_m)]
        own[:] = part.points_m if part.bone is None else carried(transforms, part.bone, part.points_m)
        count += len(part.points_m)
    crown = carried(transforms, "head", body.vertices_m[[body.vertices_m[:, 2].argmax()]])
    return PosedBody(points, transforms, np.concatenate([joints + shift[:, None], crown], 1))


def carried(transforms: NDArray[np.float64], bone: str, points_m: Floats) -> NDArray[np.float64]:
    """Points [point, 3] at rest that move stiffly with a bone: float64 [frame, point, 3]."""
    moves = transforms[:, BONE_INDEX[bone]]
    return points_m @ np.swapaxes(moves[..., :3], 1, 2) + moves[:, None, :, 3]
