"""Clothes, shoes, hair and load: inflated limbs, and convex hulls for what hangs or is carried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies import Body
from fgait_core.simulation.skeleton import BONE_INDEX

CLOTHING: tuple[str, ...] = ("close_fitting", "trousers", "skirt", "coat")
CARRYING: tuple[str, ...] = ("none", "backpack", "hand_bag", "shoulder_bag")
HAIR: tuple[str, ...] = ("short", "long", "bun", "hat")

_TRUNK = ("pelvis", "spine5", "spine4", "spine3", "spine2", "chest")
_LEGS = ("l_thigh", "l_shank", "r_thigh", "r_shank")
_ARMS = ("l_upper_arm", "l_forearm", "r_upper_arm", "r_forearm")
_HANDS = ("l_hand", "r_hand")


@dataclass(frozen=True, slots=True)
class Outfit:
    """What somebody wears and carries in one recording.

    Attributes:
        clothing: one of `CLOTHING`.
        carrying: one of `CARRYING`.
        hair: one of `HAIR`.
        legs_m, trunk_m, arms_m, shoes_m, hair_m: how far cloth, shoe or hair stands off the body.
        hem: 0 at the knee to 1 at the ankle, for a skirt or coat.
        load: size of what is carried, 1 typical.
        carrying_side: "l" or "r".
    """

    clothing: str
    carrying: str
    hair: str
    legs_m: float
    trunk_m: float
    arms_m: float
    shoes_m: float
    hair_m: float
    hem: float
    load: float
    carrying_side: str

    @property
    def still_arm(self) -> str | None:
        """The side of the arm that the load keeps still, if any."""
        return self.carrying_side if self.carrying == "hand_bag" else None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stiff thing that is worn or carried, drawn as the convex hull of its projection.

    Attributes:
        name: what it is.
        points_m: float32 [point, 3]; at rest, in the body's frame, or in the walker's frame if no bone carries it.
        bone: the bone that carries it; None for what rolls along on the floor (it moves with heading and path).
        label: what parsing maps call it, as in `data.parsing_maps`: 0 not the person, 1 to 6 a part of the body.
    """

    name: str
    points_m: NDArray[np.float32]
    bone: str | None
    label: int


@dataclass(frozen=True, slots=True, eq=False)
class DressedBody:
    """A body with what it wears.

    Attributes:
        vertices_m: float32 [vertex, 3], the mesh at rest.
        hulls: vertex numbers of cloth that is drawn as the convex hull of its projection.
        parts: stiff things, each drawn as the convex hull of its projection.
    """

    vertices_m: NDArray[np.float32]
    hulls: tuple[NDArray[np.int64], ...]
    parts: tuple[Part, ...]


def draw_hair(rng: np.random.Generator, sex: str) -> tuple[str, float]:
    """A person's hair (kept from recording to recording): style and thickness in metres."""
    shares = (0.30, 0.42, 0.20, 0.08) if sex == "female" else (0.82, 0.06, 0.02, 0.10)
    return str(rng.choice(HAIR, p=shares)), float(rng.uniform(0.012, 0.038))


def draw_outfit(rng: np.random.Generator, sex: str, hair: str, hair_m: float) -> Outfit:
    """Clothes and load of one recording."""
    shares = (0.30, 0.38, 0.18, 0.14) if sex == "female" else (0.30, 0.54, 0.01, 0.15)
    clothing = str(rng.choice(CLOTHING, p=shares))
    loose = {"close_fitting": 0.35, "trousers": 1.0, "skirt": 0.5, "coat": 1.0}[clothing]
    thick = {"close_fitting": 0.4, "trousers": 0.8, "skirt": 0.6, "coat": 1.7}[clothing]
    return Outfit(
        clothing,
        str(rng.choice(CARRYING, p=(0.70, 0.12, 0.10, 0.08))),
        hair,
        legs_m=loose * float(rng.uniform(0.006, 0.022)),
        trunk_m=thick * float(rng.uniform(0.004, 0.020)),
        arms_m=thick * float(rng.uniform(0.003, 0.012)),
        shoes_m=float(rng.uniform(0.008, 0.020)),
        hair_m=hair_m,
        hem=float(rng.uniform(-0.15, 0.95)) if clothing == "skirt" else float(rng.uniform(-0.4, 0.4)),
        load=float(rng.uniform(0.6, 1.4)),
        carrying_side="l" if rng.random() < 0.5 else "r",
    )


