"""Re-ranking equals golden values and the dense definition of the paper, block by block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fgait_core.errors import ConfigError
from fgait_core.evaluation import distances
from fgait_core.evaluation.reranking import rerank

GOLDEN = Path(__file__).parents[2] / "golden" / "golden_rerank.npz"


def dense_rerank(matrix: np.ndarray, probes: int, k1: int, k2: int, weight: float) -> np.ndarray:
    """Zhong et al. 2017, sections 3.2 to 3.5, with sets of Python."""
    scaled = matrix / matrix.max(1, keepdims=True)
    order = np.argsort(matrix, axis=1, kind="stable")
    members = np.zeros(matrix.shape)

    def mutual(row: int, k: int) -> set[int]:
        return {int(other) for other in order[row, : k + 1] if row in order[other, : k + 1]}

    for row in range(len(matrix)):
        chosen = set(mutual(row, k1))
        for other in mutual(row, k1):
            inner = mutual(other, round(k1 / 2))
            if len(inner & mutual(row, k1)) > 2 / 3 * len(inner):
                chosen |= inner
        places = sorted(chosen)
        members[row, places] = np.exp(-scaled[row, places])
    members /= members.sum(1, keepdims=True)
    averaged = np.stack([members[order[row, :k2]].mean(0) for row in range(len(matrix))])
    shared = np.minimum(averaged[:probes, None], averaged[None, probes:]).sum(2)
    return (1 - weight) * (1 - shared / (2 - shared)) + weight * scaled[:probes, probes:]


def test_reranked_distances_equal_golden_values() -> None:
    with np.load(GOLDEN) as golden:
        matrix, expected = golden["dist"], golden["final"]
    rows = rerank(lambda block: matrix[block].copy(), 20, 80)
    np.testing.assert_allclose(rows(slice(0, 20)), expected, atol=2e-3)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(6, 6, 0.3), (9, 3, 0.0), (4, 1, 0.7)])
def test_reranked_distances_equal_the_definition_in_blocks(k1, k2, weight, monkeypatch) -> None:
    rng = np.random.default_rng(k1)
    points = np.repeat(rng.normal(size=(15, 3)), 5, axis=0) + 0.4 * rng.normal(size=(75, 3))
    points = points[rng.permutation(75)]
    matrix = np.linalg.norm(points[:, None] - points[None], axis=2).astype(np.float32)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 4 * 75 * 8)
    rows = rerank(lambda block: matrix[block].copy(), 25, 75, k1=k1, k2=k2, distance_weight=weight)
    blocks = np.concatenate([rows(slice(start, min(start + 8, 25))) for start in range(0, 25, 8)])
    np.testing.assert_allclose(blocks, dense_rerank(matrix.astype(float), 25, k1, k2, weight), atol=1e-5)


def test_too_few_sequences_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 7"):
        rerank(lambda block: np.zeros((7, 7), np.float32)[block], 3, 7)
