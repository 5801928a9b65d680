"""Measures of attributes equal scikit-learn's, and leave out who has no label."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from fgait_core.errors import ConfigError
from fgait_core.evaluation.attributes import attributes_table, measure_attributes

ATTRIBUTES = {"sex": ("female", "male"), "age": ("young", "middle", "old")}


def made(seed: int = 0, people: int = 60, each: int = 4):
    """Logits `[sequence, 2, 5]` that know sex well and age a little; a tenth has no label."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.stack([rng.integers(2, size=people), rng.integers(3, size=people)], axis=1), each, axis=0)
    person = np.repeat(np.arange(people).astype(str), each)
    true = np.concatenate([np.eye(2)[labels[:, 0]] * 4, np.eye(3)[labels[:, 1]]], axis=1)
    yes, no = true + rng.normal(size=true.shape), rng.normal(size=true.shape)
    known = np.where(rng.random(labels.shape) < 0.1, -1, labels)
    return np.stack([no, yes], axis=1), known, person


def test_auc_and_f1_equal_scikit_learn() -> None:
    logits, labels, person = made()
    measured = measure_attributes(logits, labels, person, ATTRIBUTES, seed=1)
    for number, (name, columns) in enumerate({"sex": slice(0, 2), "age": slice(2, 5)}.items()):
        known = labels[:, number] >= 0
        scores, true = (logits[:, 1] - logits[:, 0])[known, columns], labels[known, number]
        aucs = [roc_auc_score(true == value, scores[:, value]) for value in range(scores.shape[1])]
        assert measured[name]["auc"]["value"] == pytest.approx(np.mean(aucs))
        assert measured[name]["f1"]["value"] == pytest.approx(f1_score(true, scores.argmax(1), average="macro"))
        assert measured[name]["accuracy"]["value"] == pytest.approx((scores.argmax(1) == true).mean())
        assert measured[name]["sequences"] == known.sum()
        assert measured[name]["auc"]["low"] < measured[name]["auc"]["value"] < measured[name]["auc"]["high"]
    assert measured["sex"]["auc"]["value"] > measured["age"]["auc"]["value"] > 0.6


def test_intervals_are_wider_where_sequences_of_a_person_repeat_each_other() -> None:
    logits, labels, person = made(people=30, each=8)
    alike = np.repeat(logits[::8], 8, axis=0)
    apart = measure_attributes(logits, labels, np.arange(240).astype(str), ATTRIBUTES, seed=1)["age"]["auc"]
    together = measure_attributes(alike, labels, person, ATTRIBUTES, seed=1)["age"]["auc"]
    assert together["high"] - together["low"] > 1.5 * (apart["high"] - apart["low"])


def test_table_has_a_row_for_each_attribute_and_the_mean() -> None:
    logits, labels, person = made()
    measured = measure_attributes(logits, labels, person, ATTRIBUTES, seed=1)
    table = attributes_table("people", measured)
    assert [row[0] for row in table.rows] == ["sex", "age", "mean"]
    assert all(len(row) == len(table.header) for row in table.rows)
    assert table.rows[2][3] == pytest.approx((table.rows[0][3] + table.rows[1][3]) / 2)
    lines = table.markdown(3).splitlines()
    assert lines[2].startswith("| attribute | people |")
    assert f"{table.rows[0][3]:.3f}" in lines[4]
    assert table.csv().splitlines()[1].split(",")[3] == str(table.rows[0][3])


def test_one_value_alone_is_refused() -> None:
    logits, labels, person = made()
    labels[:, 0] = 1
    with pytest.raises(ConfigError, match="Fewer than two of the values female, male"):
        measure_attributes(logits, labels, person, ATTRIBUTES, seed=1)
