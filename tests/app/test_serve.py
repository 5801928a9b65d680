"""The start of an installation, as `./run app` does it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from app.serve import WorkerKeeper, free_port


def _start(root: Path, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.serve", *arguments],
        env=os.environ | {"FGAIT_DATA_DIR": str(folder)},
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _welcome(server: subprocess.Popen[str]) -> str:
    lines = []
    for line in server.stdout:
        lines.append(line)
        if "Stop with Ctrl-C" in line:
            break
    return "".join(lines)


def _stop(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)


def test_first_start_prints_one_password_and_the_second_none(root: Path, tmp_path: Path):
    port = free_port("127.0.0.1", 18501)
    server = _start(root, tmp_path, "--port", str(port))
    try:
        first = _welcome(server)
        assert f"http://127.0.0.1:{port}" in first
        password = re.search(r"one-time password +(\S+)", first)[1]
        assert len(password) == 19
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
            assert answer.status == 200
    finally:
        _stop(server)
    again = _start(root, tmp_path, "--reset-password", "admin")
    assert re.search(r"\w{4}-\w{4}-\w{4}-\w{4}", again.communicate(timeout=30)[0])
    server = _start(root, tmp_path, "--port", str(port))
    try:
        second = _welcome(server)
    finally:
        _stop(server)
    assert "one-time password" not in second
    assert "--reset-password" in second


def test_a_taken_port_is_said_and_costs_no_password(root: Path, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = _start(root, tmp_path, "--port", str(taken.getsockname()[1]))
        assert "password" not in server.communicate(timeout=30)[0]
        assert server.returncode == 1
    assert not list(tmp_path.iterdir())


def test_the_next_free_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) <= port + 50


def test_a_dead_worker_is_started_again(monkeypatch: pytest.MonkeyPatch):
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def short_lived(command, **options):
        started.append(real([sys.executable, "-c", "pass" if len(started) < 2 else "import time; time.sleep(60)"]))
        return started[-1]

    monkeypatch.setattr("app.serve._RESTART_PAUSE_S", 0.05)
    monkeypatch.setattr("app.serve.subprocess.Popen", short_lived)
    keeper = WorkerKeeper()
    keeper.start()
    ends_at = time.monotonic() + 20
    while len(started) < 3 and time.monotonic() < ends_at:
        time.sleep(0.02)
    keeper.stop()
    assert len(started) == 3
    assert started[-1].poll() is not None


def test_the_trainer_is_kept_beside_the_worker(monkeypatch: pytest.MonkeyPatch):
    started: list[list[str]] = []
    real = subprocess.Popen

    def remembered(command, **options):
        started.append(command)
        return real([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr("app.serve.subprocess.Popen", remembered)
    keepers = [WorkerKeeper(), WorkerKeeper("app.trainer")]
    for keeper in keepers:
        keeper.start()
    ends_at = time.monotonic() + 20
    while len(started) < 2 and time.monotonic() < ends_at:
        time.sleep(0.02)
    for keeper in keepers:
        keeper.ask_to_stop()
    for keeper in keepers:
        keeper.stop()
    assert sorted(command[2] for command in started) == ["app.trainer", "app.worker"]
    assert all(str(os.getpid()) in command for command in started)
