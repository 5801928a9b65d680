"""Training learns, and a resumed run equals an uninterrupted one bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from fgait_core.config import FinetuneConfig, PretrainConfig, ProbeConfig
from fgait_core.data.shards import read_shards
from fgait_core.errors import CheckpointError, OperationCancelled
from fgait_core.losses import masked_cross_entropy, part_contrastive_loss
from fgait_core.models.heads import CosineHead
from fgait_core.recipes.finetune import bootstrap_weights, build_network, finetune, load_finetuned
from fgait_core.recipes.linear_probe import probe, refit_head
from fgait_core.recipes.pretrain import pretrain
from fgait_core.training.loop import CHECKPOINT, METRICS


class StopAfter:
    """Cancels after some questions."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def losses_of(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_losses_fall(finetuned_run: Path) -> None:
    first, last = losses_of(finetuned_run)[0], losses_of(finetuned_run)[-1]
    assert last["iteration"] == 60
    assert last["scoliosis"] < 0.8 < 0.9 < first["scoliosis"]
    assert last["depression"] < 0.62 < first["depression"]


def test_overfits_one_batch(finetune_config: FinetuneConfig) -> None:
    network = build_network(finetune_config).train()
    data = read_shards(finetune_config.data)
    clips = torch.stack([torch.from_numpy(data.sequence(i)[:8:2]) for i in range(24)]).float()[:, None]
    labels = {task: torch.from_numpy(data.labels[task]) for task in ("scoliosis", "depression")}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for _ in range(30):
        logits = {task: values[:, 0] for task, values in network(clips).items()}
        loss = sum(masked_cross_entropy(logits[task], labels[task], torch.ones(24)) for task in labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for task, wanted in labels.items():
        assert torch.equal(logits[task].argmax(1), wanted), task


def test_pretraining_resumes_bit_for_bit(pretrain_config: PretrainConfig, tmp_path: Path) -> None:
    whole = pretrain(pretrain_config, tmp_path / "whole")
    with pytest.raises(OperationCancelled):
        pretrain(pretrain_config, tmp_path / "stopped", cancelled=StopAfter(3))
    resumed = pretrain(pretrain_config, tmp_path / "stopped")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "stopped")
    assert losses_of(tmp_path / "whole")[-1]["iteration"] == 4


def test_killed_run_repeats_only_the_steps_after_its_checkpoint(
    pretrain_config: PretrainConfig, tmp_path: Path
) -> None:
    whole = pretrain(pretrain_config, tmp_path / "whole")

    def die(fraction: float, words: str) -> None:
        if fraction >= 0.75:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pretrain_config, tmp_path / "killed", progress=die)
    assert len(losses_of(tmp_path / "killed")) == 3
    resumed = pretrain(pretrain_config, tmp_path / "killed")
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "killed")


def test_finetuning_starts_from_the_teacher_and_resumes_bit_for_bit(
    pretrain_config: PretrainConfig, finetune_config: FinetuneConfig, tmp_path: Path
) -> None:
    pair = pretrain(pretrain_config, tmp_path / "pretrained")
    config = finetune_config.model_copy(update={"initial": tmp_path / "pretrained", "iterations": 4})
    started = build_network(config).backbone.state_dict()
    for key, value in pair.teacher_backbone.state_dict().items():
        assert torch.equal(value, started[key]), key
    whole = finetune(config, tmp_path / "whole")
    with pytest.raises(OperationCancelled):
        finetune(config, tmp_path / "stopped", cancelled=StopAfter(2))
    resumed = finetune(config, tmp_path / "stopped")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_a_checkpoint_of_another_configuration_is_refused(pretrain_config: PretrainConfig, tmp_path: Path) -> None:
    pretrain(pretrain_config, tmp_path / "run")
    with pytest.raises(CheckpointError, match="another configuration"):
        pretrain(pretrain_config.model_copy(update={"learning_rate": 0.5}), tmp_path / "run")
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read"):
        pretrain(pretrain_config, tmp_path / "run")


