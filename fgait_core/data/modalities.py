"""What the network sees of a walk, from shards and from recordings alike.

A modality turns stored frames into clips, uint8 `[clip, channel, frame, 64, 44]`, 0..255. Everything after that, from
augmentation to the network, is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import ModalityName
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError

Rows = NDArray[np.int64]
Clips = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Modality:
    """One way to show a walk to the network.

    Attributes:
        name: as configurations and packages call it.
        channels: of a clip.
        needs: what a folder of shards must hold, of `ShardFolder.modalities`.
        from_shards: the clips `[clip, channel, frame, 64, 44]` of frame numbers `[clip, frame]` of a folder.
        mirrored: order of the channels in a mirror, where a left arm becomes a right one.
        smooth: whether a moved picture may be mixed of neighbouring pixels; labels may not.
    """

    name: ModalityName
    channels: int
    needs: tuple[str, ...]
    from_shards: Callable[[ShardFolder, Rows], Clips]
    mirrored: tuple[int, ...]
    smooth: bool = True

    def clips(self, folder: ShardFolder, rows: Rows) -> Clips:
        """Clips of a folder.

        Args:
            folder: of shards.
            rows: int64 `[clip, frame]`, numbers of frames within the folder.

        Returns:
            uint8 `[clip, channel, frame, 64, 44]`, 0..255.
        """
        return self.from_shards(folder, rows)

    def require(self, folder: ShardFolder) -> None:
        """Checks that a folder holds what this modality is made of.

        Raises:
            ConfigError: if it does not.
        """
        missing = [need for need in self.needs if need not in folder.modalities]
        if missing:
            raise ConfigError(
                f"{folder.path} holds no {' and no '.join(missing)}, which the modality {self.name} is made of; it "
                f"holds {', '.join(folder.modalities)}. Choose another modality or import the data with them."
            )


def _silhouettes(folder: ShardFolder, rows: Rows) -> Clips:
    clips = folder.take(rows)
    clips *= np.uint8(255)
    return clips[:, None]


MODALITIES: dict[ModalityName, Modality] = {
    each.name: each for each in (Modality("silhouettes", 1, ("silhouettes",), _silhouettes, mirrored=(0,)),)
}
"""All modalities by name."""


def to_network(clips: Clips, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """Clips as the network's input.

    Args:
        clips: uint8 `[clip, frame, 64, 44]` of one channel, or `[clip, channel, frame, 64, 44]`, 0..255.
        device: where the input is wanted; bytes travel there, not floating point numbers.
        dtype: of the input.

    Returns:
        `[clip, channel, frame, 64, 44]`, 0..1.
    """
    bytes_ = torch.from_numpy(np.ascontiguousarray(clips)).to(device, non_blocking=True)
    return (bytes_ if bytes_.ndim == 5 else bytes_.unsqueeze(1)).to(dtype).div_(255)
