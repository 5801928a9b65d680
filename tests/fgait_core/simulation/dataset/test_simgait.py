"""SimGait is the same wherever it is built, nobody is in two of its splits, and another one is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fgait_core.commands.simgait import register
from fgait_core.data.shards import read_shards, require_disjoint
from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset import simgait
from fgait_core.simulation.dataset.plan import draw_planned_walker, plan_person
from fgait_core.simulation.dataset.simgait import build_simgait, open_simgait, simgait_plans

SMALL = {"train": (6, 2, 3), "calibration": (6, 1, 3), "test": (6, 1, 3), "identification": (2, 32, 2)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    """Tiny splits with the seeds and bodies of the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        whole = {
            name: simgait.replace(plan, people=people, sequences=sequences, frames=frames)
            for (name, plan), (people, sequences, frames) in zip(simgait_plans().items(), SMALL.values(), strict=True)
        }
        patch.setattr(simgait, "_WHOLE", whole)
        patch.setattr(simgait, "_FEWEST_PEOPLE", 1)
        folder = tmp_path_factory.mktemp("simgait")
        yield folder, build_simgait(folder, 1.0, 1)


def test_the_sizes_are_those_of_the_documents():
    sizes = {name: (plan.people, plan.sequences, plan.frames) for name, plan in simgait_plans().items()}
    assert sizes == {
        "train": (10_000, 10, 30),
        "calibration": (3_000, 4, 60),
        "test": (3_000, 4, 60),
        "identification": (300, 32, 30),
    }
    assert [plan.people for plan in simgait_plans(0.01).values()] == [100, 30, 30, 6]


def test_splits_share_no_body_and_no_seed(bank: BodyBank):
    plans = simgait_plans()
    bodies, draws = {}, {}
    for name, plan in plans.items():
        people = [plan_person(plan, bank, number) for number in range(300)]
        bodies[name] = {person.body for person in people}
        draws[name] = {draw_planned_walker(plan, bank, people[n]).gait.cadence_steps_min for n in range(3)}
    assert len(set.union(*bodies.values())) == sum(map(len, bodies.values()))
    assert len(set.union(*draws.values())) == 12
    assert len(bodies["identification"]) == 300


def test_the_splits_on_disk_are_disjoint_and_named(small):
    folder, facts = small
    opened = open_simgait(folder, "train", "calibration", "test", "identification")
    require_disjoint(*opened)
    assert [len(each) for each in opened] == [12, 6, 6, 64]
    seeds = np.concatenate([each.column("seed") for each in opened])
    assert len(set(seeds.tolist())) == len(seeds)
    assert [split["counts"]["sequences"] for split in facts["splits"].values()] == [12, 6, 6, 64]


def test_building_again_changes_nothing_and_gives_the_same_hash(small):
    folder, facts = small
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.arrow")}
    assert build_simgait(folder, 1.0, 1) == facts == json.loads((folder / "simgait.json").read_text())
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.arrow")}


def test_the_hash_says_what_is_in_the_files(small, tmp_path: Path):
    _, facts = small
    again = build_simgait(tmp_path, 1.0, 1)
    assert (again["sha256"], again["splits"]) == (facts["sha256"], facts["splits"])
    (tmp_path / "test" / "manifest.json").write_text((tmp_path / "calibration" / "manifest.json").read_text())
    with pytest.raises(ConfigError, match="Delete and build it again"):
        open_simgait(tmp_path, "test")
    assert open_simgait(tmp_path, "train")[0].keys[0] == "train-000000-00"


@pytest.mark.parametrize(
    ("name", "value"), [("version", "0"), ("generator_version", "1"), ("bodies_sha256", "0" * 64), ("scale", 0.5)]
)
def test_a_simgait_of_another_kind_is_refused(small, tmp_path: Path, name: str, value: str | float):
    (tmp_path / "simgait.json").write_text(json.dumps(small[1] | {name: value}))
    with pytest.raises(ConfigError, match=f"{name.replace('_', ' ')} {value}, not"):
        build_simgait(tmp_path, 1.0, 1)
    if name != "scale":
        with pytest.raises(ConfigError, match=f"{name.replace('_', ' ')} {value}, not"):
            open_simgait(tmp_path, "test")


@pytest.mark.parametrize(("name", "value"), [("GENERATOR_VERSION", "3"), ("bank_sha256", lambda bank: "0" * 64)])
def test_another_generator_or_bank_makes_no_simgait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value):
    monkeypatch.setattr(simgait, name, value)
    with pytest.raises(ConfigError, match="Install the package again"):
        build_simgait(tmp_path / "new", 0.001, 1)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_simgait_says_how_to_build_it(tmp_path: Path):
    with pytest.raises(ConfigError, match="fgait simgait build"):
        open_simgait(tmp_path, "test")


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5])
def test_senseless_scales_are_refused(scale: float):
    with pytest.raises(ConfigError, match="scale"):
        simgait_plans(scale)


def test_the_command_prints_each_split_and_the_hash(small, tmp_path: Path):
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    done = CliRunner().invoke(app, ["simgait", "build", "--out", str(tmp_path), "--processes", "1"])
    assert done.exit_code == 0
    assert f"SHA-256 {small[1]['sha256']}" in done.stdout
    assert read_shards(tmp_path / "identification").frames.tolist() == [2] * 64
