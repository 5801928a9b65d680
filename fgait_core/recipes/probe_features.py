"""Features of random clips of all sequences, which a probe fits its heads on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import FinetuneConfig
from fgait_core.data.modalities import MODALITIES, to_network
from fgait_core.data.sampling import clip_rows
from fgait_core.data.shards import ShardFolder
from fgait_core.models.heads import TaskNetwork
from fgait_core.models.layers import PARTS
from fgait_core.progress import Progress, ignore_progress

_CLIPS_AT_ONCE = 32
_AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def probe_features(
    network: TaskNetwork, data: ShardFolder, run: FinetuneConfig, windows: int, progress: Progress = ignore_progress
) -> tuple[Tensor, NDArray[np.int64]]:
    """Head features of random clips of each sequence, some mirrored.

    Args:
        network: in evaluation mode, where it shall compute.
        data: the sequences.
        run: seed, modality, clip, share of mirrored clips and precision.
        windows: clips of each sequence.
        progress: told after each batch.

    Returns:
        float32 `[row, channel * 31]` on the processor, and whose they are: int64 `[row]`, numbers of sequences.

    Raises:
        ConfigError: if the data lack the modality.
    """
    clip, rng = run.clip, np.random.default_rng(run.seed)
    modality = MODALITIES[run.modality]
    modality.require(data)
    sequences = np.tile(np.arange(len(data)), windows)
    device = next(network.parameters()).device
    dtype = torch.float64 if run.precision == "float64" else torch.float32
    network.to(dtype)
    autocast = _AUTOCAST.get(run.precision)
    features = torch.empty(len(sequences), network.backbone.channels[3] * PARTS)
    for begin in range(0, len(sequences), _CLIPS_AT_ONCE):
        chosen = sequences[begin : begin + _CLIPS_AT_ONCE]
        rows = clip_rows(data, chosen, frames=clip.frames, stride=clip.stride, skip=clip.skip, rng=rng)
        clips = modality.clips(data, rows)
        mirrored = rng.random(len(clips)) < run.augmentation.flip
        clips[mirrored] = clips[mirrored][:, list(modality.mirrored), ..., ::-1]
        with torch.inference_mode(), torch.autocast(device.type, autocast, enabled=autocast is not None):
            features[begin : begin + len(chosen)] = network.parts(to_network(clips, device, dtype)).flatten(1).cpu()
        progress(min(begin + _CLIPS_AT_ONCE, len(sequences)) / len(sequences), "computing features")
    return features, sequences
