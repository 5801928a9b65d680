"""Who is in a recording: people found on key frames and linked over time, the likeliest patient first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fgait_core.errors import NoWalkerError
from fgait_core.progress import Cancelled, Progress, Pulse, ignore_progress, never_cancelled
from fgait_core.silhouettes.body import BODY_HEIGHT_M, Body, body_of, pixels_per_metre
from fgait_core.silhouettes.camera import CameraPath
from fgait_core.silhouettes.segmenter import HIPS, SHOULDERS, PersonFrame, PersonSegmenter, Region
from fgait_core.silhouettes.video import Frame, VideoInfo, probe_video, read_frames
from fgait_core.silhouettes.video_source import VideoSource

KEY_FRAME_STEP_S = (0.4, 1.0)
KEY_FRAMES_WANTED = 120
MAX_PEOPLE = 12
MIN_SIGHTINGS = 2
MIN_MEAN_SCORE = 0.7
FORGET_AFTER_S = 2.5
MAX_LEAN_RAD = 1.0
"""Who leans further than this neither stands nor walks; most such finds are no people at all."""
THUMBNAIL_HEIGHT_PX = 240
FOCAL_LENGTH_WIDTHS = 0.85
"""Focal length of a phone's main camera in long sides of the picture; only depth travel uses it, roughly."""
_COLOUR_BINS = 8


