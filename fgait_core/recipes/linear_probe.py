"""Refits the heads in closed form on every training sequence, the encoder left as it is.

End-to-end training on few processor hours sees each sequence only once or twice; ridge regression finds the best linear
heads on its features at once. The class vectors are stored in the cosine heads; the calibrator, which mixes the logits
of all classes, gives them back their scale.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import FinetuneConfig, ProbeConfig, load_config, save_config
from fgait_core.data.labels import TASKS
from fgait_core.data.sampling import clip_rows
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.models.heads import CosineHead, ScreeningNetwork
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.finetune import bootstrap_weights, load_finetuned
from fgait_core.training.loop import CHECKPOINT, to_network

_BATCH = 32


def probe(config: ProbeConfig, folder: Path, *, progress: Progress = ignore_progress) -> ScreeningNetwork:
    """Refits the heads and their bootstrap replicates.

    Args:
        config: what to do.
        folder: gets a checkpoint and the fine-tuning configuration, so that it can be packaged like the run itself,
            and `probe.yaml`.
        progress: told as it goes on.

    Returns:
        The network with the new heads, in evaluation mode.

    Raises:
        CheckpointError: if the run is not finished or does not fit its configuration.
        ConfigError: if the data cannot be read.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    tuned = load_config(config.run / "config.yaml", FinetuneConfig)
    network = load_finetuned(tuned, config.run)
    data = read_shards(config.data)
    features, sequences = _features(network, data, config, tuned, part_of(progress, 0.0, 0.6))
    weights = bootstrap_weights(data, tuned.replicates, tuned.seed)[sequences]
    for number, task in enumerate(tuned.tasks):
        labels = torch.from_numpy(data.labels[task][sequences])
        report = part_of(progress, 0.6 + 0.4 * number / len(tuned.tasks), 0.6 + 0.4 * (number + 1) / len(tuned.tasks))
        head = network.heads[task]
        if isinstance(head, CosineHead):
            refit_head(head, features, labels, len(TASKS[task].class_order), weights, config.ridge, report)
    folder.mkdir(parents=True, exist_ok=True)
    save_config(folder / "config.yaml", tuned)
    save_config(folder / "probe.yaml", config)
    torch.save({"model": network.state_dict(), "iteration": tuned.iterations}, folder / CHECKPOINT)
    return network


def refit_head(
    head: CosineHead,
    features: Tensor,
    labels: Tensor,
    classes: int,
    weights: Tensor,
    ridge: float,
    progress: Progress = ignore_progress,
) -> None:
    """Ridge regression of the class indicators on the normalised features, once for each head.

    Args:
        head: its normalisation is set to the mean and variance of the features, its class vectors to the solutions.
        features: float32 `[row, feature]`, before the head's normalisation.
        labels: int64 `[row]`; rows with a negative label do not count.
        classes: number of classes.
        weights: float32 `[row, 1 + replicates]`, how often each row counts for each head.
        ridge: penalty, in units of the mean variance of a feature.
        progress: told after each head.
    """
    known = labels >= 0
    features, labels, weights = features[known], labels[known], weights[known]
    with torch.no_grad():
        head.bn1d.weight.fill_(1.0)
        head.bn1d.bias.zero_()
        variance, mean = torch.var_mean(features, dim=0, correction=0)
        head.bn1d.running_mean = mean
        head.bn1d.running_var = variance
        unit = torch.nn.functional.normalize(head.bn1d.eval()(features), dim=1)
        targets = torch.nn.functional.one_hot(labels, classes).float()
        solutions = []
        for column in range(weights.shape[1]):
            solutions.append(_ridge(unit, targets, weights[:, column], ridge))
            progress((column + 1) / weights.shape[1], "refitting heads")
        head.fc_bin.copy_(solutions[0][None])
        head.replicates.copy_(torch.stack(solutions[1:]) if len(solutions) > 1 else head.replicates)


def _ridge(rows: Tensor, targets: Tensor, weights: Tensor, ridge: float) -> Tensor:
    """Class vectors `[feature, class]` of weighted ridge regression with an intercept that is not penalised."""
    share = weights / weights.sum()
    centred = rows - share @ rows
    weighted = centred * share[:, None]
    gram = (centred.T @ weighted).double()
    gram.diagonal().add_(ridge * float(gram.diagonal().mean()))
    moment = (weighted.T @ (targets - share @ targets)).double()
    return torch.linalg.solve(gram, moment).float()


def _features(
    network: ScreeningNetwork, data: ShardFolder, config: ProbeConfig, tuned: FinetuneConfig, progress: Progress
) -> tuple[Tensor, NDArray[np.int64]]:
    """Head features `[row, feature]` of random clips of all sequences, some mirrored, and whose they are."""
    rng = np.random.default_rng(config.seed)
    sequences = np.tile(np.arange(len(data)), config.windows)
    collected: list[Tensor] = []
    for begin in range(0, len(sequences), _BATCH):
        chosen = sequences[begin : begin + _BATCH]
        clip = tuned.clip
        rows = clip_rows(data, chosen, frames=clip.frames, stride=clip.stride, skip=clip.skip, rng=rng)
        clips = data.take(rows) * np.uint8(255)
        mirrored = rng.random(len(clips)) < tuned.augmentation.flip
        clips[mirrored] = clips[mirrored][..., ::-1]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            collected.append(network.features(to_network(clips)).float())
        progress(min(begin + _BATCH, len(sequences)) / len(sequences), "computing features")
    return torch.cat(collected).clone(), sequences
