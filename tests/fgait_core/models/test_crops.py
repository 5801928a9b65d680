"""Part-aware crops."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fgait_core.errors import ConfigError
from fgait_core.models.architectures import ARCHITECTURES
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.crops import encode_in_bands, encode_in_crops

CROPS = (8, 4, 2, 1)


@pytest.mark.parametrize(("chunk", "bands"), list(enumerate(CROPS)))
def test_bands_equal_golden_values(
    golden_step: dict[str, np.ndarray], golden_rule: ModuleType, chunk: int, bands: int
) -> None:
    backbone = ARCHITECTURES["tiny"].build().train()
    filled = {
        key: golden_rule.fill(f"student_backbone.{key}", tuple(value.shape))
        for key, value in backbone.state_dict().items()
    }
    backbone.load_state_dict({key: torch.from_numpy(value) for key, value in filled.items()})
    view = torch.from_numpy(golden_step["k_u8"]).float().unsqueeze(1) / 255
    with torch.no_grad():
        feature = encode_in_bands(backbone.encode, view[2 * chunk : 2 * chunk + 2], bands)
    np.testing.assert_allclose(feature.numpy(), golden_step[f"crop{bands}"], rtol=0, atol=2e-4)


@pytest.mark.parametrize("bands", [2, 4, 8])
def test_features_come_back_to_the_rows_that_they_are_of(bands: int) -> None:
    """Seen by an encoder without receptive field, cutting and joining changes nothing."""

    def shrink(silhouettes: Tensor) -> Tensor:
        assert silhouettes.shape[3] == 64 // bands
        return functional.avg_pool3d(silhouettes, (1, 4, 4))

    silhouettes = torch.rand(4, 2, 3, 64, 44, generator=torch.Generator().manual_seed(1))
    expected = functional.avg_pool3d(silhouettes, (1, 4, 4))
    torch.testing.assert_close(encode_in_bands(shrink, silhouettes, bands), expected)


def test_the_backbone_crops_by_itself() -> None:
    backbone = Backbone((4, 4, 6, 6), (1, 1, 1, 1)).eval()
    initialise(backbone, torch.Generator().manual_seed(2))
    silhouettes = torch.rand(8, 1, 3, 64, 44, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        cropped = backbone(silhouettes, CROPS).feature
        expected = encode_in_crops(backbone.encode, silhouettes, CROPS)
        whole = backbone(silhouettes).feature
    assert torch.equal(cropped, expected)
    torch.testing.assert_close(cropped[6:], whole[6:])
    assert not torch.allclose(cropped[:6], whole[:6], atol=1e-3)


def test_batches_that_do_not_fit_the_crops_are_refused() -> None:
    backbone = ARCHITECTURES["tiny"].build()
    with pytest.raises(ConfigError, match="even number"):
        encode_in_bands(backbone.encode, torch.zeros(3, 1, 2, 64, 44), 4)
    with pytest.raises(ConfigError, match="4 chunks"):
        encode_in_crops(backbone.encode, torch.zeros(3, 1, 2, 64, 44), CROPS)
