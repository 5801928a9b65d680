"""The bank that travels with the package: its bodies measure what people measure, and storing them loses little."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.bank import SPLITS, Body, BodyBank
from fgait_core.simulation.bodies.growth import mean_height_m
from fgait_core.simulation.bodies.skeleton import BONE_INDEX

TRUNK = ("pelvis", "spine5", "spine4", "spine3", "spine2", "chest", "neck", "head")


@pytest.fixture(scope="module")
def measured(bank: BodyBank) -> list[tuple[int, Body]]:
    """Every tenth body, both sexes and all splits among them."""
    numbers = np.random.default_rng(0).permutation(len(bank))[: len(bank) // 10]
    return [(int(number), bank.body(int(number))) for number in numbers]


def _share(bank: BodyBank, *bones: str) -> np.ndarray:
    return bank.weights[:, [BONE_INDEX[bone] for bone in bones]].sum(1)


def _head_cm(bank: BodyBank, body: Body) -> tuple[float, float]:
    """Breadth and length of the skull above ears and nose."""
    head = body.vertices_m[_share(bank, "head") > 0.5]
    skull = head[head[:, 2] > head[:, 2].max() - 0.4 * np.ptp(head[:, 2])]
    return 100 * float(np.ptp(skull[:, 0])), 100 * float(np.ptp(skull[:, 1]))


def _ankle_cm(bank: BodyBank, body: Body) -> float:
    """The smallest girth of the left leg over the ankle joint."""
    faces = bank.faces[(_share(bank, "l_shank", "l_foot") > 0.5)[bank.faces].any(1)]
    edges = np.concatenate([faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    start, end = body.vertices_m[edges[:, 0]], body.vertices_m[edges[:, 1]]
    girths = []
    for above in (0.02, 0.035, 0.05, 0.065):
        z = body.joints_m[BONE_INDEX["l_foot"], 2] + above * body.height_m / 1.75
        cut = (start[:, 2] - z) * (end[:, 2] - z) < 0
        share = (z - start[cut, 2]) / (end[cut, 2] - start[cut, 2])
        points = (start[cut] + share[:, None] * (end[cut] - start[cut]))[:, :2]
        girths.append(ConvexHull(points).area)  # of a figure in the plane, scipy's area is the girth
    return 100 * min(girths)


def _of(measured: list[tuple[int, Body]], sex: str, low: float, high: float) -> list[Body]:
    return [body for _, body in measured if body.sex == sex and low <= body.age_years < high]


def test_the_bank_is_large_and_small_enough(bank: BodyBank):
    assert len(bank) >= 4000
    file = resources.files("fgait_core.simulation.bodies") / "bank.npz"
    with resources.as_file(file) as path:
        assert path.stat().st_size < 15e6


def test_ages_and_shapes_span_what_people_span(bank: BodyBank):
    assert bank.age_years.min() < 6.5
    assert bank.age_years.max() > 89.0
    adults = bank.bmi[bank.age_years > 19]
    low, high = np.percentile(adults, [0.1, 99.9])
    assert low < 17.0
    assert high > 37.0
    assert bank.bmi.max() < 42.5
    assert 3.2 < adults.std() < 5.0


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_has_both_sexes_and_all_ages_alike(bank: BodyBank, split: str):
    own = bank.of_split(split)
    assert np.mean(bank.sex[own] == "male") == pytest.approx(0.5, abs=0.04)
    assert bank.age_years[own].mean() == pytest.approx(bank.age_years.mean(), abs=2.0)


@pytest.mark.parametrize("sex", ["female", "male"])
@pytest.mark.parametrize("age_years", [7, 9, 11, 13, 15, 17, 25, 45, 80])
def test_heights_follow_the_norms(bank: BodyBank, sex: str, age_years: int):
    chosen = (bank.sex == sex) & (np.abs(bank.age_years - age_years) < 1.0)
    expected = np.mean([mean_height_m(sex, age) for age in bank.age_years[chosen]])
    error = 4 * bank.height_m[chosen].std() / np.sqrt(chosen.sum())
    assert bank.height_m[chosen].mean() == pytest.approx(expected, abs=error)


def test_bodies_are_as_tall_as_the_table_says(measured: list[tuple[int, Body]]):
    for _, body in measured[:100]:
        assert np.ptp(body.vertices_m[:, 2]) == pytest.approx(body.height_m, abs=0.005)


@pytest.mark.parametrize(
    ("sex", "ages", "breadth_cm", "length_cm"),
    [  # adults: Gordon et al. 1989; children: Farkas et al. 1992, Hall et al. 1995
        ("male", (18.0, 65.0), 15.2, 19.7),
        ("female", (18.0, 65.0), 14.4, 18.7),
        ("male", (6.0, 9.0), 13.8, 17.9),
        ("female", (6.0, 9.0), 13.6, 17.5),
    ],
)
def test_heads_are_as_wide_and_long_as_heads(
    bank: BodyBank,
    measured: list[tuple[int, Body]],
    sex: str,
    ages: tuple[float, float],
    breadth_cm: float,
    length_cm: float,
):
    breadths, lengths = np.array([_head_cm(bank, body) for body in _of(measured, sex, *ages)]).T
    assert np.median(breadths) == pytest.approx(breadth_cm, abs=0.8)
    assert np.median(lengths) == pytest.approx(length_cm, abs=0.9)


@pytest.mark.parametrize(("sex", "girth_cm"), [("male", 22.5), ("female", 21.5)])
def test_ankles_are_as_thick_as_ankles(bank: BodyBank, measured: list[tuple[int, Body]], sex: str, girth_cm: float):
    girths = [_ankle_cm(bank, body) for body in _of(measured, sex, 18.0, 65.0)[:60]]
    assert np.mean(girths) == pytest.approx(girth_cm, abs=1.8)


def test_the_sexes_overlap_in_shape_as_in_people(bank: BodyBank, measured: list[tuple[int, Body]]):
    trunk = _share(bank, *TRUNK) > 0.5
    rows, male = [], []
    for _, body in measured:
        points = body.vertices_m[trunk]
        height = (points[:, 2] - body.vertices_m[:, 2].min()) / body.height_m
        bands = [points[np.argsort(np.abs(height - level))[:40]] for level in np.linspace(0.48, 0.96, 12)]
        rows.append([body.height_m, *(width for band in bands for width in np.ptp(band[:, :2], axis=0))])
        male.append(body.sex == "male")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    score = cross_val_predict(model, np.array(rows), male, cv=5, method="predict_proba")[:, 1]
    assert 0.85 <= roc_auc_score(male, score) <= 0.93


def _made_up(bodies: int) -> tuple[np.ndarray, np.ndarray]:
    """Shapes with 6 directions of change, and as many joints as the skeleton has."""
    rng = np.random.default_rng(0)
    directions = rng.normal(0.0, 0.1, (6, 50 + len(BONE_INDEX), 3))
    points = rng.normal(0.0, 0.5, directions.shape[1:]) + np.einsum(
        "bk,kpi->bpi", rng.normal(size=(bodies, 6)), directions
    )
    return points[:, :50], points[:, 50:]


def _bank_of(vertices_m: np.ndarray, joints_m: np.ndarray) -> BodyBank:
    bodies = len(vertices_m)
    weights = np.random.default_rng(1).uniform(size=(vertices_m.shape[1], len(BONE_INDEX)))
    ages, shapes = np.full(bodies, 30.0, np.float32), np.full(bodies, 22.0, np.float32)
    sexes = np.array(["male", "female"])[np.arange(bodies) % 2]
    return BodyBank.compressed(
        "made up", np.array([[0, 1, 2]], np.int32), weights, vertices_m, joints_m, sexes, ages, shapes, shapes
    )


def test_compression_keeps_every_point_within_two_millimetres():
    vertices_m, joints_m = _made_up(40)
    bank = _bank_of(vertices_m, joints_m)
    assert bank.codes.shape == (40, 6)
    for number in range(40):
        body = bank.body(number)
        np.testing.assert_allclose(body.vertices_m, vertices_m[number], atol=0.001)
        np.testing.assert_allclose(body.joints_m, joints_m[number], atol=0.001)


def test_weights_sum_to_exactly_one():
    bank = _bank_of(*_made_up(8))
    assert (bank.weights.astype(np.float64).sum(1) == 1.0).all()
    np.testing.assert_array_equal(bank.weights * 32768, np.round(bank.weights * 32768))


def test_banks_survive_a_round_trip(tmp_path: Path):
    bank = _bank_of(*_made_up(8))
    bank.save(tmp_path / "bank.npz")
    again = BodyBank.load(tmp_path / "bank.npz")
    for number in range(8):
        np.testing.assert_array_equal(again.body(number).vertices_m, bank.body(number).vertices_m)
    np.testing.assert_array_equal(again.weights, bank.weights)
    assert again.sex.tolist() == bank.sex.tolist()
    assert again.name == "made up"


def test_bodies_do_not_depend_on_the_order_of_summation(bank: BodyBank):
    other = BodyBank(
        bank.name,
        bank.faces,
        bank.weights,
        bank.mean_m,
        bank.components[::-1],
        bank.codes[:, ::-1],
        bank.step_m,
        bank.sex,
        bank.age_years,
        bank.bmi,
        bank.height_m,
    )
    np.testing.assert_array_equal(other.body(3).vertices_m, bank.body(3).vertices_m)


def test_another_file_is_refused(tmp_path: Path):
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    with pytest.raises(ConfigError, match="fgait simulate bodies"):
        BodyBank.load(tmp_path / "other.npz")


def test_a_bank_of_another_mesh_is_refused(bank: BodyBank):
    with pytest.raises(ConfigError, match="Build it again"):
        BodyBank(
            bank.name,
            bank.faces,
            bank.weights[:10],
            bank.mean_m,
            bank.components,
            bank.codes,
            bank.step_m,
            bank.sex,
            bank.age_years,
            bank.bmi,
            bank.height_m,
        )
