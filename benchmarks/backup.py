"""How long backup, verification and restore take, how large a backup is, and how much memory they need.

    ./run benchmark backup --patients 10000 --files 2000 --file-kb 500 --folder /tmp/clinic-backup

Makes the clinic of `clinic_database` (10 visits for each patient) in SQLite, adds sealed files of random bytes, and
runs `fgait-clinic` as its user does. A second backup copies what is new only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from clinic_database import VISITS, prepared

from clinic_data.file_vault import FileKind

# The kernel counts the memory of the parent into a child's; the high-water mark of the program itself is VmHWM.
_PROGRAM = """
import atexit, pathlib
from app.clinic_cli import main
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
main()
"""


def fgait_clinic(data_dir: Path, *arguments: str | Path) -> float:
    """Runs a command and gives its seconds."""
    program = [sys.executable, "-c", _PROGRAM]
    environment = os.environ | {"FGAIT_DATA_DIR": str(data_dir)}
    began = time.perf_counter()
    done = subprocess.run(
        [*program, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    memory_mb = int(done.stdout.rsplit("VmHWM:", 1)[1].split()[0]) / 1e3
    print(f"    at most {memory_mb:.0f} MB of memory")
    return time.perf_counter() - began


def size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=1_000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--file-kb", type=int, default=500)
    parser.add_argument("--folder", type=Path, required=True, help="for everything; it is emptied but for the clinic")
    asked = parser.parse_args()
    data_dir, backups, restored = (asked.folder / name for name in ("clinic", "backups", "restored"))
    for folder in (backups, restored):
        shutil.rmtree(folder, ignore_errors=True)
    data_dir.mkdir(parents=True, exist_ok=True)
    services = prepared("", data_dir, asked.patients)
    for _ in range(asked.files - len(list(services.storage.keys()))):
        services.storage.write_bytes(os.urandom(asked.file_kb * 1000), patient_id=None, kind=FileKind.VIDEO)
    services.database.dispose()
    database_mb = (data_dir / "clinic.sqlite3").stat().st_size / 1e6
    print(f"{asked.patients:,} patients, {VISITS * asked.patients:,} assessments, database {database_mb:,.0f} MB,")
    print(f"{asked.files:,} files, {size_mb(data_dir / 'files'):,.0f} MB\n")
    print(f"start of the program alone: {fgait_clinic(data_dir, '--help'):.1f} s")
    for what in ("first backup", "second backup"):
        seconds = fgait_clinic(data_dir, "backup", backups)
        print(f"{what}: {seconds:.1f} s, folder {size_mb(backups):,.0f} MB")
    print(f"backup-verify: {fgait_clinic(data_dir, 'backup-verify', backups):.1f} s")
    print(f"restore: {fgait_clinic(data_dir, 'restore', backups, '--into', restored):.1f} s")


if __name__ == "__main__":
    main()
