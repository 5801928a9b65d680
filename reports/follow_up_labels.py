"""Headings, columns and notes of a follow-up report, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class FollowUpLabels:
    """The words of one language; `{...}` are filled in by the page code."""

    title: str
    visits: str
    period: str
    period_value: str
    versions: str
    scores: str
    scores_note: str
    versions_note: str
    series: str
    trend_alt: str
    no_scores: str
    table: str
    columns: tuple[str, str, str, str]
    visit: str
    rescored: str
    clips: str
    no_decision: str
    no_outcome: str
    refused: str
    changes: str
    changes_note: str
    change_columns: tuple[str, str, str, str, str]
    value_on: str
    beyond: str
    within: str
    unknown: str
    one_visit: str
    trends: str
    trends_note: str
    notes: str
    note_by: str


ENGLISH = FollowUpLabels(
    title="Gait follow-up report",
    visits="Visits",
    period="Period",
    period_value="{first} to {last}, {n} visits",
    versions="Model versions",
    scores="{task}: scores over the visits",
    scores_note=(
        "Each mark is the calibrated probability with its 95\u00a0% interval; hollow where the model could not tell. "
        "Dashed: the threshold of the newest score. Lines join only scores of one model version and one view."
    ),
    versions_note=(
        "Scores of different model versions cannot be compared, and no line joins them. A difference between two "
        "visits may also come from clothing, camera or pace."
    ),
    series="{version}, {view}",
    trend_alt="Scores over the visits: {scores}",
    no_scores="No visit has a score for this condition.",
    table="Results, decisions and outcomes",
    columns=("Visit", "Result", "Decision", "Confirmed outcome"),
    visit="{date}, {view}; {version}",
    rescored="scored again with this version",
    clips="{n} recordings",
    no_decision="none yet",
    no_outcome="none yet",
    refused="The recording was not scored.",
    changes="Change of gait parameters",
    changes_note=(
        "The newest visit against the last one before that was filmed from the same side. A change that is not larger "
        "than the detectable change may be measurement error alone (95\u00a0%). No change proves a cause."
    ),
    change_columns=("Parameter", "Before", "Now", "Change", "Detectable change"),
    value_on="{value} ({date})",
    beyond="{change}: more than measurement error",
    within="{change}: may be measurement error",
    unknown="{change}: measurement error not known",
    one_visit="There are no two visits from the same side whose gait was measured, so that there is no change to show.",
    trends="Gait parameters over the visits",
    trends_note="Lines join only visits filmed from the same side. Shaded: mean \u00b1 2 SD of the norm.",
    notes="Notes",
    note_by="{moment}, {name}",
)

FOLLOW_UP_LABELS: Mapping[str, FollowUpLabels] = in_each_language(ENGLISH)
