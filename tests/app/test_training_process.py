"""Programs of the engine as children: watched, stopped, and gone with whoever started them; one on a device."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from app.services.device_lock import DeviceLock, devices_of
from app.services.training_environment import visible_devices
from app.services.training_live import POINTS, LiveView, read_curves, thinned
from app.services.training_process import EngineCommand, TimeUpError, Told, read_progress, tail
from fgait_core.errors import ConfigError, OperationCancelled

ENDLESS = ("simulate", "dataset", "--people", "100000", "--sequences", "1", "--split", "train", "--processes", "2")


def _command(folder: Path, *arguments: str, descriptors: tuple[int, ...] = ()) -> EngineCommand:
    return EngineCommand(arguments, folder, folder / "log.txt", folder / "progress.json", {}, descriptors)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_of(folder: Path, command: str = "") -> list[int]:
    """Living processes that name a folder, and a command where one is given, in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):  # a process that ends meanwhile is left out
        words = process.info["cmdline"] or []
        named = any(str(folder) in word for word in words) and (not command or command in words)
        if named and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(process.pid)
    return found


def wait_until(holds, timeout_s: float = 30.0) -> None:
    ends_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < ends_at, "waited in vain"
        time.sleep(0.05)


def test_a_command_tells_how_far_it_is_and_what_it_refuses(tmp_path):
    told: list[Told] = []
    people = ("simulate", "dataset", "--people", "4", "--sequences", "1", "--processes", "1", "--out", tmp_path / "out")
    command = _command(tmp_path, *map(str, people), "--split", "train")
    command.run(limit_s=120, cancelled=lambda: False, watch=told.append)
    assert (tmp_path / "out" / "manifest.json").exists()
    assert read_progress(tmp_path / "progress.json").fraction == 1.0
    assert any("simulated people" in line for line in tail(tmp_path / "log.txt", 40))
    wrong = _command(tmp_path, *map(str, people), "--split", "holiday")
    with pytest.raises(ConfigError, match="holiday"):
        wrong.run(limit_s=120, cancelled=lambda: False, watch=told.append)


def test_cancel_and_the_end_of_the_time_stop_all_of_it(tmp_path):
    command = _command(tmp_path, *ENDLESS, "--out", str(tmp_path / "out"))
    started = threading.Event()

    def watch(told: Told) -> None:
        if told.fraction > 0 or "people" in told.words:
            started.set()

    with pytest.raises(OperationCancelled):
        command.run(limit_s=120, cancelled=started.is_set, watch=watch)
    assert not processes_of(tmp_path)
    with pytest.raises(TimeUpError, match="time of the protocol is up"):
        command.run(limit_s=0.5, cancelled=lambda: False, watch=lambda _: None)
    assert not processes_of(tmp_path)


def test_kill_of_the_starter_ends_the_command_and_frees_the_device_only_then(root, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from app.services.device_lock import DeviceLock\n"
        "from app.services.training_process import EngineCommand\n"
        "folder = Path(sys.argv[1]); lock = DeviceLock(('cpu',), folder); assert lock.acquire()\n"
        "files = (folder, folder / 'log.txt', folder / 'progress.json')\n"
        "command = EngineCommand(sys.argv[2:], *files, {}, lock.descriptors)\n"
        "command.run(limit_s=120, cancelled=lambda: False, watch=lambda told: None)\n"
    )
    out = str(tmp_path / "out")
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *ENDLESS, "--out", out], cwd=root)
    wait_until((tmp_path / "progress.json").exists, 60)
    other = DeviceLock(("cpu",), tmp_path)
    assert not other.acquire()
    children = [pid for pid in processes_of(tmp_path) if pid != starter.pid]
    assert children
    starter.send_signal(signal.SIGKILL)
    starter.wait(10)
    wait_until(other.acquire)
    wait_until(lambda: not processes_of(tmp_path), 10)
    other.release()


def test_the_engine_is_told_no_password(tmp_path, monkeypatch):
    monkeypatch.setenv("FGAIT_DATABASE_URL", "postgresql://fgait:secret@host/clinic")
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("FSSPEC_S3_SECRET", "secret")
    monkeypatch.setenv("FGAIT_CACHE_DIR", str(tmp_path))
    seen: dict[str, dict] = {}

    class Ended:
        stdin = None
        pid = 0

        def wait(self, *_):
            return 0

        def poll(self):
            return 0

    def start(command, **options):
        seen["env"] = options["env"]
        return Ended()

    monkeypatch.setattr("app.services.training_process.subprocess.Popen", start)

    def nobody(*_):
        raise ProcessLookupError

    monkeypatch.setattr("app.services.training_process.os.killpg", nobody)
    _command(tmp_path, "anything").run(limit_s=1, cancelled=lambda: False, watch=lambda _: None)
    assert "secret" not in json.dumps(seen)
    assert seen["env"]["FGAIT_CACHE_DIR"] == str(tmp_path)


def test_devices_are_taken_all_or_none(tmp_path):
    assert devices_of("cpu", 4) == ("cpu",)
    assert devices_of("cuda", 2) == ("cuda:0", "cuda:1")
    assert devices_of("cuda:3", 1) == ("cuda:3",)
    one, both = DeviceLock(("cuda:1",), tmp_path), DeviceLock(("cuda:0", "cuda:1"), tmp_path)
    assert one.acquire()
    assert not both.acquire()
    assert DeviceLock(("cuda:0",), tmp_path).acquire()  # nothing of the failed attempt is held
    one.release()
    assert one.acquire()


def test_a_program_sees_the_devices_of_its_trainer_alone(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_devices(("cpu",)) == {"CUDA_VISIBLE_DEVICES": ""}
    assert visible_devices(("cuda:0", "cuda:1")) == {"CUDA_VISIBLE_DEVICES": "0,1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-aa")
    assert visible_devices(("cuda:1",)) == {"CUDA_VISIBLE_DEVICES": "GPU-aa"}


def test_curves_are_thinned_and_a_cut_line_is_left_out(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    lines = [{"iteration": n, "stage": "fit", "loss": 1.0 / (n + 1), "note": "x", "memory_mib": 5} for n in range(1000)]
    metrics.write_text("\n".join(map(json.dumps, lines)) + '\n{"iteration": 1000, "lo')
    curves = read_curves(metrics)
    assert list(curves) == ["fit: loss"]
    assert len(curves["fit: loss"]) == POINTS
    assert curves["fit: loss"][0] == [0.0, 1.0]
    assert curves["fit: loss"][-1][0] == 999.0
    assert thinned([[0.0, 1.0]]) == [[0.0, 1.0]]
    assert read_curves(tmp_path / "none") == {}


def test_the_live_view_says_how_long_it_takes(tmp_path, monkeypatch):
    stored: list[dict] = []
    fractions: list[float] = []
    live = LiveView(stored.append, lambda fraction, _: fractions.append(fraction), tmp_path / "log", tmp_path / "m")
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr("app.services.training_live.time.monotonic", lambda: float(next(now)))
    (tmp_path / "log").write_text("\n".join(f"line {n}" for n in range(100)))
    live.begin(0.5, 1.0, "Fitting")
    live(Told(0.25, "Fitting, step 1"))
    live(Told(0.5, "Fitting, step 2"))
    assert fractions == [0.5, 0.625, 0.75]
    assert stored[0]["seconds_left"] is None
    assert stored[-1]["seconds_left"] == pytest.approx(20.0)
    assert stored[-1]["stage"] == "Fitting, step 2"
    assert stored[-1]["log"][-1] == "line 99"
    assert len(stored[-1]["log"]) == 40
