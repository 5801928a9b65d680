"""Stored results of older versions can still be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from fgait_core.screening_result import ScreeningResult, TypicalityFacts

STORED = Path(__file__).parents[1] / "golden" / "screening_result_1.json"
"""A result as version 0.1.0 wrote it, before it knew of unlike recordings (made by the tests' drawn engine)."""


NEW_SINCE = {"typicality": None, "gait": None, "explanations": [], "references": [], "clips": [], "body_height_m": None}
NEW_SINCE_IN_SCORES = {"fitted_on": None, "clips": 1, "fusion": ""}


def test_a_result_of_the_first_version_loads() -> None:
    content = json.loads(STORED.read_text())
    result = ScreeningResult.model_validate(content)
    assert not NEW_SINCE.keys() & content.keys()
    assert result.typicality is None
    assert result.scores[0].fitted_on is None
    assert result.gait is None
    scores = [score | NEW_SINCE_IN_SCORES for score in content["scores"]]
    assert result.model.adapted_on is None
    model = content["model"] | {"adapted_on": None}
    assert result.to_json() == content | NEW_SINCE | {"scores": scores, "model": model}


def test_typicality_goes_through_json_and_back() -> None:
    facts = TypicalityFacts(
        score=1.5,
        threshold=0.4,
        typical=False,
        reason="Film again.",
        false_alarm_rate=0.05,
        measured_false_alarm_rate=0.06,
        measured_false_alarm_interval=(0.04, 0.08),
    )
    result = ScreeningResult.model_validate(json.loads(STORED.read_text())).model_copy(update={"typicality": facts})
    assert ScreeningResult.model_validate_json(json.dumps(result.to_json())) == result
    with pytest.raises(ValidationError):
        ScreeningResult.model_validate(result.to_json() | {"typicality": {"score": 1.0}})
