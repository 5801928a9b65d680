"""Heads: what a task reads from the projected parts of a walk."""

from fgait_core.models.heads.attributes import AttributesHead
from fgait_core.models.heads.classification import CosineHead
from fgait_core.models.heads.identification import IdentificationHead
from fgait_core.models.heads.network import TaskNetwork, build_head
from fgait_core.models.heads.regression import RegressionHead
from fgait_core.models.heads.task_head import HeadLoss, HeadOutput, TaskHead, labelled

__all__ = [
    "AttributesHead",
    "CosineHead",
    "HeadLoss",
    "HeadOutput",
    "IdentificationHead",
    "RegressionHead",
    "TaskHead",
    "TaskNetwork",
    "build_head",
    "labelled",
]
