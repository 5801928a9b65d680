"""Stand-ins for what is made of recordings: they are told by the recording's text what to do."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from fgait_core.collection.work import Process, Product
from fgait_core.errors import AssetError, RecordingError, VideoDecodeError


@dataclass(frozen=True)
class Copies:
    """Copies a recording. `log` gets a line for each start: process and text."""

    log: Path
    seconds: float = 0.0
    identity: str = "copies"
    suffix: str = ".copy"

    def prepare(self) -> Process:
        _append(self.log.with_suffix(".prepared"), str(os.getpid()))

        def process(video: Path) -> Product:
            text = video.read_text()
            _append(self.log, f"{os.getpid()} {text}")
            time.sleep(self.seconds)
            _obey(text, self.log)
            return Product(text.encode(), len(text), 25.0, len(text) / 25.0)

        return process


def _obey(text: str, log: Path) -> None:
    if "refuse" in text:
        raise RecordingError("Nobody walks. Nobody stands.", ("Nobody walks.", "Nobody stands."))
    if "damaged" in text:
        raise VideoDecodeError("The file is damaged.")
    if "crash" in text:
        raise ZeroDivisionError("a fault")
    if "no model" in text:
        raise AssetError("The weights are missing.")
    if "kill always" in text or ("kill once" in text and log.read_text().count(text) == 1):
        os.kill(os.getpid(), signal.SIGKILL)


def _append(file: Path, line: str) -> None:
    with file.open("a") as opened:
        opened.write(line + "\n")
