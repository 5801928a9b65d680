"""Pre-training: the published step, learning, resumption, and validation on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fgait_core.config import PretrainConfig
from fgait_core.data.batches import Batch, positions_of
from fgait_core.data.shards import read_shards
from fgait_core.errors import ConfigError, OperationCancelled
from fgait_core.evaluation.retrieval import measure_retrieval
from fgait_core.recipes.embed import embed_folder
from fgait_core.recipes.pretrain import Pretraining, build_backbone, pretrain
from fgait_core.recipes.validation import Validation, whole_people
from fgait_core.training.checkpoint import read_checkpoint
from fgait_core.training.loop import CHECKPOINT


class PlainTurn:
    """Computes as it comes and counts what it was asked for."""

    def __init__(self, micro_batches: int, dtype: torch.dtype = torch.float64) -> None:
        self.device = torch.device("cpu")
        self.dtype = dtype
        self.micro_batches = micro_batches
        self.asked: list[bool] = []

    @contextmanager
    def forward(self, last: bool) -> Iterator[None]:
        self.asked.append(last)
        yield

    def backward(self, loss: torch.Tensor) -> None:
        (loss / self.micro_batches).backward()


QUICK = {"clip": {"frames": 2}, "crops": (1,), "checkpoint_every": 3}


def changed(config: PretrainConfig, **changes: object) -> PretrainConfig:
    return PretrainConfig.model_validate({**config.model_dump(), **changes})


def test_a_step_is_the_published_one(pretrain_config: PretrainConfig, root: Path) -> None:
    sys.path.insert(0, str(root / "tests" / "golden"))
    try:
        from golden_rule import fill
    finally:
        sys.path.pop(0)
    recipe = Pretraining(changed(pretrain_config, architecture="tiny", teacher_momentum=0.99, iterations=100))
    shapes = {key: tuple(value.shape) for key, value in recipe.network.state_dict().items()}
    recipe.network.load_state_dict({key: torch.from_numpy(fill(key, shape)) for key, shape in shapes.items()})
    recipe.network.double().train()
    with np.load(root / "tests" / "golden" / "golden_train_tiny.npz") as stored:
        golden = dict(stored)
    batch = Batch(1, 0, np.arange(8), (golden["q_u8"][:, None], golden["k_u8"][:, None]))
    turn = PlainTurn(1)
    optimizer = recipe.optimizer()
    values = recipe.step(recipe.learner(), [batch], turn)
    assert turn.asked == [False, True]
    assert values["loss"] == pytest.approx(float(golden["loss"]), abs=1e-6)
    assert values["accuracy"] == pytest.approx(float(golden["accuracy"]))
    assert values["momentum"] == pytest.approx(float(golden["ema_momentum_iter1"]), abs=1e-12)
    optimizer.step()
    recipe.after_step(1)
    state = recipe.network.state_dict()
    for key in (key for key in golden if key.startswith("after_step::")):
        np.testing.assert_allclose(state[key.removeprefix("after_step::")], golden[key], rtol=0, atol=1e-6, err_msg=key)


def test_micro_batches_give_the_loss_and_gradients_of_the_whole_batch(pretrain_config: PretrainConfig) -> None:
    """Where batch normalisation does not tell them apart: every micro-batch sees the targets of all."""
    rng = np.random.default_rng(0)
    views = tuple(rng.integers(0, 256, (8, 1, 2, 64, 44), np.uint8) for _ in range(2))
    results = []
    for parts in (1, 2):
        recipe = Pretraining(changed(pretrain_config, crops=(2, 1)))
        recipe.network.double().eval()
        rows = [positions_of(part, parts, 8, (2, 1)) for part in range(parts)]
        batches = [Batch(1, 0, at, tuple(view[at] for view in views)) for at in rows]
        turn = PlainTurn(parts)
        values = recipe.step(recipe.learner(), batches, turn)
        assert turn.asked == [False] * parts + [number == parts - 1 for number in range(parts)]
        results.append((values, [parameter.grad for parameter in recipe.learner().parameters()]))
    (whole, gradients), (divided, sums) = results
    assert divided["loss"] == pytest.approx(whole["loss"], rel=1e-12)
    for gradient, total in zip(gradients, sums, strict=True):
        torch.testing.assert_close(gradient, total, rtol=1e-9, atol=1e-11)


def test_the_loss_falls(pretrain_config: PretrainConfig, losses_of, tmp_path: Path) -> None:
    pretrain(changed(pretrain_config, **QUICK, iterations=30, learning_rate=0.1), tmp_path)
    losses = [line["loss"] for line in losses_of(tmp_path)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 1.0


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2, "batch": 16, "workers": 1}], ids=["plain", "accumulate"])
def test_pretraining_resumes_bit_for_bit(
    pretrain_config: PretrainConfig, stop_after, losses_of, changes: dict, tmp_path: Path
) -> None:
    config = changed(pretrain_config, **changes)
    whole = pretrain(changed(config, workers=0), tmp_path / "whole")
    with pytest.raises(OperationCancelled):
        pretrain(config, tmp_path / "stopped", cancelled=stop_after(3))
    resumed = pretrain(config, tmp_path / "stopped")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "stopped")
    assert losses_of(tmp_path / "whole")[-1]["iteration"] == 4


@pytest.fixture(scope="module")
def interrupted_config(pretrain_config: PretrainConfig) -> PretrainConfig:
    return changed(pretrain_config, **QUICK, batch=4, iterations=30)


@pytest.fixture(scope="module")
def uninterrupted(interrupted_config: PretrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "uninterrupted"
    pretrain(interrupted_config, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_a_program_that_is_ended_goes_on_as_if_it_had_not_been(
    interrupted_config: PretrainConfig,
    uninterrupted: Path,
    losses_of,
    number: signal.Signals,
    code: int,
    tmp_path: Path,
) -> None:
    """SIGKILL loses the steps after the last checkpoint, SIGTERM none."""
    config = changed(interrupted_config, workers=int(number == signal.SIGTERM))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    run, log = tmp_path / "run", tmp_path / "run" / "metrics.jsonl"
    command = [sys.executable, "-c", "from app.cli import main; main()", "pretrain", tmp_path / "config.yaml"]
    program = subprocess.Popen([*command, "--out", run], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while not (log.exists() and len(log.read_text().splitlines()) >= 5):
        assert program.poll() is None, program.stderr
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(program.pid, number)
    said = program.communicate(timeout=60)[1]
    assert program.returncode == code, said
    done, saved = len(log.read_text().splitlines()), read_checkpoint(run / CHECKPOINT)["iteration"]
    assert 5 <= done < 30
    assert saved == done if number == signal.SIGTERM else done - 3 <= saved <= done
    resumed = pretrain(config, run).state_dict()
    whole = read_checkpoint(uninterrupted / CHECKPOINT)["model"]
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
    assert losses_of(uninterrupted) == losses_of(run)


def test_validation_measures_the_teacher_and_changes_nothing(
    pretrain_config: PretrainConfig, make_shards, losses_of, tmp_path: Path
) -> None:
    people = make_shards(tmp_path / "people", split="test", people=6, sequences=3)
    validation = {"data": people, "every": 2, "sequences": 18}
    measured = pretrain(changed(pretrain_config, iterations=3, validation=validation), tmp_path / "measured")
    plain = pretrain(changed(pretrain_config, iterations=3), tmp_path / "plain")
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in measured.state_dict().items())
    lines = losses_of(tmp_path / "measured")
    assert ["validation_rank_1" in line for line in lines] == [False, True, True]
    folder = read_shards(people)
    embeddings = embed_folder(measured.teacher_backbone, folder)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
    itself = np.eye(18, dtype=bool)
    expected = measure_retrieval(
        embeddings, embeddings, folder.person, folder.person, excluded=lambda probes: itself[probes]
    )
    assert expected.probes == 18
    assert lines[-1]["validation_rank_1"] == pytest.approx(expected.rank[1])
    assert lines[-1]["validation_map"] == pytest.approx(expected.mean_average_precision)


def test_validation_takes_whole_people_who_are_not_trained_on(
    pretrain_config: PretrainConfig, make_shards, train_shards: Path, tmp_path: Path
) -> None:
    folder = read_shards(make_shards(tmp_path / "people", split="test", people=6, sequences=3))
    chosen = whole_people(folder, 10, seed=1)
    assert np.unique(folder.person_number[chosen], return_counts=True)[1].tolist() == [3, 3, 3]
    with pytest.raises(ConfigError, match="nobody with two sequences"):
        whole_people(folder, 2, seed=1)
    config = changed(pretrain_config, validation={"data": train_shards})
    with pytest.raises(ConfigError, match="is in both"):
        Validation(config, build_backbone(config), [read_shards(train_shards)])


def test_the_backbone_follows_the_configuration(pretrain_config: PretrainConfig) -> None:
    no_bands = {"augmentation": {"dilate": 0, "blur": 0}}
    assert build_backbone(changed(pretrain_config, modality="skeleton_maps", **no_bands)).in_channels == 2
    plain = build_backbone(pretrain_config)
    small = build_backbone(changed(pretrain_config, reproduce={"small_partwise_start": True}))
    bounds = [float(each.projector[0].fc_bin.detach().abs().max()) for each in (small, plain)]
    assert bounds[0] < 0.6 * bounds[1]
    assert torch.equal(plain.layer0.forward_block[0].weight, small.layer0.forward_block[0].weight)
    averaged = Pretraining(changed(pretrain_config, teacher_statistics="averaged"))
    assert averaged.network.teacher_statistics == "averaged"


@pytest.mark.parametrize(("name", "iterations", "rate_at"), [("0.03B", 40_000, 5e-4), ("0.13B", 80_000, 1e-5)])
def test_published_configurations(name: str, iterations: int, rate_at: float, root: Path) -> None:
    """The table of the specification, and nothing of the published accidents."""
    from fgait_core.config import load_config
    from fgait_core.training.optim import schedule_factor

    config = load_config(root / "configs" / f"pretrain_{name}.yaml", PretrainConfig)
    assert (config.architecture, config.batch, config.iterations) == (name, 512, iterations)
    assert (config.clip.frames, config.clip.skip, config.clip.stride) == (16, 4, 1)
    assert (config.learning_rate, config.momentum, config.weight_decay) == (0.05, 0.9, 5e-4)
    assert (config.teacher_momentum, config.logit_scale, config.label_smoothing) == (0.99, 16, 0.1)
    assert (config.crops, config.precision, config.sampling) == ((8, 4, 2, 1), "float16", "sequences")
    assert config.augmentation.model_dump() == {
        "affine": 0.2, "perspective": 0.2, "rotate": 0, "flip": 0.5, "dilate": 0.2, "blur": 0.2, "erase": 0,
    }  # fmt: skip
    assert config.learning_rate * schedule_factor(iterations, config.schedule, iterations) == pytest.approx(rate_at)
    assert config.mixture_exponent == pytest.approx(1 / 3)
    assert len(config.data) == 12
    assert [(str(each.path), each.weight) for each in config.data if each.weight != 1] == [
        ("data/gaitlu-1m/train", 0.1)
    ]
    assert not any(json.loads(config.reproduce.model_dump_json()).values())
