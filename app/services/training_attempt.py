"""One attempt at a training job: its folder, its time, and the programs that it runs within that time."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.services.cohort_shards import write_role
from app.services.device_lock import DeviceLock
from app.services.disjointness import Disjointness
from app.services.pulse import Pulse
from app.services.training_environment import visible_devices
from app.services.training_jobs import protocol_sha256
from app.services.training_live import STORED_EVERY_S, LiveView
from app.services.training_process import EngineCommand, Told
from app.services.training_run import RunFolder
from clinic_data.file_vault import FileVault
from clinic_data.retraining_tables import Cohort, TrainingRole
from clinic_data.tables import Job
from fgait_core.config.retraining import RetrainingProtocol
from fgait_core.errors import ModelPackageError

if TYPE_CHECKING:
    from fgait_core.package_content import Transform


@dataclass(slots=True)
class Attempt:
    """See above.

    Attributes:
        storage: where silhouettes are.
        device: the lock that the trainer holds; programs of the engine hold it, too.
        job: the job.
        pulse: says whether to stop.
        cohort: learned from and judged by.
        protocol: what is allowed.
        folder: of the run.
        live: what the page shows.
        spent_s: of the protocol's time, in earlier attempts and commands.
    """

    storage: FileVault
    device: DeviceLock
    job: Job
    pulse: Pulse
    cohort: Cohort
    protocol: RetrainingProtocol
    folder: RunFolder
    live: LiveView
    spent_s: float
    _noted_s: float = field(default=float("-inf"))

    def write_role(self, role: TrainingRole, frame_rate_hz: float, folder: Path) -> None:
        """Writes the sequences of a role."""
        write_role(
            self.storage,
            self.cohort,
            role,
            frame_rate_hz,
            folder,
            progress=lambda fraction, words: self.live(Told(fraction, words)),
            cancelled=self.pulse.stop_wanted,
        )

    def command(self, *arguments: str) -> None:
        """Runs a command of the engine within what is left of the protocol's time."""
        began_s, before_s = time.monotonic(), self.spent_s

        def watch(told: Told) -> None:
            self.live(told)
            self.spent_s = before_s + time.monotonic() - began_s
            if time.monotonic() - self._noted_s >= STORED_EVERY_S:
                self._noted_s = time.monotonic()
                self.folder.note_spent(self.job.id, self.spent_s)

        command = EngineCommand(
            arguments,
            self.folder.root,
            self.folder.log,
            self.folder.progress,
            visible_devices(self.device.devices),
            self.device.descriptors,
        )
        command.run(
            limit_s=60.0 * self.protocol.budget.minutes - before_s, cancelled=self.pulse.stop_wanted, watch=watch
        )
        self.spent_s = before_s + time.monotonic() - began_s
        self.folder.note_spent(self.job.id, self.spent_s)


def gate_options(run: Attempt, production: Path, proof: Disjointness, package: Path | None) -> list[str]:
    """Arguments of `fgait gate` after the candidate.

    Args:
        run: the attempt.
        production: package of the version in production.
        proof: that the gate is unseen.
        package: folder of the package to write; None writes none.
    """
    options: dict[str, Any] = {
        "--production": production,
        "--people": run.folder.gate,
        "--protocol": run.folder.protocol,
        "--protocol-sha256": protocol_sha256(run.protocol),
        "--trained-people": proof.trained_people,
        "--shared-people": proof.shared_people,
        "--out": run.folder.report,
    }
    if package is not None:
        shutil.rmtree(package, ignore_errors=True)  # what a killed attempt began
        options["--package"] = package
    return [str(word) for pair in options.items() for word in pair]


def identity_of(package: Path) -> str | None:
    """The identity of a package's folder; None where there is no whole one."""
    from fgait_core.package_files import verify_files

    try:
        return verify_files(package)
    except ModelPackageError:
        return None


def transform_of(package: Path) -> Transform:
    """How a package's network sees sequences: frame rate, frames of a window."""
    from fgait_core.package_files import CONTENT_FILE, read_content

    return read_content(package / CONTENT_FILE).transform
