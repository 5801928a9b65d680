"""Seconds and peak memory of each stage of screening, for the sample video or another one.

    ./run benchmark screen_video [VIDEO] [--repeats N]

Each repeat is a process of its own, so that peaks do not leak from one to the next; medians are printed. The real-time
factor is the recording's duration over the stage's time: above 1 is faster than the recording plays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

STAGES: dict[str, tuple[float, float]] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measures seconds and the highest resident memory (MB) while the block runs."""
    process, done, peak = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            done.wait(0.01)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
        STAGES[name] = (seconds, max(peak[0], process.memory_info().rss) / 1e6)


def measure(video: Path) -> float:
    """Runs every stage once and returns the recording's duration in seconds."""
    with stage("load engine and model"):
        from app.services.report_content import report_from_result
        from fgait_core.inference import GaitAssessmentPipeline
        from fgait_core.model_package import ModelPackage, bundled_package_dir
        from fgait_core.silhouettes import (
            assess_quality,
            find_people,
            load_segmenter,
            probe_video,
            track_walk,
            write_overlay_clip,
        )
        from reports.pdf import render_pdf

        package, segmenter = ModelPackage.load(bundled_package_dir()), load_segmenter()
    with stage("read the file's facts"):
        info = probe_video(video)
    with stage("find people"):
        people = find_people(video, segmenter)
    with stage("follow the walker"):
        walk = track_walk(video, people[0], segmenter)
    with stage("check quality"):
        assess_quality(walk, people, package.tasks)
    with stage("score"):
        package.score(walk.sequence)
    with tempfile.TemporaryDirectory() as folder, stage("overlay clip"):
        write_overlay_clip(video, walk, Path(folder) / "overlay.mp4")
    with stage("all of it again, as `fgait screen` does"):
        result = GaitAssessmentPipeline(package, segmenter).assess(video).to_json()
    with stage("PDF"):
        now = datetime(2026, 1, 1, tzinfo=UTC)
        render_pdf(
            report_from_result(
                result,
                walk.sequence.frames,
                patient=None,
                clinic_name="Benchmark",
                report_number="B-1",
                created_at=now,
                created_by="benchmark",
            )
        )
    return info.duration_s


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    from fgait_core.assets import fetch_asset

    video = arguments.video or fetch_asset("sample_video")
    if arguments.once:
        duration_s = measure(video)
        print(json.dumps({"duration_s": duration_s, "stages": STAGES}))
        return
    runs = []
    for _ in range(arguments.repeats):
        command = [sys.executable, __file__, str(video), "--once"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(printed.stdout.splitlines()[-1]))
    print_table(video, runs)


def print_table(video: Path, runs: list[dict]) -> None:
    """One row a stage: median seconds, real-time factor, median peak memory."""
    duration_s = runs[0]["duration_s"]
    print(f"{video.name}: {duration_s:.1f} s, median of {len(runs)} runs\n")
    print("| stage | seconds | x real time | peak memory MB |\n|---|---|---|---|")
    for name in runs[0]["stages"]:
        seconds = statistics.median(run["stages"][name][0] for run in runs)
        peak_mb = statistics.median(run["stages"][name][1] for run in runs)
        print(f"| {name} | {seconds:.2f} | {duration_s / seconds:.1f} | {peak_mb:.0f} |")


if __name__ == "__main__":
    main()
