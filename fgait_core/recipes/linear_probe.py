"""Fits heads in closed form on the features of an encoder that is left as it is.

Ridge regression finds the best linear heads at once, where training them sees each sequence only a few times. On a
pre-trained encoder it tells what the features hold; after fine-tuning it refits the heads on all sequences. The class
vectors are stored in cosine heads, which keep their directions; the calibrator of a package, which mixes the logits of
all classes, gives them back their scale.

Deviation: the published linear probe trains the heads by SGD. That is `fgait finetune` with all rates but the heads'
at 0.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fgait_core.config import FinetuneConfig, ProbeConfig, save_config
from fgait_core.config.files import RUN_CONFIG
from fgait_core.data.shards import read_shards
from fgait_core.distributed import choose_device
from fgait_core.models.heads import AttributesHead, CosineHead, RegressionHead, TaskNetwork
from fgait_core.models.heads.regression import LENGTH
from fgait_core.progress import Progress, ignore_progress, part_of
from fgait_core.recipes.finetune import bootstrap_weights, build_network, set_units, wanted_of
from fgait_core.recipes.probe_features import probe_features
from fgait_core.recipes.probe_source import as_finetuning, find_source
from fgait_core.training.loop import CHECKPOINT
from fgait_core.training.ridge import Ridge

PROBE_CONFIG = "probe.yaml"


def probe(config: ProbeConfig, folder: Path, *, progress: Progress = ignore_progress) -> TaskNetwork:
    """Fits the heads and their bootstrap replicates.

    Args:
        config: what to do.
        folder: gets a checkpoint and the configuration of an equivalent fine-tuning run, so that it can be measured
            and packaged like one, and `probe.yaml`.
        progress: told as it goes on.

    Returns:
        The network with the new heads, in evaluation mode.

    Raises:
        CheckpointError: if the run is not finished or does not fit its configuration.
        ConfigError: if the data cannot be read, nobody has a label, or something is missing that the run does not say.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    source = find_source(config)
    equivalent = as_finetuning(config, source)
    network = build_network(equivalent.model_copy(update={"initial": None}))
    network.backbone.load_state_dict(source.backbone.state_dict())
    network.requires_grad_(False).eval()
    data = read_shards(config.data)
    wanted = {task.name: wanted_of(task, [data]) for task in equivalent.tasks}
    set_units(network, wanted)
    device = choose_device(config.device)
    rows, sequences = probe_features(network.to(device), data, equivalent, config.windows, part_of(progress, 0, 0.6))
    weights = bootstrap_weights(data, config.replicates, config.seed)[sequences]
    network.cpu().float()
    for number, (task, (labels,)) in enumerate(wanted.items()):
        report = part_of(progress, 0.6 + 0.4 * number / len(wanted), 0.6 + 0.4 * (number + 1) / len(wanted))
        refit(network, task, rows, torch.from_numpy(labels[sequences]), weights, config.ridge, report)
    _write(folder, network, equivalent, config)
    return network


