"""Reading a walking video: what it is (`probe_video`), and its frames one by one (`read_frames`).

Rotation metadata, non-square pixels and presentation times are honoured; no constant frame rate is assumed. Frames come
as a stream, so that memory does not grow with the length of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import av
import av.error
import cv2
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from fgait_core.errors import VideoDecodeError
from fgait_core.silhouettes.video_source import VideoSource, open_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_SIDE_PX = 4096
MAX_DURATION_S = 3600.0
MAX_DECODED_PX = 5e11
"""Pixels of all pictures together: an hour of 1080p at 60 Hz. A file of one megabyte can decode to more."""
WORKING_SIDE_PX = 1920
"""Larger frames are scaled down to this long side: a walker who fills a third of a 4K frame is still 360 px high."""
MAX_ANALYSED_RATE_HZ = 60.0
_RATE_SLACK_S = 0.0015
"""Phones stamp 60 Hz frames 16 or 17 ms apart: neither may count as too early."""
DAMAGED_SHARE = 0.05
_DECODER_THREADS = 2
_Answer = TypeVar("_Answer")

CODECS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "msmpeg4v2", "msmpeg4v3", "mjpeg", "prores", "mpeg2video"}
)
_CONVERT = "Convert it to MP4 with H.264, or film again with the phone's default settings."
_UPLOAD_AGAIN = "Copy it from the camera again; if it does not play in a video player either, film again."


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file is.

    Attributes:
        width_px: width as shown, after rotation and pixel shape.
        height_px: height as shown.
        frame_rate_hz: mean rate of presentation.
        duration_s: from the first frame to the end of the last.
        frame_count: frames in the file.
        codec: name of the codec, such as "h264".
        container: "mp4/mov", "mkv/webm" or "avi".
        rotation_deg: counter-clockwise turn that the file asks for: 0, 90, 180 or 270. It is already applied.
        variable_frame_rate: whether the time between frames varies.
    """

    width_px: int
    height_px: int
    frame_rate_hz: float
    duration_s: float
    frame_count: int | None
    codec: str
    container: str
    rotation_deg: int
    variable_frame_rate: bool

    @property
    def working_scale(self) -> float:
        """Size of the frames of `read_frames` against the video's own."""
        return min(1.0, WORKING_SIDE_PX / max(self.width_px, self.height_px))


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a video, converted to pixels only when asked.

    Attributes:
        index: number of the frame in the video, in order of presentation.
        time_s: presentation time after the first frame.
    """

    index: int
    time_s: float
    _picture: VideoFrame = field(repr=False)
    _info: VideoInfo = field(repr=False)

    def compact(self) -> Frame:
        """The same frame at the working size with 12 bits a pixel, for keeping some of them."""
        if self._info.working_scale == 1.0 and self._picture.format.name == "yuv420p":
            return self
        scale = self._info.working_scale
        width, height = round(self._picture.width * scale), round(self._picture.height * scale)
        small = self._picture.reformat(width=width, height=height, format="yuv420p", interpolation="AREA")
        return Frame(self.index, self.time_s, small, self._info)

    def rgb(self, scale: float | None = None) -> NDArray[np.uint8]:
        """The upright picture, uint8 [row, column, 3].

        Args:
            scale: size against the video's own; the working scale if not given.
        """
        info = self._info
        scale = info.working_scale if scale is None else scale
        width, height = round(info.width_px * scale), round(info.height_px * scale)
        if info.rotation_deg in (90, 270):
            width, height = height, width
        picture = self._picture.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
        return _turned(np.asarray(picture.to_ndarray(), np.uint8), info.rotation_deg)

    def grey(self, width_px: int) -> NDArray[np.uint8]:
        """The upright picture in grey, scaled to a width: uint8 [row, width_px]. Much cheaper than `rgb`."""
        info = self._info
        height_px = max(round(info.height_px * width_px / info.width_px), 2)
        luma = _luma(self._picture)
        size = (height_px, width_px) if info.rotation_deg in (90, 270) else (width_px, height_px)
        return _turned(cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8), info.rotation_deg)


def _luma(picture: VideoFrame) -> NDArray[np.uint8]:
    if not picture.format.name.startswith(("yuv4", "yuvj4")) or picture.format.components[0].bits != 8:
        picture = picture.reformat(format="gray")
    plane = picture.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _turned(pixels: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    return pixels if rotation_deg == 0 else np.ascontiguousarray(np.rot90(pixels, rotation_deg // 90))


def probe_video(video: VideoSource) -> VideoInfo:
    """What the video is, from its headers, its packets and its first frame.

    Raises:
        VideoDecodeError: if the file is missing, empty, no video, damaged, cut off, too large or too long; the text
            says what to do.
    """
    container_name = _sniff(video)
    with _open(video, container_name) as container:
        stream = _video_stream(container)
        codec = stream.codec_context.codec.canonical_name
        _check_size(stream)
        first = _first_frame(container, stream)
        pixel_shape = float(stream.sample_aspect_ratio or 1)
        container.seek(0)
        times_s = _packet_times_s(container, stream)
        _check_complete(container, stream, times_s)
    return _info(container_name, codec, first, pixel_shape, times_s)


def _sniff(video: VideoSource) -> str:
    """The container by its first bytes, whatever the file is called."""
    try:
        with open_video(video) as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise VideoDecodeError(f"There is no file {video}.") from error
    except IsADirectoryError as error:
        raise VideoDecodeError(f"{video} is a folder, not a video file.") from error
    if not head:
        raise VideoDecodeError(f"The file is empty: nothing was recorded or the copy failed. {_UPLOAD_AGAIN}")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4/mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "mkv/webm"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    kind = _kind_of_other_file(head)
    raise VideoDecodeError(
        f"The file is {kind}, whatever its name says. Choose a video in MP4, MOV, MKV, AVI or WebM format."
    )


def _kind_of_other_file(head: bytes) -> str:
    known = {b"%PDF": "a PDF document", b"\xff\xd8\xff": "a JPEG picture", b"\x89PNG": "a PNG picture"}
    known |= {b"PK\x03\x04": "a ZIP archive or office document", b"GIF8": "a GIF picture", b"ID3": "an MP3 sound file"}
    return next((kind for start, kind in known.items() if head.startswith(start)), "not a video that can be read")


@contextmanager
def _open(video: VideoSource, container_name: str) -> Generator[InputContainer, None, None]:
    # The demuxer is named and may open nothing at all: a play list must not make the server read other files.
    demuxer = {"mp4/mov": "mov", "mkv/webm": "matroska", "avi": "avi"}[container_name]
    options = {"format_whitelist": "mov,matroska,avi", "protocol_whitelist": "none"}
    with open_video(video) as file:
        source = _Watched(file)
        try:
            container = av.open(source, "r", format=demuxer, options=options, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError) as error:
            source.check()
            text = f"The file is damaged or cut off: its index cannot be read. {_UPLOAD_AGAIN}"
            raise VideoDecodeError(text) from error
        with container:
            try:
                yield container
            finally:
                source.check()


class _Watched:
    """Reads for the demuxer and keeps what went wrong: it may take a failed read for the end of the video."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fault: Exception | None = None

    def read(self, size: int) -> bytes:
        return self._kept(lambda: self._file.read(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._kept(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._file.tell()

    def check(self) -> None:
        """Raises what a read raised."""
        if self._fault is not None:
            raise self._fault

    def _kept(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return work()
        except Exception as error:
            self._fault = error
            raise


def _video_stream(container: InputContainer) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        what = "only sound" if container.streams.audio else "no picture"
        raise VideoDecodeError(f"The file holds {what}, no video. Choose the file that shows the patient walking.")
    stream = streams[0]
    context = stream.codec_context
    if context is None or context.codec.canonical_name not in CODECS:
        name = "an unknown codec" if context is None else f"the codec {context.codec.canonical_name}"
        raise VideoDecodeError(f"The video uses {name}, which cannot be read here. {_CONVERT}")
    # The size in the header is checked before; this one holds where a later picture says that it is larger.
    context.options = {"max_pixels": str(MAX_SIDE_PX * MAX_SIDE_PX)}
    context.thread_type = "AUTO"
    context.thread_count = _DECODER_THREADS
    return stream


def _check_size(stream: VideoStream) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width < 2 or height < 2:
        raise VideoDecodeError(f"The file is damaged: its picture has no size. {_UPLOAD_AGAIN}")
    if max(width, height) > MAX_SIDE_PX:
        raise VideoDecodeError(
            f"The picture is {width} x {height} pixels; at most {MAX_SIDE_PX} on a side can be used. Film in 4K or "
            "less (1080p is enough), or scale the video down."
        )


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    for picture in _decoded(container, stream, damage=[]):
        return picture
    raise VideoDecodeError(f"The file holds no picture that can be decoded: it is empty or damaged. {_UPLOAD_AGAIN}")


def _packet_times_s(container: InputContainer, stream: VideoStream) -> NDArray[np.float64]:
    ticks: list[int] = []
    try:
        for packet in container.demux(stream):
            stamp = packet.dts if packet.pts is None else packet.pts
            if packet.size and stamp is not None:
                ticks.append(stamp)
    except av.error.FFmpegError as error:
        raise VideoDecodeError(f"The file is damaged: it cannot be read to its end. {_UPLOAD_AGAIN}") from error
    return np.sort(np.array(ticks, np.float64)) * float(stream.time_base or 0)


def _check_complete(container: InputContainer, stream: VideoStream, times_s: NDArray[np.float64]) -> None:
    cut_off = f"The file is cut off: a part of the video is missing at its end. {_UPLOAD_AGAIN}"
    if stream.frames and len(times_s) < 0.98 * stream.frames:
        raise VideoDecodeError(cut_off)
    if len(times_s) < 2 or times_s[-1] <= times_s[0]:
        raise VideoDecodeError(f"The video has no length: it holds {len(times_s)} picture(s). Film again.")
    if times_s[-1] - times_s[0] > MAX_DURATION_S:
        raise VideoDecodeError(
            f"The video is {(times_s[-1] - times_s[0]) / 60:.0f} minutes long; at most {MAX_DURATION_S / 60:.0f} can "
            "be used. Cut out the part in which the patient walks."
        )
    _check_amount(stream, len(times_s))
    promised_s = (container.duration or 0) / av.time_base
    # A sound track may be a little longer than the video track; what is promised is the longer of the two.
    slack_s = 1.0 + 0.1 * promised_s if container.streams.audio else 0.15 + 0.02 * promised_s
    usual_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    if not stream.frames and times_s[-1] - times_s[0] + usual_s < promised_s - slack_s:
        raise VideoDecodeError(cut_off)


def _check_amount(stream: VideoStream, frame_count: int) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height * frame_count > MAX_DECODED_PX:
        raise VideoDecodeError(
            f"The video holds {frame_count} pictures of {width} x {height} pixels, which is too much to look through. "
            "Cut out the part in which the patient walks, or film in 1080p."
        )


def _info(
    container_name: str, codec: str, first: VideoFrame, pixel_shape: float, times_s: NDArray[np.float64]
) -> VideoInfo:
    steps_s = np.diff(times_s)
    steps_s = steps_s[steps_s > 0]
    usual_s = float(np.median(steps_s))
    duration_s = float(times_s[-1] - times_s[0]) + usual_s
    uneven = float(np.mean(np.abs(steps_s - usual_s) > 0.25 * usual_s))
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = max(round(first.width * pixel_shape), 2), first.height
    if rotation in (90, 270):
        width, height = height, width
    return VideoInfo(
        width_px=width,
        height_px=height,
        frame_rate_hz=round(len(times_s) / duration_s, 3),
        duration_s=round(duration_s, 3),
        frame_count=len(times_s),
        codec=codec,
        container=container_name,
        rotation_deg=rotation,
        variable_frame_rate=uneven > 0.05,
    )


def read_frames(video: VideoSource, info: VideoInfo, max_rate_hz: float = MAX_ANALYSED_RATE_HZ) -> Iterator[Frame]:
    """The frames of a video in order of presentation.

    Args:
        video: what `info` was probed from.
        info: of `probe_video`.
        max_rate_hz: frames that come faster than this are left out, by time; the others keep their true times.

    Raises:
        VideoDecodeError: while reading, as soon as it is plain that more than 5 % of the frames are damaged.
    """
    least_step_s = 1.0 / max_rate_hz - _RATE_SLACK_S
    allowed = max(2, int(DAMAGED_SHARE * (info.frame_count or 0)))
    damage: list[int] = []
    first_s: float | None = None
    last_s = -np.inf
    with _open(video, info.container) as container:
        stream = _video_stream(container)
        for index, picture in enumerate(_decoded(container, stream, damage)):
            if len(damage) > allowed:
                break
            time_s = index / info.frame_rate_hz if picture.time is None else float(picture.time)
            first_s = time_s if first_s is None else first_s
            if time_s - first_s >= last_s + least_step_s:
                last_s = time_s - first_s
                yield Frame(index, last_s, picture, info)
    if len(damage) > allowed:
        raise VideoDecodeError(f"The file is damaged: too many of its pictures cannot be decoded. {_UPLOAD_AGAIN}")


def _decoded(container: InputContainer, stream: VideoStream, damage: list[int]) -> Iterator[VideoFrame]:
    """Decodes in order of presentation; the byte positions of damaged packets and pictures are added to `damage`."""
    try:
        for packet in container.demux(stream):
            try:
                pictures = stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                damage.append(packet.pos or 0)
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    damage.append(packet.pos or 0)
                yield picture
    except av.error.FFmpegError:
        damage.append(0)
