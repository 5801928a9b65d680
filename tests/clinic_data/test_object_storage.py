"""Object storage: faults of the network, copies on this computer, and kill -9 in the middle of an upload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from clinic_data.errors import ClinicDataError, NotFoundError, StorageError
from clinic_data.file_cache import IN_USE_S, UNUSED_S
from clinic_data.object_storage import ObjectStorage, open_storage
from clinic_data.storage import FolderStorage

KILLED_WHILE_UPLOADING = """
import sys, time
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from clinic_data.object_storage import ObjectStorage

class Slow(LocalFileSystem):
    def put_file(self, here, there, **_):
        self.makedirs(self._parent(there), exist_ok=True)
        Path(there).write_bytes(Path(here).read_bytes()[:1000])
        print("half", flush=True)
        time.sleep(60)

files, place, cache = Slow(auto_mkdir=True, use_listings_cache=False), sys.argv[1], Path(sys.argv[2])
ObjectStorage(files, place, cache, 10**9).write_bytes(bytes(2000))
"""


class Flaky(MemoryFileSystem):
    """Fails as often as it is told, before or after it did what was asked."""

    cachable = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.faults: list[Exception] = []
        self.lost_answers = 0
        self.downloads = 0

    def _asked(self, does: Callable[[], Any]) -> Any:
        if self.faults:
            raise self.faults.pop()
        answer = does()
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionResetError
        return answer

    def put_file(self, lpath, rpath, **options):
        return self._asked(lambda: MemoryFileSystem.put_file(self, lpath, rpath, **options))

    def mv(self, path1, path2, **options):
        return self._asked(lambda: MemoryFileSystem.mv(self, path1, path2, **options))

    def get_file(self, rpath, lpath=None, **options):
        self.downloads += 1
        return self._asked(lambda: MemoryFileSystem.get_file(self, rpath, lpath, **options))

    def ls(self, path, detail=True, **options):
        return self._asked(lambda: MemoryFileSystem.ls(self, path, detail, **options))

    def rm(self, path, recursive=False, maxdepth=None):
        return self._asked(lambda: MemoryFileSystem.rm(self, path, recursive, maxdepth))


@pytest.fixture
def flaky() -> Flaky:
    return Flaky(use_listings_cache=False)


@pytest.fixture
def computer(flaky: Flaky, tmp_path: Path) -> Callable[..., ObjectStorage]:
    """Opens the same storage from another computer, with a cache of its own."""

    def open_from(name: str, max_cache_bytes: int = 10**9) -> ObjectStorage:
        return ObjectStorage(flaky, str(tmp_path), tmp_path / name, max_cache_bytes, retry_waits_s=(0.0, 0.0, 0.0))

    return open_from


def _age(file: Path, age_s: float) -> None:
    os.utime(file, (time.time() - age_s,) * 2)


def _copies(storage: ObjectStorage) -> set[str]:
    return {file.name for file in storage.root.iterdir() if file.is_file()}


def _raises(error: Exception) -> Callable[..., Any]:
    def always(*_: Any, **__: Any) -> Any:
        raise error

    return always


def test_three_faults_are_borne(flaky: Flaky, computer) -> None:
    here, there = computer("here"), computer("there")
    flaky.faults = [ConnectionResetError(), TimeoutError(), OSError("503")]
    key = here.write_bytes(b"walk").key
    flaky.faults = [ConnectionResetError(), TimeoutError(), OSError("503")]
    assert there.read_bytes(key) == b"walk"
    flaky.faults = [ConnectionResetError()]
    here.delete(key)
    assert list(here.keys()) == []


def test_a_lost_answer_does_not_lose_the_file(flaky: Flaky, computer) -> None:
    here = computer("here")
    for lost in range(4):
        flaky.lost_answers = lost
        key = here.write_bytes(b"walk").key
        flaky.lost_answers = 0
        assert key in set(here.keys())
    assert not flaky.find(f"{here._place}/incoming")


def test_a_storage_that_stays_silent_is_said_and_leaves_nothing(flaky: Flaky, computer) -> None:
    here, there = computer("here"), computer("there")
    key = here.write_bytes(b"walk").key
    for use in (lambda: there.write_bytes(b"more"), lambda: there.read_bytes(key), lambda: there.delete(key)):
        flaky.faults = [TimeoutError()] * 4
        with pytest.raises(StorageError, match="did not answer; please try again"):
            use()
        flaky.faults = []
    assert list(there.keys()) == [key]
    assert _copies(there) == set()
    assert not list((there.root / "incoming").iterdir())


def test_the_program_starts_without_the_storage(flaky: Flaky, computer) -> None:
    flaky.faults = [TimeoutError()] * 4
    assert computer("here").root.is_dir()


def test_refused_access_is_not_tried_again(flaky: Flaky, computer) -> None:
    here = computer("here")
    flaky.faults = [TimeoutError(), PermissionError()]
    with pytest.raises(StorageError, match="refused the access"):
        here.write_bytes(b"walk")
    assert len(flaky.faults) == 1


def test_a_place_that_is_not_there_is_said(flaky: Flaky, computer, monkeypatch: pytest.MonkeyPatch) -> None:
    here = computer("here")
    flaky.faults = [FileNotFoundError("no such bucket")]
    with pytest.raises(StorageError, match="does not exist"):
        here.write_bytes(b"walk")
    monkeypatch.setattr(flaky, "find", _raises(FileNotFoundError("no such bucket")))
    with pytest.raises(StorageError, match="does not exist"):
        here.keys()
    computer("there")  # starts nevertheless


def test_a_file_is_fetched_once(flaky: Flaky, computer) -> None:
    here, there = computer("here"), computer("there")
    key = here.write_bytes(b"walk").key
    assert here.path(key).read_bytes() == b"walk"
    assert flaky.downloads == 0  # what was stored here is here
    assert there.path(key) == there.path(key)
    assert flaky.downloads == 1


@pytest.mark.parametrize("stored", [b"talk", b"wal"])
def test_other_bytes_than_were_stored_are_refused(flaky: Flaky, computer, stored: bytes) -> None:
    here, there = computer("here"), computer("there")
    key = here.write_bytes(b"walk").key
    (name,) = flaky.find(f"{here._place}/{key[:2]}")
    flaky.pipe_file(name, stored)
    with pytest.raises(StorageError, match="gave other bytes than were stored"):
        there.path(key)
    assert _copies(there) == set()


def test_what_another_computer_deleted_is_gone_here(computer) -> None:
    here, there = computer("here"), computer("there")
    keys = [here.write_bytes(b"walk").key for _ in range(3)]
    for key in keys:
        there.path(key)
        here.delete(key)
    with pytest.raises(NotFoundError):
        there.path(keys[0])
    assert _copies(there) == {*keys[1:]}
    there.remove_unreferenced(frozenset())
    assert _copies(there) == set()


def test_the_longest_unused_copies_make_room(flaky: Flaky, computer) -> None:
    here = computer("here", max_cache_bytes=3000)
    old, older, used = (here.write_bytes(bytes(1000)).key for _ in range(3))
    for key, age_s in ((old, IN_USE_S + 10), (older, IN_USE_S + 20), (used, IN_USE_S + 30)):
        _age(here.root / key, age_s)
    here.path(used)
    new = here.write_bytes(bytes(1000)).key
    assert _copies(here) == {old, used, new}
    assert here.read_bytes(older) == bytes(1000)  # fetched again
    assert flaky.downloads == 1
    assert _copies(here) == {used, new, older}


def test_copies_in_use_stay_even_if_the_cache_is_full(computer) -> None:
    here = computer("here", max_cache_bytes=1)
    keys = {here.write_bytes(b"walk").key for _ in range(3)}
    assert _copies(here) == keys


def test_copies_that_nobody_uses_go_with_the_next_start(computer) -> None:
    here = computer("here")
    key = here.write_bytes(b"walk").key
    _age(here.root / key, UNUSED_S + 1)
    computer("here")
    assert _copies(here) == set()
    assert here.read_bytes(key) == b"walk"


def test_nobody_else_on_the_computer_may_read_a_copy(computer) -> None:
    here, there = computer("here"), computer("there")
    copy = there.path(here.write_bytes(b"walk").key)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_a_killed_upload_leaves_nothing_that_counts(tmp_path: Path) -> None:
    place, cache = tmp_path / "bucket", tmp_path / "cache"
    command = [sys.executable, "-c", KILLED_WHILE_UPLOADING, str(place), str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "half\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)

    storage = open_storage(f"file://{place}", tmp_path / "files", cache, 10**9)
    assert list(storage.keys()) == []
    halves = [*(place / "incoming").iterdir(), *(cache / "incoming").iterdir()]
    assert [half.stat().st_size for half in halves] == [1000, 2000]
    assert storage.remove_abandoned() == 0  # it may still be arriving
    for half in halves:
        _age(half, 3601)
    assert storage.remove_abandoned() == 2


def test_the_address_chooses(tmp_path: Path) -> None:
    folders = tmp_path / "files", tmp_path / "cache"
    assert isinstance(open_storage("", *folders, 1), FolderStorage)
    assert isinstance(open_storage("memory://clinic", *folders, 1), ObjectStorage)
    for address in ("bucket/clinic", "s3://", "simplecache::memory://clinic", "floppy://clinic"):
        with pytest.raises(ClinicDataError, match="FGAIT_STORAGE_URL"):
            open_storage(address, *folders, 1)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ClinicDataError, match=r"install fgait\[s3\]"):
        open_storage("s3://bucket/clinic", tmp_path / "files", tmp_path / "cache", 1)
