"""Makes the bank of reference walkers: simulated people, each filmed once, of every class and from every side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.explanation.reference_bank import FRAME_RATE_HZ, FRAMES, ReferenceBank
from fgait_core.package_content import VIEWS
from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.dataset.plan import SimulationPlan, draw_planned_walker, plan_person
from fgait_core.simulation.walker import Wanted, draw_setup, record

PEOPLE = 240
_SEED = 2
_RECORDING = 9
"""Apart from the numbers that `SimulationPlan` draws people by."""
_EVERY = 2
_CLASSES = 6
"""So many people in a row have each combination of classes once."""
_ANGLES_DEG = {"front": (0.0,), "oblique": (45.0, 135.0, 225.0, 315.0), "side": (90.0, 270.0), "back": (180.0,)}
_ANGLE_SCATTER_DEG = 6.0


def make_reference_walkers(out: Path, people: int = PEOPLE, progress: Progress = ignore_progress) -> ReferenceBank:
    """Simulates people with bodies of the training split and writes a stride of each, as segmented.

    Args:
        out: file to write.
        people: how many; a multiple of 24 has every class equally often in every view.
        progress: told after each person.
    """
    bodies = BodyBank.packaged()
    frame_rate_hz = FRAME_RATE_HZ * _EVERY
    plan = SimulationPlan("train", people, 1, FRAMES * _EVERY, frame_rate_hz, seed=_SEED)
    columns: dict[str, list] = {name: [] for name in ReferenceBank.__dataclass_fields__}
    for number in range(people):
        person = plan_person(plan, bodies, number)
        walker = draw_planned_walker(plan, bodies, person)
        view = VIEWS[number // _CLASSES % len(VIEWS)]
        rng = plan.rng(_RECORDING, number)
        angle_deg = float(rng.choice(_ANGLES_DEG[view]) + np.clip(rng.normal(0.0, _ANGLE_SCATTER_DEG), -20, 20)) % 360
        setup = draw_setup(walker, rng, Wanted(view_deg=angle_deg, plain=True), FRAMES / FRAME_RATE_HZ)
        made = record(walker, bodies, setup, plan.frames, frame_rate_hz, rng)
        row = {
            "ids": f"r{number:03d}",
            "packed": np.packbits(made.silhouettes[::_EVERY].reshape(FRAMES, -1) > BINARY_ABOVE, axis=-1),
            "view": view,
            "sex": walker.body.sex,
            "age_years": round(walker.body.age_years, 1),
            "scoliosis": person.scoliosis,
            "depression": person.depression,
            "cobb_deg": round(walker.conditions.cobb_deg, 1),
            "depression_dose": round(walker.conditions.depression_dose, 3),
        }
        for name, value in row.items():
            columns[name].append(value)
        progress((number + 1) / people, "filming reference walkers")
    made_bank = ReferenceBank(**{name: np.array(values) for name, values in columns.items()})
    made_bank.save(out)
    return made_bank
