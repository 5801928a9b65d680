"""Scopes that train the encoder: fine-tuning from the base's own weights on development and simulated people.

One fold of four of the development people is held out, for calibration. The other people are seen for the protocol's
epochs, in steps that take turns by chance with steps on simulated people who have all labels. Tasks without outcomes
are calibrated anew on other simulated people; without replay their heads stay as they were. Attributes are left out of
the package: nobody checks what became of them.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.config import ArchitectureConfig, ClipConfig, DataSetConfig, FinetuneConfig, RetrainConfig, save_config
from fgait_core.data.labels import TASKS, UNKNOWN, targets_of
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError, FGaitError, OperationCancelled
from fgait_core.evaluation.typicality import fit_typicality
from fgait_core.model_package import ModelPackage
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import PackageContent
from fgait_core.package_files import CONTENT_FILE, METRICS_FILE
from fgait_core.progress import Cancelled, Progress, part_of
from fgait_core.recipes.finetune import finetune, load_finetuned
from fgait_core.recipes.measure_typicality import measure_detection
from fgait_core.recipes.package import TYPICAL_WINDOWS, package_weights, write_package
from fgait_core.recipes.package_finish import Split, finish_guard, finish_task, judge
from fgait_core.recipes.retraining.development import MIN_PEOPLE
from fgait_core.recipes.retraining.folds import folds_of
from fgait_core.recipes.scoring import pooled_windows
from fgait_core.training.checkpoint import read_checkpoint_of
from fgait_core.training.loop import CHECKPOINT, METRICS
from fgait_core.training.stopping import stop_signals

TRAINING = "training"
_HELD_OUT = 4
"""One development person of so many calibrates instead of being trained on."""
_BATCH = 32
_RATE = 3e-4
_WARMUP_SHARE = 0.1
_REPLAY_SEQUENCES = 20_000
"""As many are brought to another frame rate at the most; a run sees fewer."""
_SAME_HZ = 1e-6
_FACTS = ("simulated", "manifest_sha256", "plan")
_LOOK_EVERY_S = 0.5


def train_encoder(
    config: RetrainConfig, base: ModelPackage, run: Path, progress: Progress, cancelled: Cancelled
) -> tuple[ModelPackage, ShardFolder]:
    """Trains, or goes on from the last checkpoint.

    Returns:
        A package with the trained network, calibrated on simulated people, and the development people held out.

    Raises:
        ConfigError: if development and simulated people do not fit each other.
        OperationCancelled: if the user asked for a stop; the checkpoint is written.
    """
    folder, rate_hz = read_shards(config.development), base.content.transform.frame_rate_hz
    held_out = _held_out(config, folder)
    learn = _part(folder, np.flatnonzero(~held_out), run / "learn", rate_hz)
    held = _part(folder, np.flatnonzero(held_out), run / "held_out", rate_hz)
    replay = _replay(read_shards(_path(config.replay)), run / "replay", rate_hz, config.protocol.seed)
    require_disjoint(learn, held, replay, read_shards(_path(config.replay_calibration)))
    training = _training(config, base, learn, replay)
    trained = _trained(training, config, run / TRAINING, part_of(progress, 0.0, 0.8), cancelled)
    network = _with_all_heads(trained, base)
    out = run / "trained"
    if not (out / CONTENT_FILE).is_file():
        _package(config, base, network, (learn, replay), out, part_of(progress, 0.8, 1.0))
    return ModelPackage.load(out), held


def _path(path: Path | None) -> Path:
    if path is None:
        raise ConfigError("A scope that changes the encoder needs replay and replay_calibration.")
    return path


def _held_out(config: RetrainConfig, folder: ShardFolder) -> NDArray[np.bool_]:
    """Who calibrates: bool `[sequence]`; too few are refused here and not after hours of training."""
    task = TASKS[config.protocol.task]
    (labels,) = targets_of(task, [folder])
    held = folds_of(folder.person, labels, _HELD_OUT, config.protocol.seed) == 0
    known, positive = labels != UNKNOWN, labels == task.positive_index
    counts = [len(np.unique(folder.person[rows])) for rows in (held & positive, held & known & ~positive)]
    if min(counts) < MIN_PEOPLE:
        needed = _HELD_OUT * MIN_PEOPLE
        raise ConfigError(
            f"The scope {config.protocol.scope} holds one of {_HELD_OUT} development people out for calibration and "
            f"needs {needed} with {task.name} and {needed} without it; there are "
            f"{len(np.unique(folder.person[positive]))} and {len(np.unique(folder.person[known & ~positive]))}. Record "
            "more confirmed outcomes, or choose the scope head."
        )
    return held


def _replay(replay: ShardFolder, out: Path, rate_hz: float, seed: int) -> ShardFolder:
    """Simulated people at the network's frame rate: a clip has one stride for all data sets of a mixture."""
    if replay.frame_rate_hz == rate_hz:
        return replay
    rows = np.sort(np.random.default_rng(seed).permutation(len(replay))[:_REPLAY_SEQUENCES])
    return _part(replay, rows, out, rate_hz)


