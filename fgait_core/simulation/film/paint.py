"""What colour a walker has where: skin, face, hair, cloth, shoes, and what is carried.

The colours lie on the body at rest, so that they move with it. Everything is drawn, nothing is a photograph of anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES

BODY, CLOTH_TOP, CLOTH_BOTTOM, HAIR, HAT, BAG, FURNITURE, FRAME = range(8)
"""Materials of faces; a face of `BODY` is skin, hair, cloth or shoe depending on where it is."""

_SKIN, _TOP, _BOTTOM, _HAIR, _HAT, _BAG, _FURNITURE, _FRAME, _SHOE, _SOLE, _EYE, _IRIS, _LIP = range(13)
_OF_MATERIAL = np.array([_SKIN, _TOP, _BOTTOM, _HAIR, _HAT, _BAG, _FURNITURE, _FRAME])

REGIONS: tuple[str, ...] = ("head", "arm", "leg", "foot", "above_wrist_m")
_HEAD, _ARM, _LEG, _FOOT, _ABOVE_WRIST = range(5)

_SKINS = ((0.96, 0.80, 0.69), (0.91, 0.72, 0.58), (0.80, 0.60, 0.44), (0.62, 0.43, 0.30), (0.40, 0.27, 0.19))
_HAIRS = ((0.10, 0.08, 0.07), (0.22, 0.14, 0.09), (0.40, 0.27, 0.15), (0.66, 0.52, 0.32), (0.62, 0.61, 0.60))
_TOPS = (
    (0.16, 0.27, 0.47), (0.55, 0.15, 0.16), (0.20, 0.40, 0.28), (0.70, 0.70, 0.68), (0.14, 0.14, 0.16),
    (0.80, 0.58, 0.20), (0.42, 0.24, 0.45), (0.35, 0.55, 0.68), (0.86, 0.84, 0.80), (0.45, 0.36, 0.28),
)  # fmt: skip
_BOTTOMS = ((0.14, 0.18, 0.28), (0.10, 0.10, 0.11), (0.30, 0.30, 0.32), (0.48, 0.41, 0.31), (0.22, 0.30, 0.42))
_SHOES = ((0.12, 0.10, 0.09), (0.85, 0.85, 0.84), (0.30, 0.19, 0.12), (0.20, 0.24, 0.34))
_BAGS = ((0.20, 0.21, 0.24), (0.45, 0.16, 0.14), (0.36, 0.25, 0.15), (0.15, 0.30, 0.33))


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """How a person looks in one recording.

    Attributes:
        numbers: float64 [n] for `paint_at`: where collar, waist, sleeves, hems, shoes and the features of the face are.
        colours: float64 [colour, 4]: red, green, blue in linear light, and how much it shines.
    """

    numbers: NDArray[np.float64]
    colours: NDArray[np.float64]


def draw_figure(body: Body, clothing: str, rng: np.random.Generator) -> Figure:
    """Colours and cut of what somebody wears, and the face; drawn by the random numbers alone."""
    skin = np.array(_SKINS[rng.integers(len(_SKINS))])
    grey = body.age_years > rng.normal(58.0, 8.0)
    hair = np.array(_HAIRS[4 if grey else int(rng.integers(4))])
    top, bottom, bag = (np.array(table[rng.integers(len(table))]) for table in (_TOPS, _BOTTOMS, _BAGS))
    shoe = np.array(_SHOES[rng.integers(len(_SHOES))])
    rows = [
        (skin, 0.06), (top, 0.01), (bottom, 0.01), (hair, 0.10), (bag * 0.8, 0.05), (bag, 0.06),
        (np.array((0.50, 0.36, 0.24)), 0.08), (np.array((0.55, 0.56, 0.58)), 0.4), (shoe, 0.15),
        (shoe * 0.6 + 0.12, 0.0), (np.array((0.93, 0.92, 0.90)), 0.3),
        (np.array((0.16, 0.11, 0.08)), 0.3), (skin * (0.86, 0.62, 0.60), 0.08),
    ]  # fmt: skip
    colours = np.array([(*np.clip(colour, 0.0, 1.0) ** 2.2, shine) for colour, shine in rows])
    return Figure(_numbers(body, clothing, rng), colours)


def _numbers(body: Body, clothing: str, rng: np.random.Generator) -> NDArray[np.float64]:
    joints = body.joints_m
    knee, ankle = joints[BONE_INDEX["l_shank"], 2], joints[BONE_INDEX["l_foot"], 2]
    forearm = float(np.linalg.norm(joints[BONE_INDEX["l_hand"]] - joints[BONE_INDEX["l_forearm"]]))
    sleeve = 0.012 if clothing == "coat" or rng.random() < 0.6 else forearm * rng.uniform(1.25, 1.6)
    hem = {"shorts": knee + 0.06, "skirt": knee, "dress": knee}.get(clothing, ankle - 0.03)
    chin, top, back, front, half = _head_box(body)
    return np.array([
        joints[BONE_INDEX["neck"], 2] + 0.015,
        joints[BONE_INDEX["spine4"], 2] - rng.uniform(0.0, 0.04),
        sleeve,
        hem,
        ankle + 0.012,
        float(body.vertices_m[:, 2].min()) + 0.012,
        chin, top, back, front, half,
        rng.uniform(0.0, 1.0) * (rng.random() < 0.4),
        rng.uniform(25.0, 90.0),
        rng.uniform(0.0, 1000.0),
        joints[BONE_INDEX["neck"], 1],
    ])  # fmt: skip


def _head_box(body: Body) -> tuple[float, float, float, float, float]:
    """Height of chin and crown, y of the back and the front of the head, half its width."""
    joint = body.joints_m[BONE_INDEX["head"]]
    top = float(body.vertices_m[:, 2].max())
    upper = body.vertices_m[body.vertices_m[:, 2] > (joint[2] + top) / 2]
    # The front of the face between the eyes and the throat; its lowest point is the chin.
    back, front, half = float(upper[:, 1].min()), float(upper[:, 1].max()), float(np.abs(upper[:, 0]).max())
    face = body.vertices_m[(body.vertices_m[:, 2] > joint[2] - 0.12) & (np.abs(body.vertices_m[:, 0]) < 0.5 * half)]
    forward = face[face[:, 1] > (back + front) / 2 + 0.25 * (front - back)]
    return float(forward[:, 2].min()), top, back, front, half


def body_regions(body: Body, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares of `REGIONS` at every vertex, float32 [vertex, region]; the last column is a length along the forearm."""
    groups = (
        ("neck", "head"),
        tuple(bone for bone in BONES if bone[2:] in ("upper_arm", "forearm", "hand")),
        tuple(bone for bone in BONES if bone[2:] in ("thigh", "shank", "foot")),
        ("l_foot", "r_foot"),
    )
    out = np.zeros((len(weights), len(REGIONS)), np.float32)
    for column, group in enumerate(groups):
        out[:, column] = weights[:, [BONE_INDEX[bone] for bone in group]].sum(1)
    for side in ("l", "r"):
        wrist, elbow = body.joints_m[BONE_INDEX[f"{side}_hand"]], body.joints_m[BONE_INDEX[f"{side}_forearm"]]
        along = (elbow - wrist) / np.linalg.norm(elbow - wrist)
        same = (body.vertices_m[:, 0] > 0) == (side == "l")
        out[same, _ABOVE_WRIST] = ((body.vertices_m[same] - wrist) @ along).astype(np.float32)
    return out


