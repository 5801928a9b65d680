"""BlazePose on LiteRT: one network finds people, a second gives 33 landmarks and a mask of one person.

The weights are Google's (Apache-2.0) and come from a registry package, see `fgait_core.assets`.
Source of the method: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020, and the model cards.

Deviations: several people (the frame is also searched in overlapping tiles); no smoothing over time; the mask is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.assets import fetch_asset
from fgait_core.errors import ConfigError
from fgait_core.silhouettes.segmenter import N_LANDMARKS, Detection, PersonFrame, Region

DETECTOR_SIDE_PX = 224
DETECTOR_STRIDES = (8, 16, 32, 32, 32)
LANDMARK_SIDE_PX = 256
REGION_SCALE = 1.25
MIN_DETECTION_SCORE = 0.5
MIN_PERSON_SCORE = 0.5
OVERLAP_TO_MERGE = 0.3
TILE_LEVELS = (1, 2)
VARIANTS = {"full": "pose_landmark_full"}


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0)))).astype(np.float32)


def detector_anchors() -> NDArray[np.float32]:
    """Centres of the 2,254 anchors of the detector, [anchor, xy], as fractions of its input."""
    anchors: list[NDArray[np.float64]] = []
    for stride in sorted(set(DETECTOR_STRIDES)):
        cells = -(-DETECTOR_SIDE_PX // stride)
        at_each_cell = 2 * DETECTOR_STRIDES.count(stride)
        middle = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(middle, middle)
        anchors.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), at_each_cell, axis=0))
    return np.concatenate(anchors).astype(np.float32)


def tiles_of(height_px: int, width_px: int, levels: tuple[int, ...] = TILE_LEVELS) -> list[tuple[int, int, int, int]]:
    """The whole frame and overlapping squares of it as (x0, y0, x1, y1), so that small people are found, too."""
    tiles = [(0, 0, width_px, height_px)]
    for level in levels:
        side = min(height_px, width_px) // level
        if side < 2:
            continue
        columns = max(1, int(np.ceil((width_px - side) / (side * 0.5))) + 1)
        rows = max(1, int(np.ceil((height_px - side) / (side * 0.5))) + 1)
        for x in np.linspace(0, width_px - side, columns).astype(int):
            tiles += [
                (int(x), int(y), int(x) + side, int(y) + side)
                for y in np.linspace(0, height_px - side, rows).astype(int)
            ]
    return tiles


def region_of(centre: NDArray[np.floating], above: NDArray[np.floating]) -> Region:
    """The region of a body from its middle and the point above it that gives its size and its turn."""
    dx, dy = (above - centre).tolist()
    size_px = max(2.0 * float(np.hypot(dx, dy)) * REGION_SCALE, 2.0)
    angle = np.pi / 2 - np.arctan2(-dy, dx)
    return Region(float(centre[0]), float(centre[1]), size_px, float((angle + np.pi) % (2 * np.pi) - np.pi))


class _Network:
    """One LiteRT network with its outputs by name."""

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {detail["name"]: detail["index"] for detail in self._interpreter.get_output_details()}

    def __call__(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()}


class BlazePoseSegmenter:
    """A `PersonSegmenter` by BlazePose. One instance serves one thread.

    Args:
        variant: size of the landmark network; "full".
        threads: threads of each network.

    Raises:
        ConfigError: if there is no such variant.
        AssetError: if the weights can neither be found nor fetched.
    """

    def __init__(self, variant: str = "full", threads: int = 2) -> None:
        if variant not in VARIANTS:
            raise ConfigError(f"There is no BlazePose variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        self._detector = _Network(fetch_asset("pose_detection"), threads)
        self._landmarker = _Network(fetch_asset(VARIANTS[variant]), threads)
        self._anchors = detector_anchors()

    def detect(
        self, rgb: NDArray[np.uint8], *, thorough: bool = True, pulse: Callable[[], None] | None = None
    ) -> tuple[Detection, ...]:
        """Everybody in a frame, the whole frame and its tiles taken together, best first."""
        found: list[Detection] = []
        for x0, y0, x1, y1 in tiles_of(rgb.shape[0], rgb.shape[1], TILE_LEVELS if thorough else TILE_LEVELS[:1]):
            found += self._detect_in(rgb[y0:y1, x0:x1], x0, y0)
            if pulse is not None:
                pulse()
        found.sort(key=lambda detection: -detection.score)
        kept: list[Detection] = []
        for detection in found:
            # Half a region's scaled size is the radius of the body's circle; centres closer than 0.4 of it are doubles.
            if all(
                detection.region.distance_px(other.region)
                > 0.4 * max(detection.region.size_px, other.region.size_px) / (2 * REGION_SCALE)
                for other in kept
            ):
                kept.append(detection)
        return tuple(kept)

    def _detect_in(self, rgb: NDArray[np.uint8], left_px: int, top_px: int) -> list[Detection]:
        image, scale, dx, dy = _letterboxed(rgb)
        outputs = self._detector(image)
        scores = _sigmoid(outputs["Identity_1"][:, 0])
        chosen = np.flatnonzero(scores > MIN_DETECTION_SCORE)
        if len(chosen) == 0:
            return []
        scores, anchors = scores[chosen], self._anchors[chosen]
        raw = outputs["Identity"][chosen] / DETECTOR_SIDE_PX
        centres = raw[:, :2] + anchors
        boxes = np.concatenate([centres - raw[:, 2:4] / 2, centres + raw[:, 2:4] / 2], axis=1)
        points = raw[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
        detections: list[Detection] = []
        for group in _overlapping_groups(boxes, scores):
            weights = scores[group][:, None, None]
            merged = (points[group] * weights).sum(axis=0) / weights.sum()
            merged = (merged * DETECTOR_SIDE_PX - [dx, dy]) / scale + [left_px, top_px]
            detections.append(Detection(region_of(merged[0], merged[1]), float(scores[group[0]])))
        return detections

    def segment(self, rgb: NDArray[np.uint8], region: Region) -> PersonFrame | None:
        """The person in a region, or None where the network sees nobody."""
        crop, to_crop = _cropped(rgb, region)
        outputs = self._landmarker(crop.astype(np.float32) / 255.0)
        score = float(outputs["Identity_1"][0])
        if score < MIN_PERSON_SCORE:
            return None
        raw = outputs["Identity"].reshape(-1, 5)
        back = cv2.invertAffineTransform(to_crop)
        points = raw[:, :2] @ back[:, :2].T + back[:, 2]
        mask, mask_region = _upright_mask(outputs["Identity_2"][..., 0], region)
        return PersonFrame(
            landmarks_px=points[:N_LANDMARKS].astype(np.float32),
            visibility=_sigmoid(raw[:N_LANDMARKS, 3]),
            world_m=_turned_back(outputs["Identity_4"].reshape(-1, 3)[:N_LANDMARKS], region.angle_rad),
            score=score,
            mask=mask,
            mask_region=mask_region,
            # Landmarks 33 and 34 are made for this: middle of the hips and the size and turn of the whole body.
            next_region=region_of(points[N_LANDMARKS], points[N_LANDMARKS + 1]),
        )


def load_segmenter(variant: str = "full", threads: int = 2) -> BlazePoseSegmenter:
    """The segmenter of this software, its weights fetched once (see `BlazePoseSegmenter`)."""
    return BlazePoseSegmenter(variant, threads)


def _letterboxed(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float, int, int]:
    """The picture in the middle of the detector's input (-1..1), with its scale and offset."""
    height, width = rgb.shape[:2]
    scale = DETECTOR_SIDE_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    dx, dy = (DETECTOR_SIDE_PX - size[0]) // 2, (DETECTOR_SIDE_PX - size[1]) // 2
    image = np.full((DETECTOR_SIDE_PX, DETECTOR_SIDE_PX, 3), -1.0, np.float32)
    image[dy : dy + size[1], dx : dx + size[0]] = small.astype(np.float32) / 127.5 - 1.0
    return image, scale, dx, dy


