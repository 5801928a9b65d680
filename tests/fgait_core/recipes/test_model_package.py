"""A package is made of a run, read back, scored with, and refused when anything of it does not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, ModelPackageError
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.package_content import AdaptationContent, PackageContent
from fgait_core.package_files import FILES, SUMS_FILE, file_sha256
from fgait_core.recipes.evaluate import EvaluationOrder, evaluate
from fgait_core.recipes.package import PackageOrder, build_package
from fgait_core.recipes.scoring import score_folder
from fgait_core.sequence import SilhouetteSequence


def walk(folder: Path, index: int, *, repeats: int = 1, frame_rate_hz: float = 25.0) -> SilhouetteSequence:
    frames = np.tile(read_shards(folder).sequence(index) * np.uint8(255), (repeats, 1, 1))
    return SilhouetteSequence(frames, np.arange(len(frames)) / frame_rate_hz, np.arange(len(frames)))


def rewrite(folder: Path, change: Callable[[dict], None]) -> None:
    """Changes package.json and makes the sums right again, as a careless person would."""
    content = json.loads((folder / "package.json").read_text())
    change(content)
    (folder / "package.json").write_text(json.dumps(content))
    (folder / SUMS_FILE).write_text("".join(f"{file_sha256(folder / name)}  {name}\n" for name in FILES))


@pytest.fixture
def copy_dir(package_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(package_dir, tmp_path / "copy"))


@pytest.mark.parametrize("frame_rate_hz", [12.5, 25.0, 30.0, 50.0])
def test_score_of_a_walk(package_dir: Path, train_shards: Path, frame_rate_hz: float) -> None:
    package = ModelPackage.load(package_dir)
    scores = package.score(walk(train_shards, 0, repeats=3, frame_rate_hz=frame_rate_hz))
    assert [score.task for score in scores] == ["scoliosis", "depression"]
    assert [score.class_order for score in scores] == [("negative", "neutral", "positive"), ("no", "yes")]
    for score in scores:
        positive = score.probabilities[score.positive_class]
        assert tuple(score.probabilities) == score.class_order
        assert sum(score.probabilities.values()) == pytest.approx(1)
        assert 0 <= score.interval[0] <= positive <= score.interval[1] <= 1
        assert score.interval[0] < score.interval[1]
        assert "windows" in score.interval_method
        assert set(score.prediction_set) <= set(score.class_order)
        assert score.abstained == (len(score.prediction_set) != 1)
        assert score.above_threshold == (positive >= score.operating_point.threshold)
        assert score.simulated
        assert score.coverage == 0.9
    assert scores == package.score(walk(train_shards, 0, repeats=3, frame_rate_hz=frame_rate_hz))


def test_attributes_are_given_apart_from_the_scores(package_dir: Path, train_shards: Path) -> None:
    package = ModelPackage.load(package_dir)
    sex, age = package.attributes(walk(train_shards, 0))
    assert (sex.attribute, age.attribute) == ("sex", "age_group")
    assert tuple(age.probabilities) == ("6-12", "13-17", "18-39", "40-64", "65-90")
    for each in (sex, age):
        assert sum(each.probabilities.values()) == pytest.approx(1)
        assert set(each.prediction_set) <= set(each.probabilities)
    assert not {"sex", "age_group"} & {score.task for score in package.score(walk(train_shards, 0))}
    weights = load_file(package_dir / "weights.safetensors")
    assert not any("clothing" in key for key in weights)
    assert len(weights["heads.sex.replicates"]) == 0
    assert len(weights["heads.scoliosis.replicates"]) == 3


def test_a_recording_unlike_the_training_data_abstains_and_says_so(package_dir: Path, train_shards: Path) -> None:
    package = ModelPackage.load(package_dir)
    noise = np.random.default_rng(0).integers(0, 2, (40, 64, 44)).astype(np.uint8) * np.uint8(255)
    unlike = package.assess(SilhouetteSequence(noise, np.arange(40) / 25, np.arange(40)))
    assert not unlike.typicality.typical
    assert unlike.typicality.score > unlike.typicality.threshold
    assert "film again" in unlike.typicality.reason
    for score in unlike.scores:
        assert score.abstained
        assert score.prediction_set == score.class_order
    fine = package.assess(walk(train_shards, 0, repeats=2))
    assert fine.typicality.typical
    assert fine.typicality.reason == ""
    assert fine.typicality == package.typicality(walk(train_shards, 0, repeats=2))
    assert fine.typicality.false_alarm_rate == 0.05


def test_a_view_has_its_own_calibrator_and_threshold(copy_dir: Path, train_shards: Path) -> None:
    def own_front(content: dict) -> None:
        for task in content["tasks"]:
            weight = [[-10 * value for value in row] for row in task["by_view"]["any"]["calibrators"][0]["weight"]]
            calibrators = [{"weight": weight, "bias": each["bias"]} for each in task["by_view"]["any"]["calibrators"]]
            task["by_view"]["front"] = {**task["by_view"]["any"], "calibrators": calibrators}
        content["typicality"]["thresholds"]["front"] = -100.0

    before = ModelPackage.load(copy_dir).assess(walk(train_shards, 0))
    rewrite(copy_dir, own_front)
    package = ModelPackage.load(copy_dir)
    assert package.assess(walk(train_shards, 0)) == before
    assert package.assess(walk(train_shards, 0), view="side") == before
    front = package.assess(walk(train_shards, 0), view="front")
    assert not front.typicality.typical
    assert front.scores[1].probabilities != before.scores[1].probabilities


def test_tasks_can_be_chosen(package_dir: Path, train_shards: Path) -> None:
    package = ModelPackage.load(package_dir)
    both = package.score(walk(train_shards, 1))
    assert package.score(walk(train_shards, 1), ["depression"]) == both[1:]
    with pytest.raises(ConfigError, match="scoliosis, depression"):
        package.score(walk(train_shards, 1), ["parkinson"])


def test_what_a_package_says_of_itself(package_dir: Path) -> None:
    package = ModelPackage.load(package_dir)
    assert (package.name, package.version, package.simulated) == ("small", "1.0", True)
    assert package.people == {"train": 12, "calibration": 60, "test": 48}
    assert "simulated" in package.training_data
    assert any("patients" in gap for gap in package.known_gaps)
    assert package.sha256 == file_sha256(package_dir / SUMS_FILE)
    card = (package_dir / "MODEL_CARD.md").read_text()
    assert "simulated walkers only" in card
    assert "no evidence for" in card


def test_measures_are_those_of_the_test_split(package_dir: Path, package_order: PackageOrder) -> None:
    stored = json.loads((package_dir / "metrics.json").read_text())["tasks"]
    again = evaluate(EvaluationOrder(package_dir, package_order.test, seed=package_order.seed)).metrics
    assert again["simulated"] is True
    for task in ("scoliosis", "depression"):
        for name in ("auroc", "balanced_accuracy", "accuracy", "macro_f1"):
            assert again["tasks"][task][name] == pytest.approx(stored[task][name])
        point = stored[task]["operating_point"]
        assert point["n_positive"] + point["n_negative"] == 48
        low, high = point["sensitivity_interval"]
        assert low <= point["sensitivity"] <= high
        assert sum(stored[task]["conformal"]["set_sizes"].values()) == pytest.approx(1)
    assert stored["depression"]["auroc"]["value"] > 0.8
    for attribute in ("sex", "age_group"):
        kept = json.loads((package_dir / "metrics.json").read_text())["attributes"][attribute]
        assert again["tasks"][attribute]["balanced_accuracy"] == pytest.approx(kept["balanced_accuracy"])
        assert again["tasks"][attribute]["calibration"]["ece"] == pytest.approx(kept["calibration"]["ece"])
        assert 0 <= kept["by_sex"]["female"]["covered"]["value"] <= 1


def test_the_guard_is_measured_on_people_and_on_things(package_dir: Path, package_order: PackageOrder) -> None:
    measured = json.loads((package_dir / "metrics.json").read_text())["typicality"]
    again = evaluate(EvaluationOrder(package_dir, package_order.test, seed=package_order.seed)).metrics["typicality"]
    assert again["false_alarms"] == pytest.approx(measured["false_alarms"])
    assert measured["false_alarms"]["value"] < 0.3
    assert measured["noticed"]["pixel_noise"]["noticed"] > 0.9
    assert measured["noticed"]["box"]["recordings"] == 48
    card = (package_dir / "MODEL_CARD.md").read_text()
    for words in ("Attributes of the person", "unlike the training data", "pixel noise", "view and sex: "):
        assert words in card


def test_float_score_equals_the_measured_one(package_dir: Path, package_order: PackageOrder) -> None:
    """The product's path (resampling, windows, fusing) scores a test sequence as the evaluation did."""
    package = ModelPackage.load(package_dir)
    test = read_shards(package_order.test)
    logits = score_folder(package.network, test, package.content.transform)
    for index in (0, 7, 31):
        for task, score in zip(package.content.tasks, package.score(walk(package_order.test, index)), strict=True):
            expected = task.by_view["any"].calibrators[0].calibrator().probabilities(logits[task.name][index, 0])
            assert list(score.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("name", FILES)
def test_every_changed_file_is_noticed(copy_dir: Path, name: str) -> None:
    content = bytearray((copy_dir / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy_dir / name).write_bytes(content)
    with pytest.raises(ModelPackageError, match=f"{name} .*differs from its SHA-256"):
        ModelPackage.load(copy_dir)
    (copy_dir / name).unlink()
    with pytest.raises(ModelPackageError, match="no complete model package"):
        ModelPackage.load(copy_dir)


def _swap_classes(content: dict) -> None:
    content["tasks"][0]["class_order"] = ["positive", "neutral", "negative"]


def _other_positive(content: dict) -> None:
    content["tasks"][1]["positive_class"] = "no"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_swap_classes, "class order of scoliosis"),
        (_other_positive, "class order of depression"),
        (lambda content: content["tasks"][0].update(name="parkinson"), "no such task"),
        (lambda content: content["transform"].update(alignment="other/1"), "another transform"),
        (lambda content: content["transform"].update(width_px=64), "another transform"),
        (lambda content: content["transform"].update(binary_above=0), "another transform"),
        (lambda content: content["architecture"].update(channels=[4, 4, 8, 16]), "architecture"),
        (lambda content: content["architecture"].update(depths=[1, 2, 1, 1]), "architecture"),
        (lambda content: content["architecture"].update(replicates=2), "architecture"),
        (lambda content: content.update(format=1), "format 1, which has one calibrator for all views"),
        (lambda content: content.update(format=3), "not in the form"),
        (lambda content: content["tasks"][0]["by_view"].pop("any"), "no pooled calibrator"),
        (lambda content: content["tasks"][0]["by_view"]["any"]["conformal_quantiles"].pop(), "any view"),
        (lambda content: content["attributes"][0].update(name="height"), "no such attribute"),
        (lambda content: content["attributes"][0].update(class_order=["male", "female"]), "class order of sex"),
        (lambda content: content["typicality"].update(components=2), "guard"),
        (lambda content: content.update(extra=1), "not in the form"),
    ],
)
def test_a_package_made_for_something_else_is_refused(copy_dir: Path, change: Callable, problem: str) -> None:
    rewrite(copy_dir, change)
    with pytest.raises(ModelPackageError, match=problem):
        ModelPackage.load(copy_dir)


