"""What published studies found of each condition, and what the same comparison gives on simulated people.

Few abstracts print an effect size. Where a study only says that a difference was significant, its size gives the
smallest Cohen's d that could be (`PublishedEffect.smallest_d`): a lower bound, and with few people a high one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from fgait_core.errors import ConfigError
from fgait_core.progress import Progress, ignore_progress
from fgait_core.simulation.bodies.bank import BodyBank
from fgait_core.simulation.conditions.combined import HEALTHY, draw_conditions, with_conditions
from fgait_core.simulation.conditions.trunk_shape import right_shift_cm, right_shoulder_cm
from fgait_core.simulation.gait.healthy import draw_gait
from fgait_core.simulation.gait.prior import GaitPrior
from fgait_core.simulation.gait.truth import gait_truth


@dataclass(frozen=True, slots=True)
class PublishedEffect:
    """One finding of a study.

    Attributes:
        group: a key of `GROUPS`: who is compared with their healthy peers.
        measure: a number of `gait_truth` (`arm_swing_deg` is the mean of both arms).
        direction: -1 lower in patients, 1 higher, 0 no difference found.
        study: and year.
        patients, controls: how many.
        p: the largest p-value that the study's words allow; 0.05 where it only says "significant" or lists a finding.
        printed_d: Cohen's d where the study prints one.
    """

    group: str
    measure: str
    direction: int
    study: str
    patients: int
    controls: int
    p: float = 0.05
    printed_d: float | None = None

    @property
    def smallest_d(self) -> float:
        """Smallest |d| with that p in a two-sided t-test; where nothing was found, the largest that could be missed."""
        critical = float(student.isf(self.p / 2, self.patients + self.controls - 2))
        return critical * float(np.sqrt(1 / self.patients + 1 / self.controls))


@dataclass(frozen=True, slots=True)
class Group:
    """Simulated people of an age range, with one condition and nothing else.

    Attributes:
        ages: from, to.
        scoliosis, depression: classes of the patients; their peers are "negative" and "no".
        peers_have_low_moods: whether the peers have the small doses of their class, or none at all.
    """

    ages: tuple[float, float]
    scoliosis: str
    depression: str
    peers_have_low_moods: bool = True


GROUPS: dict[str, Group] = {
    "depression, 18-60 years": Group((18.0, 60.0), "negative", "yes"),
    "depression, 9-12 years": Group((9.0, 13.0), "negative", "yes"),
    "low mood, 18-25 years": Group((18.0, 25.0), "negative", "no", peers_have_low_moods=False),
    "scoliosis 20-50°, 10-18 years": Group((10.0, 18.0), "positive", "no"),
    "scoliosis 10-20°, 10-18 years": Group((10.0, 18.0), "neutral", "no"),
}
_GROWN, _CHILD, _YOUNG, _CURVED, _MILD = GROUPS

PUBLISHED: tuple[PublishedEffect, ...] = (
    PublishedEffect(_GROWN, "speed_m_s", -1, "Lemke 2000", 16, 16, 0.001),
    PublishedEffect(_GROWN, "speed_m_s", -1, "Michalak 2009", 14, 14),
    PublishedEffect(_GROWN, "speed_m_s", -1, "Adolph 2021", 35, 36),
    PublishedEffect(_GROWN, "stride_over_leg", -1, "Lemke 2000", 16, 16, 0.005),
    PublishedEffect(_GROWN, "cadence_steps_min", -1, "Lemke 2000 (cycle time)", 16, 16, 0.005),
    PublishedEffect(_GROWN, "arm_swing_deg", -1, "Michalak 2009", 14, 14),
    PublishedEffect(_GROWN, "bob_over_leg", -1, "Michalak 2009", 14, 14),
    PublishedEffect(_GROWN, "bob_over_leg", -1, "Adolph 2021", 35, 36),
    PublishedEffect(_GROWN, "trunk_pitch_deg", 1, "Adolph 2021 (slump)", 35, 36),
    PublishedEffect(_GROWN, "head_pitch_deg", 1, "Michalak 2009 (slump)", 14, 14),
    PublishedEffect(_GROWN, "sway_over_leg", 1, "Michalak 2009", 14, 14),
    PublishedEffect(_GROWN, "sway_over_leg", 0, "Adolph 2021", 35, 36),
    PublishedEffect(_CHILD, "head_pitch_deg", 1, "Chan 2021", 26, 23, 0.026, 0.66),
    PublishedEffect(_CHILD, "speed_m_s", 0, "Chan 2021", 26, 23),
    PublishedEffect(_CHILD, "stride_over_leg", 0, "Chan 2021", 26, 23),
    PublishedEffect(_CHILD, "bob_over_leg", 0, "Chan 2021", 26, 23),
    PublishedEffect(_CHILD, "arm_swing_deg", 0, "Chan 2021", 26, 23),
    PublishedEffect(_YOUNG, "speed_m_s", 0, "Kumar 2021", 45, 45),
    PublishedEffect(_YOUNG, "stride_over_leg", 0, "Kumar 2021", 45, 45),
    PublishedEffect(_CURVED, "speed_m_s", -1, "Arch Physiother 2015", 31, 31, 0.03),
    PublishedEffect(_CURVED, "stride_over_leg", -1, "Arch Physiother 2015", 31, 31, 0.002),
    PublishedEffect(_CURVED, "cadence_steps_min", -1, "Arch Physiother 2015 (stride time)", 31, 31, 0.001),
    PublishedEffect(_CURVED, "pelvis_roll_range_deg", -1, "Mahaudens 2009", 41, 13),
    PublishedEffect(_MILD, "pelvis_roll_range_deg", -1, "Mahaudens 2009", 41, 13),
    PublishedEffect(_CURVED, "trunk_yaw_range_deg", -1, "Mahaudens 2009 (shoulders)", 41, 13),
    PublishedEffect(_CURVED, "hip_range_deg", -1, "Mahaudens 2009", 41, 13),
)
"""Kumar 2021 correlated symptoms and gait in 90 young adults, not patients: low moods against none, in two halves."""


@dataclass(frozen=True, slots=True)
class MeasuredEffect:
    """A published finding beside its simulated size.

    Attributes:
        published: the finding.
        simulated_d: Cohen's d (pooled spread) of simulated patients against simulated peers.
    """

    published: PublishedEffect
    simulated_d: float


def measure_effects(pairs: int, seed: int, progress: Progress = ignore_progress) -> tuple[MeasuredEffect, ...]:
    """Every published finding, measured on simulated pairs of the same body, one of the two with the condition.

    Raises:
        ConfigError: if there are too few pairs to compare.
    """
    if pairs < 2:
        raise ConfigError(f"{pairs} pairs cannot be compared; take at least 2.")
    measures = {}
    for number, (name, group) in enumerate(GROUPS.items()):
        progress(number / len(GROUPS), name)
        measures[name] = _measure_group(group, pairs, seed)
    progress(1.0, "Done")
    return tuple(
        MeasuredEffect(effect, cohens_d(*(side[effect.measure] for side in measures[effect.group])))
        for effect in PUBLISHED
    )


def effects_table(measured: tuple[MeasuredEffect, ...]) -> str:
    """The measured effects as a Markdown table, one row for each finding."""
    lines = ["| group | measure | study | people | published d | simulated d |", "|---|---|---|---|---|---|"]
    for effect in measured:
        found = effect.published
        sign, bound = ("−" if found.direction < 0 else "+"), f"{found.smallest_d:.2f}"
        published = f"{sign}{bound} or more" if found.direction else f"none found, below {bound}"
        if found.printed_d is not None:
            published = f"{sign}{abs(found.printed_d):.2f}"
        simulated = f"{effect.simulated_d:+.2f}".replace("-", "−")
        people = f"{found.patients} + {found.controls}"
        measure = f"`{found.measure}`"
        lines.append(f"| {' | '.join((found.group, measure, found.study, people, published, simulated))} |")
    return "\n".join(lines)


def cohens_d(patients: NDArray[np.float64], controls: NDArray[np.float64]) -> float:
    """Difference of the means over the pooled standard deviation."""
    spread = np.sqrt((patients.var(ddof=1) + controls.var(ddof=1)) / 2)
    return float((patients.mean() - controls.mean()) / spread)


Measures = dict[str, NDArray[np.float64]]


def _measure_group(group: Group, pairs: int, seed: int) -> tuple[Measures, Measures]:
    bank, prior = BodyBank.packaged(), GaitPrior.packaged()
    bodies = np.flatnonzero((bank.age_years >= group.ages[0]) & (bank.age_years <= group.ages[1]))
    sides: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for number in range(pairs):
        body = bank.body(int(np.random.default_rng((seed, number)).choice(bodies)))
        for side, (scoliosis, depression) in enumerate(((group.scoliosis, group.depression), ("negative", "no"))):
            rng = np.random.default_rng((seed, number, side))
            has = replace(draw_conditions(rng, scoliosis, depression), distractor="none", distractor_dose=0.0)
            if side == 1 and not group.peers_have_low_moods:
                has = replace(has, depression_dose=0.0)
            gait = with_conditions(draw_gait(prior, rng, body.sex, body.age_years), has, body.age_years, rng)
            sides[side].append(_with_mean_arm(gait_truth(gait, body.leg_m)))
    patients, controls = ({name: np.array([row[name] for row in side]) for name in side[0]} for side in sides)
    return patients, controls


def _with_mean_arm(truth: dict[str, float]) -> dict[str, float]:
    return truth | {"arm_swing_deg": (truth["arm_swing_left_deg"] + truth["arm_swing_right_deg"]) / 2}


def standing_shape(curve: str, cobb_deg: float, people: int, seed: int) -> tuple[float, float]:
    """What a curve convex to the right does to the standing shape, the mean of simulated people.

    Args:
        curve: a key of `scoliosis.CURVES`.
        cobb_deg: true Cobb angle.
        people: how many.
        seed: of the people.

    Returns:
        How many centimetres the right shoulder stands higher, and the base of the neck is shifted to the right.
    """
    bank, prior = BodyBank.packaged(), GaitPrior.packaged()
    curved = replace(HEALTHY, cobb_deg=cobb_deg, curve=curve, side="right")
    shapes = np.empty((people, 2, 2))
    for number in range(people):
        body = bank.body(number % len(bank))
        for place, conditions in enumerate((HEALTHY, curved)):
            rng = np.random.default_rng((seed, number))
            gait = with_conditions(draw_gait(prior, rng, body.sex, body.age_years), conditions, body.age_years, rng)
            shapes[number, place] = right_shoulder_cm(gait, body.joints_m), right_shift_cm(gait, body.joints_m)
    shoulder_cm, shift_cm = (shapes[:, 1] - shapes[:, 0]).mean(0)
    return float(shoulder_cm), float(shift_cm)
