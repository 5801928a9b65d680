"""What a package's guard says of real videos: a walker, people who do not walk, and what is made of them.

    ./run benchmark unlike_recordings [PACKAGE]

The quality gate refuses most of these before any score; here the guard is asked alone. `vtest.avi` comes with the
Debian package opencv-doc and is left out where it is not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fgait_core.assets import fetch_asset
from fgait_core.errors import FGaitError
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import PersonSegmenter, Walk, find_people, load_segmenter, track_walk

VTEST = Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")


def main() -> None:
    """Prints one row for each recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, default=bundled_package_dir())
    package = ModelPackage.load(parser.parse_args().package)
    print(f"{package.name} {package.version} ({package.sha256[:12]})")
    print("| recording | view | frames | unlikeness | threshold | like the training data |")
    print("|---|---|---|---|---|---|")
    for name, view, sequence in recordings(load_segmenter()):
        said = package.typicality(sequence, view)
        row = f"| {name} | {view} | {len(sequence)} | {said.score:.2f} | {said.threshold:.2f} |"
        print(row, "yes |" if said.typical else "no |", flush=True)


def recordings(segmenter: PersonSegmenter) -> Iterator[tuple[str, str, SilhouetteSequence]]:
    """Name, view and silhouettes of each recording that somebody can be followed in."""
    sample = followed(fetch_asset("sample_video"), segmenter)
    if sample is not None:
        yield "sample video, a walker (sports2d)", "side", sample.sequence
        yield from made_of(sample.sequence)
    for camera, view in (("cam01", "front"), ("cam03", "back")):
        walk = followed(fetch_asset("pose2sim_clips") / f"pose2sim_{camera}.mp4", segmenter)
        if walk is not None:
            yield f"balancing on one leg, {camera} (pose2sim)", view, walk.sequence
    if VTEST.is_file() and (walk := followed(VTEST, segmenter)) is not None:
        yield "tiny pedestrian (vtest.avi)", "oblique", walk.sequence


def followed(video: Path, segmenter: PersonSegmenter) -> Walk | None:
    """The first person of a video; None where nobody can be followed."""
    try:
        return track_walk(video, find_people(video, segmenter)[0], segmenter)
    except FGaitError as error:
        print(f"| {video.name}: nobody followed ({error}) | | | | | |")
        return None


def made_of(sequence: SilhouetteSequence) -> Iterator[tuple[str, str, SilhouetteSequence]]:
    """The sample's silhouettes, altered so that nobody walks like that."""
    frames = sequence.frames
    rng = np.random.default_rng(0)
    altered = {
        "the same, one frame repeated (standing still)": np.repeat(frames[:1], len(frames), axis=0),
        "the same, upside down": frames[:, ::-1],
        "the same, frames in random order": frames[rng.permutation(len(frames))],
        "the same, upper half only": np.repeat(frames[:, :32], 2, axis=1),
        "the same, drowned in noise": np.where(rng.random(frames.shape) < 0.2, 255 - frames, frames),
        "noise": (255 * (rng.random(frames.shape) < 0.3)).astype(np.uint8),
    }
    for name, pictures in altered.items():
        changed = SilhouetteSequence(np.ascontiguousarray(pictures), sequence.timestamps_s, sequence.source_frames)
        yield name, "side", changed


if __name__ == "__main__":
    main()
