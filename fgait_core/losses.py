"""Losses of pre-training and of the classification heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LOGIT_SCALE = 16.0
LABEL_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class ContrastiveLoss:
    """Result of `part_contrastive_loss`.

    Attributes:
        loss: scalar, mean over sequences and parts.
        accuracy: scalar, share of (sequence, part) whose own teacher view is the nearest.
        logits: `[batch, batch, part]`, cosine of student row i with teacher row j (before the scale).
    """

    loss: Tensor
    accuracy: Tensor
    logits: Tensor


def part_contrastive_loss(
    student: Tensor, teacher: Tensor, *, scale: float = LOGIT_SCALE, smoothing: float = LABEL_SMOOTHING
) -> ContrastiveLoss:
    """Each part of a student view must find the teacher's view of the same sequence among those of the batch.

    Source: FoundationGait, pre-training loss: cross-entropy over cosine similarities times 16, label smoothing 0.1
    (which the published configuration does not switch off), student to teacher only.

    Args:
        student: `[batch, channel, part]`, predictor output of the student; row i belongs to teacher row i.
        teacher: `[batch, channel, part]`, projector output of the teacher; no gradient flows into it.
        scale: factor on the cosine similarities.
        smoothing: label smoothing.
    """
    student = functional.normalize(student, dim=1)
    teacher = functional.normalize(teacher.detach(), dim=1)
    logits = torch.einsum("icp,jcp->ijp", student, teacher)
    labels = torch.arange(len(student), device=student.device)
    per_part = labels[:, None].expand(-1, logits.shape[-1])
    loss = functional.cross_entropy(logits * scale, per_part, label_smoothing=smoothing)
    accuracy = (logits.argmax(1) == per_part).float().mean()
    return ContrastiveLoss(loss, accuracy, logits)


def masked_cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor, *, scale: float = LOGIT_SCALE, smoothing: float = LABEL_SMOOTHING
) -> Tensor:
    """Cross-entropy of cosine logits over the sequences that have a label.

    Args:
        logits: `[batch, class]`, cosine logits.
        labels: int64 `[batch]`; a negative label means that the person has none for this task.
        weights: `[batch]`, weight of each sequence.
        scale: factor on the cosine logits.
        smoothing: label smoothing.

    Returns:
        Scalar; zero (with a gradient of zero) if nobody in the batch has a label.
    """
    known = (labels >= 0).to(logits.dtype) * weights
    losses = functional.cross_entropy(logits * scale, labels.clamp_min(0), label_smoothing=smoothing, reduction="none")
    return (losses * known).sum() / known.sum().clamp_min(1e-6)
