"""A video of a simulated walker: shaded, in a room, as a phone would film it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from fgait_core.errors import ConfigError
from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.film import paint
from fgait_core.simulation.film.room import darkened, draw_background, draw_room
from fgait_core.simulation.film.shading import Light, Mesh, shade, to_pixels
from fgait_core.simulation.outfit.clothing import Part
from fgait_core.simulation.picture.camera import clear_of_path, scene_matrices
from fgait_core.simulation.walker import PosedWalk, RecordingSetup, Walker

_OVERSAMPLING = 2
_CLOTH_NEARER_M = 0.015
_SENSOR_NOISE = 2.0
_CRF = "20"
_HAIR_PARTS = ("hair", "bun")
_HAT_PARTS = ("beanie", "hat", "cap", "hood", "scarf", "brim")
_METAL_PARTS = ("crutch", "handle", "frame", "wheel", "cane", "stick")


@dataclass(frozen=True, slots=True)
class FilmSize:
    """Width and height of a video in pixels."""

    width_px: int = 1280
    height_px: int = 720

    def __post_init__(self) -> None:
        if self.width_px % 2 or self.height_px % 2 or min(self.width_px, self.height_px) < 160:
            raise ConfigError("Width and height of a video must be even and at least 160 pixels.")


def film(
    walker: Walker,
    bank: BodyBank,
    setup: RecordingSetup,
    walk: PosedWalk,
    rng: np.random.Generator,
    size: FilmSize | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video of a walk, RGB uint8 [row, column, 3].

    Args:
        walker: who walks.
        bank: the bank that the walker's body is from.
        setup: what `walk` was posed with.
        walk: of `walker.pose_walk`.
        rng: source of colours, room and light.
        size: of the video; 1280 x 720 if not given.
    """
    studio = _Studio(walker, bank, setup, walk, rng, size or FilmSize())
    for frame in range(len(walk.points_m)):
        yield studio.picture(frame)


