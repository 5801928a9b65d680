"""Checkpoints of the published format are read, refused with reasons, and written."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fgait_core.errors import CheckpointError, ConfigError
from fgait_core.models.architectures import ARCHITECTURES
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.published import (
    compare,
    load_backbone,
    load_into,
    read_published,
)

Weights = dict[str, torch.Tensor]


def small_backbone(seed: int = 1, in_channels: int = 1) -> Backbone:
    backbone = Backbone((4, 6, 8, 10), (1, 2, 3, 1), in_channels)
    initialise(backbone, torch.Generator().manual_seed(seed))
    return backbone


def prefixed(prefix: str, weights: Weights) -> Weights:
    return {prefix + key: value for key, value in weights.items()}


def save(path: Path, model: Weights, **more: object) -> Path:
    torch.save({"model": model, **more}, path)
    return path


def assert_equal(first: Weights, second: Weights) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


@pytest.fixture(scope="module")
def student() -> Weights:
    return small_backbone(1).state_dict()


@pytest.fixture(scope="module")
def teacher() -> Weights:
    return small_backbone(2).state_dict()


@pytest.fixture
def pretraining(tmp_path: Path, student: Weights, teacher: Weights) -> Path:
    model = prefixed("teacher_backbone.", teacher) | prefixed("student_backbone.", student)
    return save(tmp_path / "published-40000.pt", model, optimizer={"state": {}}, iteration=40000)


def test_published_file_with_golden_weights_gives_golden_values(
    tmp_path: Path, golden_dir: Path, golden_rule: ModuleType
) -> None:
    shapes = {key: tuple(value.shape) for key, value in ARCHITECTURES["tiny"].build().state_dict().items()}
    weights = {key: torch.from_numpy(golden_rule.fill(key, shape)) for key, shape in shapes.items()}
    other = {key: torch.zeros(shape) for key, shape in shapes.items()}
    model = prefixed("module.teacher_backbone.", weights) | prefixed("module.student_backbone.", other)
    backbone = load_backbone(save(tmp_path / "published.pt", model, iteration=1), architecture="tiny")
    assert not backbone.training
    with np.load(golden_dir / "golden_eval_tiny.npz") as golden, torch.inference_mode():
        output = backbone(torch.from_numpy(golden["case0_input_u8"]).float().unsqueeze(1) / 255)
        np.testing.assert_allclose(output.projected.numpy(), golden["case0_z1"], rtol=0, atol=2e-4)
        np.testing.assert_allclose(output.predicted.numpy(), golden["case0_p1"], rtol=0, atol=2e-4)
        np.testing.assert_allclose(output.embedding.numpy(), golden["case0_embeddings"], rtol=0, atol=2e-6)


def test_sizes_are_read_from_the_weights(pretraining: Path) -> None:
    checkpoint = read_published(pretraining)
    assert (checkpoint.channels, checkpoint.depths, checkpoint.in_channels) == ((4, 6, 8, 10), (1, 2, 3, 1), 1)
    assert checkpoint.iteration == 40000
    assert checkpoint.architecture is None
    assert not checkpoint.heads


@pytest.mark.parametrize("branch", ["teacher", "student"])
def test_branch_is_chosen(pretraining: Path, teacher: Weights, student: Weights, branch: str) -> None:
    loaded = load_backbone(pretraining, branch=branch)  # type: ignore[arg-type]
    assert_equal(loaded.state_dict(), teacher if branch == "teacher" else student)


def test_run_folders_bare_backbones_and_more_input_channels(tmp_path: Path) -> None:
    weights = small_backbone(3, in_channels=2).state_dict()
    save(tmp_path / "checkpoint.pt", prefixed("backbone.", weights) | {"heads.sex.fc_bin": torch.ones(1, 310, 2)})
    torch.save(weights, tmp_path / "bare.pt")
    for path in (tmp_path, tmp_path / "bare.pt"):
        loaded = load_backbone(path)
        assert loaded.in_channels == 2
        assert_equal(loaded.state_dict(), weights)
    assert list(read_published(tmp_path).heads) == ["heads.sex.fc_bin"]
    with pytest.raises(ConfigError, match="no student"):
        load_backbone(tmp_path, branch="student")


def test_published_heads_are_returned_as_they_are(tmp_path: Path, teacher: Weights) -> None:
    head = {"FCs.fc_bin": torch.rand(31, 10, 4), "BNNecks.bn1d.weight": torch.rand(124)}
    checkpoint = read_published(save(tmp_path / "a.pt", prefixed("teacher_backbone.", teacher) | head))
    assert_equal(checkpoint.heads, head)


def test_what_does_not_fit_is_listed(tmp_path: Path, teacher: Weights) -> None:
    changed = dict(teacher)
    del changed["layer3.1.sbn.bias"]
    changed["layer2.0.extra"] = torch.zeros(1)
    changed["predictor.3.fc_bin"] = torch.zeros(31, 10, 11)
    path = save(tmp_path / "changed.pt", changed)
    with pytest.raises(CheckpointError) as caught:
        load_backbone(path)
    for line in ("1 missing:", "  layer3.1.sbn.bias", "1 unexpected:", "  layer2.0.extra", "1 of another shape:"):
        assert line in str(caught.value).splitlines()
    assert "predictor.3.fc_bin: [31, 10, 11] in the file, [31, 10, 10] in the network" in str(caught.value)

    backbone = small_backbone(7)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    report = load_into(backbone, changed, strict=False)
    assert report == compare(backbone, changed)
    after = backbone.state_dict()
    assert torch.equal(after["layer3.1.sbn.bias"], before["layer3.1.sbn.bias"])
    assert torch.equal(after["predictor.3.fc_bin"], before["predictor.3.fc_bin"])
    assert torch.equal(after["layer4.0.shortcut3d.weight"], changed["layer4.0.shortcut3d.weight"])


def test_sixteen_parts_and_other_networks_are_refused(tmp_path: Path, teacher: Weights) -> None:
    sixteen = teacher | {"projector.0.fc_bin": torch.zeros(16, 10, 10)}
    with pytest.raises(CheckpointError, match="16 body parts"):
        load_backbone(save(tmp_path / "sixteen.pt", sixteen))
    with pytest.raises(CheckpointError, match="holds no backbone"):
        load_backbone(save(tmp_path / "other.pt", {"conv.weight": torch.zeros(3)}))
    two_d = {key.replace(".0.conv1.forward_block.0", ".forward_block.0.conv1"): value for key, value in teacher.items()}
    with pytest.raises(CheckpointError, match=r"layer2\.0\.conv1\.forward_block\.0\.weight"):
        load_backbone(save(tmp_path / "two_d.pt", two_d))
    with pytest.raises(ConfigError, match=r"is no 0\.03B"):
        load_backbone(save(tmp_path / "small.pt", teacher), architecture="0.03B")


class Foreign:
    """An object that `weights_only=True` must refuse."""


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "damaged.pt").write_bytes(b"\x80\x04 no checkpoint")
    (tmp_path / "empty.pt").touch()
    torch.save({"model": {"layer0": Foreign()}}, tmp_path / "foreign.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"model": {"layer0": 3}}, tmp_path / "numbers.pt")
    for name in ("damaged", "empty", "foreign", "list", "numbers"):
        with pytest.raises(CheckpointError, match=name):
            read_published(tmp_path / f"{name}.pt")
    with pytest.raises(CheckpointError) as caught:
        read_published(tmp_path / "foreign.pt")
    assert "it was not loaded" in str(caught.value)
    assert "\n" not in str(caught.value)  # PyTorch's own text advises to load it all the same
    with pytest.raises(ConfigError, match=r"There is no file .*absent\.pt"):
        read_published(tmp_path / "absent.pt")
    with pytest.raises(ConfigError, match=r"is no run folder: it holds no checkpoint\.pt"):
        read_published(tmp_path)
