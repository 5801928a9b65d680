"""Scopes that train the encoder: only what the protocol names changes; a stopped run ends as an uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fgait_core.config import ArchitectureConfig, ClipConfig, FinetuneConfig, RetrainConfig
from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.model_package import ModelPackage
from fgait_core.package_files import METRICS_FILE, WEIGHTS_FILE
from fgait_core.recipes.finetune import build_network
from fgait_core.recipes.retraining.fit import fit

TRAINED = ("layer4.", "projector.")


def with_protocol(config: RetrainConfig, **changes: object) -> RetrainConfig:
    content = config.model_dump()
    content["protocol"] |= changes
    return RetrainConfig.model_validate(content)


def changed(base: Path, fitted: Path) -> set[str]:
    """Names of the backbone's weights and statistics that differ."""
    before, after = load_file(base / WEIGHTS_FILE), load_file(fitted / WEIGHTS_FILE)
    return {
        name.removeprefix("backbone.")
        for name, value in before.items()
        if name.startswith("backbone.") and not torch.equal(value, after[name])
    }


@pytest.fixture(scope="module")
def last_stage_run(encoder_config: RetrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "last_stage"
    fit(encoder_config, run)
    return run


def test_only_the_last_stage_and_the_projector_change(last_stage_run: Path, encoder_config: RetrainConfig) -> None:
    names = changed(encoder_config.base, last_stage_run / "fitted")
    assert names
    assert all(name.startswith(TRAINED) for name in names)
    assert {name.split(".")[0] for name in names} == {"layer4", "projector"}


def test_whole_network_changes_every_layer(encoder_config: RetrainConfig, tmp_path: Path) -> None:
    fit(with_protocol(encoder_config, scope="whole_network", replay=0.0), tmp_path / "run")
    names = changed(encoder_config.base, tmp_path / "run" / "fitted")
    wanted = {"layer0", "layer1", "layer2", "layer3", "layer4", "projector"}
    assert {name.split(".")[0] for name in names} == wanted


def test_package_says_what_it_is(last_stage_run: Path, encoder_config: RetrainConfig) -> None:
    base, made = ModelPackage.load(encoder_config.base), ModelPackage.load(last_stage_run / "fitted")
    adaptation = made.content.adaptation
    assert adaptation is not None
    assert (adaptation.scope, adaptation.base_sha256) == ("head_and_last_stage", base.sha256)
    assert adaptation.people == len(read_shards(encoder_config.development).people)
    assert made.tasks == base.tasks
    assert base.content.attributes
    assert not made.content.attributes
    metrics = json.loads((last_stage_run / "fitted" / METRICS_FILE).read_text())
    assert metrics["attributes"] == {}
    # One person of four was held out, and only they are measured.
    assert metrics["tasks"]["depression"]["people"] <= -(-adaptation.people // 4)
    assert (last_stage_run / "training" / "metrics.jsonl").read_text().count("\n") == 10


def test_nobody_who_learns_is_held_out_and_clips_have_one_rate(
    last_stage_run: Path, encoder_config: RetrainConfig
) -> None:
    learn, held, replay = (read_shards(last_stage_run / name) for name in ("learn", "held_out", "replay"))
    everybody = read_shards(encoder_config.development)
    assert not set(learn.people) & set(held.people)
    assert set(learn.people) | set(held.people) == set(everybody.people)
    assert learn.frame_rate_hz == held.frame_rate_hz == replay.frame_rate_hz == 12.5
    place = everybody.keys.tolist().index(str(learn.keys[0]))
    np.testing.assert_array_equal(learn.sequence(0), everybody.sequence(place)[::2])


def test_a_stopped_run_ends_as_an_uninterrupted_one(
    last_stage_run: Path,
    encoder_config: RetrainConfig,
    tmp_path: Path,
    stop_after: Callable[[int], Callable[[], bool]],
) -> None:
    run = tmp_path / "run"
    with pytest.raises(OperationCancelled):
        fit(encoder_config, run, cancelled=stop_after(4))
    assert (run / "training" / "metrics.jsonl").read_text().count("\n") == 4
    assert not (run / "fitted").exists()
    assert fit(encoder_config, run).sha256 == ModelPackage.load(last_stage_run / "fitted").sha256
    other = with_protocol(encoder_config, seed=2)
    with pytest.raises(ConfigError, match="another configuration"):
        fit(other, run)


@pytest.mark.slow
def test_two_processes_train(
    encoder_config: RetrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_after: Callable[[int], Callable[[], bool]],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(Path(__file__).parents[4])
    budget = encoder_config.protocol.budget.model_copy(update={"processes": 2})
    config = with_protocol(encoder_config, budget=budget.model_dump())
    with pytest.raises(OperationCancelled):
        fit(config, tmp_path / "run", cancelled=stop_after(1))
    told: list[str] = []
    made = fit(config, tmp_path / "run", progress=lambda fraction, words: told.append(words))
    environment = json.loads((tmp_path / "run" / "training" / "environment.json").read_text())
    assert environment["processes"] == 2
    assert any(words.startswith("step ") for words in told)
    assert made.content.adaptation is not None
    assert all(name.startswith(TRAINED) for name in changed(config.base, tmp_path / "run" / "fitted"))


def test_too_few_people_are_refused_before_the_training(encoder_config: RetrainConfig, tmp_path: Path) -> None:
    few = write_few(tmp_path / "few")
    config = encoder_config.model_copy(update={"development": few})
    with pytest.raises(ConfigError, match=r"needs 20 with depression and 20 without it; there are 6 and 6"):
        fit(config, tmp_path / "run")
    assert not (tmp_path / "run" / "training").exists()


def test_a_frame_rate_that_does_not_fit_is_refused(encoder_config: RetrainConfig, tmp_path: Path) -> None:
    odd = write_few(tmp_path / "odd", people=44, frame_rate_hz=30.0)
    with pytest.raises(ConfigError, match=r"30 frames a second; the network wants 12\.5"):
        fit(encoder_config.model_copy(update={"development": odd}), tmp_path / "run")


def write_few(folder: Path, people: int = 12, frame_rate_hz: float = 12.5) -> Path:
    columns = {"depression": "text"}
    facts = {"simulated": True}
    writer = ShardWriter(folder, identity="few", manifest=facts, columns=columns, frame_rate_hz=frame_rate_hz)  # type: ignore[arg-type]
    for person in range(people):
        frames = np.full((8, 64, 44), 255, np.uint8)
        writer.add(f"s{person}", f"c{person}", frames, {"depression": ("no", "yes")[person % 2]})
    writer.finish()
    return folder


def test_fine_tuning_begins_with_the_heads_of_a_package(encoder_config: RetrainConfig) -> None:
    base = ModelPackage.load(encoder_config.base)
    config = FinetuneConfig(
        kind="finetune",
        seed=1,
        architecture=ArchitectureConfig(channels=(4, 4, 4, 8), depths=(1, 1, 1, 1)),
        data=encoder_config.development,  # type: ignore[arg-type]
        initial=encoder_config.base,
        clip=ClipConfig(frames=4),
        crops=(1,),
        batch=2,
        iterations=1,
        tasks=("depression", "scoliosis"),
        layer_rates=(0, 0, 0, 0, 0),
        projector_rate=0,
        head_rate=0.1,
        replicates=base.content.architecture.replicates,
    )
    weights = build_network(config).state_dict()
    for name, value in base.network.state_dict().items():
        if not name.startswith(("heads.sex", "heads.age_group")):
            torch.testing.assert_close(weights[name], value, rtol=0, atol=0)
    wider = config.model_copy(update={"architecture": ArchitectureConfig(channels=(4, 4, 8, 8), depths=(1, 1, 1, 1))})
    with pytest.raises(ConfigError, match="does not fit the architecture"):
        build_network(wider)
