"""The folder of results: which recordings are done, which failed and why, and an index of all that were tried.

A folder holds a result for each recording in a tree like the source's, and
    * `collection.json`: what source and what product it is for;
    * `recordings.csv`: the index, one row for each result;
    * `failures.jsonl`: one line for each recording that failed, with the reasons.

A row is written before its result gets its name, and rows without a result are dropped when the folder is opened again:
so a killed run leaves no result without a row, and no row twice.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote

from fgait_core.collection.sources import Recording
from fgait_core.collection.work import Outcome
from fgait_core.errors import ConfigError

INDEX = "recordings.csv"
FAILURES = "failures.jsonl"
IDENTITY = "collection.json"
COLUMNS = ("source", "file", "sha256", "frame_count", "frame_rate_hz", "duration_s")
_DOT = "%2E"
_LONGEST_PART = 120

State = Literal["open", "done", "failed"]


def result_name(recording: Recording, suffix: str) -> str:
    """Path of a recording's result within the folder of results; no two recordings share one.

    The tree is the source's, percent-encoded but for ASCII letters, digits, `_ . - ~` and spaces. A long part is cut
    and gets a digest. Folders have no dot, so that none is called like a file.
    """
    *folders, name = recording.name.split("/")
    return "/".join((*(_safe(part).replace(".", _DOT) for part in folders), _safe(name) + suffix))


def _safe(part: str) -> str:
    encoded = quote(part, safe=" ")
    if len(encoded) > _LONGEST_PART:
        # A lone % is in no encoded text.
        encoded = f"{encoded[:_LONGEST_PART]}%~{hashlib.sha256(part.encode()).hexdigest()}"
    return _DOT + encoded[1:] if encoded.startswith(".") else encoded or "%"


class Ledger:
    """Results of one source and one product. Open it with `open_ledger`.

    Args:
        folder: of the results.
        suffix: of result files.
        index: `recordings.csv`, open for appending.
        failures: `failures.jsonl`, likewise.
        failed: sources of recordings that failed before.
    """

    def __init__(self, folder: Path, suffix: str, index: IO[str], failures: IO[str], failed: set[str]) -> None:
        self._folder = folder
        self._suffix = suffix
        self._index = index
        self._rows = csv.writer(index, lineterminator="\n")
        self._failures = failures
        self._failed = failed

    def path_of(self, recording: Recording) -> Path:
        """Where the result of a recording is, or will be."""
        return self._folder / result_name(recording, self._suffix)

    def state_of(self, recording: Recording) -> State:
        """What is known of a recording: "done" if it has a result, "failed" if it failed before, "open" if neither."""
        if self.path_of(recording).exists():
            return "done"
        return "failed" if recording.url in self._failed else "open"

    def add(self, outcome: Outcome) -> None:
        """Writes the result with its row, or the failure."""
        source = outcome.recording.url
        if outcome.product is None:
            line = {"source": source, "status": outcome.status, "sha256": outcome.sha256, "reasons": outcome.reasons}
            self._failures.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._failures.flush()
            return
        result, product = self.path_of(outcome.recording), outcome.product
        result.parent.mkdir(parents=True, exist_ok=True)
        partial = result.with_name(result.name + ".partial")
        partial.write_bytes(product.content)
        name = result.relative_to(self._folder).as_posix()
        facts = (product.frames, f"{product.frame_rate_hz:.4f}", f"{product.duration_s:.4f}")
        self._rows.writerow((source, name, outcome.sha256, *facts))
        self._index.flush()
        partial.replace(result)


@contextmanager
def open_ledger(folder: Path, suffix: str, identity: dict[str, Any], *, retry_failed: bool) -> Iterator[Ledger]:
    """Opens or makes a folder of results; one process at a time.

    Args:
        folder: of the results.
        suffix: of result files.
        identity: of source and product; a folder with another one is refused.
        retry_failed: forget earlier failures, so that these recordings are done again.

    Raises:
        ConfigError: if it is no folder or for something else, or another process is at work in it.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Results of many recordings need a folder: name one, or a new one.")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / IDENTITY).open("a+", encoding="utf-8") as file:
        _lock(file, folder)
        _claim(file, folder, identity)
        _rewrite_index(folder)
        failed = _keep_failures(folder, retry_failed)
        with (
            (folder / INDEX).open("a", newline="", encoding="utf-8") as index,
            (folder / FAILURES).open("a", encoding="utf-8") as lines,
        ):
            yield Ledger(folder, suffix, index, lines, failed)


def _lock(file: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"Another process is at work in {folder}. Wait for it, or choose another folder.") from error


def _claim(file: IO[str], folder: Path, identity: dict[str, Any]) -> None:
    file.seek(0)
    text = file.read()
    if not text:
        file.write(json.dumps(identity, indent=1) + "\n")
        file.flush()
    elif text != json.dumps(identity, indent=1) + "\n":
        raise ConfigError(
            f"{folder} holds results of another source or with other settings, see {folder / IDENTITY}. Choose another "
            "folder."
        )


def _keep_failures(folder: Path, retry_failed: bool) -> set[str]:
    """Drops the last line if a kill tore it, or all lines; answers with the sources of those that stay."""
    file = folder / FAILURES
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() and not retry_failed else []
    partial = file.with_name(file.name + ".partial")
    partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    partial.replace(file)
    return {json.loads(line)["source"] for line in lines}


def _rewrite_index(folder: Path) -> None:
    """Keeps the rows of results that are there."""
    file = folder / INDEX
    file.touch()
    partial = file.with_name(file.name + ".partial")
    with file.open(newline="", encoding="utf-8") as rows, partial.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in csv.DictReader(rows):
            values = [row.get(name) for name in COLUMNS]
            if all(values) and (folder / row["file"]).is_file():
                writer.writerow(values)
    partial.replace(file)
