"""One role of a frozen cohort as a folder of sequences that the engine reads. Nothing in it names a patient."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinic_data import cohorts
from clinic_data.errors import NotFoundError, SealError
from clinic_data.file_vault import FileVault
from clinic_data.retraining_tables import Cohort, TrainingRole
from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.sequence import SilhouetteSequence

if TYPE_CHECKING:
    from fgait_core.data.shard_rows import ColumnType, Value
    from fgait_core.data.shards import ShardFolder


def write_role(
    storage: FileVault,
    cohort: Cohort,
    role: TrainingRole,
    frame_rate_hz: float,
    folder: Path,
    *,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> ShardFolder:
    """Writes the sequences of a role; goes on where it was interrupted.

    Args:
        storage: where the silhouettes are.
        cohort: with its manifest.
        role: whose sequences.
        frame_rate_hz: of the network; the recordings are resampled to it.
        folder: of the shards.
        progress: told after each sequence.
        cancelled: asked before each sequence.

    Raises:
        ConfigError: if a file is gone or differs from the manifest, or nobody has the role.
        OperationCancelled: if asked to stop.
    """
    from fgait_core.data.shard_writer import ShardWriter

    entries = cohorts.entries(cohort, role=role.value)
    if not entries:
        raise ConfigError(f"Nobody in cohort {cohort.number} has the role {role.value}. Freeze a larger cohort.")
    columns: dict[str, ColumnType] = {
        cohort.task: "text",
        "seen_from": "text",
        "sex": "text",
        "age_years": "int",
        "device": "text",
        "site": "text",
    }
    facts = {"manifest_sha256": cohort.manifest_sha256, "role": role.value, "task": cohort.task}
    writer = ShardWriter(
        folder,
        identity=f"cohort {cohort.manifest_sha256} {role.value} {frame_rate_hz:g} Hz",
        manifest={**facts, "simulated": cohort.simulated},
        columns=columns,
        frame_rate_hz=frame_rate_hz,
    )
    for number, entry in enumerate(entries):
        raise_if_cancelled(cancelled)
        progress(number / len(entries), f"Reading recording {number + 1} of {len(entries)}")
        if entry["key"] not in writer.done:
            sequence = read_silhouettes(storage, entry).resampled(frame_rate_hz)
            writer.add(entry["key"], entry["person"], sequence.frames, _values(cohort.task, entry))
    return writer.finish()


def _values(task: str, entry: Mapping[str, Any]) -> dict[str, Value]:
    values = {name: entry[name] for name in ("sex", "age_years", "device", "site")}
    return {task: entry["label"], "seen_from": entry["view"], **values}


def read_silhouettes(storage: FileVault, entry: Mapping[str, Any]) -> SilhouetteSequence:
    """The silhouettes of a manifest's entry, if they are still what was frozen.

    Raises:
        ConfigError: if the file is gone, was changed, or is none.
    """
    try:
        content = storage.read_bytes(entry["silhouettes_key"])
    except SealError as error:
        raise ConfigError(f"The silhouettes of assessment {entry['key']} do not open. {error}") from error
    except NotFoundError as error:
        raise ConfigError(
            f"The silhouettes of assessment {entry['key']} were erased after the cohort was frozen. Freeze a new one."
        ) from error
    if hashlib.sha256(content).hexdigest() != entry["silhouettes_sha256"]:
        raise ConfigError(
            f"The silhouettes of assessment {entry['key']} differ from what was frozen: the file was changed or "
            "damaged. Restore it from the backup, or screen the recording again and freeze a new cohort."
        )
    return SilhouetteSequence.load(io.BytesIO(content))
