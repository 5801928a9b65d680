"""Hair, headwear and scarves: thickness on the skull, and stiff parts that follow the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.outfit.parts import HEAD, Part, ball, box, rings

HAIR: tuple[str, ...] = ("short", "shaven", "curly", "medium", "long", "ponytail", "bun")
HEADWEAR: tuple[str, ...] = ("none", "cap", "hat", "beanie", "hood", "headscarf")

_THICKNESS = {"shaven": 0.0, "curly": 2.2, "medium": 1.2, "ponytail": 0.5, "bun": 0.5}
"""Hair on the skull, in parts of a person's own thickness (1 where nothing is said)."""
_PONYTAIL = (
    (-0.01, -0.05, 0.012, 0.02),
    (0.025, 0.0, 0.018, 0.018),
    (0.035, 0.6, 0.028, 0.022),
    (0.0, 1.0, 0.01, 0.01),
)
"""A ponytail from the tie down: metres behind the head, share of its length, half width, half depth."""
_FLATTENED = 0.35
"""What a head covering leaves of the hair's thickness."""


@dataclass(frozen=True, slots=True)
class Skull:
    """Where a head is at rest, in the body's frame, in metres.

    Attributes:
        back, front: y of the back of the head and of the nose.
        chin, top: z.
        half: half of the width.
        neck, neck_y: z and y where the neck begins.
        size: of the whole body against 1.7 m.
    """

    back: float
    front: float
    chin: float
    top: float
    half: float
    neck: float
    neck_y: float
    size: float

    @property
    def middle(self) -> float:
        """Y of the middle of the skull (the nose left out)."""
        return self.back + 0.47 * (self.front - self.back)

    def level(self, share: float) -> float:
        """Z at a share of the way from the chin to the top."""
        return self.chin + share * (self.top - self.chin)


def skull_of(body: Body, on_head: NDArray[np.bool_]) -> Skull:
    """Measures the head of a body at rest; `on_head` [vertex] says which vertices belong to it."""
    low, high = body.vertices_m[on_head].min(0), body.vertices_m[on_head].max(0)
    neck = body.joints_m[BONE_INDEX["neck"]]
    return Skull(
        float(low[1]),
        float(high[1]),
        float(low[2]),
        float(high[2]),
        float(high[0] - low[0]) / 2,
        float(neck[2]),
        float(neck[1]),
        body.height_m / 1.7,
    )


def hair_stand_off(
    vertices_m: NDArray[np.float32], on_head: NDArray[np.bool_], skull: Skull, hair: str, hair_m: float, headwear: str
) -> NDArray[np.float32]:
    """How far hair makes the skull stand out [vertex], in metres: the crown and the back, not the face."""
    thick = hair_m * _THICKNESS.get(hair, 1.0) * (1.0 if headwear == "none" else _FLATTENED)
    up = (vertices_m[:, 2] - skull.chin) / (skull.top - skull.chin)
    back = (skull.middle + 0.02 - vertices_m[:, 1]) / (0.3 * (skull.front - skull.back))
    # Hair begins at the forehead in front, and at the nape behind.
    begins = np.where(back > 0.0, 0.15 + 0.25 * (1.0 - np.clip(back, 0.0, 1.0)), 0.78)
    return (on_head * thick * np.clip((up - begins) / 0.15, 0.0, 1.0)).astype(np.float32)


