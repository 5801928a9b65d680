"""The vault: services see plain bytes, the storage never does, and a key that is gone takes its files along."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from clinic_data import data_keys, file_references
from clinic_data.assessment_clips import ClipFiles, add_clips
from clinic_data.clock import utc_now
from clinic_data.database import Database
from clinic_data.encryption_tables import SealedFile
from clinic_data.errors import ConflictError, NotFoundError, SealError, StorageError, ValidationError
from clinic_data.file_owners import file_owners
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.object_storage import open_storage
from clinic_data.recordings import add_recording
from clinic_data.sealed_files import MAGIC, sealed_size
from clinic_data.storage import FolderStorage, Storage
from tests.keys import TEST_KEYS

CONTENT = b"a walk along the corridor " * 40_000


@pytest.fixture(params=["", "memory://{}/clinic"], ids=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return open_storage(request.param.format(tmp_path), tmp_path / "files", tmp_path / "cache", 10**9)


@pytest.fixture
def vault(storage: Storage, database: Database, tmp_path: Path) -> FileVault:
    return FileVault(storage, database, tmp_path / "work")


def row_of(vault: FileVault, key: str) -> SealedFile | None:
    with vault.database.reading() as session:
        return session.get(SealedFile, key)


def new_patient(vault: FileVault, rows, number: str = "P-1") -> str:
    with vault.database.transaction() as session:
        return rows.patient(session, number).id


def test_what_is_written_comes_back_and_lies_sealed(vault: FileVault) -> None:
    stored = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO)
    assert (stored.size_bytes, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert vault.read_bytes(stored.key) == CONTENT
    assert vault.sha256(stored.key) == stored.sha256
    assert vault.size_bytes(stored.key) == len(CONTENT)
    sealed = vault.storage.read_bytes(stored.key)
    assert sealed.startswith(MAGIC)
    assert b"corridor" not in sealed
    row = row_of(vault, stored.key)
    assert row is not None
    assert (row.kind, row.size_bytes, row.sealed_size_bytes) == ("video", len(CONTENT), sealed_size(len(CONTENT)))
    assert row.sealed_sha256 == hashlib.sha256(sealed).hexdigest()


def test_a_file_of_any_source_is_copied_in(vault: FileVault, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(CONTENT)
    by_path = vault.write_file(source, patient_id=None, kind=FileKind.OVERLAY)
    with vault.temporary_file() as made:
        made.write(CONTENT)
        opened = vault.write_file(made, patient_id=None, kind=FileKind.OVERLAY)
    assert vault.read_bytes(by_path.key) == vault.read_bytes(opened.key) == CONTENT


def test_it_is_read_from_any_place(vault: FileVault) -> None:
    stored = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO)
    draw = random.Random(1)
    with vault.open(stored.key) as file:
        for _ in range(100):
            start, size = draw.randrange(len(CONTENT)), draw.randrange(300_000)
            file.seek(start)
            assert file.read(size) == CONTENT[start : start + size]


def test_too_many_bytes_leave_nothing(vault: FileVault) -> None:
    with pytest.raises(ValidationError, match="larger than the 1 MB"):
        vault.write_stream(
            (bytes(400_000) for _ in range(9)), patient_id=None, kind=FileKind.VIDEO, max_bytes=1_000_000
        )
    assert list(vault.keys()) == []
    assert list((vault.storage.root / "incoming").iterdir()) == []


def test_a_database_that_refuses_leaves_no_file(vault: FileVault, rows) -> None:
    patient_id = new_patient(vault, rows)
    with vault.database.transaction() as session:
        data_keys.of_patient(session=session, patient_id=patient_id)
        data_keys.destroy(session=session, patient_id=patient_id)
    with pytest.raises(SealError, match="erased"):
        vault.write_bytes(CONTENT, patient_id=patient_id, kind=FileKind.VIDEO)
    assert list(vault.keys()) == []


def test_a_deleted_file_is_gone_with_its_key(vault: FileVault) -> None:
    stored = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.LOGO)
    for _ in range(2):
        vault.delete(stored.key)
    assert row_of(vault, stored.key) is None
    assert list(vault.keys()) == []
    for read in (vault.open, vault.size_bytes, vault.read_bytes):
        with pytest.raises(NotFoundError, match="no longer in the clinic's storage"):
            read(stored.key)


def test_a_row_without_its_file_says_so(vault: FileVault) -> None:
    stored = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.LOGO)
    vault.storage.delete(stored.key)
    with pytest.raises(NotFoundError, match="no longer in the clinic's storage"):
        vault.open(stored.key)


def test_a_destroyed_key_takes_all_files_of_the_patient_along_and_no_others(vault: FileVault, rows) -> None:
    gone, stays = new_patient(vault, rows), new_patient(vault, rows, "P-2")
    files = {who: vault.write_bytes(CONTENT, patient_id=who, kind=FileKind.VIDEO).key for who in (gone, stays, None)}
    with vault.database.transaction() as session:
        data_keys.destroy(session=session, patient_id=gone)
    with pytest.raises(SealError, match="erased"):
        vault.open(files[gone])
    assert vault.read_bytes(files[stays]) == vault.read_bytes(files[None]) == CONTENT
    vault.delete(files[gone])
    assert files[gone] not in set(vault.keys())


def test_files_given_to_another_patient_follow_the_key_of_that_one(vault: FileVault, rows) -> None:
    before, after = new_patient(vault, rows), new_patient(vault, rows, "P-2")
    keys = [vault.write_bytes(CONTENT, patient_id=who, kind=FileKind.VIDEO).key for who in (before, None, after)]
    sealed = vault.storage.read_bytes(keys[0])
    with vault.database.transaction() as session:
        vault.give_to(session=session, keys=[*keys, None, "f" * 32], patient_id=after)
    assert vault.storage.read_bytes(keys[0]) == sealed
    with vault.database.transaction() as session:
        data_keys.destroy(session=session, patient_id=before)
    assert [vault.read_bytes(key) for key in keys] == [CONTENT] * 3
    with vault.database.transaction() as session:
        data_keys.destroy(session=session, patient_id=after)
    for key in keys:
        with pytest.raises(SealError, match="erased"):
            vault.open(key)


def test_a_move_that_is_rolled_back_moves_no_key(vault: FileVault, rows) -> None:
    before, after = new_patient(vault, rows), new_patient(vault, rows, "P-2")
    key = vault.write_bytes(CONTENT, patient_id=before, kind=FileKind.VIDEO).key
    with Session(vault.database.engine) as session:
        data_keys.attach(session, TEST_KEYS)
        vault.give_to(session=session, keys=[key], patient_id=after)
        session.rollback()
    with vault.database.transaction() as session:
        data_keys.of_patient(session=session, patient_id=after)
        data_keys.destroy(session=session, patient_id=after)
    assert vault.read_bytes(key) == CONTENT


def test_rows_that_were_exchanged_or_changed_do_not_open(vault: FileVault) -> None:
    first, second = (vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO).key for _ in range(2))
    with vault.database.transaction() as session:
        one, other = session.get_one(SealedFile, first), session.get_one(SealedFile, second)
        one.wrapped_key, other.wrapped_key = other.wrapped_key, one.wrapped_key
    for key in (first, second):
        with pytest.raises(SealError):
            vault.open(key)


@pytest.mark.parametrize("change", [{"kind": "logo"}, {"size_bytes": 5}, {"wrapped_key": "AAAA"}, {"wrapped_key": "?"}])
def test_a_row_that_somebody_wrote_to_does_not_open(vault: FileVault, change: dict) -> None:
    key = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO).key
    with vault.database.transaction() as session:
        row = session.get_one(SealedFile, key)
        for name, value in change.items():
            setattr(row, name, value)
    with pytest.raises(SealError):
        vault.open(key)


def test_a_file_that_is_not_sealed_yet_is_never_read(vault: FileVault) -> None:
    key = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO).key
    with vault.database.transaction() as session:
        session.get_one(SealedFile, key).sealed_sha256 = ""
    with pytest.raises(StorageError, match="not encrypted yet"):
        vault.open(key)


def test_refused_rows_take_their_files_along(vault: FileVault) -> None:
    first, second = (vault.write_bytes(b"walk", patient_id=None, kind=FileKind.VIDEO).key for _ in range(2))
    with pytest.raises(ConflictError), vault.removed_if_refused(first, None):
        raise ConflictError("Somebody else was faster.")
    with pytest.raises(RuntimeError), vault.removed_if_refused(second):
        raise RuntimeError("the answer to the commit was lost")
    assert list(vault.keys()) == [second]
    assert row_of(vault, first) is None


def test_only_what_no_row_refers_to_is_removed_and_only_when_it_is_old(vault: FileVault, storage: Storage) -> None:
    used, unused, fresh = (vault.write_bytes(b"walk", patient_id=None, kind=FileKind.VIDEO) for _ in range(3))
    killed = storage.write_bytes(b"a process died between file and row").key
    with vault.database.transaction() as session:
        add_recording(session=session, patient_id=None, original_name="a.mp4", stored=used, uploaded_by=None)
        for key in (used.key, unused.key):
            session.get_one(SealedFile, key).created_at = utc_now() - timedelta(days=2)
    assert vault.remove_unreferenced() == 0  # the blobs themselves are fresh
    assert {each.key for each in (used, fresh)} | {killed, unused.key} == set(vault.keys())
    assert row_of(vault, unused.key) is None
    assert row_of(vault, fresh.key) is not None
    assert vault.remove_unreferenced(older_than_s=-1.0) == 3
    assert list(vault.keys()) == [used.key]
    assert vault.read_bytes(used.key) == b"walk"
    with vault.database.reading() as session:
        assert session.exec(select(SealedFile.storage_key)).all() == [used.key]


def test_what_is_being_made_has_no_name_on_the_disk(vault: FileVault, tmp_path: Path) -> None:
    with vault.temporary_file() as made:
        made.write(bytes(65 << 20))
        assert list((tmp_path / "work").iterdir()) == []
        made.seek(64 << 20)
        assert len(made.read()) == 1 << 20


def test_a_video_can_be_opened_again_and_again(vault: FileVault) -> None:
    key = vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO).key
    video = vault.video(key, "walk.mp4")
    assert video.name == "walk.mp4"
    for _ in range(2):
        with video.open() as file:
            assert file.read() == CONTENT
    with pytest.raises(NotFoundError):
        vault.video("f" * 32, "walk.mp4")


@pytest.mark.parametrize("key", ["../../../etc/passwd", "", "F" * 32, "0" * 31 + "/"])
def test_no_key_leads_out_of_the_storage(vault: FileVault, key: str) -> None:
    for use in (vault.open, vault.size_bytes, vault.delete):
        with pytest.raises(Exception, match="32 hexadecimal digits"):
            use(key)


KINDS_OF_DAMAGE = ("flip", "cut", "lengthen", "empty", "garbage", "plain", "other file", "zeros")


def damaged(content: bytes, other: bytes, kind: str, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return {
        "flip": content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :],
        "cut": content[:place],
        "lengthen": content + draw.randbytes(draw.randint(1, 300_000)),
        "empty": b"",
        "garbage": draw.randbytes(draw.randint(1, 2 * len(content))),
        "plain": CONTENT,
        "other file": other,
        "zeros": content[:place] + bytes(min(4096, len(content) - place)) + content[place + 4096 :],
    }[kind]


def test_damage_of_any_kind_is_one_sentence_and_never_a_byte(database: Database, tmp_path: Path) -> None:
    """A fuzzer: nothing but SealError comes out of a file that was changed, wherever it is read."""
    vault = FileVault(FolderStorage(tmp_path / "files"), database)
    key, other = (vault.write_bytes(CONTENT, patient_id=None, kind=FileKind.VIDEO).key for _ in range(2))
    path = vault.storage.path(key)
    whole, of_other = path.read_bytes(), vault.storage.read_bytes(other)
    draw = random.Random(7)
    found = 0
    for number in range(240):
        content = damaged(whole, of_other, KINDS_OF_DAMAGE[number % len(KINDS_OF_DAMAGE)], draw)
        if content == whole:
            continue
        path.write_bytes(content)
        with pytest.raises(SealError, match=r"damaged or was exchanged.*restored from a backup"):
            vault.read_bytes(key)
        found += 1
        start = draw.randrange(len(CONTENT))
        try:
            with vault.open(key) as file:
                file.seek(start)
                assert file.read(1000) == CONTENT[start : start + 1000]  # what still opens is true
        except SealError:
            pass
    assert found > 200
    path.write_bytes(whole)
    assert vault.read_bytes(key) == CONTENT


def test_the_owners_of_files_are_those_of_their_rows(vault: FileVault, session: Session, rows) -> None:
    patient = rows.patient(session)
    assessment = rows.assessment(session, patient.id)
    clips = [
        ClipFiles(rows.recording(session, patient.id).id, character * 32, character.upper() * 32) for character in "ab"
    ]
    add_clips(session=session, assessment_id=assessment.id, clips=clips)
    inbox = rows.recording(session)
    owners = file_owners(session=session)
    assert owners["a" * 32] == (FileKind.SILHOUETTES, patient.id)
    assert owners["B" * 32] == (FileKind.OVERLAY, patient.id)
    assert owners[inbox.storage_key] == (FileKind.VIDEO, None)
    assert set(owners) == file_references.referenced_keys(session=session)


MEASURED = """
import resource, sys
from pathlib import Path
from clinic_data.database import Database
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.storage import FolderStorage
from tests.keys import TEST_KEYS

folder, size_mb = Path(sys.argv[1]), int(sys.argv[2])
database = Database(f"sqlite:///{folder / 'clinic.sqlite3'}", TEST_KEYS)
database.upgrade()
vault = FileVault(FolderStorage(folder / "files"), database)
piece = bytes(range(256)) * 4096
warm = vault.write_bytes(piece, patient_id=None, kind=FileKind.VIDEO)
vault.sha256(warm.key)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stored = vault.write_stream((piece for _ in range(size_mb)), patient_id=None, kind=FileKind.VIDEO)
assert vault.sha256(stored.key) == stored.sha256
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), "256"],
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=True,
    )
    assert float(done.stdout) < 24.0  # MB more than after a file of 1 MB
