"""A bank of reduced bodies: what `fgait simulate bodies` writes and the generator walks with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgait_core.errors import ConfigError
from fgait_core.simulation.skeleton import BONE_INDEX, BONES

SPLITS: tuple[str, ...] = ("train", "calibration", "test")
_SPLIT_OF_TWENTY = "t" * 11 + "c" * 4 + "e" * 5
"""Which split the bodies 0..19 (and so on, modulo 20) belong to: 55 % train, 20 % calibration, 25 % test."""


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
    """Bodies that share one mesh.

    Attributes:
        name: where it came from; goes into the manifest of a data set.
        faces: int32 [face, 3], vertex numbers, outward side counter-clockwise in the frame of `skeleton` mirrored in x.
        weights: float32 [vertex, bone], skinning weights; rows sum to 1.
        vertices_m: float16 [body, vertex, 3].
        joints_m: float32 [body, bone, 3].
        sex: str [body], "female" or "male".
        age_years, bmi, height_m: float32 [body].
    """

    name: str
    faces: NDArray[np.int32]
    weights: NDArray[np.float32]
    vertices_m: NDArray[np.float16]
    joints_m: NDArray[np.float32]
    sex: NDArray[np.str_]
    age_years: NDArray[np.float32]
    bmi: NDArray[np.float32]
    height_m: NDArray[np.float32]

    def __post_init__(self) -> None:
        bodies, vertices = self.vertices_m.shape[:2]
        if self.weights.shape != (vertices, len(BONES)) or self.joints_m.shape != (bodies, len(BONES), 3):
            raise ConfigError(
                "This body bank does not fit its own mesh or the skeleton of this version. "
                "Build it again with `fgait simulate bodies`."
            )

    def __len__(self) -> int:
        return len(self.vertices_m)

    def body(self, index: int) -> Body:
        """The body with this number."""
        return Body(
            self.vertices_m[index].astype(np.float32),
            self.joints_m[index],
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
        chosen = np.array([_SPLIT_OF_TWENTY[n % len(_SPLIT_OF_TWENTY)] == letter for n in numbers], bool)
        return numbers[chosen]

    def save(self, path: Path) -> None:
        """Writes the bank as one npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                name=np.str_(self.name),
                bones=np.array(BONES),
                faces=self.faces.astype(np.uint16),
                weights=self.weights.astype(np.float16),
                vertices_m=self.vertices_m,
                joints_m=self.joints_m.astype(np.float32),
                sex=self.sex,
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
                weights = stored["weights"].astype(np.float32)
                return cls(
                    str(stored["name"]),
                    stored["faces"].astype(np.int32),
                    weights / weights.sum(1, keepdims=True),
                    stored["vertices_m"],
                    stored["joints_m"],
                    stored["sex"],
                    stored["age_years"],
                    stored["bmi"],
                    stored["height_m"],
                )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"{path} is no body bank: {error}. Build one with `fgait simulate bodies --out {path}`."
            ) from error

    @classmethod
    def packaged(cls) -> BodyBank:
        """The small bank that travels with the package, for tests and previews."""
        with resources.as_file(resources.files("fgait_core.simulation") / "small_body_bank.npz") as path:
            return cls.load(path)
