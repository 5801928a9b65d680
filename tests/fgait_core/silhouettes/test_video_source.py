"""Videos that are no plain files: opened again and again, read from any place, and never taken for damaged ones."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from fgait_core.errors import VideoDecodeError
from fgait_core.silhouettes.pictures import write_overlay_clip
from fgait_core.silhouettes.video import probe_video, read_frames


class ReadingFails(Exception):
    """What a storage says; the engine does not know it."""


class Breaking(io.BytesIO):
    """Fails where `from_byte` is read."""

    from_byte: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.from_byte is not None and self.tell() + (size or 0) > self.from_byte:
            raise ReadingFails
        return super().read(size)


@dataclass
class InMemory:
    """A video in memory."""

    content: bytes = field(repr=False)
    name: str = "walk.mp4"
    fails_from: int | None = None
    opened: list[Breaking] = field(default_factory=list)

    def open(self) -> BinaryIO:
        file = Breaking(self.content)
        file.from_byte = self.fails_from
        self.opened.append(file)
        return file


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.mov"])
def test_it_is_read_like_a_file(make_clip, sample_pictures, name: str) -> None:
    path = make_clip(sample_pictures[:12], name, "mpeg4" if name.endswith("avi") else "libx264")
    video = InMemory(path.read_bytes())
    info = probe_video(video)
    assert info == probe_video(path)
    from_memory = [(frame.time_s, frame.rgb()) for frame in read_frames(video, info)]
    from_file = [(frame.time_s, frame.rgb()) for frame in read_frames(path, info)]
    assert [time_s for time_s, _ in from_memory] == [time_s for time_s, _ in from_file]
    for (_, one), (_, other) in zip(from_memory, from_file, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(video.opened) > 2
    assert all(file.closed for file in video.opened)


def test_it_is_closed_when_somebody_stops_reading(sample_video: Path) -> None:
    video = InMemory(sample_video.read_bytes())
    frames = read_frames(video, probe_video(video))
    next(frames)
    frames.close()
    assert all(file.closed for file in video.opened)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.3, 0.6, 0.9, 0.999])
def test_what_the_storage_says_comes_out_as_it_is(sample_video: Path, share: float) -> None:
    """A decoder takes a failed read for the end of the video; a damaged film would be scored as a short one."""
    content = sample_video.read_bytes()
    info = probe_video(sample_video)
    video = InMemory(content, fails_from=int(share * len(content)))
    with pytest.raises(ReadingFails):
        probe_video(video)
    with pytest.raises(ReadingFails):
        list(read_frames(video, info))
    assert all(file.closed for file in video.opened)
    assert probe_video(sample_video) == info  # nothing of it is left in the library


def test_what_is_no_video_is_told_as_of_a_file() -> None:
    with pytest.raises(VideoDecodeError, match="PDF document"):
        probe_video(InMemory(b"%PDF-1.7" + bytes(100)))
    with pytest.raises(VideoDecodeError, match="empty"):
        probe_video(InMemory(b""))
    with pytest.raises(VideoDecodeError, match="damaged or cut off"):
        probe_video(InMemory(b"\x00\x00\x00\x18ftypmp42" + bytes(1000)))


def test_a_clip_is_written_into_an_open_file_as_to_a_path(sample, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_overlay_clip(sample.path, sample.walk, path)
    made = io.BytesIO()
    write_overlay_clip(InMemory(sample.path.read_bytes()), sample.walk, made)
    assert made.getvalue() == path.read_bytes()
    assert made.getvalue().find(b"moov") < made.getvalue().find(b"mdat")