def test_a_teacher_of_another_size_and_an_unfinished_run_are_refused(
    pretrain_config: PretrainConfig, finetune_config: FinetuneConfig, tmp_path: Path
) -> None:
    pretrain(pretrain_config, tmp_path / "pretrained")
    other = finetune_config.model_copy(update={"initial": tmp_path / "pretrained", "architecture": "tiny"})
    with pytest.raises(CheckpointError, match="architecture that it was pre-trained with"):
        build_network(other)
    with pytest.raises(OperationCancelled):
        finetune(finetune_config, tmp_path / "run", cancelled=StopAfter(1))
    with pytest.raises(CheckpointError, match="1 of 60 steps"):
        load_finetuned(finetune_config, tmp_path / "run")


def test_frozen_layers_do_not_change(finetune_config: FinetuneConfig, tmp_path: Path) -> None:
    config = finetune_config.model_copy(update={"layer_rates": (0.0, 0.0, 0.0, 0.0, 0.05), "iterations": 2})
    before = {key: value.clone() for key, value in build_network(config).backbone.named_parameters()}
    after = dict(finetune(config, tmp_path / "run").backbone.named_parameters())
    changed = {key.split(".")[0] for key, value in before.items() if not torch.equal(value, after[key])}
    assert changed == {"layer4", "projector"}


def test_people_without_a_label_do_not_count() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, weights = torch.tensor([0, 1, -1, 2, -1, 0]), torch.ones(6)
    loss = masked_cross_entropy(logits, labels, weights)
    known = labels >= 0
    expected = torch.nn.functional.cross_entropy(logits[known] * 16, labels[known], label_smoothing=0.1)
    torch.testing.assert_close(loss, expected)
    nobody = masked_cross_entropy(logits, torch.full((6,), -1), weights)
    nobody.backward()
    assert float(nobody.detach()) == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_contrastive_loss_is_lowest_for_the_right_pairs() -> None:
    views = torch.randn(8, 5, 31, generator=torch.Generator().manual_seed(0))
    right, wrong = part_contrastive_loss(views, views), part_contrastive_loss(views, views.roll(1, 0))
    assert float(right.accuracy) == 1.0
    assert float(wrong.accuracy) == 0.0
    assert float(right.loss) < float(wrong.loss)


def test_bootstrap_draws_people_not_sequences(train_shards: Path) -> None:
    folder = read_shards(train_shards)
    weights = bootstrap_weights(folder, 200, seed=3)
    assert torch.equal(weights[:, 0], torch.ones(24))
    for person in folder.people:
        of_person = weights[torch.from_numpy(folder.person == person)]
        assert torch.equal(of_person[0], of_person[1])
    assert float(weights[:, 1:].mean()) == pytest.approx(1.0, abs=0.1)


def test_refitted_head_equals_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(300, 20, generator=generator)
    labels = (features[:, :3] + 0.5 * torch.randn(300, 3, generator=generator)).argmax(1)
    weights = torch.ones(300, 3)
    weights[:, 1:] = torch.poisson(torch.ones(300, 2), generator=generator)
    labels[-20:] = -1
    head = CosineHead(20, 3, 2)
    refit_head(head, features, labels, 3, weights, ridge=0.5)
    known = features[:280].numpy()
    unit = (known - known.mean(0)) / np.sqrt(known.var(0) + 1e-5)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for column, matrix in enumerate([head.fc_bin[0], *head.replicates]):
        count = weights[:280, column].numpy()
        mean = np.average(unit, axis=0, weights=count)
        variance = np.average((unit - mean) ** 2, axis=0, weights=count).mean()
        reference = Ridge(alpha=0.5 * variance * count.sum())
        reference.fit(unit, np.eye(3)[labels[:280].numpy()], sample_weight=count)
        np.testing.assert_allclose(matrix.detach().numpy(), reference.coef_.T, atol=1e-3)


def test_probe_leaves_the_encoder_and_gives_a_run_that_can_be_packaged(
    finetuned_run: Path, finetune_config: FinetuneConfig, tmp_path: Path
) -> None:
    config = ProbeConfig(kind="probe", seed=1, run=finetuned_run, data=finetune_config.data, windows=2)
    network = probe(config, tmp_path / "probed")
    before = load_finetuned(finetune_config, finetuned_run)
    after = load_finetuned(finetune_config, tmp_path / "probed")
    for key, value in before.backbone.state_dict().items():
        assert torch.equal(value, after.backbone.state_dict()[key]), key
    assert not torch.equal(before.heads["scoliosis"].fc_bin, after.heads["scoliosis"].fc_bin)
    assert torch.equal(network.heads["scoliosis"].fc_bin, after.heads["scoliosis"].fc_bin)
