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

from fgait_core.errors import ConfigError
from fgait_core.progress import Cancelled, Progress, ignore_progress, never_cancelled, raise_if_cancelled
from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.skeleton import BONE_INDEX, BONES

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
    "measure-calf-circ-incr": 0.35,
    "head-scale-vert-incr": 0.25,
    "head-scale-depth-incr": 0.25,
    "head-scale-horiz-incr": 0.25,
    "measure-neck-circ-incr": 0.35,
    "measure-neck-height-incr": 0.35,
    "neck-trans-forward": 0.3,
    "l-upperarm-fat-incr": 0.3,
    "l-lowerarm-fat-incr": 0.25,
    "l-foot-scale-incr": 0.3,
}
"""Standard deviation of each local shape change (-1..1); `l-` changes are applied to both sides."""

_AGE_RANGE_YEARS = (10.0, 82.0)
_GENDER_MEAN = {"female": 0.74, "male": 0.26}
_GENDER_SPREAD = 0.16
"""`anny`'s gender is 0 male to 1 female. The sexes overlap, as in people: a wide spread around two means."""


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


@dataclass(slots=True)
class AnnyBodies:
    """`anny` with our skeleton and a simplified mesh.

    Args:
        n_faces: about how many triangles the simplified mesh has.
        cache: folder for `anny`'s own cache.

    Raises:
        ConfigError: if `anny` is not installed.
    """

    model: Any
    anthropometry: Any
    distribution: Any
    bone_heads: list[int]
    faces: NDArray[np.int32]
    vertex_numbers: NDArray[np.int64]
    weights: NDArray[np.float32]
    _torch: Any
    _rest_pose: Any

    @classmethod
    def load(cls, cache: Path, n_faces: int = 3000) -> AnnyBodies:
        """Starts `anny` (100 s the first time) and simplifies its mesh."""
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
        rest_pose = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
        bodies = cls(
            model,
            anny.Anthropometry(model),
            SimpleShapeDistribution(model),
            [names.index(_anny_name(bone)) for bone in BONES],
            np.zeros((0, 3), np.int32),
            np.zeros(0, np.int64),
            np.zeros((0, len(BONES)), np.float32),
            torch,
            rest_pose,
        )
        of_bone = np.array([BONE_INDEX[bone_of(_chain(names, parents, j))] for j in range(len(names))])
        average = {"gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}
        rest = bodies._rest(average, {})[0]
        full_faces = model.faces.numpy().astype(np.int32)
        points, faces = fast_simplification.simplify(rest, full_faces, target_count=n_faces)[:2]
        nearest = KDTree(rest).query(points)[1]
        bodies.vertex_numbers, inverse = np.unique(nearest, return_inverse=True)
        faces = inverse[faces]
        distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
        bodies.faces = faces[distinct].astype(np.int32)
        bodies.weights = _weights(model, of_bone)[bodies.vertex_numbers]
        return bodies

    def _rest(self, phenotype: dict[str, float], local: dict[str, float]) -> tuple[NDArray, NDArray, dict[str, float]]:
        extra = {"local_changes_kwargs": local} if local else {}
        with self._torch.no_grad():
            out = self.model(pose_parameters=self._rest_pose, phenotype_kwargs=phenotype, **extra)
            measures = {k: float(v[0]) for k, v in self.anthropometry(out["rest_vertices"]).items()}
        mirror = np.array([1.0, -1.0, 1.0], np.float32)
        vertices = (out["rest_vertices"][0].numpy() * mirror).astype(np.float32)
        heads = (out["rest_bone_heads"][0].numpy() * mirror).astype(np.float32)
        return vertices, heads[self.bone_heads], measures

    def draw(self, rng: np.random.Generator, sex: str) -> tuple[NDArray, NDArray, float, dict[str, float]]:
        """One random body: vertices, joints, age in years and measures (`height` in m, `bmi`)."""
        age_years = float(rng.uniform(*_AGE_RANGE_YEARS))
        years = self._torch.tensor([age_years], dtype=self._torch.float32)
        anny_age = self.distribution.morphological_age_mapping.morphological_to_anny_age(years)
        word = "girls" if sex == "female" else "boys"
        phenotype = {"age": float(anny_age[0])}
        for key in ("height", "weight", "muscle", "proportions"):
            shape = getattr(self.distribution, f"{word}_conditional_{key}_distribution").get_torch_distribution(
                anny_age
            )
            drawn = rng.beta(float(shape.concentration1[0]), float(shape.concentration0[0]))
            phenotype[key] = float(np.clip(drawn, 0.02, 0.98))
        phenotype["gender"] = float(np.clip(rng.normal(_GENDER_MEAN[sex], _GENDER_SPREAD), 0.0, 1.0))
        vertices, joints, measures = self._rest(phenotype, self._draw_local(rng))
        return vertices[self.vertex_numbers], joints, age_years, measures

    def _draw_local(self, rng: np.random.Generator) -> dict[str, float]:
        known = set(self.model.local_change_labels)
        local: dict[str, float] = {}
        for name, spread in _LOCAL_SPREAD.items():
            value = float(np.clip(rng.normal(0.0, spread), -0.8, 0.8))
            local[name] = value
            if name.startswith("l-"):
                local["r-" + name[2:]] = value
        return {name: value for name, value in local.items() if name in known}


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
        progress: told after every body.
        cancelled: asked before every body.

    Raises:
        ConfigError: if `anny` is not installed.
    """
    progress(0.0, "starting anny (100 s the first time)")
    anny_bodies = AnnyBodies.load(cache)
    vertices, joints, sexes, ages, measures = [], [], [], [], []
    for number in range(n_bodies):
        raise_if_cancelled(cancelled)
        rng = np.random.default_rng((seed, number))
        # Pairs get the order of the sexes at random, so that no split (a body's number modulo 20) favours one sex.
        first = np.random.default_rng((seed, number // 2, 1)).integers(2)
        sex = ("female", "male")[(number + int(first)) % 2]
        vertex, joint, age_years, measure = anny_bodies.draw(rng, sex)
        vertices.append(vertex.astype(np.float16))
        joints.append(joint)
        sexes.append(sex)
        ages.append(age_years)
        measures.append(measure)
        progress((number + 1) / n_bodies, f"body {number + 1} of {n_bodies}")
    return BodyBank(
        f"anny, {n_bodies} bodies, seed {seed}",
        anny_bodies.faces,
        anny_bodies.weights,
        np.stack(vertices),
        np.stack(joints).astype(np.float32),
        np.array(sexes),
        np.array(ages, np.float32),
        np.array([m["bmi"] for m in measures], np.float32),
        np.array([m["height"] for m in measures], np.float32),
    )
