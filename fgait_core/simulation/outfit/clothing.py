"""What somebody wears and carries: cloth and shoes as distance off the skin, hems and stiff parts as convex hulls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES
from fgait_core.simulation.outfit.carried import CARRYING, carried_parts, hold
from fgait_core.simulation.outfit.hair import (
    HAIR,
    HEADWEAR,
    hair_parts,
    hair_stand_off,
    headwear_parts,
    scarf_part,
    skull_of,
)
from fgait_core.simulation.outfit.parts import Part

CLOTHING: tuple[str, ...] = ("close_fitting", "trousers", "shorts", "skirt", "dress", "jacket", "coat")

_REGIONS: tuple[tuple[str, ...], ...] = (
    ("pelvis", "spine5", "spine4", "spine3", "spine2", "chest"),
    ("l_upper_arm", "l_forearm", "r_upper_arm", "r_forearm"),
    ("l_thigh", "l_shank", "r_thigh", "r_shank"),
    ("l_foot", "r_foot"),
    ("head",),
    ("pelvis",),
)
_BONES_OF_REGION = np.array([[bone in region for bone in BONES] for region in _REGIONS], np.float32)
"""Trunk, arms, legs, feet, head and pelvis: summed weights of their bones."""

_HAIR_SHARES = {"female": (0.18, 0.0, 0.07, 0.18, 0.30, 0.15, 0.12), "male": (0.80, 0.08, 0.06, 0.02, 0.02, 0.01, 0.01)}
_HAIR_M = {"female": (0.012, 0.034), "male": (0.004, 0.028)}
_CLOTHING_SHARES = {
    "female": (0.24, 0.28, 0.07, 0.12, 0.10, 0.09, 0.10),
    "male": (0.22, 0.42, 0.12, 0.005, 0.005, 0.13, 0.10),
}
_CARRYING_SHARES = (0.64, 0.11, 0.07, 0.06, 0.03, 0.03, 0.015, 0.02, 0.0125, 0.0125)
_HEADWEAR_SHARES = (0.84, 0.05, 0.02, 0.04, 0.03, 0.02)

_ADULT_YEARS = 16.0
_LOOSE_SHIRT_M = 0.010

_LOOSE = {"close_fitting": 0.35, "skirt": 0.5, "dress": 0.5, "jacket": 0.8}
_THICK = {"close_fitting": 0.4, "trousers": 0.8, "shorts": 0.7, "skirt": 0.6, "dress": 0.6, "jacket": 2.0, "coat": 1.7}
_HEMS = {"skirt": (-0.15, 0.95), "dress": (-0.4, 0.9), "coat": (-0.5, 0.5)}
_FLARE_M = {"skirt": 0.06, "dress": 0.09, "coat": 0.05}


@dataclass(frozen=True, slots=True)
class Outfit:
    """What somebody wears and carries in one recording; lengths are those of an adult of 1.7 m.

    Attributes:
        clothing: one of `CLOTHING`.
        carrying: one of `CARRYING`.
        hair: one of `HAIR`.
        legs_m, trunk_m, arms_m, shoes_m, hair_m: how far cloth, shoe or hair stands off the body.
        hem: 0 at the knee to 1 at the ankle, for a skirt, dress or coat.
        load: size of what is carried, 1 typical.
        carrying_side: "l" or "r".
        headwear: one of `HEADWEAR`.
        scarf_m: thickness of a scarf, 0 for none.
        flare_m: how far a skirt, dress or coat stands off more at the hem than at the hip.
        shaft: height of boots, 0 at the ankle to 1 at the knee.
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
    headwear: str = "none"
    scarf_m: float = 0.0
    flare_m: float = 0.0
    shaft: float = 0.0

    @property
    def hangs_free(self) -> bool:
        """Whether a jacket, coat or loose shirt hangs from the shoulders instead of following the waist."""
        loose_shirt = self.clothing in ("trousers", "shorts") and self.trunk_m > _LOOSE_SHIRT_M
        return self.clothing in ("jacket", "coat") or loose_shirt


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
    return str(rng.choice(HAIR, p=_HAIR_SHARES[sex])), float(rng.uniform(*_HAIR_M[sex]))


