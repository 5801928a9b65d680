"""Adds to a result what moved its scores, and which reference walkers are near."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fgait_core.explanation.effects import Effects, measure_effects
from fgait_core.explanation.nearest import nearest_walkers
from fgait_core.explanation.occlusion import BANDS, PHASES
from fgait_core.gait_parameters.cycles import gait_cycles, phase_of_frames
from fgait_core.gait_parameters.events import GaitEvents
from fgait_core.gait_parameters.times import sure_cycles
from fgait_core.model_package import ModelPackage, SeenWalk
from fgait_core.screening_result import (
    BandEffectFacts,
    ExplanationFacts,
    GaitFacts,
    PhaseEffectFacts,
    ScreeningResult,
)

STABILITY_NEEDED = 0.7
"""More than the effects of two different people agree in 19 of 20 pairs (simulated people of a calibration plan)."""

RANDOM_MODEL_ALLOWED = 0.7
"""What 19 of 20 would stay below if the effects were shared among the bands by chance (the same people)."""

METHOD = (
    "A band of the body is replaced by that of simulated walkers without a condition who look alike elsewhere; a part "
    "of the gait cycle by the frames next to it. The effect is how far the probability falls by that in the leading "
    "recording, mean over three slightly changed versions of it."
)


def explained(package: ModelPackage, result: ScreeningResult, seen: SeenWalk) -> ScreeningResult:
    """The result with explanations of its scores and the nearest reference walkers.

    Args:
        package: the one that scored.
        result: scores and what was measured of the gait.
        seen: the walk of the leading recording.

    Returns:
        A result without either where the network sees more than silhouettes: nothing else can be hidden yet.
    """
    if package.content.transform.modality != "silhouettes":
        return result.model_copy(update={"explanations": (), "references": ()})
    tasks = [score.task for score in result.scores]
    typical = result.typicality is not None and result.typicality.typical
    if not typical:
        return result.model_copy(
            update={"explanations": tuple(_not_shown(task, "unlike") for task in tasks), "references": ()}
        )
    phase = None if result.gait is None else phase_at(seen.sequence.timestamps_s, result.gait)
    effects = measure_effects(package, seen, phase, tasks)
    explanations = tuple(
        _facts(task, effects[task]) if task in effects else _not_shown(task, "too_short") for task in tasks
    )
    return result.model_copy(update={"explanations": explanations, "references": nearest_walkers(package, seen)})


def phase_at(times_s: NDArray[np.float64], gait: GaitFacts) -> NDArray[np.float64]:
    """Share of the left foot's gait cycle at each time of a recording; NaN where no cycle is known.

    The cycles are those that the parameters are measured on; with no stride time none of them can be doubted.
    """
    events = GaitEvents(
        foot=np.array([each.foot for each in gait.events], dtype=np.str_),
        kind=np.array([each.kind for each in gait.events], dtype=np.str_),
        time_s=np.array([each.time_s for each in gait.events], dtype=np.float64),
        detector=gait.event_detector,
    )
    cycles = gait_cycles(events, times_s)
    stride_s = next((each.value for each in gait.parameters if each.name == "stride_time"), None)
    return phase_of_frames(times_s, cycles if stride_s is None else sure_cycles(cycles, stride_s))


def _facts(task: str, effects: Effects) -> ExplanationFacts:
    bands, spread = effects.bands.mean(0), effects.bands.std(0)
    stability, likeness = effects.stability, effects.likeness_to_random
    unstable, like_random = stability < STABILITY_NEEDED, likeness > RANDOM_MODEL_ALLOWED
    return ExplanationFacts(
        task=task,
        shown=not unstable and not like_random,
        why_not="unstable" if unstable else "like_a_random_model" if like_random else "",
        method=METHOD,
        bands=tuple(
            BandEffectFacts(name=name, rows=rows, effect=float(bands[place]), spread=float(spread[place]))
            for place, (name, rows) in enumerate(BANDS.items())
        ),
        phases=_phase_facts(effects) if effects.stability_of_phases >= STABILITY_NEEDED else (),
        stability=stability,
        stability_needed=STABILITY_NEEDED,
        random_model=likeness,
        random_model_allowed=RANDOM_MODEL_ALLOWED,
    )


def _phase_facts(effects: Effects) -> tuple[PhaseEffectFacts, ...]:
    means, spread = effects.phases.mean(0), effects.phases.std(0)
    return tuple(
        PhaseEffectFacts(
            phase=(part / PHASES, (part + 1) / PHASES), effect=float(means[part]), spread=float(spread[part])
        )
        for part in range(PHASES)
    )


def _not_shown(task: str, why_not: str) -> ExplanationFacts:
    return ExplanationFacts(
        task=task,
        shown=False,
        why_not=why_not,
        method=METHOD,
        stability_needed=STABILITY_NEEDED,
        random_model_allowed=RANDOM_MODEL_ALLOWED,
    )
