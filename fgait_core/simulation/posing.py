"""From gait channels to the vertices of a walking body: forward kinematics and linear blend skinning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.motion import CHANNEL_INDEX
from fgait_core.simulation.skeleton import BONE_INDEX, BONES, PARENTS, SPINE

Floats = NDArray[np.floating]

_DOWN = np.array([0.0, 0.0, -1.0])
_SPINE_SHARE = {"spine5": 0.15, "spine4": 0.4, "spine3": 0.65, "spine2": 0.85, "chest": 1.0}
"""How much of the turn from pelvis to chest each trunk bone has taken."""

_LIMBS = (("thigh", "thigh", "shank"), ("shank", "shank", "foot"), ("upper_arm", "uarm", "forearm"))
_FOREARM = ("forearm", "farm", "hand")


def rotation_about(axis: str, degrees: Floats) -> Floats:
    """Rotation matrices [..., 3, 3] about "x", "y" or "z"."""
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    zero, one = np.zeros_like(c), np.ones_like(c)
    rows = {
        "x": ((one, zero, zero), (zero, c, -s), (zero, s, c)),
        "y": ((c, zero, s), (zero, one, zero), (-s, zero, c)),
        "z": ((c, -s, zero), (s, c, zero), (zero, zero, one)),
    }[axis]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def yaw_roll_pitch(yaw: Floats, roll: Floats, pitch: Floats) -> Floats:
    """Rotations [..., 3, 3]: yaw brings the left side forward, roll lifts it, pitch leans forward; degrees."""
    return rotation_about("z", yaw) @ rotation_about("y", -roll) @ rotation_about("x", -pitch)


def shortest_rotation(start: Floats, end: Floats) -> Floats:
    """The rotation [..., 3, 3] by the smallest angle that takes unit vector `start` [3] to `end` [..., 3]."""
    start = np.broadcast_to(start, end.shape)
    cross = np.cross(start, end)
    cosine = np.sum(start * end, -1)
    skew = np.zeros((*end.shape[:-1], 3, 3))
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = -cross[..., 2], cross[..., 1], -cross[..., 0]
    skew[..., 1, 0], skew[..., 2, 0], skew[..., 2, 1] = cross[..., 2], -cross[..., 1], cross[..., 0]
    return np.eye(3) + skew + skew @ skew / np.maximum(1.0 + cosine, 1e-6)[..., None, None]


def limb_direction(sagittal: Floats, lateral: Floats, outward: float) -> Floats:
    """Unit vectors [frame, 3] of a limb from its two angles in degrees; `outward` is +1 left, -1 right."""
    forward, out = np.radians(sagittal), np.radians(lateral)
    return np.stack([np.sin(out) * outward, np.cos(out) * np.sin(forward), -np.cos(out) * np.cos(forward)], -1)


def bone_rotations(channels: Floats, joints_m: Floats, spine_deg: Floats, arm_abduction_deg: float = 0.0) -> Floats:
    """Global rotation of every bone.

    Args:
        channels: [frame, channel] as in `motion.CHANNELS`.
        joints_m: [bone, 3] at rest.
        spine_deg: [5, 3] extra yaw, roll, pitch of the trunk bones.
        arm_abduction_deg: how far a wide body holds its arms away.

    Returns:
        [frame, bone, 3, 3].
    """

    def of(name: str) -> Floats:
        return channels[:, CHANNEL_INDEX[name]]

    out = np.zeros((len(channels), len(BONES), 3, 3))
    pelvis = np.stack([of("pel_yaw"), of("pel_roll"), of("pel_pitch")])
    chest = np.stack([pelvis[0] + of("ch_yaw"), pelvis[1] + of("ch_roll"), of("ch_pitch")])
    out[:, BONE_INDEX["pelvis"]] = yaw_roll_pitch(*pelvis)
    for number, bone in enumerate(SPINE):
        angles = pelvis + (chest - pelvis) * _SPINE_SHARE[bone] + spine_deg[number][:, None]
        out[:, BONE_INDEX[bone]] = yaw_roll_pitch(*angles)
    neck_pitch = chest[2] * 0.5 + of("hd_pitch") * 0.5
    out[:, BONE_INDEX["neck"]] = yaw_roll_pitch(chest[0] * 0.5, chest[1] * 0.5 + of("hd_roll") * 0.5, neck_pitch)
    out[:, BONE_INDEX["head"]] = yaw_roll_pitch(chest[0] * 0.15, of("hd_roll"), of("hd_pitch"))
    pelvis_yaw = rotation_about("z", pelvis[0])
    chest_yaw = rotation_about("z", chest[0] + spine_deg[4, 0])
    for side, outward in (("l", 1.0), ("r", -1.0)):
        for bone, channel, following in (*_LIMBS, _FOREARM):
            arm = channel in ("uarm", "farm")
            index, next_index = BONE_INDEX[f"{side}_{bone}"], BONE_INDEX[f"{side}_{following}"]
            rest = joints_m[next_index] - joints_m[index]
            to_down = shortest_rotation(rest / np.linalg.norm(rest), _DOWN)
            lateral = of(f"{side}_{channel}_lat") + (arm_abduction_deg if arm else 0.0)
            wanted = limb_direction(of(f"{side}_{channel}_sag"), lateral, outward)
            out[:, index] = (chest_yaw if arm else pelvis_yaw) @ shortest_rotation(_DOWN, wanted) @ to_down
        out[:, BONE_INDEX[f"{side}_hand"]] = out[:, BONE_INDEX[f"{side}_forearm"]]
        turn_out = rotation_about("z", -outward * of(f"{side}_foot_lat"))
        lift = rotation_about("x", of(f"{side}_foot_sag"))
        out[:, BONE_INDEX[f"{side}_foot"]] = pelvis_yaw @ turn_out @ lift
    return out


def joint_positions(rotations: Floats, joints_m: Floats) -> Floats:
    """Where each bone begins [frame, bone, 3], the pelvis at the origin."""
    out = np.zeros((len(rotations), len(BONES), 3))
    for index, parent in enumerate(PARENTS):
        if parent >= 0:
            out[:, index] = out[:, parent] + rotations[:, parent] @ (joints_m[index] - joints_m[parent])
    return out


def skin(vertices_m: Floats, weights: Floats, joints_m: Floats, rotations: Floats, positions: Floats) -> Floats:
    """Linear blend skinning: vertices [frame, vertex, 3]."""
    offsets = positions - np.einsum("fbij,bj->fbi", rotations, joints_m)
    transforms = np.concatenate([rotations, offsets[..., None]], -1).reshape(len(rotations), len(BONES), 12)
    blended = (weights @ transforms.astype(np.float32)).reshape(len(rotations), len(vertices_m), 3, 4)
    moved = np.einsum("fvij,vj->fvi", blended[..., :3], vertices_m, optimize=True)
    return moved + blended[..., 3]
