"""Each sequence is embedded as if it were alone, whatever its neighbours, its length and where it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fgait_core.data.shard_writer import ShardWriter
from fgait_core.data.shards import ShardFolder
from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.recipes.embed import (
    LAYERS,
    batches_of_equal_length,
    embed_clips,
    embed_folder,
    load_network_source,
    untrained_network,
)

LENGTHS = (5, 9, 5, 33, 5, 9, 1)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """Random running statistics, too, so that padding would show."""
    made = Backbone((4, 4, 4, 8), (1, 1, 1, 1))
    generator = torch.Generator().manual_seed(3)
    initialise(made, generator)
    for name, buffer in made.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1, generator=generator)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5, generator=generator)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("shards") / "mixed"
    writer = ShardWriter(path, identity="mixed", manifest={}, columns={}, frame_rate_hz=25, shard_bytes=4000)
    for number, frames in enumerate(LENGTHS):
        clip = (rng.random((frames, 64, 44)) < 0.5).astype(np.uint8) * 255
        writer.add(f"s{number}", f"p{number % 3}", clip, {})
    return writer.finish()


def alone(backbone: Backbone, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What the network itself says of one sequence, uint8 `[frame, 64, 44]`, 0..255."""
    backbone.eval()
    with torch.inference_mode():
        output = backbone(torch.from_numpy(frames).float().div(255)[None, None])
    values = (output.feature, output.parts, output.projected, output.predicted)
    return {layer: value[0].numpy() for layer, value in zip(LAYERS, values, strict=True)}


@pytest.mark.parametrize("layer", ["pooled", "projector", "predictor"])
def test_a_folder_of_many_lengths_equals_one_at_a_time(backbone: Backbone, folder: ShardFolder, layer) -> None:
    together = embed_folder(backbone, folder, layer=layer, frames_limit=30)
    assert together.dtype == np.float32
    for number in range(len(LENGTHS)):
        expected = alone(backbone, folder.sequence(number)[:30] * np.uint8(255))[layer]
        np.testing.assert_allclose(together[number], expected, rtol=1e-4, atol=2e-6)


def test_frames_over_the_published_limit_are_left_out(backbone: Backbone, tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "long", identity="long", manifest={}, columns={}, frame_rate_hz=25)
    frames = np.random.default_rng(2).integers(0, 2, (722, 64, 44), np.uint8) * np.uint8(255)
    writer.add("long", "somebody", frames, {})
    made = embed_folder(backbone, writer.finish())
    np.testing.assert_allclose(made[0], alone(backbone, frames[:720])["predictor"], rtol=1e-4, atol=2e-6)


def test_batches_hold_one_length_each_sequence_once_and_not_too_many_frames() -> None:
    frames = np.array([30, 7, 30, 500, 7, 30, 720] * 20)
    batches = batches_of_equal_length(frames, lambda length: max(1, 480 // length))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(len(frames)))
    for batch in batches:
        assert len(set(frames[batch].tolist())) == 1
        assert len(batch) == 1 or frames[batch].sum() <= 480
    assert sorted(len(batch) for batch in batches if frames[batch[0]] == 30) == [12, 16, 16, 16]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", ["uint8", "float16", "float64", "channels"])
def test_clips_of_each_kind_and_layer(backbone: Backbone, layer, kind: str) -> None:
    clips = np.random.default_rng(1).integers(0, 2, (5, 6, 64, 44), np.uint8) * np.uint8(255)
    given = {"uint8": clips, "channels": clips[:, None]}.get(kind)
    given = (clips / 255).astype(kind) if given is None else given
    embedded = embed_clips(backbone, given, layer, batch=2)
    for number, clip in enumerate(clips):
        np.testing.assert_allclose(embedded[number], alone(backbone, clip)[layer], rtol=1e-4, atol=2e-6)


def test_a_file_appears_when_it_is_complete(backbone: Backbone, folder: ShardFolder, tmp_path: Path) -> None:
    out, told = tmp_path / "made.npy", []

    def progress(fraction: float, words: str) -> None:
        told.append((fraction, out.exists()))

    mapped = embed_folder(backbone, folder, out=out, progress=progress)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(np.load(out), embed_folder(backbone, folder))
    assert told[-1] == (1.0, False)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert list(tmp_path.iterdir()) == [out]


def test_a_fault_leaves_no_file(backbone: Backbone, tmp_path: Path) -> None:
    clips = np.zeros((4, 3, 64, 44), np.float32)
    clips[3] = 2.0
    with pytest.raises(ConfigError, match="between 0 and 1"):
        embed_clips(backbone, clips, "projector", batch=1, out=tmp_path / "made.npy")
    assert not list(tmp_path.iterdir())


def test_the_network_is_left_in_its_own_mode(backbone: Backbone) -> None:
    backbone.train()
    backbone.layer2.eval()
    before = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    embed_clips(backbone, np.zeros((1, 2, 64, 44), np.uint8), "predictor")
    assert backbone.layer4.training
    assert not backbone.layer2.training
    assert all(torch.equal(buffer, before[name]) for name, buffer in backbone.named_buffers())


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        (np.zeros((2, 3, 64, 44), np.int64), "uint8 from 0 to 255"),
        (np.zeros((3, 64, 44), np.uint8), r"\[sequence, frame, 64, 44\]"),
        (np.zeros((2, 3, 64, 64), np.uint8), r"\[sequence, frame, 64, 44\]"),
        (np.zeros((0, 3, 64, 44), np.uint8), "at least one"),
        (np.zeros((2, 0, 64, 44), np.uint8), "at least one"),
        (np.zeros((2, 2, 3, 64, 44), np.uint8), "1 input channels"),
        (np.full((1, 1, 64, 44), -0.1, np.float32), "between 0 and 1"),
        (np.full((1, 1, 64, 44), 255.0, np.float32), "between 0 and 1"),
        (np.full((1, 1, 64, 44), np.nan, np.float32), "these hold NaN"),
    ],
)
def test_other_arrays_are_refused(backbone: Backbone, clips: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        embed_clips(backbone, clips, "projector")


def test_what_a_network_does_not_have_is_refused(backbone: Backbone, folder: ShardFolder) -> None:
    with pytest.raises(ConfigError, match="as long as each sequence"):
        embed_folder(backbone, folder, layer="encoder")
    with pytest.raises(ConfigError, match="no layer 'soft'"):
        embed_clips(backbone, np.zeros((1, 1, 64, 44), np.uint8), "soft")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="2 input channels"):
        embed_folder(Backbone((4, 4, 4, 8), (1, 1, 1, 1), in_channels=2), folder)
    with pytest.raises(ConfigError, match="There is no nowhere"):
        load_network_source(Path("nowhere"))


def test_the_bundled_package_is_the_default_and_has_no_predictor() -> None:
    bundled = load_network_source()
    clips = np.zeros((1, 2, 64, 44), np.uint8)
    assert embed_clips(bundled, clips, "projector").shape == (1, bundled.channels[3], 31)
    with pytest.raises(ConfigError, match="choose the projector"):
        embed_clips(bundled, clips, "predictor")
    with pytest.raises(ConfigError, match=r"is no 0\.13B: it is .* channels \["):
        load_network_source(None, "0.13B")


def test_untrained_weights_follow_the_seed() -> None:
    first, again, other = (next(untrained_network("tiny", seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
