"""Commands that other programs start end with them, and keep a file that says how far they are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from fgait_core.commands.parent import EXIT_ORPHAN, told_to_file
from fgait_core.progress import ignore_progress

WAITS = """
import subprocess, sys, time
from fgait_core.commands.parent import end_with_parent
end_with_parent(True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) if "child" in sys.argv else None
print(child.pid if child else "ready", flush=True)
time.sleep(60)
"""


def started(*words: str, group: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WAITS, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=group)


def test_it_ends_when_its_standard_input_does() -> None:
    with started(group=False) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()
        assert process.wait(20) == EXIT_ORPHAN


def test_the_first_of_a_group_takes_the_others_along() -> None:
    with started("child", group=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.stdin.close()
        assert process.wait(20) in (EXIT_ORPHAN, -signal.SIGTERM)
        # The child held the other end of the pipe; once it is gone there is nothing more to read.
        assert process.stdout.read() == ""
        # The end of a process closes its files first and makes it a zombie a moment later.
        deadline_s = time.monotonic() + 10
        while _still_there(child) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert not _still_there(child)


def _still_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"  # gone, only nobody has asked for its exit code yet


def test_an_ordinary_end_is_not_disturbed() -> None:
    code = "from fgait_core.commands.parent import end_with_parent; end_with_parent(True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.wait(20) == 0


def test_the_file_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    path = tmp_path / "new" / "progress.json"
    progress = told_to_file(path, lambda fraction, words: told.append((fraction, words)), every_s=3600)
    for fraction, words in ((0.1, "reading"), (0.2, "still reading")):
        progress(fraction, words)
        assert json.loads(path.read_text()) == {"fraction": 0.1, "words": "reading"}
    progress(1.0, "done")
    assert json.loads(path.read_text()) == {"fraction": 1.0, "words": "done"}
    assert len(told) == 3
    assert [each.name for each in path.parent.iterdir()] == ["progress.json"]
    assert told_to_file(None, ignore_progress) is ignore_progress
