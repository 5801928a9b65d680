"""What a player of a walk needs: strides out of the gait events, and the silhouettes at moments of the gait cycle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from app.services.access import assessment_for
from app.services.gait_view import facts_of, gait_of
from app.services.permissions import Actor, Permission, require
from app.services.reads import note_read
from clinic_data import assessment_clips
from clinic_data.database import Database
from clinic_data.errors import NotFoundError
from clinic_data.file_vault import FileVault
from clinic_data.tables import Assessment
from clinic_data.visit_tables import AssessmentClip
from fgait_core.errors import FGaitError
from fgait_core.screening_result import GaitEventFacts, GaitFacts
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence
from fgait_core.silhouettes.pictures import CLIP_MARGIN_S

PHASES = tuple(step / 10 for step in range(11))
"""The moments of a gait cycle that are shown as silhouettes."""
STRIDE_S = (0.5, 2.5)
"""Two contacts of one foot further apart than this are no stride: something in between was not seen."""
LONGEST_GAP_S = 0.25
SHEET_COLUMNS = 20
_OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class Stance:
    """When a foot is on the ground, in shares of a stride."""

    foot: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Stride:
    """One gait cycle of a foot.

    Attributes:
        foot: "left" or "right", the one that strikes at both ends.
        start_s, end_s: in the recording.
        stances: when either foot is on the ground.
    """

    foot: str
    start_s: float
    end_s: float
    stances: tuple[Stance, ...]


@dataclass(frozen=True, slots=True)
class WalkView:
    """A walk as the player shows it; all times are those of the overlay clip.

    Attributes:
        strides: in order of time; empty where no gait events are known.
        tiles: for each stride the numbers of the silhouettes at `PHASES`; without strides one row over the whole walk.
        tile_times_s: when each silhouette was seen.
        sheet_png: the silhouettes, `SHEET_COLUMNS` in a row, bright on dark.
        mean_png: the mean of all silhouettes, dark on white.
    """

    strides: tuple[Stride, ...]
    tiles: tuple[tuple[int, ...], ...]
    tile_times_s: tuple[float, ...]
    sheet_png: bytes
    mean_png: bytes


@dataclass(frozen=True, slots=True)
class WalkViews:
    """Reads stored silhouettes and events."""

    database: Database
    storage: FileVault

    def of(self, actor: Actor | None, assessment_id: str, position: int | None = None) -> WalkView | None:
        """The walk of a recording of an assessment, or None where no silhouettes of it are stored.

        Args:
            actor: who looks.
            assessment_id: whose walk it is.
            position: which of its recordings, in their order; None: the leading one.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        assessment = self._assessment(require(actor, Permission.READ_RESULTS), assessment_id)
        key = self._silhouettes_key(assessment, position)
        if not key:
            return None
        try:
            with self.storage.open(key) as file:
                sequence = SilhouetteSequence.load(file)
        except (FGaitError, NotFoundError):
            return None
        rate_hz = facts_of(assessment.result, position)["recording"].get("frame_rate_hz")
        return walk_view(sequence, gait_of(assessment.result, position), rate_hz)

    def has_clip(self, actor: Actor | None, assessment_id: str, position: int | None = None) -> bool:
        """Whether there is a clip of the recording with the outline.

        Raises:
            NotFoundError: if there is no such assessment.
        """
        assessment = self._assessment(require(actor, Permission.READ_RESULTS), assessment_id)
        stored = self._stored(assessment.id, position)
        return bool(assessment.overlay_key if stored is None else stored.overlay_key)

    def _assessment(self, actor: Actor, assessment_id: str) -> Assessment:
        with self.database.reading() as session:
            assessment = assessment_for(session, actor, Permission.READ_RESULTS, assessment_id)
        note_read(self.database, actor, "assessment.opened", "assessment", assessment_id)
        return assessment

    def _silhouettes_key(self, assessment: Assessment, position: int | None) -> str | None:
        stored = self._stored(assessment.id, position)
        return assessment.silhouettes_key if stored is None else stored.silhouettes_key

    def _stored(self, assessment_id: str, position: int | None) -> AssessmentClip | None:
        if position is None:
            return None
        with self.database.reading() as session:
            clips = assessment_clips.list_clips(session=session, assessment_id=assessment_id)
        return next((clip for clip in clips if clip.position == position), None)


