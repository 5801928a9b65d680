"""Headings, columns and notes of the pages on explanation and gait, by language; names are in `gait_words`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class GaitLabels:
    """The words of one language; `{...}` are filled in by the page code."""

    explanation: str
    explanation_note: str
    explanation_caption: str
    effect_axis: str
    phases_caption: str
    explanation_checks: str
    band_alt: str
    phase_alt: str
    references: str
    references_note: str
    reference_columns: tuple[str, str, str, str]
    reference_person: str
    parameters: str
    parameters_note: str
    parameters_columns: tuple[str, str, str, str, str]
    value_with_error: str
    norm_range: str
    norm_none: str
    outside: str
    source_line: str
    norm_simulated: str
    not_measured_old: str
    left_out: str
    curves: str
    curves_note: str
    curves_without_norm: str
    curve_title: str
    curve_alt: str
    cycle_axis: str
    detector: str


ENGLISH = GaitLabels(
    explanation="{task}: what moved the score",
    explanation_note=(
        "Parts of the body and moments of the gait cycle were hidden from the network one after another, and the "
        "change of the probability was measured. This says what moved the number, not why the patient walks so."
    ),
    explanation_caption="How much the probability falls when a part of the body is hidden",
    effect_axis="percentage points",
    phases_caption="The same for parts of the gait cycle",
    explanation_checks=(
        "Shown because it passed two checks: under small changes of the recording the effects stayed the same "
        "(correlation {stability}, at least {needed} is asked for), and a network of random weights gives others "
        "(correlation {random}, at most {allowed} is allowed)."
    ),
    band_alt="Effect of hiding, in percentage points: {effects}",
    phase_alt="Effect of hiding parts of the gait cycle, in percentage points: {effects}",
    references="Nearest reference walkers",
    references_note=(
        "These walkers are simulated; nobody like them exists. Their silhouettes are near to those of this recording "
        "in the eyes of the network. Being near does not mean having the same condition."
    ),
    reference_columns=("Simulated walker", "Likeness", "View", "Simulated with"),
    reference_person="{sex}, {age} years",
    parameters="Gait parameters",
    parameters_note=(
        "Measured from landmarks of the body in the video, beside the score and not part of it: a value outside of its "
        "norm neither explains the score nor proves a disease. What this view cannot support is not given."
    ),
    parameters_columns=("Parameter", "Value", "Steps or strides", "Norm (mean \u00b1 2 SD)", "Detectable change"),
    value_with_error="{value} (standard error {error})",
    norm_range="{low} to {high}",
    norm_none="none",
    outside="outside of the norm",
    source_line="Norms: {sources}",
    norm_simulated="{source} (simulated people)",
    not_measured_old="Gait parameters were not measured by the version that made this result.",
    left_out="Not given: {names}. {reason}",
    curves="Joint angles over the gait cycle",
    curves_note=(
        "Mean of {strides} strides (line) with one standard deviation (band), from one heel strike of the foot to its "
        "next. Dashed: mean \u00b1 2 SD of the norm ({source})."
    ),
    curves_without_norm=(
        "Mean of {strides} strides (line) with one standard deviation (band), from one heel strike of the foot to its "
        "next. No norm is known."
    ),
    curve_title="{joint} ({sign})",
    curve_alt="{joint}: lowest {low} at {low_at} of the gait cycle, highest {high} at {high_at}",
    cycle_axis="% of the gait cycle",
    detector="Heel strikes and toe offs were found by the method: {detector}.",
)

GAIT_LABELS: Mapping[str, GaitLabels] = in_each_language(ENGLISH)
