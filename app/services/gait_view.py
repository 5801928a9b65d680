"""What was measured of a walk beside its scores, read from a stored result and put beside norms and earlier visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fgait_core.screening_result import (
    ClipFacts,
    ExplanationFacts,
    GaitFacts,
    GaitParameterFacts,
    NormFacts,
    ReferenceWalkerFacts,
)

Json = Mapping[str, Any]
NORM_SDS = 2.0
"""Healthy people lie within the mean and this many standard deviations, about 95 of 100."""


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter in two recordings of a person.

    Attributes:
        now, before: as measured.
        difference: now minus before; None where they cannot be compared.
        why_not: "" if comparable, else "missing" (one of them has no value) or "view" (filmed from different sides).
        beyond_error: whether the difference is more than measurement error; None where that is not known.
    """

    now: GaitParameterFacts
    before: GaitParameterFacts
    difference: float | None
    why_not: Literal["", "missing", "view"]
    beyond_error: bool | None


def gait_of(result: Json, position: int | None = None) -> GaitFacts | None:
    """What was measured of a walk; None in results of versions that measured nothing.

    Args:
        result: as stored.
        position: which recording of an assessment of several, in their order; None: the leading one.
    """
    facts = facts_of(result, position).get("gait")
    return None if facts is None else GaitFacts.model_validate(facts)


def facts_of(result: Json, position: int | None) -> Json:
    """The part of a result that speaks of one of its recordings; None: of the leading one."""
    clips = result.get("clips") or ()
    return result if position is None or position >= len(clips) else clips[position]


def leading_position(result: Json) -> int:
    """Which recording of an assessment the result itself speaks of, in their order."""
    for position, clip in enumerate(result.get("clips") or ()):
        if not clip["refused"] and clip["recording"]["sha256"] == result["recording"]["sha256"]:
            return position
    return 0


def clips_of(result: Json) -> tuple[ClipFacts, ...]:
    """The recordings of an assessment of several, in their order; empty for an assessment of one."""
    return tuple(ClipFacts.model_validate(clip) for clip in result.get("clips") or ())


def explanations_of(result: Json) -> dict[str, ExplanationFacts]:
    """What moved each score, by task; empty in results of versions that explained nothing."""
    found = (ExplanationFacts.model_validate(facts) for facts in result.get("explanations") or ())
    return {facts.task: facts for facts in found}


def references_of(result: Json) -> tuple[ReferenceWalkerFacts, ...]:
    """The simulated walkers that are most like this one, the nearest first."""
    found = (ReferenceWalkerFacts.model_validate(facts) for facts in result.get("references") or ())
    return tuple(sorted(found, key=lambda walker: -walker.similarity))


def norm_limits(norm: NormFacts) -> tuple[float, float]:
    """Between which values about 95 of 100 healthy people lie."""
    return norm.mean - NORM_SDS * norm.sd, norm.mean + NORM_SDS * norm.sd


def against_norm(parameter: GaitParameterFacts) -> Literal["", "within", "above", "below"]:
    """Where a value lies against healthy people; "" where there is no value or no norm."""
    if parameter.value is None or parameter.norm is None:
        return ""
    low, high = norm_limits(parameter.norm)
    if parameter.value > high:
        return "above"
    return "below" if parameter.value < low else "within"


def outside_norm(parameters: Sequence[GaitParameterFacts]) -> tuple[GaitParameterFacts, ...]:
    """Those that healthy people seldom show, the most unusual first."""
    outside = [each for each in parameters if against_norm(each) in {"above", "below"}]
    return tuple(sorted(outside, key=lambda each: -_distance_sd(each)))


def _distance_sd(parameter: GaitParameterFacts) -> float:
    norm = parameter.norm
    if parameter.value is None or norm is None or norm.sd <= 0:
        return 0.0
    return abs(parameter.value - norm.mean) / norm.sd


def changes(now: GaitFacts, before: GaitFacts) -> tuple[Change, ...]:
    """How the parameters of one person changed, in the order of `now`.

    The minimal detectable change holds for two recordings from the same side; nothing is said of others.
    """
    earlier = {parameter.name: parameter for parameter in before.parameters}
    same_view = now.view == before.view
    return tuple(
        _change(parameter, earlier[parameter.name], same_view)
        for parameter in now.parameters
        if parameter.name in earlier
    )


def _change(now: GaitParameterFacts, before: GaitParameterFacts, same_view: bool) -> Change:
    if now.value is None or before.value is None:
        return Change(now, before, None, "missing", None)
    if not same_view:
        return Change(now, before, None, "view", None)
    difference, detectable = now.value - before.value, now.minimal_detectable_change
    return Change(now, before, difference, "", None if detectable is None else abs(difference) > detectable)
