"""Builds a body bank from `anny`, the open parametric body (Apache-2.0 code, CC0 MakeHuman assets).

`anny` is an optional extra (`pip install fgait[bodies]`): its first start takes about 100 s and 1.4 GB of cache, and
nothing else in the package needs it once a bank exists.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import beta, norm

from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.bodies.growth import draw_age_years, draw_bmi, height_spread_m, mean_height_m
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES

_FIRST_BONE: dict[str, str] = {
    "pelvis": "root",
    "spine5": "spine05",
    "spine4": "spine04",
    "spine3": "spine03",
    "spine2": "spine02",
    "chest": "spine01",
    "neck": "neck01",
    "head": "head",
    "thigh": "upperleg01",
    "shank": "lowerleg01",
    "foot": "foot",
    "upper_arm": "upperarm01",
    "forearm": "lowerarm01",
    "hand": "wrist",
}
"""The `anny` bone at whose head each of our bones begins."""

_SIDE_PREFIXES = (
    ("upperleg", "thigh"),
    ("lowerleg", "shank"),
    ("upperarm", "upper_arm"),
    ("lowerarm", "forearm"),
    ("foot", "foot"),
    ("wrist", "hand"),
)
_MIDDLE_PREFIXES = (
    ("clavicle", "chest"),
    ("shoulder01", "chest"),
    ("neck", "neck"),
    ("head", "head"),
    ("spine05", "spine5"),
    ("spine04", "spine4"),
    ("spine03", "spine3"),
    ("spine02", "spine2"),
    ("spine01", "chest"),
    ("root", "pelvis"),
    ("pelvis", "pelvis"),
)

_LOCAL_SPREAD: dict[str, float] = {
    "measure-upperleg-height-incr": 0.3,
    "measure-lowerleg-height-incr": 0.3,
    "measure-shoulder-dist-incr": 0.45,
    "measure-hips-circ-incr": 0.4,
    "measure-waist-circ-incr": 0.4,
    "measure-bust-circ-incr": 0.3,
    "measure-upperarm-length-incr": 0.3,
    "measure-lowerarm-length-incr": 0.3,
    "torso-vshape-incr": 0.3,
    "torso-scale-vert-incr": 0.2,
    "torso-scale-depth-incr": 0.3,
    "stomach-tone-incr": 0.35,
    "buttocks-volume-incr": 0.4,
    "measure-thigh-circ-incr": 0.4,
    "measure-calf-circ-incr": 0.2,
    "head-scale-vert-incr": 0.18,
    "head-scale-depth-incr": 0.15,
    "head-scale-horiz-incr": 0.13,
    "measure-neck-circ-incr": 0.35,
    "measure-neck-height-incr": 0.35,
    "neck-trans-forward": 0.3,
    "l-upperarm-fat-incr": 0.3,
    "l-lowerarm-fat-incr": 0.25,
    "measure-ankle-circ-incr": 0.15,
    "l-foot-scale-incr": 0.12,
}
"""Standard deviation of each local shape change (-1..1); `l-` changes are applied to both sides."""

_LOCAL_MEAN_BY_AGE: dict[str, tuple[tuple[float, float], ...]] = {
    "head-scale-horiz-incr": ((6.0, 0.5), (12.0, 0.28), (18.0, 0.16)),
    "head-scale-depth-incr": ((6.0, 0.2), (10.0, 0.0), (16.0, -0.15)),
}
"""Means other than 0 of local changes, as (age in years, mean): `anny`'s heads are narrow, most of all children's."""

_SIDE_SPREAD = 0.04
"""How much the two sides of a person differ in a local change of a limb."""

_GENDER_MEAN = {"female": 0.64, "male": 0.36}
_GENDER_SPREAD = 0.20
"""`anny`'s gender is 0 male to 1 female. The sexes overlap, as in people: a wide spread around two means."""

_WEIGHT_ANCHORS = (0.0, 0.5, 1.0)
_WEIGHT_RANGE = (-0.35, 1.7)
"""`anny`'s weight goes from 0 to 1; shapes are linear in it on both sides of 0.5, and the lines go on beyond."""

_DENSITY_KG_M3 = 980.0
_BATCH = 16


