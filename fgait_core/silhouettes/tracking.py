"""Following one person through a video, frame by frame, forwards and backwards from the places where it was found.

`find_people` gives the person's place on every key frame (an anchor). From an anchor the person is followed forwards:
each frame's landmarks say where to look in the next. Where the next anchor does not confirm the place reached (the
person was lost, or somebody else was caught in passing), the person is followed backwards from that anchor over the
frames in between, which are still at hand, and each frame takes the result nearer to the way between the two anchors.
The video is read once, in order; at most `MAX_PENDING_FRAMES` frames are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import NoWalkerError
from fgait_core.progress import Cancelled, Progress, Pulse, ignore_progress, never_cancelled
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence
from fgait_core.silhouettes.body import Body, body_of, pixels_per_metre
from fgait_core.silhouettes.camera import CameraPath
from fgait_core.silhouettes.left_right import find_swaps, swapped_order
from fgait_core.silhouettes.people import PersonCandidate
from fgait_core.silhouettes.poses import poses_of
from fgait_core.silhouettes.segmenter import N_LANDMARKS, PersonFrame, PersonSegmenter, Region
from fgait_core.silhouettes.video import Frame, VideoInfo, probe_video, read_frames
from fgait_core.silhouettes.video_source import VideoSource
from fgait_core.silhouettes.walk import Walk

MAX_PENDING_FRAMES = 48
AGREEMENT = 0.15
"""Two places closer than this share of a region's side are the same person; a region is about 1.4 body heights."""
OVERRUN_S = 1.2
"""How long a person is followed beyond the last anchor: entries and exits fall between key frames."""
SHARPNESS_EVERY = 5
SHARPNESS_SIDE_PX = 192
HEIGHT_WINDOW_S = 0.75
HEIGHT_TOLERANCE = 0.15
MIN_STRETCH_S = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """The person in one frame, positions in pixels of the working frame."""

    index: int
    time_s: float
    person: PersonFrame
    body: Body
    camera_px: tuple[float, float]
    sharpness: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A frame that the next anchor may still correct."""

    frame: Frame
    forward: PersonFrame | None
    camera_px: tuple[float, float]


_RECORD = np.dtype(
    [
        ("index", np.int64),
        ("time_s", np.float64),
        ("silhouette", np.uint8, (HEIGHT_PX, WIDTH_PX)),
        ("landmarks_px", np.float32, (N_LANDMARKS, 2)),
        ("visibility", np.float32, (N_LANDMARKS,)),
        ("world_m", np.float32, (N_LANDMARKS, 3)),
        ("box_px", np.float32, (4,)),
        ("centre_px", np.float32),
        ("scale_px_per_m", np.float32),
        ("camera_px", np.float32, (2,)),
    ]
)
"""What is left of a frame when it is done with, in pixels of the video; no pictures."""


class _Records:
    """Grows in large blocks: many small arrays that live long between the frames would tear the heap to pieces."""

    BLOCK = 1024

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.void]] = []
        self._count = 0

    def add(self, step: _Followed, silhouette: NDArray[np.uint8], back: float) -> None:
        place = self._count % self.BLOCK
        if place == 0:
            self._blocks.append(np.zeros(self.BLOCK, _RECORD))
        record = self._blocks[-1][place]
        record["index"], record["time_s"] = step.index, step.time_s
        record["silhouette"] = silhouette
        record["landmarks_px"] = step.person.landmarks_px * back
        record["visibility"] = step.person.visibility
        record["world_m"] = step.person.world_m
        record["box_px"] = np.multiply(step.body.box_px, back)
        record["centre_px"] = step.body.centre_x_px * back
        record["scale_px_per_m"] = pixels_per_metre(step.person) * back
        record["camera_px"] = np.multiply(step.camera_px, back)
        self._count += 1

    def all(self) -> NDArray[np.void]:
        if not self._blocks:
            return np.zeros(0, _RECORD)
        return np.concatenate(self._blocks)[: self._count]


def track_walk(
    video: VideoSource,
    person: PersonCandidate,
    segmenter: PersonSegmenter,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Walk:
    """Follows one person and keeps the good frames.

    Left out are frames in which the border of the picture cuts the body, in which a part of it is hidden, and stretches
    shorter than 0.4 s.

    Args:
        video: the one that `person` was found in.
        person: of `find_people`.
        segmenter: segments the person.
        progress: told at least once a second how far the work is.
        cancelled: asked at every frame whether to stop.

    Raises:
        VideoDecodeError: if the file is no video that can be read.
        NoWalkerError: if no good frame is left.
        OperationCancelled: if `cancelled` answered yes.
    """
    progress, cancelled = progress or ignore_progress, cancelled or never_cancelled
    progress(0.0, "Following the person")
    info = probe_video(video)
    follower = _Follower(person, segmenter, info)
    kept = _Records()
    sharpness: list[float] = []
    followed = at_border = 0
    for step in follower.follow(video, progress, cancelled):
        followed += 1
        if step.sharpness is not None:
            sharpness.append(step.sharpness)
        if step.body.at_border:
            at_border += 1
        elif step.body.complete and step.body.silhouette is not None:
            kept.add(step, step.body.silhouette, 1.0 / info.working_scale)
    good = _in_long_stretches(_of_steady_height(kept.all()))
    if len(good) < 2:
        raise NoWalkerError(
            f"Person {person.number} is never seen from head to feet. Film so that the whole body stays in the picture "
            "and nothing hides it, with some room above the head and below the feet."
        )
    return _walk(
        good,
        person,
        info,
        follower.camera.mean_speed,
        sharpness,
        (followed, at_border, followed - at_border - len(good)),
    )


class _Follower:
    """Reads the video once and follows the person from anchor to anchor."""

    def __init__(self, person: PersonCandidate, segmenter: PersonSegmenter, info: VideoInfo) -> None:
        self.camera = CameraPath()
        self._segmenter = segmenter
        self._info = info
        scaled = [(at_s, region.scaled(info.working_scale)) for at_s, region in person.anchors]
        self._anchors: deque[tuple[float, Region]] = deque(scaled)
        self._last_anchor_s = scaled[-1][0]
        self._previous: tuple[float, Region] | None = None
        self._pending: deque[_Pending] = deque()
        self._forward: Region | None = None
        self._count = 0

    def follow(self, video: VideoSource, progress: Progress, cancelled: Cancelled) -> Iterator[_Followed]:
        """Yields the person frame by frame, in order of time, until it is lost for good."""
        pulse = Pulse(progress, cancelled, "Following the person")
        for frame in read_frames(video, self._info):
            pulse(frame.time_s / self._info.duration_s)
            yield from self._advance(frame)
            if not self._anchors and (self._forward is None or frame.time_s > self._last_anchor_s + OVERRUN_S):
                break
        yield from self._release(self._pending)
        progress(1.0, "Person followed")

    def _advance(self, frame: Frame) -> Iterator[_Followed]:
        camera_px = self.camera.follow(frame, self._info.width_px * self._info.working_scale)
        person = None
        if self._forward is not None:
            person = self._segmenter.segment(frame.rgb(), self._forward)
            self._forward = None if person is None else person.next_region
        self._pending.append(_Pending(frame.compact(), person, camera_px))
        if self._anchors and frame.time_s >= self._anchors[0][0] - 1e-6:
            yield from self._reach(self._anchors.popleft())
        while len(self._pending) > MAX_PENDING_FRAMES:
            yield from self._release([self._pending.popleft()])

    def _reach(self, anchor: tuple[float, Region]) -> Iterator[_Followed]:
        """Settles the frames since the last anchor."""
        reached = self._forward
        if reached is None or reached.distance_px(anchor[1]) > AGREEMENT * anchor[1].size_px:
            self._correct_backwards(anchor)
        yield from self._release(self._pending)
        self._pending.clear()
        self._previous = anchor

    def _correct_backwards(self, anchor: tuple[float, Region]) -> None:
        region = anchor[1]
        self._forward = region
        for i in range(len(self._pending) - 1, -1, -1):
            pending = self._pending[i]
            backward = self._segmenter.segment(pending.frame.rgb(), region)
            if i == len(self._pending) - 1 and backward is not None:
                self._forward = backward.next_region
            if backward is None:
                break
            region = backward.next_region
            forward = pending.forward
            if forward is not None and forward.next_region.distance_px(region) < AGREEMENT * region.size_px:
                break
            chosen = self._nearer_to_the_way(pending, backward, anchor)
            self._pending[i] = _Pending(pending.frame, chosen, pending.camera_px)

    def _nearer_to_the_way(self, pending: _Pending, backward: PersonFrame, anchor: tuple[float, Region]) -> PersonFrame:
        if pending.forward is None or self._previous is None:
            return backward
        (from_s, start), (to_s, end) = self._previous, anchor
        share = (pending.frame.time_s - from_s) / max(to_s - from_s, 1e-6)
        expected = Region(
            start.x_px + share * (end.x_px - start.x_px), start.y_px + share * (end.y_px - start.y_px), end.size_px
        )
        return min((pending.forward, backward), key=lambda person: person.next_region.distance_px(expected))

    def _release(self, pendings: deque[_Pending] | list[_Pending]) -> Iterator[_Followed]:
        for pending in pendings:
            person = pending.forward
            if person is None:
                continue
            self._count += 1
            rgb = pending.frame.rgb() if self._count % SHARPNESS_EVERY == 1 else None
            width = round(self._info.width_px * self._info.working_scale)
            height = round(self._info.height_px * self._info.working_scale)
            body = body_of(person, width, height)
            sharpness = None if rgb is None else sharpness_of(rgb, body.box_px)
            yield _Followed(pending.frame.index, pending.frame.time_s, person, body, pending.camera_px, sharpness)


def sharpness_of(rgb: NDArray[np.uint8], box_px: tuple[float, float, float, float]) -> float | None:
    """How sharp the person is: the share of contrast that lies in the finest detail of a body scaled to 192 px.

    Returns:
        About 0.25 for a sharp picture, 0.05 where the blur is 1 % of the body height; None where the box is empty.
    """
    x0, y0, x1, y1 = (max(int(v), 0) for v in box_px)
    patch = rgb[y0:y1, x0:x1]
    if min(patch.shape[:2]) < 8:
        return None
    grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = SHARPNESS_SIDE_PX / grey.shape[0]
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    return float(detail.std() / max(float(grey.std()), 1.0))


def _of_steady_height(records: NDArray[np.void]) -> NDArray[np.void]:
    """Without the frames whose mask is suddenly lower or higher: something hides the body or was taken for it."""
    times_s, heights = records["time_s"], records["box_px"][:, 3] - records["box_px"][:, 1]
    first = np.searchsorted(times_s, times_s - HEIGHT_WINDOW_S)
    last = np.searchsorted(times_s, times_s + HEIGHT_WINDOW_S, side="right")
    usual = np.array([np.median(heights[a:b]) for a, b in zip(first, last, strict=True)])
    return records[np.abs(heights - usual) <= HEIGHT_TOLERANCE * usual]


def _in_long_stretches(records: NDArray[np.void]) -> NDArray[np.void]:
    times_s = records["time_s"]
    borders = np.flatnonzero(np.diff(times_s) > MIN_STRETCH_S) + 1
    stretches = [s for s in np.split(np.arange(len(records)), borders) if len(s)]
    long_ones = [s for s in stretches if times_s[s[-1]] - times_s[s[0]] >= MIN_STRETCH_S]
    return records[np.concatenate(long_ones)] if long_ones else records[:0]


def _walk(
    records: NDArray[np.void],
    person: PersonCandidate,
    info: VideoInfo,
    camera_motion: float,
    sharpness: list[float],
    counts: tuple[int, int, int],
) -> Walk:
    landmarks, visibility, world = (records[name].copy() for name in ("landmarks_px", "visibility", "world_m"))
    height_px = float(np.median(records["box_px"][:, 3] - records["box_px"][:, 1]))
    swaps = find_swaps(landmarks, height_px, records["time_s"])
    order = swapped_order()
    for array in (landmarks, visibility, world):
        array[swaps] = array[swaps][:, order]
    poses = poses_of(landmarks, visibility, records["box_px"], records["centre_px"])
    return Walk(
        sequence=SilhouetteSequence(
            records["silhouette"].copy(), records["time_s"].copy(), records["index"].copy(), poses
        ),
        landmarks_px=landmarks,
        visibility=visibility,
        world_m=world,
        boxes_px=records["box_px"].copy(),
        centres_px=records["centre_px"].copy(),
        scales_px_per_m=records["scale_px_per_m"].copy(),
        camera_px=records["camera_px"].copy(),
        body_height_px=height_px,
        sharpness=float(np.median(sharpness)) if sharpness else 0.0,
        camera_motion=camera_motion,
        followed_frames=counts[0],
        border_frames=counts[1],
        hidden_frames=counts[2],
        person_number=person.number,
        video=info,
    )
