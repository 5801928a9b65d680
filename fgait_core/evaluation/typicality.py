"""How unlike the training data a recording is, from the features of the network that scores it.

A network says something of a dog, a chair or noise, too, and a calibrator makes it look sure. The guard compares the
features that the heads are computed from with those of the training people: a distance within the leading principal
components (Mahalanobis, mean over components) and the size of what the components leave over, each against its mean on
the training people; the score is the mean of the two logarithms.

Source: Lee et al. 2018 (Mahalanobis distance of features), Ndiour et al. 2020 (what principal components leave over).

Deviations:
    * Features are the logarithm of the pooled parts, before the projector: the parts at unit length that the heads read
      forget how strong a feature is. Of five kinds of features, two parts of the score alone and together, and the
      distance to the nearest neighbours, this found most on people of a calibration split (docs/decisions/0016).
    * One class: everybody who was trained on. A recording's score is the mean over its windows, so that a long
      recording is not called more typical than a short one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

COMPONENTS = 128
_WINDOWS_A_COMPONENT = 8
_FLOOR = 0.02
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Typicality:
    """What typical features look like.

    Attributes:
        mean: float32 `[feature]` of the logarithms.
        components: float32 `[component, feature]`, orthonormal.
        spread: float32 `[component]`, standard deviations along them.
        left_over: float32 `[1]`, mean square length of what the components leave over.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    spread: NDArray[np.float32]
    left_over: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The numbers by name, to be stored."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def unlikeness(self, pooled: NDArray[np.float32]) -> NDArray[np.float64]:
        """How unlike the training data windows are.

        Args:
            pooled: `[window, feature]`, the pooled parts (`BackboneOutput.parts`), none below 0.

        Returns:
            `[window]`: about 0 for people of the training data, higher for anything else.
        """
        centred = _logarithm(pooled) - self.mean
        along = centred @ self.components.T
        within = np.square(along / self.spread, dtype=np.float64).mean(1)
        beside = np.square(centred, dtype=np.float64).sum(1) - np.square(along, dtype=np.float64).sum(1)
        relative = np.maximum(beside, 0.0) / max(float(self.left_over[0]), _SMALLEST)
        return (np.log(within + _SMALLEST) + np.log(relative + _SMALLEST)) / 2

    def along(self, pooled: NDArray[np.float32]) -> NDArray[np.float64]:
        """Where windows lie along the components, in standard deviations of the training people.

        Args:
            pooled: as of `unlikeness`.

        Returns:
            `[window, component]`.
        """
        return ((_logarithm(pooled) - self.mean) @ self.components.T / self.spread).astype(np.float64)


def fit_typicality(pooled: NDArray[np.float32], components: int = COMPONENTS) -> Typicality:
    """Learns what is typical.

    Args:
        pooled: `[window, feature]` of the training people, at least two windows.
        components: how many to keep at most; fewer where there are not eight windows for each.

    Raises:
        ValueError: if there are not two windows.
    """
    if len(pooled) < 2:
        raise ValueError("typicality needs at least two windows of training people")
    kept = max(min(components, len(pooled) // _WINDOWS_A_COMPONENT, pooled.shape[1] - 1), 1)
    rows = _logarithm(pooled)
    mean = rows.mean(0)
    _, _, directions = randomized_svd(rows - mean, kept, random_state=0)
    leading = np.ascontiguousarray(directions, np.float32)
    along = (rows - mean) @ leading.T
    beside = np.square(rows - mean).sum(1) - np.square(along).sum(1)
    spread = np.maximum(along.std(0), np.float32(_SMALLEST))
    return Typicality(mean, leading, spread.astype(np.float32), np.array([beside.mean()], np.float32))


def _logarithm(pooled: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(pooled, 0) + np.float32(_FLOOR)).astype(np.float32)
