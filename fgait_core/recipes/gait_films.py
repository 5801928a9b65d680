"""A small file of the landmarks that were found in simulated films: tables and tests of gait need no video."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from fgait_core.errors import ConfigError
from fgait_core.recipes.gait_truth import DURATION_S, FILM_SIZE, FRAME_RATE_HZ, FilmKey, GaitFilm
from fgait_core.sequence import HEIGHT_PX, WIDTH_PX, SilhouetteSequence
from fgait_core.silhouettes.segmenter import N_LANDMARKS
from fgait_core.silhouettes.video import VideoInfo
from fgait_core.silhouettes.walk import Walk

KEPT_LANDMARKS = (0, 7, 8, *range(11, 17), *range(23, 33))
"""Nose, ears, shoulders, elbows, wrists, hips, knees, ankles, heels, toes; the others come back as zeros."""

_STEPS = {
    "landmarks_px": 0.5,
    "world_m": 0.002,
    "visibility": 0.04,
    "boxes_px": 0.25,
    "centres_px": 0.25,
    "camera_px": 0.25,
    "scales_px_per_m": 0.05,
}
"""What is lost: values are stored in these steps."""
_FACTS = (
    "body_height_px", "sharpness", "camera_motion", "followed_frames", "border_frames", "hidden_frames",
    "person_number",
)  # fmt: skip
_VIDEO = VideoInfo(
    FILM_SIZE.width_px, FILM_SIZE.height_px, FRAME_RATE_HZ, DURATION_S, round(FRAME_RATE_HZ * DURATION_S),
    "h264", "mp4/mov", 0, False,
)  # fmt: skip


def save_films(path: Path, films: Iterable[GaitFilm]) -> None:
    """Writes the landmarks of films; silhouettes are left out.

    Args:
        path: .npz file to write.
        films: of `film_walks`.
    """
    arrays: dict[str, Any] = {}
    listed = []
    for number, film in enumerate(films):
        walk = film.walk
        arrays[f"{number}_frames"] = walk.sequence.source_frames.astype(np.int16)
        for name, step in _STEPS.items():
            values = getattr(walk, name)
            values = values[:, list(KEPT_LANDMARKS)] if values.shape[1:2] == (N_LANDMARKS,) else values
            whole = np.rint(values.astype(np.float64) / step).astype(np.int16)
            # Differences from frame to frame are small numbers, which pack well.
            arrays[f"{number}_{name}"] = np.diff(whole, axis=0, prepend=whole[:1] * 0)
        listed.append({"key": [film.key.person, film.key.view, film.key.take], **{n: getattr(walk, n) for n in _FACTS}})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        np.savez_compressed(out, films=np.array(json.dumps(listed)), **arrays)


def load_films(path: Path) -> tuple[GaitFilm, ...]:
    """Reads what `save_films` wrote.

    Raises:
        ConfigError: if it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            listed = json.loads(str(file["films"]))
            return tuple(_film(file, number, facts) for number, facts in enumerate(listed))
    except (OSError, EOFError, BadZipFile, KeyError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path.name} holds no landmarks of simulated films. Make such a file with `fgait gait-films`."
        ) from error


def _film(file: Any, number: int, facts: dict[str, Any]) -> GaitFilm:
    frames = file[f"{number}_frames"].astype(np.int64)
    arrays = {}
    for name, step in _STEPS.items():
        values = np.cumsum(file[f"{number}_{name}"], axis=0, dtype=np.int64).astype(np.float32) * np.float32(step)
        if values.shape[1:2] == (len(KEPT_LANDMARKS),):
            whole = np.zeros((len(values), N_LANDMARKS, *values.shape[2:]), np.float32)
            whole[:, list(KEPT_LANDMARKS)] = values
            values = whole
        arrays[name] = values
    silhouettes = np.zeros((len(frames), HEIGHT_PX, WIDTH_PX), np.uint8)
    sequence = SilhouetteSequence(silhouettes, frames / FRAME_RATE_HZ, frames)
    walk = Walk(sequence=sequence, video=_VIDEO, **arrays, **{name: facts[name] for name in _FACTS})
    person, view, take = facts["key"]
    return GaitFilm(FilmKey(person, view, take), walk)
