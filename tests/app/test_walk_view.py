"""Strides out of gait events, and the silhouettes at moments of the gait cycle."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from explained import events, gait

from app.services.walk_view import PHASES, SHEET_COLUMNS, clip_start_s, strides, walk_view
from fgait_core.screening_result import GaitEventFacts, GaitFacts
from fgait_core.sequence import SilhouetteSequence
from fgait_core.silhouettes import pictures


def facts(first_s: float = 0.1, count: int = 2, stride_s: float = 1.1) -> list[GaitEventFacts]:
    return [GaitEventFacts.model_validate(each) for each in events(first_s, count, stride_s)]


def numbered(frames: int, rate_hz: float = 20.0, first_s: float = 0.0) -> SilhouetteSequence:
    """Silhouettes whose brightness is their number."""
    pictures = np.repeat(np.arange(frames, dtype=np.uint8), 64 * 44).reshape(frames, 64, 44)
    return SilhouetteSequence(pictures, first_s + np.arange(frames) / rate_hz, np.arange(frames))


def test_strides_run_from_strike_to_strike_of_one_foot():
    found = strides(facts(), np.arange(60) / 20.0)
    assert [(each.foot, round(each.start_s, 3), round(each.end_s, 3)) for each in found] == [
        ("left", 0.1, 1.2),
        ("right", 0.65, 1.75),
        ("left", 1.2, 2.3),
    ]
    stances = [(each.foot, round(each.begins, 3), round(each.ends, 3)) for each in found[0].stances]
    assert stances == [("left", 0.0, 0.6), ("right", 0.0, 0.1), ("right", 0.5, 1.0)]


def test_no_stride_runs_over_a_gap_or_takes_too_long():
    times_s = np.arange(60) / 20.0
    assert len(strides(facts(), times_s[(times_s < 0.9) | (times_s > 1.19)])) == 1
    assert not strides(facts(stride_s=2.6), np.arange(200) / 20.0)
    assert not strides([], times_s)


def test_tiles_show_the_silhouette_nearest_to_each_phase():
    walk = walk_view(numbered(60), GaitFacts.model_validate(gait(strides=2)), 20.0)
    sheet = cv2.imdecode(np.frombuffer(walk.sheet_png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[1] == SHEET_COLUMNS * 44
    first, row = walk.strides[0], walk.tiles[0]
    for phase, tile in zip(PHASES, row, strict=True):
        y, x = divmod(tile, SHEET_COLUMNS)
        number = int(sheet[y * 64 + 1, x * 44 + 1])
        wanted_s = first.start_s + phase * (first.end_s - first.start_s)
        assert number == pytest.approx(20 * wanted_s, abs=0.51)
        assert walk.tile_times_s[tile] == pytest.approx(number / 20)


def test_without_events_the_tiles_go_over_the_whole_walk():
    walk = walk_view(numbered(41), None, 20.0)
    assert not walk.strides
    assert [walk.tile_times_s[tile] for tile in walk.tiles[0]] == pytest.approx([0.2 * step for step in range(11)])


def test_times_are_those_of_the_clip():
    walk = walk_view(numbered(60, first_s=3.0), GaitFacts.model_validate(gait()), 20.0)
    assert walk.tile_times_s[0] == pytest.approx(0.25)
    assert clip_start_s(0.1, 30.0) == 0.0
    assert clip_start_s(37 / 30, 30.0) == pytest.approx(30 / 30)  # 0.983 s lies between two frames
    assert clip_start_s(1.0, None) == 0.75


def test_the_clip_begins_where_the_player_believes(tmp_path: Path, monkeypatch):
    """Against the writer of the clip itself."""
    black = np.zeros((48, 64, 3), np.uint8)
    frames = [SimpleNamespace(index=i, time_s=i / 30, rgb=lambda scale: black) for i in range(50)]
    written: list[float] = []
    add = pictures._ClipWriter.add

    def spy(writer, rgb, time_s: float) -> None:
        written.append(time_s)
        add(writer, rgb, time_s)

    monkeypatch.setattr(pictures, "read_frames", lambda *_: iter(frames))
    monkeypatch.setattr(pictures._ClipWriter, "add", spy)
    times_s = np.array([37, 38, 39]) / 30
    sequence = SilhouetteSequence(np.zeros((3, 64, 44), np.uint8), times_s, np.array([100, 101, 102]))
    walk = SimpleNamespace(video=SimpleNamespace(width_px=64, height_px=48), sequence=sequence)
    pictures.write_overlay_clip(tmp_path / "video.mp4", walk, tmp_path / "clip.mp4")
    assert written[0] == pytest.approx(clip_start_s(37 / 30, 30.0))
