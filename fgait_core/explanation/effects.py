"""What moved a score: how far its probability falls when a part of the body or of the gait cycle is hidden.

Two checks decide whether that is shown. Stability: the effects under small changes of the recording must agree with
each other. Random model: they must not be those of a network of random weights, which would mean that they show the
picture and not what the network learned. Source: Adebayo et al. 2018 (model parameter randomisation).

Deviation: weights are not drawn anew but shuffled within each layer, so that their sizes stay those of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from fgait_core.data.modalities import to_network
from fgait_core.data.windows import network_pictures, window_starts
from fgait_core.explanation.occlusion import BANDS, PHASES, Pictures, Windows, all_hidden, hide_band, side_by_side
from fgait_core.explanation.reference_bank import packaged_bank
from fgait_core.explanation.small_changes import SMALL_CHANGES
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import ModelPackage, SeenWalk, look
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import TaskContent

RANDOM_NETWORKS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What hiding did to the probability of the positive class of one task.

    Attributes:
        bands: float64 `[change, band]`, for each of `SMALL_CHANGES`.
        phases: float64 `[change, phase]`; no columns where no gait cycle is known.
        of_random_networks: float64 `[network, band]`, the same of networks of shuffled weights.
    """

    bands: NDArray[np.float64]
    phases: NDArray[np.float64]
    of_random_networks: NDArray[np.float64]

    @property
    def stability(self) -> float:
        """Mean correlation between the effects of bands under any two small changes."""
        return _agreement(self.bands)

    @property
    def stability_of_phases(self) -> float:
        """The same of phases; -1 without."""
        return _agreement(self.phases) if self.phases.shape[1] else -1.0

    @property
    def likeness_to_random(self) -> float:
        """Mean size of the correlation with the effects in random networks."""
        own = self.bands.mean(0)
        return float(np.mean([abs(correlation(own, other)) for other in self.of_random_networks]))


def measure_effects(
    package: ModelPackage, seen: SeenWalk, phase: NDArray[np.float64] | None, tasks: Sequence[str]
) -> dict[str, Effects]:
    """Hides each part and asks the network again.

    Args:
        package: the one that scored; its network sees silhouettes alone.
        seen: the walk.
        phase: float64 `[frame]` of the walk, share of the gait cycle, NaN where it is not known.
        tasks: which ones.

    Returns:
        For each task; empty where no stretch of the walk is as long as a window.
    """
    chosen = [task for task in package.content.tasks if task.name in tasks]
    usual = packaged_bank().healthy_frames(seen.view)
    said: list[dict[str, NDArray[np.float64]]] = []
    first: Windows | None = None
    for later, change in SMALL_CHANGES:
        windows = windows_of(package, seen, phase, later)
        if windows is None:
            return {}
        first = first or windows
        hidden = all_hidden(Windows(change(windows.pictures), windows.phase), usual)
        said.append(probabilities(package.network, chosen, hidden, seen.view))
    if first is None:
        return {}
    bands_alone = np.stack([first.pictures, *(hide_band(first.pictures, rows, usual) for rows in BANDS.values())])
    random = [
        probabilities(shuffled(package.network, seed), chosen, bands_alone, seen.view)
        for seed in range(RANDOM_NETWORKS)
    ]
    return {task.name: _effects(task.name, said, random) for task in chosen}


def _effects(
    task: str, said: Sequence[dict[str, NDArray[np.float64]]], random: Sequence[dict[str, NDArray[np.float64]]]
) -> Effects:
    parts = min(len(each[task]) for each in said)
    fell = np.stack([each[task][0] - each[task][1:parts] for each in said])
    bands = len(BANDS)
    phases = fell[:, bands:] if fell.shape[1] == bands + PHASES else fell[:, :0]
    return Effects(fell[:, :bands], phases, np.stack([each[task][0] - each[task][1:] for each in random]))


def windows_of(
    package: ModelPackage, seen: SeenWalk, phase: NDArray[np.float64] | None, later: int = 0
) -> Windows | None:
    """Windows that lie side by side.

    Args:
        package: knows what its network sees.
        seen: the walk.
        phase: float64 `[frame]` of the walk; None where no gait cycle is known.
        later: frames (of the network) by which they begin later, as far as the walk is long enough.

    Returns:
        None where no stretch without a gap is as long as a window.
    """
    transform = package.content.transform
    even = seen.sequence.resampled(transform.frame_rate_hz)
    stretches = window_starts(even, transform.frame_rate_hz, transform.window_frames)
    if not stretches:
        return None
    starts = np.concatenate([each[min(later, len(each) - 1) :] for each in stretches])
    starts = side_by_side(starts, transform.window_frames)
    rows = starts[:, None] + np.arange(transform.window_frames)
    pictures = network_pictures(even, transform.modality)[rows].swapaxes(1, 2)
    if phase is None:
        return Windows(pictures, np.full(rows.shape, np.nan))
    nearest = np.abs(even.timestamps_s[:, None] - seen.sequence.timestamps_s).argmin(1)
    return Windows(pictures, phase[nearest][rows])


def probabilities(
    network: TaskNetwork, tasks: Sequence[TaskContent], pictures: Pictures, view: str | None
) -> dict[str, NDArray[np.float64]]:
    """Calibrated probability of each task's positive class for each of many versions of a walk.

    Args:
        network: asked.
        tasks: whose.
        pictures: uint8 `[version, window, channel, frame, 64, 44]`.
        view: of the walk.
    """
    versions, windows = pictures.shape[:2]
    said = [look(network, to_network(version))[0] for version in pictures]
    found = {}
    for task in tasks:
        logits = torch.stack([each[task.name][:, 0] for each in said]).double().numpy() * LOGIT_SCALE
        calibrator = task.of_view(view).calibrators[0].calibrator()
        calibrated = calibrator.calibrated_logits(logits.reshape(versions * windows, -1))
        mean = calibrated.reshape(versions, windows, -1).mean(1)
        found[task.name] = softmax(mean, axis=1)[:, task.class_order.index(task.positive_class)]
    return found


def shuffled(network: TaskNetwork, seed: int) -> TaskNetwork:
    """A copy in which the weights of each layer are in random order: it has learned nothing."""
    generator = torch.Generator().manual_seed(seed)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for weights in copied.parameters():
            flat = weights.reshape(-1)
            weights.copy_(flat[torch.randperm(len(flat), generator=generator)].reshape(weights.shape))
    return copied.eval()


def _agreement(effects: NDArray[np.float64]) -> float:
    pairs = combinations(range(len(effects)), 2)
    return float(np.mean([correlation(effects[a], effects[b]) for a, b in pairs]))


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 1e-12 else 0.0
