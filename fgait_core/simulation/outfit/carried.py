"""What a walker carries, pushes, pulls or leans on, and what that does to the arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies.bank import Body
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.gait.channels import CHANNEL_INDEX
from fgait_core.simulation.outfit.parts import NOT_THE_PERSON, Part, Points, box, rod

CARRYING: tuple[str, ...] = (
    "none",
    "backpack",
    "hand_bag",
    "shoulder_bag",
    "two_bags",
    "phone",
    "trolley",
    "pram",
    "crutch",
    "crutches",
)


@dataclass(frozen=True, slots=True)
class Hold:
    """How an arm is held.

    Attributes:
        upper_arm_deg, forearm_deg: forward of straight down, on the average.
        swing: what is left of the arm's swing.
        with_leg: swing in parts of the opposite thigh's, which takes the place of the arm's own.
    """

    upper_arm_deg: float
    forearm_deg: float
    swing: float = 0.0
    with_leg: float = 0.0


_HOLDS: dict[str, Hold] = {
    "hand_bag": Hold(-3.0, 3.0, swing=0.3),
    "two_bags": Hold(-3.0, 3.0, swing=0.3),
    "phone": Hold(8.0, 108.0, swing=0.15),
    "trolley": Hold(-14.0, -8.0, swing=0.2),
    "pram": Hold(14.0, 62.0, swing=0.1),
    "crutch": Hold(-14.0, 8.0, with_leg=0.5),
    "crutches": Hold(-14.0, 8.0, with_leg=0.5),
}
_BOTH_ARMS = ("two_bags", "pram", "crutches")


def held_sides(carrying: str, side: str) -> str:
    """The sides of the arms that carry, push, pull or lean: "", "l", "r" or "lr"."""
    if carrying not in _HOLDS:
        return ""
    return "lr" if carrying in _BOTH_ARMS else side


def hold(channels: NDArray[np.float64], carrying: str, side: str) -> None:
    """Holds the arms as the load wants it, in place; channels [frame, channel] as in `channels.CHANNELS`."""
    for arm in held_sides(carrying, side):
        held, other = _HOLDS[carrying], "r" if arm == "l" else "l"
        thigh = channels[:, CHANNEL_INDEX[f"{other}_thigh_sag"]]
        for segment, mean in (("uarm", held.upper_arm_deg), ("farm", held.forearm_deg)):
            column = channels[:, CHANNEL_INDEX[f"{arm}_{segment}_sag"]]
            column[:] = mean + held.swing * (column - column.mean()) + held.with_leg * (thigh - thigh.mean())


def carried_parts(body: Body, on_trunk: NDArray[np.bool_], carrying: str, side: str, load: float) -> tuple[Part, ...]:
    """The things themselves.

    Args:
        body: who carries.
        on_trunk: [vertex] which vertices of the body belong to the trunk.
        carrying: one of `CARRYING`.
        side: "l" or "r", where there is a choice.
        load: size, 1 typical.
    """
    if carrying == "backpack":
        return (_backpack(body, on_trunk, load),)
    if carrying in ("hand_bag", "two_bags"):
        return tuple(_hand_bag(body, arm, load) for arm in held_sides(carrying, side))
    if carrying == "shoulder_bag":
        return (_shoulder_bag(body, on_trunk, side, load),)
    if carrying == "trolley":
        return _trolley(body, side, load)
    if carrying == "pram":
        return _pram(body, load)
    if carrying in ("crutch", "crutches"):
        return tuple(part for arm in held_sides(carrying, side) for part in _crutch(body, arm))
    return ()


def _backpack(body: Body, on_trunk: NDArray[np.bool_], load: float) -> Part:
    size = body.height_m / 1.7
    high, low = body.joints_m[BONE_INDEX["chest"], 2], body.joints_m[BONE_INDEX["spine4"], 2]
    z = body.vertices_m[:, 2]
    back = float(body.vertices_m[on_trunk & (z > low) & (z < high), 1].min()) + 0.02 * size
    width, depth = 0.15 * load**0.5 * size, 0.18 * load * size
    corners = [(x, y, z) for x in (-1, 1) for y, z in ((0, 0), (0.9, 0.0), (1, 0.35), (0.7, 1.1), (0, 1.25))]
    points = [(x * width, back - y * depth, low + (high - low) * z) for x, y, z in corners]
    return Part("backpack", np.array(points, np.float32), "spine2", NOT_THE_PERSON)


def _forearm(body: Body, side: str) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The wrist, the direction from elbow to wrist, and the direction that is forward when the arm hangs."""
    wrist = body.joints_m[BONE_INDEX[f"{side}_hand"]]
    down = wrist - body.joints_m[BONE_INDEX[f"{side}_forearm"]]
    down = down / np.linalg.norm(down)
    # The pose takes `down` to straight down by the shortest way, and `y` with it.
    axis = np.cross(down, (0.0, 0.0, -1.0))
    turn_back = -axis
    cosine = -down[2]
    y = np.array((0.0, 1.0, 0.0))
    forward = y * cosine + np.cross(turn_back, y) + turn_back * (turn_back @ y) / (1.0 + cosine)
    return wrist, down, forward.astype(np.float32)