def bone_of(chain: list[str]) -> str:
    """Our bone for an `anny` bone, from its name and its ancestors' names, leaf first."""
    for name in chain:
        base, _, side = name.partition(".")
        for prefix, bone in _SIDE_PREFIXES:
            if base.startswith(prefix) and side:
                return f"{side.lower()}_{bone}"
        for prefix, bone in _MIDDLE_PREFIXES:
            if base.startswith(prefix):
                return bone
    return "pelvis"


@dataclass(frozen=True, slots=True)
class BodyPlan:
    """One body before `anny` shapes it.

    Attributes:
        sex: "female" or "male".
        age_years: age.
        height_m, bmi: what the body shall measure.
        phenotype: `anny`'s parameters but the weight, which follows from `bmi`.
        local: its local shape changes.
    """

    sex: str
    age_years: float
    height_m: float
    bmi: float
    phenotype: dict[str, float]
    local: dict[str, float]


@dataclass(frozen=True, slots=True)
class ShapedBody:
    """What `anny` made of a plan: vertices [vertex, 3] and joints [bone, 3] at rest, and what they measure."""

    vertices_m: NDArray[np.float32]
    joints_m: NDArray[np.float32]
    height_m: float
    bmi: float


@dataclass(slots=True)
class AnnyBodies:
    """`anny` with our skeleton and a simplified mesh; made by `load`."""

    model: Any
    distribution: Any
    bone_heads: list[int]
    faces: NDArray[np.int32]
    vertex_numbers: NDArray[np.int64]
    weights: NDArray[np.float32]
    _torch: Any

    @classmethod
    def load(cls, cache: Path, n_faces: int = 3000) -> AnnyBodies:
        """Starts `anny` (100 s the first time) and simplifies its mesh.

        Args:
            cache: folder for `anny`'s own cache.
            n_faces: about how many triangles the simplified mesh has.

        Raises:
            ConfigError: if `anny` is not installed.
        """
        os.environ.setdefault("ANNY_CACHE_DIR", str(cache))
        try:
            import anny  # pyright: ignore[reportMissingImports]
            import fast_simplification  # pyright: ignore[reportMissingImports]
            import torch
            from anny.shape_distribution import SimpleShapeDistribution  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ConfigError(
                f"Building bodies needs the optional extra: pip install 'fgait[bodies]' ({error})."
            ) from error
        model = anny.Anny(local_changes="all").to(dtype=torch.float32)
        names, parents = list(model.bone_labels), list(model.bone_parents)
        bodies = cls(
            model,
            SimpleShapeDistribution(model),
            [names.index(_anny_name(bone)) for bone in BONES],
            np.zeros((0, 3), np.int32),
            np.zeros(0, np.int64),
            np.zeros((0, len(BONES)), np.float32),
            torch,
        )
        of_bone = np.array([BONE_INDEX[bone_of(_chain(names, parents, j))] for j in range(len(names))])
        average = {"gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}
        rest = bodies._rest([average], [{}])[0][0]
        full_faces = model.faces.numpy().astype(np.int32)
        points, faces = fast_simplification.simplify(rest, full_faces, target_count=n_faces)[:2]
        nearest = KDTree(rest).query(points)[1]
        bodies.vertex_numbers, inverse = np.unique(nearest, return_inverse=True)
        faces = inverse[faces]
        distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
        bodies.faces = faces[distinct].astype(np.int32)
        bodies.weights = _weights(model, of_bone)[bodies.vertex_numbers]
        return bodies

    def plan(self, rng: np.random.Generator, sex: str) -> BodyPlan:
        """Draws who a body is; nothing is shaped yet."""
        age_years = draw_age_years(rng)
        tall = float(np.clip(rng.normal(), -2.5, 2.5))
        bmi = draw_bmi(rng, sex, age_years)
        years = self._torch.tensor([age_years], dtype=self._torch.float32)
        anny_age = self.distribution.morphological_age_mapping.morphological_to_anny_age(years)
        word = "girls" if sex == "female" else "boys"
        heights = getattr(self.distribution, f"{word}_conditional_height_distribution").get_torch_distribution(anny_age)
        muscle = float(np.interp(age_years, (6, 14, 25, 45, 80), (0.32, 0.36, 0.45, 0.42, 0.28)))
        phenotype = {
            "age": float(anny_age[0]),
            "gender": float(np.clip(rng.normal(_GENDER_MEAN[sex], _GENDER_SPREAD), 0.0, 1.0)),
            "height": float(
                beta.ppf(norm.cdf(tall), float(heights.concentration1[0]), float(heights.concentration0[0]))
            ),
            "muscle": float(np.clip(rng.normal(muscle, 0.17), 0.02, 0.9)),
            "proportions": float(np.clip(rng.normal(0.5, 0.2), 0.02, 0.98)),
        }
        height_m = mean_height_m(sex, age_years) + tall * height_spread_m(sex, age_years)
        return BodyPlan(sex, age_years, height_m, bmi, phenotype, self._draw_local(rng, age_years))

    def shape(self, plans: list[BodyPlan]) -> list[ShapedBody]:
        """Bodies of the planned height (by scale) and body mass index (by `anny`'s weight, as far as it goes)."""
        phenotypes = [{**plan.phenotype, "weight": weight} for plan in plans for weight in _WEIGHT_ANCHORS]
        vertices, joints = self._rest(phenotypes, [plan.local for plan in plans for _ in _WEIGHT_ANCHORS])
        n = len(_WEIGHT_ANCHORS)
        faces = self.model.faces.numpy()
        return [
            _of_height_and_bmi(vertices[n * i : n * i + n], joints[n * i : n * i + n], faces, self.vertex_numbers, plan)
            for i, plan in enumerate(plans)
        ]

    def _rest(
        self, phenotypes: list[dict[str, float]], local: list[dict[str, float]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        columns = {name: [p[name] for p in phenotypes] for name in phenotypes[0]}
        local_columns = {name: [one.get(name, 0.0) for one in local] for name in local[0]}
        tensor = self._torch.tensor
        with self._torch.no_grad():
            _, phenotype, changes, actions = self.model.get_tensor_inputs(
                None,
                {name: tensor(values) for name, values in columns.items()},
                {name: tensor(values) for name, values in local_columns.items()} or None,
                None,
            )
            rest = self.model.get_rest_model(
                self.model._get_phenotype_blendshape_coefficients(phenotype, changes, actions)
            )
        mirror = np.array([1.0, -1.0, 1.0], np.float32)
        vertices = rest["rest_vertices"].numpy().astype(np.float32) * mirror
        heads = rest["rest_bone_heads"].numpy().astype(np.float32) * mirror
        return vertices, heads[:, self.bone_heads]

    def _draw_local(self, rng: np.random.Generator, age_years: float) -> dict[str, float]:
        known = set(self.model.local_change_labels)
        local: dict[str, float] = {}
        for name, spread in _LOCAL_SPREAD.items():
            ages, means = zip(*_LOCAL_MEAN_BY_AGE.get(name, ((0.0, 0.0),)), strict=True)
            value = float(np.interp(age_years, ages, means) + np.clip(rng.normal(0.0, spread), -0.8, 0.8))
            local[name] = value
            if name.startswith("l-"):
                local[name] = value + float(rng.normal(0.0, _SIDE_SPREAD))
                local["r-" + name[2:]] = value + float(rng.normal(0.0, _SIDE_SPREAD))
        return {name: value for name, value in local.items() if name in known}


def _at_weight(anchors: NDArray[np.floating], weight: float) -> NDArray[np.floating]:
    """Shapes are linear in `anny`'s weight between its anchors 0, 0.5 and 1; the outer lines go on beyond."""
    low = 0 if weight < _WEIGHT_ANCHORS[1] else 1
    share = (weight - _WEIGHT_ANCHORS[low]) / (_WEIGHT_ANCHORS[low + 1] - _WEIGHT_ANCHORS[low])
    return anchors[low] + share * (anchors[low + 1] - anchors[low])


def _volume_m3(vertices_m: NDArray[np.floating], faces: NDArray[np.integer]) -> float:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (vertices_m[faces[:, corner]].T for corner in range(3))
    return abs(float(np.sum(ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)))) / 6.0


def _bmi_at_height(vertices_m: NDArray[np.floating], faces: NDArray[np.integer], height_m: float) -> float:
    """Body mass index of the shape once it is scaled to that height."""
    scale = height_m / float(np.ptp(vertices_m[:, 2]))
    return _DENSITY_KG_M3 * _volume_m3(vertices_m, faces) * scale**3 / height_m**2


def _of_height_and_bmi(
    vertices_m: NDArray[np.floating],
    joints_m: NDArray[np.floating],
    faces: NDArray[np.integer],
    kept: NDArray[np.int64],
    plan: BodyPlan,
) -> ShapedBody:
    """Finds the weight by bisection; the body mass index rises with it."""
    low, high = _WEIGHT_RANGE
    for _ in range(9):
        middle = (low + high) / 2.0
        lighter = _bmi_at_height(_at_weight(vertices_m, middle), faces, plan.height_m) < plan.bmi
        low, high = (middle, high) if lighter else (low, middle)
    shape = _at_weight(vertices_m, (low + high) / 2.0)
    scale = plan.height_m / float(np.ptp(shape[:, 2]))
    joints = _at_weight(joints_m, (low + high) / 2.0)
    return ShapedBody(
        (shape[kept] * scale).astype(np.float32),
        (joints * scale).astype(np.float32),
        plan.height_m,
        _bmi_at_height(shape, faces, plan.height_m),
    )


def _anny_name(bone: str) -> str:
    if bone[:2] in ("l_", "r_"):
        return f"{_FIRST_BONE[bone[2:]]}.{bone[0].upper()}"
    return _FIRST_BONE[bone]


def _chain(names: list[str], parents: list[int], index: int) -> list[str]:
    chain = []
    while index >= 0:
        chain.append(names[index])
        index = parents[index]
    return chain


def _weights(model: Any, of_bone: NDArray) -> NDArray[np.float32]:
    indices = model.vertex_bone_indices.numpy()
    values = model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), len(BONES)), np.float32)
    rows = np.broadcast_to(np.arange(len(indices))[:, None], indices.shape)
    np.add.at(weights, (rows, of_bone[indices]), values)
    return weights / weights.sum(1, keepdims=True)


