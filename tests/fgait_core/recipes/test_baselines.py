"""Baselines find what is there, find nothing where nothing is, and say which is which."""

import json
from pathlib import Path

import numpy as np
import pytest

from fgait_core.config import ClassificationTask
from fgait_core.data.labels import TASKS, targets_of
from fgait_core.data.shards import SHADOWS, ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.recipes import simgait_baselines
from fgait_core.recipes.baseline_features import UNKNOWN_VIEW, energy_image, measure_windows
from fgait_core.recipes.baseline_models import boosted_probabilities, energy_probabilities
from fgait_core.recipes.baselines import baselines, shortcut_probabilities
from fgait_core.recipes.evaluate import data_facts
from fgait_core.recipes.simgait_baselines import (
    chance_text,
    figures_of,
    is_at_chance,
    measure_baselines,
    read_baselines,
    write_baselines,
)
from fgait_core.recipes.simgait_compare import compare_with_baselines
from fgait_core.simulation.dataset.generator import write_split
from fgait_core.simulation.dataset.plan import SimulationPlan

BOTH = list(TASKS.values())


@pytest.fixture(scope="module")
def splits(make_shards, tmp_path_factory: pytest.TempPathFactory) -> tuple[ShardFolder, ShardFolder]:
    """Girth tells scoliosis, lean depression; view, clothes, load, age and sex say nothing."""
    data = tmp_path_factory.mktemp("splits")
    return (
        read_shards(make_shards(data / "train", people=120, sequences=4)),
        read_shards(make_shards(data / "test", split="test", people=60)),
    )


def test_package_baselines_find_what_the_silhouettes_show(splits):
    train, test = splits
    found = baselines([train], test, BOTH, 1)
    for task in ("scoliosis", "depression"):
        assert found[task]["mean_silhouette"]["value"] > 0.9
        shortcut = found[task]["only_view_clothing_carrying_age_sex"]
        assert shortcut["low"] < 0.55
        assert shortcut["high"] > 0.45


def test_a_short_cut_is_found_where_there_is_one(splits):
    train, test = splits
    task = ClassificationTask(name="clothing", classes=("trousers", "coat"))
    (true,) = targets_of(task, [test])
    through = shortcut_probabilities(task, [train], test, ("view_deg", "clothing"), 1)
    assert (through.argmax(1) == true).all()
    blind = shortcut_probabilities(task, [train], test, ("view_deg", "age_years"), 1)
    assert abs((blind.argmax(1) == true).mean() - 0.5) < 0.2


def test_windows_cover_each_sequence_and_are_averaged(splits):
    _, test = splits
    windows = measure_windows([test, test], 8)
    assert len(windows) == 4 * len(test)
    assert windows.sequence.tolist() == np.repeat(np.arange(2 * len(test)), 2).tolist()
    assert len(np.unique(windows.person)) == 2 * len(test.people)
    said = windows.of_sequences(np.stack([windows.sequence, np.arange(len(windows))], 1).astype(float), 2 * len(test))
    assert said[:, 0].tolist() == list(range(2 * len(test)))
    assert said[3, 1] == 6.5
    few = measure_windows([test], 8, limit=5, seed=2)
    assert len(np.unique(few.sequence)) == 5
    assert np.array_equal(few.parameters, windows.parameters[np.isin(windows.sequence, few.sequence)])


def test_short_sequences_are_repeated_and_unknown_views_said(people_shards: Path):
    folder = read_shards(people_shards)
    windows = measure_windows([folder], 24)
    assert (windows.view == UNKNOWN_VIEW).all()
    assert len(windows) == len(folder)
    clip = folder.sequence(0)
    twice = energy_image(np.concatenate([clip, clip])[None], np.array([False]))
    assert np.array_equal(windows.energy[0], twice[0])


def test_energy_image_of_a_mirrored_walk_is_the_same():
    clips = (np.random.default_rng(0).random((2, 5, 64, 44)) < 0.5).astype(np.uint8)
    straight = energy_image(clips, np.array([False, False]))
    mirrored = energy_image(clips[..., ::-1], np.array([True, True]))
    assert np.array_equal(straight, mirrored)
    assert straight[0, :704].astype(float).mean() == pytest.approx(clips[0].mean(), abs=1e-3)


