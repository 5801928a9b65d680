"""From the JSON of an assessment to one visit of a follow-up report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.services.report_content import model_block, score_blocks
from app.services.report_gait_content import gait_block
from reports.follow_up_content import VisitBlock
from reports.record_blocks import DecisionBlock, OutcomeLine


def visit_block(
    result_json: Mapping[str, Any],
    *,
    on: date,
    decisions: Sequence[DecisionBlock] = (),
    outcomes: Sequence[OutcomeLine] = (),
    rescored: bool = False,
    language: str = "en",
) -> VisitBlock:
    """One assessment as a visit.

    Args:
        result_json: what `GaitAssessment.to_json` gave, as stored.
        on: day of the recording, or of the assessment where nobody knows it.
        decisions, outcomes: of this assessment, the present ones.
        rescored: whether an older recording was scored again.
        language: key of the wording.

    Raises:
        ValueError: if the result holds values that cannot be true.
    """
    return VisitBlock(
        on=on,
        model=model_block(result_json, language),
        view=result_json["quality"]["view"],
        scores=score_blocks(result_json, language),
        gait=gait_block(result_json),
        decisions=tuple(decisions),
        outcomes=tuple(outcomes),
        rescored=rescored,
        clips=sum(not clip["refused"] for clip in result_json.get("clips", ())) or 1,
    )
