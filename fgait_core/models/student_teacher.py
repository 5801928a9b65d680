"""Teacher and student of pre-training, and the student's part-aware crops.

Source: FoundationGait, pre-training: the teacher sees the whole body, the student horizontal bands of it.

Deviations:
    * No activation checkpointing by default, so the student's running statistics are updated once a step. The published
      code recomputes each forward pass in the backward pass and so updates them twice.
    * Buffers of the teacher come from its own forward passes, as published; only parameters are averaged.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone

CROPS = (8, 4, 2, 1)
"""Published numbers of horizontal bands, one for each chunk of the batch."""


def encode_in_bands(backbone: Backbone, silhouettes: Tensor, bands: int) -> Tensor:
    """Encodes a chunk of sequences band by band, as if each band were a walker of its own.

    The first half of the chunk is cut into `bands` equal bands; the second half into `bands + 1` bands that are shifted
    by half a band (the body padded with zeros above and below). Both go through the encoder in one call, so that they
    share the batch statistics; the features of the bands are put together again.

    Args:
        backbone: the student.
        silhouettes: `[batch, 1, frame, 64, width]` with an even batch.
        bands: 1 (the whole body), 2, 4 or 8.

    Returns:
        `[batch, channel, frame, 16, width / 4]` in the order of `silhouettes`.

    Raises:
        ConfigError: if the batch is odd or the height does not fit the bands.
    """
    if bands == 1:
        return backbone.encode(silhouettes)
    batch, height = silhouettes.shape[0], silhouettes.shape[3]
    band_rows = height // bands
    if batch % 2 or height % bands or band_rows % 8:
        raise ConfigError(
            f"Part-aware crops need an even number of sequences in each chunk and a height that {bands} bands "
            f"of 8, 16, … rows divide; there are {batch} sequences of {height} rows."
        )
    aligned, shifted = silhouettes[: batch // 2], silhouettes[batch // 2 :]
    padded = functional.pad(shifted, (0, 0, band_rows // 2, band_rows // 2))
    windows = torch.cat([_cut(aligned, bands), _cut(padded, bands + 1)])
    features = backbone.encode(windows)
    split = bands * (batch // 2)
    trim = band_rows // 8
    whole = _join(features[:split], bands)
    trimmed = _join(features[split:], bands + 1)[:, :, :, trim:-trim]
    return torch.cat([whole, trimmed])


def _cut(silhouettes: Tensor, bands: int) -> Tensor:
    """`[batch, 1, frame, height, width]` to `[batch * band, 1, frame, height / bands, width]`."""
    batch, _, frames, height, width = silhouettes.shape
    cut = silhouettes.reshape(batch, 1, frames, bands, height // bands, width)
    return cut.permute(0, 3, 1, 2, 4, 5).reshape(batch * bands, 1, frames, height // bands, width)


def _join(features: Tensor, bands: int) -> Tensor:
    """`[batch * band, channel, frame, row, width]` to `[batch, channel, frame, band * row, width]`."""
    stacked, channels, frames, rows, width = features.shape
    apart = features.reshape(stacked // bands, bands, channels, frames, rows, width)
    return apart.permute(0, 2, 3, 1, 4, 5).reshape(stacked // bands, channels, frames, bands * rows, width)


def encode_in_crops(backbone: Backbone, silhouettes: Tensor, crops: Sequence[int]) -> Tensor:
    """Cuts the batch into `len(crops)` chunks and encodes chunk i in `crops[i]` bands.

    Args:
        backbone: the student, or a backbone that is being fine-tuned.
        silhouettes: `[batch, 1, frame, 64, 44]`.
        crops: bands of each chunk, for example `CROPS`.

    Returns:
        `[batch, channel, frame, 16, 11]`.

    Raises:
        ConfigError: if the batch cannot be cut into that many chunks.
    """
    chunks = silhouettes.chunk(len(crops))
    if len(chunks) != len(crops):
        raise ConfigError(
            f"A batch of {len(silhouettes)} sequences cannot be cut into {len(crops)} chunks; use a larger batch."
        )
    return torch.cat([encode_in_bands(backbone, chunk, bands) for chunk, bands in zip(chunks, crops, strict=True)])


class StudentTeacher(nn.Module):
    """A student and its exponential moving average, the teacher.

    Args:
        backbone: becomes the student; the teacher starts as a copy of it.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.student_backbone = backbone
        self.teacher_backbone = copy.deepcopy(backbone).requires_grad_(False)

    def forward(
        self, teacher_view: Tensor, student_view: Tensor, crops: Sequence[int] = CROPS
    ) -> tuple[Tensor, Tensor]:
        """Runs both branches.

        Args:
            teacher_view: `[batch, 1, frame, 64, 44]`.
            student_view: another clip of the same sequences, in the same order.
            crops: bands of each chunk of the student's batch.

        Returns:
            The student's prediction and the teacher's target (no gradient), both `[batch, channel, 31]`.
        """
        with torch.no_grad():
            target = self.teacher_backbone.project(self.teacher_backbone.encode(teacher_view))[2]
        feature = encode_in_crops(self.student_backbone, student_view, crops)
        predicted = self.student_backbone.predictor(self.student_backbone.project(feature)[2])
        return predicted, target

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """Moves each parameter of the teacher to `momentum * teacher + (1 - momentum) * student`; buffers stay."""
        pairs = zip(self.teacher_backbone.parameters(), self.student_backbone.parameters(), strict=True)
        for teacher, student in pairs:
            teacher.lerp_(student, 1.0 - momentum)
