"""Works through a source into a folder of results, and goes on where an earlier run ended."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fgait_core.collection.ledger import open_ledger
from fgait_core.collection.processes import run_on_processes
from fgait_core.collection.ray_cluster import run_on_ray
from fgait_core.collection.sources import Recording, is_address, list_recordings
from fgait_core.collection.work import Outcome, Processor
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled


@dataclass(frozen=True, slots=True)
class Where:
    """What to compute on: `processes` of this machine, or the Ray cluster at `ray`."""

    processes: int = 1
    ray: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a source.

    Attributes:
        found: recordings of the source.
        done: in this run.
        skipped: done before.
        failed: in this run.
        failed_before: and not tried again.
    """

    found: int
    done: int
    skipped: int
    failed: int
    failed_before: int


def work_through(
    source: str,
    processor: Processor,
    out: Path,
    where: Where,
    *,
    retry_failed: bool = False,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> Summary:
    """Makes the product of every recording of a source that has none yet.

    Args:
        source: see `sources.list_recordings`.
        processor: what to make of each recording.
        out: folder of the results, see `ledger`.
        where: what to compute on.
        retry_failed: also do those again that failed before.
        progress: told after each recording.
        cancelled: asked often whether to stop; finished results stay.

    Raises:
        ConfigError: if the source, the folder or the cluster cannot be used.
        FGaitError: a fault that is not about a recording, such as a missing model.
        OperationCancelled: if `cancelled` answered yes.
    """
    recordings = list_recordings(source)
    place = source if is_address(source) else str(Path(source).absolute())
    identity = {"source": place, "product": processor.identity}
    with open_ledger(out, processor.suffix, identity, retry_failed=retry_failed) as ledger:
        states = [ledger.state_of(recording) for recording in recordings]
        todo = [recording for recording, state in zip(recordings, states, strict=True) if state == "open"]
        progress(0.0, f"{len(todo)} of {len(recordings)} recordings to do")
        done = failed = 0
        with closing(_outcomes(todo, processor, where, cancelled)) as outcomes:
            for outcome in outcomes:
                ledger.add(outcome)
                done += outcome.status == "done"
                failed += outcome.status != "done"
                progress((done + failed) / len(todo), f"{done} recordings done, {failed} failed, of {len(todo)}")
    return Summary(len(recordings), done, states.count("done"), failed, states.count("failed"))


def _outcomes(
    todo: list[Recording], processor: Processor, where: Where, cancelled: Cancelled
) -> Generator[Outcome, None, None]:
    if not todo:
        return
    if where.ray is not None:
        yield from run_on_ray(todo, processor, address=where.ray, cancelled=cancelled)
    else:
        yield from run_on_processes(todo, processor, processes=where.processes, cancelled=cancelled)
