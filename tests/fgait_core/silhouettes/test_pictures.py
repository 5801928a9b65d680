"""The outline lies on the person; strips and sheets show the silhouettes in order."""

import av
import cv2
import numpy as np
import pytest

from fgait_core.errors import OperationCancelled, RecordingError
from fgait_core.silhouettes import silhouette_strip, write_contact_sheet, write_overlay_clip
from fgait_core.silhouettes.pictures import OUTLINE_RGB


@pytest.fixture(scope="module")
def clip(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("overlay") / "clip.mp4"
    write_overlay_clip(sample.path, sample.walk, path)
    return path


def test_the_clip_is_one_that_browsers_play(clip):
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.height == 480
        assert stream.width % 2 == 0
        assert stream.width / stream.height == pytest.approx(1768 / 994, rel=0.01)
    head = clip.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_the_clip_shows_the_walk_at_its_own_speed(clip, sample):
    with av.open(str(clip)) as container:
        times_s = [float(frame.time) for frame in container.decode(video=0)]
    s = sample.walk.sequence
    assert times_s[-1] == pytest.approx(s.duration_s + 0.5, abs=0.1)
    assert len(times_s) == pytest.approx((s.duration_s + 0.5) * 30, abs=3)


def test_the_outline_lies_around_the_walker(clip, sample):
    walk = sample.walk
    first_s = walk.sequence.timestamps_s[0] - 0.25
    with av.open(str(clip)) as container:
        frames = {round(float(f.time) * 30): f.to_ndarray(format="rgb24") for f in container.decode(video=0)}
    checked = 0
    for i in range(0, len(walk.sequence), 30):
        picture = frames[round((walk.sequence.timestamps_s[i] - first_s) * 30)].astype(int)
        outline = np.abs(picture - OUTLINE_RGB).sum(axis=2) < 120
        rows, columns = np.nonzero(outline)
        scale = 480 / 994
        x0, y0, x1, y1 = walk.boxes_px[i] * scale
        inside = (columns > x0 - 8) & (columns < x1 + 8) & (rows > y0 - 8) & (rows < y1 + 8)
        assert inside.sum() > 150
        checked += 1
    assert checked >= 5


def test_a_cancelled_clip_leaves_nothing_behind(sample, tmp_path):
    with pytest.raises(OperationCancelled):
        write_overlay_clip(sample.path, sample.walk, tmp_path / "clip.mp4", cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_strip_takes_evenly_spaced_silhouettes(sample):
    sequence = sample.walk.sequence
    strip = silhouette_strip(sequence)
    assert strip.shape == (64, 12 * 44)
    assert strip.dtype == np.uint8
    np.testing.assert_array_equal(strip[:, :44], sequence.frames[0])
    np.testing.assert_array_equal(strip[:, -44:], sequence.frames[-1])


def test_strip_of_few_silhouettes_is_black_at_its_end(sample):
    sequence = sample.walk.sequence
    short = type(sequence)(sequence.frames[:3], sequence.timestamps_s[:3], sequence.source_frames[:3])
    strip = silhouette_strip(short, 5)
    assert strip[:, : 3 * 44].any()
    assert not strip[:, 3 * 44 :].any()
    with pytest.raises(RecordingError):
        silhouette_strip(short, 0)


def test_contact_sheet_has_every_silhouette(sample, tmp_path):
    write_contact_sheet(sample.walk.sequence, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    rows = -(-len(sample.walk.sequence) // 24)
    assert sheet.shape == (rows * 64, 24 * 44)
    np.testing.assert_array_equal(sheet[64:128, 44:88], sample.walk.sequence.frames[25])
