"""Part-aware crops: the encoder sees horizontal bands of the body, each as if it were a walker of its own.

Source: FoundationGait (arXiv 2512.00691), pre-training, part-aware crops of the student; fine-tuning uses them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from fgait_core.errors import ConfigError

Encode = Callable[[Tensor], Tensor]
"""`[batch, channel, frame, height, width]` to `[batch, feature, frame, height / 4, width / 4]`."""


def encode_in_bands(encode: Encode, silhouettes: Tensor, bands: int) -> Tensor:
    """Encodes a chunk of sequences band by band.

    The first half of the chunk is cut into `bands` equal bands; the second half into `bands + 1` bands that are shifted
    by half a band (the body padded with zeros above and below). Both go through the encoder in one call, so that they
    share the batch statistics; the features of the bands are put together again.

    Args:
        encode: the encoder.
        silhouettes: `[batch, channel, frame, 64, width]` with an even batch.
        bands: 1 (the whole body), 2, 4 or 8.

    Returns:
        `[batch, feature, frame, 16, width / 4]` in the order of `silhouettes`.

    Raises:
        ConfigError: if the batch is odd or the height does not fit the bands.
    """
    if bands == 1:
        return encode(silhouettes)
    batch, height = silhouettes.shape[0], silhouettes.shape[3]
    band_rows = height // bands
    if batch % 2 or height % bands or band_rows % 8:
        raise ConfigError(
            f"Part-aware crops need an even number of sequences in each chunk and a height that {bands} bands "
            f"of 8, 16, … rows divide; there are {batch} sequences of {height} rows."
        )
    aligned, shifted = silhouettes[: batch // 2], silhouettes[batch // 2 :]
    padded = functional.pad(shifted, (0, 0, band_rows // 2, band_rows // 2))
    features = encode(torch.cat([_cut(aligned, bands), _cut(padded, bands + 1)]))
    split = bands * (batch // 2)
    trim = band_rows // 8
    whole = _join(features[:split], bands)
    trimmed = _join(features[split:], bands + 1)[:, :, :, trim:-trim]
    return torch.cat([whole, trimmed])


def _cut(silhouettes: Tensor, bands: int) -> Tensor:
    """`[batch, channel, frame, height, width]` to `[batch * band, channel, frame, height / bands, width]`."""
    batch, channels, frames, height, width = silhouettes.shape
    cut = silhouettes.reshape(batch, channels, frames, bands, height // bands, width)
    return cut.permute(0, 3, 1, 2, 4, 5).reshape(batch * bands, channels, frames, height // bands, width)


def _join(features: Tensor, bands: int) -> Tensor:
    """`[batch * band, channel, frame, row, width]` to `[batch, channel, frame, band * row, width]`."""
    stacked, channels, frames, rows, width = features.shape
    apart = features.reshape(stacked // bands, bands, channels, frames, rows, width)
    return apart.permute(0, 2, 3, 1, 4, 5).reshape(stacked // bands, channels, frames, bands * rows, width)


def encode_in_crops(encode: Encode, silhouettes: Tensor, crops: Sequence[int]) -> Tensor:
    """Cuts the batch into `len(crops)` chunks and encodes chunk i in `crops[i]` bands.

    Args:
        encode: the encoder; it is called once for each chunk.
        silhouettes: `[batch, channel, frame, 64, 44]`.
        crops: bands of each chunk, for example (8, 4, 2, 1) as published.

    Returns:
        `[batch, feature, frame, 16, 11]`.

    Raises:
        ConfigError: if the batch cannot be cut into that many chunks.
    """
    if len(crops) == 1:
        return encode_in_bands(encode, silhouettes, crops[0])
    chunks = silhouettes.chunk(len(crops))
    if len(chunks) != len(crops):
        raise ConfigError(
            f"A batch of {len(silhouettes)} sequences cannot be cut into {len(crops)} chunks; use a larger batch."
        )
    return torch.cat([encode_in_bands(encode, chunk, bands) for chunk, bands in zip(chunks, crops, strict=True)])
