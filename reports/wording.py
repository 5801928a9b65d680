"""The clinical sentences about a score, with its figures filled in. Report and screens speak through this module.

Functions take a `ScoreBlock` and return sentences; they know nothing of pages or screens. The sentences stand
in `reports.phrases`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from reports.content import AdaptationBlock, Outcome, ScoreBlock
from reports.measures import Interval, TypicalityBlock
from reports.numbers import percent_of_count, percent_of_probability, plain_number
from reports.phrases import ENGLISH, PHRASES, Phrases

DEFAULT_LANGUAGE = "en"

SIMULATED_BANNER = ENGLISH.simulated_banner
UNLIKE_TITLE = ENGLISH.unlike_title
INTENDED_USE = ENGLISH.intended_use
LIMITS = ENGLISH.limits


def phrases(language: str = DEFAULT_LANGUAGE) -> Phrases:
    """The sentences of a language.

    Raises:
        ValueError: if the language is not available; the text lists those that are.
    """
    if language not in PHRASES:
        raise ValueError(f"There is no report language {language!r}; choose one of {', '.join(sorted(PHRASES))}.")
    return PHRASES[language]


def simulated_explanation(adaptation: AdaptationBlock | None, language: str = DEFAULT_LANGUAGE) -> str:
    """What stands below the banner of a simulated model: who taught it, and on whom its figures were measured."""
    words = phrases(language)
    if adaptation is None:
        return words.simulated_explanation
    return _with_adaptation(words.adapted_explanation, adaptation, language)


def adapted_sentence(adaptation: AdaptationBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """To whom a model was adapted, what of it changed, and what it began with."""
    return _with_adaptation(phrases(language).adapted, adaptation, language)


def _with_adaptation(templates: Mapping[bool, str], adaptation: AdaptationBlock, language: str) -> str:
    return templates[adaptation.simulated_people].format(
        people=adaptation.people,
        scope=phrases(language).scopes.get(adaptation.scope, adaptation.scope.replace("_", " ")),
        condition=condition_name(adaptation.task, language),
        base=adaptation.base,
    )


def task_title(task: str, language: str = DEFAULT_LANGUAGE) -> str:
    """Heading of a task; a task of a later model package without a phrase shows its own name."""
    return phrases(language).task_titles.get(task, task.replace("_", " ").capitalize())


def condition_name(task: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The condition of a task as it stands inside a sentence."""
    return phrases(language).conditions.get(task, task.replace("_", " "))


def class_name(task: str, class_label: str, language: str = DEFAULT_LANGUAGE) -> str:
    """A class in words: "no scoliosis", "borderline", "scoliosis"."""
    return phrases(language).class_names.get((task, class_label), class_label.replace("_", " "))


