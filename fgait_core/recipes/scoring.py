"""What the heads of a network say of every sequence of a folder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from fgait_core.config import FinetuneConfig
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.shards import ShardFolder
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.errors import ConfigError
from fgait_core.evaluation.typicality import Typicality
from fgait_core.losses import LOGIT_SCALE
from fgait_core.model_package import look
from fgait_core.models.heads import CosineHead, IdentificationHead, RegressionHead, TaskHead, TaskNetwork
from fgait_core.package_content import Transform
from fgait_core.package_files import ALIGNMENT
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.recipes.embed import embed_folder
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

_WINDOWS_AT_ONCE = 64
_SEQUENCES_AT_ONCE = 512


def transform_of(config: FinetuneConfig, frame_rate_hz: float) -> Transform:
    """How the network of a run wants its input.

    Args:
        config: of the run.
        frame_rate_hz: of the data that it was trained on.
    """
    return Transform(
        alignment=ALIGNMENT,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        binary_above=BINARY_ABOVE,
        modality=config.modality,
        frame_rate_hz=frame_rate_hz / config.clip.stride,
        window_frames=config.clip.frames,
        hop_frames=max(config.clip.frames // 2, 1),
    )


def score_folder(
    network: TaskNetwork,
    folder: ShardFolder,
    transform: Transform,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = ignore_progress,
) -> dict[str, NDArray[np.float64]]:
    """Logits of every sequence, averaged over its windows, as a package scores a recording.

    A sequence that is shorter than a window is repeated from its beginning.

    Args:
        network: in evaluation mode; is moved to the device.
        folder: the sequences.
        transform: of the package or run; its frame rate must divide that of the sequences.
        device: where to compute.
        progress: told after each batch.

    Returns:
        Scaled cosine logits of each task that has them: for a classification float64
        `[sequence, 1 + replicates, class]`, for attributes `[sequence, 2, value]`. Of a regression the numbers
        themselves, in units of the data: `[sequence, target]`. Identification has none for people who were not trained
        on, see `identification_embeddings`.

    Raises:
        ConfigError: if the frame rates do not fit or the folder lacks the modality.
    """
    return score_and_judge(network, folder, transform, None, device=device, progress=progress)[0]


def score_and_judge(
    network: TaskNetwork,
    folder: ShardFolder,
    transform: Transform,
    guard: Typicality | None,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = ignore_progress,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """What `score_folder` says, and how unlike the training data each sequence is, in one pass.

    Returns:
        Logits as of `score_folder`, and float64 `[sequence]` of `Typicality.unlikeness`, mean over the windows; 0
        without a guard.
    """
    modality = MODALITIES[transform.modality]
    modality.require(folder)
    owner, rows = sequence_windows(folder, transform)
    network.to(device)
    tasks = [task for task in network.heads if not isinstance(network.head(task), IdentificationHead)]
    sums: dict[str, NDArray[np.float64]] = {}
    unlike = np.zeros(len(folder))
    for begin in range(0, len(rows), _WINDOWS_AT_ONCE):
        at = slice(begin, begin + _WINDOWS_AT_ONCE)
        said, pooled = look(network, to_network(modality.clips(folder, rows[at]), device))
        for task in tasks:
            logits = said[task].double().cpu().numpy()
            np.add.at(sums.setdefault(task, np.zeros((len(folder), *logits.shape[1:]))), owner[at], logits)
        if guard is not None:
            np.add.at(unlike, owner[at], guard.unlikeness(pooled.cpu().numpy()))
        progress(min(begin + _WINDOWS_AT_ONCE, len(rows)) / len(rows), "scoring sequences")
    count = np.bincount(owner, minlength=len(folder))
    said_of = {task: _meant(network.head(task), (total.T / count).T) for task, total in sums.items()}
    return said_of, unlike / count


def mean_head_features(
    network: TaskNetwork,
    task: str,
    folder: ShardFolder,
    transform: Transform,
    guard: Typicality,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a classification head reads of each sequence, and how unlike the training data each is.

    The cosine with a class vector is linear in the normalised features, so that the logits of `score_folder` are
    16 * features @ (class vectors at unit length), for the main head and all its replicates.

    Args:
        network: in evaluation mode; is moved to the device.
        task: name of a classification.
        folder: the sequences.
        transform: of the package.
        guard: of the package.
        device: where to compute.
        progress: told after each batch.
        cancelled: asked before each batch.

    Returns:
        float64 `[sequence, feature]`, mean over the windows after normalisation and at unit length, and float64
        `[sequence]` of `Typicality.unlikeness`, likewise.

    Raises:
        ConfigError: if the frame rates do not fit or the folder lacks the modality.
        OperationCancelled: if the user asked for a stop.
    """
    head = network.head(task)
    if not isinstance(head, CosineHead):
        raise TypeError(f"{task} is no classification")
    modality = MODALITIES[transform.modality]
    modality.require(folder)
    owner, rows = sequence_windows(folder, transform)
    network.to(device)
    total, unlike = np.zeros((len(folder), head.fc_bin.shape[1])), np.zeros(len(folder))
    for begin in range(0, len(rows), _WINDOWS_AT_ONCE):
        raise_if_cancelled(cancelled)
        at = slice(begin, begin + _WINDOWS_AT_ONCE)
        with torch.inference_mode():
            output = network.backbone(to_network(modality.clips(folder, rows[at]), device))
            features = normalize(head.bn1d(output.head_features.float().flatten(1)), dim=1)
        np.add.at(total, owner[at], features.double().cpu().numpy())
        np.add.at(unlike, owner[at], guard.unlikeness(output.parts.flatten(1).float().cpu().numpy()))
        progress(min(begin + _WINDOWS_AT_ONCE, len(rows)) / len(rows), "scoring sequences")
    count = np.bincount(owner, minlength=len(folder))
    return total / count[:, None], unlike / count


