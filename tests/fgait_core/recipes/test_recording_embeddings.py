"""The embedding of a recording is that of its walk, as shards would hold it."""

from __future__ import annotations

import io
from pathlib import Path
from pickle import dumps, loads

import numpy as np
import pytest

from fgait_core.models.backbone import Backbone
from fgait_core.recipes import recording_embeddings
from fgait_core.recipes.embed import embed_clips, load_network_source, untrained_network
from fgait_core.recipes.recording_embeddings import EmbeddingsOfRecordings
from fgait_core.sequence import SilhouetteSequence


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return untrained_network("tiny", 1)


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> SilhouetteSequence:
    """Grey silhouettes at 30 Hz, in place of those of a video."""
    frames = np.random.default_rng(1).integers(0, 256, (24, 64, 44), np.uint8)
    made = SilhouetteSequence(frames, np.arange(24) / 30, np.arange(24))
    monkeypatch.setattr(recording_embeddings.torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(recording_embeddings.cv2, "setNumThreads", lambda count: None)
    monkeypatch.setattr(recording_embeddings, "load_segmenter", lambda threads: None)
    monkeypatch.setattr(recording_embeddings, "walk_of", lambda video, segmenter: made)
    return made


@pytest.mark.parametrize("rate_hz", [None, 15.0])
def test_the_whole_walk_of_body_and_background(backbone: Backbone, walk: SilhouetteSequence, rate_hz: float | None):
    # As a worker gets it.
    processor = loads(dumps(EmbeddingsOfRecordings(backbone, "predictor", "silhouettes", rate_hz)))  # noqa: S301
    product = processor.prepare()(Path("walk.mp4"))
    frames = walk.frames if rate_hz is None else walk.frames[::2]
    expected = embed_clips(backbone, np.where(frames > 127, 255, 0).astype(np.uint8)[None], "predictor")[0]
    np.testing.assert_allclose(np.load(io.BytesIO(product.content)), expected, rtol=1e-5, atol=1e-6)
    assert product.frames == len(frames)
    assert product.frame_rate_hz == pytest.approx(rate_hz or 30)


def test_results_of_other_settings_are_other_results(backbone: Backbone):
    other = load_network_source()
    made = [
        EmbeddingsOfRecordings(network, layer, modality, rate_hz).identity
        for network in (backbone, other)
        for layer in ("pooled", "projector")
        for modality in ("silhouettes", "skeleton_maps")
        for rate_hz in (None, 12.5)
    ]
    assert len(set(made)) == len(made)
    assert EmbeddingsOfRecordings(untrained_network("tiny", 1), "pooled", "silhouettes", None).identity == made[0]