def _write(folder: Path, network: TaskNetwork, equivalent: FinetuneConfig, config: ProbeConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_config(folder / RUN_CONFIG, equivalent)
    save_config(folder / PROBE_CONFIG, config)
    content = {
        "model": network.state_dict(),
        "iteration": equivalent.iterations,
        "config": equivalent.model_dump(mode="json"),
    }
    torch.save(content, folder / CHECKPOINT)


def refit(
    network: TaskNetwork,
    task: str,
    rows: Tensor,
    targets: Tensor,
    weights: Tensor,
    ridge: float,
    progress: Progress = ignore_progress,
) -> None:
    """Fits the head of a task.

    Args:
        network: whose head.
        task: name of a classification, of attributes or of a regression.
        rows: float32 `[row, feature]`, before the head's normalisation.
        targets: int64 `[row]` or `[row, attribute]`; rows with a negative label do not count. For a regression float32
            `[row, target]`; NaN do not count.
        weights: float32 `[row, 1 + replicates]`, how often each row counts for each head.
        ridge: penalty, in units of the mean variance of a feature.
        progress: told after each fit.
    """
    head = network.head(task)
    if isinstance(head, CosineHead):
        refit_classes(head, rows, targets, weights, ridge, progress)
    elif isinstance(head, AttributesHead):
        refit_attributes(head, rows, targets, ridge, progress)
    elif isinstance(head, RegressionHead):
        refit_numbers(head, rows, targets, ridge, progress)


@torch.no_grad()
def refit_classes(
    head: CosineHead,
    rows: Tensor,
    labels: Tensor,
    weights: Tensor,
    ridge: float,
    progress: Progress = ignore_progress,
) -> None:
    """Ridge regression of the class indicators on the normalised features, once for each head; see `refit`.

    The head's normalisation is set to the mean and variance of the features, its class vectors to the solutions.
    """
    known = labels >= 0
    rows, labels, weights = rows[known], labels[known], weights[known]
    head.bn1d.weight.fill_(1.0)
    head.bn1d.bias.zero_()
    regression = Ridge(torch.nn.functional.normalize(_normalised(head.bn1d, rows), dim=1), ridge)
    indicators = torch.nn.functional.one_hot(labels, head.fc_bin.shape[2]).float()
    for column, vectors in enumerate((head.fc_bin[0], *head.replicates)):
        vectors.copy_(regression.solve(indicators, weights[:, column]).vectors)
        progress((column + 1) / weights.shape[1], "fitting heads")


@torch.no_grad()
def refit_attributes(
    head: AttributesHead, rows: Tensor, targets: Tensor, ridge: float, progress: Progress = ignore_progress
) -> None:
    """Ridge regression of "is it this value?" for each value of each attribute; see `refit`.

    Both answers weigh alike, however rare one is, and the shift puts the border between no and yes where the regression
    has it. A value that nobody or everybody has is not learned: its logits are 0.
    """
    head.weight.fill_(1.0)
    head.bias.zero_()
    head.fc_bin.zero_()
    normalised = _normalised(head.bn1d, rows)
    unit, length = torch.nn.functional.normalize(normalised, dim=1), float(normalised.norm(dim=1).mean())
    place = 0
    for attribute, values in enumerate(head.values):
        known = targets[:, attribute] >= 0
        regression = Ridge(unit[known], ridge)
        for value in range(values):
            yes = (targets[known, attribute] == value).float()
            if 0 < float(yes.sum()) < len(yes):
                fitted = regression.solve(yes[:, None], yes / yes.sum() + (1 - yes) / (1 - yes).sum())
                vector = fitted.vectors[:, 0]
                head.fc_bin[place].copy_(torch.stack([-vector, vector], dim=1))
                head.bias[place] = -vector * (fitted.mean_row @ vector) * length / vector.square().sum()
            place += 1
            progress(place / sum(head.values), "fitting heads")


@torch.no_grad()
def refit_numbers(
    head: RegressionHead, rows: Tensor, numbers: Tensor, ridge: float, progress: Progress = ignore_progress
) -> None:
    """Ridge regression of each number, in standard deviations, on the normalised features; see `refit`."""
    head.bn1d.weight.fill_(1.0)
    head.bn1d.bias.zero_()
    normalised = LENGTH * torch.nn.functional.normalize(_normalised(head.bn1d, rows), dim=1)
    wanted = (numbers - head.mean) / head.spread
    known = ~wanted.isnan()
    together = [slice(None)] if known.all() else [slice(each, each + 1) for each in range(wanted.shape[1])]
    for done, chosen in enumerate(together, start=1):
        there = known[:, chosen].all(1)
        own = wanted[there][:, chosen]
        fitted = Ridge(normalised[there], ridge).solve(own, torch.ones(len(own)))
        head.fc.weight[chosen] = fitted.vectors.T
        head.fc.bias[chosen] = own.mean(0) - fitted.mean_row @ fitted.vectors
        progress(done / len(together), "fitting heads")


def _normalised(norm: torch.nn.BatchNorm1d, rows: Tensor) -> Tensor:
    variance, mean = torch.var_mean(rows, dim=0, correction=0)
    norm.running_mean, norm.running_var = mean, variance
    return norm.eval()(rows)
