"""Backups while others work, kill -9 at every step of backup and restore, and a full disk."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from backups import assert_whole, opened, run
from every_table import everything

from clinic_data.backup_folder import BackupFolder
from clinic_data.schema import METADATA

HERE = Path(__file__).parent
RECORDING_KEY = list(METADATA.tables["recording"].c.keys()).index("storage_key")
WRITER = """
import sys
from datetime import date
from app.services.catalogue import Services
from app.services.erasure_proof import sign_proof, write_proof
from app.services.permissions import Actor
from app.settings import Settings
from clinic_data.patients import PatientData
from clinic_data.tables import Role

services = Services.open(Settings())
actor = Actor(sys.argv[1], "clara", "Clara", Role.CLINICIAN)
number = 0
while True:
    number += 1
    data = PatientData(record_number=f"W-{number}", family_name="W", given_name="V", birth_date=date(2001, 1, 1))
    patient = services.patients.create(actor, data)
    kept = services.recordings.receive(actor, patient.id, "a.mp4", [b"video", str(number).encode()])
    if number % 3 == 0:
        gone = services.recordings.receive(actor, None, "b.mp4", [b"gone", str(number).encode()])
        services.batch.discard(actor, gone.id)
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands read their settings anew."""
    for name in ("FGAIT_DATABASE_URL", "FGAIT_STORAGE_URL", "FGAIT_MASTER_KEY", "FGAIT_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_backups_during_work_are_each_of_one_moment(clinic, root: Path, tmp_path: Path):
    command = [sys.executable, "-c", WRITER, clinic.clinician.user_id]
    writer = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "1\n"
        for _ in range(4):
            run("backup", tmp_path / "backups")
            for _ in range(3):
                writer.stdout.readline()
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    sizes = []
    for number, name in enumerate(BackupFolder(tmp_path / "backups").names()):
        run("backup-verify", tmp_path / "backups", "--name", name)
        run("restore", tmp_path / "backups", "--name", name, "--into", tmp_path / f"new-{number}")
        services = opened(clinic, tmp_path / f"new-{number}")
        assert_whole(clinic, services)
        with services.database.engine.connect() as connection:
            found = everything(connection)
        files = {file.name for file in (tmp_path / f"new-{number}/files").glob("??/*")}
        sealed = {row[0] for row in found["stored_file"]}
        assert files == sealed
        assert {row[RECORDING_KEY] for row in found["recording"]} <= sealed
        sizes.append(len(files))
        services.database.dispose()
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_killed_at_every_step_nothing_half_done_looks_whole(clinic, root: Path, tmp_path: Path, what: str):
    for number in range(3):
        clinic.add_recording(f"video {number}".encode())
    clinic.services.database.dispose()
    if what == "restore":
        run("backup", tmp_path / "backups")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (root, HERE, root / "tests/clinic_data")))}
    command = [sys.executable, HERE / "killed_backup.py", what, tmp_path]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= 15


def _with_small_files(arguments: list[str | Path], limit_bytes: int, root: Path) -> subprocess.CompletedProcess[str]:
    """`fgait-clinic` where no file may become larger than this: the kernel says so in the middle of writing."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    command = [sys.executable, "-c", "from app.clinic_cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, preexec_fn=limit, check=False)


def test_a_full_disk_is_told_and_nothing_half_made_stays(clinic, root: Path, tmp_path: Path):
    clinic.add_recording(os.urandom(600_000))
    clinic.services.database.dispose()
    done = _with_small_files(["backup", tmp_path / "backups"], 100_000, root)
    assert (done.returncode, "disk is full" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert BackupFolder(tmp_path / "backups").names() == []
    assert not list((tmp_path / "backups").rglob("*.partial"))
    run("backup", tmp_path / "backups")
    for limit in (100_000, 620_000):  # at the file, then at the database
        done = _with_small_files(["restore", tmp_path / "backups", "--into", tmp_path / "new"], limit, root)
        assert (done.returncode, "disk is full" in done.stderr) == (2, True), done.stderr
        assert not list((tmp_path / "new").rglob("*"))
    run("restore", tmp_path / "backups", "--into", tmp_path / "new")