def _part(folder: ShardFolder, rows: NDArray[np.int64], out: Path, rate_hz: float) -> ShardFolder:
    """Some sequences of a folder as one of their own, at a frame rate; nothing is done where it is there.

    Raises:
        ConfigError: if the frame rate does not divide that of the folder.
    """
    if not (out / "manifest.json").is_file():
        stride = max(round(folder.frame_rate_hz / rate_hz), 1)
        if abs(stride * rate_hz - folder.frame_rate_hz) > _SAME_HZ:
            raise ConfigError(
                f"{folder.path} has {folder.frame_rate_hz:g} frames a second; the network wants {rate_hz:g}, which "
                "does not divide that. Make the data at a multiple of it."
            )
        names = [name for name in folder.columns if name not in ("sequence", "person", "frames")]
        keys, person = folder.keys, folder.person
        columns = {name: folder.column(name) for name in names}
        facts = {name: folder.manifest[name] for name in _FACTS if name in folder.manifest}
        writer = ShardWriter(
            out,
            identity=out.name,
            manifest=facts,
            columns=dict.fromkeys(names, "text"),
            frame_rate_hz=rate_hz,
        )
        for row in rows.tolist():
            if str(keys[row]) not in writer.done:
                values = {name: str(columns[name][row]) for name in names}
                writer.add(str(keys[row]), str(person[row]), 255 * folder.sequence(row)[::stride], values)
        writer.finish()
    return read_shards(out)


def _training(config: RetrainConfig, base: ModelPackage, learn: ShardFolder, replay: ShardFolder) -> FinetuneConfig:
    protocol, content = config.protocol, base.content
    own = 1 - protocol.replay
    batch = min(_BATCH, len(learn.people), len(replay.people))
    batch -= batch % protocol.budget.processes
    iterations = max(math.ceil(protocol.budget.epochs * len(learn.people) / (batch * own)), 10)
    whole, tasks = protocol.scope == "whole_network", [protocol.task]
    data = [DataSetConfig(path=learn.path, weight=own / len(learn))]
    if protocol.replay > 0:
        data.append(DataSetConfig(path=replay.path, weight=protocol.replay / len(replay)))
        tasks = [task.name for task in content.tasks]
    return FinetuneConfig.model_validate(
        {
            "kind": "finetune",
            "seed": protocol.seed,
            "architecture": ArchitectureConfig(
                channels=content.architecture.channels, depths=content.architecture.depths
            ),
            "modality": content.transform.modality,
            "data": data,
            "mixture_exponent": 1.0,
            "initial": config.base,
            "clip": ClipConfig(frames=content.transform.window_frames, stride=1),
            "crops": (1,),
            "batch": batch,
            "iterations": iterations,
            "schedule": {"kind": "cosine", "lowest": 0.01, "warmup": int(_WARMUP_SHARE * iterations)},
            "tasks": tasks,
            "optimizer": "adamw",
            "layer_rates": (_RATE,) * 5 if whole else (0.0, 0.0, 0.0, 0.0, _RATE),
            "projector_rate": _RATE,
            "head_rate": _RATE,
            "weight_decay": 0.01,
            "replicates": content.architecture.replicates,
            "checkpoint_every": 25,
            "device": protocol.budget.device,
        }
    )


