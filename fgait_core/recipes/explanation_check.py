"""Measures explanations on simulated walkers: how stable they are, how often shown, and what they find of a condition.

A simulated walker with a depression has a twin: the same person, camera and clothes without it. What the condition
changed in a band of the body is known by putting the twin's band in, at the same phase of the gait cycle; an
explanation does not know the twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fgait_core.data.windows import BINARY_ABOVE
from fgait_core.evaluation.tables import Table
from fgait_core.explanation.effects import Effects, correlation, measure_effects, probabilities, windows_of
from fgait_core.explanation.explained import RANDOM_MODEL_ALLOWED, STABILITY_NEEDED
from fgait_core.explanation.occlusion import BANDS
from fgait_core.model_package import ModelPackage, SeenWalk
from fgait_core.progress import Progress, ignore_progress
from fgait_core.sequence import SilhouetteSequence
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.conditions.combined import Conditions, draw_conditions
from fgait_core.simulation.dataset.plan import PersonPlan, SimulationPlan, plan_person
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.picture.camera import view_name
from fgait_core.simulation.walker import Recording, Walker, draw_setup, draw_walker, record

_PERSON, _RECORDING = 20, 21
"""Apart from the numbers that `SimulationPlan` draws people by."""
_FRAMES, _FRAME_RATE_HZ = 100, 25.0
_SHUFFLES = 50


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A simulated walker with what was found of each task.

    Attributes:
        depression: class.
        effects: by task.
        twin: float64 `[band]`, how far the probability of depression falls with the band of the twin; None without.
    """

    depression: str
    effects: dict[str, Effects]
    twin: NDArray[np.float64] | None


def explain_simulated(
    package: ModelPackage, split: str, people: int, seed: int, progress: Progress = ignore_progress
) -> tuple[Explained, ...]:
    """Films and explains simulated people.

    Args:
        package: the one that scores.
        split: "calibration" to fix thresholds on, "test" to measure.
        people: how many.
        seed: of the people.
        progress: told after each.
    """
    plan = SimulationPlan(split, people, 1, _FRAMES, _FRAME_RATE_HZ, seed=seed)
    bodies = BodyBank.packaged()
    found = []
    for number in range(people):
        person = plan_person(plan, bodies, number)
        view, made = _film(plan, bodies, person, healthy=False)
        seen, phase = _seen(made, view), np.mod(made.passage.phase_cycles, 1.0)
        twin = None
        if person.depression == "yes":
            twin = _of_twin(package, seen, phase, _film(plan, bodies, person, healthy=True)[1])
        found.append(Explained(person.depression, measure_effects(package, seen, phase, package.tasks), twin))
        progress((number + 1) / people, "explaining simulated walkers")
    return tuple(found)


def stability_table(found: Sequence[Explained], tasks: Sequence[str]) -> Table:
    """Quantiles of the two checks, of what chance gives, and the share that passes."""
    rows = []
    for task in tasks:
        effects = [each.effects[task] for each in found]
        stability = np.array([each.stability for each in effects])
        random = np.array([each.likeness_to_random for each in effects])
        of_phases = np.array([each.stability_of_phases for each in effects if each.phases.shape[1]])
        shown = (stability >= STABILITY_NEEDED) & (random <= RANDOM_MODEL_ALLOWED)
        chance, shuffled = _between_people(effects), _shuffled(effects)
        rows += [
            (task, "stability of bands", *np.quantile(stability, _QUANTILES).tolist()),
            (task, "the same between different people", *np.quantile(chance, _QUANTILES).tolist()),
            (task, "stability of phases", *np.quantile(of_phases, _QUANTILES).tolist()),
            (task, "likeness to a random network", *np.quantile(random, _QUANTILES).tolist()),
            (task, "the same with shuffled bands", *np.quantile(shuffled, _QUANTILES).tolist()),
            (task, "share shown", None, float(shown.mean()), None, None),
        ]
    header = ("task", "what", "quarter", "half", "three quarters", "95 %")
    return Table("explanation_checks", f"Checks of explanations, {len(found)} simulated people", header, tuple(rows))


