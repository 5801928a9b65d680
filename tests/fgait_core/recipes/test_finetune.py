"""Fine-tuning learns every kind of task, resumes bit for bit, leaves frozen layers alone, and divides well."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fgait_core.config import ClassificationTask, FinetuneConfig, IdentificationTask, PretrainConfig
from fgait_core.data.labels import targets_of
from fgait_core.data.shards import read_shards
from fgait_core.errors import CheckpointError, ConfigError, OperationCancelled
from fgait_core.recipes.finetune import bootstrap_weights, build_network, finetune, load_finetuned
from fgait_core.recipes.pretrain import pretrain
from fgait_core.recipes.scoring import identification_embeddings, score_folder, transform_of
from fgait_core.training.checkpoint import read_checkpoint

FROZEN = {"layer_rates": (0.0, 0.0, 0.0, 0.0, 0.05), "iterations": 2}
PROBE = {"layer_rates": (0.0,) * 5, "projector_rate": 0.0, "iterations": 2}
ALL_KINDS: tuple[Any, ...] = (
    {"kind": "identification", "width": 8},
    {"kind": "attributes", "attributes": {"sex": ["female", "male"], "build": ["slight", "strong"]}},
    {"name": "build", "classes": ["slight", "strong"], "weight": 0.5},
)


@pytest.fixture(scope="session")
def all_kinds(people_shards: Path, finetune_config: FinetuneConfig) -> dict[str, Any]:
    """Settings for all kinds of tasks at once on made-up people, four walks each."""
    same = finetune_config.model_dump(exclude={"data", "tasks", "batch", "sequences_per_person", "replicates"})
    return same | {"data": people_shards, "tasks": ALL_KINDS, "batch": 16, "sequences_per_person": 4, "replicates": 2}


def changed_parts(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {key.split(".")[0] for key, value in before.items() if not torch.equal(value, after[key])}


def test_losses_fall(finetuned_run: Path, losses_of) -> None:
    first, last = losses_of(finetuned_run)[0], losses_of(finetuned_run)[-1]
    assert last["iteration"] == 40
    assert last["scoliosis"] < 0.8 < 0.9 < first["scoliosis"]
    assert last["depression"] < 0.62 < first["depression"]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_starts_from_the_teacher_and_resumes_bit_for_bit(
    pretrain_config: PretrainConfig, all_kinds: dict[str, Any], optimizer: str, stop_after, losses_of, tmp_path: Path
) -> None:
    pair = pretrain(pretrain_config, tmp_path / "pretrained")
    changes = {"initial": tmp_path / "pretrained", "iterations": 4, "optimizer": optimizer}
    config = FinetuneConfig.model_validate(all_kinds | changes)
    started = build_network(config, people=12).backbone.state_dict()
    for key, value in pair.teacher_backbone.state_dict().items():
        assert torch.equal(value, started[key]), key
    whole = finetune(config, tmp_path / "whole")
    with pytest.raises(OperationCancelled):
        finetune(config, tmp_path / "stopped", cancelled=stop_after(2))
    resumed = finetune(config, tmp_path / "stopped")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "stopped")


@pytest.mark.parametrize(("changes", "learns"), [(FROZEN, {"layer4", "projector"}), (PROBE, set())])
def test_frozen_layers_keep_weights_and_statistics(
    finetune_config: FinetuneConfig, changes: dict, learns: set[str], tmp_path: Path
) -> None:
    config = finetune_config.model_copy(update=changes)
    before = {key: value.clone() for key, value in build_network(config).state_dict().items()}
    after = finetune(config, tmp_path / "run").state_dict()
    heads = {key: value for key, value in before.items() if key.startswith("heads.")}
    backbone = {key.removeprefix("backbone."): value for key, value in before.items() if key not in heads}
    assert changed_parts(backbone, {key: after[f"backbone.{key}"] for key in backbone}) == learns
    assert changed_parts(heads, after) == {"heads"}


def test_published_linear_probe_may_update_statistics_as_published(
    finetune_config: FinetuneConfig, tmp_path: Path
) -> None:
    accident = finetune_config.reproduce.model_copy(update={"frozen_statistics": True})
    config = finetune_config.model_copy(update=PROBE | {"reproduce": accident})
    before = {key: value.clone() for key, value in build_network(config).backbone.state_dict().items()}
    after = finetune(config, tmp_path / "run").backbone.state_dict()
    different = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert {key.rsplit(".", 1)[1] for key in different} == {"running_mean", "running_var", "num_batches_tracked"}
    assert changed_parts(before, after) == {"layer0", "layer1", "layer2", "layer3", "layer4", "projector"}


def test_the_published_crops_train_all_kinds_of_heads(
    all_kinds: dict[str, Any], losses_of: Callable, tmp_path: Path
) -> None:
    config = FinetuneConfig.model_validate(all_kinds | {"crops": (8, 4, 2, 1), "iterations": 3})
    network = finetune(config, tmp_path / "run")
    lines = losses_of(tmp_path / "run")
    names = {"identification_triplet", "identification_cross_entropy", "identification_accuracy", "attributes", "build"}
    assert names <= set(lines[0])
    assert all(np.isfinite(line[name]) for line in lines for name in names)
    loaded = load_finetuned(config, tmp_path / "run")
    for key, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key]), key


def test_identification_finds_people_whom_it_never_saw(
    all_kinds: dict[str, Any], other_people_shards: Path, tmp_path: Path
) -> None:
    config = FinetuneConfig.model_validate(all_kinds | {"tasks": ALL_KINDS[:1], "iterations": 16})
    network = finetune(config, tmp_path / "run")
    others = read_shards(other_people_shards)
    transform = transform_of(config, others.frame_rate_hz)
    embedding = identification_embeddings(network, "identification", others, transform)
    assert embedding.shape == (40, 8, 31)
    distance = np.linalg.norm(embedding[:, None] - embedding[None], axis=2).mean(-1)
    np.fill_diagonal(distance, np.inf)
    rank_1 = (others.person_number[distance.argmin(1)] == others.person_number).mean()
    assert rank_1 > 0.75, "chance is 3 / 39, and an untrained network finds a third"
    with pytest.raises(ConfigError, match="no identification 'gait'"):
        identification_embeddings(network, "gait", others, transform)
    assert score_folder(network, others, transform) == {}


def test_embeddings_of_identification_equal_the_head_on_whole_sequences(
    all_kinds: dict[str, Any], other_people_shards: Path
) -> None:
    config = FinetuneConfig.model_validate(all_kinds)
    network, others = build_network(config, people=12).eval(), read_shards(other_people_shards)
    embedding = identification_embeddings(network, "identification", others, transform_of(config, 25.0))
    with torch.inference_mode():
        said = network(torch.from_numpy(others.sequence(7))[None, None].float())["identification"]
    np.testing.assert_allclose(embedding[7], said.embedding[0].numpy(), atol=1e-5)


def test_targets_of_several_data_sets(people_shards: Path, other_people_shards: Path, train_shards: Path) -> None:
    folders = [read_shards(path) for path in (people_shards, other_people_shards, train_shards)]
    numbers = targets_of(IdentificationTask(), folders)
    assert [sorted(set(each.tolist())) for each in numbers] == [
        list(range(12)),
        list(range(12, 22)),
        list(range(22, 34)),
    ]
    task = ClassificationTask(name="frame", column="build", classes=("slight", "strong"))
    builds = targets_of(task, folders)
    assert set(builds[0].tolist()) == {-1, 0, 1}
    assert set(builds[2].tolist()) == {-1}
    with pytest.raises(ConfigError, match=r"there are the columns .*scoliosis"):
        targets_of(ClassificationTask(name="gait", classes=("a", "b")), folders)
    with pytest.raises(ConfigError, match="known ones: thin, strong"):
        targets_of(ClassificationTask(name="build", classes=("thin", "strong")), folders)


def test_a_start_of_another_size_and_an_unfinished_run_are_refused(
    pretrain_config: PretrainConfig, finetune_config: FinetuneConfig, stop_after, tmp_path: Path
) -> None:
    pretrain(pretrain_config.model_copy(update={"iterations": 1}), tmp_path / "pretrained")
    other = finetune_config.model_copy(update={"initial": tmp_path / "pretrained", "architecture": "tiny"})
    with pytest.raises(ConfigError, match="architecture that it was pre-trained with"):
        build_network(other)
    maps = finetune_config.model_copy(update={"initial": tmp_path / "pretrained", "modality": "skeleton_maps"})
    with pytest.raises(ConfigError, match="modality that it was pre-trained with"):
        build_network(maps)
    with pytest.raises(OperationCancelled):
        finetune(finetune_config, tmp_path / "run", cancelled=stop_after(1))
    with pytest.raises(CheckpointError, match="1 of 40 steps"):
        load_finetuned(finetune_config, tmp_path / "run")


def test_bootstrap_draws_people_not_sequences(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    weights = bootstrap_weights(folder, 200, seed=3)
    assert torch.equal(weights[:, 0], torch.ones(24))
    for person in folder.people:
        of_person = weights[torch.from_numpy(folder.person == person)]
        assert torch.equal(of_person[0], of_person[1])
    assert float(weights[:, 1:].mean()) == pytest.approx(1.0, abs=0.1)
    assert not torch.equal(weights, bootstrap_weights(folder, 200, seed=3, number=1))


def _process(rank: int, settings: dict[str, Any], out: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{out}/meet", rank=rank, world_size=2)
    for parallel in ("ddp", "fsdp"):
        finetune(FinetuneConfig.model_validate(settings | {"parallel": parallel}), Path(out) / parallel)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(all_kinds: dict[str, Any], tmp_path: Path) -> None:
    """However the few labels fall on them; also where weights are divided and a layer is frozen."""
    settings = all_kinds | {
        "crops": (2, 1),
        "iterations": 2,
        "precision": "float64",
        "layer_rates": (0.0, 0.001, 0.001, 0.001, 0.001),
        "projector_rate": 0.001,
        "head_rate": 0.01,
        "device": "cpu",
    }
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_process, args=(rank, settings, str(tmp_path))) for rank in range(2)]
    for worker in workers:
        worker.start()
    finetune(FinetuneConfig.model_validate(settings), tmp_path / "alone")
    for worker in workers:
        worker.join(timeout=200)
        assert worker.exitcode == 0
    alone = read_checkpoint(tmp_path / "alone" / "checkpoint.pt")["model"]
    lines = [json.loads(line) for line in (tmp_path / "alone" / "metrics.jsonl").read_text().splitlines()]
    names = ("identification_triplet", "identification_cross_entropy", "attributes", "build")
    for parallel in ("ddp", "fsdp"):
        together = read_checkpoint(tmp_path / parallel / "checkpoint.pt")["model"]
        for key, value in alone.items():
            torch.testing.assert_close(together[key], value, rtol=0, atol=1e-9, msg=f"{parallel}: {key}")
        theirs = [json.loads(line) for line in (tmp_path / parallel / "metrics.jsonl").read_text().splitlines()]
        for line, same in zip(lines, theirs, strict=True):
            for name in names:
                assert same[name] == pytest.approx(line[name], abs=1e-9), (parallel, name)
