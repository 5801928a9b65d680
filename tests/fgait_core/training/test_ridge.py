"""Ridge regression in both forms equals scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as Reference

from fgait_core.training.ridge import Ridge


@pytest.mark.parametrize("features", [20, 90], ids=["fewer features than rows", "fewer rows than features"])
def test_equals_scikit_learn(features: int) -> None:
    generator = torch.Generator().manual_seed(5)
    rows = torch.randn(60, features, generator=generator) + 1
    targets = rows[:, :3] + 0.5 * torch.randn(60, 3, generator=generator)
    weights = torch.poisson(torch.ones(60), generator=generator)
    regression = Ridge(rows, 0.5)
    for counted in (weights, torch.ones(60)):
        solution, count = regression.solve(targets, counted), counted.numpy()
        mean = np.average(rows.numpy(), axis=0, weights=count)
        variance = np.average((rows.numpy() - mean) ** 2, axis=0, weights=count).mean()
        reference = Reference(alpha=0.5 * variance * count.sum())
        reference.fit(rows.numpy(), targets.numpy(), sample_weight=count)
        np.testing.assert_allclose(solution.vectors.numpy(), reference.coef_.T, atol=1e-4)
        np.testing.assert_allclose(solution.mean_row.numpy(), mean, atol=1e-5)
