"""People of a study: roles by quota, cohorts as the app writes them, and a memory that changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fgait_core.data.shards import read_shards
from fgait_core.model_package import ModelPackage, bundled_package_dir, look
from fgait_core.recipes.measure_groups import view_names
from fgait_core.recipes.retraining.remembered import PassMemory
from fgait_core.recipes.retraining.study_people import Cohort, split_roles, write_people
from fgait_core.simulation.dataset.clinic import ClinicPlan


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory):
    return write_people(ClinicPlan(9, frames=8, seed=4), tmp_path_factory.mktemp("clinic") / "people", 12.5)


def test_roles_follow_a_quota_in_each_stratum_and_do_not_change_when_more_people_come():
    rng = np.random.default_rng(1)
    labels, sex = rng.choice(["no", "yes"], 300, p=[0.6, 0.4]), rng.choice(["female", "male"], 300)
    gate = split_roles(labels, sex, 1 / 3, np.random.default_rng(2))
    for label in ("no", "yes"):
        for each in ("female", "male"):
            stratum = (labels == label) & (sex == each)
            assert abs(gate[stratum].sum() - stratum.sum() / 3) <= 1.5
    first = split_roles(labels[:50], sex[:50], 1 / 3, np.random.default_rng(2))
    np.testing.assert_array_equal(first, gate[:50])


def test_people_are_written_once_and_in_order(people, tmp_path: Path):
    assert people.person.tolist() == [f"patients-4-{number:06d}" for number in range(9)]
    assert people.manifest["simulated"] is True
    assert people.frame_rate_hz == 12.5
    assert set(people.frames.tolist()) == {4}
    before = (people.path / "manifest.json").stat().st_mtime_ns
    again = write_people(ClinicPlan(9, frames=8, seed=4), people.path, 12.5)
    assert len(again) == 9
    assert (people.path / "manifest.json").stat().st_mtime_ns == before


def test_a_cohort_holds_the_chosen_people_with_the_labels_believed_in(people, tmp_path: Path):
    rows = np.array([1, 4, 6])
    believed = np.array(["yes", "no", "yes"])
    folder = Cohort(people, rows, "depression", believed, "gate").write(tmp_path / "gate")
    assert folder.keys.tolist() == people.keys[rows].tolist()
    assert folder.column("depression").tolist() == believed.tolist()
    assert "scoliosis" not in folder.columns
    assert folder.manifest["role"] == "gate"
    assert view_names(folder).tolist() == people.column("seen_from")[rows].tolist()
    np.testing.assert_array_equal(folder.sequence(1), people.sequence(4))
    other = Cohort(people, rows, "depression", believed[::-1].copy(), "gate")
    assert other.write(tmp_path / "same_labels").manifest["manifest_sha256"] == folder.manifest["manifest_sha256"]


def test_remembered_passes_are_those_of_the_network():
    package = ModelPackage.load(bundled_package_dir())
    clips = (torch.rand(5, 1, 12, 64, 44, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    said, pooled = look(package.network, clips)
    memory = PassMemory(package.network.backbone)
    memory.serve(package.network)
    for _ in range(2):
        remembered, their_pooled = look(package.network, clips)
        assert len(memory) == 5
        torch.testing.assert_close(their_pooled, pooled)
        for task in said:
            torch.testing.assert_close(remembered[task], said[task])
    look(package.network, clips[2:4])
    assert len(memory) == 5


def test_a_memory_can_be_kept_for_the_same_backbone(tmp_path: Path):
    package, other = (ModelPackage.load(bundled_package_dir()) for _ in range(2))
    memory = PassMemory(package.network.backbone)
    memory.serve(package.network)
    clips = (torch.rand(3, 1, 12, 64, 44, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    look(package.network, clips)
    memory.keep(tmp_path / "passes.npz")
    again = PassMemory(ModelPackage.load(bundled_package_dir()).network.backbone)
    assert not again.restore(tmp_path / "nothing.npz")
    assert again.restore(tmp_path / "passes.npz")
    assert len(again) == 3
    with torch.no_grad():
        next(iter(other.network.backbone.parameters())).add_(1.0)
    assert not PassMemory(other.network.backbone).restore(tmp_path / "passes.npz")


def test_a_memory_serves_its_own_backbone_only():
    package, other = (ModelPackage.load(bundled_package_dir()) for _ in range(2))
    memory = PassMemory(package.network.backbone)
    assert memory.knows(other.network)
    with torch.no_grad():
        next(iter(other.network.backbone.parameters())).add_(1.0)
    assert not memory.knows(other.network)
    with pytest.raises(ValueError, match="another backbone"):
        memory.serve(other.network)


def test_shards_of_a_study_can_be_verified(people):
    assert len(read_shards(people.path, verify=True).people) == 9