def walk_view(sequence: SilhouetteSequence, gait: GaitFacts | None, frame_rate_hz: float | None) -> WalkView:
    """Puts silhouettes and events of a walk in the order in which they are shown.

    Args:
        sequence: as stored.
        gait: None where nothing was measured.
        frame_rate_hz: of the recording.
    """
    times_s = sequence.timestamps_s
    found = strides(gait.events, times_s) if gait is not None else ()
    wanted_s = [[stride.start_s + phase * (stride.end_s - stride.start_s) for phase in PHASES] for stride in found]
    if not found:
        wanted_s = [[float(times_s[0]) + phase * sequence.duration_s for phase in PHASES]]
    frames = [[int(np.abs(times_s - moment).argmin()) for moment in row] for row in wanted_s]
    used = sorted({frame for row in frames for frame in row})
    number = {frame: place for place, frame in enumerate(used)}
    offset_s = clip_start_s(float(times_s[0]), frame_rate_hz)
    return WalkView(
        strides=tuple(
            Stride(each.foot, each.start_s - offset_s, each.end_s - offset_s, each.stances) for each in found
        ),
        tiles=tuple(tuple(number[frame] for frame in row) for row in frames),
        tile_times_s=tuple(round(float(times_s[frame]) - offset_s, 3) for frame in used),
        sheet_png=_sheet(sequence.frames[used]),
        mean_png=_png(255 - sequence.frames.mean(axis=0).astype(np.uint8)),
    )


def clip_start_s(first_silhouette_s: float, frame_rate_hz: float | None) -> float:
    """The time in the recording at which its overlay clip begins: the first frame within the clip's margin."""
    wanted_s = max(first_silhouette_s - CLIP_MARGIN_S, 0.0)
    return math.ceil(wanted_s * frame_rate_hz - 1e-3) / frame_rate_hz if frame_rate_hz else wanted_s


def strides(events: Sequence[GaitEventFacts], times_s: NDArray[np.float64]) -> tuple[Stride, ...]:
    """The whole strides of both feet, in order of time; none runs over a gap in the silhouettes.

    Args:
        events: of one walk.
        times_s: of its silhouettes.
    """
    ordered = sorted(events, key=lambda event: event.time_s)
    found: list[Stride] = []
    for foot in _OTHER:
        strikes = [event.time_s for event in ordered if event.foot == foot and event.kind == "heel_strike"]
        for start_s, end_s in pairwise(strikes):
            if STRIDE_S[0] <= end_s - start_s <= STRIDE_S[1] and not _has_gap(times_s, start_s, end_s):
                stances = (*_stances(ordered, foot, start_s, end_s), *_stances(ordered, _OTHER[foot], start_s, end_s))
                found.append(Stride(foot, start_s, end_s, stances))
    return tuple(sorted(found, key=lambda stride: stride.start_s))


def _has_gap(times_s: NDArray[np.float64], start_s: float, end_s: float) -> bool:
    inside = times_s[(times_s > start_s) & (times_s < end_s)]
    return bool(np.diff(np.concatenate([[start_s], inside, [end_s]])).max() > LONGEST_GAP_S)


def _stances(events: Sequence[GaitEventFacts], foot: str, start_s: float, end_s: float) -> tuple[Stance, ...]:
    """When a foot is on the ground within a stride; empty where none of its events was found."""
    # A heel strike at the very beginning belongs to this stride, one at the very end to the next.
    inside = [event for event in events if event.foot == foot and start_s <= event.time_s < end_s]
    if not inside:
        return ()
    stances: list[Stance] = []
    begins: float | None = 0.0 if inside[0].kind == "toe_off" else None
    for event in inside:
        share = (event.time_s - start_s) / (end_s - start_s)
        if event.kind == "heel_strike":
            begins = share if begins is None else begins
        elif begins is not None:
            stances.append(Stance(foot, begins, share))
            begins = None
    if begins is not None:
        stances.append(Stance(foot, begins, 1.0))
    return tuple(stances)


def _sheet(frames: NDArray[np.uint8]) -> bytes:
    empty = -len(frames) % SHEET_COLUMNS
    filled = np.concatenate([frames, np.zeros((empty, HEIGHT_PX, WIDTH_PX), np.uint8)])
    rows = filled.reshape(-1, SHEET_COLUMNS, HEIGHT_PX, WIDTH_PX).transpose(0, 2, 1, 3)
    return _png(rows.reshape(-1, SHEET_COLUMNS * WIDTH_PX))


def _png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()