def hair_parts(skull: Skull, hair: str, hair_m: float) -> tuple[Part, ...]:
    """What hangs or stands off the head."""
    half, back, thick, size = skull.half, skull.back - hair_m, hair_m, skull.size
    wide = 0.93 * half + thick
    deep = (skull.middle - back) / 2
    y = back + deep
    crown = ((0.0, y, skull.level(0.95), 0.5 * wide, 0.6 * deep), (0.0, y, skull.level(0.75), wide, deep))
    if hair == "medium":  # to the jaw
        rows = (*crown, (0.0, y, skull.level(-0.05), wide + 0.01 * size, deep))
    elif hair == "long":  # over the shoulders, wider where they spread it
        low = skull.neck - (0.02 + 4.0 * hair_m) * size
        rows = (
            *crown,
            (0.0, y - 0.01 * size, skull.level(0.1), wide + 0.015 * size, deep),
            (0.0, y - 0.03 * size, low, wide + 0.02 * size, 0.7 * deep),
        )
    elif hair == "ponytail":
        tie, length = skull.level(0.75), (0.16 + 4.0 * hair_m) * size
        rows = tuple(
            (0.0, skull.back - away * size, tie - drop * length, across * size, along * size)
            for away, drop, across, along in _PONYTAIL
        )
    elif hair == "bun":
        radius = (0.026 + 0.6 * thick) * size
        middle = (0.0, skull.back - 0.4 * radius, skull.level(0.8))
        return (Part("bun", ball(middle, (radius, radius, radius)), "head", HEAD),)
    else:
        return ()
    return (Part(f"{hair} hair", rings(rows), "head", HEAD),)


def headwear_parts(skull: Skull, headwear: str) -> tuple[Part, ...]:
    """What is worn on or about the head."""
    if headwear in ("cap", "hat"):
        return _with_brim(skull, headwear)
    if headwear == "beanie":
        return (Part("beanie", _dome(skull, 0.6, 0.012, 0.03), "head", HEAD),)
    if headwear in ("hood", "headscarf"):
        return (_hood(skull, face_open=headwear == "hood"),)
    return ()


def scarf_part(skull: Skull, thick_m: float) -> Part:
    """A scarf about the neck."""
    radius = 0.055 * skull.size + thick_m
    y = skull.neck_y + 0.015 * skull.size
    low, high = skull.neck - 0.02 * skull.size, skull.level(0.12)
    rows = ((0.0, y, low, 1.25 * radius, 1.15 * radius), (0.0, y + 0.01, high, radius, radius))
    return Part("scarf", rings(rows), "neck", HEAD)


def _dome(skull: Skull, begins: float, off_m: float, above_m: float) -> NDArray[np.float32]:
    """A cap over the skull from a level upwards."""
    size, deep = skull.size, 0.46 * (skull.front - skull.back)
    y, z = skull.middle, skull.level(begins)
    top = skull.top + above_m * size
    wide, deep = skull.half * 0.93 + off_m * size, deep + off_m * size
    rows = [(0.0, y, z + t * (top - z), wide * r, deep * r) for t, r in ((0, 1.0), (0.4, 0.98), (0.8, 0.72), (1, 0.3))]
    return rings(tuple(rows))


def _with_brim(skull: Skull, headwear: str) -> tuple[Part, ...]:
    dome = _dome(skull, 0.68, 0.006, 0.012 if headwear == "cap" else 0.035)
    z, size = skull.level(0.70), skull.size
    if headwear == "cap":
        front = skull.front + 0.05 * size
        half = 0.075 * size
        brim = box((-half, skull.middle, z), (half, front, z + 0.012 * size))
    else:
        radius = skull.half + 0.06 * size
        rows = [(0.0, skull.middle, z + up, radius, radius + 0.025 * size) for up in (0.0, 0.012 * size)]
        brim = rings(tuple(rows))
    return Part(headwear, dome, "head", HEAD), Part(f"{headwear}'s brim", brim, "head", HEAD)


def _hood(skull: Skull, *, face_open: bool) -> Part:
    """Cloth from the top of the head to the shoulders; a scarf also closes about the chin."""
    size, back = skull.size, skull.back - 0.02 * skull.size
    front = skull.middle + 0.02 if face_open else skull.front - 0.025 * size
    wide, deep = skull.half * 0.95 + 0.015 * size, (front - back) / 2
    y = back + deep
    rows = (
        (0.0, y, skull.top + 0.012 * size, 0.4 * wide, 0.5 * deep),
        (0.0, y, skull.level(0.7), wide, deep),
        (0.0, y, skull.level(0.1), wide, deep),
        (0.0, skull.neck_y, skull.neck - 0.01, 1.15 * wide, deep),
    )
    return Part("hood" if face_open else "headscarf", rings(rows), "head", HEAD)