def _overlapping_groups(boxes: NDArray[np.floating], scores: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Groups of boxes that mean the same person, best box first (non-maximum suppression that keeps the votes)."""
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    order = np.argsort(-scores)
    groups: list[NDArray[np.int64]] = []
    while len(order):
        best = order[0]
        low = np.maximum(boxes[order, :2], boxes[best, :2])
        high = np.minimum(boxes[order, 2:], boxes[best, 2:])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        same = common / (areas[order] + areas[best] - common + 1e-9) >= OVERLAP_TO_MERGE
        same[0] = True
        groups.append(order[same])
        order = order[~same]
    return groups


def _cropped(rgb: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The region turned upright at the landmark network's size, and the 2 x 3 map from frame to crop."""
    scale = LANDMARK_SIDE_PX / region.size_px
    to_crop = _map_to_square(region, scale)
    if scale >= 1:
        return cv2.warpAffine(rgb, to_crop, (LANDMARK_SIDE_PX,) * 2, flags=cv2.INTER_LINEAR).astype(np.uint8), to_crop
    # Shrink by area first, and only what the turned square covers: a warp alone would skip pixels.
    x0, y0, x1, y1 = _covered(region, rgb.shape[1], rgb.shape[0])
    if x1 <= x0 or y1 <= y0:
        return np.zeros((LANDMARK_SIDE_PX, LANDMARK_SIDE_PX, 3), np.uint8), to_crop
    size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
    small = cv2.resize(rgb[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    sx, sy = size[0] / (x1 - x0), size[1] / (y1 - y0)
    # Pixel centres: frame = small / s + (0.5 / s - 0.5) + corner.
    to_frame = np.array([[1 / sx, 0, 0.5 / sx - 0.5 + x0], [0, 1 / sy, 0.5 / sy - 0.5 + y0], [0, 0, 1]])
    small_to_crop = to_crop @ to_frame
    crop = cv2.warpAffine(small, small_to_crop, (LANDMARK_SIDE_PX,) * 2, flags=cv2.INTER_LINEAR)
    return crop.astype(np.uint8), to_crop


def _map_to_square(region: Region, scale: float) -> NDArray[np.float64]:
    cos, sin = scale * np.cos(region.angle_rad), scale * np.sin(region.angle_rad)
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    matrix[:, 2] = LANDMARK_SIDE_PX / 2 - matrix[:, :2] @ [region.x_px, region.y_px]
    return matrix


def _covered(region: Region, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """The upright box around the turned square, within the frame."""
    half = region.size_px / 2 * (abs(np.cos(region.angle_rad)) + abs(np.sin(region.angle_rad))) + 2
    x0, x1 = np.clip([region.x_px - half, region.x_px + half], 0, width_px).astype(int)
    y0, y1 = np.clip([region.y_px - half, region.y_px + half], 0, height_px).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _turned_back(world_m: NDArray[np.float32], angle_rad: float) -> NDArray[np.float32]:
    """World landmarks of the turned crop in the frame's own upright."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return (world_m @ turn).astype(np.float32)


def _upright_mask(logits: NDArray[np.float32], region: Region) -> tuple[NDArray[np.uint8], Region]:
    """The mask turned back to the frame's upright, binary, and the square that it covers."""
    upright = Region(region.x_px, region.y_px, region.size_px)
    middle = (LANDMARK_SIDE_PX / 2, LANDMARK_SIDE_PX / 2)
    turn = cv2.getRotationMatrix2D(middle, -np.degrees(region.angle_rad), 1.0)
    turned = cv2.warpAffine(
        logits, turn, (LANDMARK_SIDE_PX,) * 2, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-10.0
    )
    return (turned > 0).astype(np.uint8) * 255, upright
