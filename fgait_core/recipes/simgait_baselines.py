"""SimGait's baselines: classical methods, the short-cut test and the best possible scores, measured like a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core import __version__
from fgait_core.config import ClassificationTask
from fgait_core.data.labels import ATTRIBUTES, TASKS, targets_of
from fgait_core.data.shards import SHADOWS, ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.evaluation.tables import Table
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.baseline_features import Windows, measure_windows
from fgait_core.recipes.baseline_models import boosted_probabilities, energy_probabilities
from fgait_core.recipes.baselines import shortcut_probabilities
from fgait_core.recipes.evaluate import data_facts
from fgait_core.recipes.measure import measure_classification
from fgait_core.recipes.plots import SIMULATED
from fgait_core.simulation.conditions.oracle import best_possible

BASELINES = "baselines.json"
TITLES: dict[str, str] = {
    "gait_energy_image": "gait energy image, logistic regression",
    "silhouette_parameters": "parameters of the silhouettes, boosted trees",
    "short_cut": "short cut: view, clothing, load, age, sex, drawn speed",
    "with_walked_speed": "the same with the speed as walked",
    "exact_gait": "whoever knows the exact gait",
    "dose": "whoever knows the dose",
}
"""Rows of the table; the last two are no methods but bounds. That conditions slow people down is an effect of theirs
which may be used, so that only `short_cut` must be at chance."""
_COLUMNS = {"short_cut": (*SHADOWS, "speed"), "with_walked_speed": (*SHADOWS, "speed_m_s")}
_NEAR_CHANCE = 0.03
_ORACLE_PEOPLE = 6000


def measure_baselines(
    train: ShardFolder,
    test: ShardFolder,
    *,
    train_sequences: int = 40_000,
    oracle_people: int = _ORACLE_PEOPLE,
    seed: int = 1,
    progress: Progress = ignore_progress,
) -> dict[str, Any]:
    """Learns each baseline from one split and measures it on another.

    Scoliosis, depression, sex and age group are measured as `fgait evaluate` measures the heads of a network, with
    intervals over bootstrap samples of the people. Recordings are cut into windows as long as those of the training
    split; what is said of the windows of a recording is averaged.

    Args:
        train: to learn from; every choice is made on it.
        test: people whom the first split does not hold.
        train_sequences: so many at the most, drawn by `seed`.
        oracle_people: fresh simulated people for the bound of whoever knows the exact gait.
        seed: of draws, trees and bootstrap samples.
        progress: told as it goes on.

    Returns:
        Content of `baselines.json`: for each row of `TITLES` what was measured of each task, and `at_chance`.

    Raises:
        ConfigError: if the splits lack a column, differ in frame rate, or hold recordings of no common length.
    """
    _require_alike(train, test)
    tasks = [*TASKS.values(), *ATTRIBUTES.values()]
    said = _said(tasks, train, test, train_sequences, seed, part_of(progress, 0.0, 0.7))
    rows: dict[str, dict[str, Any]] = {row: {} for row in TITLES}
    for row, of_task in said.items():
        for name, probabilities in of_task.items():
            task = next(each for each in tasks if each.name == name)
            rows[row][name] = measure_classification(task, probabilities, test, seed=seed)
    for name, result in best_possible(oracle_people, seed, part_of(progress, 0.7, 1.0)).items():
        rows["exact_gait"][name] = {"auroc": _estimate(result.gait_auroc, result.gait_low, result.gait_high)}
        rows["dose"][name] = {"auroc": _estimate(*[result.dose_auroc] * 3)}
        rows["exact_gait"][name]["people"] = result.people
    return {
        "simulated": bool(test.manifest.get("simulated")),
        "created_by": f"fgait {__version__}",
        "seed": seed,
        "train_sequences": min(train_sequences, len(train)),
        "train": data_facts(train),
        "test": data_facts(test),
        "at_chance": {name: is_at_chance(measured["auroc"]) for name, measured in rows["short_cut"].items()},
        "rows": rows,
    }


def is_at_chance(auroc: Mapping[str, float]) -> bool:
    """Whether an AUROC lies within 0.03 of 0.5 and its interval holds 0.5."""
    return abs(auroc["value"] - 0.5) <= _NEAR_CHANCE and auroc["low"] <= 0.5 <= auroc["high"]


def figures_of(measured: Mapping[str, Any]) -> dict[str, str]:
    """AUROC (of the positive class against the rest, or of two classes) and balanced accuracy of each task as text.

    Args:
        measured: by task, what `measure_classification` or a bound gives; other tasks are left out.
    """
    found: dict[str, str] = {}
    for name in (*TASKS, *ATTRIBUTES):
        task = measured.get(name, {})
        area = task.get("auroc")
        if area is None and len(classes := list(task.get("classes", {}).values())) == 2:
            area = classes[0]["auroc"]
        for words, each in (("AUROC", area), ("balanced accuracy", task.get("balanced_accuracy"))):
            if each is not None:
                found[f"{name.replace('_', ' ')} {words}"] = _text(each)
    return found


def table_of(rows: Mapping[str, Mapping[str, str]], title: str) -> Table:
    """Rows of `figures_of` under the figures that any of them has; a short cut has but that of two tasks."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    names.sort(key=lambda name: [*TASKS, *ATTRIBUTES].index("_".join(_task_words(name))))
    cells = tuple((words, *(row.get(name) for name in names)) for words, row in rows.items())
    return Table("simgait", title, ("model", *names), cells)