@njit(cache=True)
def speckle(x, y, z):  # pragma: no cover - compiled
    """Smooth noise in -1..1."""
    i, j, k = np.floor(x), np.floor(y), np.floor(z)
    fx, fy, fz = x - i, y - j, z - k
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    total = 0.0
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        n = (int(i) + a) * 374761393 + (int(j) + b) * 668265263 + (int(k) + c) * 1274126177
        n = (n ^ (n >> 13)) * 1103515245
        n = (n ^ (n >> 16)) & 0xFFFF
        weight = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
        total += weight * (n / 32767.5 - 1.0)
    return total


@njit(cache=True)
def paint_at(where, share, material, numbers, colours, colour, normal):  # pragma: no cover - compiled
    """The colour of one point of the surface, into `colour`; creases of cloth bend `normal`."""
    kind = _OF_MATERIAL[material]
    x, y, z = where
    if material == BODY:
        kind = _kind_at(x, y, z, share, numbers)
    for k in range(4):
        colour[k] = colours[kind, k]
    seed = numbers[13]
    if kind in (_TOP, _BOTTOM):
        crease = speckle(x * 14.0 + seed, y * 14.0, z * 7.0)
        normal[0] += 0.16 * crease
        normal[1] += 0.16 * speckle(x * 13.0, y * 13.0 + seed, z * 6.0)
        normal[2] += 0.14 * speckle(x * 9.0, y * 9.0, z * 12.0 + seed)
        grain = 1.0 + 0.05 * speckle(x * 160.0, y * 160.0, z * 160.0)
        if kind == _TOP and numbers[11] > 0.0:
            grain *= 1.0 - 0.35 * numbers[11] * (np.sin(z * numbers[12] * 2.0) > 0.2)
        for k in range(3):
            colour[k] *= grain
    elif kind == _HAIR:
        streak = 1.0 + 0.28 * speckle(x * 150.0, y * 60.0, z * 22.0 + seed)
        for k in range(3):
            colour[k] *= streak
    elif kind == _SKIN:
        tone = 1.0 + 0.05 * speckle(x * 30.0 + seed, y * 30.0, z * 30.0)
        for k in range(3):
            colour[k] *= tone