def write_film(
    frames: Iterable[NDArray[np.uint8]],
    out: Path,
    frame_rate_hz: float,
    progress: Progress = ignore_progress,
    expected: int = 0,
) -> None:
    """Writes frames of even size as MP4 (H.264, yuv420p) that a browser plays.

    Args:
        frames: RGB uint8 [row, column, 3] each.
        out: file to write. An older one stays until the new one is complete.
        frame_rate_hz: frames a second.
        progress: told after every frame.
        expected: how many frames there will be, for the progress.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(frame_rate_hz).limit_denominator(1000)
    unfinished = out.with_name(f"{out.name}.part")
    with av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": _CRF, "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 2
        for number, rgb in enumerate(frames):
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            progress((number + 1) / max(expected, number + 1), f"frame {number + 1} of {expected}")
        container.mux(stream.encode(None))
    unfinished.replace(out)


class _Studio:
    """Everything that stays the same through a film."""

    def __init__(
        self,
        walker: Walker,
        bank: BodyBank,
        setup: RecordingSetup,
        walk: PosedWalk,
        rng: np.random.Generator,
        size: FilmSize,
    ) -> None:
        self._walk, self._bank = walk, bank
        self._size = (size.width_px, size.height_px)
        self._focal_px = max(self._size) * setup.camera.focal_length_mm / 36.0
        self._figure = paint.draw_figure(walker.body, setup.outfit.clothing, rng)
        self._regions = paint.body_regions(walker.body, bank.weights)
        self._cloth = paint.CLOTH_BOTTOM if setup.outfit.clothing == "skirt" else paint.CLOTH_TOP
        self._occluder = setup.occluder
        camera = clear_of_path(setup.camera, walk.passage.position_m)
        self._camera_m = np.array([*camera.floor_m, camera.height_m])
        self._matrices = scene_matrices(setup.camera, walk.passage.position_m)
        self._room = draw_room(self._camera_m, float(np.abs(walk.passage.position_m).max()) + 1.0, rng)
        self._light = _draw_light(rng)
        self._grain = rng.normal(0.0, _SENSOR_NOISE, (size.height_px + 64, size.width_px + 64, 1)).astype(np.float32)
        self._shifts = rng.integers(0, 64, (len(walk.points_m), 2))
        self._moving = setup.camera.follows
        self._background = self._empty(0)

    def _empty(self, frame: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return draw_background(self._room, self._matrices[frame], self._focal_px, self._size)

    def picture(self, frame: int) -> NDArray[np.uint8]:
        background, floor_m = self._empty(frame) if self._moving else self._background
        mesh = self._mesh(frame)
        out = darkened(background, floor_m, mesh.points_m, mesh.faces, self._light.towards)
        seen = to_pixels(mesh.points_m, self._matrices[frame], self._focal_px, self._size)
        box = self._box(seen)
        if box is not None:
            colour, cover = shade(
                mesh, seen, box, _OVERSAMPLING, self._camera_m, self._light, self._figure.numbers, self._figure.colours
            )
            x0, y0, x1, y1 = box
            out[y0:y1, x0:x1] += (colour - out[y0:y1, x0:x1]) * cover[..., None]
        top, left = self._shifts[frame]
        out = cv2.GaussianBlur(out, (0, 0), 0.55) + self._grain[top : top + out.shape[0], left : left + out.shape[1]]
        return np.clip(out, 0.0, 255.0).astype(np.uint8)

    def _box(self, seen: NDArray[np.float64]) -> tuple[int, int, int, int] | None:
        x0, y0 = np.maximum(np.floor(seen[:, :2].min(0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(seen[:, :2].max(0)).astype(int) + 2, self._size)
        return None if x1 <= x0 or y1 <= y0 else (int(x0), int(y0), int(x1), int(y1))

    def _mesh(self, frame: int) -> Mesh:
        walk, faces = self._walk, self._bank.faces
        points = _in_scene(walk, frame)
        rest = [walk.dressed.vertices_m, *(part.points_m for part in walk.dressed.parts)]
        parts = _Pieces(np.concatenate(rest), points, self._regions)
        parts.add(faces, paint.BODY)
        start = len(walk.dressed.vertices_m)
        for part in walk.dressed.parts:
            numbers = np.arange(start, start + len(part.points_m))
            parts.add_hull(numbers, _material(part), 0.0)
            start += len(part.points_m)
        for hull in walk.dressed.hulls:
            parts.add_hull(hull, self._cloth, _CLOTH_NEARER_M)
        if self._occluder is not None:
            parts.add_box(self._occluder.corners_m)
        return parts.mesh()


class _Pieces:
    """Collects the faces of one frame; what is drawn as a hull gets vertices, and so normals, of its own."""

    def __init__(
        self, rest_m: NDArray[np.float32], points_m: NDArray[np.float32], regions: NDArray[np.float32]
    ) -> None:
        empty = np.zeros((len(points_m) - len(regions), regions.shape[1]), np.float32)
        self._points, self._rest = [points_m], [rest_m]
        self._regions = [np.concatenate([regions, empty])]
        self._faces: list[NDArray[np.int32]] = []
        self._materials: list[NDArray[np.int32]] = []
        self._nearer: list[NDArray[np.float32]] = []
        self._count = len(points_m)

    def add(self, faces: NDArray[np.integer], material: int, nearer_m: float = 0.0) -> None:
        self._faces.append(faces.astype(np.int32))
        self._materials.append(np.full(len(faces), material, np.int32))
        self._nearer.append(np.full(len(faces), nearer_m, np.float32))

    def add_hull(self, numbers: NDArray[np.integer], material: int, nearer_m: float) -> None:
        self._add_points(self._points[0][numbers], self._rest[0][numbers], material, nearer_m)

    def add_box(self, corners_m: NDArray[np.floating]) -> None:
        corners = corners_m.astype(np.float32)
        self._add_points(corners, corners, paint.FURNITURE, 0.0)

    def _add_points(
        self, points: NDArray[np.float32], rest: NDArray[np.float32], material: int, nearer_m: float
    ) -> None:
        faces = _hull_faces(points)
        if material in (paint.BAG, paint.FURNITURE, paint.FRAME):
            points, rest = points[faces.ravel()], rest[faces.ravel()]  # sharp edges: no normal is shared
            faces = np.arange(len(points)).reshape(-1, 3)
        self.add(faces + self._count, material, nearer_m)
        self._points.append(points)
        self._rest.append(rest)
        self._regions.append(np.zeros((len(points), self._regions[0].shape[1]), np.float32))
        self._count += len(points)

    def mesh(self) -> Mesh:
        return Mesh(
            np.concatenate(self._points), np.concatenate(self._rest), np.concatenate(self._regions),
            np.concatenate(self._faces), np.concatenate(self._materials), np.concatenate(self._nearer),
        )  # fmt: skip


def _hull_faces(points: NDArray[np.float32]) -> NDArray[np.int32]:
    """Faces of the convex hull, all the same way round."""
    hull = ConvexHull(points.astype(np.float64), qhull_options="QJ")
    faces = hull.simplices.copy()
    a, b, c = (points[faces[:, corner]].astype(np.float64) for corner in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0.0
    faces[inward] = faces[inward][:, ::-1]
    return faces.astype(np.int32)


def _material(part: Part) -> int:
    tables = ((_HAIR_PARTS, paint.HAIR), (_HAT_PARTS, paint.HAT), (_METAL_PARTS, paint.FRAME))
    return next((material for names, material in tables if any(name in part.name for name in names)), paint.BAG)


def _in_scene(walk: PosedWalk, frame: int) -> NDArray[np.float32]:
    angle = np.radians(walk.passage.heading_deg[frame])
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return (walk.points_m[frame] @ turn.T + np.array([*walk.passage.position_m[frame], 0.0])).astype(np.float32)


def _draw_light(rng: np.random.Generator) -> Light:
    around, up = rng.uniform(0.0, 2 * np.pi), np.radians(rng.uniform(45.0, 70.0))
    towards = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
    key = float(rng.uniform(0.45, 0.75))
    return Light(towards, key, 1.15 - key)
