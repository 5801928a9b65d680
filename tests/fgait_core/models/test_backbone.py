"""The backbone equals the published one on golden values, in size and in names."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fgait_core.errors import ConfigError
from fgait_core.models.architectures import ARCHITECTURES, count_parameters, named_architecture
from fgait_core.models.backbone import Backbone, initialise

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


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="four positive"):
        Backbone((16, 32, 64), (1, 1, 1, 1))
    with pytest.raises(ConfigError, match="four positive"):
        Backbone((16, 32, 64, 128), (1, 0, 1, 1))
    with pytest.raises(ConfigError, match=r"0\.03B"):
        named_architecture("gigantic")