@njit(cache=True)
def _kind_at(x, y, z, share, numbers):  # pragma: no cover - compiled
    """Which colour the body itself has at a point at rest."""
    if share[_HEAD] > 0.5 and share[_ARM] < 0.3:
        if z < numbers[0] - 0.25 * (y - numbers[14]):
            return _TOP
        return _face_at(x, y, z, numbers)
    if share[_ARM] > 0.5:
        return _TOP if share[_ABOVE_WRIST] > numbers[2] else _SKIN
    if share[_FOOT] > 0.35 and z < numbers[4]:
        return _SOLE if z < numbers[5] + 0.012 else _SHOE
    if share[_LEG] > 0.5 and z < numbers[3]:
        return _SKIN
    return _TOP if z > numbers[1] else _BOTTOM


@njit(cache=True)
def _face_at(x, y, z, numbers):  # pragma: no cover - compiled
    high = (z - numbers[6]) / (numbers[7] - numbers[6])
    deep = (y - numbers[8]) / (numbers[9] - numbers[8])
    side = abs(x) / numbers[10]
    line = 0.10
    if deep > 0.80:
        line = 0.83 + 0.06 * (1.0 - side)
    elif deep > 0.55:
        line = 0.42 + (deep - 0.55) / 0.25 * 0.41
    elif deep > 0.35:
        line = 0.10 + (deep - 0.35) / 0.20 * 0.32
    if high > line:
        return _HAIR
    if deep > 0.6:
        across, up = (side - 0.40) / 0.17, (high - 0.53) / 0.030
        if across * across + up * up < 1.0:
            return _IRIS if abs(across) < 0.45 else _EYE
        if abs(side - 0.42) < 0.22 and abs(high - 0.615 + 0.05 * abs(side - 0.38)) < 0.014:
            return _HAIR
        if side < 0.30 and abs(high - 0.22) < 0.026 * (1.0 - side / 0.30) + 0.006:
            return _LIP
    return _SKIN
