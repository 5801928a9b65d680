"""A probe fits heads in closed form to any encoder and leaves a run that loads like a fine-tuned one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from fgait_core.config import AttributesTask, FinetuneConfig, PretrainConfig, ProbeConfig, load_run_config
from fgait_core.data.labels import targets_of
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError
from fgait_core.models.heads import AttributesHead, CosineHead
from fgait_core.models.published import load_backbone
from fgait_core.models.published_export import export_published
from fgait_core.recipes.finetune import load_finetuned
from fgait_core.recipes.linear_probe import probe, refit_attributes, refit_classes
from fgait_core.recipes.package import PackageOrder, build_package
from fgait_core.recipes.pretrain import pretrain
from fgait_core.recipes.scoring import score_folder, transform_of

CLIP = {"frames": 4, "stride": 2}
SMALL = {"channels": (4, 4, 4, 8), "depths": (1, 1, 1, 1)}
ATTRIBUTES = {"kind": "attributes", "attributes": {"sex": ("female", "male"), "build": ("slight", "strong")}}


ATTRIBUTES_OF_WALKERS = {"kind": "attributes", "attributes": {"clothing": ("trousers", "coat")}}


def probe_config(**settings: Any) -> ProbeConfig:
    return ProbeConfig.model_validate({"kind": "probe", "seed": 1, "run": None, "replicates": 2} | settings)


@pytest.fixture(scope="module")
def pretrained(pretrain_config: PretrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "pretrained"
    pretrain(pretrain_config.model_copy(update={"iterations": 2}), folder)
    return folder


def test_refitted_head_equals_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(5)
    rows = torch.randn(300, 20, generator=generator)
    labels = (rows[:, :3] + 0.5 * torch.randn(300, 3, generator=generator)).argmax(1)
    weights = torch.ones(300, 3)
    weights[:, 1:] = torch.poisson(torch.ones(300, 2), generator=generator)
    labels[-20:] = -1
    head = CosineHead(20, 3, 2)
    refit_classes(head, rows, labels, weights, ridge=0.5)
    known = rows[:280].numpy()
    unit = (known - known.mean(0)) / np.sqrt(known.var(0) + 1e-5)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for column, matrix in enumerate([head.fc_bin[0], *head.replicates]):
        count = weights[:280, column].numpy()
        mean = np.average(unit, axis=0, weights=count)
        variance = np.average((unit - mean) ** 2, axis=0, weights=count).mean()
        reference = Ridge(alpha=0.5 * variance * count.sum())
        reference.fit(unit, np.eye(3)[labels[:280].numpy()], sample_weight=count)
        np.testing.assert_allclose(matrix.detach().numpy(), reference.coef_.T, atol=1e-3)
    said = head.eval()(rows.unflatten(1, (20, 1))).logits
    assert float((said[:280, 0].argmax(1) == labels[:280]).float().mean()) > 0.75


def test_refitted_attributes_say_yes_and_no_although_one_is_rare() -> None:
    generator = torch.Generator().manual_seed(6)
    rows = torch.randn(600, 20, generator=generator) + 1
    rare, common = (rows[:, 0] > 2.3).long(), (rows[:, 1] > 1).long()
    common[::7] = -1
    head = AttributesHead(20, (2, 3))
    head.initialise(generator)
    refit_attributes(head, rows, torch.stack([rare, common], dim=1), ridge=0.01)
    said = head.eval()(rows.unflatten(1, (20, 1))).logits
    margin = (said[:, 1] - said[:, 0]).detach()
    hit, passed = float((margin[rare == 1, 1] > 0).float().mean()), float((margin[rare == 0, 1] < 0).float().mean())
    assert min(hit, passed) > 0.8
    assert float((margin[common == 1, 3] > 0).float().mean()) > 0.9
    assert not margin[:, 4].any(), "nobody has the third value"


def test_probe_of_a_finetuned_run_keeps_its_encoder_and_its_tasks(
    finetuned_run: Path, finetune_config: FinetuneConfig, tmp_path: Path
) -> None:
    config = probe_config(run=finetuned_run, data=finetune_config.data[0].path)
    network = probe(config, tmp_path / "probed")
    equivalent = load_run_config(tmp_path / "probed")
    assert isinstance(equivalent, FinetuneConfig)
    before, after = load_finetuned(finetune_config, finetuned_run), load_finetuned(equivalent, tmp_path / "probed")
    for key, value in before.backbone.state_dict().items():
        assert torch.equal(value, after.backbone.state_dict()[key]), key
    assert set(after.heads) == {"scoliosis", "depression"}
    assert not torch.equal(before.heads["scoliosis"].fc_bin, after.heads["scoliosis"].fc_bin)
    assert torch.equal(network.heads["scoliosis"].fc_bin, after.heads["scoliosis"].fc_bin)


def test_probe_of_pretraining_takes_the_teacher_and_says_where_from(
    pretrained: Path, people_shards: Path, tmp_path: Path
) -> None:
    config = probe_config(run=pretrained, data=people_shards, tasks=[ATTRIBUTES], precision="bfloat16", flip=0)
    network = probe(config, tmp_path / "probed")
    for key, value in load_backbone(pretrained).state_dict().items():
        assert torch.equal(value, network.backbone.state_dict()[key]), key
    equivalent = load_run_config(tmp_path / "probed")
    assert isinstance(equivalent, FinetuneConfig)
    assert (equivalent.initial, equivalent.clip.frames, equivalent.layer_rates) == (pretrained, 4, (0,) * 5)
    again = load_finetuned(equivalent, tmp_path / "probed")
    people = read_shards(people_shards)
    (logits,) = score_folder(again, people, transform_of(equivalent, people.frame_rate_hz)).values()
    assert logits.shape == (48, 2, 4)
    (targets,) = targets_of(AttributesTask.model_validate(ATTRIBUTES), [people])
    for attribute, values in enumerate((slice(0, 2), slice(2, 4))):
        known = targets[:, attribute] >= 0
        right = logits[known, 1, values].argmax(1) == targets[known, attribute]
        assert right.mean() > 0.8, "an untrained encoder separates girth and lean, too"


def test_a_probe_of_pretraining_can_be_packaged(
    pretrained: Path, package_order: PackageOrder, train_shards: Path, tmp_path: Path
) -> None:
    settings = {"run": pretrained, "data": train_shards, "replicates": 0, "windows": 1}
    probe(probe_config(**settings, tasks=["depression", ATTRIBUTES_OF_WALKERS]), tmp_path / "probed")
    package = build_package(replace(package_order, run=tmp_path / "probed"), tmp_path / "package")
    assert package.tasks == ("depression",)
    assert package.content.transform.window_frames == 4


def test_probe_of_a_published_checkpoint(pretrained: Path, people_shards: Path, tmp_path: Path) -> None:
    content = torch.load(pretrained / "checkpoint.pt", weights_only=True)
    export_published(tmp_path / "published.pt", content["model"], 2)
    settings = {"run": tmp_path / "published.pt", "data": people_shards, "tasks": [ATTRIBUTES]}
    with pytest.raises(ConfigError, match="how clips were cut"):
        probe(probe_config(**settings), tmp_path / "probed")
    probed = probe(probe_config(**settings, clip=CLIP), tmp_path / "probed")
    of_run = probe(probe_config(**settings | {"run": pretrained}), tmp_path / "of_run")
    for key, value in of_run.state_dict().items():
        assert torch.equal(value, probed.state_dict()[key]), key


def test_probe_of_an_untrained_network_follows_its_seed(train_shards: Path, tmp_path: Path) -> None:
    settings = {"data": train_shards, "architecture": SMALL, "clip": CLIP, "tasks": ["depression"], "windows": 1}
    first, same, other = (
        probe(probe_config(**settings | {"seed": seed}), tmp_path / name).state_dict()
        for name, seed in (("first", 1), ("same", 1), ("other", 2))
    )
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert not torch.equal(
        first["backbone.layer0.forward_block.0.weight"], other["backbone.layer0.forward_block.0.weight"]
    )


def test_what_does_not_fit_is_said(pretrained: Path, people_shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name `tasks`"):
        probe(probe_config(run=pretrained, data=people_shards), tmp_path / "out")
    tasks = {"run": pretrained, "data": people_shards, "tasks": [ATTRIBUTES]}
    with pytest.raises(ConfigError, match="Leave `architecture` out"):
        probe(probe_config(**tasks, architecture="tiny"), tmp_path / "out")
    published = tmp_path / "published.pt"
    export_published(published, torch.load(pretrained / "checkpoint.pt", weights_only=True)["model"], 2)
    with pytest.raises(ConfigError, match="Name the `modality`"):
        probe(probe_config(**tasks | {"run": published}, clip=CLIP, modality="skeleton_maps"), tmp_path / "out")
    wrong = {"kind": "attributes", "attributes": {"sexx": ("female", "male")}}
    with pytest.raises(ConfigError, match="column 'sexx'"):
        probe(probe_config(**tasks | {"tasks": [wrong]}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scores_do_not_depend_on_other_sequences_and_short_ones_are_repeated(
    pretrained: Path, people_shards: Path, make_shards, tmp_path: Path
) -> None:
    network = probe(probe_config(run=pretrained, data=people_shards, tasks=[ATTRIBUTES]), tmp_path / "probed")
    equivalent = load_run_config(tmp_path / "probed")
    assert isinstance(equivalent, FinetuneConfig)
    people, short = read_shards(people_shards), read_shards(make_shards(tmp_path / "short", people=1, frames=5))
    transform = transform_of(equivalent, 25.0)
    (logits,) = score_folder(network, people, transform).values()
    windows = torch.stack(
        [torch.from_numpy(people.sequence(9)[start * 2 : start * 2 + 8 : 2]) for start in (0, 2)]
    ).float()
    with torch.inference_mode():
        said = network(windows[:, None])["attributes"].logits.mean(0) * 16
    np.testing.assert_allclose(logits[9], said.numpy(), atol=1e-4)
    (repeated,) = score_folder(network, short, transform).values()
    steps = torch.from_numpy(short.sequence(0)[[0, 2, 4, 0]])[None, None].float()
    with torch.inference_mode():
        np.testing.assert_allclose(repeated[0], network(steps)["attributes"].logits[0].numpy() * 16, atol=1e-4)
    other = transform.model_copy(update={"frame_rate_hz": 10.0})
    with pytest.raises(ConfigError, match="does not divide"):
        score_folder(network, people, other)
