"""One step of pre-training equals the published one on golden values."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from fgait_core.losses import part_contrastive_loss
from fgait_core.models.architectures import ARCHITECTURES
from fgait_core.models.backbone import Backbone, Checkpointing, initialise
from fgait_core.models.student_teacher import StudentTeacher

Golden = dict[str, np.ndarray]
CROPS = (8, 4, 2, 1)


def golden_pair(golden_rule: ModuleType) -> StudentTeacher:
    """Student and teacher with the weights of the golden rule, float64, in train mode."""
    pair = StudentTeacher(ARCHITECTURES["tiny"].build())
    shapes = {key: tuple(value.shape) for key, value in pair.state_dict().items()}
    pair.load_state_dict({key: torch.from_numpy(golden_rule.fill(key, shape)) for key, shape in shapes.items()})
    return pair.double().train()


@pytest.mark.parametrize("checkpointing", ["off", "once", "twice"])
def test_one_training_step(golden_step: Golden, golden_rule: ModuleType, checkpointing: Checkpointing) -> None:
    pair = golden_pair(golden_rule)
    pair.student_backbone.checkpointing = checkpointing
    optimizer = torch.optim.SGD(pair.student_backbone.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    teacher_view, student_view = (
        torch.from_numpy(golden_step[key]).float().double().unsqueeze(1) / 255 for key in ("q_u8", "k_u8")
    )
    target = pair.teacher_target(teacher_view)
    assert not target.requires_grad
    result = part_contrastive_loss(pair.student_backbone(student_view, CROPS).predicted, target)
    assert float(result.loss.detach()) == pytest.approx(2.904518, abs=2e-6)
    assert float(result.accuracy) == pytest.approx(float(golden_step["accuracy"]))
    np.testing.assert_allclose(result.logits.detach().numpy(), golden_step["logits"], rtol=0, atol=2e-6)
    check_state(pair, golden_step, "after_forward::")

    result.loss.backward()
    check_gradients(pair.student_backbone, golden_step)
    check_state(pair, golden_step, "after_backward::" if checkpointing == "twice" else "after_forward::")

    optimizer.step()
    pair.update_teacher(float(golden_step["ema_momentum_iter1"]))
    check_state(pair, golden_step, "after_step::")
    state = pair.state_dict()
    for key in (key for key in golden_step if key.startswith("after_step_norm::")):
        norm = float(state[key.removeprefix("after_step_norm::")].norm())
        assert norm == pytest.approx(float(golden_step[key]), rel=1e-6), key


def check_gradients(student: Backbone, golden: Golden) -> None:
    gradients = {name: parameter.grad for name, parameter in student.named_parameters()}
    norms = {
        str(name).removeprefix("student_backbone."): float(norm)
        for name, norm in zip(golden["grad_names"], golden["grad_norm"], strict=True)
    }
    assert norms.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert gradient is not None
        assert float(gradient.norm()) == pytest.approx(norms[name], rel=1e-5, abs=1e-9), name
    for key in (key for key in golden if key.startswith("grad::")):
        gradient = gradients[key.removeprefix("grad::").removeprefix("student_backbone.")]
        np.testing.assert_allclose(gradient, golden[key], rtol=1e-5, atol=1e-7, err_msg=key)


def check_state(pair: StudentTeacher, golden: Golden, prefix: str) -> None:
    state = pair.state_dict()
    keys = [key for key in golden if key.startswith(prefix)]
    assert keys
    for key in keys:
        np.testing.assert_allclose(state[key.removeprefix(prefix)], golden[key], rtol=0, atol=1e-6, err_msg=key)


def small_pair(statistics: str) -> StudentTeacher:
    backbone = Backbone((4, 4, 6, 6), (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(3))
    pair = StudentTeacher(backbone, statistics).train()  # type: ignore[arg-type]
    silhouettes = torch.rand(4, 1, 3, 64, 44, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        pair.student_backbone(silhouettes, (2, 1))
        for parameter in pair.student_backbone.parameters():
            parameter.add_(0.25)
    return pair


def test_only_parameters_are_averaged_as_published() -> None:
    pair = small_pair("own")
    before = {key: value.clone() for key, value in pair.teacher_backbone.state_dict().items()}
    pair.update_teacher(0.5)
    student = pair.student_backbone.state_dict()
    parameters = dict(pair.teacher_backbone.named_parameters())
    assert not any(parameter.requires_grad for parameter in parameters.values())
    for key, value in pair.teacher_backbone.state_dict().items():
        expected = (before[key] + student[key]) / 2 if key in parameters else before[key]
        torch.testing.assert_close(value, expected, msg=key)


def test_own_statistics_come_from_the_teachers_batches_and_reach_its_predictor() -> None:
    pair = small_pair("own")
    view = torch.rand(4, 1, 3, 64, 44, generator=torch.Generator().manual_seed(5))
    expected = nn.Module.train(pair.student_backbone)
    expected.load_state_dict(pair.teacher_backbone.state_dict())
    with torch.no_grad():
        target = expected(view).projected
    assert torch.equal(pair.teacher_target(view), target)
    for key, value in pair.teacher_backbone.state_dict().items():
        assert torch.equal(value, pair.student_backbone.state_dict()[key]), key
    assert int(pair.teacher_backbone.state_dict()["predictor.1.bn1d.num_batches_tracked"]) == 1


def test_averaged_statistics_are_the_students_and_no_other_sequence_matters() -> None:
    pair = small_pair("averaged")
    assert not pair.teacher_backbone.training
    assert pair.student_backbone.training
    before = {key: value.clone() for key, value in pair.teacher_backbone.state_dict().items()}
    pair.update_teacher(0.75)
    student, teacher = pair.student_backbone.state_dict(), pair.teacher_backbone.state_dict()
    for key, value in teacher.items():
        counts = key.endswith("num_batches_tracked")
        expected = student[key] if counts else 0.75 * before[key] + 0.25 * student[key]
        torch.testing.assert_close(value, expected, msg=key)
    assert int(teacher["layer0.forward_block.1.num_batches_tracked"]) == 2

    kept = {key: value.clone() for key, value in teacher.items()}
    view = torch.rand(4, 1, 3, 64, 44, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(pair.teacher_target(view)[:1], pair.teacher_target(view[:1]), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, kept[key]) for key, value in pair.teacher_backbone.state_dict().items())