def condition_table(found: Sequence[Explained]) -> Table:
    """Mean effects of bands on the score of depression, with the condition and without, and those of the twins."""
    effects = np.stack([each.effects["depression"].bands.mean(0) for each in found])
    ill = np.array([each.depression == "yes" for each in found])
    twins = np.stack([each.twin for each in found if each.twin is not None])
    agreement = correlation(effects[ill].ravel(), twins.ravel())
    rows = [
        (name, float(effects[ill, place].mean()), float(effects[~ill, place].mean()), float(twins[:, place].mean()))
        for place, name in enumerate(BANDS)
    ]
    title = f"Depression: mean effect of each band; {ill.sum()} people with it, {(~ill).sum()} without; "
    title += f"correlation of effects with those of the twins {agreement:.2f}"
    return Table("explanation_condition", title, ("band", "with", "without", "twins"), tuple(rows))


_QUANTILES = (0.25, 0.5, 0.75, 0.95)


def _film(plan: SimulationPlan, bodies: BodyBank, person: PersonPlan, *, healthy: bool) -> tuple[str, Recording]:
    """The person walks; where `healthy`, without the depression and otherwise the same."""
    walker = _walker(plan, bodies, person, healthy=healthy)
    rng = plan.rng(_RECORDING, person.number)
    setup = draw_setup(walker, rng, duration_s=_FRAMES / _FRAME_RATE_HZ)
    return view_name(setup.camera.view_deg), record(walker, bodies, setup, _FRAMES, _FRAME_RATE_HZ, rng)


def _walker(plan: SimulationPlan, bodies: BodyBank, person: PersonPlan, *, healthy: bool) -> Walker:
    rng = plan.rng(_PERSON, person.number)
    conditions: Conditions = draw_conditions(rng, person.scoliosis, person.depression)
    if healthy:
        conditions = replace(conditions, depression="no", depression_dose=0.0)
    return draw_walker(bodies.body(person.body), conditions, GaitPrior.packaged(), rng)


def _seen(made: Recording, view: str) -> SeenWalk:
    numbers = np.arange(len(made.silhouettes))
    return SeenWalk(SilhouetteSequence(made.silhouettes, numbers / _FRAME_RATE_HZ, numbers), view)


def _of_twin(
    package: ModelPackage, seen: SeenWalk, phase: NDArray[np.float64], twin: Recording
) -> NDArray[np.float64] | None:
    windows = windows_of(package, seen, phase)
    if windows is None:
        return None
    apart = np.abs((windows.phase[..., None] - twin.passage.phase_cycles + 0.5) % 1.0 - 0.5)
    frames = np.where(twin.silhouettes > BINARY_ABOVE, 255, 0).astype(np.uint8)[apart.argmin(-1)][:, None]
    versions = [windows.pictures]
    for first, end in BANDS.values():
        swapped = windows.pictures.copy()
        swapped[..., first:end, :] = frames[..., first:end, :]
        versions.append(swapped)
    said = probabilities(package.network, package.content.tasks, np.stack(versions), seen.view)["depression"]
    return said[0] - said[1:]


def _between_people(effects: Sequence[Effects]) -> NDArray[np.float64]:
    """What stability would be if the versions were of different people."""
    changes = list(combinations(range(len(effects[0].bands)), 2))
    found = [
        float(np.mean([correlation(a.bands[i], b.bands[j]) for i, j in changes])) for a, b in combinations(effects, 2)
    ]
    return np.array(found, np.float64)


def _shuffled(effects: Sequence[Effects]) -> NDArray[np.float64]:
    """Likeness to random networks with the effects given to the bands by chance."""
    rng = np.random.default_rng(0)
    found = []
    for each in effects:
        own = each.bands.mean(0)
        for _ in range(_SHUFFLES):
            by_chance = own[rng.permutation(len(own))]
            found.append(float(np.mean([abs(correlation(by_chance, other)) for other in each.of_random_networks])))
    return np.array(found, np.float64)
