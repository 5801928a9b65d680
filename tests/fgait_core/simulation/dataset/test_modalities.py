"""Poses and body parts of simulated walkers lie where the walkers are, and give skeleton maps and parsing maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.joints import LEFT_SHOULDER, NOSE, RIGHT_SHOULDER, SURE
from fgait_core.data.modalities import MODALITIES, Clips
from fgait_core.data.parsing_maps import PARTS
from fgait_core.data.shards import ShardFolder, read_shards
from fgait_core.simulation.dataset.generator import write_split
from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES
from fgait_core.simulation.dataset.plan import SimulationPlan

PLAN = SimulationPlan(
    "test", 2, IDENTIFICATION_SEQUENCES, frames=6, seed=2, poses=True, parsing=True, layout="identification"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return read_shards(write_split(PLAN, tmp_path_factory.mktemp("modalities") / "all", processes=1).parent)


def rows_of(folder: ShardFolder, type_: str, view: str) -> np.ndarray:
    """Numbers of all frames of both people in one type and view, [recording, frame]."""
    chosen = np.flatnonzero((folder.column("type") == type_) & (folder.column("view") == view))
    return folder.first_frame[chosen, None] + np.arange(PLAN.frames)


def all_rows(folder: ShardFolder) -> np.ndarray:
    return folder.first_frame[:, None] + np.arange(PLAN.frames)


def clips(folder: ShardFolder, name: str, rows: np.ndarray) -> Clips:
    modality = MODALITIES[name]  # type: ignore[index]
    modality.require(folder)
    made = modality.clips(folder, rows)
    assert made.shape == (len(rows), modality.channels, PLAN.frames, 64, 44)
    return made


def test_skeleton_maps_of_simulated_walkers_lie_on_their_silhouettes(folder: ShardFolder):
    rows = all_rows(folder)
    maps = clips(folder, "skeleton_maps", rows).astype(float)
    lit = folder.take(rows)[:, None].astype(float)
    assert (maps.max((2, 3, 4)) > 200).all()
    inside = (maps * lit).sum((1, 2, 3, 4)) / maps.sum((1, 2, 3, 4))
    assert np.median(inside) > 0.75


def test_sure_joints_are_on_the_body(folder: ShardFolder):
    rows = all_rows(folder)
    poses, lit = folder.take_poses(rows), folder.take(rows)
    assert ((poses[..., 2] >= 0) & (poses[..., 2] <= 1)).all()
    sure = poses[..., 2] >= SURE
    assert sure.mean() > 0.9
    assert 0.3 < (poses[..., 2] > 0.8).mean() < 0.95  # the far side is guessed
    clip, frame, joint = np.nonzero(sure)
    x, y = np.floor(poses[clip, frame, joint, :2]).astype(int).T
    seen = (x >= 0) & (x < 44) & (y >= 0) & (y < 64)
    assert seen.mean() > 0.98
    assert lit[clip[seen], frame[seen], y[seen], x[seen]].mean() > 0.93


def test_left_and_right_are_the_walkers_own(folder: ShardFolder):
    for view, sign in (("000", 1), ("180", -1)):
        rows = rows_of(folder, "nm-01", view)
        shoulders = folder.take_poses(rows)[..., [LEFT_SHOULDER, RIGHT_SHOULDER], 0]
        assert (sign * (shoulders[..., 0] - shoulders[..., 1]) > 3.0).all()
        maps = clips(folder, "parsing_maps", rows)
        left, right = (middle_px(maps[:, PARTS.index(part)]) for part in ("left_leg", "right_leg"))
        assert sign * (left - right) > 2.0


def middle_px(masks: np.ndarray) -> float:
    return float((masks.sum((0, 1, 2)) @ np.arange(44)) / masks.sum())


def test_noses_are_sure_from_the_front_and_guessed_from_behind(folder: ShardFolder):
    front, back = (folder.take_poses(rows_of(folder, "nm-01", view))[..., NOSE, 2] for view in ("000", "180"))
    assert (front > 0.8).all()
    assert (back < 0.5).all()


def test_parsing_maps_divide_the_silhouette(folder: ShardFolder):
    rows = all_rows(folder)
    maps = clips(folder, "parsing_maps", rows)
    assert (np.count_nonzero(maps, axis=1) <= 1).all()
    labelled, lit = maps.any(1), folder.take(rows).astype(bool)
    assert not (labelled & ~lit).any()
    plain = folder.column("carrying") == "none"
    assert labelled[plain].sum() / lit[plain].sum() > 0.97
    rows_px = np.arange(64)
    heights = [float((m.sum((0, 1, 3)) @ rows_px) / m.sum()) for m in (maps[:, PARTS.index(p)] for p in PARTS)]
    head, trunk, left_arm, right_arm, left_leg, right_leg = heights
    assert head < min(trunk, left_arm, right_arm) < min(left_leg, right_leg)
    shares = maps.sum((0, 2, 3, 4)) / maps.sum()
    assert (shares > (0.04, 0.2, 0.02, 0.02, 0.1, 0.1)).all()


def test_silhouettes_are_the_same_without_poses_and_parsing(folder: ShardFolder, tmp_path: Path):
    plain = read_shards(write_split(replace(PLAN, poses=False, parsing=False), tmp_path / "plain", processes=1).parent)
    assert plain.modalities == ("silhouettes",)
    np.testing.assert_array_equal(plain.take(all_rows(plain)), folder.take(all_rows(folder)))
