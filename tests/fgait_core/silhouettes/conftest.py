"""Videos for the tests: the sample, clips made from it in many formats, and people who do not walk."""

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fgait_core.assets import cache_dir, fetch_asset
from fgait_core.silhouettes import find_people, load_segmenter, track_walk
from fgait_core.silhouettes.video import probe_video, read_frames

VTEST_PATH = "usr/share/doc/opencv-doc/examples/data/vtest.avi"
VTEST_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"


@pytest.fixture(scope="session")
def segmenter():
    return load_segmenter()


@dataclass
class Followed:
    """People and walk of a video, with the moments at which progress was told.

    Moments are in seconds of the processor, so that they say the same on a busy machine.
    """

    path: Path
    people: tuple
    walk: object
    told: list
    started_s: float
    ended_s: float


def _follow(path, segmenter):
    told = []

    def progress(fraction, words):
        told.append((time.process_time(), fraction, words))

    started_s = time.process_time()
    people = find_people(path, segmenter, progress=progress)
    walk = track_walk(path, people[0], segmenter, progress=progress)
    return Followed(path, people, walk, told, started_s, time.process_time())


@pytest.fixture(scope="session")
def sample(sample_video, segmenter):
    return _follow(sample_video, segmenter)


@pytest.fixture(scope="session", params=["pose2sim_cam01.mp4", "pose2sim_cam03.mp4"])
def balancing(request, segmenter):
    """People who balance on one leg, from the front and from behind."""
    return _follow(fetch_asset("pose2sim_clips") / request.param, segmenter)


@pytest.fixture(scope="session")
def pedestrians(segmenter, tmp_path_factory):
    """Tiny pedestrians, 10 frames a second: the first 12 s of vtest.avi of the Debian package opencv-doc."""
    path = tmp_path_factory.mktemp("vtest") / "vtest.avi"
    with av.open(str(_vtest())) as source, av.open(str(path), "w") as target:
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        for i, packet in enumerate(source.demux(template)):
            if i < 120:
                packet.stream = stream
                target.mux(packet)
    return _follow(path, segmenter)


def _vtest():
    installed, cached = Path("/") / VTEST_PATH, cache_dir() / "assets" / "opencv-doc" / "vtest.avi"
    for file in (installed, cached):
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == VTEST_SHA256:
            return file
    cached.parent.mkdir(parents=True, exist_ok=True)
    scratch = cached.parent / "download"
    scratch.mkdir(exist_ok=True)
    done = subprocess.run(["apt-get", "download", "opencv-doc"], cwd=scratch, capture_output=True, text=True)
    packages = list(scratch.glob("opencv-doc_*.deb"))
    assert packages, f"The Debian package opencv-doc is needed: apt-get install opencv-doc. {done.stderr}"
    subprocess.run(["dpkg-deb", "-x", packages[0].name, "content"], cwd=scratch, check=True)
    found = scratch / "content" / VTEST_PATH
    assert hashlib.sha256(found.read_bytes()).hexdigest() == VTEST_SHA256
    found.replace(cached)
    shutil.rmtree(scratch)
    return cached


@pytest.fixture(scope="session")
def sample_pictures(sample_video):
    """Forty frames of the sample in which the walker is in the middle, a third of the size."""
    info = probe_video(sample_video)
    return np.stack([f.rgb(1 / 3) for f in read_frames(sample_video, info) if 100 <= f.index < 140])[:, :330, :588]


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory):
    """Encodes pictures: make_clip(pictures, "name.mp4", codec, ...) gives the path."""

    def make(pictures, name, codec="libx264", *, rate_hz=30.0, times_s=None, rotation_deg=0, options=None):
        path = tmp_path_factory.mktemp("clip") / name
        base = Fraction(1, 90_000) if path.suffix != ".avi" else Fraction(1, round(rate_hz))
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=round(rate_hz), options=options or {})
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = base
            stream.codec_context.thread_count = 1
            if rotation_deg:
                stream.set_display_rotation(rotation_deg)
            for i, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                frame.pts = round((i / rate_hz if times_s is None else times_s[i]) / base)
                frame.time_base = base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make