def class_list(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The classes of the prediction set in words: "no scoliosis, borderline or scoliosis"."""
    words = phrases(language)
    names = [class_name(score.task, label, language) for label in score.prediction_set]
    if len(names) > 2:
        names = [listed(names[:-1], language), names[-1]]
    return words.join_two.format(*names) if len(names) == 2 else "".join(names)


def listed(names: Sequence[str], language: str = DEFAULT_LANGUAGE) -> str:
    """Names one after another, with the comma of the language."""
    return reduce(phrases(language).join_more.format, names)


def outcome_label(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """Two or three words for the outcome."""
    return phrases(language).outcome_labels[score.outcome]


def plain_result(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The result in plain words; an abstention begins with "The model cannot tell" or "No answer"."""
    words = phrases(language)
    template = words.plain_results[score.outcome] if score.prediction_set else words.no_class_fits
    return template.format(
        condition=condition_name(score.task, language),
        people=words.people[score.simulated],
        coverage=percent_of_count(score.coverage),
        classes=class_list(score, language),
    )


def next_steps(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> tuple[str, ...]:
    """What to do next, in order; the first sentence is the most important one.

    Raises:
        ValueError: if the task has no next steps, because a score without a confirming test must not be shown.
    """
    steps = phrases(language).next_steps.get((score.task, score.outcome))
    if steps is None:
        raise ValueError(f"There is no clinical next step for the task {score.task!r}; add it to reports/phrases.py.")
    return steps


def evidence_note(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """What is published about the confirming test or about screening; empty for a task without a note."""
    return phrases(language).evidence_notes.get(score.task, "")


def probability_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The calibrated probability of the condition."""
    return phrases(language).probability.format(
        condition=condition_name(score.task, language),
        probability=percent_of_probability(score.positive_probability),
    )


def interval_words(interval: Interval) -> tuple[str, str]:
    """Both ends of an interval of a probability in percent."""
    return percent_of_probability(interval.low), percent_of_probability(interval.high)


def interval_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The 95 % interval of the probability and how it was made."""
    low, high = interval_words(score.interval)
    return phrases(language).interval.format(low=low, high=high, method=score.interval_method.strip().rstrip(".\u3002"))


def probability_with_interval(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The probability with its 95 % interval in brackets, for the reader who has no time for the method."""
    low, high = interval_words(score.interval)
    short = phrases(language).interval_short.format(low=low, high=high)
    return f"{probability_sentence(score, language)} {short}"


def operating_point_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """The threshold with sensitivity and specificity, their intervals and on whom they were measured."""
    return _with_operating_point(phrases(language).operating_point, score, language)


def operating_point_short(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """Sensitivity and specificity with their 95 % intervals, for the reader who has no time for the details."""
    return _with_operating_point(phrases(language).operating_point_short, score, language)


def weakness_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """A warning where the test did not show the model to be better than chance; else, and without an answer, empty."""
    if score.outcome is Outcome.UNLIKE or score.operating_point.beats_chance:
        return ""
    return _with_operating_point(phrases(language).no_better_than_chance, score, language)


def _with_operating_point(template: str, score: ScoreBlock, language: str) -> str:
    point = score.operating_point
    return template.format(
        threshold=percent_of_count(point.threshold),
        people=phrases(language).people[score.simulated_people],
        condition=condition_name(score.task, language),
        n_positive=point.n_positive,
        n_negative=point.n_negative,
        sensitivity=percent_of_count(point.sensitivity),
        sensitivity_low=percent_of_count(point.sensitivity_interval.low),
        sensitivity_high=percent_of_count(point.sensitivity_interval.high),
        specificity=percent_of_count(point.specificity),
        specificity_low=percent_of_count(point.specificity_interval.low),
        specificity_high=percent_of_count(point.specificity_interval.high),
    )


def predictive_note(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """Why the frequency of the condition matters for what a result is worth."""
    return phrases(language).predictive_note.format(
        people=phrases(language).people[score.simulated_people],
        prevalence=percent_of_count(score.operating_point.prevalence),
        condition=condition_name(score.task, language),
    )


def predictive_words(score: ScoreBlock, prevalence: float, language: str = DEFAULT_LANGUAGE) -> tuple[str, str]:
    """Positive and negative predictive value at a prevalence, in percent; "no case" where none can occur."""
    empty = phrases(language).no_such_result
    ppv, npv = score.operating_point.predictive_values(prevalence)
    return (
        empty if ppv is None else percent_of_count(ppv),
        empty if npv is None else percent_of_count(npv),
    )


def predictive_sentence(score: ScoreBlock, prevalence: float, language: str = DEFAULT_LANGUAGE) -> str:
    """What a positive and a negative result are worth at the prevalence of a clinic."""
    ppv, npv = predictive_words(score, prevalence, language)
    return phrases(language).predictive_row.format(
        condition=condition_name(score.task, language), prevalence=percent_of_count(prevalence), ppv=ppv, npv=npv
    )


def calibration_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """How well the probabilities agreed with the truth, on whom, and how to read the figures."""
    words, measured = phrases(language), score.calibration
    people = words.people[score.simulated_people]
    figures = words.calibration.format(
        n_people=measured.n_people,
        people=people,
        ece=f"{measured.ece:.3f}",
        brier=f"{measured.brier:.3f}",
        slope=plain_number(measured.slope, 2),
        intercept=plain_number(measured.intercept, 2),
    )
    reading = words.calibration_reading_clinic if score.clinic_people else words.calibration_reading
    return f"{figures} {reading.format(people=people)}"


def conformal_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """What the prediction set promises and which classes this walk's set holds."""
    words = phrases(language)
    promise = words.conformal.format(
        coverage=percent_of_count(score.coverage),
        people=words.people[score.simulated_people],
        filmed=words.coverage_at[score.fitted_on] if score.fitted_on else "",
    )
    classes = class_list(score, language)
    found = words.conformal_set.format(classes=classes) if classes else words.conformal_empty
    return f"{promise} {found}"


def views_sentence(score: ScoreBlock, language: str = DEFAULT_LANGUAGE) -> str:
    """Which views the figures of a score speak of; empty where nobody knows."""
    words = phrases(language)
    return words.calibrated_at.format(fitted=words.fitted_at[score.fitted_on]) if score.fitted_on else ""


def typicality_sentence(typicality: TypicalityBlock | None, language: str = DEFAULT_LANGUAGE) -> str:
    """Whether the recording is like the training data, with the measure; None is "not checked by this version"."""
    words = phrases(language)
    if typicality is None:
        return words.typicality_unchecked
    unlikeness, threshold = _unlikeness_words(typicality)
    answer = words.typicality_yes if typicality.typical else words.typicality_no
    return words.typicality.format(answer=answer, unlikeness=unlikeness, threshold=threshold)


def typicality_check(typicality: TypicalityBlock | None, language: str = DEFAULT_LANGUAGE) -> tuple[str, str, str]:
    """The same as a row among the quality checks: its name, what was measured, what is asked for."""
    words = phrases(language)
    if typicality is None:
        return words.typicality_check, "", ""
    unlikeness, threshold = _unlikeness_words(typicality)
    return words.typicality_check, unlikeness, words.typicality_limit.format(threshold=threshold)


def typicality_figures(
    typicality: TypicalityBlock, *, simulated: bool, mixed: bool = False, language: str = DEFAULT_LANGUAGE
) -> str:
    """What unlikeness and threshold mean, and how often a recording is called unlike by mistake.

    Args:
        typicality: of a recording.
        simulated: whether simulated people taught the model.
        mixed: whether people of a clinic came on top.
        language: key of the wording.
    """
    words, measured = phrases(language), typicality.measured_false_alarm_interval
    unlikeness, threshold = _unlikeness_words(typicality)
    return words.typicality_figures.format(
        unlikeness=unlikeness,
        threshold=threshold,
        people=words.mixed_people if mixed else words.people[simulated],
        promised=percent_of_count(typicality.false_alarm_rate),
        measured=percent_of_count(typicality.measured_false_alarm_rate),
        low=percent_of_count(measured.low),
        high=percent_of_count(measured.high),
    )


def _unlikeness_words(typicality: TypicalityBlock) -> tuple[str, str]:
    return plain_number(typicality.unlikeness, 3), plain_number(typicality.threshold, 3)
