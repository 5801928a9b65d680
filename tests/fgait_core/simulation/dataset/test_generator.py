"""Data sets: the same from the same seed, whatever happens on the way; labels that nothing but the gait gives away."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.simulation.bodies.bank import SPLITS, BodyBank
from fgait_core.simulation.conditions.combined import SCOLIOSIS_CLASSES
from fgait_core.simulation.dataset import generator
from fgait_core.simulation.dataset.generator import bank_sha256, simulate_person, write_split
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.dataset.rows import AGE_GROUPS, COLUMNS, GAIT_TRUTH, age_group
from fgait_core.simulation.gait.truth import gait_truth
from fgait_core.simulation.walker import draw_setup

PLAN = SimulationPlan("train", people=14, sequences=2, frames=4, seed=3)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_split(PLAN, tmp_path_factory.mktemp("one") / "train", processes=1).parent


def test_what_is_written_can_be_read(split: Path, bank: BodyBank):
    loaded = read_shards(split, verify=True)
    assert loaded.manifest["simulated"] is True
    assert loaded.manifest["counts"]["sequences"] == len(loaded) == 28
    assert (loaded.frame_rate_hz, set(loaded.frames.tolist()), len(loaded.people)) == (25.0, {4}, 14)
    rows, made = zip(*simulate_person(PLAN, bank, 13), strict=True)
    assert loaded.keys[26:].tolist() == [row.key for row in rows] == ["train-000013-00", "train-000013-01"]
    assert loaded.person[26:].tolist() == ["13", "13"]
    for name, kind in COLUMNS.items():
        expected = [row.values()[name] for row in rows]
        stored = loaded.column(name)[26:].tolist()
        assert [float(text) if kind == "float" else text for text in stored] == [
            value if kind == "float" else "" if value is None else str(value) for value in expected
        ]
    np.testing.assert_array_equal(loaded.sequence(27), made[1].silhouettes > 127)


def test_each_number_of_the_gait_is_a_column_and_is_the_gait_as_walked(bank: BodyBank):
    row, made = next(simulate_person(PLAN, bank, 0))
    truth = gait_truth(made.gait, row.leg_m)
    assert tuple(truth) == GAIT_TRUTH
    assert {name: row.values()[name] for name in truth} == {name: round(value, 6) for name, value in truth.items()}
    assert list(row.values()) == list(COLUMNS)


def test_age_groups_meet_without_a_gap():
    assert [age_group(age) for age in (6.0, 12.99, 13.0, 17.99, 18.0, 39.9, 40.0, 64.9, 65.0, 90.0)] == [
        name for name in AGE_GROUPS for _ in range(2)
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_processes_of_another_hash_seed_write_the_same_files(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    write_split(PLAN, tmp_path / "train", processes=2)
    assert contents(tmp_path / "train") == contents(split)


def test_another_seed_gives_other_people(bank: BodyBank):
    (_, one), (_, other) = (next(simulate_person(replace(PLAN, seed=seed), bank, 0)) for seed in (3, 4))
    assert (one.silhouettes != other.silhouettes).any()


def test_an_interrupted_run_goes_on(split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "train"
    with pytest.raises(OperationCancelled):
        write_split(PLAN, out, processes=1, cancelled=lambda: True)
    assert not (out / "manifest.json").exists()
    made = []
    write_part = generator._write_part
    monkeypatch.setattr(generator, "_write_part", lambda job: made.append(job.part) or write_part(job))
    write_split(PLAN, out, processes=1)
    assert made == [1]  # the first part was kept
    assert contents(out) == contents(split)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "shard-00000.arrow"]


def test_a_folder_called_parts_that_is_somebody_elses_stays(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "notes.txt").write_text("mine")
    write_split(replace(PLAN, people=1, sequences=1), tmp_path, processes=1)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["notes.txt"]


def test_two_frames_are_enough(tmp_path: Path):
    write_split(replace(PLAN, people=1, frames=2, poses=True, parsing=True), tmp_path, processes=1)
    assert read_shards(tmp_path).frames.tolist() == [2, 2]


def test_a_finished_split_is_left_alone_and_never_overwritten(split: Path):
    before = [path.stat().st_mtime_ns for path in sorted(split.iterdir())]
    write_split(PLAN, split, processes=1)
    with pytest.raises(ConfigError, match="another data set"):
        write_split(replace(PLAN, seed=9), split, processes=1)
    assert [path.stat().st_mtime_ns for path in sorted(split.iterdir())] == before


def test_splits_share_no_body_and_no_seed(bank: BodyBank):
    people = {
        split: [plan_person(SimulationPlan(split, 40, 1), bank, number) for number in range(40)] for split in SPLITS
    }
    bodies = [{person.body for person in own} for own in people.values()]
    assert len(set.union(*bodies)) == sum(map(len, bodies))
    first = [draw_planned_walker(SimulationPlan(s, 40, 1), bank, people[s][0]).gait.cadence_steps_min for s in SPLITS]
    assert len(set(first)) == 3


def test_classes_are_balanced_and_crossed(bank: BodyBank):
    people = [plan_person(SimulationPlan("train", 600, 1), bank, number) for number in range(600)]
    for scoliosis in ("negative", "neutral", "positive"):
        for depression in ("no", "yes"):
            own = [p for p in people if (p.scoliosis, p.depression) == (scoliosis, depression)]
            assert len(own) == 100


@pytest.fixture(scope="module")
def circumstances(bank: BodyBank) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """What a classifier could look at other than the gait, the labels and the persons of 1,500 recordings."""
    plan, rows, labels, persons = SimulationPlan("train", 500, 3, seed=11), [], [], []
    for number in range(plan.people):
        person = plan_person(plan, bank, number)
        walker = draw_planned_walker(plan, bank, person)
        for place in range(plan.sequences):
            setup = draw_setup(walker, plan.rng(3, number, place))
            camera, outfit = setup.camera, setup.outfit
            look = (outfit.clothing, outfit.carrying, walker.hair, walker.conditions.distractor, walker.body.sex)
            size = (walker.body.age_years, walker.body.bmi, walker.body.height_m, setup.speed, setup.noise)
            place_of_camera = (camera.view_deg, camera.height_m, camera.distance_m, camera.focal_length_mm)
            flags = (camera.follows, setup.occluder is not None)
            rows.append((*look, setup.path.kind, *size, *place_of_camera, *flags))
            labels.append((person.scoliosis == "positive", person.depression == "yes"))
            persons.append(number)
    positive, depressed = np.array(labels).T
    return np.array(rows, object), {"scoliosis": positive, "depression": depressed}, np.array(persons)


@pytest.mark.parametrize("task", ["scoliosis", "depression"])
def test_circumstances_do_not_give_the_label_away(circumstances, task: str):
    rows, labels, persons = circumstances
    words = [0, 1, 2, 3, 4, 5]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough")
    forest = make_pipeline(columns, RandomForestClassifier(60, min_samples_leaf=20, random_state=0))
    scores = cross_val_predict(forest, rows, labels[task], groups=persons, cv=GroupKFold(5), method="predict_proba")
    assert abs(roc_auc_score(labels[task], scores[:, 1]) - 0.5) < 0.07


@pytest.mark.parametrize(
    "wrong",
    [
        {"split": "validation"},
        {"layout": "circle"},
        {"people": 0},
        {"frames": 1},
        {"frame_rate_hz": 14.0},
        {"frame_rate_hz": 121.0},
        {"frame_rate_hz": float("nan")},
        {"seed": -1},
    ],
)
def test_senseless_plans_are_refused(wrong: dict):
    with pytest.raises(ConfigError):
        SimulationPlan(**{"split": "train", "people": 1, "sequences": 1, **wrong})


def test_a_missing_bank_is_explained(tmp_path: Path):
    with pytest.raises(ConfigError, match="fgait simulate bodies"):
        write_split(PLAN, tmp_path / "out", tmp_path / "bank.npz")


def test_the_manifest_names_what_it_was_made_from(split: Path, bank: BodyBank):
    loaded = read_shards(split)
    plan, counts = loaded.manifest["plan"], loaded.manifest["counts"]
    assert (loaded.manifest["seed"], plan["seed"], plan["split"], plan["layout"]) == (3, 3, "train", "random")
    assert loaded.manifest["bodies"] == bank.name
    assert loaded.manifest["bodies_sha256"] == bank_sha256(bank)
    assert counts["people_by_depression"] == {"no": 7, "yes": 7}
    people = np.bincount(loaded.labels("scoliosis", SCOLIOSIS_CLASSES)) // PLAN.sequences
    assert dict(zip(SCOLIOSIS_CLASSES, people.tolist(), strict=True)) == counts["people_by_scoliosis"]
    assert len(set(loaded.column("body").tolist())) == counts["bodies"]