def dress(body: Body, faces: NDArray[np.int32], weights: NDArray[np.float32], outfit: Outfit) -> DressedBody:
    """Puts an outfit on a body at rest."""
    vertices = body.vertices_m + vertex_normals(body.vertices_m, faces) * _stand_off(body, weights, outfit)[:, None]
    hulls = []
    if outfit.clothing in ("skirt", "coat"):
        hulls.append(_hem_hull(body, weights, outfit.hem))
    things = (_load(body, weights, outfit), _hair(body, weights, outfit))
    parts = tuple(Part("thing", points, bone, 0) for points, bone in (thing for thing in things if thing is not None))
    return DressedBody(vertices.astype(np.float32), tuple(hulls), parts)


def vertex_normals(vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Unit outward normals [vertex, 3]."""
    a, b, c = (vertices_m[faces[:, corner]] for corner in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices_m)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face_normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    outward = np.sign(np.sum(normals * (vertices_m - vertices_m.mean(0))))
    return (normals * outward).astype(np.float32)


def _share(weights: NDArray[np.float32], *bones: str) -> NDArray[np.float32]:
    return weights[:, [BONE_INDEX[bone] for bone in bones]].sum(1)


def _stand_off(body: Body, weights: NDArray[np.float32], outfit: Outfit) -> NDArray[np.float32]:
    z = body.vertices_m[:, 2]
    out = _share(weights, *_TRUNK) * outfit.trunk_m + _share(weights, *_ARMS) * outfit.arms_m
    # Trouser legs hang: the cloth stands off most at the ankle, where the leg is thinnest.
    knee, ankle = body.joints_m[BONE_INDEX["l_shank"], 2], body.joints_m[BONE_INDEX["l_foot"], 2]
    below_knee = np.clip((knee - z) / max(knee - ankle, 0.1), 0.0, 1.0)
    hang = 1.0 + (1.0 if outfit.clothing in ("trousers", "coat") else 0.0) * below_knee
    out = out + _share(weights, *_LEGS) * outfit.legs_m * hang
    out = out + _share(weights, "l_foot", "r_foot") * outfit.shoes_m
    head = _share(weights, "head")
    top = float(z[head > 0.9].max())
    crown = np.clip((z - (top - 0.20)) / 0.12, 0.0, 1.0)
    front = body.vertices_m[:, 1] > np.median(body.vertices_m[head > 0.9, 1]) + 0.05
    return out + head * crown * outfit.hair_m * np.where(front & (z < top - 0.07), 0.25, 1.0)


def _hem_hull(body: Body, weights: NDArray[np.float32], hem: float) -> NDArray[np.int64]:
    z = body.vertices_m[:, 2]
    knee, ankle = body.joints_m[BONE_INDEX["l_shank"], 2], body.joints_m[BONE_INDEX["l_foot"], 2]
    inside = (z < body.joints_m[BONE_INDEX["spine5"], 2]) & (z > knee + hem * (ankle - knee))
    return np.flatnonzero(inside & (_share(weights, *_ARMS, *_HANDS) < 0.1))


Thing = tuple[NDArray[np.float32], str]
"""Corner points at rest and the bone that carries them."""


def _load(body: Body, weights: NDArray[np.float32], outfit: Outfit) -> Thing | None:
    if outfit.carrying == "backpack":
        return _backpack(body, weights, outfit.load)
    if outfit.carrying == "hand_bag":
        return _hand_bag(body, outfit.carrying_side, outfit.load)
    if outfit.carrying == "shoulder_bag":
        return _shoulder_bag(body, outfit.carrying_side, outfit.load)
    return None


def _backpack(body: Body, weights: NDArray[np.float32], load: float) -> Thing:
    trunk = body.vertices_m[_share(weights, "chest", "spine2", "spine3") > 0.8]
    back = np.percentile(trunk[:, 1], 4) + 0.03
    high, low = body.joints_m[BONE_INDEX["chest"], 2], body.joints_m[BONE_INDEX["spine4"], 2]
    width, depth = 0.15 * load**0.5, 0.17 * load
    corners = [(-1, 0, 0), (1, 0, 0), (-1, 1, 0.05), (1, 1, 0.05), (-1, 0, 1.1), (1, 0, 1.1), (-0.8, 0.75, 1.0)]
    corners.append((0.8, 0.75, 1.0))
    points = [(x * width, back - y * depth, low + (high - low) * t) for x, y, t in corners]
    return np.array(points, np.float32), "spine2"


def _hand_bag(body: Body, side: str, load: float) -> Thing:
    hand = body.joints_m[BONE_INDEX[f"{side}_hand"]]
    down = hand - body.joints_m[BONE_INDEX[f"{side}_forearm"]]
    down = down / np.linalg.norm(down)
    along = np.cross(down, np.array([1.0, 0.0, 0.0]))
    along /= np.linalg.norm(along)
    across = np.cross(down, along)
    points = [
        hand + down * (0.08 + 0.30 * load * t) + along * 0.16 * load * x + across * 0.06 * load * y
        for t in (0, 1)
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    return np.array(points, np.float32), f"{side}_hand"


def _shoulder_bag(body: Body, side: str, load: float) -> Thing:
    outward = 1.0 if side == "l" else -1.0
    hip = body.joints_m[BONE_INDEX[f"{side}_thigh"]]
    points = [
        hip + np.array([outward * (0.06 + 0.10 * x), 0.14 * load * y, 0.02 + 0.22 * load * z])
        for x in (0, 1)
        for y in (-1, 1)
        for z in (-0.5, 0.6)
    ]
    return np.array(points, np.float32), "pelvis"


def _hair(body: Body, weights: NDArray[np.float32], outfit: Outfit) -> Thing | None:
    if outfit.hair == "short":
        return None
    head = body.vertices_m[_share(weights, "head") > 0.9]
    middle, back, top = head.mean(0), float(head[:, 1].min()), float(head[:, 2].max())
    half = float(head[:, 0].max() - head[:, 0].min()) / 2
    thick = outfit.hair_m
    if outfit.hair == "long":
        widths = ((0.02, 0.55), (0.16, 1.05), (0.26, 1.15), (0.36, 0.95))
        points = [
            (middle[0] + x * (half * width + thick * 0.5), back + y * 0.09 - thick * (1 - y), top - drop)
            for drop, width in widths
            for x in (-1.0, 0.0, 1.0)
            for y in (0.0, 1.0)
        ]
    elif outfit.hair == "bun":
        size = 0.030 + thick
        angles = np.linspace(0.0, 2 * np.pi, 8, endpoint=False)
        points = [
            (
                middle[0] + size * np.cos(a) * np.cos(b),
                back - 0.02 + size * np.sin(a) * np.cos(b),
                top - 0.07 + size * np.sin(b),
            )
            for a in angles
            for b in (-1.0, -0.4, 0.4, 1.0)
        ]
    else:  # a hat
        points = [
            (middle[0] + half * 1.08 * np.cos(a), middle[1] + (half + 0.03) * np.sin(a), top + z)
            for a in np.linspace(0.0, 2 * np.pi, 10, endpoint=False)
            for z in (-0.06, thick * 0.8)
        ]
    return np.array(points, np.float32), "head"