@dataclass(frozen=True, slots=True, eq=False)
class PersonCandidate:
    """A person in a recording who may be the patient.

    Attributes:
        number: from 1; 1 walks furthest in full view.
        seed_time_s: when the person is seen best.
        seed_roi: where the person is then, in pixels of the video.
        box_px: x0, y0, x1, y1 of the person then.
        travel_body_heights: how far the person gets from one place to another, sideways and in depth.
        visible_s: for how long the person is seen.
        in_full_view: whether the whole body is in the picture for most of that time.
        thumbnail_rgb: uint8 [row, column, 3], at most 240 rows.
        anchors: every time and place at which the person was found.
    """

    number: int
    seed_time_s: float
    seed_roi: Region
    box_px: tuple[float, float, float, float]
    travel_body_heights: float
    visible_s: float
    in_full_view: bool
    thumbnail_rgb: NDArray[np.uint8] = field(repr=False)
    anchors: tuple[tuple[float, Region], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One person on one key frame; positions in pixels of the working frame."""

    time_s: float
    region: Region
    still_xy_px: NDArray[np.float64]
    body: Body
    in_full_view: bool
    score: float
    scale_px_per_m: float
    colours: NDArray[np.float32]
    thumbnail_rgb: NDArray[np.uint8] | None


class _Track:
    """The sightings of one person; only the best one keeps its picture, so that long videos take no memory."""

    def __init__(self, first: _Sighting) -> None:
        self.sightings: list[_Sighting] = []
        self.best = first
        self.append(first)

    def append(self, sighting: _Sighting) -> None:
        if _how_well_seen(sighting) >= _how_well_seen(self.best):
            self.best = sighting
        light_body = replace(sighting.body, silhouette=None)
        self.sightings.append(replace(sighting, thumbnail_rgb=None, body=light_body))


def _how_well_seen(sighting: _Sighting) -> tuple[bool, float]:
    return sighting.in_full_view, sighting.score * sighting.body.height_px


def key_frame_step_s(duration_s: float) -> float:
    """Time between key frames: short videos are searched densely, long ones so that the search stays bearable."""
    return float(np.clip(duration_s / KEY_FRAMES_WANTED, *KEY_FRAME_STEP_S))


def find_people(
    video: VideoSource,
    segmenter: PersonSegmenter,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> tuple[PersonCandidate, ...]:
    """Everybody who is seen for some time, the one who walks furthest in full view as number 1.

    Args:
        video: the file, or what can be opened like one.
        segmenter: finds and segments people.
        progress: told at least once a second how far the search is.
        cancelled: asked at every frame, and within key frames, whether to stop.

    Raises:
        VideoDecodeError: if the file is no video that can be read.
        NoWalkerError: if nobody is found.
        OperationCancelled: if `cancelled` answered yes.
    """
    progress, cancelled = progress or ignore_progress, cancelled or never_cancelled
    progress(0.0, "Looking for people")
    info = probe_video(video)
    tracks: list[_Track] = []
    camera = CameraPath()
    step_s = key_frame_step_s(info.duration_s)
    pulse = Pulse(progress, cancelled, "Looking for people")
    next_s, thorough = 0.0, True
    for frame in read_frames(video, info):
        pulse(frame.time_s / info.duration_s)
        shift = camera.follow(frame, info.width_px * info.working_scale)
        if frame.time_s + 1e-6 >= next_s:
            next_s = frame.time_s + step_s
            _link(tracks, _sightings(frame, segmenter, shift, thorough, pulse), step_s)
            thorough = not thorough
    progress(1.0, "People found")
    return _candidates(tracks, info, step_s)


def _sightings(
    frame: Frame, segmenter: PersonSegmenter, shift: tuple[float, float], thorough: bool, pulse: Callable[[], None]
) -> list[_Sighting]:
    rgb = frame.rgb()
    sightings: list[_Sighting] = []
    for detection in segmenter.detect(rgb, thorough=thorough, pulse=pulse):
        pulse()
        person = segmenter.segment(rgb, detection.region)
        if person is None:
            continue
        body = body_of(person, rgb.shape[1], rgb.shape[0])
        region = person.next_region
        if body.silhouette is None or abs(region.angle_rad) > MAX_LEAN_RAD or _is_double(body, sightings):
            continue
        sightings.append(
            _Sighting(
                time_s=frame.time_s,
                region=region,
                still_xy_px=np.array([region.x_px - shift[0], region.y_px - shift[1]]),
                body=body,
                in_full_view=body.in_full_view,
                score=person.score,
                scale_px_per_m=max(pixels_per_metre(person), 1e-3),
                colours=_colours(rgb, person),
                thumbnail_rgb=_thumbnail(rgb, body),
            )
        )
    return sightings


def _is_double(body: Body, sightings: list[_Sighting]) -> bool:
    """Whether the same body was already seen on this frame from another detection."""
    return any(_overlap(body.box_px, other.body.box_px) > 0.5 for other in sightings)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Common area of two boxes as a share of the smaller one."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(width, 0.0) * max(height, 0.0) / max(smaller, 1.0)


def _colours(rgb: NDArray[np.uint8], person: PersonFrame) -> NDArray[np.float32]:
    """Histogram of hue and saturation of the trunk: clothes tell people apart."""
    trunk = person.landmarks_px[list(SHOULDERS + HIPS)]
    x0, y0 = np.clip(trunk.min(axis=0) - 2, 0, None).astype(int)
    x1, y1 = np.ceil(trunk.max(axis=0) + 3).astype(int)
    patch = rgb[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    if patch.size == 0:
        return np.full(_COLOUR_BINS**2, 1.0 / _COLOUR_BINS**2, np.float32)
    hsv = cv2.cvtColor(patch, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [1, 2], None, [_COLOUR_BINS, _COLOUR_BINS], [0, 256, 0, 256])
    return (histogram / max(float(histogram.sum()), 1.0)).ravel().astype(np.float32)


def _thumbnail(rgb: NDArray[np.uint8], body: Body) -> NDArray[np.uint8]:
    margin = 0.12 * body.height_px
    x0, y0 = max(int(body.box_px[0] - margin), 0), max(int(body.box_px[1] - margin), 0)
    x1, y1 = int(body.box_px[2] + margin), int(body.box_px[3] + margin)
    patch = rgb[y0 : max(y1, y0 + 2), x0 : max(x1, x0 + 2)]
    scale = min(1.0, THUMBNAIL_HEIGHT_PX / patch.shape[0])
    size = (max(round(patch.shape[1] * scale), 1), max(round(patch.shape[0] * scale), 1))
    return cv2.resize(patch, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _link(tracks: list[_Track], sightings: list[_Sighting], step_s: float) -> None:
    """Gives each sighting to the track that it continues best, or lets it begin one."""
    if not sightings:
        return
    now_s = sightings[0].time_s
    alive = [track for track in tracks if now_s - track.sightings[-1].time_s <= FORGET_AFTER_S + step_s]
    unlinked = set(range(len(sightings)))
    if alive:
        costs = np.array([[_link_cost(track.sightings, sighting) for sighting in sightings] for track in alive])
        for row, column in zip(*linear_sum_assignment(np.minimum(costs, 1e3)), strict=True):
            if np.isfinite(costs[row, column]):
                alive[row].append(sightings[column])
                unlinked.discard(int(column))
    tracks.extend(_Track(sightings[i]) for i in sorted(unlinked))


def _link_cost(track: list[_Sighting], sighting: _Sighting) -> float:
    last = track[-1]
    elapsed_s = sighting.time_s - last.time_s
    expected = last.still_xy_px
    if len(track) > 1 and last.time_s - track[-2].time_s <= FORGET_AFTER_S:
        velocity = (last.still_xy_px - track[-2].still_xy_px) / (last.time_s - track[-2].time_s)
        expected = expected + velocity * min(elapsed_s, 1.0)
    body_px = BODY_HEIGHT_M * max(last.scale_px_per_m, sighting.scale_px_per_m)
    away = float(np.linalg.norm(sighting.still_xy_px - expected)) / body_px
    growth = abs(float(np.log(sighting.scale_px_per_m / last.scale_px_per_m)))
    colour = 1.0 - float(np.sqrt(last.colours * sighting.colours).sum())
    if away > 0.4 + 0.9 * elapsed_s or growth > 0.5:
        return float("inf")
    return away + growth + colour


def _candidates(tracks: list[_Track], info: VideoInfo, step_s: float) -> tuple[PersonCandidate, ...]:
    needed = MIN_SIGHTINGS if info.duration_s > 2 * step_s else 1
    real = [t for t in tracks if len(t.sightings) >= needed]
    real = [t for t in real if np.mean([s.score for s in t.sightings]) >= MIN_MEAN_SCORE]
    if not real:
        raise NoWalkerError(
            "Nobody was found in the recording. Film the whole person from head to feet, in good light, so that the "
            "body fills at least a third of the height of the picture."
        )
    side_px = max(info.width_px, info.height_px) * info.working_scale
    order = sorted(real, key=lambda t: (-round(_travel(_full_view(t.sightings), side_px), 1), -len(t.sightings)))
    return tuple(
        _candidate(number, track, info, side_px, step_s) for number, track in enumerate(order[:MAX_PEOPLE], start=1)
    )


def _visible_s(track: list[_Sighting], step_s: float) -> float:
    # Small people are looked for on every second key frame only: one frame without them is no gap.
    gaps_s = np.diff([sighting.time_s for sighting in track])
    return float(gaps_s[gaps_s < 2.5 * step_s].sum()) + step_s


def _full_view(track: list[_Sighting]) -> list[_Sighting]:
    return [sighting for sighting in track if sighting.in_full_view]


def _travel(track: list[_Sighting], side_px: float) -> float:
    """Largest distance between two places where the person was, in body heights."""
    if len(track) < 2:
        return 0.0
    scale = _median_of_three(np.array([s.scale_px_per_m for s in track]))
    x_px = np.array([s.still_xy_px[0] for s in track])
    across_m = (x_px - side_px / 2) / scale
    depth_m = FOCAL_LENGTH_WIDTHS * side_px / scale
    places = np.stack([across_m, depth_m], axis=1) / BODY_HEIGHT_M
    # Some hundred places are enough, and the table of distances stays small for long videos.
    places = places[np.unique(np.linspace(0, len(places) - 1, min(len(places), 300)).astype(int))]
    return float(np.max(np.linalg.norm(places[:, None] - places[None], axis=2)))


def _median_of_three(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) < 3:
        return np.full_like(values, values.mean())
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _candidate(number: int, track: _Track, info: VideoInfo, side_px: float, step_s: float) -> PersonCandidate:
    sightings, seed = track.sightings, track.best
    full = _full_view(sightings)
    back = 1.0 / info.working_scale
    return PersonCandidate(
        number=number,
        seed_time_s=seed.time_s,
        seed_roi=seed.region.scaled(back),
        box_px=tuple(round(v * back, 1) for v in seed.body.box_px),  # type: ignore[arg-type]
        travel_body_heights=round(_travel(full, side_px), 2),
        visible_s=round(_visible_s(sightings, step_s), 2),
        in_full_view=len(full) >= 0.5 * len(sightings),
        thumbnail_rgb=np.zeros((2, 2, 3), np.uint8) if seed.thumbnail_rgb is None else seed.thumbnail_rgb,
        anchors=tuple((s.time_s, s.region.scaled(back)) for s in sightings),
    )
