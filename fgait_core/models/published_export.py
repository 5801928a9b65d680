"""Checkpoints in the format of the published code, written.

Source: names of FoundationGait's reference implementation; `models.published` reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from fgait_core.errors import ConfigError
from fgait_core.models.published import Weights, place_of

_HEAD = re.compile(r"heads\.([^.]+)\.(.+)")
_PUBLISHED = ("FCs.", "BNNecks.", "BNNeck_list.")
_REPLICATES = "replicates"


def export_published(
    path: Path, weights: Mapping[str, Tensor], iteration: int, *, task: str | None = None
) -> tuple[str, ...]:
    """Writes weights as a file that the published code reads; an interrupted write leaves an older file as it was.

    Args:
        path: the file to write.
        weights: state dict of a backbone, of student and teacher, or of a backbone with heads.
        iteration: finished training steps.
        task: as in `published_layout`.

    Returns:
        The names that were left out.

    Raises:
        ConfigError: as in `published_layout`.
    """
    renamed, left_out = published_layout(weights, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save({"model": renamed, "iteration": iteration}, partial)
    os.replace(partial, path)
    return left_out


def published_layout(weights: Mapping[str, Tensor], task: str | None = None) -> tuple[Weights, tuple[str, ...]]:
    """Names weights as the published code does.

    Args:
        weights: state dict of a backbone, of student and teacher, or of a backbone with heads.
        task: whose head is taken; the published code knows one head only. Needed where there are several.

    Returns:
        The renamed weights, and the names without a place in the published layout (heads of other tasks, replicates).

    Raises:
        ConfigError: if the task is needed or unknown.
    """
    renamed: Weights = {}
    heads: dict[str, Weights] = {}
    left_out: list[str] = []
    for key, value in weights.items():
        part, name = place_of(key)
        if part != "heads":
            renamed[f"{part}_backbone.{name}"] = value.detach().cpu()
        elif match := _HEAD.fullmatch(name):
            heads.setdefault(match[1], {})[match[2]] = value.detach().cpu()
        elif name.startswith(_PUBLISHED):
            renamed[name] = value.detach().cpu()
        else:
            left_out.append(key)
    chosen = _choose(tuple(heads), task)
    for each, head in heads.items():
        if each == chosen:
            renamed |= _head_layout(head)
        left_out += [f"heads.{each}.{name}" for name in head if each != chosen or name == _REPLICATES]
    return renamed, tuple(left_out)


def _choose(tasks: tuple[str, ...], task: str | None) -> str | None:
    if task is None and len(tasks) > 1:
        raise ConfigError(f"There are heads for {', '.join(sorted(tasks))}; say which task to export.")
    if task is not None and task not in tasks:
        raise ConfigError(f"There is no head for {task!r}; there are {', '.join(sorted(tasks)) or 'none at all'}.")
    return task or next(iter(tasks), None)


def _head_layout(head: Weights) -> Weights:
    """Identification heads have the published names already; the others are one BNNeck or a list of them."""
    if "FCs.fc_bin" in head:
        return head
    if "weight" in head:
        return _necks_of_attributes(head)
    return {f"BNNecks.{name}": value for name, value in head.items() if name != _REPLICATES}


def _necks_of_attributes(head: Weights) -> Weights:
    """One published neck for each value of each attribute; ours keep their common statistics once."""
    statistics = {name: value for name, value in head.items() if name.startswith("bn1d.")}
    necks: Weights = {}
    for number, (scale, shift, vectors) in enumerate(zip(head["weight"], head["bias"], head["fc_bin"], strict=True)):
        own = {"fc_bin": vectors.unsqueeze(0), "bn1d.weight": scale, "bn1d.bias": shift} | statistics
        necks |= {f"BNNeck_list.{number}.{name}": value.clone() for name, value in own.items()}
    return necks
