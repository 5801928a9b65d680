"""A collection is worked through by a Ray cluster of two nodes, one of whose workers is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from fgait_core.collection.run import Summary, Where, work_through
from fgait_core.errors import AssetError, ConfigError, OperationCancelled


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Where]:
    """Two nodes of one core each, which know this software and the stand-ins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (root, Path(__file__).parent))))
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=node)
        made.add_node(**node)
        yield Where(ray=made.address)
        made.shutdown()


def lines(log: Path) -> list[tuple[int, str]]:
    """Process and recording of each start."""
    words = [line.split(" ", 1) for line in log.read_text().splitlines()] if log.exists() else []
    return [(int(process), text) for process, text in words]


def test_all_are_done_once_although_a_worker_is_killed(
    stand_ins: ModuleType, source: Path, tmp_path: Path, cluster: Where
):
    copies, out = stand_ins.Copies(tmp_path / "log", seconds=1.0), tmp_path / "out"
    victim: list[str] = []
    nodes: set[int] = set()

    def results() -> list[str]:
        return [file.read_text() for file in out.rglob("*.copy")]

    def progress(fraction: float, words: str) -> None:
        begun = lines(copies.log)
        nodes.update(psutil.Process(process).ppid() for process, _ in begun if psutil.pid_exists(process))
        running = [each for each in begun if each[1] not in results()]
        if len(results()) >= 2 and running and not victim:
            process, text = running[0]
            victim.append(text)
            os.kill(process, signal.SIGKILL)

    assert work_through(str(source), copies, out, cluster, progress=progress) == Summary(6, 6, 0, 0, 0)
    expected = [str(file.relative_to(source)) for file in source.rglob("*.*") if file.suffix != ".txt"]
    assert sorted(results()) == sorted(set(expected) - {"._a.mp4"})
    often = Counter(text for _, text in lines(copies.log))
    assert often.pop(victim[0]) == 2
    assert set(often.values()) == {1}
    assert len(nodes) == 2
    assert len((out / "recordings.csv").read_text().splitlines()) == 7
    assert work_through(str(source), copies, out, cluster) == Summary(6, 0, 6, 0, 0)


def test_failures_are_listed(stand_ins: ModuleType, tmp_path: Path, cluster: Where):
    source, out = tmp_path / "clinic", tmp_path / "out"
    source.mkdir()
    for text in ("crash", "kill always", "refuse", "sound"):
        (source / f"{text}.mp4").write_text(text)
    copies = stand_ins.Copies(tmp_path / "log")
    assert work_through(str(source), copies, out, cluster) == Summary(4, 1, 0, 3, 0)
    listed = {line["source"]: line for line in map(json.loads, (out / "failures.jsonl").read_text().splitlines())}
    statuses = {Path(name).stem: line["status"] for name, line in listed.items()}
    assert statuses == {"crash": "crashed", "kill always": "killed", "refuse": "refused"}
    assert "collection_stand_ins.py" in listed[str(source / "crash.mp4")]["reasons"][0]
    (source / "sound.mp4").write_text("no model")
    with pytest.raises(AssetError, match="weights are missing"):
        work_through(str(source), copies, tmp_path / "other", cluster)


def test_a_stop_keeps_what_is_done(stand_ins: ModuleType, source: Path, tmp_path: Path, cluster: Where):
    copies, out = stand_ins.Copies(tmp_path / "log", seconds=0.3), tmp_path / "out"
    with pytest.raises(OperationCancelled):
        work_through(str(source), copies, out, cluster, cancelled=lambda: any(out.rglob("*.copy")))
    assert 1 <= len(list(out.rglob("*.copy"))) < 6


def test_no_cluster_at_an_address(stand_ins: ModuleType, source: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="No Ray cluster answers"):
        work_through(str(source), stand_ins.Copies(tmp_path / "log"), tmp_path / "out", Where(ray="127.0.0.1:1"))


def test_without_ray_it_is_said_how_to_get_it(
    stand_ins: ModuleType, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="pip install"):
        work_through(str(source), stand_ins.Copies(tmp_path / "log"), tmp_path / "out", Where(ray="auto"))
