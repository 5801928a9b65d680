"""Cloth, shoes and hems of a body at rest."""

from dataclasses import replace

import numpy as np
import pytest

from fgait_core.simulation.bodies.bank import Body, BodyBank
from fgait_core.simulation.bodies.skeleton import BONE_INDEX
from fgait_core.simulation.outfit.carried import CARRYING
from fgait_core.simulation.outfit.clothing import CLOTHING, Outfit, draw_hair, draw_outfit, dress, vertex_normals
from fgait_core.simulation.outfit.hair import HAIR, HEADWEAR

PLAIN = Outfit("close_fitting", "none", "shaven", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, "l")
ARMS = tuple(f"{side}_{bone}" for side in "lr" for bone in ("upper_arm", "forearm", "hand"))


@pytest.fixture(scope="module")
def body(bank: BodyBank) -> Body:
    return bank.body(1)


def _moved(body: Body, bank: BodyBank, outfit: Outfit) -> np.ndarray:
    """How far each vertex moves, in parts of what it would on an adult of 1.7 m."""
    vertices = dress(body, bank.faces, bank.weights, outfit).vertices_m
    return np.linalg.norm(vertices - body.vertices_m, axis=1) / (body.height_m / 1.7)


def _share(bank: BodyBank, *bones: str) -> np.ndarray:
    """How much each vertex belongs to some bones."""
    return bank.weights[:, [BONE_INDEX[bone] for bone in bones]].sum(1)


def test_normals_are_those_of_plain_numpy_and_point_outward(body: Body, bank: BodyBank):
    normals = vertex_normals(body.vertices_m, bank.faces)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    corners = body.vertices_m[bank.faces].astype(np.float64)
    of_faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros(body.vertices_m.shape)
    for corner in range(3):
        np.add.at(summed, bank.faces[:, corner], of_faces)
    cosines = (summed * normals).sum(1) / np.linalg.norm(summed, axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1.0, atol=1e-3)
    grown = body.vertices_m + 0.02 * normals
    assert (np.ptp(grown, axis=0) > np.ptp(body.vertices_m, axis=0)).all()


def test_a_bare_body_stays_as_it_is(body: Body, bank: BodyBank):
    assert _moved(body, bank, PLAIN).max() == 0.0


@pytest.mark.parametrize(
    ("worn", "bones"),
    [
        ({"trunk_m": 0.02}, ("pelvis", "spine5", "spine4", "spine3", "spine2", "chest")),
        ({"arms_m": 0.02}, ("l_upper_arm", "l_forearm", "r_upper_arm", "r_forearm")),
        ({"legs_m": 0.02}, ("l_thigh", "l_shank", "r_thigh", "r_shank")),
        ({"shoes_m": 0.02}, ("l_foot", "r_foot")),
    ],
)
def test_cloth_stands_off_where_it_is_worn_and_nowhere_else(body: Body, bank: BodyBank, worn: dict, bones: tuple):
    moved = _moved(body, bank, replace(PLAIN, **worn))
    np.testing.assert_allclose(moved, 0.02 * _share(bank, *bones), atol=1e-5)


def test_trousers_hang_wide_and_shorts_leave_the_shanks_bare(body: Body, bank: BodyBank):
    legs = _share(bank, "l_thigh", "l_shank", "r_thigh", "r_shank")
    knee, ankle = (body.joints_m[BONE_INDEX[bone], 2] for bone in ("l_shank", "l_foot"))
    thighs = (legs > 0.9) & (body.vertices_m[:, 2] > knee + 0.02)
    lower = (legs > 0.9) & (body.vertices_m[:, 2] < ankle + 0.45 * (knee - ankle))
    trousers, shorts, boots = (
        _moved(body, bank, replace(PLAIN, **worn))
        for worn in (
            {"clothing": "trousers", "legs_m": 0.02},
            {"clothing": "shorts", "legs_m": 0.02},
            {"shoes_m": 0.015, "shaft": 0.5},
        )
    )
    assert trousers[lower].mean() > 1.5 * trousers[thighs].mean()
    assert shorts[lower].max() == 0.0
    assert shorts[thighs].mean() > trousers[thighs].mean()
    np.testing.assert_allclose(boots[lower], 0.015, rtol=0.1)
    assert boots[thighs].max() < 0.001


