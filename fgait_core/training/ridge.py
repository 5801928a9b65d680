"""Weighted ridge regression in closed form, for linear heads on features that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RidgeSolution:
    """A linear prediction: `mean_target + (row - mean_row) @ vectors`.

    Attributes:
        vectors: float32 `[feature, target]`.
        mean_row: float32 `[feature]`, weighted mean of the rows.
    """

    vectors: Tensor
    mean_row: Tensor


class Ridge:
    """Ridge regression of many targets on the same rows; the intercept is not penalised.

    With fewer rows than features it solves for a weight of each row instead of each feature, and the products of all
    rows with each other are computed once for all targets.

    Args:
        rows: float32 `[row, feature]`.
        ridge: penalty, in units of the mean variance of a feature.
    """

    def __init__(self, rows: Tensor, ridge: float) -> None:
        self._rows = rows
        self._ridge = ridge
        count, features = rows.shape
        self._products = rows @ rows.T if count < features else None

    def solve(self, targets: Tensor, weights: Tensor) -> RidgeSolution:
        """Fits targets.

        Args:
            targets: float32 `[row, target]`.
            weights: float32 `[row]`, how much each row counts; not all zero.
        """
        share = weights / weights.sum()
        centred = (targets - share @ targets).double()
        mean_row = share @ self._rows
        if self._products is None:
            vectors = self._by_feature(centred, share, mean_row)
        else:
            vectors = self._by_row(self._products.double(), centred, share.double(), mean_row)
        return RidgeSolution(vectors, mean_row)

    def _by_feature(self, targets: Tensor, share: Tensor, mean_row: Tensor) -> Tensor:
        rows = self._rows - mean_row
        weighted = rows * share[:, None]
        gram = (rows.T @ weighted).double()
        gram.diagonal().add_(self._ridge * float(gram.diagonal().mean()))
        return torch.linalg.solve(gram, weighted.T.double() @ targets).float()

    def _by_row(self, products: Tensor, targets: Tensor, share: Tensor, mean_row: Tensor) -> Tensor:
        along_mean = products @ share
        centred = products - along_mean - along_mean[:, None] + share @ along_mean
        root = share.sqrt()
        penalty = self._ridge * float(share @ centred.diagonal()) / self._rows.shape[1]
        matrix = root[:, None] * centred * root
        matrix.diagonal().add_(penalty)
        of_row = (root[:, None] * torch.linalg.solve(matrix, root[:, None] * targets)).float()
        return self._rows.T @ of_row - mean_row[:, None] * of_row.sum(0)
