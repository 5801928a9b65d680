"""A fit writes a package that scores as its parts say, changes only what its scope allows, and can be interrupted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from fgait_core.config import RetrainConfig
from fgait_core.data.labels import TASKS
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import ModelPackage
from fgait_core.package_files import CARD_FILE, FILES, METRICS_FILE, SUMS_FILE, WEIGHTS_FILE, file_sha256
from fgait_core.progress import ignore_progress, never_cancelled
from fgait_core.recipes.retraining.adapt import Adapted, adapt
from fgait_core.recipes.retraining.development import Development, class_vectors, read_development
from fgait_core.recipes.retraining.fit import FITTED, fit
from fgait_core.recipes.retraining.provisional import PROVISIONAL
from fgait_core.recipes.scoring import score_folder

HEAD = "heads.depression."


def changed(config: RetrainConfig, protocol: dict | None = None, **fields: object) -> RetrainConfig:
    content = config.model_dump() | fields
    content["protocol"] |= protocol or {}
    return RetrainConfig.model_validate(content)


def differing(one: Path, other: Path) -> set[str]:
    """Names of weights that are not the same to the last byte."""
    ours, theirs = (load_file(folder / WEIGHTS_FILE) for folder in (one, other))
    assert ours.keys() >= theirs.keys()
    return {name for name, each in theirs.items() if each.tobytes() != ours[name].tobytes()}


@pytest.fixture(scope="module")
def base(tiny_package: Path) -> ModelPackage:
    return ModelPackage.load(tiny_package)


@pytest.fixture(scope="module")
def development(base: ModelPackage, clinic: Path) -> Development:
    return read_development(base, TASKS["depression"], read_shards(clinic), "cpu", ignore_progress, never_cancelled)


@pytest.fixture(scope="module", params=["recalibration", "head"])
def fitted(request, retrain_config: RetrainConfig, tmp_path_factory) -> tuple[RetrainConfig, Path]:
    config = changed(retrain_config, {"scope": request.param}, prior_weight=5.0)
    run = tmp_path_factory.mktemp("fit") / "run"
    fit(config, run)
    return config, run


def depression(package: ModelPackage):
    return next(task for task in package.content.tasks if task.name == "depression")


def test_what_is_read_is_what_the_package_says(base: ModelPackage, development: Development, clinic: Path) -> None:
    folder = read_shards(clinic)
    assert len(development.labels) == len(folder) - 1, "one has no outcome"
    logits = score_folder(base.network, folder, base.content.transform)["depression"][development.rows]
    ours = LOGIT_SCALE * np.einsum("nf,rfc->nrc", development.features, class_vectors(base, "depression"))
    np.testing.assert_allclose(ours, logits, atol=1e-4)
    for name in np.unique(development.person):
        assert development.weights[development.person == name].sum() == pytest.approx(1)


def by_hand(base: ModelPackage, people: Development, adapted: Adapted, head: int) -> np.ndarray:
    """slope * (calibrated logits of the base + change) + shift, in each recording's own view."""
    task, said = depression(base), []
    back = np.linalg.pinv(task.by_view["any"].calibrators[0].calibrator().weight)
    change, affine = adapted.heads[head], adapted.affines[head]
    for row, view in enumerate(people.views.tolist()):
        calibrator = task.of_view(view).calibrators[head].calibrator()
        logits = LOGIT_SCALE * people.features[row] @ class_vectors(base, "depression")[head]
        along = (people.features[row] - change.mean) @ change.vectors
        moved = calibrator.weight @ logits + calibrator.bias + calibrator.weight @ back @ along
        said.append(affine.slope * moved + affine.shift)
    return np.array(said)


def test_the_package_scores_as_its_parts_say(fitted, base: ModelPackage, development: Development) -> None:
    """Of every view, by the main head and each replicate."""
    config, run = fitted
    package = ModelPackage.load(run / FITTED)
    task = TASKS["depression"]
    adapted = adapt(development, 1, config.protocol, config.prior_weight, ignore_progress, never_cancelled)
    logits = score_folder(package.network, development.folder, package.content.transform)[task.name][development.rows]
    assert set(development.views.tolist()) == {"side", "front"}
    assert set(depression(package).by_view) == {"any", "side"}, "front is read by what is for any view"
    for head in range(logits.shape[1]):
        wanted = by_hand(base, development, adapted, head)
        for row, view in enumerate(development.views.tolist()):
            calibrator = depression(package).of_view(view).calibrators[head].calibrator()
            said = calibrator.calibrated_logits(logits[row, head][None])[0]
            np.testing.assert_allclose(said - said.mean(), wanted[row] - wanted[row].mean(), atol=2e-3)
    assert depression(package).operating_point.threshold == adapted.threshold


def test_only_the_scope_changes(fitted, tiny_package: Path, base: ModelPackage) -> None:
    config, run = fitted
    package = ModelPackage.load(run / FITTED)
    found = differing(run / FITTED, tiny_package)
    assert found == (set() if config.protocol.scope == "recalibration" else {f"{HEAD}fc_bin", f"{HEAD}replicates"})
    ours, theirs = ({each.name: each for each in one.contents} for one in (package, base))
    assert {name for name, each in ours.items() if each != theirs[name]} == {"depression"}
    assert ours["depression"].by_view != theirs["depression"].by_view


