"""Halves of a walk are compared with simulated walkers of the same view, length and frame rate."""

from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from fgait_core.commands.simgait import register
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.errors import ConfigError
from fgait_core.models.backbone import Backbone, initialise
from fgait_core.recipes.simgait_sample import check_sample, halves_of
from fgait_core.sequence import SilhouetteSequence
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.generator import write_split
from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.walker import Wanted, draw_setup, record


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    folder = tmp_path_factory.mktemp("gallery") / "who"
    write_split(SimulationPlan("test", 2, IDENTIFICATION_SEQUENCES, 16, layout="identification"), folder, processes=1)
    return read_shards(folder)


@pytest.fixture(scope="module")
def network() -> Backbone:
    backbone = Backbone((4, 4, 8, 16), (1, 1, 1, 1))
    initialise(backbone, torch.Generator().manual_seed(1))
    return backbone


@pytest.fixture(scope="module")
def walk() -> SilhouetteSequence:
    """A simulated walk at 50 Hz by somebody who is not in the gallery."""
    bank, plan, rng = BodyBank.packaged(), SimulationPlan("train", 1, 1), np.random.default_rng(1)
    walker = draw_planned_walker(plan, bank, plan_person(plan, bank, 0))
    setup = draw_setup(walker, rng, Wanted(view_deg=90.0, clothing="trousers", carrying="backpack", plain=True))
    frames = record(walker, bank, setup, 80, 50.0, rng).silhouettes
    return SilhouetteSequence(frames, np.arange(80) / 50, np.arange(80))


def test_halves_of_one_walk_are_nearer_than_other_walkers(network: Backbone, walk, gallery: ShardFolder):
    found = check_sample(network, walk, gallery, "side")
    assert (found.frames, found.frame_rate_hz, found.walkers, found.recordings) == (16, 25.0, 2, 2 * 4 * 2)
    assert [(each.layer, each.distance) for each in found.results[:2]] == [
        ("pooled", "euclidean"),
        ("pooled", "cosine"),
    ]
    for each in found.results[:2]:  # the projector of an untrained network says little
        assert each.share_farther == 1.0
        assert each.between_halves < each.nearest_walker


def test_a_stranger_as_second_half_is_noticed(network: Backbone, gallery: ShardFolder):
    side = np.flatnonzero((gallery.column("view") == "090") & (gallery.column("type") == "nm-01"))
    other = np.flatnonzero((gallery.column("view") == "090") & (gallery.column("type") == "nm-02"))
    mixed = np.concatenate([gallery.sequence(int(side[0])), gallery.sequence(int(other[1]))]) * np.uint8(255)
    found = check_sample(network, SilhouetteSequence(mixed, np.arange(32) / 25, np.arange(32)), gallery, "side")
    for each in found.results:
        assert each.share_farther < 1.0
        assert each.nearest_walker == pytest.approx(0.0, abs=1e-2)  # the first half is in the gallery


def test_halves_take_the_longest_stretch_and_the_gallery_rate(walk: SilhouetteSequence):
    times_s = walk.timestamps_s + np.where(np.arange(80) < 20, 0.0, 1.0)
    first, second = halves_of(SilhouetteSequence(walk.frames, times_s, walk.source_frames), 25.0)
    assert len(first) == len(second) == 15
    assert set(np.unique(first).tolist()) == {0, 255}
    assert np.array_equal(first[0] > 0, walk.frames[20] > 127)


def test_what_cannot_be_compared_is_refused(network: Backbone, walk: SilhouetteSequence, gallery: ShardFolder):
    short = SilhouetteSequence(walk.frames[:30], walk.timestamps_s[:30], walk.source_frames[:30])
    with pytest.raises(ConfigError, match="longer recording"):
        check_sample(network, short, gallery, "side")
    with pytest.raises(ConfigError, match="no recording in the view"):
        check_sample(network, walk, gallery, "sideways")


def test_the_command_prints_a_row_for_each_layer_and_distance(walk, gallery: ShardFolder, tmp_path: Path):
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    walk.save(tmp_path / "walk.npz")
    words = ["simgait", "sample-check", "fgait_core/bundled_model", str(tmp_path / "walk.npz")]
    done = CliRunner().invoke(app, [*words, "--gallery", str(gallery.path), "--view", "side"])
    assert done.exit_code == 0, done.output
    assert "2 simulated walkers (16 recordings, view side)" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()[2:]] == [
        [layer, kind] for layer in ("pooled", "projector") for kind in ("euclidean", "cosine")
    ]
