"""Stiff things that a walker wears or carries, as points whose convex hull is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOT_THE_PERSON, HEAD, TRUNK = 0, 1, 2
"""Labels of parsing maps (`data.parsing_maps.PARTS`) for what is worn or carried."""

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stiff thing that is worn or carried, drawn as the convex hull of its projection.

    Attributes:
        name: what it is.
        points_m: float32 [point, 3]; at rest, in the body's frame, or in the walker's frame if no bone carries it.
        bone: the bone that carries it; None for what rolls along on the floor (it moves with heading and path).
        label: what parsing maps call it: 0 not the person, 1 to 6 a part of the body.
    """

    name: str
    points_m: Points
    bone: str | None
    label: int


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Points:
    """The eight corners between two opposite ones."""
    return np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])], "f4")


def rings(rows: tuple[tuple[float, float, float, float, float], ...], points: int = 10) -> Points:
    """Level ellipses, one above the other.

    Args:
        rows: (x of the middle, y of the middle, z, half width, half depth) of each.
        points: on each ellipse.
    """
    angles = np.arange(points) * (2 * np.pi / points)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(points)], -1)
    table = np.array(rows)
    radii = np.concatenate([table[:, 3:], np.zeros((len(rows), 1))], 1)
    return (table[:, None, :3] + circle * radii[:, None]).reshape(-1, 3).astype(np.float32)


def ball(middle: tuple[float, float, float], radii: tuple[float, float, float]) -> Points:
    """An ellipsoid whose axes are those of the frame."""
    x, y, z = middle
    levels = [(np.sin(a), np.cos(a)) for a in np.radians((-75.0, -30.0, 15.0, 50.0, 80.0))]
    return rings(tuple((x, y, z + radii[2] * up, radii[0] * out, radii[1] * out) for up, out in levels), 8)


def rod(start: NDArray[np.floating], end: NDArray[np.floating], thickness_m: float) -> Points:
    """A straight bar of square section."""
    along = (end - start) / np.linalg.norm(end - start)
    sideways = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    sideways *= thickness_m / 2 / np.linalg.norm(sideways)
    across = np.cross(along, sideways)
    corners = np.stack([sideways, across, -sideways, -across])
    return np.concatenate([start + corners, end + corners]).astype(np.float32)
