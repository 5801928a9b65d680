"""Teacher and student of pre-training.

Source: FoundationGait (arXiv 2512.00691), pre-training: the teacher sees the whole body, the student horizontal bands
of it (`models.crops`). The teacher's parameters are the moving average of the student's.

Batch normalisation of the teacher, `teacher_statistics`:
    * "own", as published: the teacher normalises with the statistics of its own batches, and its running statistics
      come from its own forward passes. Only parameters are averaged.
    * "averaged": the teacher normalises with running statistics, which are the moving average of the student's. A
      target then does not depend on the other sequences of the batch; but the student's statistics are those of bands.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from fgait_core.models.backbone import Backbone

TeacherStatistics = Literal["own", "averaged"]


class StudentTeacher(nn.Module):
    """A student and its exponential moving average, the teacher.

    The student is called itself, with crops: `student_backbone(view, crops).predicted`.

    Args:
        backbone: becomes the student; the teacher starts as a copy of it.
        teacher_statistics: how the teacher normalises; see above.
    """

    def __init__(self, backbone: Backbone, teacher_statistics: TeacherStatistics = "own") -> None:
        super().__init__()
        self.teacher_statistics: TeacherStatistics = teacher_statistics
        self.student_backbone = backbone
        self.teacher_backbone = copy.deepcopy(backbone).requires_grad_(False)

    def train(self, mode: bool = True) -> StudentTeacher:
        """Training or evaluation; a teacher with averaged statistics always evaluates."""
        super().train(mode)
        if self.teacher_statistics == "averaged":
            self.teacher_backbone.eval()
        return self

    @torch.no_grad()
    def teacher_target(self, view: Tensor) -> Tensor:
        """The teacher's projected parts `[batch, channel, 31]` of `[batch, channel, frame, 64, 44]`, without gradient.

        The teacher's predictor runs, too, although no target needs it: its running statistics belong to the embedding
        that the teacher gives after training.
        """
        return self.teacher_backbone(view).projected

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """Moves each parameter of the teacher to `momentum * teacher + (1 - momentum) * student`.

        Running statistics stay as they are with "own", and move likewise with "averaged" (counts are copied).
        """
        moved: list[Callable[[nn.Module], Iterable[Tensor]]] = [nn.Module.parameters]
        if self.teacher_statistics == "averaged":
            moved.append(nn.Module.buffers)
        for of in moved:
            self._move(of(self.teacher_backbone), of(self.student_backbone), momentum)

    @staticmethod
    def _move(teachers: Iterable[Tensor], students: Iterable[Tensor], momentum: float) -> None:
        for teacher, student in zip(teachers, students, strict=True):
            if teacher.is_floating_point():
                teacher.lerp_(student, 1.0 - momentum)
            else:
                teacher.copy_(student)
