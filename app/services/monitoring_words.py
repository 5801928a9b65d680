"""The sentences of monitoring: what a measure is, what an alarm says, and what to do about it."""

from __future__ import annotations

from datetime import timedelta

from app.services.monitoring_facts import (
    ABSTAINED,
    CHECK,
    FLAGGED,
    REFUSED,
    SCORE,
    UNLIKE,
    UNLIKENESS,
    is_level,
    monday_of,
)
from fgait_core.evaluation.drift import Comparison

_TITLES = {
    REFUSED: "Refused recordings",
    CHECK: "Failed check: {name}",
    UNLIKE: "Recordings unlike the training data",
    UNLIKENESS: "Unlikeness",
    ABSTAINED: "Abstentions, {name}",
    FLAGGED: "Above the threshold, {name}",
    SCORE: "Scores, {name}",
}
_MEANINGS = {
    REFUSED: "Share of screenings in which the recording could not be scored.",
    CHECK: "Share of recordings that failed this quality check, whether or not they were refused for it.",
    UNLIKE: "Share of scored recordings to which the guard gave no score.",
    UNLIKENESS: "How far the embeddings lie from those of the training people; median, about 0 for people like them.",
    ABSTAINED: "Share of shown results in which the model could not tell.",
    FLAGGED: "Share of shown results at or above the threshold.",
    SCORE: "Median probability of the condition among shown results.",
}
_ADVICE = {
    REFUSED: "Look at which checks fail more often. Ask whoever films what has changed: room, light, camera.",
    CHECK: "Watch a few recent recordings with whoever films, and put right what the check complains about.",
    UNLIKE: "Ask what has changed in the picture: camera, lens, distance, clothing, walking aids, the people who come. "
    "If it is meant to stay so, retrain with recordings of that kind before trusting the scores again.",
    UNLIKENESS: "The pictures or the people differ from before, even where a score is still shown. Ask what has "
    "changed: camera, its settings or place, clothing, the people who come. Look at the table by device.",
    ABSTAINED: "The share of recordings that the model can judge has changed. Look at quality checks and views first; "
    "if they are as before, the people may differ from those of the calibration: collect outcomes and recalibrate.",
    FLAGGED: "Either other people come than before, or the scores have moved. Compare with the confirmed outcomes "
    "below: if they agree as before, the condition has become more or less frequent; if not, stop relying on the "
    "threshold and recalibrate.",
    SCORE: "Either other people come than before, or the scores have moved. Compare with the confirmed outcomes below, "
    "and recalibrate if they agree less than before.",
}
_BETTER = (
    "By this measure recordings have become better. If you know why, and it is to stay so, choose a later reference "
    "period: then a return to how it was is noticed, too."
)


def title(measure: str) -> str:
    """What a measure is called."""
    kind, _, name = measure.partition(":")
    return _TITLES[kind].format(name=name.replace("_", " "))


def meaning(measure: str) -> str:
    """What a measure says, in one sentence."""
    return _MEANINGS[measure.partition(":")[0]]


def advice(comparison: Comparison) -> str:
    """What to do when a measure has changed as it has."""
    kind = comparison.measure.partition(":")[0]
    if kind in {REFUSED, CHECK, UNLIKE, UNLIKENESS} and comparison.value < comparison.reference:
        return _BETTER
    return _ADVICE[kind]


def value_words(measure: str, value: float) -> str:
    """A value as people read it."""
    return f"{round(value, 2) + 0.0:.2f}" if measure == UNLIKENESS else f"{100 * value:.0f} %"  # + 0: never -0.00


def difference(comparison: Comparison) -> str:
    """What was seen against what was usual."""
    measure, first = comparison.measure, monday_of(comparison.week)
    if comparison.weeks == 1:
        span = f"the week of {first:%d %b %Y}"
    else:
        span = f"the {comparison.weeks} weeks to {first + timedelta(days=6):%d %b %Y}"
    kind = "median " if is_level(measure) else ""
    return (
        f"{kind}{value_words(measure, comparison.value)} among {comparison.people} people in {span}, "
        f"{value_words(measure, comparison.reference)} among {comparison.reference_people} in the reference"
    )


def chance(adjusted: float) -> str:
    """How unlikely that is if nothing changed."""
    if adjusted < 1e-6:
        often = "fewer than one week in a million"
    else:
        often = f"at most one week in {int(float(f'{1 / adjusted:.2g}')):,}"
    return f"If nothing had changed, {often} would bring so large a difference in any of the comparisons."
