"""The backbone equals the published one on golden values, in size and in names."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from fgait_core.errors import ConfigError
from fgait_core.models.architectures import ARCHITECTURES, count_parameters, named_architecture
from fgait_core.models.backbone import Backbone, Checkpointing, initialise

SIZES = {
    "tiny": (372_208, 1_031_680, 1_023_744, 25_714),
    "small": (5_930_944, 16_316_416, 16_284_672, 102_802),
    "s22": (1_916_000, 4_094_976, 4_079_104, 52_568),
    "0.03B": (33_134_272, 16_316_416, 16_284_672, 125_113),
    "0.13B": (132_298_432, 16_316_416, 16_284_672, 198_949),
}


@pytest.mark.parametrize(("name", "sizes"), SIZES.items())
def test_sizes_are_the_published_ones(name: str, sizes: tuple[int, int, int, int]) -> None:
    count = count_parameters(named_architecture(name))
    assert (count.encoder, count.projector, count.predictor, count.buffers) == sizes
    assert count.total == sum(sizes[:3])


@pytest.mark.parametrize(("name", "keys"), [("0.03B", 343), ("0.13B", 991)])
def test_number_of_state_dict_keys(name: str, keys: int) -> None:
    with torch.device("meta"):
        assert len(ARCHITECTURES[name].build().state_dict()) == keys


def test_published_names_and_shapes() -> None:
    shapes = {key: tuple(value.shape) for key, value in ARCHITECTURES["s22"].build().state_dict().items()}
    assert shapes["layer0.forward_block.0.weight"] == (32, 1, 3, 3)
    assert shapes["layer1.forward_block.0.conv2.weight"] == (32, 32, 3, 3)
    assert shapes["layer2.1.shortcut3d.weight"] == (64, 64, 3, 1, 1)
    assert shapes["layer3.0.downsample.0.weight"] == (128, 64, 1, 1, 1)
    assert shapes["layer4.0.conv1.forward_block.1.running_var"] == (256,)
    assert shapes["layer4.0.sbn.num_batches_tracked"] == ()
    assert shapes["projector.3.fc_bin"] == (31, 256, 256)
    assert shapes["projector.4.bn1d.weight"] == (256 * 31,)
    assert shapes["predictor.3.fc_bin"] == (31, 256, 256)
    assert "layer2.1.downsample.0.weight" not in shapes
    assert "predictor.4.bn1d.weight" not in shapes


@pytest.mark.parametrize("case", [0, 1, 2])
def test_equals_golden_values(golden_dir: Path, golden_rule: ModuleType, case: int) -> None:
    backbone = ARCHITECTURES["tiny"].build().eval()
    shapes = {key: tuple(value.shape) for key, value in backbone.state_dict().items()}
    backbone.load_state_dict({key: torch.from_numpy(golden_rule.fill(key, shape)) for key, shape in shapes.items()})
    with np.load(golden_dir / "golden_eval_tiny.npz") as golden:
        expected = {key.removeprefix(f"case{case}_"): golden[key] for key in golden if key.startswith(f"case{case}_")}
    silhouettes = torch.from_numpy(expected["input_u8"]).float().unsqueeze(1) / 255
    with torch.inference_mode():
        output = backbone(silhouettes)
    raw = {
        "out4": output.feature,
        "feat_tp": output.over_time,
        "feat_hpp": output.parts,
        "z1": output.projected,
        "p1": output.predicted,
    }
    for name, value in raw.items():
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=0, atol=2e-4, err_msg=name)
    np.testing.assert_allclose(output.embedding.numpy(), expected["embeddings"], rtol=0, atol=2e-6)


def test_sequences_of_a_batch_do_not_mix() -> None:
    backbone = Backbone((4, 4, 8, 8), (1, 2, 1, 1)).eval()
    initialise(backbone, torch.Generator().manual_seed(3))
    silhouettes = torch.rand(3, 1, 5, 64, 44, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        together = backbone(silhouettes).projected
        alone = torch.cat([backbone(one.unsqueeze(0)).projected for one in silhouettes])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_time_order_matters() -> None:
    backbone = Backbone((4, 4, 8, 8), (1, 1, 1, 1)).eval()
    initialise(backbone, torch.Generator().manual_seed(3))
    silhouettes = torch.rand(1, 1, 6, 64, 44, generator=torch.Generator().manual_seed(4))
    shuffled = silhouettes[:, :, [0, 3, 1, 5, 2, 4]]
    with torch.inference_mode():
        assert not torch.allclose(backbone(silhouettes).projected, backbone(shuffled).projected, atol=1e-3)


def test_initialisation_follows_the_generator() -> None:
    first, second, third = (Backbone((4, 4, 8, 8), (1, 1, 1, 1)) for _ in range(3))
    initialise(first, torch.Generator().manual_seed(1))
    initialise(second, torch.Generator().manual_seed(1))
    initialise(third, torch.Generator().manual_seed(2))
    for one, two, other in zip(first.parameters(), second.parameters(), third.parameters(), strict=True):
        assert torch.equal(one, two)
        assert torch.count_nonzero(one) == 0 or not torch.equal(one, other)


def test_published_bound_of_part_wise_maps() -> None:
    backbone = Backbone((4, 4, 8, 8), (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(1), small_partwise=True)
    bound = (6 / (8 * 8 + 31 * 8)) ** 0.5
    weight = backbone.state_dict()["projector.0.fc_bin"].abs()
    assert 0.99 * bound < float(weight.max()) <= bound
    initialise(backbone, torch.Generator().manual_seed(1))
    assert float(backbone.state_dict()["projector.0.fc_bin"].abs().max()) > 0.99 * (6 / 16) ** 0.5


def test_input_channels_change_the_first_layer_only() -> None:
    one, three = (Backbone((4, 4, 8, 8), (1, 1, 1, 1), channels).state_dict() for channels in (1, 3))
    assert {key for key in one if one[key].shape != three[key].shape} == {"layer0.forward_block.0.weight"}
    assert three["layer0.forward_block.0.weight"].shape == (4, 3, 3, 3)
    assert one.keys() == three.keys()


def test_channels_of_the_input_are_told_apart() -> None:
    """A weight that looks at the second channel only sees nothing but it, frame by frame."""
    backbone = Backbone((4, 4, 8, 8), (1, 1, 1, 1), 2).eval()
    initialise(backbone, torch.Generator().manual_seed(1))
    backbone.state_dict()["layer0.forward_block.0.weight"][:, 0] = 0
    maps = torch.rand(2, 2, 3, 64, 44, generator=torch.Generator().manual_seed(2))
    other = torch.stack([torch.rand(2, 3, 64, 44), maps[:, 1]], dim=1)
    with torch.inference_mode():
        assert torch.equal(backbone(maps).projected, backbone(other).projected)
        assert not torch.allclose(backbone(maps).projected, backbone(maps.flip(1)).projected, atol=1e-3)


@pytest.mark.parametrize("checkpointing", ["once", "twice"])
def test_activation_checkpointing_gives_the_same_gradients(checkpointing: Checkpointing) -> None:
    kept, again = (Backbone((4, 4, 6, 6), (2, 2, 1, 1)).double() for _ in range(2))
    initialise(kept, torch.Generator().manual_seed(3))
    again.load_state_dict(kept.state_dict())
    again.checkpointing = checkpointing
    silhouettes = torch.rand(4, 1, 3, 64, 44, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    saved: dict[str, int] = {}
    for name, backbone in (("kept", kept), ("again", again)):
        with saved_tensors_hooks(lambda tensor, name=name: _count(saved, name, tensor), lambda tensor: tensor):
            predicted = backbone(silhouettes, (4, 1)).predicted
        predicted.square().sum().backward()
    assert saved["again"] < saved["kept"] / 2
    for (name, one), two in zip(kept.named_parameters(), again.parameters(), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-10, atol=1e-12, msg=name)
    for (name, one), two in zip(kept.named_buffers(), again.buffers(), strict=True):
        if checkpointing == "once":
            assert torch.equal(one, two), name
        elif name.endswith("num_batches_tracked"):
            assert int(two) == int(one) * (2 if name.startswith("layer") else 1), name


def _count(saved: dict[str, int], name: str, tensor: torch.Tensor) -> torch.Tensor:
    saved[name] = saved.get(name, 0) + tensor.numel()
    return tensor


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # the compiler asks for it
def test_compiled_blocks_compute_the_same() -> None:
    backbone = Backbone((4, 4, 6, 6), (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(3))
    silhouettes = torch.rand(2, 1, 3, 64, 44, generator=torch.Generator().manual_seed(4))
    expected = gradients_of(backbone, silhouettes)
    for block in (*backbone.layer1.forward_block, *backbone.layer3):
        block.compile(backend="aot_eager")
    backbone.checkpointing = "once"
    for name, gradient in gradients_of(backbone, silhouettes).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-3, msg=name)
    assert int(backbone.state_dict()["layer3.0.sbn.num_batches_tracked"]) == 2


def gradients_of(backbone: Backbone, silhouettes: torch.Tensor) -> dict[str, torch.Tensor]:
    backbone.zero_grad()
    backbone(silhouettes).predicted.square().mean().backward()
    return {name: parameter.grad.clone() for name, parameter in backbone.named_parameters()}  # type: ignore[union-attr]


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="four positive"):
        Backbone((16, 32, 64), (1, 1, 1, 1))
    with pytest.raises(ConfigError, match="four positive"):
        Backbone((16, 32, 64, 128), (1, 0, 1, 1))
    with pytest.raises(ConfigError, match="at least one input channel"):
        Backbone((16, 32, 64, 128), (1, 1, 1, 1), 0)
    with pytest.raises(ConfigError, match=r"0\.03B"):
        named_architecture("gigantic")
