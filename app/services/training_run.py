"""The folder of one run: what is kept of it, what goes when it is done. Its name is an id; nothing names a patient."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRAINING_FOLDER = "training"
_OLD_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where everything of a run is.

    Attributes:
        root: the folder.
    """

    root: Path

    @classmethod
    def opened(cls, data_dir: Path, identity: str) -> RunFolder:
        """The folder of a run, made where it is missing; only this account may look into it."""
        root = data_dir / TRAINING_FOLDER / identity
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(root)

    @property
    def development(self) -> Path:
        """Shards of the people to learn from."""
        return self.root / "development"

    @property
    def gate(self) -> Path:
        """Shards of the locked people; made after the fit."""
        return self.root / "gate"

    @property
    def config(self) -> Path:
        """Of `fgait retrain`."""
        return self.root / "config.yaml"

    @property
    def protocol(self) -> Path:
        """As it was stored before the run."""
        return self.root / "protocol.json"

    @property
    def fit(self) -> Path:
        """What `fgait retrain` writes."""
        return self.root / "fit"

    @property
    def fitted(self) -> Path:
        """The package that the fit made."""
        return self.fit / "fitted"

    @property
    def metrics(self) -> Path:
        """Curves of the fit; only scopes that train by steps have some."""
        return self.fit / "training" / "metrics.jsonl"

    @property
    def environment(self) -> Path:
        """In which it was fitted."""
        return self.fit / "environment.json"

    @property
    def package(self) -> Path:
        """The package that `fgait gate` made."""
        return self.root / "package"

    @property
    def report(self) -> Path:
        """What `fgait gate` found; written last."""
        return self.root / "report.json"

    @property
    def log(self) -> Path:
        """All that the commands printed."""
        return self.root / "log.txt"

    @property
    def progress(self) -> Path:
        """How far the present command is."""
        return self.root / "progress.json"

    def relative(self, path: Path) -> Path:
        """A path as seen from the folder: the same on all machines that share the data folder."""
        return Path(os.path.relpath(path, self.root))

    def spent_s(self, job_id: str) -> float:
        """How much of its time a job has used in attempts that were killed."""
        found = read_json(self.root / "time.json")
        return float(found["seconds"]) if found.get("job_id") == job_id else 0.0

    def note_spent(self, job_id: str, seconds: float) -> None:
        """Remembers it for the next attempt."""
        write_whole(self.root / "time.json", json.dumps({"job_id": job_id, "seconds": seconds}))

    def remove_sequences(self) -> None:
        """Removes what shows people: every folder of shards, also those that a fit has made of others."""
        for folder in {path.parent for path in self.root.rglob("*.arrow*")} | {self.development, self.gate}:
            shutil.rmtree(folder, ignore_errors=True)

    def tidy(self) -> None:
        """Removes sequences, checkpoints and packages; configuration, curves, report and log stay."""
        self.remove_sequences()
        for folder in (self.package, self.fitted):
            shutil.rmtree(folder, ignore_errors=True)
        for path in self.fit.rglob("*"):
            if path.is_file() and path.suffix not in {".json", ".jsonl", ".yaml", ".txt"}:
                path.unlink(missing_ok=True)
        self.progress.unlink(missing_ok=True)


def remove_old_sequences(data_dir: Path) -> None:
    """Removes the sequences of runs that failed or were stopped long ago; a retry writes them anew."""
    for root in (data_dir / TRAINING_FOLDER).glob("*"):
        if root.is_dir() and time.time() - root.stat().st_mtime > _OLD_S:
            RunFolder(root).remove_sequences()


def write_whole(path: Path, text: str) -> None:
    """Writes a file at once or not at all."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content
