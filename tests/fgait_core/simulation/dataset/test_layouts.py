"""The layout for identification has every type in every view, in clothes that fit the type, by people of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fgait_core.data.shards import ShardFolder, read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.evaluation.protocol_definitions import PROTOCOLS
from fgait_core.evaluation.protocols import evaluate_protocol
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.generator import write_split
from fgait_core.simulation.dataset.layouts import IDENTIFICATION_SEQUENCES, TYPES, VIEWS_DEG, draw_wardrobe
from fgait_core.simulation.dataset.plan import SimulationPlan, bodies_of, draw_planned_walker, plan_person

PLAN = SimulationPlan("test", 3, IDENTIFICATION_SEQUENCES, frames=3, seed=5, layout="identification")
RANDOM = SimulationPlan("test", 3, 1, frames=3, seed=5)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> ShardFolder:
    return read_shards(write_split(PLAN, tmp_path_factory.mktemp("layouts") / "identification", processes=1).parent)


def test_everybody_walks_each_type_in_each_view_once(split: ShardFolder):
    found = set(zip(split.person.tolist(), split.column("type").tolist(), split.column("view").tolist(), strict=True))
    people = [f"identification-{number}" for number in range(3)]
    assert found == {(p, t, f"{deg:03d}") for p in people for t in TYPES for deg in VIEWS_DEG}
    assert len(split) == len(found) == 3 * 32
    assert split.column("view_deg").astype(float).tolist() == split.column("view").astype(float).tolist()
    assert set(split.column("path").tolist()) == {"overground"}
    assert set(split.column("occluded").tolist()) == {"no"}


def test_bags_are_in_bg_and_coats_in_cl_only(split: ShardFolder):
    types = split.column("type")
    assert ((split.column("carrying") != "none") == (types == "bg-01")).all()
    assert ((split.column("clothing") == "coat") == (types == "cl-01")).all()


def test_the_clothes_of_a_person_stay_the_same_until_the_coat(bank: BodyBank):
    for number in range(8):
        walker = draw_planned_walker(PLAN, bank, plan_person(PLAN, bank, number))
        wardrobe = draw_wardrobe(walker, np.random.default_rng(number))
        normal, bag = wardrobe["nm-01"], wardrobe["bg-01"]
        assert wardrobe["nm-02"] == normal
        assert (bag.clothing, bag.trunk_m, bag.legs_m) == (normal.clothing, normal.trunk_m, normal.legs_m)
        assert bag.carrying != normal.carrying == "none"


def test_the_protocol_measures_all_of_it(split: ShardFolder):
    number = split.person_number
    embeddings = np.stack([number, -number], 1).astype(np.float32)[:, :, None]
    columns = (split.person, split.column("type"), split.column("view"))
    result = evaluate_protocol("simgait", embeddings, *columns)
    assert result.summary == {"NM rank-1": 100.0, "BG rank-1": 100.0, "CL rank-1": 100.0}
    assert result.left_out == ()
    assert [each.probes for each in result.conditions] == [24, 24, 24]
    assert {each.gallery for each in PROTOCOLS["simgait"].conditions} == {"nm-01"}


def test_nobody_is_in_both_layouts(split: ShardFolder, bank: BodyBank, tmp_path: Path):
    both = [set(bodies_of(plan, bank).tolist()) for plan in (PLAN, RANDOM)]
    assert not both[0] & both[1]
    assert sorted(both[0] | both[1]) == bank.of_split("test").tolist()
    require_disjoint(split, read_shards(write_split(RANDOM, tmp_path / "test", processes=1).parent))


def test_another_number_of_recordings_is_refused():
    with pytest.raises(ConfigError, match="has 32 recordings"):
        SimulationPlan("test", 3, 4, layout="identification")


def test_people_who_are_to_be_told_apart_share_no_body(bank: BodyBank):
    fitting = len(bodies_of(PLAN, bank))
    plan = replace(PLAN, people=fitting)
    assert len({plan_person(plan, bank, number).body for number in range(fitting)}) == fitting
    with pytest.raises(ConfigError, match="a body each"):
        plan_person(replace(PLAN, people=fitting + 1), bank, 0)
