"""A bank of reduced bodies: what `fgait simulate bodies` writes and the generator walks with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.bodies.skeleton import BONE_INDEX, BONES

SPLITS: tuple[str, ...] = ("train", "calibration", "test")
_SPLIT_OF_TWENTY = "t" * 11 + "c" * 4 + "e" * 5
"""Which split the bodies 0..19 (and so on, modulo 20) belong to: 55 % train, 20 % calibration, 25 % test."""

_WEIGHT_UNITS = 32768
_LARGEST_INTEGER = 32767
_LARGEST_ERROR_M = 0.001
_MOST_COMPONENTS = 250
_SAMPLE = 2500


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One person's reduced body at rest.

    Attributes:
        vertices_m: float32 [vertex, 3], see `skeleton` for the axes.
        joints_m: float32 [bone, 3], where each bone begins.
        sex: "female" or "male".
        age_years: age.
        bmi: body mass index, kg/m².
        height_m: standing height.
    """

    vertices_m: NDArray[np.float32]
    joints_m: NDArray[np.float32]
    sex: str
    age_years: float
    bmi: float
    height_m: float

    @property
    def leg_m(self) -> float:
        """Height of the hip over the ankle."""
        return float(self.joints_m[BONE_INDEX["l_thigh"], 2] - self.joints_m[BONE_INDEX["l_foot"], 2])


@dataclass(frozen=True, slots=True, eq=False)
class BodyBank:
    """Bodies that share one mesh, stored as a mean and principal components.

    All numbers are integers of 16 bits, whose products and sums are exact in float64: a body comes out the same
    on every machine.

    Attributes:
        name: where it came from; goes into the manifest of a data set.
        faces: int32 [face, 3], vertex numbers, outward side counter-clockwise in the frame of `skeleton` mirrored in x.
        weights: float32 [vertex, bone], skinning weights in steps of 1/32768; rows sum to 1.
        mean_m: float32 [vertex + bone, 3], the mean body's vertices, then its joints.
        components: float64 [component, (vertex + bone) * 3], whole numbers of 16 bits.
        codes: int16 [body, component].
        step_m: what one unit of code times component is worth.
        sex: str [body], "female" or "male".
        age_years, bmi, height_m: float32 [body].
    """

    name: str
    faces: NDArray[np.int32]
    weights: NDArray[np.float32]
    mean_m: NDArray[np.float32]
    components: NDArray[np.float64]
    codes: NDArray[np.int16]
    step_m: float
    sex: NDArray[np.str_]
    age_years: NDArray[np.float32]
    bmi: NDArray[np.float32]
    height_m: NDArray[np.float32]

    def __post_init__(self) -> None:
        points = len(self.weights) + len(BONES)
        if (
            self.weights.shape[1:] != (len(BONES),)
            or self.mean_m.shape != (points, 3)
            or self.components.shape != (self.codes.shape[1], points * 3)
        ):
            raise ConfigError(
                "This body bank does not fit its own mesh or the skeleton of this version. "
                "Build it again with `fgait simulate bodies`."
            )

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def vertex_count(self) -> int:
        """Vertices of each body."""
        return len(self.weights)

    def body(self, index: int) -> Body:
        """The body with this number."""
        offsets = np.einsum("k,kp->p", self.codes[index].astype(np.float64), self.components)
        points = (self.mean_m + (offsets * self.step_m).reshape(-1, 3)).astype(np.float32)
        return Body(
            points[: self.vertex_count],
            points[self.vertex_count :],
            str(self.sex[index]),
            float(self.age_years[index]),
            float(self.bmi[index]),
            float(self.height_m[index]),
        )

    def of_split(self, split: str) -> NDArray[np.int64]:
        """Numbers of the bodies that belong to one split; a body belongs to exactly one.

        Raises:
            ConfigError: if there is no such split.
        """
        if split not in SPLITS:
            raise ConfigError(f"There is no split {split!r}. Choose one of: {', '.join(SPLITS)}.")
        letter = {"train": "t", "calibration": "c", "test": "e"}[split]
        numbers = np.arange(len(self))
        return numbers[np.array(list(_SPLIT_OF_TWENTY))[numbers % len(_SPLIT_OF_TWENTY)] == letter]

    @classmethod
    def compressed(
        cls,
        name: str,
        faces: NDArray[np.int32],
        weights: NDArray[np.floating],
        vertices_m: NDArray[np.floating],
        joints_m: NDArray[np.floating],
        sex: NDArray[np.str_],
        age_years: NDArray[np.float32],
        bmi: NDArray[np.float32],
        height_m: NDArray[np.float32],
    ) -> BodyBank:
        """A bank of bodies given in full.

        Args:
            name, faces, sex, age_years, bmi, height_m: as in the bank.
            weights: [vertex, bone], any positive scale of each row.
            vertices_m: [body, vertex, 3].
            joints_m: [body, bone, 3].
        """
        points = np.concatenate([vertices_m, joints_m], 1).reshape(len(vertices_m), -1)
        mean_m = points.mean(0, dtype=np.float64).astype(np.float32)
        components, codes, step_m = _principal_components(points - mean_m)
        return cls(
            name,
            faces,
            _exact_weights(weights),
            mean_m.reshape(-1, 3),
            components,
            codes,
            step_m,
            sex,
            age_years,
            bmi,
            height_m,
        )

    def save(self, path: Path) -> None:
        """Writes the bank as one npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                name=np.str_(self.name),
                bones=np.array(BONES),
                faces=self.faces.astype(np.uint16),
                weights=np.round(self.weights * _WEIGHT_UNITS).astype(np.uint16),
                mean_m=self.mean_m,
                components=self.components.astype(np.int16),
                codes=self.codes,
                step_m=np.float64(self.step_m),
                male=self.sex == "male",
                age_years=self.age_years.astype(np.float32),
                bmi=self.bmi.astype(np.float32),
                height_m=self.height_m.astype(np.float32),
            )

    @classmethod
    def load(cls, path: Path) -> BodyBank:
        """Reads what `save` wrote.

        Raises:
            ConfigError: if the file is missing or no such bank.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                if tuple(stored["bones"]) != BONES:
                    raise ConfigError(f"{path} was built for another skeleton. Build it again.")
                return cls(
                    str(stored["name"]),
                    stored["faces"].astype(np.int32),
                    stored["weights"].astype(np.float32) / np.float32(_WEIGHT_UNITS),
                    stored["mean_m"],
                    stored["components"].astype(np.float64),
                    stored["codes"],
                    float(stored["step_m"]),
                    np.where(stored["male"], "male", "female"),
                    stored["age_years"],
                    stored["bmi"],
                    stored["height_m"],
                )
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise ConfigError(
                f"{path} is {'no body bank of this version' if path.is_file() else 'no file'}. Build a body bank with "
                "`fgait simulate bodies`, or leave the choice out to use the package's."
            ) from error

    @classmethod
    def packaged(cls) -> BodyBank:
        """The bank that travels with the package."""
        with resources.as_file(resources.files("fgait_core.simulation.bodies") / "bank.npz") as path:
            return cls.load(path)


