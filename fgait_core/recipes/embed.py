"""Embeddings of sequences: what a network's encoder, pooling, projector or predictor says of each.

Source: FoundationGait (arXiv 2512.00691). Outputs are raw; for retrieval bring the parts of `predictor` (of a
pre-trained teacher) to unit length over the channels.

Deviations:
    * The published inference path takes one sequence a process. Here sequences of equal length share a batch; others
      never do, because padded frames would leak through the temporal convolutions. So each sequence gets what it would
      get alone.
    * TensorFloat-32 is off, so that a GPU gives what a processor gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor, nn

from fgait_core.config import LayerName, ModalityName
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.model_package import ModelPackage, bundled_package_dir
from fgait_core.models.architectures import named_architecture
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.models.layers import PARTS
from fgait_core.models.published import Branch, architecture_name, load_backbone
from fgait_core.package_files import CONTENT_FILE
from fgait_core.progress import Progress, ignore_progress
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX

LAYERS: tuple[LayerName, ...] = get_args(LayerName)
FRAMES_LIMIT = 720
"""Published: later frames of a sequence are left out."""
FRAMES_AT_ONCE = {"cpu": 60, "cuda": 1920}
"""Frames of a batch where no batch is asked for. A processor gains nothing by more, and pays for the memory."""


def open_sequences(path: Path) -> NDArray[np.generic]:
    """A .npy file, mapped from disk; no objects are unpickled.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        # Unlike `np.load` this takes no archive of several arrays.
        return open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"{path} cannot be read as a .npy file of one array: {error}") from error


