"""Small files that would decode to far more than any walk: refused by the probe, before a picture is kept."""

from __future__ import annotations

from pathlib import Path

import av
import psutil
import pytest

from fgait_core.errors import VideoDecodeError
from fgait_core.silhouettes.video import MAX_DECODED_PX, MAX_SIDE_PX, probe_video, read_frames

_PLENTY_BYTES = 900_000_000


def _stream(container, width: int, height: int, rate_hz: int = 60):
    stream = container.add_stream("libx264", rate=rate_hz)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"preset": "ultrafast", "bf": "0", "g": "100000", "x264-params": "scenecut=0:repeat-headers=1"}
    return stream


def _black_packets(stream, count: int) -> list[av.Packet]:
    picture = av.VideoFrame(stream.width, stream.height, "yuv420p")
    for plane in picture.planes:
        plane.update(bytes(plane.buffer_size))
    packets = []
    for index in range(count):
        picture.pts = index
        packets += stream.encode(picture)
    return packets + stream.encode(None)


def _repeated(path: Path, side_px: int, frame_count: int) -> Path:
    """Some black pictures, then the packet that says "as before", over and over."""
    with av.open(str(path), "w") as container:
        stream = _stream(container, side_px, side_px)
        packets = _black_packets(stream, 20)
        last, skip, time_base = packets[-1].pts, bytes(packets[-1]), packets[-1].time_base
        for packet in packets:
            container.mux(packet)
        for index in range(1, frame_count - 19):
            packet = av.Packet(skip)
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, time_base, last + index, last + index
            container.mux(packet)
    return path


def test_a_megabyte_that_decodes_to_terabytes_is_refused_by_the_probe(tmp_path: Path) -> None:
    frame_count = int(MAX_DECODED_PX // MAX_SIDE_PX**2) + 100
    bomb = _repeated(tmp_path / "bomb.mp4", MAX_SIDE_PX, frame_count)
    assert bomb.stat().st_size < 2_000_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(VideoDecodeError, match=r"too much to look through.*Cut out"):
        probe_video(bomb)
    assert psutil.Process().memory_info().rss - before < _PLENTY_BYTES


def test_an_hour_of_full_hd_is_no_bomb() -> None:
    assert MAX_DECODED_PX > 3600 * 60 * 1920 * 1080


def _growing(path: Path) -> Path:
    """Small pictures; then, in the same stream, one that is far larger than the header says."""
    with av.open(str(path), "w", format="matroska") as container, av.open("/dev/null", "w", format="mp4") as aside:
        stream = _stream(container, 64, 64)
        packets = _black_packets(stream, 30)
        huge = _black_packets(_stream(aside, 8192, 8192), 3)
        start, time_base = packets[-1].pts, packets[-1].time_base
        for packet in packets:
            container.mux(packet)
        for index, source in enumerate(huge, 1):
            packet = av.Packet(bytes(source))
            packet.stream, packet.time_base = stream, time_base
            packet.pts = packet.dts = start + index * (packets[1].pts - packets[0].pts)
            container.mux(packet)
    return path


def test_a_picture_that_grows_inside_the_stream_is_never_decoded(tmp_path: Path) -> None:
    bomb = _growing(tmp_path / "growing.mkv")
    info = probe_video(bomb)
    sizes = set()
    with pytest.raises(VideoDecodeError, match="cannot be decoded"):
        sizes.update(frame.rgb(1.0).shape for frame in read_frames(bomb, info))
    assert sizes <= {(64, 64, 3)}
