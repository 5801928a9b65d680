"""One step of pre-training equals the published one on golden values."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fgait_core.errors import ConfigError
from fgait_core.losses import part_contrastive_loss
from fgait_core.models.architectures import ARCHITECTURES
from fgait_core.models.crops import encode_in_bands, encode_in_crops
from fgait_core.models.student_teacher import StudentTeacher
from fgait_core.training.optim import sgd, teacher_momentum

CROPS = (8, 4, 2, 1)


@pytest.fixture(scope="module")
def golden(golden_dir: Path) -> dict[str, np.ndarray]:
    with np.load(golden_dir / "golden_train_tiny.npz") as stored:
        return dict(stored)


def golden_pair(golden_rule: ModuleType, dtype: torch.dtype) -> StudentTeacher:
    """Student and teacher with the weights of the golden rule, in train mode."""
    pair = StudentTeacher(ARCHITECTURES["tiny"].build())
    shapes = {key: tuple(value.shape) for key, value in pair.state_dict().items()}
    pair.load_state_dict({key: torch.from_numpy(golden_rule.fill(key, shape)) for key, shape in shapes.items()})
    return pair.to(dtype).train()


def views(golden: dict[str, np.ndarray], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    teacher, student = (torch.from_numpy(golden[key]).float().to(dtype).unsqueeze(1) / 255 for key in ("q_u8", "k_u8"))
    return teacher, student


@pytest.mark.parametrize(("chunk", "bands"), list(enumerate(CROPS)))
def test_part_aware_crops(golden: dict[str, np.ndarray], golden_rule: ModuleType, chunk: int, bands: int) -> None:
    pair = golden_pair(golden_rule, torch.float32)
    _, student_view = views(golden, torch.float32)
    with torch.no_grad():
        feature = encode_in_bands(pair.student_backbone.encode, student_view[2 * chunk : 2 * chunk + 2], bands)
    np.testing.assert_allclose(feature.numpy(), golden[f"crop{bands}"], rtol=0, atol=2e-4)


def test_one_training_step(golden: dict[str, np.ndarray], golden_rule: ModuleType) -> None:
    pair = golden_pair(golden_rule, torch.float64)
    optimizer = sgd(pair.student_backbone.parameters(), learning_rate=0.05, weight_decay=5e-4)
    predicted, target = pair(*views(golden, torch.float64), CROPS)
    result = part_contrastive_loss(predicted, target)
    assert float(result.loss.detach()) == pytest.approx(2.904518, abs=2e-6)
    assert float(result.accuracy) == pytest.approx(float(golden["accuracy"]))
    np.testing.assert_allclose(result.logits.detach().numpy(), golden["logits"], rtol=0, atol=2e-6)

    result.loss.backward()
    gradients = {
        f"student_backbone.{name}": parameter.grad for name, parameter in pair.student_backbone.named_parameters()
    }
    names = [str(name) for name in golden["grad_names"]]
    assert {name.removeprefix("student_backbone.") for name in names} == {
        name.removeprefix("student_backbone.") for name in gradients
    }
    for name, norm in zip(names, golden["grad_norm"], strict=True):
        gradient = gradients["student_backbone." + name.removeprefix("student_backbone.")]
        assert gradient is not None
        assert float(gradient.norm()) == pytest.approx(float(norm), rel=1e-5, abs=1e-9), name
    for key in (key for key in golden if key.startswith("grad::")):
        gradient = gradients["student_backbone." + key.removeprefix("grad::")]
        np.testing.assert_allclose(gradient, golden[key], rtol=1e-5, atol=1e-7, err_msg=key)
    check_buffers(pair, golden)

    optimizer.step()
    assert teacher_momentum(1, 100) == pytest.approx(float(golden["ema_momentum_iter1"]), abs=1e-12)
    pair.update_teacher(teacher_momentum(1, 100))
    state = pair.state_dict()
    for key in (key for key in golden if key.startswith("after_step::")):
        np.testing.assert_allclose(state[key.removeprefix("after_step::")], golden[key], rtol=0, atol=1e-6, err_msg=key)
    for key in (key for key in golden if key.startswith("after_step_norm::")):
        norm = float(state[key.removeprefix("after_step_norm::")].norm())
        assert norm == pytest.approx(float(golden[key]), rel=1e-6), key


def check_buffers(pair: StudentTeacher, golden: dict[str, np.ndarray]) -> None:
    """Running statistics are those after one forward pass: nothing is recomputed in the backward pass."""
    state = pair.state_dict()
    for key in (key for key in golden if key.startswith("after_forward::")):
        value = state[key.removeprefix("after_forward::")]
        np.testing.assert_allclose(value, golden[key], rtol=0, atol=1e-6, err_msg=key)


def test_teacher_momentum(golden_dir: Path) -> None:
    with np.load(golden_dir / "golden_ema.npz") as stored:
        for step, momentum in zip(stored["steps"], stored["m40000"], strict=True):
            assert teacher_momentum(int(step), 40_000) == pytest.approx(float(momentum), abs=1e-12)


def test_teacher_gets_no_gradient_and_only_parameters_are_averaged(golden_rule: ModuleType) -> None:
    pair = golden_pair(golden_rule, torch.float32)
    before = {key: value.clone() for key, value in pair.teacher_backbone.state_dict().items()}
    pair.update_teacher(0.5)
    student = pair.student_backbone.state_dict()
    parameters = dict(pair.teacher_backbone.named_parameters())
    assert not any(parameter.requires_grad for parameter in parameters.values())
    for key, value in pair.teacher_backbone.state_dict().items():
        expected = (before[key] + student[key]) / 2 if key in parameters else before[key]
        torch.testing.assert_close(value, expected)


def test_batches_that_do_not_fit_the_crops_are_refused() -> None:
    backbone = ARCHITECTURES["tiny"].build()
    with pytest.raises(ConfigError, match="even number"):
        encode_in_bands(backbone.encode, torch.zeros(3, 1, 2, 64, 44), 4)
    with pytest.raises(ConfigError, match="4 chunks"):
        encode_in_crops(backbone.encode, torch.zeros(3, 1, 2, 64, 44), CROPS)