def embed_clips(
    backbone: Backbone,
    clips: NDArray[np.generic],
    layer: LayerName,
    *,
    device: str | torch.device = "cpu",
    batch: int | None = None,
    out: Path | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Embeds clips of equal length.

    Args:
        backbone: in any mode; it runs in evaluation mode and is left as it was, but on `device`.
        clips: `[sequence, frame, 64, 44]` or `[sequence, channel, frame, 64, 44]`, uint8 0..255 or floating 0..1; it is
            read batch by batch, so that it may be mapped from disk.
        layer: whose output.
        device: where to compute.
        batch: sequences at once; by default as many as `FRAMES_AT_ONCE` allows.
        out: a .npy file to write and map; it appears when it is complete.
        progress: told after each batch.

    Returns:
        float32 `[sequence, channel, 31]`, or for the encoder `[sequence, channel, frame, 16, 11]`.

    Raises:
        ConfigError: if the clips are of another kind or a value is out of range, or the network has no such layer.
    """
    _require_layer(backbone, layer)
    _require_clips(clips)
    _require_channels(backbone, clips.shape[1] if clips.ndim == 5 else 1, f"the array {list(clips.shape)}")
    count, frames = len(clips), clips.shape[-3]
    size = batch or _sequences_at_once(frames, device)
    batches = np.split(np.arange(count), range(size, count, size))

    def read(sequences: NDArray[np.int64]) -> NDArray[np.generic]:
        # They follow each other, so that one stretch of a mapped file is read.
        return _in_unit_range(np.array(clips[sequences[0] : sequences[-1] + 1]))

    shape = (count, *_shape(backbone, layer, frames))
    return _embed(backbone, batches, read, shape, layer, device, out, progress)


def embed_folder(
    backbone: Backbone,
    folder: ShardFolder,
    *,
    modality: ModalityName = "silhouettes",
    layer: LayerName = "predictor",
    frames_limit: int = FRAMES_LIMIT,
    device: str | torch.device = "cpu",
    batch: int | None = None,
    out: Path | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Embeds every sequence of a folder of shards, each over all its frames.

    Args:
        backbone: as in `embed_clips`.
        folder: the sequences.
        modality: what the network sees.
        layer: whose output; not the encoder, whose output has the length of each sequence.
        frames_limit: later frames are left out.
        device: where to compute.
        batch: sequences at once; by default as many as `FRAMES_AT_ONCE` allows.
        out: a .npy file to write and map; it appears when it is complete.
        progress: told after each batch.

    Returns:
        float32 `[sequence, channel, 31]`, in the order of the folder.

    Raises:
        ConfigError: if the folder has no such modality or the network no such layer.
    """
    _require_layer(backbone, layer)
    if layer == "encoder":
        raise ConfigError("The encoder's output is as long as each sequence; choose pooled, projector or predictor.")
    seen = MODALITIES[modality]
    seen.require(folder)
    _require_channels(backbone, seen.channels, f"the modality {modality}")
    frames = np.minimum(folder.frames, frames_limit)

    def read(sequences: NDArray[np.int64]) -> NDArray[np.uint8]:
        return seen.clips(folder, folder.first_frame[sequences][:, None] + np.arange(int(frames[sequences[0]])))

    shape = (len(folder), *_shape(backbone, layer, 0))
    batches = batches_of_equal_length(frames, lambda length: batch or _sequences_at_once(length, device))
    return _embed(backbone, batches, read, shape, layer, device, out, progress)


def batches_of_equal_length(frames: NDArray[np.int64], size_of: Callable[[int], int]) -> list[NDArray[np.int64]]:
    """Numbers of sequences, so that those of a batch have the same number of frames.

    Args:
        frames: of each sequence.
        size_of: for a number of frames, sequences of a batch at the most.
    """
    order = np.argsort(frames, kind="stable")
    lengths, starts = np.unique(frames[order], return_index=True)
    batches: list[NDArray[np.int64]] = []
    for length, group in zip(lengths.tolist(), np.split(order, starts[1:]), strict=True):
        size = size_of(length)
        batches += np.split(group, range(size, len(group), size))
    return batches


def load_network_source(
    path: Path | None = None, architecture: str | None = None, *, branch: Branch = "teacher"
) -> Backbone:
    """A trained backbone, in evaluation mode.

    Args:
        path: a model package, a run folder, or a checkpoint (ours or in the published layout); None takes the bundled
            model package. A package's backbone has no predictor.
        architecture: a name that its sizes must agree with; None takes them as they are.
        branch: of a pre-training checkpoint.

    Raises:
        ConfigError: if there is no such file, or it has other sizes than those of `architecture`.
        CheckpointError: if a checkpoint cannot be read.
        ModelPackageError: if the package is damaged.
    """
    source = bundled_package_dir() if path is None else path
    if not source.exists():
        raise ConfigError(f"There is no {source}: name a model package, a run folder or a checkpoint file.")
    if not (source / CONTENT_FILE).is_file():
        return load_backbone(source, architecture=architecture, branch=branch)
    backbone = ModelPackage.load(source).network.backbone
    if architecture is not None:
        _require_architecture(backbone, architecture, source)
    return backbone.eval()


def untrained_network(architecture: str, seed: int) -> Backbone:
    """A backbone with random weights, for comparison with a trained one.

    Raises:
        ConfigError: if there is no architecture of that name.
    """
    backbone = named_architecture(architecture).build()
    initialise(backbone, torch.Generator().manual_seed(seed))
    return backbone.eval()


def _require_architecture(backbone: Backbone, architecture: str, source: Path) -> None:
    wanted, found = named_architecture(architecture), (backbone.channels, backbone.depths)
    if found != (wanted.channels, wanted.depths):
        raise ConfigError(
            f"{source} is no {architecture}: it is {architecture_name(*found) or 'of no named size'}, with channels "
            f"{list(found[0])} and depths {list(found[1])}. Leave --architecture out or name the right one."
        )


def _require_layer(backbone: Backbone, layer: LayerName) -> None:
    if layer not in LAYERS:
        raise ConfigError(f"There is no layer {layer!r}; choose one of {', '.join(LAYERS)}.")
    if layer == "predictor" and len(backbone.predictor) == 0:
        raise ConfigError("A model package has no predictor, which only pre-training needs; choose the projector.")


def _sequences_at_once(frames: int, device: str | torch.device) -> int:
    return max(1, FRAMES_AT_ONCE[torch.device(device).type] // frames)


def _require_channels(backbone: Backbone, given: int, source: str) -> None:
    if given != backbone.in_channels:
        raise ConfigError(
            f"The network was made for {backbone.in_channels} input channels, but {source} has {given}. Choose the "
            "modality that it was trained on."
        )


def _require_clips(clips: NDArray[np.generic]) -> None:
    kind = f"{clips.dtype} {list(clips.shape)}"
    if clips.dtype != np.uint8 and not np.issubdtype(clips.dtype, np.floating):
        raise ConfigError(f"Sequences must be uint8 from 0 to 255 or floating from 0 to 1; these are {kind}.")
    if clips.ndim not in (4, 5) or clips.shape[-2:] != (HEIGHT_PX, WIDTH_PX) or 0 in clips.shape:
        raise ConfigError(
            f"Sequences must be [sequence, frame, {HEIGHT_PX}, {WIDTH_PX}] or [sequence, channel, frame, {HEIGHT_PX}, "
            f"{WIDTH_PX}], with at least one sequence and one frame; these are {kind}."
        )


def _in_unit_range(clips: NDArray[np.generic]) -> NDArray[np.generic]:
    if clips.dtype == np.uint8:
        return clips
    lowest, highest = clips.min(), clips.max()
    if np.isnan(lowest):
        raise ConfigError("Floating sequences must lie between 0 and 1; these hold NaN. Mend those frames first.")
    if lowest < 0 or highest > 1:
        raise ConfigError(
            f"Floating sequences must lie between 0 and 1; these reach from {lowest:g} to {highest:g}. Divide them by "
            "their full value, or give uint8."
        )
    return clips


def _shape(backbone: Backbone, layer: LayerName, frames: int) -> tuple[int, ...]:
    width = backbone.channels[3]
    return (width, frames, HEIGHT_PX // 4, WIDTH_PX // 4) if layer == "encoder" else (width, PARTS)


def _embed(
    backbone: Backbone,
    batches: Sequence[NDArray[np.int64]],
    read: Callable[[NDArray[np.int64]], NDArray[np.generic]],
    shape: tuple[int, ...],
    layer: LayerName,
    device: str | torch.device,
    out: Path | None,
    progress: Progress,
) -> NDArray[np.float32]:
    """Runs the network on each batch that `read` gives and puts the rows where they belong."""
    backbone.to(device)
    done = 0
    full_precision = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with _array(out, shape) as embeddings, _evaluating(backbone), torch.inference_mode(), full_precision:
        for sequences in batches:
            values = _run(backbone, _to_input(read(sequences), backbone), layer)
            embeddings[sequences] = values.float().cpu().numpy()
            done += len(sequences)
            progress(done / shape[0], f"embedding, sequence {done} of {shape[0]}")
    return embeddings if out is None else np.load(out, mmap_mode="r")


def _to_input(clips: NDArray[np.generic], backbone: Backbone) -> Tensor:
    """`[sequence, (channel,) frame, 64, 44]` to `[sequence, channel, frame, 64, 44]`, 0..1, where the network is."""
    weight = next(backbone.parameters())
    if clips.dtype == np.uint8:
        return to_network(clips, weight.device, weight.dtype)  # pyright: ignore[reportArgumentType]
    tensor = torch.from_numpy(clips.astype(np.float32)).to(weight.device, weight.dtype)
    return tensor if clips.ndim == 5 else tensor.unsqueeze(1)


def _run(backbone: Backbone, silhouettes: Tensor, layer: LayerName) -> Tensor:
    """Computes as far as the layer."""
    feature = backbone.encode(silhouettes)
    if layer == "encoder":
        return feature
    _, parts, projected = backbone.project(feature)
    if layer == "pooled":
        return parts
    return projected if layer == "projector" else backbone.predictor(projected)


@contextmanager
def _array(out: Path | None, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """Memory, or a mapped file that gets its name when it is complete."""
    if out is None:
        yield np.empty(shape, np.float32)
        return
    partial = out.with_name(out.name + ".partial")
    try:
        mapped = open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
        yield mapped
        mapped.flush()
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards each part's own mode again."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
