"""Poses of simulated silhouettes: where COCO's joints are in them, and how well a camera sees them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.data.parsing_maps import BODY_ABOVE
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX
from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.mesh import Mesh
from fgait_core.simulation.bodies.skeleton import BONE_INDEX

_SEEN, _GUESSED, _HIDDEN = 0.95, 0.4, 0.1
"""Confidence of a joint in the open, behind the body, and where no body is to be seen."""

_NEAR_OUTLINE_PX = 2
_EYE_ABOVE_NOSE = 0.23
"""As a share of the way from the tip of the nose to the crown."""
_EYE_ASIDE = 0.21
"""As a share of the head's width: eyes are 63 mm apart on a head of 150 mm."""

_LIMB_BONES = tuple(
    BONE_INDEX[f"{side}_{bone}"]
    for bone in ("upper_arm", "forearm", "hand", "thigh", "shank", "foot")
    for side in ("l", "r")
)


def face_points(body: Body, mesh: Mesh) -> NDArray[np.float64]:
    """Nose, left eye, right eye, left ear and right ear of a body at rest: float64 [5, 3]."""
    head = body.vertices_m[mesh.main_bone == BONE_INDEX["head"]].astype(np.float64)
    low, high = head.min(0), head.max(0)
    middle, width = (low[0] + high[0]) / 2, high[0] - low[0]
    front = head[np.abs(head[:, 0] - middle) < 0.12 * width]
    nose = front[front[:, 1].argmax()]
    eye_z = nose[2] + _EYE_ABOVE_NOSE * (high[2] - nose[2])
    points = [np.array([middle, nose[1], nose[2]])]
    for side in (1.0, -1.0):
        wanted = np.array([middle + side * _EYE_ASIDE * width, eye_z])
        ahead = head[head[:, 1] > (low[1] + high[1]) / 2]
        surface = ahead[np.hypot(*(ahead[:, [0, 2]] - wanted).T).argmin(), 1]
        points.append(np.array([wanted[0], surface, wanted[1]]))
    level = head[np.abs(head[:, 2] - (nose[2] + eye_z) / 2) < 0.15 * (high[2] - low[2])]
    points += [level[level[:, 0].argmax()], level[level[:, 0].argmin()]]
    return np.stack(points)


def coco_joints(joints_m: NDArray[np.float64], face_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """COCO's joints [..., 17, 3] from where the bones begin [..., bone, 3] and the face's points [..., 5, 3]."""
    return np.concatenate([face_m, joints_m[..., _LIMB_BONES, :]], -2)


def depth_below_skin(rest_m: NDArray[np.float64], vertices_m: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far each joint [joint, 3] is from the nearest vertex [vertex, 3], at rest."""
    return np.linalg.norm(rest_m[:, None] - vertices_m, axis=-1).min(1)


def confidence(
    joints_px: NDArray[np.float32],
    joint_depth_m: NDArray[np.floating],
    below_skin_m: NDArray[np.float64],
    depths_m: NDArray[np.float32],
    silhouettes: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """How sure a camera can be of each joint.

    A joint in the open lies below the visible surface by about its own depth in the limb. The more there is in front
    of it beyond that, the more it has to be guessed. Where the silhouette shows no body, it is not seen.

    Args:
        joints_px: [frame, joint, 2] in pixels of the silhouette.
        joint_depth_m: [frame, joint], distance from the camera.
        below_skin_m: [joint], depth below the skin at rest.
        depths_m: [frame, 64, 44], distance of what is seen at each pixel, infinite where nothing is.
        silhouettes: uint8 [frame, 64, 44].

    Returns:
        float64 [frame, joint], 0..1.
    """
    inside = (joints_px >= 0).all(-1) & (joints_px < (WIDTH_PX, HEIGHT_PX)).all(-1)
    columns = np.clip(joints_px[..., 0].astype(int), 0, WIDTH_PX - 1)
    rows = np.clip(joints_px[..., 1].astype(int), 0, HEIGHT_PX - 1)
    frames = np.arange(len(joints_px))[:, None]
    in_front_m = joint_depth_m - depths_m[frames, rows, columns]
    share = np.clip((in_front_m - 1.5 * below_skin_m - 0.03) / (below_skin_m + 0.05), 0.0, 1.0)
    kernel = np.ones((2 * _NEAR_OUTLINE_PX + 1,) * 2, np.uint8)
    near = np.stack([cv2.dilate(frame, kernel) for frame in silhouettes]) > BODY_ABOVE
    seen = _SEEN + (_GUESSED - _SEEN) * share
    return np.where(inside & near[frames, rows, columns], seen, _HIDDEN)
