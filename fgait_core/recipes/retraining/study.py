"""What retraining gains a simulated clinic, by its size, and whether the gate refuses shuffled outcomes."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from fgait_core.config import Scope, save_config
from fgait_core.config.retraining_study import RetrainingStudyConfig
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.tables import Table
from fgait_core.model_package import ModelPackage
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, part_of, raise_if_cancelled
from fgait_core.recipes.retraining.remembered import PassMemory
from fgait_core.recipes.retraining.study_cell import CellName, CellWork, StudyCell
from fgait_core.recipes.retraining.study_people import write_people
from fgait_core.recipes.retraining.study_tables import study_tables
from fgait_core.recipes.retraining.study_truth import TrueFigures, Truth
from fgait_core.recipes.scoring import score_folder
from fgait_core.simulation.dataset.clinic import ClinicPlan

CONFIG = "config.yaml"
TABLES = "retraining_study.md"
_OTHERS, _KEPT = "others", "others.npz"
_OTHERS_SEED = 1_000_000
"""Of the people on whom the truth is measured; clinics have the seeds from 1 on."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """All cells and what they say."""

    cells: tuple[StudyCell, ...]
    tables: tuple[Table, ...]


def run_study(
    config: RetrainingStudyConfig,
    out: Path,
    *,
    processes: int = 1,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> StudyResult:
    """Does what is not yet done of a study, and sums it up.

    Args:
        config: what to do.
        out: gets the people, a file of JSON lines for each clinic (a line for each cell), and the tables. What is
            finished there is kept.
        processes: how many clinics are worked on at once.
        progress: told as it goes on; with several processes, after each clinic.
        cancelled: asked now and then.

    Raises:
        ConfigError: if configurations and data do not fit, or the folder holds another study.
        OperationCancelled: if the user asked for a stop; what is done stays.
    """
    _claim(config, out)
    base = ModelPackage.load(config.base)
    others = _others(config, out, base, part_of(progress, 0.0, 0.05), cancelled)
    Truth.read(others, base, PassMemory(base.network.backbone), out / _KEPT, part_of(progress, 0.05, 0.15))
    clinics = range(1, config.clinics + 1)
    clinic_part = part_of(progress, 0.15, 1.0)
    if processes <= 1:
        for done, clinic in enumerate(clinics):
            told = part_of(clinic_part, done / len(clinics), (done + 1) / len(clinics))
            _do_clinic(config, out, clinic, told, cancelled)
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            jobs = pool.imap_unordered(_do_alone, [(config, out, clinic) for clinic in clinics])
            for done, clinic in enumerate(jobs, 1):
                clinic_part(done / len(clinics), f"clinic {clinic} is done")
                raise_if_cancelled(cancelled)
    return sum_up(config, out)


def sum_up(config: RetrainingStudyConfig, out: Path) -> StudyResult:
    """The tables of the cells that are done, also written to `retraining_study.md`."""
    cells = [cell for clinic in range(1, config.clinics + 1) for cell in read_cells(_lines(out, clinic))]
    wanted = {name for clinic in range(1, config.clinics + 1) for name in cells_of(config, clinic)}
    chosen = tuple(cell for cell in cells if cell.name in wanted)
    tables = tuple(study_tables(chosen))
    (out / TABLES).write_text("\n".join(table.markdown(3) for table in tables), encoding="utf-8")
    return StudyResult(chosen, tables)


def cells_of(config: RetrainingStudyConfig, clinic: int) -> Iterator[CellName]:
    """The cells of a clinic, those that take long at the end."""
    for size in config.sizes:
        for task in config.tasks:
            for scope in config.scopes:
                yield CellName(clinic=clinic, size=size, task=task, scope=scope, labels="true")
                if size in config.shuffled_sizes:
                    yield CellName(clinic=clinic, size=size, task=task, scope=scope, labels="shuffled")
    encoder = config.encoder
    if encoder is not None and clinic <= encoder.clinics:
        chosen: list[tuple[int, str, Scope]] = [
            (size, task, scope) for size in encoder.sizes for task in encoder.tasks for scope in encoder.scopes
        ]
        yield from (CellName(clinic=clinic, size=s, task=t, scope=scope, labels="true") for s, t, scope in chosen)


def read_cells(path: Path) -> list[StudyCell]:
    """The finished cells of a file; a line that a killed process left unfinished does not count."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [StudyCell.model_validate_json(line) for line in lines if line]


