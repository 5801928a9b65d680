"""Parsing maps of simulated silhouettes: the part of the body that is nearest to the camera, by a depth buffer.

The mesh is drawn with its depth straight into the grid of the aligned silhouette. Pixels of the silhouette that no part
covers (what segmentation noise added, cloth between the legs, a pram) get the label of the nearest pixel that has one.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fgait_core.data.parsing_maps import BODY_ABOVE, PARTS
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX
from fgait_core.simulation.bodies.mesh import Mesh
from fgait_core.simulation.bodies.skeleton import BONES
from fgait_core.simulation.outfit.clothing import DressedBody
from fgait_core.simulation.picture.raster import part_hulls, wrap

_HEAD, _TRUNK = PARTS.index("head") + 1, PARTS.index("trunk") + 1
_ARM, _LEG = ("upper_arm", "forearm", "hand"), ("thigh", "shank", "foot")


def label_of_bone(bone: str) -> int:
    """The label of `PARTS` for what a bone moves; the neck belongs to the trunk."""
    if bone == "head":
        return _HEAD
    side = {"l": "left", "r": "right"}.get(bone[0], "")
    for part, names in (("arm", _ARM), ("leg", _LEG)):
        if bone[2:] in names:
            return PARTS.index(f"{side}_{part}") + 1
    return _TRUNK


_LABELS = np.array([label_of_bone(bone) for bone in BONES], np.uint8)


@njit(cache=True)
def _draw_face(points, depth_m, a, b, c, label, labels, depths):  # pragma: no cover - compiled
    x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if area <= 0.0:
        return
    height, width = labels.shape
    top, bottom = int(np.ceil(min(y0, y1, y2) - 0.5)), int(np.floor(max(y0, y1, y2) - 0.5))
    left, right = int(np.ceil(min(x0, x1, x2) - 0.5)), int(np.floor(max(x0, x1, x2) - 0.5))
    for row in range(max(0, top), min(height, bottom + 1)):
        for column in range(max(0, left), min(width, right + 1)):
            x, y = column + 0.5, row + 0.5
            for_c = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
            for_a = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
            for_b = area - for_a - for_c
            if for_a < 0.0 or for_b < 0.0 or for_c < 0.0:
                continue
            depth = (for_a * depth_m[a] + for_b * depth_m[b] + for_c * depth_m[c]) / area
            if depth < depths[row, column]:
                depths[row, column], labels[row, column] = depth, label


@njit(cache=True)
def _draw_hull(points, depth_m, corners, count, label, labels, depths):  # pragma: no cover - compiled
    """A convex thing, flat at the middle of its depth."""
    middle = np.float32(0.0)
    for i in range(count):
        middle += depth_m[corners[i]] / count
    for i in range(1, count - 1):
        a, b, c = corners[0], corners[i], corners[i + 1]
        turn = (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1])
        turn -= (points[c, 0] - points[a, 0]) * (points[b, 1] - points[a, 1])
        if turn < 0.0:
            b, c = c, b
        flat = np.full(points.shape[0], middle, np.float32)
        _draw_face(points, flat, a, b, c, label, labels, depths)


@njit(cache=True)
def _draw(points, depth_m, faces, vertex_label, numbers, starts, hull_label, labels, depths):  # pragma: no cover
    corners = np.zeros(numbers.shape[0] + 1, np.int64)
    for frame in range(points.shape[0]):
        for face in range(faces.shape[0]):
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            label = vertex_label[b] if vertex_label[b] == vertex_label[c] else vertex_label[a]
            # Turned around, because the faces towards the camera turn counter-clockwise on the screen.
            _draw_face(points[frame], depth_m[frame], a, c, b, label, labels[frame], depths[frame])
        for hull in range(starts.shape[0] - 1):
            count = wrap(points[frame], numbers[starts[hull] : starts[hull + 1]], corners)
            _draw_hull(points[frame], depth_m[frame], corners, count, hull_label[hull], labels[frame], depths[frame])


def draw_labels(
    points_px: NDArray[np.float32], depth_m: NDArray[np.float32], mesh: Mesh, dressed: DressedBody
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What the camera sees of a walker, pixel by pixel.

    Args:
        points_px: float32 [frame, vertex, 2] of mesh and parts, in pixels of the silhouette.
        depth_m: float32 [frame, vertex], how far each is from the camera.
        mesh: of the bank.
        dressed: names the parts and their labels; what is no part of the person counts as what carries it, and what
            rolls along on the floor is not drawn.

    Returns:
        Labels uint8 [frame, 64, 44], 0 where nothing is, and depths float32 [frame, 64, 44], infinite there.
    """
    labels = np.zeros((len(points_px), HEIGHT_PX, WIDTH_PX), np.uint8)
    depths = np.full(labels.shape, np.inf, np.float32)
    wanted = [part.label or (label_of_bone(part.bone) if part.bone else 0) for part in dressed.parts]
    drawn = [(hull, label) for hull, label in zip(part_hulls(dressed), wanted, strict=True) if label]
    numbers = np.concatenate([hull for hull, _ in drawn]) if drawn else np.zeros(0, np.int64)
    starts = np.cumsum([0, *(len(hull) for hull, _ in drawn)])
    hull_label = np.array([label for _, label in drawn], np.uint8)
    vertex_label = _LABELS[mesh.main_bone]
    _draw(points_px, depth_m, mesh.faces, vertex_label, numbers, starts, hull_label, labels, depths)
    return labels, depths


@njit(cache=True)
def _nearest(labels, row, column):  # pragma: no cover - compiled
    """The label nearest to a pixel; 0 if the frame has none."""
    height, width = labels.shape
    best, label = height * height + width * width, 0
    for reach in range(1, height):
        if reach * reach >= best:
            break
        for y in range(max(0, row - reach), min(height, row + reach + 1)):
            # Of the rows in between only the two ends of the ring are new.
            step = 1 if abs(y - row) == reach else 2 * reach
            for x in range(column - reach, column + reach + 1, step):
                away = (y - row) ** 2 + (x - column) ** 2
                if 0 <= x < width and labels[y, x] and away < best:
                    best, label = away, labels[y, x]
    return label


@njit(cache=True)
def _lay_on(labels, silhouettes, fallback, out):  # pragma: no cover - compiled
    for frame in range(labels.shape[0]):
        for row in range(labels.shape[1]):
            for column in range(labels.shape[2]):
                if silhouettes[frame, row, column] <= BODY_ABOVE:
                    continue
                label = labels[frame, row, column]
                if label == 0:
                    label = _nearest(labels[frame], row, column)
                out[frame, row, column] = label if label else fallback


def lay_on(labels: NDArray[np.uint8], silhouettes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels for every body pixel of the silhouettes, and none elsewhere; all uint8 [frame, 64, 44]."""
    out = np.zeros_like(labels)
    _lay_on(labels, silhouettes, _TRUNK, out)
    return out