def test_classes_that_nobody_had_get_no_probability(splits):
    train, test = splits
    known, unknown = measure_windows([train], 16), measure_windows([test], 16)
    labels = targets_of(TASKS["scoliosis"], [train])[0][known.sequence]
    only_two = np.where(labels == 1, -1, labels)
    linear = energy_probabilities(known, unknown, {"a": only_two}, {"a": 3}, seed=1)["a"]
    boosted = boosted_probabilities(known.parameters, only_two, unknown.parameters, 3, 1)
    for said in (linear, boosted):
        assert (said[:, 1] == 0).all()
        assert np.allclose(said.sum(1), 1)


@pytest.mark.parametrize(
    ("auroc", "passed"), [((0.51, 0.48, 0.54), True), ((0.54, 0.46, 0.6), False), ((0.52, 0.505, 0.535), False)]
)
def test_at_chance(auroc: tuple[float, float, float], passed: bool):
    assert is_at_chance(dict(zip(("value", "low", "high"), auroc, strict=True))) is passed


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShardFolder, ShardFolder]:
    data = tmp_path_factory.mktemp("simulated")
    for name in ("train", "test"):
        write_split(SimulationPlan(name, 18, 2, 20), data / name, processes=1)
    return read_shards(data / "train"), read_shards(data / "test")


@pytest.fixture(scope="module")
def content(simulated) -> dict:
    return measure_baselines(*simulated, oracle_people=120)


def test_all_rows_are_measured(content: dict, tmp_path: Path):
    assert set(content["rows"]) == set(simgait_baselines.TITLES)
    for row in ("gait_energy_image", "silhouette_parameters"):
        assert set(content["rows"][row]) == {"scoliosis", "depression", "sex", "age_group"}
        assert content["rows"][row]["sex"]["people"] == 18
    assert set(content["at_chance"]) == {"scoliosis", "depression"}
    table = write_baselines(tmp_path, content)
    assert len(table.rows) == 6
    assert table.header[1] == "scoliosis AUROC"
    assert table.rows[5][1] == f"{content['rows']['dose']['scoliosis']['auroc']['value']:.3f}"
    assert json.loads((tmp_path / "baselines.json").read_text()) == json.loads(json.dumps(content))
    assert "SIMULATED" in (tmp_path / "baselines.md").read_text()
    assert read_baselines(tmp_path)["test"]["sequences"] == 36


def test_words_of_the_short_cut_test():
    assert "passed" in chance_text({"at_chance": {"scoliosis": True}})
    assert "NOT passed for scoliosis" in chance_text({"at_chance": {"scoliosis": False, "depression": True}})


def test_splits_that_do_not_fit_are_refused(simulated, splits):
    with pytest.raises(ConfigError, match="no column 'speed"):
        measure_baselines(simulated[0], splits[1])
    assert set(SHADOWS) <= set(splits[1].columns)


def test_a_network_stands_beside_the_baselines(content: dict, simulated, tmp_path: Path):
    write_baselines(tmp_path, content)
    measured = content["rows"]["gait_energy_image"]
    model = {"name": "net", "version": "1"}
    metrics = {"model": model, "data": data_facts(simulated[1]), "tasks": {"depression": measured["depression"]}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    table = compare_with_baselines(tmp_path, [tmp_path], tmp_path / "table.md")
    network = dict(zip(table.header, table.rows[-1], strict=True))
    assert network["model"] == "net 1"
    assert network["sex AUROC"] is None
    assert network["depression AUROC"] == figures_of(measured)["depression AUROC"]
    assert "| net 1 |" in (tmp_path / "table.md").read_text()
    with pytest.raises(ConfigError, match="Two evaluations are called 'net 1'"):
        compare_with_baselines(tmp_path, [tmp_path, tmp_path])


def test_other_data_and_no_baselines_are_refused(content: dict, simulated, tmp_path: Path):
    write_baselines(tmp_path, content)
    other = {"model": None, "data": data_facts(simulated[0]), "tasks": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(other))
    with pytest.raises(ConfigError, match="on the same split"):
        compare_with_baselines(tmp_path, [tmp_path])
    with pytest.raises(ConfigError, match=r"no readable baselines\.json"):
        read_baselines(tmp_path / "nothing")