def test_weights_that_do_not_fit_are_refused(copy_dir: Path) -> None:
    weights = load_file(copy_dir / "weights.safetensors")
    weights.pop("backbone.projector.0.fc_bin")
    save_file(weights, copy_dir / "weights.safetensors")
    rewrite(copy_dir, lambda content: None)
    with pytest.raises(ModelPackageError, match=r"projector\.0\.fc_bin"):
        ModelPackage.load(copy_dir)


def test_splits_that_share_people_are_refused(package_order: PackageOrder, train_shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split the data by person"):
        build_package(replace(package_order, test=train_shards), tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_the_bundled_package_loads_and_is_small() -> None:
    package = ModelPackage.load(bundled_package_dir())
    assert package.simulated
    assert package.tasks == ("scoliosis", "depression")
    assert sum(path.stat().st_size for path in bundled_package_dir().iterdir()) < 20_000_000


def test_the_bundled_package_scores_as_when_it_was_made() -> None:
    """Scores of a drawn walk by the version that made the package: its weights mean the same today."""
    y, x = np.mgrid[0:64, 0:44]
    frames = np.zeros((50, 64, 44), np.uint8)
    for frame in range(50):
        swing = 9 * np.sin(2 * np.pi * frame / 16)
        body = (np.abs(x - 22) < 6) & (y < 38)
        for side in (1, -1):
            body |= (np.abs(x - 22 - side * swing * (y - 34) / 30) < 3) & (y >= 34)
        frames[frame] = 255 * body
    package = ModelPackage.load(bundled_package_dir())
    assessed = package.assess(SilhouetteSequence(frames, np.arange(50) / 25, np.arange(50)))
    scoliosis, depression = assessed.scores
    assert list(scoliosis.probabilities.values()) == pytest.approx([0.3717366, 0.3436681, 0.2845953], abs=1e-5)
    assert scoliosis.interval == pytest.approx((0.2279267, 0.3793114), abs=1e-5)
    assert depression.probabilities["yes"] == pytest.approx(0.4390334, abs=1e-5)
    assert depression.interval == pytest.approx((0.2383436, 0.582875), abs=1e-5)
    assert assessed.typicality.score == pytest.approx(1.0941137, abs=1e-4)
    assert not assessed.typicality.typical


def test_a_folder_that_is_no_package_is_not_replaced(package_order: PackageOrder, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ConfigError, match="is no model package"):
            build_package(package_order, out)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def _with_tasks(run: Path, copy: Path, tasks: list) -> Path:
    """A copy of a run whose configuration names other tasks; its weights stay."""
    shutil.copytree(run, copy)
    content = yaml.safe_load((copy / "config.yaml").read_text()) | {"tasks": tasks}
    (copy / "config.yaml").write_text(yaml.safe_dump(content))
    return copy


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"name": "build", "classes": ["slight", "strong"]}, "The run has build. Measure other tasks"),
        ({"name": "depression", "classes": ["yes", "no"], "positive": "yes"}, "depression has other classes"),
        ({"name": "sex", "classes": ["male", "female"]}, "needs classifications"),
        ({"kind": "attributes", "attributes": {"sex": ["female", "male"]}}, "needs classifications"),
    ],
)
def test_runs_that_the_product_cannot_screen_with_are_refused(
    package_order: PackageOrder, task: dict, problem: str, tmp_path: Path
) -> None:
    run = _with_tasks(package_order.run, tmp_path / "run", [task])
    with pytest.raises(ConfigError, match=problem):
        build_package(replace(package_order, run=run), tmp_path / "package")


