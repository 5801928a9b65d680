"""What sealing costs: a video of any size in and out, its memory, and decoding from a sealed file against a plain one.

python -m benchmarks.sealed_files --size-mb 2048
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from clinic_data.database import Database
from clinic_data.file_vault import FileKind, FileVault
from clinic_data.storage import FolderStorage
from fgait_core.assets import fetch_asset
from fgait_core.silhouettes.video import probe_video, read_frames
from fgait_core.silhouettes.video_source import VideoSource
from tests.keys import TEST_KEYS

_PIECE_BYTES = 1 << 20


def main() -> None:
    """Prints figures for this computer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mb", type=int, default=1024, help="of the video that goes in and out, in MiB")
    parser.add_argument("--repeats", type=int, default=5, help="of the decoding of the sample video")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'clinic.sqlite3'}", TEST_KEYS)
        database.upgrade()
        vault = FileVault(FolderStorage(folder / "files"), database)
        _in_and_out(vault, options.size_mb)
        _decoding(vault, options.repeats)
        database.dispose()


def _pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield hashlib.sha256(str(number).encode()).digest() * (_PIECE_BYTES // 32)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_and_out(vault: FileVault, size_mb: int) -> None:
    vault.write_stream(_pieces(4), patient_id=None, kind=FileKind.VIDEO)
    before_mb = _peak_mb()
    plain_s = _seconds(lambda: vault.storage.write_stream(_pieces(size_mb)))
    plain_mb = _peak_mb()
    began = time.perf_counter()
    stored = vault.write_stream(_pieces(size_mb), patient_id=None, kind=FileKind.VIDEO)
    sealed_s = time.perf_counter() - began
    written_mb = _peak_mb()
    read_s = _seconds(lambda: _read(vault, stored.key))
    print(f"{size_mb} MiB written plain   {size_mb / plain_s:7.0f} MiB/s   peak memory +{plain_mb - before_mb:.1f} MB")
    print(
        f"{size_mb} MiB written sealed  {size_mb / sealed_s:7.0f} MiB/s   peak memory +{written_mb - before_mb:.1f} MB"
    )
    print(f"{size_mb} MiB read sealed     {size_mb / read_s:7.0f} MiB/s   peak memory +{_peak_mb() - before_mb:.1f} MB")


def _read(vault: FileVault, key: str) -> None:
    with vault.open(key) as file:
        while file.read(_PIECE_BYTES):
            pass


def _decoding(vault: FileVault, repeats: int) -> None:
    plain = fetch_asset("sample_video")
    sealed = vault.video(vault.write_file(plain, patient_id=None, kind=FileKind.VIDEO).key, plain.name)
    times_s: dict[str, list[float]] = {"plain": [], "sealed": []}
    probes_s: dict[str, list[float]] = {"plain": [], "sealed": []}
    for _ in range(repeats):  # by turns, so that a busy moment meets both
        for name, video in (("plain", plain), ("sealed", sealed)):
            probes_s[name].append(_seconds(lambda video=video: probe_video(video)))
            times_s[name].append(_seconds(lambda video=video: _decode(video)))
    for what, measured in (("probe", probes_s), ("decode", times_s)):
        middle = {name: statistics.median(each) for name, each in measured.items()}
        print(
            f"{what} the sample video: plain {1000 * middle['plain']:.1f} ms, sealed {1000 * middle['sealed']:.1f} ms, "
            f"ratio {middle['sealed'] / middle['plain']:.3f}"
        )


def _decode(video: VideoSource) -> None:
    for _ in read_frames(video, probe_video(video)):
        pass


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
