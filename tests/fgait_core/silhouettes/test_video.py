"""Videos of many formats are read rightly; everything else is refused with a sentence."""

import struct

import av
import numpy as np
import pytest

from fgait_core.errors import VideoDecodeError
from fgait_core.silhouettes.video import probe_video, read_frames

FORMATS = [
    ("clip.mp4", "libx264", "h264", "mp4/mov"),
    ("clip.mov", "libx265", "hevc", "mp4/mov"),
    ("clip.mkv", "libvpx-vp9", "vp9", "mkv/webm"),
    ("clip.webm", "libvpx-vp9", "vp9", "mkv/webm"),
    ("clip.avi", "mpeg4", "mpeg4", "avi"),
    ("clip.mkv", "libx265", "hevc", "mkv/webm"),
]
FAST = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


def frames_of(path, **kwargs):
    return list(read_frames(path, probe_video(path), **kwargs))


def test_the_sample_is_read_as_it_is(sample_video):
    info = probe_video(sample_video)
    assert (info.width_px, info.height_px, info.frame_count) == (1768, 994, 230)
    assert info.frame_rate_hz == pytest.approx(30, abs=0.01)
    assert info.duration_s == pytest.approx(230 / 30, abs=0.01)
    assert (info.codec, info.rotation_deg, info.variable_frame_rate) == ("vp9", 0, False)


@pytest.mark.parametrize(("name", "encoder", "codec", "container"), FORMATS)
def test_formats(name, encoder, codec, container, sample_pictures, make_clip):
    pictures = sample_pictures[:20]
    path = make_clip(pictures, name, encoder, options=FAST.get(encoder))
    info = probe_video(path)
    assert (info.codec, info.container, info.frame_count) == (codec, container, 20)
    assert (info.width_px, info.height_px) == (588, 330)
    frames = frames_of(path)
    assert [f.index for f in frames] == list(range(20))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(20) / 30, atol=0.0011)
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.rgb().astype(int) - picture).mean() < 12


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_rotation_metadata_is_honoured(rotation_deg, sample_pictures, make_clip):
    lying = np.rot90(sample_pictures[:4], -rotation_deg // 90, axes=(1, 2))
    info = probe_video(path := make_clip(lying, "phone.mp4", rotation_deg=rotation_deg))
    assert info.rotation_deg == rotation_deg
    assert (info.width_px, info.height_px) == (588, 330)
    frame = frames_of(path)[0]
    assert np.abs(frame.rgb().astype(int) - sample_pictures[0]).mean() < 12
    grey = frame.grey(147)
    upright = sample_pictures[0].mean(axis=2)[::4, ::4][: grey.shape[0]]
    assert np.corrcoef(grey[: upright.shape[0]].ravel(), upright.ravel())[0, 1] > 0.9


def test_variable_frame_rate_keeps_every_time(sample_pictures, make_clip):
    times_s = np.cumsum(np.tile([1 / 30, 1 / 30, 1 / 15, 1 / 24], 8))
    path = make_clip(sample_pictures[:32], "vfr.mp4", times_s=times_s)
    assert probe_video(path).variable_frame_rate
    got_s = [f.time_s for f in frames_of(path)]
    np.testing.assert_allclose(got_s, times_s - times_s[0], atol=1e-3)


def test_slow_motion_is_thinned_by_time_and_keeps_true_times(sample_pictures, make_clip):
    path = make_clip(sample_pictures, "slow.mp4", rate_hz=240.0)
    info = probe_video(path)
    assert info.frame_rate_hz == pytest.approx(240, abs=1)
    frames = frames_of(path)
    assert [f.index for f in frames] == list(range(0, 40, 4))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(0, 40, 4) / 240, atol=1e-3)


def test_sixty_hertz_is_not_thinned(sample_pictures, make_clip):
    assert len(frames_of(make_clip(sample_pictures, "sixty.mp4", rate_hz=60.0))) == 40


def test_4k_comes_at_the_working_size(make_clip):
    picture = np.zeros((2, 2160, 3840, 3), np.uint8)
    picture[:, :, 1920:] = 255
    path = make_clip(picture, "4k.mp4", options={"preset": "ultrafast"})
    frame = frames_of(path)[0]
    rgb = frame.compact().rgb()
    assert rgb.shape == (1080, 1920, 3)
    assert rgb[:, :950].max() < 20
    assert rgb[:, 970:].min() > 235
    np.testing.assert_allclose(frame.rgb().astype(int), rgb.astype(int), atol=3)