def draw_outfit(
    rng: np.random.Generator,
    sex: str,
    hair: str,
    hair_m: float,
    *,
    age_years: float = 30.0,
    clothing: str | None = None,
    carrying: str | None = None,
) -> Outfit:
    """Clothes and load of one recording.

    Args:
        rng: source of the draw.
        sex: "female" or "male".
        hair, hair_m: the person's hair.
        age_years: children push no pram and pull no trolley; they have a backpack instead.
        clothing, carrying: what is worn and carried; None draws it.
    """
    drawn = str(rng.choice(CLOTHING, p=_CLOTHING_SHARES[sex]))
    clothing = drawn if clothing is None else clothing
    drawn = str(rng.choice(CARRYING, p=_CARRYING_SHARES))
    drawn = "backpack" if age_years < _ADULT_YEARS and drawn in ("pram", "trolley") else drawn
    loose, thick, winter = _LOOSE.get(clothing, 1.0), _THICK[clothing], clothing in ("jacket", "coat")
    return Outfit(
        clothing,
        drawn if carrying is None else carrying,
        hair,
        legs_m=loose * float(rng.uniform(0.006, 0.022)),
        trunk_m=thick * float(rng.uniform(0.004, 0.020)),
        arms_m=thick * float(rng.uniform(0.003, 0.012)),
        shoes_m=float(rng.uniform(0.008, 0.020)),
        hair_m=hair_m,
        hem=float(rng.uniform(*_HEMS.get(clothing, (0.0, 1.0)))),
        load=float(rng.uniform(0.6, 1.4)),
        carrying_side="l" if rng.random() < 0.5 else "r",
        headwear=str(rng.choice(HEADWEAR, p=_HEADWEAR_SHARES)),
        scarf_m=float((rng.random() < (0.25 if winter else 0.03)) * rng.uniform(0.01, 0.03)),
        flare_m=_FLARE_M.get(clothing, 0.0) * float(rng.beta(1.5, 2.0)),
        shaft=float((rng.random() < 0.2) * rng.uniform(0.1, 0.8)),
    )


def hold_arms(channels: NDArray[np.float64], outfit: Outfit) -> None:
    """Holds the arms as the load wants it, in place; channels [frame, channel] as in `channels.CHANNELS`."""
    hold(channels, outfit.carrying, outfit.carrying_side)


def dress(body: Body, faces: NDArray[np.int32], weights: NDArray[np.float32], outfit: Outfit) -> DressedBody:
    """Puts an outfit on a body at rest."""
    regions = _BONES_OF_REGION @ weights.T
    trunk, _, _, _, head, _ = regions
    on_head, on_trunk = head > 0.9, trunk > 0.8
    skull, size = skull_of(body, on_head), body.height_m / 1.7
    hair = hair_stand_off(body.vertices_m, on_head, skull, outfit.hair, outfit.hair_m * size, outfit.headwear)
    off = _stand_off(body, regions, outfit) * np.float32(size) + hair
    moved = vertex_normals(body.vertices_m, faces) * off[:, None]
    hulls = _hulls(body, regions, outfit)
    covered = outfit.headwear in ("hood", "headscarf")
    parts = (
        *carried_parts(body, on_trunk, outfit.carrying, outfit.carrying_side, outfit.load),
        *(() if covered else hair_parts(skull, outfit.hair, outfit.hair_m * size)),
        *headwear_parts(skull, outfit.headwear),
        *((scarf_part(skull, outfit.scarf_m * size),) if outfit.scarf_m > 0.0 else ()),
    )
    return DressedBody((body.vertices_m + moved).astype(np.float32), hulls, parts)