def build_body_bank(
    n_bodies: int,
    seed: int,
    cache: Path,
    progress: Progress = ignore_progress,
    cancelled: Cancelled = never_cancelled,
) -> BodyBank:
    """Draws a bank of bodies from `anny`.

    Args:
        n_bodies: how many; sexes alternate.
        seed: the same seed gives the same bank (with the same `anny`).
        cache: folder for `anny`'s cache.
        progress: told after every few bodies.
        cancelled: asked before every few bodies.

    Raises:
        ConfigError: if `anny` is not installed.
        OperationCancelled: if `cancelled` answers yes.
    """
    progress(0.0, "starting anny (100 s the first time)")
    anny_bodies = AnnyBodies.load(cache)
    plans = [plan_body(anny_bodies, seed, number) for number in range(n_bodies)]
    shaped: list[ShapedBody] = []
    for start in range(0, n_bodies, _BATCH):
        raise_if_cancelled(cancelled)
        shaped += anny_bodies.shape(plans[start : start + _BATCH])
        progress(0.95 * len(shaped) / n_bodies, f"body {len(shaped)} of {n_bodies}")
    progress(0.95, "compressing")
    bank = BodyBank.compressed(
        f"anny, {n_bodies} bodies, seed {seed}",
        anny_bodies.faces,
        anny_bodies.weights,
        np.stack([body.vertices_m for body in shaped]),
        np.stack([body.joints_m for body in shaped]),
        np.array([plan.sex for plan in plans]),
        np.array([plan.age_years for plan in plans], np.float32),
        np.array([body.bmi for body in shaped], np.float32),
        np.array([body.height_m for body in shaped], np.float32),
    )
    progress(1.0, "done")
    return bank


def plan_body(anny_bodies: AnnyBodies, seed: int, number: int) -> BodyPlan:
    """Who the body with this number is; it does not depend on the other numbers."""
    # Pairs get the order of the sexes at random, so that no split (a body's number modulo 20) favours one sex.
    first = np.random.default_rng((seed, number // 2, 1)).integers(2)
    sex = ("female", "male")[(number + int(first)) % 2]
    return anny_bodies.plan(np.random.default_rng((seed, number)), sex)
