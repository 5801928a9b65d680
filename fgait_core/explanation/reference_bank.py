"""The reference walkers that come with the software: simulated people, a stride of silhouettes each.

No network is loaded here, so that pages can show their pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence

PACKAGED = Path(__file__).with_name("reference_walkers.npz")
FRAME_RATE_HZ = 12.5
FRAMES = 12
_PICTURES = 6
"""Silhouettes side by side in the picture of a walker."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceBank:
    """Simulated walkers, one entry of each array for each of them.

    Attributes:
        ids: "r000", "r001" ...
        packed: uint8 `[walker, frame, 352]`, silhouettes of 64 x 44 pixels, eight to a byte.
        view: "front", "oblique", "side" or "back".
        sex: "female" or "male".
        age_years: of the person.
        scoliosis, depression: classes.
        cobb_deg: the true Cobb angle.
        depression_dose: 0 nothing, 1 a typical major depression.
    """

    ids: NDArray[np.str_]
    packed: NDArray[np.uint8]
    view: NDArray[np.str_]
    sex: NDArray[np.str_]
    age_years: NDArray[np.float64]
    scoliosis: NDArray[np.str_]
    depression: NDArray[np.str_]
    cobb_deg: NDArray[np.float64]
    depression_dose: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def frames(self, place: int) -> NDArray[np.uint8]:
        """Silhouettes of a walker, uint8 `[frame, 64, 44]`, 0 or 255."""
        bits = np.unpackbits(self.packed[place], axis=-1)
        return bits.reshape(-1, HEIGHT_PX, WIDTH_PX) * np.uint8(255)

    def sequence(self, place: int) -> SilhouetteSequence:
        """The same as a recording."""
        frames = self.frames(place)
        numbers = np.arange(len(frames))
        return SilhouetteSequence(frames, numbers / FRAME_RATE_HZ, numbers)

    def healthy_frames(self, view: str | None) -> NDArray[np.uint8]:
        """All frames of the walkers without a condition: uint8 `[frame, 64, 44]`, 0 or 255.

        Args:
            view: of the walkers; all of them with None or a view that nobody was filmed from.
        """
        healthy = (self.scoliosis == "negative") & (self.depression == "no")
        same_view = healthy & (self.view == view)
        places = np.flatnonzero(same_view if same_view.any() else healthy).tolist()
        return np.concatenate([self.frames(place) for place in places])

    def save(self, file: Path) -> None:
        """Writes what `load` reads."""
        with file.open("wb") as out:
            np.savez_compressed(out, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, file: Path = PACKAGED) -> ReferenceBank:
        """Reads a bank; without a name that of the software."""
        with np.load(file, allow_pickle=False) as stored:
            return cls(**{field.name: stored[field.name] for field in fields(cls)})


@lru_cache(maxsize=1)
def packaged_bank() -> ReferenceBank:
    """The bank of the software, read once."""
    return ReferenceBank.load()


def reference_picture(reference_id: str) -> NDArray[np.uint8]:
    """Some silhouettes of a reference walker side by side: uint8 `[64, 264]`, 0 or 255.

    Raises:
        KeyError: if there is no such walker.
    """
    bank = packaged_bank()
    places = np.flatnonzero(bank.ids == reference_id)
    if len(places) == 0:
        raise KeyError(reference_id)
    frames = bank.frames(int(places[0]))
    shown = frames[np.linspace(0, len(frames) - 1, _PICTURES).round().astype(np.int64)]
    return np.concatenate(list(shown), axis=1)