def _claim(config: RetrainingStudyConfig, out: Path) -> None:
    """Cells of a folder belong to one configuration; only more clinics, sizes and scopes may be asked for."""
    out.mkdir(parents=True, exist_ok=True)
    fixed = config.model_dump(mode="json", include={"base", "others", "gate_share", "acceptance", "prior_weight"})
    known = out / "fixed.json"
    text = RetrainingStudyConfig.model_validate({**fixed, "kind": config.kind, "tasks": ["any"], "sizes": [1]})
    if known.exists() and known.read_text(encoding="utf-8") != text.model_dump_json():
        raise ConfigError(f"{out} holds a study of another base, gate or protocol. Choose another folder.")
    known.write_text(text.model_dump_json(), encoding="utf-8")
    save_config(out / CONFIG, config)


def _others(
    config: RetrainingStudyConfig, out: Path, base: ModelPackage, progress: Progress, cancelled: Cancelled
) -> ShardFolder:
    plan = ClinicPlan(config.others, seed=_OTHERS_SEED, part="others")
    return write_people(plan, out / _OTHERS, base.content.transform.frame_rate_hz, progress, cancelled)


def _do_alone(job: tuple[RetrainingStudyConfig, Path, int]) -> int:
    """A clinic in a process of its own."""
    torch.set_num_threads(1)
    _do_clinic(*job, ignore_progress, never_cancelled)
    return job[2]


def _do_clinic(config: RetrainingStudyConfig, out: Path, clinic: int, progress: Progress, cancelled: Cancelled) -> None:
    lines = _lines(out, clinic)
    done = {cell.name for cell in read_cells(lines)}
    todo = [name for name in cells_of(config, clinic) if name not in done]
    if not todo:
        return
    base = ModelPackage.load(config.base)
    memory = PassMemory(base.network.backbone)
    others = _others(config, out, base, ignore_progress, cancelled)
    truth = Truth.read(others, base, memory, out / _KEPT)
    memory.serve(base.network)
    plan = ClinicPlan(max(config.sizes), seed=clinic)
    people = write_people(plan, out / f"clinic-{clinic:02d}", base.content.transform.frame_rate_hz, progress, cancelled)
    kept = out / f"clinic-{clinic:02d}.npz"
    if not memory.restore(kept):
        score_folder(base.network, people, base.content.transform, progress=progress)
        memory.keep(kept)
    work = CellWork(config, base, memory, truth, people, out / f"work-{clinic:02d}")
    of_base: dict[str, TrueFigures] = {task: truth.measure(base, task) for task in config.tasks}
    for number, name in enumerate(todo):
        cell = work.do(name, of_base[name.task], ignore_progress, cancelled)
        _append(lines, cell)
        progress((number + 1) / len(todo), f"clinic {clinic}: {name.size} outcomes, {name.task}, {name.scope}")
        raise_if_cancelled(cancelled)
    shutil.rmtree(work.folder, ignore_errors=True)


def _append(lines: Path, cell: StudyCell) -> None:
    text = lines.read_text(encoding="utf-8") if lines.exists() else ""
    whole = text[: text.rfind("\n") + 1]  # without what a killed process left unfinished
    unfinished = lines.with_name(f"{lines.name}.part")
    unfinished.write_text(whole + cell.model_dump_json() + "\n", encoding="utf-8")
    unfinished.replace(lines)


def _lines(out: Path, clinic: int) -> Path:
    return out / f"clinic-{clinic:02d}.jsonl"
