"""Heads equal the published formulas, learn, and keep frozen layers as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.config import AttributesTask, ClassificationTask, IdentificationTask
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.heads import (
    AttributesHead,
    CosineHead,
    IdentificationHead,
    TaskHead,
    TaskNetwork,
    build_head,
    labelled,
)

WIDTH, ROWS = 8, 24
SCOLIOSIS = ClassificationTask(name="scoliosis", classes=("negative", "neutral", "positive"))
PEOPLE = IdentificationTask(width=6)
ATTRIBUTES = AttributesTask(attributes={"sex": ("female", "male"), "age": ("child", "adult", "old")})


def make(task) -> TaskHead:
    head = build_head(task, WIDTH, people=6, replicates=2)
    head.initialise(torch.Generator().manual_seed(3))
    return head


def parts(rows: int = ROWS, seed: int = 0) -> Tensor:
    drawn = torch.randn(rows, WIDTH, 31, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=1)


def labels_for(task, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if task is ATTRIBUTES:
        return torch.stack([torch.randint(-1, k, (ROWS,), generator=generator) for k in (2, 3)], dim=1)
    return torch.randint(0, 6 if task is PEOPLE else 3, (ROWS,), generator=generator)


def loss_of(head: TaskHead, rows: Tensor, targets: Tensor):
    weights = torch.ones(len(rows), 3)
    return head.loss(head(rows), targets, weights, labelled(targets, weights))


@pytest.mark.parametrize("task", [SCOLIOSIS, PEOPLE, ATTRIBUTES], ids=lambda task: task.kind)
def test_overfits_one_batch(task) -> None:
    head, rows, targets = make(task).train(), parts(), labels_for(task)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.2, momentum=0.9)
    totals = []
    for _ in range(60):
        result = loss_of(head, rows, targets)
        optimizer.zero_grad()
        result.total.backward()
        optimizer.step()
        totals.append(float(result.total.detach()))
    assert totals[-1] < 0.75 * totals[0]
    said = head(rows)
    if task is SCOLIOSIS:
        assert torch.equal(said.logits[:, 0].argmax(1), targets)
    elif task is PEOPLE:
        assert torch.equal(said.logits.mean(2).argmax(1), targets)
    else:
        margin = said.logits[:, 1] - said.logits[:, 0]
        for attribute, (first, last) in enumerate([(0, 2), (2, 5)]):
            known = targets[:, attribute] >= 0
            assert torch.equal(margin[known, first:last].argmax(1), targets[known, attribute])


def test_identification_equals_the_published_formulas() -> None:
    head = make(PEOPLE).eval()
    assert isinstance(head, IdentificationHead)
    assert {key.removesuffix(".fc_bin") for key in head.state_dict() if "fc_bin" in key} == {"FCs", "BNNecks"}
    assert set(head.state_dict()) >= {"BNNecks.bn1d.weight", "BNNecks.bn1d.running_mean", "BNNecks.bn1d.bias"}
    with torch.no_grad():
        for value in (head.BNNecks.bn1d.running_mean, head.BNNecks.bn1d.bias):
            value.uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(5))
        said, rows = head(parts()), parts()
        for part in (0, 17, 30):
            embedding = rows[:, :, part] @ head.FCs.fc_bin[part]
            torch.testing.assert_close(said.embedding[:, :, part], embedding)
            channel_major = torch.arange(6) * 31 + part
            norm = head.BNNecks.bn1d
            plain = (embedding - norm.running_mean[channel_major]) / (norm.running_var[channel_major] + 1e-5).sqrt()
            plain = plain * norm.weight[channel_major] + norm.bias[channel_major]
            people = head.BNNecks.fc_bin[part]
            cosines = (plain / plain.norm(dim=1, keepdim=True)) @ (people / people.norm(dim=0))
            torch.testing.assert_close(said.logits[:, :, part], cosines)


def test_identification_loss_is_triplets_and_mean_cross_entropy_over_parts() -> None:
    head, targets = make(PEOPLE).train(), labels_for(PEOPLE)
    said = head(parts())
    result = loss_of(head, parts(), targets)
    of_parts = [functional.cross_entropy(said.logits[:, :, p] * 16, targets, label_smoothing=0.1) for p in range(31)]
    torch.testing.assert_close(result.logged["cross_entropy"], torch.stack(of_parts).mean().detach())
    torch.testing.assert_close(result.total.detach(), result.logged["triplet"] + result.logged["cross_entropy"])
    assert 0 <= float(result.logged["accuracy"]) <= 1


def test_the_published_start_is_smaller_and_the_embedding_with_it() -> None:
    scale = []
    for small in (False, True):
        head = build_head(IdentificationTask(width=256), 512, people=2)
        head.initialise(torch.Generator().manual_seed(0), small_partwise=small)
        scale.append(float(head.FCs.fc_bin.detach().abs().max()))
    assert scale[0] == pytest.approx((6 / 768) ** 0.5, rel=0.01)
    assert scale[1] == pytest.approx((6 / (512 * 256 + 31 * 256)) ** 0.5, rel=0.01)


class BinaryNecks(nn.Module):
    """The published attributes head: a binary BNNeck for each value, one by one."""

    def __init__(self, head: AttributesHead) -> None:
        super().__init__()
        features = head.weight.shape[1]
        self.norms = nn.ModuleList(nn.BatchNorm1d(features) for _ in range(len(head.weight)))
        for norm, weight, bias in zip(self.norms, head.weight, head.bias, strict=True):
            norm.load_state_dict(
                {**head.bn1d.state_dict(), "weight": weight.detach().clone(), "bias": bias.detach().clone()}
            )
        self.vectors = nn.ParameterList(vectors.detach().clone() for vectors in head.fc_bin)

    def forward(self, flat: Tensor) -> Tensor:
        said = []
        for norm, vectors in zip(self.norms, self.vectors, strict=True):
            said.append(functional.normalize(norm(flat), dim=1) @ functional.normalize(vectors, dim=0))
        return torch.stack(said, dim=2)


def test_attributes_equal_binary_heads_one_by_one_with_their_gradients_and_statistics() -> None:
    head = make(ATTRIBUTES).double().train()
    assert isinstance(head, AttributesHead)
    with torch.no_grad():
        head.bias.normal_(0, 0.3, generator=torch.Generator().manual_seed(7))
        head.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(8))
    reference, rows, targets = BinaryNecks(head).double(), parts().double(), labels_for(ATTRIBUTES)
    logits = reference(rows.flatten(1))
    said = head(rows)
    assert said.logits.shape == (ROWS, 2, 5)
    torch.testing.assert_close(said.logits, logits)
    torch.testing.assert_close(head.bn1d.running_var, reference.norms[0].running_var)
    losses = []
    for value, (attribute, number) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]):
        known = targets[:, attribute] >= 0
        answer = (targets[known, attribute] == number).long()
        losses.append(functional.cross_entropy(logits[known, :, value] * 16, answer, label_smoothing=0.1))
    torch.stack(losses).sum().backward()
    weights = torch.ones(ROWS, 3, dtype=torch.float64)
    result = head.loss(said, targets, weights, labelled(targets, weights))
    torch.testing.assert_close(result.total.detach(), torch.stack(losses).sum().detach())
    result.total.backward()
    for value in range(5):
        torch.testing.assert_close(head.weight.grad[value], reference.norms[value].weight.grad)
        torch.testing.assert_close(head.bias.grad[value], reference.norms[value].bias.grad)
        torch.testing.assert_close(head.fc_bin.grad[value], reference.vectors[value].grad)


def test_replicates_learn_from_their_own_sample_and_leave_the_features_alone() -> None:
    head = make(SCOLIOSIS).train()
    rows, targets = parts().requires_grad_(), labels_for(SCOLIOSIS)
    weights = torch.ones(ROWS, 3)
    weights[:, 2] = 0
    result = head.loss(head(rows), targets, weights, labelled(targets, weights))
    result.total.backward()
    assert isinstance(head, CosineHead)
    assert float(head.replicates.grad[0].abs().sum()) > 0
    assert float(head.replicates.grad[1].abs().sum()) == 0
    with_replicates = rows.grad.clone()
    alone = parts().requires_grad_()
    result = head.loss(head(alone), targets, weights * torch.tensor([1.0, 0, 0]), labelled(targets, weights))
    result.total.backward()
    torch.testing.assert_close(with_replicates, alone.grad)


def test_labelled_counts_weights_of_known_targets() -> None:
    weights = torch.tensor([[1.0, 2.0], [1.0, 0.0], [1.0, 1.0]])
    assert labelled(torch.tensor([0, -1, 2]), weights).tolist() == [[2.0, 3.0]]
    assert labelled(torch.tensor([[0, -1], [1, 1], [-1, 0]]), weights).tolist() == [[2.0, 2.0], [2.0, 1.0]]


@pytest.fixture
def network() -> TaskNetwork:
    backbone = Backbone((4, 4, 4, WIDTH), (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(0))
    return TaskNetwork(backbone, {"scoliosis": make(SCOLIOSIS), "people": make(PEOPLE)})


def clips(rows: int = 4) -> Tensor:
    return torch.rand(rows, 1, 3, 64, 44, generator=torch.Generator().manual_seed(2))


def test_frozen_layers_rest_keep_nothing_for_the_backward_pass_and_get_no_gradient(network: TaskNetwork) -> None:
    network.backbone.requires_grad_(False)
    network.backbone.projector.requires_grad_(True)
    network.train()
    before = {key: value.clone() for key, value in network.backbone.state_dict().items()}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(clips())["scoliosis"].logits.sum().backward()
    assert all(tensor.ndim < 5 and tensor.shape[0] != 12 for tensor in kept), "an activation of the encoder was kept"
    changed = {
        key.split(".")[0] for key, value in network.backbone.state_dict().items() if not torch.equal(value, before[key])
    }
    assert changed == {"projector"}
    assert all(parameter.grad is None for parameter in network.backbone.layer4.parameters())
    assert all(parameter.grad is not None for parameter in network.backbone.projector.parameters())


def test_frozen_statistics_are_updated_where_the_published_accident_is_asked_for(network: TaskNetwork) -> None:
    published = TaskNetwork(network.backbone, {"scoliosis": network.head("scoliosis")}, frozen_statistics=True)
    published.backbone.requires_grad_(False)
    published.train()
    before = {key: value.clone() for key, value in published.backbone.state_dict().items()}
    published(clips())
    changed = {
        key.split(".")[0]
        for key, value in published.backbone.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {"layer0", "layer1", "layer2", "layer3", "layer4", "projector"}


def test_heads_compute_in_full_precision(network: TaskNetwork) -> None:
    network.eval()
    with torch.autocast("cpu", torch.bfloat16):
        said = network(clips())
    assert said["people"].embedding.dtype == torch.float32
    assert network.double()(clips().double())["people"].logits.dtype == torch.float64
