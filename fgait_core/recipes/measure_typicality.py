"""Measures the guard of a package: false alarms on people whom it never saw, and what of no walkers it notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.modalities import to_network
from fgait_core.data.shards import ShardFolder
from fgait_core.data.windows import recording_windows
from fgait_core.evaluation.classification import wilson_interval
from fgait_core.evaluation.tables import Table
from fgait_core.evaluation.typicality import Typicality
from fgait_core.model_package import look
from fgait_core.models.heads import TaskNetwork
from fgait_core.package_content import PackageContent, Transform, ViewKey, of_view
from fgait_core.progress import Progress, ignore_progress
from fgait_core.recipes.measure_groups import groups_of, listed, share, view_names
from fgait_core.recipes.unlike_walkers import ALTERED, DRAWN
from fgait_core.sequence import SilhouetteSequence

RECORDINGS_A_KIND = 100
_WINDOWS_AT_ONCE = 64


def measure_false_alarms(
    unlikeness: NDArray[np.float64], thresholds: Mapping[ViewKey, float], folder: ShardFolder, seed: int
) -> dict[str, Any]:
    """Share of recordings of walkers that are called unlike, in all and in groups, with intervals by person.

    Args:
        unlikeness: float64 `[sequence]`.
        thresholds: of each view.
        folder: the sequences.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    own = np.array([of_view(thresholds, view) for view in view_names(folder).tolist()])
    alarm, person = unlikeness > own, folder.person
    groups = {
        kind: {str(name): share(alarm[names == name], person[names == name], rng) for name in np.unique(names)}
        for kind, names in groups_of(folder).items()
    }
    return {"sequences": len(folder), "false_alarms": share(alarm, person, rng)} | groups


def false_alarms_table(measured: Mapping[str, Any]) -> Table:
    """What `measure_false_alarms` found."""
    groups = [("all", "all", measured["false_alarms"]), *listed(measured)]
    rows = [(kind, name, each["value"], each["low"], each["high"]) for kind, name, each in groups]
    title = "Walkers called unlike the training data, with 95 % intervals by person"
    return Table("false_alarms", title, ("group", "value", "share", "low", "high"), tuple(rows))


def measure_detection(
    network: TaskNetwork,
    guard: Typicality,
    content: PackageContent,
    folder: ShardFolder,
    seed: int,
    progress: Progress = ignore_progress,
) -> dict[str, dict[str, Any]]:
    """Share of made-up recordings of each kind that the guard notices, with Wilson's interval.

    Altered walkers are of different people of the folder. Drawn things have no view, so that the pooled threshold is
    used.

    Args:
        network: of the package.
        guard: of the package.
        content: its transform and thresholds; only silhouettes can be made up.
        folder: people whom the network never saw.
        seed: of all draws.
        progress: told after each kind.

    Returns:
        For each kind `noticed`, `interval` and `recordings`; empty where the network sees more than silhouettes.
    """
    transform = content.transform
    if transform.modality != "silhouettes":
        return {}
    rng = np.random.default_rng(seed)
    views = view_names(folder)
    first = np.unique(folder.person, return_index=True)[1]
    found: dict[str, dict[str, Any]] = {}
    for number, kind in enumerate((*DRAWN, *ALTERED)):
        chosen = rng.permutation(first)[:RECORDINGS_A_KIND].tolist()
        clips = [_made_up(kind, folder.sequence(place), rng) for place in chosen]
        thresholds = [content.typicality.threshold(None if kind in DRAWN else str(views[place])) for place in chosen]
        unlikeness = _unlikeness(network, guard, transform, clips, folder.frame_rate_hz)
        noticed = int((unlikeness > np.array(thresholds)).sum())
        interval = wilson_interval(noticed, len(chosen))
        found[kind] = {"noticed": noticed / len(chosen), "interval": interval, "recordings": len(chosen)}
        progress((number + 1) / (len(DRAWN) + len(ALTERED)), "trying things that are no walkers")
    return found


def _made_up(kind: str, clip: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Of one kind, as long as the clip of a walker."""
    return DRAWN[kind](rng, len(clip)) if kind in DRAWN else ALTERED[kind](clip, rng)


def _unlikeness(
    network: TaskNetwork,
    guard: Typicality,
    transform: Transform,
    clips: Sequence[NDArray[np.uint8]],
    frame_rate_hz: float,
) -> NDArray[np.float64]:
    """Of each clip as a recording of its own, float64 `[clip]`; many windows at once, because that is faster."""
    windows = [
        recording_windows(
            SilhouetteSequence(clip * np.uint8(255), np.arange(len(clip)) / frame_rate_hz, np.arange(len(clip))),
            frame_rate_hz=transform.frame_rate_hz,
            frames=transform.window_frames,
            hop=transform.hop_frames,
        )
        for clip in clips
    ]
    owner = np.repeat(np.arange(len(clips)), [len(each) for each in windows])
    every = np.concatenate(windows)
    values = [
        guard.unlikeness(look(network, to_network(every[begin : begin + _WINDOWS_AT_ONCE]))[1].numpy())
        for begin in range(0, len(every), _WINDOWS_AT_ONCE)
    ]
    return np.bincount(owner, np.concatenate(values)) / np.bincount(owner)