def test_it_says_where_it_comes_from(fitted, base: ModelPackage) -> None:
    config, run = fitted
    content = ModelPackage.load(run / FITTED).content
    adaptation = content.adaptation
    assert adaptation is not None
    assert (adaptation.task, adaptation.scope) == ("depression", config.protocol.scope)
    assert (adaptation.people, adaptation.recordings, adaptation.simulated_people) == (48, 58, True)
    assert (adaptation.base_sha256, adaptation.manifest_sha256) == (base.sha256, "b" * 64)
    assert content.simulated
    assert content.known_gaps[0] == PROVISIONAL
    assert depression(ModelPackage.load(run / FITTED)).operating_point.n_positive == 23, "without the unknown one"
    metrics = json.loads((run / FITTED / METRICS_FILE).read_text())
    assert metrics["adaptation"]["measured_on"].endswith("each predicted out of fold")
    assert metrics["tasks"]["depression"]["people"] == 47
    assert (run / "environment.json").is_file()
    assert "out of fold" in (run / FITTED / CARD_FILE).read_text()


def test_heads_learn_what_tells_the_clinic_apart(retrain_config: RetrainConfig, development: Development) -> None:
    """Out of fold, where the base says nothing of anybody."""
    silent = replace(development, said=np.zeros_like(development.said))
    found = [
        roc_auc_score(
            development.labels,
            adapt(silent, 1, retrain_config.protocol, prior, ignore_progress, never_cancelled).probabilities[:, 1],
        )
        for prior in (0.05, 1.0)
    ]
    assert min(found) > 0.7


def test_a_second_call_returns_what_is_there(fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    config, run = fitted
    before = (run / FITTED / WEIGHTS_FILE).stat().st_mtime_ns
    monkeypatch.setattr("fgait_core.recipes.retraining.fit.read_shards", None)  # nothing is read again
    assert fit(config, run).sha256 == ModelPackage.load(run / FITTED).sha256
    assert (run / FITTED / WEIGHTS_FILE).stat().st_mtime_ns == before


def test_another_configuration_needs_another_folder(fitted) -> None:
    config, run = fitted
    with pytest.raises(ConfigError, match=r"of another configuration\. Name another folder"):
        fit(changed(config, version="1.1"), run)


def test_a_stop_leaves_nothing_half_done(retrain_config: RetrainConfig, stop_after, tmp_path: Path) -> None:
    whole = fit(retrain_config, tmp_path / "whole")
    for questions in (0, 1, 4, 7):
        with pytest.raises(OperationCancelled):
            fit(retrain_config, tmp_path / "run", cancelled=stop_after(questions))
        assert not (tmp_path / "run" / FITTED).exists()
    assert fit(retrain_config, tmp_path / "run").sha256 == whole.sha256


def test_progress_rises_to_the_end(retrain_config: RetrainConfig, tmp_path: Path) -> None:
    told: list[float] = []
    fit(retrain_config, tmp_path / "run", progress=lambda fraction, words: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_too_few_outcomes_are_refused(retrain_config: RetrainConfig, write_clinic, tmp_path: Path) -> None:
    few = changed(retrain_config, development=write_clinic(tmp_path / "few", people=9))
    with pytest.raises(ConfigError, match=r"at least 5 development people .*and 5 without it; there are 3 and 5"):
        fit(few, tmp_path / "few_run")
    enough = changed(retrain_config, development=write_clinic(tmp_path / "enough", people=12))
    assert fit(enough, tmp_path / "run").people["test"] == 11


def test_a_task_that_the_base_does_not_know_is_refused(retrain_config: RetrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tiny 2.* does not screen for parkinson"):
        fit(changed(retrain_config, {"task": "parkinson"}), tmp_path / "run")
    fit(
        changed(retrain_config, {"scope": "recalibration"}), tmp_path / "run"
    )  # nothing was made: no other folder needed


def test_people_who_are_not_simulated_are_not_called_so(
    retrain_config: RetrainConfig, write_clinic, tmp_path: Path
) -> None:
    real = write_clinic(tmp_path / "real", people=20, simulated=False)
    content = fit(changed(retrain_config, development=real), tmp_path / "run").content
    assert content.adaptation is not None
    assert not content.adaptation.simulated_people
    assert content.simulated, "its base learned from simulated walkers"
    assert "on 20 people of a clinic" in content.training_data
    assert any(gap.startswith("Before its adaptation trained") for gap in content.known_gaps)


def test_an_adapted_package_is_adapted_again(fitted, retrain_config: RetrainConfig, tmp_path: Path) -> None:
    """The gate of the first adaptation says nothing of the second."""
    _, run = fitted
    first = Path(shutil.copytree(run / FITTED, tmp_path / "first"))
    metrics = json.loads((first / METRICS_FILE).read_text()) | {"gate": {"passed": True}}
    (first / METRICS_FILE).write_text(json.dumps(metrics))
    (first / SUMS_FILE).write_text("".join(f"{file_sha256(first / name)}  {name}\n" for name in FILES))
    again = fit(changed(retrain_config, base=first, version="2.0"), tmp_path / "again")
    assert again.content.adaptation is not None
    assert again.content.adaptation.base_sha256 == ModelPackage.load(first).sha256
    assert again.known_gaps.count(PROVISIONAL) == 1
    measured = json.loads((tmp_path / "again" / FITTED / METRICS_FILE).read_text())
    assert "gate" not in measured
    assert measured["earlier_adaptations"] == {}, "the same task: its figures are new"
    assert "Gate:" not in (tmp_path / "again" / FITTED / CARD_FILE).read_text()
