"""Losses of pre-training and of the heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fgait_core.distributed import gather_rows, rank, world_size

LOGIT_SCALE = 16.0
LABEL_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class ContrastiveLoss:
    """Result of `part_contrastive_loss`.

    Attributes:
        loss: scalar, mean over sequences and parts.
        accuracy: scalar, share of (sequence, part) whose own teacher view is the nearest.
        logits: `[row, batch, part]`, cosine of student row i with teacher row j (before the scale).
    """

    loss: Tensor
    accuracy: Tensor
    logits: Tensor


def part_contrastive_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    first_row: int = 0,
    scale: float = LOGIT_SCALE,
    smoothing: float = LABEL_SMOOTHING,
) -> ContrastiveLoss:
    """Each part of a student view must find the teacher's view of the same sequence among those of the batch.

    Source: FoundationGait, pre-training loss: cross-entropy over cosine similarities times 16, label smoothing 0.1
    (which the published configuration does not switch off), student to teacher only.

    Args:
        student: `[row, channel, part]`, predictor output of the student, for the whole batch or a share of it.
        teacher: `[batch, channel, part]`, projector output of the teacher for the whole batch; no gradient flows into
            it.
        first_row: the teacher's row that belongs to the student's row 0; the next ones follow.
        scale: factor on the cosine similarities.
        smoothing: label smoothing.
    """
    student = functional.normalize(student, dim=1)
    teacher = functional.normalize(teacher.detach(), dim=1)
    logits = torch.einsum("icp,jcp->ijp", student, teacher)
    labels = torch.arange(first_row, first_row + len(student), device=student.device)
    per_part = labels[:, None].expand(-1, logits.shape[-1])
    loss = functional.cross_entropy(logits * scale, per_part, label_smoothing=smoothing)
    accuracy = (logits.argmax(1) == per_part).to(logits.dtype).mean()
    return ContrastiveLoss(loss, accuracy, logits)


def masked_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    count: Tensor,
    *,
    scale: float = LOGIT_SCALE,
    smoothing: float = LABEL_SMOOTHING,
) -> Tensor:
    """Cross-entropy of cosine logits, head by head, over the sequences that have a label.

    Args:
        logits: `[batch, head, class]`, cosine logits.
        labels: int64 `[batch, head]` or `[batch, 1]`; a negative label means that there is none.
        weights: `[batch, head]`, weight of each sequence for each head.
        count: `[head]`, what the sums are divided by: the weights of the labelled sequences together. Where several
            processes or micro-batches make one step, the mean of that over them makes their mean loss that of the
            whole step, however unevenly the labels are spread.
        scale: factor on the cosine logits.
        smoothing: label smoothing.

    Returns:
        `[head]`; zero (with a gradient of zero) for a head for which nobody has a label.
    """
    labels = labels.expand(logits.shape[:2])
    losses = functional.cross_entropy(
        logits.flatten(0, 1) * scale, labels.flatten().clamp_min(0), label_smoothing=smoothing, reduction="none"
    )
    known = (labels >= 0).to(logits.dtype) * weights
    return (losses.unflatten(0, labels.shape) * known).sum(0) / count.clamp_min(1e-6)


def triplet_loss(embedding: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Every walk must be nearer to each of the same person than to each of another one, by a margin, part by part.

    Source: FoundationGait, fine-tuning for identification: all triplets of an anchor, a positive (the anchor itself,
    too) and a negative; the hinge of their Euclidean distances, mean over the triplets of a part that are not yet
    satisfied, mean over the parts.

    Deviations:
        * People may have different numbers of walks in a batch; the published code needs equal numbers.
        * Sums over sorted distances take the place of the cube of all triplets, which would need gigabytes.

    Args:
        embedding: `[batch, channel, part]`. Over several processes each takes its own rows as anchors and the rows of
            all for comparison; the mean of the losses over the processes is that of the whole batch.
        labels: int64 `[batch]`, who it is.
        margin: how much nearer.

    Returns:
        Scalar; a part in which every triplet is satisfied counts as 0.
    """
    everybody, people = gather_rows(embedding), gather_rows(labels)
    own = torch.arange(len(labels), device=labels.device) + rank() * len(labels)
    distance = torch.cdist(embedding.permute(2, 0, 1), everybody.permute(2, 0, 1))
    itself = own[:, None] == torch.arange(len(people), device=labels.device)
    distance = distance.masked_fill(itself, 0.0)
    same = labels[:, None] == people
    sums, counts = _hinge_sums(distance, same, margin)
    unsatisfied = gather_rows(counts[None]).sum(0)
    return (world_size() * sums / unsatisfied.clamp_min(1)).mean()


def _hinge_sums(distance: Tensor, same: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Sum of the hinges of all triplets of each part, and how many of them are not satisfied.

    Negatives are sorted along each anchor's row, so that those of a positive at distance d which are nearer than
    d + margin come first; their number and the sum of their distances give the sum of the hinges.

    Args:
        distance: `[part, anchor, other]`.
        same: bool `[anchor, other]`, the other is of the anchor's person.
        margin: of the hinge.

    Returns:
        Both `[part]`; the second int64.
    """
    negatives = distance.masked_fill(same, torch.inf).sort(-1).values
    reach = (distance + margin).masked_fill(~same, -1.0)
    nearer = torch.searchsorted(negatives.detach(), reach.detach())
    finite = negatives.masked_fill(negatives.isinf(), 0.0)
    sum_of_first = functional.pad(finite.cumsum(-1), (1, 0)).gather(-1, nearer)
    hinges = torch.where(same, reach * nearer - sum_of_first, 0.0)
    return hinges.sum((-1, -2)), nearer.sum((-1, -2))
