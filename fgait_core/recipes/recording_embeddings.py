"""An embedding of each recording of a collection."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from fgait_core.collection.work import Process, Product
from fgait_core.config import LayerName, ModalityName
from fgait_core.data.modalities import MODALITIES
from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.models.backbone import Backbone
from fgait_core.recipes.embed import FRAMES_LIMIT, embed_clips
from fgait_core.recipes.recordings import product_of, walk_of
from fgait_core.silhouettes import load_segmenter


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingsOfRecordings:
    """Makes npy files with the embedding of the whole walk, as one clip of at most 720 frames.

    Pixels are body or background, as in shards, so that a recording gives what it gives as a sequence of shards.

    Attributes:
        backbone: on the processor; following the walker takes nearly all the time.
        layer: whose output.
        modality: what the network sees.
        frame_rate_hz: to which the walk is resampled; None keeps the recording's own.
    """

    backbone: Backbone
    layer: LayerName
    modality: ModalityName
    frame_rate_hz: float | None

    @property
    def suffix(self) -> str:
        """Of result files."""
        return ".npy"

    @property
    def identity(self) -> str:
        """What the results are: layer, modality, frame rate, and a digest of the weights."""
        digest = hashlib.sha256()
        for name, value in self.backbone.state_dict().items():
            digest.update(name.encode())
            digest.update(value.numpy().tobytes())
        rate = "their own" if self.frame_rate_hz is None else f"{self.frame_rate_hz:g} Hz"
        return f"{self.layer} of {self.modality} at {rate} by the network {digest.hexdigest()}"

    def prepare(self) -> Process:
        """Loads the segmenter, for one core."""
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        segmenter = load_segmenter(threads=1)

        def process(video: Path) -> Product:
            sequence = walk_of(video, segmenter)
            if self.frame_rate_hz is not None:
                sequence = sequence.resampled(self.frame_rate_hz)
            frames = np.where(sequence.frames > BINARY_ABOVE, 255, 0).astype(np.uint8)
            clip = MODALITIES[self.modality].pictures(frames, sequence.poses)[:FRAMES_LIMIT].swapaxes(0, 1)
            content = io.BytesIO()
            np.save(content, embed_clips(self.backbone, clip[None], self.layer)[0])
            return product_of(content.getvalue(), sequence)

        return process
