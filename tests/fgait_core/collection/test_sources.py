"""Recordings are found in folders, by globs and behind addresses, and fetched where they are elsewhere."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from fgait_core.collection.sources import Recording, list_recordings, local_copy
from fgait_core.errors import ConfigError

NAMES = ["a.mp4", "b.MOV", "ward 1/a.mp4", "ward 1/ä?.avi", "ward 2/d.webm", "ward 2/deep/c.mkv"]


@pytest.fixture
def bucket():
    files = fsspec.filesystem("memory")
    for name in ("clinic/a.mp4", "clinic/ward 1/b c.mov", "clinic/notes.txt", "other/d.mp4"):
        files.pipe(f"/{name}", name.encode())
    yield "memory://"
    files.rm("/", recursive=True)


def test_a_folder_with_its_subfolders(source: Path):
    for place in (str(source), f"{source}/", f"file://{source}"):
        recordings = list_recordings(place)
        assert [recording.name for recording in recordings] == NAMES
        assert [Path(recording.url) for recording in recordings] == [source / name for name in NAMES]


def test_a_relative_folder(source: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(source.parent)
    assert [recording.name for recording in list_recordings("clinic")] == NAMES


def test_a_glob_and_a_single_video(source: Path):
    assert [each.name for each in list_recordings(f"{source}/ward */*.*")] == NAMES[2:5]
    assert [each.name for each in list_recordings(f"{source}/**/*.mp4")] == ["a.mp4", "ward 1/a.mp4"]
    assert list_recordings(f"{source}/ward 1/ä?.avi") == [Recording("ä?.avi", f"{source}/ward 1/ä?.avi")]


def test_an_address_is_fetched_and_the_copy_deleted(bucket: str, tmp_path: Path):
    recordings = list_recordings(f"{bucket}clinic")
    assert [recording.name for recording in recordings] == ["a.mp4", "ward 1/b c.mov"]
    assert [each.name for each in list_recordings(f"{bucket}*/*.mp4")] == ["clinic/a.mp4", "other/d.mp4"]
    with local_copy(recordings[1], tmp_path) as copy:
        assert copy.read_text() == "clinic/ward 1/b c.mov"
        assert copy.suffix == ".mov"
        assert copy.is_relative_to(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_local_recording_is_not_copied(source: Path):
    with local_copy(Recording("a.mp4", str(source / "a.mp4"))) as copy:
        assert copy == source / "a.mp4"
    assert copy.exists()


def test_a_vanished_recording_is_an_os_error(bucket: str):
    with pytest.raises(OSError, match=r"gone\.mp4"), local_copy(Recording("gone.mp4", f"{bucket}gone.mp4")):
        pass


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s3://bucket/clinic", "Install s3fs"),
        ("nowhere://bucket/clinic", "cannot be opened"),
        ("nowhere at all", "There is no nowhere at all"),
        ("memory://nothing", "There is no memory://nothing"),
        ("nothing*.mp4", "has no video"),
    ],
)
def test_a_source_that_cannot_be_used(place: str, words: str):
    with pytest.raises(ConfigError, match=words):
        list_recordings(place)


def test_a_folder_without_videos(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"has no video\. Videos end in \.avi"):
        list_recordings(str(tmp_path))
