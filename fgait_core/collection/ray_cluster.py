"""Recordings on a Ray cluster. Ray starts, watches and repeats; results come back to the process that asked.

Ray (the extra `ray`) is imported only here, and only when it is asked for.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

from fgait_core.collection.sources import Recording
from fgait_core.collection.work import MAX_ATTEMPTS, Outcome, Process, Processor, attempt, crashed, killed
from fgait_core.errors import ConfigError, FGaitError
from fgait_core.progress import Cancelled, never_cancelled, raise_if_cancelled

WAITING_FOR_EACH_CORE = 2
"""Recordings that are handed to Ray for each core: enough that no core waits, few enough for any collection."""
_ASK_EVERY_S = 0.2
_KNOCK_S = 10.0


def run_on_ray(
    recordings: Iterable[Recording], processor: Processor, *, address: str, cancelled: Cancelled = never_cancelled
) -> Iterator[Outcome]:
    """Works through recordings on a cluster, one core for each.

    Args:
        recordings: the recordings; every node must reach them where they are.
        processor: what to make of each; sent to each node once.
        address: "auto" (the cluster that this machine belongs to), "ray://host:port", "host:port" of the head node, or
            "local" (Ray on this machine alone).
        cancelled: asked often whether to stop; running recordings are then given up.

    Yields:
        One outcome for each recording, in the order in which they end.

    Raises:
        ConfigError: if Ray is not installed or the cluster does not answer.
        FGaitError: a fault that is not about a recording, such as a missing model.
        OperationCancelled: if `cancelled` answered yes.
    """
    waiting = iter(recordings)
    with _connected(address) as ray:
        task = ray.remote(_work_on_node).options(num_cpus=1, max_retries=MAX_ATTEMPTS - 1)
        # In a list, so that Ray hands over the reference and not the processor itself with every recording.
        shared = [ray.put(processor)]
        running: dict[Any, Recording] = {}
        while True:
            raise_if_cancelled(cancelled)
            free = WAITING_FOR_EACH_CORE * _cores(ray) - len(running)
            running |= {task.remote(shared, recording): recording for recording in islice(waiting, max(free, 0))}
            if not running:
                return
            ended, _ = ray.wait(list(running), num_returns=1, timeout=_ASK_EVERY_S)
            for reference in ended:
                yield _outcome(ray, reference, running.pop(reference))


def _outcome(ray: Any, reference: Any, recording: Recording) -> Outcome:
    try:
        return ray.get(reference)
    except FGaitError:
        raise
    except ray.exceptions.RayTaskError as error:
        return crashed(recording, error)
    except ray.exceptions.RayError:
        return killed(recording)


def _cores(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ConfigError(
            "--ray needs Ray, which is not installed: .venv/bin/pip install -c constraints.txt -e '.[ray]'"
        ) from error
    alone = {"include_dashboard": False} if address == "local" else {}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level="WARNING", **alone)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise ConfigError(f"No Ray cluster answers at {address!r}: {error}") from error
    try:
        if threading.current_thread() is threading.main_thread():
            # Ray takes the signal for itself; how to stop is for the caller to decide.
            signal.signal(signal.SIGTERM, before)
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises an OSError at once where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()


_prepared: dict[Any, Process] = {}
"""In a process of a node: models that are loaded there."""


def _work_on_node(shared: list[Any], recording: Recording) -> Outcome:
    if shared[0] not in _prepared:
        _prepared[shared[0]] = import_module("ray").get(shared[0]).prepare()
    return attempt(_prepared[shared[0]], recording)
