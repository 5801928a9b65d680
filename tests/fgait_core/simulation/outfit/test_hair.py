"""Hair and headwear have the sizes that real ones have, on heads of any size."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.bodies.bank import Body, BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.outfit.clothing import Outfit, dress
from fgait_core.simulation.outfit.hair import HAIR, HEADWEAR, Skull, skull_of

PLAIN = Outfit("close_fitting", "none", "shaven", 0.0, 0.0, 0.0, 0.0, 0.02, 0.0, 1.0, "l")


def _bodies(bank: BodyBank) -> list[Body]:
    return [bank.body(int(number)) for number in (bank.height_m.argmin(), np.argsort(bank.height_m)[len(bank) // 2])]


def _skull(body: Body, bank: BodyBank) -> Skull:
    return skull_of(body, bank.weights[:, BONE_INDEX["head"]] > 0.9)


def _points(body: Body, bank: BodyBank, **worn: object) -> np.ndarray:
    """All points of mesh and parts."""
    dressed = dress(body, bank.faces, bank.weights, replace(PLAIN, **worn))
    return np.concatenate([dressed.vertices_m, *(part.points_m for part in dressed.parts)])


@pytest.mark.parametrize("hair", HAIR)
def test_parts_follow_the_head(bank: BodyBank, hair: str):
    dressed = dress(bank.body(1), bank.faces, bank.weights, replace(PLAIN, hair=hair))
    assert len(dressed.parts) == (hair in ("medium", "long", "ponytail", "bun"))
    assert {(part.bone, part.label) for part in dressed.parts} <= {("head", 1)}


def test_hair_thickens_the_crown_and_leaves_the_face(bank: BodyBank):
    for body in _bodies(bank):
        skull, size = _skull(body, bank), body.height_m / 1.7
        moved = dress(body, bank.faces, bank.weights, replace(PLAIN, hair="short")).vertices_m - body.vertices_m
        far = np.linalg.norm(moved, axis=1) / size
        z, y = body.vertices_m[:, 2], body.vertices_m[:, 1]
        assert abs(far[z > skull.level(0.97)].mean() - 0.02) < 0.001
        assert far[z < skull.chin].max() == 0.0
        assert far[(y > skull.front - 0.03 * size) & (z < skull.level(0.7))].max() == 0.0


def test_long_hair_hangs_to_the_shoulders_and_shows_from_front_and_side(bank: BodyBank):
    for body in _bodies(bank):
        skull = _skull(body, bank)
        long, medium = (
            dress(body, bank.faces, bank.weights, replace(PLAIN, hair=hair)).parts[0].points_m
            for hair in ("long", "medium")
        )
        assert long[:, 2].min() < skull.neck < skull.chin
        assert abs(medium[:, 2].min() - skull.chin) < 0.03
        for hair in (long, medium):
            assert skull.half < hair[:, 0].max() < 1.7 * skull.half
            assert skull.back - 0.06 < hair[:, 1].min() < skull.back
            assert hair[:, 1].max() < skull.front - 0.5 * (skull.front - skull.back)


@pytest.mark.parametrize("headwear", HEADWEAR[1:])
def test_headwear_has_a_sane_size(bank: BodyBank, headwear: str):
    for body in _bodies(bank):
        size, skull = body.height_m / 1.7, _skull(body, bank)
        bare, covered = (_points(body, bank, headwear=worn) for worn in ("none", headwear))
        assert 0.005 * size < covered[:, 2].max() - bare[:, 2].max() < 0.06 * size
        parts = dress(body, bank.faces, bank.weights, replace(PLAIN, headwear=headwear)).parts
        across = np.concatenate([part.points_m for part in parts])
        assert 2 * 0.9 * skull.half < np.ptp(across[:, 0]) < 2 * skull.half + 0.16 * size
        assert np.ptp(across[:, 1]) < skull.front - skull.back + 0.18 * size


def test_only_a_cap_sticks_out_in_front_and_only_a_hat_all_around(bank: BodyBank):
    body = bank.body(1)
    skull = _skull(body, bank)

    def reach(headwear: str) -> tuple[float, float, float]:
        points = np.concatenate(
            [p.points_m for p in dress(body, bank.faces, bank.weights, replace(PLAIN, headwear=headwear)).parts]
        )
        beyond = points[:, 1].max() - skull.front, skull.back - points[:, 1].min(), points[:, 0].max() - skull.half
        return beyond[0], beyond[1], beyond[2]

    assert reach("cap")[0] > 0.04 > 0.02 > max(reach("cap")[1:])
    assert min(reach("hat")[1:]) > 0.04
    assert max(reach("beanie")) < 0.02


def test_a_hood_hides_the_hair(bank: BodyBank):
    names = [
        part.name
        for part in dress(bank.body(1), bank.faces, bank.weights, replace(PLAIN, hair="long", headwear="hood")).parts
    ]
    assert names == ["hood"]


def test_a_scarf_lies_about_the_neck(bank: BodyBank):
    for body in _bodies(bank):
        skull = _skull(body, bank)
        (scarf,) = dress(body, bank.faces, bank.weights, replace(PLAIN, scarf_m=0.02)).parts
        assert scarf.bone == "neck"
        assert skull.neck - 0.04 < scarf.points_m[:, 2].min() < scarf.points_m[:, 2].max() < skull.level(0.3)
        assert np.ptp(scarf.points_m[:, 0]) < 0.22