def _hand_bag(body: Body, side: str, load: float) -> Part:
    size = body.height_m / 1.7
    wrist, down, forward = _forearm(body, side)
    across = np.cross(down, forward)
    points = [
        wrist + size * (down * t + (forward * y * 0.17 + across * x * 0.06) * load * wide)
        for t, wide in ((0.09, 0.35), (0.16, 0.9), (0.16 + 0.28 * load, 1.0))
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    return Part("hand bag", np.array(points, np.float32), f"{side}_hand", NOT_THE_PERSON)


def _shoulder_bag(body: Body, on_trunk: NDArray[np.bool_], side: str, load: float) -> Part:
    size, outward = body.height_m / 1.7, 1.0 if side == "l" else -1.0
    hip = body.joints_m[BONE_INDEX[f"{side}_thigh"]]
    up = (body.vertices_m[:, 2] - hip[2]) / size
    beside = np.abs(body.vertices_m[on_trunk & (up > 0.0) & (up < 0.14), 0])
    hips = float(np.append(beside, abs(hip[0]) + 0.06 * size).max())
    inner, outer = outward * (hips - 0.03 * size), outward * (hips + 0.09 * load * size)
    low = (inner, hip[1] - 0.16 * load * size, hip[2] - 0.13 * load * size)
    high = (outer, hip[1] + 0.13 * load * size, hip[2] + 0.12 * load * size)
    return Part("shoulder bag", box(low, high), "pelvis", NOT_THE_PERSON)


def _grip(body: Body, side: str, carrying: str) -> NDArray[np.float64]:
    """Where the hand is when it holds on, in the walker's frame, if the walker stands upright."""
    shoulder, elbow, wrist = (body.joints_m[BONE_INDEX[f"{side}_{b}"]] for b in ("upper_arm", "forearm", "hand"))
    place = shoulder - (0.0, 0.0, body.vertices_m[:, 2].min())
    lengths = (np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow) + 0.07 * body.height_m / 1.7)
    held = _HOLDS[carrying]
    for length, angle in zip(lengths, np.radians((held.upper_arm_deg, held.forearm_deg)), strict=True):
        place = place + length * np.array((0.0, np.sin(angle), -np.cos(angle)))
    return place.astype(np.float64)


def _crutch(body: Body, side: str) -> tuple[Part, ...]:
    """A forearm crutch: in line with the forearm, from the cuff below the elbow to the floor."""
    size = body.height_m / 1.7
    wrist, down, forward = _forearm(body, side)
    grip = wrist + 0.07 * size * down
    reach = _grip(body, side, "crutch")[2] / np.cos(np.radians(_HOLDS["crutch"].forearm_deg))
    cuff = wrist - 0.17 * size * down - 0.04 * size * forward
    bone = f"{side}_forearm"
    return (
        Part("crutch", rod(grip, grip + reach * down, 0.028 * size), bone, NOT_THE_PERSON),
        Part("crutch's cuff", rod(cuff, grip, 0.028 * size), bone, NOT_THE_PERSON),
    )


def _trolley(body: Body, side: str, load: float) -> tuple[Part, ...]:
    """A case on wheels that one hand pulls."""
    size = body.height_m / 1.7
    grip = _grip(body, side, "trolley")
    foot = np.array((grip[0], grip[1] - 0.55 * size, 0.08 * size))
    back = (grip - foot) / np.linalg.norm(grip - foot)
    out = np.cross(back, (1.0, 0.0, 0.0))
    half, deep, long = 0.19 * load * size, 0.12 * load * size, 0.6 * load**0.5 * size
    x = np.array((half, 0.0, 0.0))
    case = [
        foot + back * t * long + across * x + away * out * deep
        for t in (0, 1)
        for across in (-1, 1)
        for away in (-1, 1)
    ]
    return (
        Part("trolley", np.array(case, np.float32), None, NOT_THE_PERSON),
        Part("trolley's handle", rod(foot + back * long, grip, 0.03 * size), None, NOT_THE_PERSON),
    )


_BASKET = ((0.10, 0.50), (0.17, 0.42), (0.60, 0.42), (0.66, 0.62), (0.10, 0.66))
_HOOD = ((0.06, 0.64), (0.03, 0.84), (0.14, 0.98), (0.30, 0.92), (0.36, 0.65))
_WHEELS = ((0.16, 0.12), (0.56, 0.09))
"""A pram from the side: (metres ahead of the handle, height) of the corners; of wheels (metres ahead, radius)."""


def _pram(body: Body, load: float) -> tuple[Part, ...]:
    """A pram ahead: handle in both hands, basket with hood, four wheels."""
    size = body.height_m / 1.7
    grip, thin = _grip(body, "l", "pram"), 0.03 * size
    sides = [np.array((x * size, grip[1], 0.0)) for x in (-0.22, 0.22)]

    def outline(name: str, corners: tuple[tuple[float, float], ...], tall: float = 1.0) -> Part:
        points = [side + size * np.array((0.0, ahead, up * tall)) for side in sides for ahead, up in corners]
        return Part(name, np.array(points, np.float32), None, NOT_THE_PERSON)

    top = np.array((0.0, 0.0, grip[2]))
    bars = [rod(sides[0] + top, sides[1] + top, thin)]
    bars += [rod(side + top, side + size * np.array((0.0, 0.50, 0.12)), thin) for side in sides]
    wheels = [_wheel(side + size * np.array((0.0, ahead, r)), r * size) for side in sides for ahead, r in _WHEELS]
    return (
        outline("pram's basket", _BASKET),
        outline("pram's hood", _HOOD, 0.85 + 0.15 * load),
        *(Part("pram's frame", points, None, NOT_THE_PERSON) for points in bars),
        *(Part("pram's wheel", points, None, NOT_THE_PERSON) for points in wheels),
    )


def _wheel(hub: NDArray[np.floating], radius: float) -> Points:
    angles = np.arange(10) * (2 * np.pi / 10)
    rim = np.stack([np.zeros(10), radius * np.cos(angles), radius * np.sin(angles)], -1)
    return np.concatenate([hub + rim - (0.015, 0.0, 0.0), hub + rim + (0.015, 0.0, 0.0)]).astype(np.float32)