@pytest.mark.parametrize("clothing", ["skirt", "dress", "coat"])
def test_skirts_dresses_and_coats_end_at_their_hem(body: Body, bank: BodyBank, clothing: str):
    hull = dress(body, bank.faces, bank.weights, replace(PLAIN, clothing=clothing, hem=0.5)).hulls[-1]
    knee, ankle = (body.joints_m[BONE_INDEX[bone], 2] for bone in ("l_shank", "l_foot"))
    z = body.vertices_m[hull, 2]
    assert abs(z.min() - (knee + ankle) / 2) < 0.06
    assert z.max() < body.joints_m[BONE_INDEX["spine5"], 2]
    assert _share(bank, *ARMS)[hull].max() < 0.5


@pytest.mark.parametrize(
    ("worn", "hulls"),
    [
        ({"clothing": "close_fitting", "trunk_m": 0.02}, 0),
        ({"clothing": "trousers", "trunk_m": 0.005}, 0),
        ({"clothing": "trousers", "trunk_m": 0.015}, 1),
        ({"clothing": "jacket"}, 1),
        ({"clothing": "skirt"}, 1),
        ({"clothing": "coat"}, 2),
    ],
)
def test_jackets_coats_and_loose_shirts_hang_from_the_shoulders(body: Body, bank: BodyBank, worn: dict, hulls: int):
    outfit = replace(PLAIN, **worn)
    dressed = dress(body, bank.faces, bank.weights, outfit)
    assert len(dressed.hulls) == hulls
    if outfit.hangs_free:
        hull = dressed.hulls[0]
        hip, chest = (body.joints_m[BONE_INDEX[bone], 2] for bone in ("l_thigh", "chest"))
        z = body.vertices_m[hull, 2]
        assert hip - 0.08 < z.min() < hip < z.max() < chest
        assert _share(bank, *ARMS)[hull].max() < 0.1


def test_a_flared_skirt_widens_towards_the_hem(body: Body, bank: BodyBank):
    skirt = replace(PLAIN, clothing="skirt", hem=0.5)
    straight = dress(body, bank.faces, bank.weights, skirt)
    flared = dress(body, bank.faces, bank.weights, replace(skirt, flare_m=0.06))
    (hull,) = straight.hulls
    z = body.vertices_m[hull, 2]
    low = hull[z < z.min() + 0.1]
    widths = [np.ptp(dressed.vertices_m[low, 0]) for dressed in (straight, flared)]
    assert 0.06 < (widths[1] - widths[0]) / (body.height_m / 1.7) < 0.12
    assert (
        flared.vertices_m[z.max() == body.vertices_m[:, 2]] == body.vertices_m[z.max() == body.vertices_m[:, 2]]
    ).all()


def test_clothes_shrink_with_the_body(bank: BodyBank):
    heights = bank.height_m
    small, large = bank.body(int(heights.argmin())), bank.body(int(heights.argmax()))
    outfit = replace(PLAIN, trunk_m=0.03)
    moved = [
        np.linalg.norm(dress(b, bank.faces, bank.weights, outfit).vertices_m - b.vertices_m, axis=1).max()
        for b in (small, large)
    ]
    np.testing.assert_allclose(moved[0] / moved[1], small.height_m / large.height_m, rtol=1e-3)


def test_outfits_follow_their_shares():
    drawn = {
        sex: [draw_outfit(rng, sex, *draw_hair(rng, sex)) for rng in map(np.random.default_rng, range(1500))]
        for sex in ("female", "male")
    }
    for outfits in drawn.values():
        assert {outfit.carrying for outfit in outfits} == set(CARRYING)
        assert {outfit.clothing for outfit in outfits} == set(CLOTHING)
        assert {outfit.headwear for outfit in outfits} == set(HEADWEAR)
        assert 0.58 < np.mean([outfit.carrying == "none" for outfit in outfits]) < 0.70
    skirts = {sex: np.mean([o.clothing in ("skirt", "dress") for o in drawn[sex]]) for sex in drawn}
    assert skirts["female"] > 0.15 > 0.03 > skirts["male"] > 0.0
    assert {outfit.hair for outfit in drawn["male"]} == set(HAIR)


def test_what_is_asked_for_is_worn_and_carried():
    outfit = draw_outfit(np.random.default_rng(3), "male", "short", 0.01, clothing="coat", carrying="crutches")
    assert (outfit.clothing, outfit.carrying, outfit.hair) == ("coat", "crutches", "short")


def test_children_push_no_prams():
    carried = {
        draw_outfit(np.random.default_rng(seed), "female", "short", 0.01, age_years=8.0).carrying for seed in range(800)
    }
    assert not carried & {"pram", "trolley"}
    assert "backpack" in carried
