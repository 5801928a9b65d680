"""Checkpoints in the format of the published code, and our own, read and loaded into a backbone.

Source: FoundationGait's reference implementation, whose files hold `{"model": state dict, "iteration": …}`. The state
dict has `teacher_backbone.*` and `student_backbone.*` after pre-training, `teacher_backbone.*` and the head (`FCs.*`,
`BNNecks.*`, `BNNeck_list.*`) after fine-tuning. The sizes of the network are read from the shapes of the weights.

Our own runs are read by the same rule; after fine-tuning they have `backbone.*` and `heads.<task>.*`. A bare state dict
of a backbone is read, too. Files are opened with `weights_only=True`: no code of theirs is run.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # what torch raises for a foreign file; nothing is unpickled here
from typing import Literal

import torch
from torch import Tensor

from fgait_core.errors import CheckpointError, ConfigError
from fgait_core.models.architectures import ARCHITECTURES, named_architecture
from fgait_core.models.backbone import Backbone
from fgait_core.models.layers import PARTS

Weights = dict[str, Tensor]
Branch = Literal["teacher", "student"]
RUN_FILE = "checkpoint.pt"
"""Name of the checkpoint in a run folder."""

_BRANCHES: dict[str, Branch] = {"teacher_backbone.": "teacher", "student_backbone.": "student", "backbone.": "teacher"}
_BARE = re.compile(r"(layer[0-4]|projector|predictor)\.")


@dataclass(frozen=True, slots=True, eq=False)
class PublishedCheckpoint:
    """What a checkpoint file holds.

    Attributes:
        iteration: finished training steps; null where the file does not say.
        teacher: weights of the moving average, or of the only backbone there is, named as in `Backbone`.
        student: weights of the student; only pre-training has them.
        heads: everything else, named as in the file.
        channels: widths of layers 1 to 4.
        depths: blocks of layers 1 to 4.
        in_channels: channels of the input.
    """

    iteration: int | None
    teacher: Weights | None
    student: Weights | None
    heads: Weights
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    in_channels: int

    @property
    def architecture(self) -> str | None:
        """The named size that this is, if it is one."""
        return architecture_name(self.channels, self.depths)

    @property
    def weights(self) -> Weights:
        """All of them, the backbones under the published prefixes."""
        branches = {"teacher_backbone": self.teacher, "student_backbone": self.student}
        named = {
            f"{prefix}.{key}": value for prefix, branch in branches.items() for key, value in (branch or {}).items()
        }
        return named | self.heads

    def build(self) -> Backbone:
        """A backbone of this size without memory for weights (on the meta device)."""
        with torch.device("meta"):
            return Backbone(self.channels, self.depths, self.in_channels)


@dataclass(frozen=True, slots=True)
class KeyReport:
    """How weights of a file fit a network.

    Attributes:
        missing: names that the network has and the file has not.
        unexpected: names that the file has and the network has not.
        wrong_shape: names of both, with the two shapes.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether there is nothing to report."""
        return not (self.missing or self.unexpected or self.wrong_shape)

    def lines(self) -> list[str]:
        """One line for each name, under a heading for each kind."""
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.wrong_shape}
        return [
            line
            for kind, names in kinds.items()
            if names
            for line in (f"{len(names)} {kind}:", *(f"  {name}" for name in names))
        ]


def read_published(path: Path) -> PublishedCheckpoint:
    """Reads a checkpoint file, or the one of a run folder.

    Raises:
        ConfigError: if there is no such file.
        CheckpointError: if it cannot be read or holds no backbone of this kind.
    """
    file = path / RUN_FILE if path.is_dir() else path
    if not file.is_file():
        missing = f"{path} is no run folder: it holds no {RUN_FILE}" if path.is_dir() else f"There is no file {path}"
        raise ConfigError(f"{missing}. Name a checkpoint file or the folder of a run.")
    model, iteration = _read_file(file)
    parts: dict[str, Weights] = {"teacher": {}, "student": {}, "heads": {}}
    for key, value in model.items():
        part, name = place_of(key)
        parts[part][name] = value
    first = parts["teacher"] or parts["student"]
    if not first:
        raise CheckpointError(
            f"{file} holds no backbone: no name starts with {', '.join(_BRANCHES)} or is a layer's own. It has "
            f"{len(model)} others, such as {', '.join(list(model)[:3]) or 'none'}."
        )
    channels, depths, in_channels = _sizes(file, first)
    return PublishedCheckpoint(
        iteration, parts["teacher"] or None, parts["student"] or None, parts["heads"], channels, depths, in_channels
    )


def compare(backbone: Backbone, weights: Mapping[str, Tensor]) -> KeyReport:
    """How weights fit a backbone, in names and shapes."""
    own = {key: tuple(value.shape) for key, value in backbone.state_dict().items()}
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    return KeyReport(
        missing=tuple(key for key in own if key not in shapes),
        unexpected=tuple(key for key in shapes if key not in own),
        wrong_shape=tuple(
            f"{key}: {list(shapes[key])} in the file, {list(shape)} in the network"
            for key, shape in own.items()
            if key in shapes and shapes[key] != shape
        ),
    )


def load_into(backbone: Backbone, weights: Mapping[str, Tensor], *, strict: bool = True) -> KeyReport:
    """Puts weights into a backbone.

    Args:
        backbone: gets them.
        weights: named as in `Backbone`.
        strict: everything must fit; otherwise what does not fit is left out, and the report says so.

    Raises:
        CheckpointError: if something does not fit and `strict` is set; the text lists every name.
    """
    report = compare(backbone, weights)
    if strict and not report.fits:
        raise CheckpointError("\n".join(["The weights do not fit the network.", *report.lines()]))
    own = backbone.state_dict()
    backbone.load_state_dict(
        {key: value for key, value in weights.items() if key in own and own[key].shape == value.shape}, strict=False
    )
    return report


def load_backbone(path: Path, *, architecture: str | None = None, branch: Branch = "teacher") -> Backbone:
    """The backbone of a checkpoint, in evaluation mode.

    Args:
        path: checkpoint file of the published code or of ours, or a run folder.
        architecture: named size that it must have; by default any size is taken.
        branch: "teacher" is what fine-tuning and retrieval use; "student" is only in checkpoints of pre-training.

    Raises:
        CheckpointError: if the file cannot be read or lacks some of the branch's weights.
        ConfigError: if there is no such file or architecture, or the file has another size or lacks the branch.
    """
    checkpoint = read_published(path)
    if architecture is not None:
        _require_architecture(path, checkpoint, architecture)
    weights = checkpoint.teacher if branch == "teacher" else checkpoint.student
    if weights is None:
        other = "teacher" if branch == "student" else "student"
        raise ConfigError(f"{path} has no {branch}, only a {other}. Choose the branch {other}.")
    backbone = checkpoint.build().to_empty(device="cpu")
    try:
        load_into(backbone, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be used as it is. {error}") from error
    return backbone.eval()


def architecture_name(channels: tuple[int, ...], depths: tuple[int, ...]) -> str | None:
    """The named size with these widths and depths, if there is one."""
    sizes = (channels, depths)
    return next((name for name, known in ARCHITECTURES.items() if (known.channels, known.depths) == sizes), None)


def _read_file(file: Path) -> tuple[Weights, int | None]:
    if not zipfile.is_zipfile(file):
        raise CheckpointError(
            f"{file} is damaged, or was not written by torch.save (its zip format). Copy it anew, or name another file."
        )
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        # PyTorch's own text advises to load it all the same.
        raise CheckpointError(
            f"{file} is damaged, or holds more than weights, which could run foreign code; it was not loaded. Save "
            "only dictionaries of tensors, numbers and texts in it."
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError) as error:
        raise CheckpointError(f"The checkpoint {file} cannot be read: {error}") from error
    model = content.get("model", content) if isinstance(content, Mapping) else None
    if not isinstance(model, Mapping) or not all(isinstance(value, Tensor) for value in model.values()):
        raise CheckpointError(
            f"{file} is no checkpoint of a gait network: it must hold a dictionary whose entry `model` holds weights."
        )
    iteration = content.get("iteration")
    return {str(key): value for key, value in model.items()}, iteration if isinstance(iteration, int) else None


def place_of(key: str) -> tuple[str, str]:
    """Where a weight belongs: "teacher", "student" or "heads", and its name there."""
    key = key.removeprefix("module.")
    for prefix, branch in _BRANCHES.items():
        if key.startswith(prefix):
            return branch, key.removeprefix(prefix)
    return ("teacher" if _BARE.match(key) else "heads"), key


def _sizes(file: Path, weights: Weights) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    first = "layer0.forward_block.0.weight"
    widths = [first, *(f"layer{layer}.0.conv1.forward_block.0.weight" for layer in (2, 3, 4))]
    dimensions = dict.fromkeys(widths, 4) | {"layer1.forward_block.0.conv1.weight": 4, "projector.0.fc_bin": 3}
    absent = [key for key, ndim in dimensions.items() if key not in weights or weights[key].ndim != ndim]
    if absent:
        raise CheckpointError(
            f"{file} holds no DeepGaitV2-P3D backbone: {', '.join(absent)} is missing or has another number of axes."
        )
    parts = weights["projector.0.fc_bin"].shape[0]
    if parts != PARTS:
        raise CheckpointError(
            f"{file} was trained with {parts} body parts; this software has the {PARTS} parts of the horizontal "
            "pyramid 16-8-4-2-1. Take a checkpoint with that pyramid."
        )
    channels = tuple(weights[key].shape[0] for key in widths)
    prefixes = ("layer1.forward_block", "layer2", "layer3", "layer4")
    depths = tuple(_blocks(weights, prefix) for prefix in prefixes)
    return channels, depths, weights[first].shape[1]


def _blocks(weights: Weights, prefix: str) -> int:
    number = re.compile(rf"{re.escape(prefix)}\.(\d+)\.")
    return len({match[1] for key in weights if (match := number.match(key))})


def _require_architecture(path: Path, checkpoint: PublishedCheckpoint, name: str) -> None:
    wanted = named_architecture(name)
    if (wanted.channels, wanted.depths) != (checkpoint.channels, checkpoint.depths):
        raise ConfigError(
            f"{path} is no {name}: it has channels {checkpoint.channels} and depths {checkpoint.depths}"
            f"{f' ({checkpoint.architecture})' if checkpoint.architecture else ''}, {name} has {wanted.channels} and "
            f"{wanted.depths}. Leave the architecture out to take the file's own."
        )
