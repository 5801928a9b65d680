"""Furniture stands between camera and walker, off the path, and hides legs but no heads."""

from dataclasses import replace

import cv2
import numpy as np

from fgait_core.simulation.picture.camera import Camera, draw_camera, projection_matrices, scene_matrices
from fgait_core.simulation.picture.occlusion import OCCLUDERS, Occluder, draw_occluder

PATH_M = 2.0


def project(points_m: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Right and down in the picture, by hand."""
    seen = np.einsum("fij,fpj->fpi", matrices, np.concatenate([points_m, np.ones((*points_m.shape[:2], 1))], -1))
    return seen[..., :2] / seen[..., 2:]


def _drawn(n: int, view_deg: float | None = None) -> list[tuple[Camera, Occluder]]:
    pairs = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        camera = draw_camera(rng, view_deg)
        occluder = draw_occluder(rng, camera, PATH_M)
        if occluder is not None:
            pairs.append((camera, occluder))
    return pairs


def test_about_one_recording_in_twenty_has_furniture():
    pairs = _drawn(4000)
    assert 0.02 < len(pairs) / 4000 < 0.06
    assert {occluder.kind for _, occluder in pairs} == set(OCCLUDERS)


def test_furniture_is_furniture_and_stands_off_the_path():
    for _, occluder in _drawn(3000):
        corners = occluder.corners_m
        assert corners.shape == (8, 3)
        assert corners[:4, 2].max() == 0.0
        assert 0.2 <= corners[4:, 2].min() == corners[4:, 2].max() < 1.8
        assert np.ptp(corners[:, 0]) < 2.0
        on_path = (np.abs(corners[:, 0]) < 0.5) & (np.abs(corners[:, 1]) < PATH_M / 2)
        assert not on_path.any()


def test_it_hides_legs_for_a_part_of_the_path_and_never_heads():
    camera_of_side = [(replace(camera, roll_deg=0.0), occluder) for camera, occluder in _drawn(1500, 90.0)]
    position = np.stack([np.zeros(21), np.linspace(-1.0, 1.0, 21)], -1)
    hidden = {"ankle": [], "head": []}
    for camera, occluder in camera_of_side:
        scene, own = scene_matrices(camera, position), projection_matrices(camera, position, np.zeros(21))
        outlines = project(np.tile(occluder.corners_m, (21, 1, 1)), scene).astype(np.float32)
        for name, height in (("ankle", 0.1), ("head", 1.6)):
            points = project(np.tile([[0.0, 0.0, height]], (21, 1, 1)), own)[:, 0]
            inside = [
                cv2.pointPolygonTest(
                    cv2.convexHull(outline.astype(np.float32)), (float(u), float(v)), measureDist=False
                )
                >= 0
                for outline, (u, v) in zip(outlines, points, strict=True)
            ]
            hidden[name].append(float(np.mean(inside)))
    assert len(hidden["ankle"]) > 20
    assert max(hidden["head"]) == 0.0
    assert min(hidden["ankle"]) > 0.0
    assert 0.1 < float(np.mean(hidden["ankle"])) < 0.9
