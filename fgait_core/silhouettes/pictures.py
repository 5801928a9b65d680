"""Pictures of what the network sees: the outline over the video, and silhouettes side by side."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from fgait_core.errors import RecordingError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence
from fgait_core.silhouettes.video import Frame, read_frames
from fgait_core.silhouettes.video_source import VideoSource
from fgait_core.silhouettes.walk import Walk

OUTLINE_RGB = (255, 176, 0)
CLIP_TIME_BASE = Fraction(1, 90_000)
CLIP_CRF = "28"
CLIP_MARGIN_S = 0.25
SHEET_COLUMNS = 24


def write_overlay_clip(
    video: VideoSource,
    walk: Walk,
    out: Path | BinaryIO,
    *,
    max_height_px: int = 480,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> None:
    """Writes an MP4 (H.264, yuv420p) that a browser plays: the video with the outline that the network sees.

    Only the part in which the person is seen is written; times are those of the video from there on.

    Args:
        video: the one that the walk was taken from.
        walk: of `track_walk`.
        out: the file to write, which is replaced only when the clip is complete; or an empty file that is open for
            reading and writing at any place, and stays so.
        max_height_px: largest height of the clip.
        progress: told how far the work is.
        cancelled: asked at every frame whether to stop.

    Raises:
        VideoDecodeError: if the video cannot be read any more.
        OperationCancelled: if `cancelled` answered yes.
    """
    progress, cancelled = progress or ignore_progress, cancelled or never_cancelled
    if isinstance(out, Path):
        unfinished = out.with_name(out.name + ".part")
        try:
            with unfinished.open("w+b") as file:
                _write_clip(video, walk, file, max_height_px, progress, cancelled)
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    else:
        _write_clip(video, walk, out, max_height_px, progress, cancelled)
    progress(1.0, "Clip written")


def _write_clip(
    video: VideoSource, walk: Walk, out: BinaryIO, max_height_px: int, progress: Progress, cancelled: Cancelled
) -> None:
    info = walk.video
    scale = min(1.0, max_height_px / info.height_px, 1280 / info.width_px)
    times_s = walk.sequence.timestamps_s
    first_s, last_s = float(times_s[0]) - CLIP_MARGIN_S, float(times_s[-1]) + CLIP_MARGIN_S
    at_frame = {int(frame): i for i, frame in enumerate(walk.sequence.source_frames)}
    # To put the index in front, the muxer reads again what it has written.
    options = {"movflags": "+faststart"}
    with av.open(out, "w", format="mp4", options=options, io_open=lambda *_: _SecondReader(out)) as container:
        writer = _ClipWriter(container, _even(info.width_px * scale), _even(info.height_px * scale))
        for frame in read_frames(video, info):
            raise_if_cancelled(cancelled)
            if frame.time_s > last_s:
                break
            if frame.time_s >= first_s:
                progress((frame.time_s - first_s) / (last_s - first_s), "Drawing the outline over the video")
                writer.add(_outlined(frame, walk, at_frame.get(frame.index), scale), frame.time_s)
        writer.close()


class _SecondReader:
    """Reads a file that somebody else is writing, at a place of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def read(self, size: int) -> bytes:
        before = self._file.tell()
        self._file.seek(self._position)
        data = self._file.read(size)
        self._position = self._file.tell()
        self._file.seek(before)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = self._file.tell()
        if whence == io.SEEK_END:
            self._position = self._file.seek(offset, whence)
        else:
            self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        self._file.seek(before)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """The file belongs to its writer."""


class _ClipWriter:
    """Encodes RGB pictures with their times."""

    def __init__(self, container: OutputContainer, width_px: int, height_px: int) -> None:
        self._container = container
        self._stream = container.add_stream("libx264", options={"crf": CLIP_CRF, "preset": "veryfast"})
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = CLIP_TIME_BASE
        self._stream.codec_context.time_base = CLIP_TIME_BASE
        self._stream.codec_context.thread_count = 2
        self._first_s: float | None = None

    def add(self, rgb: NDArray[np.uint8], time_s: float) -> None:
        self._first_s = time_s if self._first_s is None else self._first_s
        picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        picture = picture.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        picture.pts = round((time_s - self._first_s) / CLIP_TIME_BASE)
        picture.time_base = CLIP_TIME_BASE
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))


def _even(size_px: float) -> int:
    return max(2, round(size_px / 2) * 2)


def _outlined(frame: Frame, walk: Walk, i: int | None, scale: float) -> NDArray[np.uint8]:
    rgb = frame.rgb(scale)
    if i is None:
        return rgb
    x0, y0, x1, y1 = silhouette_box_px(walk, i)
    # The outline is the one of the aligned silhouette put back to its place: exactly what the network sees.
    size = (max(round((x1 - x0) * scale), 2), max(round((y1 - y0) * scale), 2))
    mask = cv2.resize(walk.sequence.frames[i], size, interpolation=cv2.INTER_CUBIC)
    mask = cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rgb = np.ascontiguousarray(rgb)
    corner = (round(x0 * scale) - 2, round(y0 * scale) - 2)
    cv2.drawContours(rgb, outlines, -1, OUTLINE_RGB, 2, cv2.LINE_AA, offset=corner)
    return rgb


def silhouette_box_px(walk: Walk, i: int) -> tuple[float, float, float, float]:
    """The part of the video, x0, y0, x1, y1, that silhouette number `i` shows."""
    _, y0, _, y1 = walk.boxes_px[i].tolist()
    half = (y1 - y0) * WIDTH_PX / HEIGHT_PX / 2
    centre = float(walk.centres_px[i])
    return centre - half, y0, centre + half, y1


def silhouette_strip(sequence: SilhouetteSequence, n: int = 12) -> NDArray[np.uint8]:
    """Silhouettes from evenly spaced moments side by side, uint8 [64, n * 44], black where there are fewer."""
    if n < 1:
        raise RecordingError("A strip needs at least one silhouette.")
    chosen = np.unique(np.linspace(0, len(sequence) - 1, min(n, len(sequence))).round().astype(int))
    strip = np.zeros((HEIGHT_PX, n * WIDTH_PX), np.uint8)
    for place, i in enumerate(chosen):
        strip[:, place * WIDTH_PX : (place + 1) * WIDTH_PX] = sequence.frames[i]
    return strip


def write_contact_sheet(sequence: SilhouetteSequence, out_path: Path) -> None:
    """Writes all silhouettes in rows of 24, in order of time, as a PNG.

    Raises:
        RecordingError: if the file cannot be written.
    """
    empty = -len(sequence) % SHEET_COLUMNS
    frames = np.concatenate([sequence.frames, np.zeros((empty, HEIGHT_PX, WIDTH_PX), np.uint8)])
    rows = frames.reshape(-1, SHEET_COLUMNS, HEIGHT_PX, WIDTH_PX).transpose(0, 2, 1, 3)
    done, png = cv2.imencode(".png", rows.reshape(-1, SHEET_COLUMNS * WIDTH_PX))
    if not done:
        raise RecordingError("The contact sheet could not be encoded as PNG.")
    out_path.write_bytes(png.tobytes())