def pooled_windows(
    network: TaskNetwork,
    folders: Sequence[ShardFolder],
    transform: Transform,
    count: int,
    rng: np.random.Generator,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Pooled parts of random windows of some folders together, at most `count` of them: float32 `[window, feature]`."""
    modality = MODALITIES[transform.modality]
    every = [(folder, rows) for folder in folders for rows in sequence_windows(folder, transform)[1]]
    chosen = np.sort(rng.permutation(len(every))[:count]).tolist()
    blocks: list[NDArray[np.float32]] = []
    for begin in range(0, len(chosen), _WINDOWS_AT_ONCE):
        picked = [every[number] for number in chosen[begin : begin + _WINDOWS_AT_ONCE]]
        clips = np.concatenate([modality.clips(folder, rows[None]) for folder, rows in picked])
        blocks.append(look(network, to_network(clips))[1].numpy())
        progress((begin + len(picked)) / len(chosen), "learning what is typical")
    return np.concatenate(blocks)


def _meant(head: TaskHead, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the mean of a head's outputs over the windows says."""
    if isinstance(head, RegressionHead):
        return head.in_units(torch.from_numpy(mean).to(head.mean.device)).cpu().numpy()
    return mean * LOGIT_SCALE


def sequence_windows(folder: ShardFolder, transform: Transform) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whose each window is `[window]`, and its frames' numbers `[window, frame]`."""
    stride = max(round(folder.frame_rate_hz / transform.frame_rate_hz), 1)
    if abs(stride * transform.frame_rate_hz - folder.frame_rate_hz) > 1e-6:
        raise ConfigError(
            f"{folder.path} has {folder.frame_rate_hz:g} frames a second; the network wants "
            f"{transform.frame_rate_hz:g}, which does not divide that. Import the data at a multiple of it."
        )
    steps = (folder.frames - 1) // stride + 1
    count = np.maximum((steps - transform.window_frames) // transform.hop_frames, 0) + 1
    owner = np.repeat(np.arange(len(folder)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    step = number[:, None] * transform.hop_frames + np.arange(transform.window_frames)
    return owner, folder.first_frame[owner][:, None] + step % steps[owner][:, None] * stride


def identification_embeddings(
    network: TaskNetwork,
    task: str,
    folder: ShardFolder,
    transform: Transform,
    *,
    device: str | torch.device = "cpu",
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Embeddings of an identification head, each over all frames of a sequence, to be compared by Euclidean distance.

    Args:
        network: in evaluation mode; is moved to the device.
        task: name of the identification.
        folder: the sequences.
        transform: of the run, for its modality.
        device: where to compute.
        progress: told as it goes on.

    Returns:
        float32 `[sequence, width, 31]`.

    Raises:
        ConfigError: if there is no such identification or the folder lacks the modality.
    """
    heads = {name: each for name, each in network.heads.items() if isinstance(each, IdentificationHead)}
    if task not in heads:
        raise ConfigError(f"The network has no identification {task!r}; its heads are {', '.join(network.heads)}.")
    projected = embed_folder(
        network.backbone, folder, modality=transform.modality, layer="projector", device=device, progress=progress
    )
    head = heads[task].to(device)
    blocks: list[NDArray[np.float32]] = []
    for begin in range(0, len(projected), _SEQUENCES_AT_ONCE):
        parts = torch.from_numpy(projected[begin : begin + _SEQUENCES_AT_ONCE]).to(device)
        with torch.inference_mode():
            blocks.append(head.FCs(torch.nn.functional.normalize(parts, dim=1)).cpu().numpy())
    return np.concatenate(blocks)