def test_larger_than_4096_is_refused(make_clip):
    path = make_clip(np.zeros((2, 64, 4112, 3), np.uint8), "wide.mp4")
    with pytest.raises(VideoDecodeError, match="at most 4096"):
        probe_video(path)


def test_longer_than_an_hour_is_refused(sample_pictures, make_clip):
    path = make_clip(sample_pictures[:3], "long.mp4", times_s=[0.0, 1.0, 3700.0])
    with pytest.raises(VideoDecodeError, match="minutes long; at most 60"):
        probe_video(path)


def test_non_square_pixels_are_stretched(sample_pictures, tmp_path):
    path = tmp_path / "anamorphic.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 294, 330, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        for picture in sample_pictures[:3]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:, ::2]), "rgb24")))
        container.mux(stream.encode(None))
    info = probe_video(path)
    assert (info.width_px, info.height_px) == (588, 330)
    assert frames_of(path)[0].rgb().shape == (330, 588, 3)


def _sound_only(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _playlist(path):
    path.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nfile:///etc/passwd\n")


BAD_FILES = {
    "empty.mp4": (lambda p: p.write_bytes(b""), "empty"),
    "paper.mp4": (lambda p: p.write_bytes(b"%PDF-1.7\n" + b"x" * 5000), "PDF document"),
    "picture.mov": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 5000), "PNG picture"),
    "archive.avi": (lambda p: p.write_bytes(b"PK\x03\x04" + b"x" * 5000), "ZIP archive"),
    "text.webm": (lambda p: p.write_text("walk " * 500), "not a video"),
    "list.mp4": (_playlist, "not a video"),
    "sound.mp4": (_sound_only, "only sound"),
    "head.mp4": (lambda p: p.write_bytes(struct.pack(">I", 24) + b"ftypisom" + b"\0" * 4000), "damaged or cut off"),
    "head.mkv": (lambda p: p.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 16), "damaged|no picture|no video"),
    "head.avi": (lambda p: p.write_bytes(b"RIFF\x00\x10\x00\x00AVI " + b"x" * 4000), "damaged|no picture|no video"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_video_is_refused(name, tmp_path):
    write, text = BAD_FILES[name]
    write(tmp_path / name)
    with pytest.raises(VideoDecodeError, match=text) as refusal:
        probe_video(tmp_path / name)
    assert len(refusal.value.reasons) == 1


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(VideoDecodeError, match="There is no file"):
        probe_video(tmp_path / "nothing.mp4")
    with pytest.raises(VideoDecodeError, match="folder"):
        probe_video(tmp_path)


def test_one_picture_is_no_video(sample_pictures, make_clip):
    with pytest.raises(VideoDecodeError, match="no length"):
        probe_video(make_clip(sample_pictures[:1], "one.mp4"))


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.8])
def test_truncated_files_are_refused(name, share, sample_pictures, make_clip, tmp_path):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    whole = make_clip(np.concatenate([sample_pictures] * 2), name, codec).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(VideoDecodeError, match=r"damaged|cut off"):
        probe_video(tmp_path / name)


def test_truncated_sample_with_its_index_in_front_is_refused(sample_video, tmp_path):
    whole = tmp_path / "front.mp4"
    with av.open(str(sample_video)) as source, av.open(str(whole), "w", options={"movflags": "+faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert probe_video(whole).frame_count == 230
    content = whole.read_bytes()
    for kept in (len(content) - 1_500_000, 300_000):
        whole.write_bytes(content[:kept])
        with pytest.raises(VideoDecodeError, match=r"cut off|damaged"):
            probe_video(whole)


def test_damage_inside_is_refused_while_reading(sample_video, tmp_path):
    content = bytearray(sample_video.read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, len(content), np.uint8).tobytes()
    for start in range(len(content) // 10, len(content) * 9 // 10, 40_000):
        content[start : start + 20_000] = noise[start : start + 20_000]
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    with pytest.raises(VideoDecodeError, match="damaged"):
        frames_of(damaged)


def test_a_file_with_sound_and_picture_is_read(sample_pictures, make_clip, tmp_path):
    silent = make_clip(sample_pictures[:30], "silent.mp4")
    path = tmp_path / "both.mp4"
    with av.open(str(silent)) as source, av.open(str(path), "w") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("aac", rate=8000)
        for i in range(9):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 8000, i * 1024
            target.mux(sound.encode(samples))
        target.mux(sound.encode(None))
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
    assert len(frames_of(path)) == 30
