"""One person is followed through a video; only frames that show all of the body are kept."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fgait_core.errors import NoWalkerError, OperationCancelled
from fgait_core.gait_parameters.detectors import ACCELERATION, DETECTOR, VELOCITY
from fgait_core.recipes.gait_event_accuracy import sample_accuracy
from fgait_core.silhouettes import find_people, track_walk
from fgait_core.silhouettes.tracking import MAX_PENDING_FRAMES, sharpness_of
from fgait_core.silhouettes.video import read_frames

_spec = importlib.util.spec_from_file_location("red_figure", Path(__file__).with_name("red_figure.py"))
red_figure = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(red_figure)


def walk_of(path, **kwargs):
    segmenter = red_figure.RedFigureSegmenter()
    people = find_people(path, segmenter)
    return track_walk(path, people[0], segmenter, **kwargs)


def test_sample_gives_150_good_frames_of_the_walker(sample):
    sequence = sample.walk.sequence
    assert len(sequence) >= 150
    assert np.all(np.diff(sequence.source_frames) > 0)
    assert sequence.source_frames[0] >= 30
    assert sequence.source_frames[-1] <= 200
    np.testing.assert_allclose(sequence.timestamps_s, sequence.source_frames / 30, atol=1e-3)
    assert sequence.frame_rate_hz == pytest.approx(30, abs=0.01)


def test_sample_silhouettes_look_like_a_walker(sample):
    frames = sample.walk.sequence.frames
    fill = (frames > 127).mean(axis=(1, 2))
    assert fill.min() > 0.12
    assert fill.max() < 0.5
    # Head above, two feet that open and close below.
    feet = (frames[:, 56:] > 127).any(axis=1).sum(axis=1)
    assert np.percentile(feet, 90) > 1.7 * np.percentile(feet, 10)
    assert (frames[:, 0] > 127).any(axis=1).mean() > 0.95


def test_sample_walker_goes_steadily_to_the_left(sample):
    walk = sample.walk
    middle = (walk.boxes_px[:, 0] + walk.boxes_px[:, 2]) / 2
    assert middle[0] - middle[-1] > 1200
    assert np.abs(np.diff(walk.centres_px)).max() < 40
    inside = (walk.landmarks_px[..., 0] > walk.boxes_px[:, None, 0] - 40) & (
        walk.landmarks_px[..., 0] < walk.boxes_px[:, None, 2] + 40
    )
    assert inside.mean() > 0.97


def test_sample_is_not_in_pieces_and_its_camera_stands_still(sample):
    assert np.diff(sample.walk.sequence.source_frames).max() <= 3
    assert sample.walk.camera_motion < 0.02
    assert 380 < sample.walk.body_height_px < 450


def test_sample_feet_strike_and_leave_where_eyes_see_it(sample):
    # Here, beside the other tests of the sample, because following it takes seconds.
    used = sample_accuracy(sample.walk, [DETECTOR])
    assert [(row.kind, row.found, row.true) for row in used] == [("heel_strike", 7, 7), ("toe_off", 7, 7)]
    assert max(row.error_ms for row in used) < 33  # one frame
    others = sample_accuracy(sample.walk, [VELOCITY, ACCELERATION])
    assert min(row.error_ms for row in others) > max(row.error_ms for row in used)


@pytest.mark.parametrize(("blur", "low", "high"), [(0.0, 0.15, 0.5), (0.005, 0.08, 0.15), (0.02, 0.0, 0.03)])
def test_sharpness_falls_with_blur(sample, blur, low, high):
    """Blur is the standard deviation in body heights: 0.005 passes the gate, 0.02 does not."""
    wanted = int(sample.walk.sequence.source_frames[70])
    rgb = next(f.rgb() for f in read_frames(sample.path, sample.walk.video) if f.index == wanted)
    if blur:
        rgb = cv2.GaussianBlur(rgb, (0, 0), blur * sample.walk.body_height_px)
    assert low < sharpness_of(rgb, tuple(sample.walk.boxes_px[70])) < high


def test_progress_is_told_at_least_once_a_second_and_rises(sample):
    moments = [sample.started_s, *(at for at, _, _ in sample.told), sample.ended_s]
    gaps_s = np.diff(moments)
    # Within key frames, too: otherwise the promise breaks on a computer of half this speed.
    assert max(gaps_s) < 1.0, [(round(gap_s, 2), i) for i, gap_s in enumerate(gaps_s) if gap_s > 0.8]
    finding = [f for _, f, words in sample.told if "Looking" in words]
    following = [f for _, f, words in sample.told if "Following" in words]
    assert len(finding) > 3
    assert len(following) > 3
    assert finding == sorted(finding)
    assert following == sorted(following)


def test_frames_that_the_border_cuts_are_left_out(make_clip):
    places = np.linspace(-60, 700, 120)
    path = make_clip(np.stack([red_figure.picture(x) for x in places]), "through.mp4")
    walk = walk_of(path)
    kept = places[walk.sequence.source_frames]
    half = red_figure.FIGURE_PX / 6
    # At most the outermost tip of the figure may lie outside.
    assert kept.min() > half - 6
    assert kept.max() < red_figure.WIDTH_PX - half + 6
    assert len(kept) >= ((places > half + 4) & (places < red_figure.WIDTH_PX - half - 4)).sum()
    assert walk.border_frames >= 2


def test_frames_in_which_something_hides_the_legs_are_left_out(make_clip):
    places = np.linspace(60, 580, 60)
    bar = (280, 200, 380, 359)
    path = make_clip(np.stack([red_figure.picture(x, bar=bar) for x in places]), "bar.mp4")
    kept = places[walk_of(path).sequence.source_frames]
    assert not ((kept > 300) & (kept < 360)).any()
    assert (kept < 240).any()
    assert (kept > 420).any()


def test_after_a_loss_the_person_is_followed_backwards_from_where_it_is_found_again(make_clip):
    # 30 Hz, key frames every 0.4 s (12 frames): hidden in frames 25..30, found again on key frame 36.
    places = np.linspace(60, 580, 60)
    pictures = [red_figure.picture(x, bar=(0, 0, 639, 359) if 25 <= i <= 30 else None) for i, x in enumerate(places)]
    frames = walk_of(make_clip(np.stack(pictures), "hidden.mp4")).sequence.source_frames
    assert set(range(31, 36)) <= set(frames.tolist())
    assert not set(range(25, 31)) & set(frames.tolist())


def test_places_are_those_of_the_video_also_when_it_is_scaled_down(make_clip):
    places = np.linspace(600, 1500, 30)
    size = {"width_px": 2560, "height_px": 1440, "figure_px": 640}
    path = make_clip(
        np.stack([red_figure.picture(x, **size) for x in places]), "large.mp4", options={"preset": "ultrafast"}
    )
    walk = walk_of(path)
    middle = (walk.boxes_px[:, 0] + walk.boxes_px[:, 2]) / 2
    np.testing.assert_allclose(middle, places[walk.sequence.source_frames], atol=8)
    assert walk.body_height_px == pytest.approx(640, abs=15)


def test_somebody_who_is_never_in_full_view(make_clip):
    path = make_clip(np.stack([red_figure.picture(x) for x in np.linspace(0, 8, 30)]), "edge.mp4")
    with pytest.raises(NoWalkerError, match="never seen from head to feet"):
        walk_of(path)


def test_following_can_be_cancelled(sample, segmenter):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 10

    with pytest.raises(OperationCancelled):
        track_walk(sample.path, sample.people[0], segmenter, cancelled=cancelled)
    assert len(asked) == 11


MEMORY_PROBE = """
import importlib.util, sys
from pathlib import Path
from fgait_core.silhouettes import find_people, track_walk
spec = importlib.util.spec_from_file_location("red_figure", sys.argv[1])
red_figure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(red_figure)
segmenter = red_figure.RedFigureSegmenter()
video = Path(sys.argv[2])
people = find_people(video, segmenter)
walk = track_walk(video, people[0], segmenter)
# The peak since the program began; getrusage would count the memory of the test that started it, too.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(len(walk.sequence), int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_the_video(make_clip, tmp_path):
    size = {"width_px": 1920, "height_px": 1080, "figure_px": 500}
    there = np.linspace(700, 1200, MAX_PENDING_FRAMES)
    loop = np.stack([red_figure.picture(x, **size) for x in np.concatenate([there, there[::-1]])])
    once = make_clip(loop, "once.mp4", options={"preset": "ultrafast"})
    peaks_mib = []
    for repeats in (1, 5):
        path = _looped(once, tmp_path / f"times{repeats}.mp4", repeats, len(loop) / 30)
        command = [sys.executable, "-c", MEMORY_PROBE, str(Path(__file__).with_name("red_figure.py")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        frames, peak_mib = (int(word) for word in done.stdout.split())
        assert frames > 0.9 * repeats * len(loop)
        peaks_mib.append(peak_mib)
    # Silhouettes and landmarks take about 4 KiB a frame; a kept frame of 1080p would take 3 MiB.
    assert peaks_mib[1] - peaks_mib[0] < 60
    assert peaks_mib[1] < 1024


def _looped(source_path, path, repeats, length_s):
    """The same clip several times over, its packets copied."""
    with av.open(str(path), "w") as target:
        stream = None
        for i in range(repeats):
            with av.open(str(source_path)) as source:
                template = source.streams.video[0]
                stream = stream or target.add_stream_from_template(template)
                shift = round(i * length_s / template.time_base)
                for packet in source.demux(template):
                    if packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        target.mux(packet)
    return path