def _trained(
    training: FinetuneConfig, config: RetrainConfig, run: Path, progress: Progress, cancelled: Cancelled
) -> TaskNetwork:
    if config.protocol.budget.processes == 1:
        finetune(training, run, progress=progress, cancelled=cancelled)
    elif not _is_finished(training, run):
        _on_several_processes(training, config.protocol.budget.processes, run, progress, cancelled)
    return load_finetuned(training, run)


def _is_finished(training: FinetuneConfig, run: Path) -> bool:
    path = run / CHECKPOINT
    return path.is_file() and read_checkpoint_of(path, training)["iteration"] >= training.iterations


def _with_all_heads(trained: TaskNetwork, base: ModelPackage) -> TaskNetwork:
    """The heads of tasks that were not trained, as the base has them."""
    names = [task.name for task in base.content.tasks]
    known = trained.heads.keys()
    heads = {name: trained.head(name) if name in known else base.network.head(name) for name in names}
    return TaskNetwork(trained.backbone, heads).requires_grad_(False).eval()


def _on_several_processes(
    training: FinetuneConfig, processes: int, run: Path, progress: Progress, cancelled: Cancelled
) -> None:
    """The same training by `torchrun`, which passes a stop on to its processes, so that they write a checkpoint."""
    run.mkdir(parents=True, exist_ok=True)
    wanted = run / "training.yaml"
    save_config(wanted, training)
    command = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    stopped = False
    with (
        stop_signals() as told_to_stop,
        subprocess.Popen([*command, "-m", "fgait_core.cli", "finetune", str(wanted), "--out", str(run)]) as started,
    ):
        while started.poll() is None:
            if not stopped and (cancelled() or told_to_stop()):
                stopped = True
                started.terminate()
            done = _steps_done(run / METRICS)
            progress(done / training.iterations, f"step {done} of {training.iterations}")
            time.sleep(_LOOK_EVERY_S)
    if stopped:
        raise OperationCancelled("Stopped; the checkpoint is written. Run it again to go on.")
    if started.returncode:
        raise FGaitError(f"Training on {processes} processes failed ({started.returncode}); the lines above say why.")


def _steps_done(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.is_file() else 0


def _package(
    config: RetrainConfig,
    base: ModelPackage,
    network: TaskNetwork,
    trained_on: tuple[ShardFolder, ...],
    out: Path,
    progress: Progress,
) -> None:
    """The trained network, calibrated on half of the simulated people for calibration and measured on the others."""
    transform, seed = base.content.transform, config.protocol.seed
    rng = np.random.default_rng(seed)
    guard = fit_typicality(
        pooled_windows(network, trained_on, transform, TYPICAL_WINDOWS, rng, part_of(progress, 0.0, 0.3))
    )
    others = read_shards(_path(config.replay_calibration))
    half = folds_of(others.person, np.zeros(len(others), np.int64), 2, seed)
    halves: list[Split] = []
    for each in range(2):
        folder = _part(
            others, np.flatnonzero(half == each), out.with_name(f"simulated_{each}"), transform.frame_rate_hz
        )
        report = part_of(progress, 0.3 + 0.25 * each, 0.55 + 0.25 * each)
        halves.append(judge(network, folder, transform, guard, report))
    finished = [finish_task(TASKS[task.name], halves[0], halves[1], seed) for task in base.content.tasks]
    typicality, alarms = finish_guard(guard, halves[0], halves[1], seed)
    content = base.content.model_copy(
        update={
            "tasks": tuple(task for task, _ in finished),
            "attributes": (),
            "typicality": typicality,
            "people": base.content.people | {"calibration": len(halves[0].folder.people)},
        }
    )
    noticed = measure_detection(network, guard, content, halves[1].folder, seed, part_of(progress, 0.8, 1.0))
    metrics = _metrics(config.base, content, [measured for _, measured in finished], alarms | {"noticed": noticed})
    write_package(out, content, package_weights(network, content, guard), metrics)


def _metrics(
    base: Path, content: PackageContent, measured: list[dict[str, Any]], guard: dict[str, Any]
) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((base / METRICS_FILE).read_text(encoding="utf-8"))
    tasks = {task.name: each for task, each in zip(content.tasks, measured, strict=True)}
    return metrics | {"tasks": tasks, "attributes": {}, "typicality": guard}