def vertex_normals(vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Unit outward normals [vertex, 3] of a closed mesh."""
    normals = np.zeros(vertices_m.shape, np.float32)
    _add_face_normals(np.ascontiguousarray(vertices_m, np.float32), faces, normals)
    normals /= np.maximum(np.sqrt(np.einsum("vi,vi->v", normals, normals))[:, None], 1e-9)
    outward = np.float32(np.sign(np.sum(normals * (vertices_m - vertices_m.mean(0)))))
    return normals * outward


@njit(cache=True)
def _add_face_normals(vertices, faces, out):  # pragma: no cover - compiled
    for face in range(faces.shape[0]):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        a0 = vertices[j, 0] - vertices[i, 0]
        a1 = vertices[j, 1] - vertices[i, 1]
        a2 = vertices[j, 2] - vertices[i, 2]
        b0 = vertices[k, 0] - vertices[i, 0]
        b1 = vertices[k, 1] - vertices[i, 1]
        b2 = vertices[k, 2] - vertices[i, 2]
        x, y, z = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
        for corner in (i, j, k):
            out[corner, 0] += x
            out[corner, 1] += y
            out[corner, 2] += z


def _below_knee(body: Body) -> NDArray[np.float32]:
    """Height [vertex] from 0 at the knee and above to 1 at the ankle and below."""
    knee, ankle = body.joints_m[BONE_INDEX["l_shank"], 2], body.joints_m[BONE_INDEX["l_foot"], 2]
    return np.clip((knee - body.vertices_m[:, 2]) / max(knee - ankle, 0.1), 0.0, 1.0)


def _stand_off(body: Body, regions: NDArray[np.float32], outfit: Outfit) -> NDArray[np.floating]:
    """How far cloth and shoes stand off the skin [vertex], for an adult of 1.7 m."""
    below_knee = _below_knee(body)
    if outfit.clothing == "shorts":  # wide at the hem, then bare legs
        hang = np.where(below_knee > 0.0, 0.0, 1.5)
    elif outfit.clothing in ("trousers", "coat"):
        # Trouser legs hang: the cloth stands off most at the ankle, where the leg is thinnest.
        hang = 1.0 + below_knee
    else:
        hang = 1.0
    legs = np.maximum(outfit.legs_m * hang, outfit.shoes_m * (below_knee > 1.0 - outfit.shaft))
    if outfit.flare_m > 0.0:
        legs = legs + outfit.flare_m * _down_to_hem(body, outfit.hem)
    trunk, arms, leg, feet, _, _ = regions
    return trunk * outfit.trunk_m + arms * outfit.arms_m + leg * legs + feet * outfit.shoes_m


def _hem_z(body: Body, hem: float) -> float:
    knee, ankle = body.joints_m[BONE_INDEX["l_shank"], 2], body.joints_m[BONE_INDEX["l_foot"], 2]
    return float(knee + hem * (ankle - knee))


def _down_to_hem(body: Body, hem: float) -> NDArray[np.float32]:
    """Height [vertex] from 0 at the hip to 1 at the hem, 0 below it."""
    z, hip, end = body.vertices_m[:, 2], body.joints_m[BONE_INDEX["l_thigh"], 2], _hem_z(body, hem)
    return np.where(z > end, np.clip((hip - z) / max(hip - end, 0.1), 0.0, 1.0), 0.0)


def _hulls(body: Body, regions: NDArray[np.float32], outfit: Outfit) -> tuple[NDArray[np.int64], ...]:
    """Cloth that hangs free: about the trunk down to the hips, and from the waist down to a hem."""
    z, (trunk, _, legs, feet, _, pelvis) = body.vertices_m[:, 2], regions
    hulls = []
    if outfit.hangs_free:
        below_hip = body.joints_m[BONE_INDEX["l_thigh"], 2] - 0.06 * body.height_m / 1.7
        between = (z < body.joints_m[BONE_INDEX["spine2"], 2]) & (z > below_hip)
        hulls.append(np.flatnonzero(between & (trunk + legs > 0.9)))
    if outfit.clothing in _HEMS:
        between = (z < body.joints_m[BONE_INDEX["spine5"], 2]) & (z > _hem_z(body, outfit.hem))
        hulls.append(np.flatnonzero(between & (pelvis + legs + feet > 0.5)))
    return tuple(hulls)