def test_people_of_the_pretraining_may_not_be_tested(
    package_order: PackageOrder, packaged_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(packaged_run, tmp_path / "run"))
    before = Path(shutil.copytree(packaged_run, tmp_path / "before"))
    content = yaml.safe_load((before / "config.yaml").read_text())
    (before / "config.yaml").write_text(yaml.safe_dump(content | {"data": [{"path": str(package_order.test)}]}))
    (run / "config.yaml").write_text(yaml.safe_dump(content | {"initial": str(before)}))
    with pytest.raises(ConfigError, match="split the data by person"):
        build_package(replace(package_order, run=run), tmp_path / "package")


def test_a_package_that_nobody_adapted_is_written_as_before_there_was_adaptation() -> None:
    package = ModelPackage.load(bundled_package_dir())
    assert package.content.adaptation is None
    assert package.content.model_dump_json(indent=1) + "\n" == (bundled_package_dir() / "package.json").read_text()
    adaptation = AdaptationContent(
        task="depression",
        scope="head",
        people=40,
        recordings=41,
        simulated_people=False,
        base_name=package.name,
        base_version=package.version,
        base_sha256=package.sha256,
        manifest_sha256="c" * 64,
    )
    adapted = package.content.model_copy(update={"adaptation": adaptation})
    assert PackageContent.model_validate_json(adapted.model_dump_json()) == adapted
