"""A collection is worked through by processes: each recording once, failures listed, deaths survived, stops clean."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from fgait_core.collection.run import Summary, Where, work_through
from fgait_core.errors import AssetError, OperationCancelled

TWO = Where(processes=2)


def started(log: Path) -> Counter[str]:
    """How often work on each recording was begun."""
    return Counter(line.split(" ", 1)[1] for line in log.read_text().splitlines())


def workers(log: Path) -> set[int]:
    return {int(line) for line in log.with_suffix(".prepared").read_text().split()}


def failures(out: Path) -> dict[str, dict]:
    lines = map(json.loads, (out / "failures.jsonl").read_text().splitlines())
    return {Path(line["source"]).name: line for line in lines}


def results(out: Path) -> set[str]:
    return {file.read_text() for file in out.rglob("*.copy")}


def test_each_recording_once_and_never_again(stand_ins: ModuleType, source: Path, tmp_path: Path):
    for name in ("refuse", "damaged", "crash"):
        (source / f"{name}.mp4").write_text(name)
    good = {file.read_text() for file in source.rglob("*.*")} - {"no video", "left by another system"}
    good -= {"refuse", "damaged", "crash"}
    copies, out, told = stand_ins.Copies(tmp_path / "log"), tmp_path / "out", []
    first = work_through(str(source), copies, out, TWO, progress=lambda *step: told.append(step))
    assert first == Summary(found=9, done=6, skipped=0, failed=3, failed_before=0)
    assert results(out) == good
    assert set(started(copies.log).values()) == {1}
    assert len(workers(copies.log)) == 2
    assert told[0] == (0.0, "9 of 9 recordings to do")
    assert told[-1] == (1.0, "6 recordings done, 3 failed, of 9")
    listed = failures(out)
    assert {name: line["status"] for name, line in listed.items()} == {
        "refuse.mp4": "refused",
        "damaged.mp4": "unreadable",
        "crash.mp4": "crashed",
    }
    assert listed["refuse.mp4"]["reasons"] == ["Nobody walks.", "Nobody stands."]
    assert listed["crash.mp4"]["reasons"][0] == "ZeroDivisionError: a fault"
    assert "collection_stand_ins.py" in listed["crash.mp4"]["reasons"][1]
    with (out / "recordings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(out / row["file"]).read_text() for row in rows} == good
    assert {Path(row["source"]).read_text() for row in rows} == good

    before = started(copies.log)
    assert work_through(str(source), copies, out, TWO) == Summary(9, 0, 6, 0, 3)
    assert started(copies.log) == before

    (source / "crash.mp4").write_text("mended")
    again = work_through(str(source), copies, out, TWO, retry_failed=True)
    assert again == Summary(found=9, done=1, skipped=6, failed=2, failed_before=0)
    assert started(copies.log) - before == Counter(["mended", "refuse", "damaged"])
    assert set(failures(out)) == {"refuse.mp4", "damaged.mp4"}


def test_a_killed_worker_costs_its_own_recording_only(stand_ins: ModuleType, source: Path, tmp_path: Path):
    (source / "0 once.mp4").write_text("kill once")
    (source / "1 always.mp4").write_text("kill always")
    copies, out = stand_ins.Copies(tmp_path / "log", seconds=0.05), tmp_path / "out"
    assert work_through(str(source), copies, out, TWO) == Summary(8, 7, 0, 1, 0)
    often = started(copies.log)
    assert (often.pop("kill once"), often.pop("kill always")) == (2, 2)
    assert set(often.values()) == {1}
    assert failures(out)["1 always.mp4"]["status"] == "killed"


def test_a_stop_keeps_what_is_done_and_ends_the_workers(stand_ins: ModuleType, source: Path, tmp_path: Path):
    copies, out = stand_ins.Copies(tmp_path / "log", seconds=0.3), tmp_path / "out"
    with pytest.raises(OperationCancelled):
        work_through(str(source), copies, out, TWO, cancelled=lambda: bool(results(out)))
    kept = len(results(out))
    assert 1 <= kept < 6
    assert not any(psutil.pid_exists(worker) for worker in workers(copies.log))
    assert work_through(str(source), copies, out, TWO).skipped == kept
    assert len(results(out)) == 6


def test_a_fault_that_is_not_about_a_recording_ends_the_run(stand_ins: ModuleType, source: Path, tmp_path: Path):
    (source / "0.mp4").write_text("no model")
    with pytest.raises(AssetError, match="weights are missing"):
        work_through(str(source), stand_ins.Copies(tmp_path / "log"), tmp_path / "out", TWO)


PROGRAM = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from collection_stand_ins import Copies
from fgait_core.collection.run import Where, work_through
work_through(sys.argv[2], Copies(Path(sys.argv[3]), seconds=60), Path(sys.argv[4]), Where(2))
"""


def test_workers_leave_with_a_killed_program(source: Path, tmp_path: Path):
    log = tmp_path / "log"
    arguments = map(str, (Path(__file__).parent, source, log, tmp_path / "out"))
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments])
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s and (not log.exists() or len(started(log)) < 2):
        time.sleep(0.05)
    left = [psutil.Process(worker) for worker in workers(log)]
    assert len(left) == 2
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not alive