def _exact_weights(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows in whole steps that sum to exactly 1; the heaviest bone takes what rounding leaves over."""
    units = np.floor(weights / weights.sum(1, keepdims=True) * _WEIGHT_UNITS)
    units[np.arange(len(units)), units.argmax(1)] += _WEIGHT_UNITS - units.sum(1)
    return (units / _WEIGHT_UNITS).astype(np.float32)


def _principal_components(
    offsets_m: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.int16], float]:
    """Components and codes in whole steps, and the product of the steps.

    The components come from the first `_SAMPLE` bodies (their order is random), as many as keep every coordinate of
    every body within `_LARGEST_ERROR_M`, at most `_MOST_COMPONENTS`.
    """
    sample = offsets_m[:_SAMPLE].astype(np.float64)
    values, vectors = np.linalg.eigh(sample @ sample.T)
    order = np.argsort(values)[::-1][:_MOST_COMPONENTS]
    order = order[values[order] > 1e-9 * values.max()]
    directions = (vectors[:, order] / np.sqrt(values[order])).T @ sample
    codes = offsets_m @ directions.T
    count = _components_needed(offsets_m, directions, codes)
    unit, code_unit = np.abs(directions).max() / _LARGEST_INTEGER, np.abs(codes).max() / _LARGEST_INTEGER
    return (
        np.round(directions[:count] / unit),
        np.round(codes[:, :count] / code_unit).astype(np.int16),
        float(unit * code_unit),
    )


def _components_needed(
    offsets_m: NDArray[np.floating], directions: NDArray[np.floating], codes: NDArray[np.floating]
) -> int:
    low, high = 1, len(directions)
    while low < high:
        middle = (low + high) // 2
        error = np.abs(offsets_m - codes[:, :middle] @ directions[:middle]).max()
        low, high = (low, middle) if error < _LARGEST_ERROR_M else (middle + 1, high)
    return low
