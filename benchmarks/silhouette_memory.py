"""Time and peak memory of finding and following a walker in a long 1080p video.

    ./run benchmark silhouette_memory --minutes 10

The video is made of the sample: its walker there and back, scaled to 1920 x 1080, H.264, over and over.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from fgait_core.assets import fetch_asset
from fgait_core.silhouettes import find_people, load_segmenter, probe_video, track_walk
from fgait_core.silhouettes.video import read_frames

SIZE = (1920, 1080)


def walker_there_and_back() -> list[NDArray[np.uint8]]:
    """The frames of the sample in which the walker is in full view, forwards and then backwards."""
    path = fetch_asset("sample_video")
    frames = [f.rgb() for f in read_frames(path, probe_video(path)) if 40 <= f.index < 185]
    return frames + frames[::-1]


def make_video(path: Path, minutes: float) -> None:
    """Encodes the walk once and copies its packets until the video is long enough."""
    pictures = walker_there_and_back()
    once = path.with_name("once.mp4")
    with av.open(str(once), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(*SIZE, "yuv420p")))
        target.mux(stream.encode(None))
    with av.open(str(path), "w") as target:
        copy = None
        for i in range(round(minutes * 60 * 30 / len(pictures))):
            with av.open(str(once)) as source:
                template = source.streams.video[0]
                copy = copy or target.add_stream_from_template(template)
                shift = round(i * len(pictures) / 30 / (template.time_base or 1))
                for packet in source.demux(template):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
                        target.mux(packet)


def measure(path: Path) -> None:
    """Follows the walker and prints what it took. Peak memory is that of this process (Linux)."""
    segmenter = load_segmenter()
    started = time.perf_counter(), time.process_time()
    people = find_people(path, segmenter)
    walk = track_walk(path, people[0], segmenter)
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    lines = Path("/proc/self/status").read_text().splitlines()
    peak_mib = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
    print(
        f"{probe_video(path).frame_count} frames, {len(people)} people, {len(walk.sequence)} silhouettes, "
        f"{wall_s:.0f} s ({cpu_s:.0f} s of processor), peak {peak_mib} MiB"
    )


def main() -> None:
    """Makes the video, and measures in a process of its own what following the walker takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--video", type=Path, help="measure this video instead")
    options = parser.parse_args()
    if options.video is not None:
        measure(options.video)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        make_video(path, options.minutes)
        subprocess.run([sys.executable, __file__, "--video", str(path)], check=True)


if __name__ == "__main__":
    main()
