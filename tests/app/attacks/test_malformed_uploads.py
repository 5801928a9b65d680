"""Five hundred malformed uploads: each is kept as it is or refused with a sentence, and never more than that."""

from __future__ import annotations

import contextlib
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Clinic

from fgait_core.errors import VideoDecodeError
from fgait_core.silhouettes.video import probe_video, read_frames

CASES = 500
_SLOWEST_S = 20.0
_KINDS = {"mp4": "libx264", "mov": "mpeg4", "mkv": "libvpx-vp9", "avi": "mjpeg", "webm": "libvpx"}


def _clip(path: Path, encoder: str) -> bytes:
    random_pixels = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=30)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        for _ in range(24):
            pixels = random_pixels.integers(0, 255, (8, 12, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def _flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 3, 20, 200))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, len(content))]


def _without_a_middle(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randrange(1, 4000) :]


def _doubled(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[chance.randrange(len(content)) :] + content[start:]


def _with_lengths_that_lie(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(4):
        lie = struct.pack(">I", chance.choice((0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32))))
        start = chance.randrange(max(1, len(damaged) - 4))
        damaged[start : start + 4] = lie
    return bytes(damaged)


def _noise_behind_a_true_beginning(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(8, 64)] + chance.randbytes(chance.randrange(1, 20_000))


def _two_kinds_in_one(content: bytes, chance: random.Random) -> bytes:
    other = chance.choice(
        (b"%PDF-1.7\n", b"PK\x03\x04", b"<html><script>alert(1)</script>", b"\x80\x04\x95", b"GIF89a")
    )
    return other + content if chance.random() < 0.5 else content + other * 50


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flipped,
    _cut,
    _without_a_middle,
    _doubled,
    _with_lengths_that_lie,
    _noise_behind_a_true_beginning,
    _two_kinds_in_one,
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("clips")
    return [_clip(folder / f"clip.{kind}", encoder) for kind, encoder in _KINDS.items()]


def _malformed(clips: list[bytes]) -> list[bytes]:
    chance = random.Random(20261124)
    return [chance.choice(_CHANGES)(chance.choice(clips), chance) for _ in range(CASES)]


def test_the_clips_themselves_are_videos(clips: list[bytes], tmp_path: Path) -> None:
    for number, content in enumerate(clips):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert len(list(read_frames(path, probe_video(path)))) == 24


@pytest.mark.slow
def test_every_malformed_upload_is_kept_whole_or_refused_with_a_sentence(clips: list[bytes], clinic: Clinic) -> None:
    services, problems, slowest_s = clinic.services, 0, 0.0
    for number, content in enumerate(_malformed(clips)):
        began_s = time.monotonic()
        recording = services.recordings.receive(clinic.clinician, clinic.patient.id, f"walk-{number}.mp4", [content])
        assert services.storage.read_bytes(recording.storage_key) == content
        check = services.recordings.check_file(clinic.clinician, recording.id)
        if check.info is None:
            problems += 1
            assert check.problem.endswith(".")
            assert str(services.settings.data_dir) not in check.problem
        else:
            _read_on(services, recording.storage_key, check.info)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    assert CASES / 3 < problems < CASES  # the changes are neither all harmless nor all fatal
    assert slowest_s < _SLOWEST_S


def _read_on(services, storage_key: str, info) -> None:
    """What passed the probe is read to its end, or refused on the way by the one error that pages know."""
    with contextlib.suppress(VideoDecodeError):
        for frame in read_frames(services.storage.video(storage_key, "walk.mp4"), info):
            assert frame.rgb().dtype == np.uint8
