"""Every clinical sentence of the project, in one place, by language; `reports.wording` fills in the figures.

English is written here; the other languages come from the catalogues in `reports/locale`, which a test holds complete.

Sources: USPSTF 2018 (screening for adolescent idiopathic scoliosis: grade I); Arroll et al. 2010 (PHQ-9 of 10 or
more: sensitivity 0.74, specificity 0.91).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.content import Outcome
from reports.translation import in_each_language


@dataclass(frozen=True, slots=True)
class Phrases:
    """The clinical sentences of one language; `{...}` are filled in by the functions of this module."""

    simulated_banner: str
    simulated_explanation: str
    adapted_explanation: Mapping[bool, str]
    adapted: Mapping[bool, str]
    scopes: Mapping[str, str]
    intended_use: str
    not_diagnosis: str
    limits: tuple[str, ...]
    no_patient: str
    people: Mapping[bool, str]
    mixed_people: str
    task_titles: Mapping[str, str]
    conditions: Mapping[str, str]
    class_names: Mapping[tuple[str, str], str]
    outcome_labels: Mapping[Outcome, str]
    plain_results: Mapping[Outcome, str]
    no_class_fits: str
    next_steps: Mapping[tuple[str, Outcome], tuple[str, ...]]
    evidence_notes: Mapping[str, str]
    probability: str
    interval: str
    interval_short: str
    operating_point: str
    operating_point_short: str
    no_better_than_chance: str
    predictive_note: str
    predictive_row: str
    no_such_result: str
    calibration: str
    calibration_reading: str
    calibration_reading_clinic: str
    conformal: str
    conformal_set: str
    conformal_empty: str
    calibrated_at: str
    coverage_at: Mapping[str, str]
    fitted_at: Mapping[str, str]
    unlike_title: str
    typicality: str
    typicality_unchecked: str
    typicality_check: str
    typicality_yes: str
    typicality_no: str
    typicality_limit: str
    typicality_figures: str
    refused: str
    join_two: str
    join_more: str


_ASK_SAFETY = (
    "Whatever this result says: where there is any sign of distress, ask about thoughts of self-harm and follow your "
    "local pathway."
)
_RADIOGRAPH = (
    "If the forward-bend test is positive or in doubt, consider a standing radiograph of the spine. Only a radiograph, "
    "read by a specialist, confirms scoliosis and measures it."
)
_UNDECIDED_SCOLIOSIS = (
    "Do not read this as a negative result.",
    "Film the walk again as the quality checks advise, or go straight to the forward-bend test.",
    _RADIOGRAPH,
)
_UNDECIDED_DEPRESSION = (
    "Do not read this as a negative result.",
    "Where there is a clinical reason, use the PHQ-9 questionnaire and an interview; gait alone is never enough.",
    _ASK_SAFETY,
)
_UNLIKE_SCOLIOSIS = (
    "Do not read this as a negative result: this recording says nothing about scoliosis.",
    "Check the silhouettes: is it the patient, whole, upright and walking? If not, film the walk again.",
    "Do not wait for a second recording: do the forward-bend test, with a scoliometer where there is one.",
    _RADIOGRAPH,
)
_UNLIKE_DEPRESSION = (
    "Do not read this as a negative result: this recording says nothing about depression.",
    "Where there is a clinical reason, use the PHQ-9 questionnaire and an interview; gait alone is never enough.",
    _ASK_SAFETY,
)

ENGLISH = Phrases(
    simulated_banner="SIMULATED MODEL \u2013 not clinically validated",
    simulated_explanation=(
        "This model was trained, calibrated and tested on simulated people only. None of its figures was measured "
        "on patients. Do not use it for the care of a patient."
    ),
    adapted_explanation={
        True: (
            "This model was trained on simulated people, then adapted to {people} simulated people who stand for those "
            "of a clinic ({scope}, {condition}). None of its figures was measured on patients. Do not use it for the "
            "care of a patient."
        ),
        False: (
            "This model was trained on simulated people, then adapted to {people} people of a clinic ({scope}, "
            "{condition}). Its figures for {condition} were measured on people of that clinic; all others on simulated "
            "people only. It is not clinically validated: never decide on the care of a patient by it alone."
        ),
    },
    adapted={
        True: "{people} simulated people who stand for those of a clinic ({scope}, {condition}); begun with {base}",
        False: "{people} people of a clinic ({scope}, {condition}); begun with {base}",
    },
    scopes={
        "recalibration": "probabilities and threshold only",
        "head": "last layer, probabilities and threshold",
        "head_and_last_stage": "last layers, probabilities and threshold",
        "whole_network": "whole network, probabilities and threshold",
    },
    intended_use=(
        "Screening, not diagnosis. FGait looks at the silhouettes of a person who walks in a video and estimates how "
        "likely signs of scoliosis or depression are, to help a clinician decide whom to examine next. It is meant for "
        "trained clinical staff. It does not replace an examination, an interview or imaging, and must not be used to "
        "start, change or withhold a treatment."
    ),
    not_diagnosis="Screening, not diagnosis",
    limits=(
        "Screening, not diagnosis: every result has to be confirmed or refuted by the test named under \u201cWhat to "
        "do next\u201d.",
        "A negative result does not rule a condition out. Clinical suspicion always comes first.",
        "The result holds for one walk of one chosen person. Another view, clothing, footwear, a bag, a walking aid, "
        "pain or an injury can change it.",
        "No angle of the spine is measured or estimated: silhouettes carry no label from which an angle could be "
        "learned.",
        "How likely the condition is in a person with this result depends on how frequent it is in your clinic.",
        "Silhouettes of a walk can identify a person. Treat this report as confidential health data.",
    ),
    no_patient="No patient recorded",
    people={True: "simulated people", False: "people"},
    mixed_people="people (simulated ones and those of the clinic)",
    task_titles={"scoliosis": "Scoliosis", "depression": "Depression"},
    conditions={"scoliosis": "scoliosis", "depression": "depression"},
    class_names={
        ("scoliosis", "negative"): "no scoliosis",
        ("scoliosis", "neutral"): "borderline",
        ("scoliosis", "positive"): "scoliosis",
        ("depression", "no"): "no depression",
        ("depression", "yes"): "depression",
    },
    outcome_labels={
        Outcome.POSITIVE: "Screening positive",
        Outcome.BORDERLINE: "Borderline",
        Outcome.NEGATIVE: "Screening negative",
        Outcome.ABSTAINED: "The model cannot tell",
        Outcome.CONFLICTING: "The model cannot tell",
        Outcome.UNLIKE: "No answer",
    },
    plain_results={
        Outcome.POSITIVE: (
            "Screening positive for {condition}: the silhouettes of this walk are more like those of {people} with "
            "{condition}. This is a reason to examine, not a diagnosis."
        ),
        Outcome.BORDERLINE: (
            "Borderline for {condition}: the silhouettes of this walk are most like those of {people} between the "
            "classes. This is a reason to examine, not a diagnosis."
        ),
        Outcome.NEGATIVE: (
            "Screening negative for {condition}: the silhouettes of this walk are more like those of {people} without "
            "{condition}. This does not rule {condition} out."
        ),
        Outcome.ABSTAINED: (
            "The model cannot tell. At a promised coverage of {coverage} it cannot choose between: {classes}. "
            "This is neither a positive nor a negative result for {condition}."
        ),
        Outcome.CONFLICTING: (
            "The model cannot tell. Its threshold and its prediction set ({classes}) point to different results. "
            "This is neither a positive nor a negative result for {condition}."
        ),
        Outcome.UNLIKE: (
            "No answer. This recording is unlike those that the model learned from, so that no probability of it would "
            "be valid and none is shown. This is neither a positive nor a negative result for {condition}."
        ),
    },
    no_class_fits=(
        "The model cannot tell. This walk fits none of the classes that it knows. "
        "This is neither a positive nor a negative result for {condition}."
    ),
    next_steps={
        ("scoliosis", Outcome.POSITIVE): (
            "Examine the back: forward-bend test, with a scoliometer where there is one.",
            _RADIOGRAPH,
            "Do not treat, brace or reassure on this result alone.",
        ),
        ("scoliosis", Outcome.BORDERLINE): (
            "Examine the back: forward-bend test, with a scoliometer where there is one.",
            _RADIOGRAPH,
            "If the examination is normal, examine again during growth at the interval of your local guideline.",
        ),
        ("scoliosis", Outcome.NEGATIVE): (
            "No step follows from this result alone.",
            "With uneven shoulders or waist, a complaint or a family history, do the forward-bend test all the same.",
        ),
        ("scoliosis", Outcome.ABSTAINED): _UNDECIDED_SCOLIOSIS,
        ("scoliosis", Outcome.CONFLICTING): _UNDECIDED_SCOLIOSIS,
        ("scoliosis", Outcome.UNLIKE): _UNLIKE_SCOLIOSIS,
        ("depression", Outcome.POSITIVE): (
            "Offer the PHQ-9 questionnaire and a clinical interview. Gait alone never establishes depression.",
            "A PHQ-9 of 10 or more calls for a full diagnostic interview.",
            _ASK_SAFETY,
        ),
        ("depression", Outcome.BORDERLINE): _UNDECIDED_DEPRESSION,
        ("depression", Outcome.NEGATIVE): (
            "No step follows from this result alone. Gait alone never rules depression out.",
            "With low mood, loss of interest or concern of the family, use the PHQ-9 and an interview all the same.",
            _ASK_SAFETY,
        ),
        ("depression", Outcome.ABSTAINED): _UNDECIDED_DEPRESSION,
        ("depression", Outcome.CONFLICTING): _UNDECIDED_DEPRESSION,
        ("depression", Outcome.UNLIKE): _UNLIKE_DEPRESSION,
    },
    evidence_notes={
        "scoliosis": (
            "Screening of adolescents without symptoms for scoliosis: the evidence on benefit and harm is insufficient "
            "(US Preventive Services Task Force 2018, grade I)."
        ),
        "depression": (
            "PHQ-9 of 10 or more: sensitivity 74\u00a0%, specificity 91\u00a0% for major depression in primary care "
            "(Arroll and others 2010)."
        ),
    },
    probability="Calibrated probability of {condition}: {probability}",
    interval_short="(95\u00a0% interval {low} to {high})",
    interval="The 95\u00a0% interval of this probability is {low} to {high}. How it was made: {method}.",
    operating_point=(
        "The operating threshold of {threshold} was fixed before testing. At this threshold the model found "
        "{sensitivity} of the {n_positive} {people} with {condition} (sensitivity, 95\u00a0% interval "
        "{sensitivity_low} to {sensitivity_high}) and cleared {specificity} of the {n_negative} {people} without it "
        "(specificity, 95\u00a0% interval {specificity_low} to {specificity_high})."
    ),
    operating_point_short=(
        "At the threshold, measured on {people}: sensitivity {sensitivity} ({sensitivity_low} to {sensitivity_high}), "
        "specificity {specificity} ({specificity_low} to {specificity_high})."
    ),
    no_better_than_chance=(
        "Weak test: in its own test this model could not be shown to tell {people} with and without {condition} apart "
        "better than chance. Do not rely on this result."
    ),
    predictive_note=(
        "Of the {people} in the test, {prevalence} had {condition}. Where the condition is rarer, a positive result is "
        "right less often. The table carries the sensitivity and specificity above over to other frequencies "
        "(Bayes\u2019 rule); it was not measured there."
    ),
    predictive_row=(
        "With {condition} in {prevalence} of those screened, a positive result is right in {ppv} and a negative result "
        "in {npv}."
    ),
    no_such_result="no case",
    calibration=(
        "Calibration was measured on {n_people} {people}: expected calibration error {ece}, Brier score {brier}, "
        "calibration slope {slope}, intercept {intercept}."
    ),
    calibration_reading=(
        "Perfect values are 0, 0, 1 and 0. The probability means what it says only for people like those {people}; "
        "for patients of a clinic it has not been checked."
    ),
    calibration_reading_clinic=(
        "Perfect values are 0, 0, 1 and 0. They were measured on people of the clinic that the model was adapted to; "
        "for patients of another clinic they have not been checked."
    ),
    conformal=(
        "The prediction set holds every class that the model cannot rule out. The method promises that the true class "
        "is in the set for {coverage} of people like the {people} it was calibrated on{filmed}."
    ),
    conformal_set="Prediction set of this walk: {classes}.",
    conformal_empty="Prediction set of this walk: empty. It fits none of the classes.",
    calibrated_at=(
        "Probability and prediction set were fitted on {fitted}. The threshold is one for all views; sensitivity, "
        "specificity and calibration were measured over all views together."
    ),
    coverage_at={
        "front": ", filmed from the front",
        "oblique": ", filmed obliquely",
        "side": ", filmed from the side",
        "back": ", filmed from behind",
        "any": ", over all views together",
    },
    fitted_at={
        "front": "recordings from the front",
        "oblique": "oblique recordings",
        "side": "recordings from the side",
        "back": "recordings from behind",
        "any": "recordings from all views together",
    },
    unlike_title="This recording is unlike those that the model learned from: no score is given",
    typicality="Like the training data: {answer} (unlikeness {unlikeness}, threshold {threshold})",
    typicality_unchecked="Like the training data: not checked by this version",
    typicality_check="Like the training data",
    typicality_yes="yes",
    typicality_no="no",
    typicality_limit="at most {threshold}",
    typicality_figures=(
        "The unlikeness of this recording is {unlikeness}; above {threshold}, a threshold that was fixed beforehand, a "
        "recording is called unlike the training data. The threshold was set so that this happens by mistake to "
        "{promised} of the recordings of people like the {people} of the calibration; measured on test people, it "
        "happened to {measured} (95\u00a0% interval {low} to {high})."
    ),
    refused=(
        "This recording was not scored, because it failed the checks below. There is no result, neither positive nor "
        "negative. Film the walk again as advised."
    ),
    join_two="{0} or {1}",
    join_more="{0}, {1}",
)

PHRASES: Mapping[str, Phrases] = in_each_language(ENGLISH)
