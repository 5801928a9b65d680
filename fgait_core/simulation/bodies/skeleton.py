"""The twenty bones that a simulated walker is posed with.

Axes of every body in this package: x to the walker's left, y forward, z up, in metres. (That is a left-handed frame;
`camera` mirrors x when it projects, so that the picture is not mirrored.)
"""

from __future__ import annotations

BONES: tuple[str, ...] = (
    "pelvis",
    "spine5",
    "spine4",
    "spine3",
    "spine2",
    "chest",
    "neck",
    "head",
    "l_thigh",
    "l_shank",
    "l_foot",
    "r_thigh",
    "r_shank",
    "r_foot",
    "l_upper_arm",
    "l_forearm",
    "l_hand",
    "r_upper_arm",
    "r_forearm",
    "r_hand",
)
"""Bone names in storage order; a parent always stands before its children."""

BONE_INDEX: dict[str, int] = {name: index for index, name in enumerate(BONES)}

_PARENT_NAMES: dict[str, str] = {
    "spine5": "pelvis",
    "spine4": "spine5",
    "spine3": "spine4",
    "spine2": "spine3",
    "chest": "spine2",
    "neck": "chest",
    "head": "neck",
    "l_thigh": "pelvis",
    "l_shank": "l_thigh",
    "l_foot": "l_shank",
    "r_thigh": "pelvis",
    "r_shank": "r_thigh",
    "r_foot": "r_shank",
    "l_upper_arm": "chest",
    "l_forearm": "l_upper_arm",
    "l_hand": "l_forearm",
    "r_upper_arm": "chest",
    "r_forearm": "r_upper_arm",
    "r_hand": "r_forearm",
}

PARENTS: tuple[int, ...] = tuple(BONE_INDEX[_PARENT_NAMES[name]] if name in _PARENT_NAMES else -1 for name in BONES)
"""Index of each bone's parent; -1 for the pelvis."""

SPINE: tuple[str, ...] = ("spine5", "spine4", "spine3", "spine2", "chest")
"""The bones of the trunk from the lowest to the highest."""
