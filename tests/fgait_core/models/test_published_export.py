"""Weights are written in the published layout, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.heads import AttributesHead, CosineHead, IdentificationHead, TaskHead
from fgait_core.models.published import read_published
from fgait_core.models.published_export import export_published, published_layout
from fgait_core.models.student_teacher import StudentTeacher

Weights = dict[str, torch.Tensor]


def small_backbone(seed: int) -> Backbone:
    backbone = Backbone((4, 6, 8, 10), (1, 2, 3, 1))
    initialise(backbone, torch.Generator().manual_seed(seed))
    return backbone


def prefixed(prefix: str, weights: Weights) -> Weights:
    return {prefix + key: value for key, value in weights.items()}


def weights_of(head: TaskHead) -> Weights:
    head.initialise(torch.Generator().manual_seed(8))
    return dict(head.state_dict())


def assert_equal(first: Weights, second: Weights) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


@pytest.fixture(scope="module")
def teacher() -> Weights:
    return small_backbone(2).state_dict()


def test_export_and_read_give_the_same_bits(tmp_path: Path) -> None:
    pair = StudentTeacher(small_backbone(4))
    pair.update_teacher(0.3)
    assert export_published(tmp_path / "out.pt", pair.state_dict(), 12) == ()
    content = torch.load(tmp_path / "out.pt", weights_only=True)
    assert content.keys() == {"model", "iteration"}
    assert_equal(content["model"], pair.state_dict())
    checkpoint = read_published(tmp_path / "out.pt")
    assert checkpoint.iteration == 12
    assert_equal(checkpoint.weights, pair.state_dict())
    assert not list(tmp_path.glob("*.partial"))


def test_heads_of_a_run_get_published_names(teacher: Weights) -> None:
    identification = weights_of(IdentificationHead(10, 4, people=3, margin=0.2))
    classification = weights_of(CosineHead(310, 3, replicates=2))
    backbone = prefixed("backbone.", teacher)
    alone, left_out = published_layout(backbone | prefixed("heads.scoliosis.", classification))
    assert left_out == ("heads.scoliosis.replicates",)
    head = prefixed("BNNecks.", {key: value for key, value in classification.items() if key != "replicates"})
    assert {"BNNecks.fc_bin", "BNNecks.bn1d.running_var"} <= head.keys()
    assert_equal(alone, prefixed("teacher_backbone.", teacher) | head)

    both = backbone | prefixed("heads.people.", identification) | prefixed("heads.scoliosis.", classification)
    with pytest.raises(ConfigError, match="people, scoliosis"):
        published_layout(both)
    with pytest.raises(ConfigError, match="no head for 'age'"):
        published_layout(both, "age")
    assert {"FCs.fc_bin", "BNNecks.fc_bin", "BNNecks.bn1d.weight"} <= identification.keys()
    chosen, left_out = published_layout(both, "people")
    assert_equal(chosen, prefixed("teacher_backbone.", teacher) | identification)
    assert left_out == tuple(prefixed("heads.scoliosis.", classification))


def test_attributes_become_a_list_of_necks(teacher: Weights) -> None:
    head = AttributesHead(310, (2, 3))
    head.initialise(torch.Generator().manual_seed(8))
    nn.init.normal_(head.bias, generator=torch.Generator().manual_seed(9))
    parts = functional.normalize(torch.randn(4, 10, 31, generator=torch.Generator().manual_seed(1)), dim=1)
    head.train()(parts)
    layout, left_out = published_layout(prefixed("backbone.", teacher) | prefixed("heads.ragar.", head.state_dict()))
    assert not left_out
    logits = head.eval()(parts).logits
    for number in range(5):
        plain = nn.BatchNorm1d(310).eval()
        prefix = f"BNNeck_list.{number}.bn1d."
        plain.load_state_dict({key.removeprefix(prefix): layout[key] for key in layout if key.startswith(prefix)})
        unit = functional.normalize(plain(parts.flatten(1)), dim=1)
        expected = unit @ functional.normalize(layout[f"BNNeck_list.{number}.fc_bin"][0], dim=0)
        torch.testing.assert_close(logits[:, :, number], expected, rtol=0, atol=1e-5)
