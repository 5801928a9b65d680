"""What the network sees of a walk, from shards and from recordings alike.

A modality turns stored frames into clips, uint8 `[clip, channel, frame, 64, 44]`, 0..255. Everything after that, from
augmentation to the network, is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fgait_core.config import ModalityName
from fgait_core.data.parsing_maps import MIRRORED, PARTS, one_channel_each, parse, parts_of_labels
from fgait_core.data.shards import ShardFolder
from fgait_core.data.skeleton_maps import CHANNELS, skeleton_maps
from fgait_core.errors import ConfigError

Rows = NDArray[np.int64]
Clips = NDArray[np.uint8]
Poses = NDArray[np.float32]


class Modality(ABC):
    """One way to show a walk to the network.

    Attributes:
        name: as configurations and packages call it.
        channels: of a clip.
        needs: what a folder of shards must hold, of `ShardFolder.modalities`.
        mirrored: order of the channels in a mirror, where a left arm becomes a right one.
        smooth: whether a moved pixel may be mixed of its neighbours; of labels it may not.
    """

    name: ClassVar[ModalityName]
    channels: ClassVar[int]
    needs: ClassVar[tuple[str, ...]]
    mirrored: ClassVar[tuple[int, ...]]
    smooth: ClassVar[bool] = True

    @abstractmethod
    def clips(self, folder: ShardFolder, rows: Rows) -> Clips:
        """Clips of a folder.

        Args:
            folder: of shards.
            rows: int64 `[clip, frame]`, numbers of frames within the folder.

        Returns:
            uint8 `[clip, channel, frame, 64, 44]`, 0..255.
        """

    @abstractmethod
    def pictures(self, silhouettes: NDArray[np.uint8], poses: Poses | None) -> NDArray[np.uint8]:
        """All frames of a recording.

        Args:
            silhouettes: uint8 `[frame, 64, 44]`, 0 or 255.
            poses: float32 `[frame, 17, 3]`, in pixels of the silhouettes.

        Returns:
            uint8 `[frame, channel, 64, 44]`, 0..255.

        Raises:
            ConfigError: if poses are needed and not known.
        """

    def require(self, folder: ShardFolder) -> None:
        """Checks that a folder holds what this modality is made of.

        Raises:
            ConfigError: if it does not.
        """
        missing = [need for need in self.needs if need not in folder.modalities]
        if missing:
            raise ConfigError(
                f"{folder.path} holds no {' and no '.join(missing)}, which the modality {self.name} is made of; it "
                f"holds {', '.join(folder.modalities)}. Choose another modality, or import the data with them."
            )


class Silhouettes(Modality):
    """The silhouettes themselves, one channel."""

    name = "silhouettes"
    channels = 1
    needs = ("silhouettes",)
    mirrored = (0,)

    def clips(self, folder: ShardFolder, rows: Rows) -> Clips:
        """See `Modality`."""
        clips = folder.take(rows)
        clips *= np.uint8(255)
        return clips[:, None]

    def pictures(self, silhouettes: NDArray[np.uint8], poses: Poses | None) -> NDArray[np.uint8]:
        """See `Modality`."""
        return silhouettes[:, None]


class SkeletonMaps(Modality):
    """Joints and limbs as heat maps, two channels; they know no left and right, so a mirror only mirrors them."""

    name = "skeleton_maps"
    channels = len(CHANNELS)
    needs = ("poses",)
    mirrored = (0, 1)

    def clips(self, folder: ShardFolder, rows: Rows) -> Clips:
        """See `Modality`."""
        return skeleton_maps(folder.take_poses(rows)).swapaxes(1, 2)

    def pictures(self, silhouettes: NDArray[np.uint8], poses: Poses | None) -> NDArray[np.uint8]:
        """See `Modality`."""
        return skeleton_maps(_known(poses, self.name))


class ParsingMaps(Modality):
    """Parts of the body, one channel each: head, trunk, left and right arm, left and right leg."""

    name = "parsing_maps"
    channels = len(PARTS)
    needs = ("parsing",)
    mirrored = MIRRORED
    smooth = False

    def clips(self, folder: ShardFolder, rows: Rows) -> Clips:
        """See `Modality`."""
        return one_channel_each(folder.take_parsing(rows), parts_of_labels(folder.manifest.get("parsing_parts")))

    def pictures(self, silhouettes: NDArray[np.uint8], poses: Poses | None) -> NDArray[np.uint8]:
        """See `Modality`."""
        labels = parse(silhouettes, _known(poses, self.name))
        return one_channel_each(labels[:, None])[:, :, 0]


def _known(poses: Poses | None, name: str) -> Poses:
    if poses is None:
        raise ConfigError(
            f"The network sees {name}, which are made of poses, but these silhouettes come without. Make the file "
            "again with `fgait silhouettes`, or use a network that sees silhouettes."
        )
    return poses


MODALITIES: dict[ModalityName, Modality] = {each.name: each for each in (Silhouettes(), SkeletonMaps(), ParsingMaps())}
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
