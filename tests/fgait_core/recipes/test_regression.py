"""Numbers beside classes: the head learns them, a probe finds them, an evaluation says how well, in their own units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import linear_model
from torch.nn import functional

from fgait_core.config import FinetuneConfig, ProbeConfig, RegressionTask
from fgait_core.data.numbers import mean_and_spread, numbers_of
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError
from fgait_core.evaluation.regression import measure_numbers
from fgait_core.models.heads import RegressionHead, labelled
from fgait_core.recipes.evaluate import EvaluationOrder, evaluate
from fgait_core.recipes.finetune import finetune, load_finetuned
from fgait_core.recipes.linear_probe import probe, refit_numbers
from fgait_core.recipes.scoring import score_folder, transform_of

NUMBERS = {"kind": "regression", "columns": ("girth_px", "lean_px")}
SMALL = {"channels": (4, 4, 4, 8), "depths": (1, 1, 1, 1)}
CLIP = {"frames": 4, "stride": 2}


def task(*columns: str) -> RegressionTask:
    return RegressionTask(columns=columns)


def test_numbers_are_those_of_the_data_and_missing_ones_are_nan(people_shards: Path) -> None:
    folder = read_shards(people_shards)
    (numbers,) = numbers_of(task("lean_px", "girth_px"), [folder])
    texts = folder.column("lean_px")
    assert np.isnan(numbers[:, 0]).sum() == (texts == "").sum() == 12
    known = texts != ""
    np.testing.assert_allclose(numbers[known, 0], texts[known].astype(float), rtol=1e-6)
    mean, spread = mean_and_spread([numbers, numbers])
    np.testing.assert_allclose(mean[0], texts[known].astype(float).mean(), rtol=1e-6)
    np.testing.assert_allclose(spread[1], numbers[:, 1].std(), rtol=1e-5)


@pytest.mark.parametrize(("column", "said"), [("wideness", "there are the columns"), ("build", "no number")])
def test_columns_that_hold_no_numbers_are_refused(people_shards: Path, column: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        numbers_of(task(column), [read_shards(people_shards)])


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="named twice"):
        task("girth_px", "girth_px")


def test_loss_is_the_huber_loss_in_standard_deviations_of_what_is_known() -> None:
    head = RegressionHead(8 * 31, 2).train()
    head.initialise(torch.Generator().manual_seed(0))
    head.set_units(torch.tensor([10.0, -2.0]), torch.tensor([5.0, 0.5]))
    rows = functional.normalize(torch.randn(6, 8, 31, generator=torch.Generator().manual_seed(1)), dim=1)
    wanted = torch.tensor([[12.0, -2.0], [3.0, torch.nan], [9.0, -1.0], [20.0, torch.nan], [1.0, -4.0], [5.0, 0.0]])
    weights, said = torch.ones(6, 1), head(rows)
    loss = head.loss(said, wanted, weights, labelled(wanted, weights))
    standard = (wanted - head.mean) / head.spread
    known = ~wanted[:, 1].isnan()
    by_hand = (
        functional.smooth_l1_loss(said.logits[:, 0], standard[:, 0])
        + functional.smooth_l1_loss(said.logits[known, 1], standard[known, 1])
    ) / 2
    torch.testing.assert_close(loss.total, by_hand)
    loss.total.backward()
    assert head.fc.weight.grad is not None
    assert bool(head.fc.weight.grad.isfinite().all())


@pytest.mark.parametrize("missing", [0, 40])
def test_refitted_head_equals_ridge_regression(missing: int) -> None:
    generator = torch.Generator().manual_seed(5)
    rows = torch.randn(300, 20, generator=generator)
    numbers = rows[:, :2] * torch.tensor([3.0, 0.1]) + 7 + 0.5 * torch.randn(300, 2, generator=generator)
    numbers[:missing, 1] = torch.nan
    head = RegressionHead(20, 2)
    head.set_units(torch.tensor([7.0, 7.0]), torch.tensor([3.0, 0.5]))
    refit_numbers(head, rows, numbers, ridge=0.5)
    said = head.in_units(head.eval()(rows[:, :, None]).logits).detach().numpy()
    standard = ((rows - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()).numpy()
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    for column in (0, 1):
        known = ~numbers[:, column].isnan().numpy()
        x, y = standard[known], numbers[known, column].numpy()
        penalty = 0.5 * np.square(x - x.mean(0)).sum(0).mean()
        expected = linear_model.Ridge(alpha=penalty).fit(x, y).predict(standard)
        np.testing.assert_allclose(said[:, column], expected, rtol=1e-4, atol=1e-4)


def test_measures_are_zero_for_the_mean_and_perfect_for_the_truth() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(5, 2, size=(60, 1)).astype(np.float32)
    true[:5] = np.nan
    person = np.repeat([f"p{n}" for n in range(20)], 3)
    perfect = measure_numbers(np.nan_to_num(true).astype(np.float64), true, person, ["x"], seed=1)["x"]
    constant = measure_numbers(np.full((60, 1), np.nanmean(true), np.float64), true, person, ["x"], seed=1)["x"]
    assert perfect["explained"]["value"] == 1
    assert perfect["mean_absolute_error"]["value"] == 0
    assert constant["explained"]["value"] == pytest.approx(0, abs=1e-6)
    assert constant["mean_absolute_error"]["low"] < constant["mean_absolute_error"]["value"]
    assert constant["sequences"] == 55
    with pytest.raises(ConfigError, match="fewer than two"):
        measure_numbers(true.astype(np.float64), np.full_like(true, np.nan), person, ["x"], seed=1)


def finetune_config(data: Path, **settings: Any) -> FinetuneConfig:
    plain = {"affine": 0, "perspective": 0, "flip": 0, "dilate": 0, "blur": 0}
    return FinetuneConfig.model_validate(
        {
            **{"kind": "finetune", "seed": 1, "architecture": SMALL, "data": data, "initial": None, "clip": CLIP},
            **{"augmentation": plain, "crops": (1,), "batch": 12, "iterations": 60, "tasks": [NUMBERS]},
            **{"layer_rates": (0.05,) * 5, "projector_rate": 0.05, "head_rate": 0.02, "checkpoint_every": 60},
        }
        | settings
    )


def test_fine_tuning_learns_numbers_of_people_whom_it_never_saw(
    people_shards: Path, other_people_shards: Path, tmp_path: Path
) -> None:
    config = finetune_config(people_shards)
    finetune(config, tmp_path / "run")
    evaluate(EvaluationOrder(tmp_path / "run", other_people_shards), tmp_path / "found")
    measures = json.loads((tmp_path / "found" / "metrics.json").read_text())["tasks"]["regression"]
    assert measures["girth_px"]["explained"]["value"] > 0.15
    assert measures["girth_px"]["mean_absolute_error"]["value"] < 2.2
    assert "girth_px" in (tmp_path / "found" / "regression_numbers.csv").read_text()
    log = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert log[-1]["regression"] < 0.6 * log[0]["regression"]


def test_a_probe_fits_numbers_beside_classes_and_loads_again(people_shards: Path, tmp_path: Path) -> None:
    sex = {"name": "sex", "classes": ("female", "male")}
    config = ProbeConfig.model_validate(
        {
            **{"kind": "probe", "seed": 1, "run": None, "architecture": SMALL, "data": people_shards, "clip": CLIP},
            **{"tasks": (sex, NUMBERS), "replicates": 0, "ridge": 0.01, "flip": 0},
        }
    )
    probe(config, tmp_path / "probe")
    folder = read_shards(people_shards)
    run = finetune_config(people_shards, tasks=(sex, NUMBERS), replicates=0, iterations=1)
    network = load_finetuned(run, tmp_path / "probe")
    said = score_folder(network, folder, transform_of(run, 25.0))
    (true,) = numbers_of(RegressionTask.model_validate(NUMBERS), [folder])
    assert said["regression"].shape == (len(folder), 2)
    assert np.corrcoef(said["regression"][:, 0], true[:, 0])[0, 1] > 0.5