def baseline_rows(content: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The rows of `baselines.json` by title."""
    return {TITLES[row]: figures_of(measured) for row, measured in content["rows"].items()}


def write_baselines(out: Path, content: Mapping[str, Any]) -> Table:
    """Writes `baselines.json` and `baselines.md` and returns the table."""
    out.mkdir(parents=True, exist_ok=True)
    test = content["test"]
    title = f"Baselines on {test['sequences']} sequences of {test['people']} people, 95 % intervals by person"
    table = table_of(baseline_rows(content), title)
    (out / BASELINES).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    note = f"{SIMULATED}\n\n" if content["simulated"] else ""
    (out / "baselines.md").write_text(f"{note}{table.markdown()}\n{chance_text(content)}\n", encoding="utf-8")
    return table


def chance_text(content: Mapping[str, Any]) -> str:
    """What the short-cut test says, in words."""
    there = [name for name, passed in content["at_chance"].items() if not passed]
    if not there:
        return "Short-cut test passed: view, clothing, load, age, sex and drawn speed say nothing of any condition."
    return (
        f"Short-cut test NOT passed for {', '.join(there)}: AUROC further than {_NEAR_CHANCE} from 0.5, or an interval "
        "that does not hold 0.5. One test in twenty fails by chance, and a small split decides little."
    )


def read_baselines(path: Path) -> dict[str, Any]:
    """Reads a `baselines.json`.

    Raises:
        ConfigError: if it is none.
    """
    file = path / BASELINES if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} is no readable {BASELINES} of `fgait simgait baselines`: {error}") from error
    if not isinstance(content, dict) or not {"rows", "test"} <= content.keys() or set(content["rows"]) - set(TITLES):
        raise ConfigError(f"{file} is no {BASELINES} of this version; run `fgait simgait baselines` again.")
    return content


def _said(
    tasks: Sequence[ClassificationTask],
    train: ShardFolder,
    test: ShardFolder,
    train_sequences: int,
    seed: int,
    progress: Progress,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """What each method says of each sequence of the test split, by row and task."""
    frames = int(min(train.frames.min(), test.frames.min()))
    known = measure_windows([train], frames, limit=train_sequences, seed=seed, progress=part_of(progress, 0.0, 0.25))
    unknown = measure_windows([test], frames, progress=part_of(progress, 0.25, 0.35))
    labels = {task.name: targets_of(task, [train])[0] for task in tasks}
    said = {
        "gait_energy_image": _of_energy(tasks, known, unknown, labels, seed, part_of(progress, 0.35, 0.5)),
        "silhouette_parameters": {},
    }
    for number, task in enumerate(tasks):
        progress(0.5 + 0.4 * number / len(tasks), f"learning {task.name} from parameters")
        said["silhouette_parameters"][task.name] = boosted_probabilities(
            known.parameters, labels[task.name][known.sequence], unknown.parameters, len(task.classes), seed
        )
    said = {row: {name: unknown.of_sequences(p, len(test)) for name, p in each.items()} for row, each in said.items()}
    for number, (row, columns) in enumerate(_COLUMNS.items()):
        progress(0.9 + 0.05 * number, "trying short cuts")
        said[row] = {task.name: shortcut_probabilities(task, [train], test, columns, seed) for task in TASKS.values()}
    return said


def _of_energy(
    tasks: Sequence[ClassificationTask],
    known: Windows,
    unknown: Windows,
    labels: Mapping[str, NDArray[np.int64]],
    seed: int,
    progress: Progress,
) -> dict[str, NDArray[np.float64]]:
    of_window = {name: each[known.sequence] for name, each in labels.items()}
    classes = {task.name: len(task.classes) for task in tasks}
    return energy_probabilities(known, unknown, of_window, classes, seed=seed, progress=progress)


def _require_alike(train: ShardFolder, test: ShardFolder) -> None:
    for folder in (train, test):
        missing = {name for columns in _COLUMNS.values() for name in columns} - set(folder.columns)
        if missing:
            raise ConfigError(
                f"{folder.path} has no column {min(missing)!r}. Baselines need simulated data of this version; build "
                "them with `fgait simgait build`."
            )
    if train.frame_rate_hz != test.frame_rate_hz:
        raise ConfigError(
            f"{train.path} has {train.frame_rate_hz:g} frames a second, {test.path} {test.frame_rate_hz:g}. Build "
            "both with the same."
        )


def _estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def _text(estimate: Mapping[str, float]) -> str:
    value, low, high = (f"{estimate[name]:.3f}" for name in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def _task_words(figure: str) -> list[str]:
    return figure.removesuffix(" AUROC").removesuffix(" balanced accuracy").split()
