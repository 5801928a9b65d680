"""A contact sheet of simulated walkers, to be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fgait_core.simulation.bodies import BodyBank
from fgait_core.simulation.dataset import SequenceRow
from fgait_core.simulation.generator import simulate_person
from fgait_core.simulation.plan import SimulationPlan

_ZOOM = 2
_CAPTION_PX = 330
_GREY = (170.0,)


def contact_sheet(plan: SimulationPlan, bank: BodyBank, every: int = 2) -> NDArray[np.uint8]:
    """The recordings of a plan, one a row with a caption: grey uint8 [height, width].

    Args:
        plan: who and how many.
        bank: bodies.
        every: show every so many frames.
    """
    lines = []
    for number in range(plan.people):
        for row, made in simulate_person(plan, bank, number):
            lines.append(np.hstack([_caption(row), *(_cell(frame) for frame in made.silhouettes[::every])]))
    return np.vstack(lines)


def write_contact_sheet(plan: SimulationPlan, bank: BodyBank, out: Path) -> None:
    """Writes the contact sheet of a plan as PNG.

    Raises:
        OSError: if the file cannot be written.
    """
    encoded, data = cv2.imencode(".png", contact_sheet(plan, bank))
    if not encoded:
        raise OSError(f"The picture for {out} could not be encoded.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data.tobytes())


def _cell(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = np.kron(frame, np.ones((_ZOOM, _ZOOM), np.uint8))
    return np.pad(large, 1, constant_values=90)


def _caption(row: SequenceRow) -> NDArray[np.uint8]:
    picture = np.zeros((64 * _ZOOM + 2, _CAPTION_PX), np.uint8)
    lines = (
        f"simulated person {row.person}, body {row.body}",
        f"{row.sex}, {row.age_years:.0f} years, {row.truth['cadence_steps_min']:.0f} steps/min",
        f"scoliosis {row.scoliosis}, Cobb {row.cobb_deg:.0f} ({row.curve} {row.side})",
        f"depression {row.depression}, dose {row.depression_dose:.2f}",
        f"view {row.view_deg:.0f} deg, {row.clothing}",
        f"carrying {row.carrying}, distractor {row.distractor}",
    )
    for number, line in enumerate(lines):
        at = (6, 20 + 19 * number)
        cv2.putText(picture, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _GREY, 1, cv2.LINE_AA)
    return picture
