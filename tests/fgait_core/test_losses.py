"""Losses equal plain reference loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fgait_core.losses import masked_cross_entropy, part_contrastive_loss, triplet_loss

PEOPLE = torch.tensor([0, 0, 1, 2, 2, 2, 1, 3, 0, 4])


def embeddings(rows: int = 10, spread: float = 0.2) -> Tensor:
    return torch.randn(rows, 4, 3, generator=torch.Generator().manual_seed(rows), dtype=torch.float64) * spread


def every_triplet(embedding: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The triplet loss by three loops, as the specification words it."""
    of_part = []
    for part in embedding.unbind(2):
        unsatisfied = []
        for a, anchor in enumerate(part):
            for p in torch.nonzero(labels == labels[a])[:, 0].tolist():
                for n in torch.nonzero(labels != labels[a])[:, 0].tolist():
                    near = (anchor - part[p]).norm() if p != a else anchor.new_zeros(())
                    hinge = near - (anchor - part[n]).norm() + margin
                    if hinge > 0:
                        unsatisfied.append(hinge)
        of_part.append(torch.stack(unsatisfied).mean() if unsatisfied else embedding.new_zeros(()))
    return torch.stack(of_part).mean()


@pytest.mark.parametrize("labels", [PEOPLE, PEOPLE % 2, torch.arange(10), torch.zeros(10, dtype=torch.long)])
def test_triplet_loss_equals_all_triplets_and_so_do_its_gradients(labels: Tensor) -> None:
    embedding = embeddings().requires_grad_()
    loss, reference = triplet_loss(embedding, labels, 0.2), every_triplet(embedding, labels, 0.2)
    torch.testing.assert_close(loss, reference, atol=1e-12, rtol=0)
    (mine,) = torch.autograd.grad(loss, embedding)
    if reference.requires_grad:
        (theirs,) = torch.autograd.grad(reference, embedding)
        torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0)


def test_triplet_loss_gradient_equals_finite_differences() -> None:
    assert torch.autograd.gradcheck(lambda x: triplet_loss(x, PEOPLE, 0.2), (embeddings().requires_grad_(),))


def test_satisfied_triplets_cost_nothing_and_equal_walks_give_finite_gradients() -> None:
    apart = functional.one_hot(PEOPLE).double()[:, :, None].repeat(1, 1, 3) * 10
    assert float(triplet_loss(apart, PEOPLE, 0.2)) == 0
    same = torch.ones(10, 4, 3, requires_grad=True)
    loss = triplet_loss(same, PEOPLE, 0.2)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.2)
    assert same.grad is not None
    assert same.grad.isfinite().all()


def test_triplet_loss_of_a_large_batch_needs_no_cube() -> None:
    """512 walks of 16 people: the cube of all triplets and parts would take 1 GiB; half a MiB is kept for each part."""
    embedding = embeddings(512).float().requires_grad_()
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        triplet_loss(embedding, torch.arange(512) % 16, 0.2).backward()
    assert kept < 3 * 512 * 512 * 8 * 12


def test_rows_without_a_label_do_not_count() -> None:
    logits = torch.randn(6, 1, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, weights = torch.tensor([0, 1, -1, 2, -1, 0])[:, None], torch.ones(6, 1)
    loss = masked_cross_entropy(logits, labels, weights, torch.tensor([4.0]))
    known = labels[:, 0] >= 0
    expected = functional.cross_entropy(logits[known, 0] * 16, labels[known, 0], label_smoothing=0.1)
    torch.testing.assert_close(loss[0], expected)
    nobody = masked_cross_entropy(logits, torch.full((6, 1), -1), weights, torch.zeros(1))
    nobody.sum().backward()
    assert float(nobody.detach()) == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_each_head_weighs_rows_its_own_way() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(5, 2, 3, generator=generator), torch.tensor([0, 2, 1, -1, 1])
    weights = torch.tensor([[1.0, 0.0], [1.0, 2.0], [1.0, 1.0], [1.0, 3.0], [1.0, 0.0]])
    losses = masked_cross_entropy(logits, labels[:, None], weights, torch.tensor([4.0, 3.0]))
    drawn = torch.tensor([1, 1, 2])
    expected = functional.cross_entropy(logits[drawn, 1] * 16, labels[drawn], label_smoothing=0.1)
    torch.testing.assert_close(losses[1], expected)


def test_uneven_halves_with_a_common_count_make_the_loss_of_the_whole() -> None:
    logits = torch.randn(8, 1, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels, weights = torch.tensor([0, 1, 2, 1, -1, -1, -1, 0])[:, None], torch.ones(8, 1, dtype=torch.float64)
    whole = masked_cross_entropy(logits, labels, weights, torch.tensor([5.0]))
    halves = [
        masked_cross_entropy(logits[at], labels[at], weights[at], torch.tensor([2.5]))
        for at in (slice(0, 4), slice(4, 8))
    ]
    torch.testing.assert_close(torch.stack(halves).mean(0), whole)


def test_contrastive_loss_is_lowest_for_the_right_pairs() -> None:
    views = torch.randn(8, 5, 31, generator=torch.Generator().manual_seed(0))
    right, wrong = part_contrastive_loss(views, views), part_contrastive_loss(views, views.roll(1, 0))
    assert float(right.accuracy) == 1.0
    assert float(wrong.accuracy) == 0.0
    assert float(right.loss) < float(wrong.loss)
