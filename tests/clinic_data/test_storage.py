"""Files: whole or not there, under names that tell nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from clinic_data.errors import ClinicDataError, NotFoundError, ValidationError
from clinic_data.object_storage import ObjectStorage, open_storage
from clinic_data.storage import FolderStorage, Storage

KILLED_WHILE_WRITING = """
import sys
from pathlib import Path
from clinic_data.storage import FolderStorage

storage = FolderStorage(Path(sys.argv[1]))
print(storage.write_bytes(b"accepted").key, flush=True)
incoming = storage.receive()
while True:
    incoming.write(bytes(1 << 20))
    print("more", flush=True)
"""


@pytest.fixture(params=["", "file://{}/bucket/clinic", "memory://{}/clinic"], ids=["folder", "file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return open_storage(request.param.format(tmp_path), tmp_path / "files", tmp_path / "cache", 10**9)


def _files(storage: Storage) -> list[str]:
    """All that lies in the storage, and what is only arriving here."""
    arriving = [str(file) for file in (storage.root / "incoming").iterdir()]
    if isinstance(storage, ObjectStorage):
        return arriving + storage._files.find(storage._place)
    return [str(file) for file in storage.root.rglob("*") if file.is_file()]


def _make_older(storage: Storage, key: str, age_s: float) -> None:
    (name,) = [file for file in _files(storage) if key in file]
    in_memory = MemoryFileSystem.store.get(name)
    if in_memory is not None:
        in_memory.modified -= timedelta(seconds=age_s)
    else:
        moment = Path(name).stat().st_mtime - age_s
        os.utime(name, (moment, moment))


def test_a_stream_comes_back_with_its_size_and_sha256(storage: Storage) -> None:
    stored = storage.write_stream(bytes([number]) * 100_000 for number in range(5))
    whole = b"".join(bytes([number]) * 100_000 for number in range(5))
    assert storage.read_bytes(stored.key) == whole
    assert (stored.size_bytes, stored.sha256) == (500_000, hashlib.sha256(whole).hexdigest())


def test_a_file_is_copied_in(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(os.urandom(3_000_000))
    stored = storage.write_file(source)
    assert storage.path(stored.key).read_bytes() == source.read_bytes()
    assert stored.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_the_same_bytes_twice_are_two_files(storage: Storage) -> None:
    first, second = storage.write_bytes(b"walk"), storage.write_bytes(b"walk")
    storage.delete(first.key)
    assert storage.read_bytes(second.key) == b"walk"


def test_a_file_without_bytes_is_a_file(storage: Storage) -> None:
    key = storage.write_bytes(b"").key
    assert list(storage.keys()) == [key]
    assert storage.read_bytes(key) == b""


def test_nobody_else_on_the_computer_may_read(storage: Storage) -> None:
    file = storage.path(storage.write_bytes(b"walk").key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_interrupted_stream_leaves_nothing(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.write_stream(broken())
    assert _files(storage) == []


def test_a_file_that_is_too_large_is_refused_while_it_arrives(storage: Storage) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(1_000_000)

    with pytest.raises(ValidationError, match="larger than the 3 MB"):
        storage.write_stream(endless(), max_bytes=3_000_000)
    assert len(taken) == 4
    assert _files(storage) == []


def test_a_file_of_exactly_the_allowed_size_is_accepted(storage: Storage) -> None:
    assert storage.write_stream([bytes(10)], max_bytes=10).size_bytes == 10


def test_a_file_is_not_to_be_seen_before_it_is_accepted(storage: Storage) -> None:
    with storage.receive() as incoming:
        incoming.write(b"walk")
        assert list(storage.keys()) == []
        stored = incoming.accept()
        assert list(storage.keys()) == [stored.key]
    assert storage.read_bytes(stored.key) == b"walk"


def test_a_killed_process_loses_nothing_accepted_and_its_half_file_goes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path / "files")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        key = process.stdout.readline().strip()
        assert process.stdout.readline() == "more\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    storage = FolderStorage(tmp_path / "files")
    assert list(storage.keys()) == [key]
    assert storage.read_bytes(key) == b"accepted"
    (half,) = [file for file in _files(storage) if not file.endswith(key)]
    assert storage.remove_abandoned() == 0  # it may still be arriving
    _make_older(storage, Path(half).name, 3601)
    FolderStorage(tmp_path / "files")  # a start cleans up
    assert _files(storage) == [str(storage.path(key))]


def test_files_without_a_row_can_be_removed_once_they_are_old(storage: Storage) -> None:
    used, orphan, fresh = (storage.write_bytes(data).key for data in (b"a", b"b", b"c"))
    for key in (used, orphan):
        _make_older(storage, key, 90_000)
    assert storage.remove_unreferenced(frozenset({used})) == 1
    assert set(storage.keys()) == {used, fresh}
    with pytest.raises(NotFoundError):
        storage.path(orphan)


def test_a_missing_file_is_not_found_and_deleting_twice_is_fine(storage: Storage) -> None:
    key = storage.write_bytes(b"walk").key
    storage.delete(key)
    storage.delete(key)
    with pytest.raises(NotFoundError):
        storage.read_bytes(key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "/etc/passwd", "ab", "A" * 32, "a" * 33, "a" * 31 + "\n"])
def test_a_key_cannot_lead_out_of_the_folder(storage: Storage, key: str) -> None:
    for use in (storage.path, storage.read_bytes, storage.delete):
        with pytest.raises(ClinicDataError, match="32 hexadecimal"):
            use(key)


def test_what_the_rules_refuse_leaves_no_file_behind(storage: Storage) -> None:
    refused, unknown = storage.write_bytes(b"refused"), storage.write_bytes(b"unknown")
    with pytest.raises(ValidationError), storage.removed_if_refused(refused.key, None):
        raise ValidationError("no")
    with pytest.raises(OSError, match="lost"), storage.removed_if_refused(unknown.key):
        raise OSError("the connection was lost, perhaps after the rows were stored")
    assert set(storage.keys()) == {unknown.key}
