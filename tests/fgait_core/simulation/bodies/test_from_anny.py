"""What turns anny's 104 bones into ours; the rest needs anny itself and runs in `fgait simulate bodies`."""

from importlib.util import find_spec

import numpy as np
import pytest

from fgait_core.assets import cache_dir
from fgait_core.errors import OperationCancelled
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.from_anny import AnnyBodies, bone_of, build_body_bank, plan_body


@pytest.mark.parametrize(
    ("chain", "bone"),
    [
        (["toe1-1.L", "foot.L", "lowerleg02.L", "lowerleg01.L"], "l_foot"),
        (["lowerleg02.R", "lowerleg01.R"], "r_shank"),
        (["finger2-3.R", "wrist.R", "lowerarm02.R"], "r_hand"),
        (["clavicle.L", "spine01"], "chest"),
        (["eye.L", "head", "neck03"], "head"),
        (["neck02", "neck01", "spine01"], "neck"),
        (["breast.R", "spine02", "spine03"], "spine2"),
        (["pelvis.L", "root"], "pelvis"),
        (["root"], "pelvis"),
    ],
)
def test_every_bone_finds_its_place(chain: list[str], bone: str):
    assert bone_of(chain) == bone


@pytest.fixture(scope="module")
def anny_bodies() -> AnnyBodies:
    """Anny itself; it takes the extra and a cache that its first start has filled."""
    if find_spec("anny") is None:  # only looked for: anny settles on its cache when it is imported
        pytest.skip("the extra `bodies` is not installed")
    cache = cache_dir() / "anny"
    if not any(cache.glob("**/*.safetensors")):
        pytest.skip("anny has not been started on this machine; `fgait simulate bodies` does it")
    return AnnyBodies.load(cache)


@pytest.mark.slow
def test_bodies_get_the_planned_height_and_body_mass_index(anny_bodies: AnnyBodies):
    plans = [plan_body(anny_bodies, 5, number) for number in range(8)]
    for plan, body in zip(plans, anny_bodies.shape(plans), strict=True):
        assert np.ptp(body.vertices_m[:, 2]) == pytest.approx(plan.height_m, abs=0.005)
        assert body.bmi == pytest.approx(plan.bmi, abs=0.15)
    assert [plan.sex for plan in plans].count("male") == 4


@pytest.mark.slow
def test_the_packaged_bodies_are_anny_s_within_two_millimetres(anny_bodies: AnnyBodies, bank: BodyBank):
    seed = int(bank.name.rsplit(" ", 1)[1])
    numbers = range(3000, 3008)  # the components come from earlier bodies
    shaped = anny_bodies.shape([plan_body(anny_bodies, seed, number) for number in numbers])
    for number, body in zip(numbers, shaped, strict=True):
        packaged = bank.body(number)
        assert np.linalg.norm(packaged.vertices_m - body.vertices_m, axis=1).max() < 0.002
        assert np.linalg.norm(packaged.joints_m - body.joints_m, axis=1).max() < 0.002
        assert packaged.bmi == pytest.approx(body.bmi, abs=0.01)
    np.testing.assert_array_equal(bank.faces, anny_bodies.faces)


@pytest.mark.slow
def test_a_bank_can_be_built_anew(anny_bodies: AnnyBodies):
    told: list[float] = []
    bank = build_body_bank(20, 2, cache_dir() / "anny", lambda share, _: told.append(share))
    assert len(bank) == 20
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(OperationCancelled):
        build_body_bank(20, 2, cache_dir() / "anny", cancelled=lambda: True)
