"""Filling the outline of a projected body."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _fill(points, faces, out):  # pragma: no cover - compiled
    size = out.shape[1]
    for frame in range(points.shape[0]):
        for face in range(faces.shape[0]):
            x0, y0 = points[frame, faces[face, 0]]
            x1, y1 = points[frame, faces[face, 1]]
            x2, y2 = points[frame, faces[face, 2]]
            # The front side of a closed mesh alone covers its silhouette.
            if (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) <= 0.0:
                continue
            left = max(0, int(np.ceil(min(x0, x1, x2))))
            right = min(size - 1, int(np.floor(max(x0, x1, x2))))
            top = max(0, int(np.ceil(min(y0, y1, y2))))
            bottom = min(size - 1, int(np.floor(max(y0, y1, y2))))
            for y in range(top, bottom + 1):
                for x in range(left, right + 1):
                    if (
                        out[frame, y, x] == 0
                        and (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= -1e-3
                        and (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= -1e-3
                        and (x0 - x2) * (y - y2) - (y0 - y2) * (x - x2) >= -1e-3
                    ):
                        out[frame, y, x] = 255


def fill_triangles(points_px: NDArray[np.float32], faces: NDArray[np.int32], size_px: int) -> NDArray[np.uint8]:
    """Silhouettes of a closed mesh.

    Args:
        points_px: float32 [frame, vertex, 2]; a pixel is lit where its whole-numbered point lies inside.
        faces: int32 [face, 3]; only the faces that turn clockwise on the screen (y down) are drawn.
        size_px: width and height of the square picture.

    Returns:
        uint8 [frame, size, size], 0 or 255.
    """
    out = np.zeros((len(points_px), size_px, size_px), np.uint8)
    _fill(points_px, faces, out)
    return out


def fill_hull(picture: NDArray[np.uint8], points_px: NDArray[np.float32]) -> None:
    """Draws the convex hull of points [point, 2] into a picture, in place, to an eighth of a pixel."""
    hull = cv2.convexHull(np.round(points_px * 8).astype(np.int32))
    cv2.fillConvexPoly(picture, hull, (255.0,), shift=3)
