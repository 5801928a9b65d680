"""How well attributes such as sex or age group are told: AUC and F1 of each, averaged over its values.

Source: RA-GAR's measures; FoundationGait trains attributes but publishes no evaluation of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.evaluation.classification import auroc, bootstrap_by_person, confusion_matrix, macro_measures
from fgait_core.evaluation.tables import Table

SAMPLES = 200
"""Bootstrap samples of the people."""


def measure_attribute(
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    person: NDArray[np.str_],
    values: Sequence[str],
    *,
    seed: int,
) -> dict[str, Any]:
    """AUC and F1 of one attribute, with intervals over bootstrap samples of the people.

    Args:
        scores: float64 `[sequence, value]`, higher where the value is likelier; the highest is the prediction.
        labels: int64 `[sequence]`, place of the true value; -1 where it is unknown.
        person: `[sequence]`.
        values: names of the values.
        seed: of the bootstrap.

    Returns:
        `auc` and `f1`: mean over the values that occur, each with its interval; `accuracy`; `values`: AUC and number of
        sequences of each; `people`, `sequences`, `chance_accuracy` (always the commonest value).

    Raises:
        ConfigError: if fewer than two values occur, for then nothing can be told apart.
    """
    known = labels >= 0
    scores, labels, person = scores[known], labels[known], person[known]
    count = np.bincount(labels, minlength=len(values))
    if (count > 0).sum() < 2:
        raise ConfigError(f"Fewer than two of the values {', '.join(values)} occur in the data; nothing to tell apart.")
    predicted = scores.argmax(1)

    def auc(rows: NDArray[np.int64]) -> float:
        each = [auroc(scores[rows, value], labels[rows] == value) for value in range(len(values))]
        return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")

    def macro(rows: NDArray[np.int64], name: str) -> float:
        return getattr(macro_measures(confusion_matrix(predicted[rows], labels[rows], len(values))), name)

    rng = np.random.default_rng(seed)
    of_value = [auroc(scores[:, value], labels == value) for value in range(len(values))]
    return {
        "people": len(set(person.tolist())),
        "sequences": len(labels),
        "auc": asdict(bootstrap_by_person(auc, person, rng, samples=SAMPLES)),
        "f1": asdict(bootstrap_by_person(lambda rows: macro(rows, "f1"), person, rng, samples=SAMPLES)),
        "accuracy": asdict(bootstrap_by_person(lambda rows: macro(rows, "accuracy"), person, rng, samples=SAMPLES)),
        "chance_accuracy": float(count.max() / count.sum()),
        "values": {
            name: {"sequences": int(count[value]), "auc": None if np.isnan(of_value[value]) else of_value[value]}
            for value, name in enumerate(values)
        },
    }


def measure_attributes(
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    person: NDArray[np.str_],
    attributes: Mapping[str, Sequence[str]],
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """`measure_attribute` of each attribute.

    Args:
        logits: float64 `[sequence, 2, value]`: no and yes of each value, attribute by attribute.
        labels: int64 `[sequence, attribute]`; -1 where unknown.
        person: `[sequence]`.
        attributes: values of each attribute by its name, in the order of the logits.
        seed: of the bootstrap.
    """
    scores = logits[:, 1] - logits[:, 0]
    ends = np.cumsum([len(values) for values in attributes.values()])
    found: dict[str, dict[str, Any]] = {}
    for number, (name, values) in enumerate(attributes.items()):
        of_attribute = scores[:, ends[number] - len(values) : ends[number]]
        found[name] = measure_attribute(of_attribute, labels[:, number], person, values, seed=seed)
    return found


def attributes_table(name: str, measured: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row for each attribute, and their mean."""
    rows = [
        (
            attribute,
            each["people"],
            each["sequences"],
            *(each[measure][part] for measure in ("auc", "f1") for part in ("value", "low", "high")),
            each["accuracy"]["value"],
            each["chance_accuracy"],
        )
        for attribute, each in measured.items()
    ]
    means = [float(np.mean([each[measure]["value"] for each in measured.values()])) for measure in ("auc", "f1")]
    accuracy = float(np.mean([each["accuracy"]["value"] for each in measured.values()]))
    chance = float(np.mean([each["chance_accuracy"] for each in measured.values()]))
    rows.append(("mean", None, None, means[0], None, None, means[1], None, None, accuracy, chance))
    header = ("attribute", "people", "sequences", "AUC", "low", "high", "F1", "low", "high", "accuracy", "commonest")
    title = f"{name}: macro AUC and F1 with 95 % intervals by person, accuracy, share of the commonest value"
    return Table(f"{name}_attributes", title, header, tuple(rows))
