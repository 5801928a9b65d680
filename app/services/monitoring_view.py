"""What monitoring shows of a version: weeks against the reference, alarms, devices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from app.services import monitoring_words
from app.services.monitoring_facts import columns, measures_of, week_of
from clinic_data.monitoring import ScreeningFact
from clinic_data.tables import ModelVersion
from fgait_core.evaluation.drift import Comparison, Rules, Screenings, watch

REFERENCE_SIZE = 100
WEEKS = 26
_NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared with what.

    Attributes:
        reference_size: so many first screenings of the version are the reference ...
        period: ... unless these days are, both included.
        weeks: how many weeks are judged.
        rules: how.
    """

    reference_size: int = REFERENCE_SIZE
    period: tuple[date, date] | None = None
    weeks: int = WEEKS
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Reference:
    """What is taken as normal.

    Attributes:
        screenings: how many there are.
        wanted: how many are needed; weeks are compared when there are as many.
        first: when the first of them was.
        last: when the last of them was.
    """

    screenings: int
    wanted: int
    first: datetime | None
    last: datetime | None

    @property
    def complete(self) -> bool:
        """Whether weeks can be compared with it."""
        return self.screenings >= self.wanted


@dataclass(frozen=True, slots=True)
class Alarm:
    """A measure that was unlikely to be chance in one week or in several weeks one after the other.

    Attributes:
        measure: its name.
        comparison: the clearest comparison of its last week.
        where: devices that it was seen in, "all devices" first.
        since: the first of these weeks.
        present: whether the last week that was judged is one of them.
    """

    measure: str
    comparison: Comparison
    where: tuple[str, ...]
    since: int
    present: bool

    @property
    def words(self) -> str:
        """What was seen."""
        return monitoring_words.difference(self.comparison)

    @property
    def chance(self) -> str:
        """How unlikely it is."""
        return monitoring_words.chance(self.comparison.adjusted or 0.0)

    @property
    def advice(self) -> str:
        """What to do."""
        return monitoring_words.advice(self.comparison)


@dataclass(frozen=True, slots=True)
class Device:
    """A camera.

    Attributes:
        name: size, frame rate and codec of its videos.
        screenings: how many there were in the weeks shown.
        recent: how many of them in the last weeks that are compared together.
        in_reference: how many there are in the reference.
        judged: whether these are enough to judge the device on its own.
        values: what was measured in these last weeks, by measure.
        usual: the same in the reference.
    """

    name: str
    screenings: int
    recent: int
    in_reference: int
    judged: bool
    values: dict[str, float]
    usual: dict[str, float]


@dataclass(frozen=True, slots=True)
class MonitoringView:
    """All that the page shows of a version.

    Attributes:
        version: whose screenings these are.
        at: when they were looked at.
        reference: what is normal.
        running: the week that has not ended; it is shown and not judged.
        measures: names of what was measured, in order.
        devices: most used first.
        comparisons: in order of weeks.
        alarms: present ones first, then newest first.
        compared: how many comparisons the last week that was judged had.
        later: screenings after the reference in the weeks shown.
    """

    version: ModelVersion
    at: datetime
    reference: Reference
    running: int
    measures: tuple[str, ...]
    devices: tuple[Device, ...]
    comparisons: tuple[Comparison, ...]
    alarms: tuple[Alarm, ...]
    compared: int
    later: int


def make_view(
    version: ModelVersion,
    now: datetime,
    plan: Plan,
    reference: Sequence[ScreeningFact],
    later: Sequence[ScreeningFact],
    last_week: int,
) -> MonitoringView:
    """Compares and sums up.

    Args:
        version: whose screenings these are.
        now: the present moment.
        plan: what is compared with what.
        reference: the screenings of the reference, in order of time.
        later: those after it, in order of time; from a few weeks before the first that is judged.
        last_week: the last week to show.
    """
    running = week_of(now)
    wanted = plan.rules.reference_people if plan.period else plan.reference_size
    normal = Reference(
        len(reference), wanted, reference[0].at if reference else None, reference[-1].at if reference else None
    )
    first_week = last_week - plan.weeks + 1
    measures = measures_of([*reference, *later])
    before, after = columns(reference, measures), columns(later, measures)
    comparisons: list[Comparison] = []
    if normal.complete:
        weeks = [week for week in range(first_week, last_week + 1) if week != running]
        comparisons = watch(before, after, weeks, plan.rules) + _unjudged(before, after, running, plan.rules)
    judged = [each.week for each in comparisons if each.p is not None]
    return MonitoringView(
        version=version,
        at=now,
        reference=normal,
        running=running,
        measures=tuple(measures),
        devices=tuple(_devices(before, after, first_week, last_week, plan.rules)),
        comparisons=tuple(comparisons),
        alarms=tuple(_alarms(comparisons)),
        compared=judged.count(max(judged)) if judged else 0,
        later=int((after.week >= first_week).sum()),
    )


def _unjudged(before: Screenings, after: Screenings, week: int, rules: Rules) -> list[Comparison]:
    """What was seen in the running week so far: judging it each day would be many looks for one stated rate."""
    return watch(before, after, [week], replace(rules, people=_NEVER, together=1))


def _devices(before: Screenings, after: Screenings, first_week: int, last_week: int, rules: Rules) -> list[Device]:
    made: list[Device] = []
    for name in np.unique(np.concatenate([before.device, after.device])):
        usual, mine = before.device == name, after.device == name
        recent = mine & (after.week > last_week - rules.together)
        made.append(
            Device(
                name=str(name),
                screenings=int((mine & (after.week >= first_week)).sum()),
                recent=int(recent.sum()),
                in_reference=int(usual.sum()),
                judged=len(np.unique(before.person[usual])) >= rules.reference_people,
                values=_values(after, recent),
                usual=_values(before, usual),
            )
        )
    return sorted(made, key=lambda device: (-device.screenings, -device.in_reference, device.name))


def _values(screenings: Screenings, rows: NDArray[np.bool_]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, column in screenings.measures.items():
        defined = column[rows & ~np.isnan(column)]
        if len(defined):
            values[name] = float(np.median(defined) if name in screenings.levels else defined.mean())
    return values


def _alarms(comparisons: Iterable[Comparison]) -> list[Alarm]:
    """One alarm for each measure and run of weeks, the present ones first."""
    comparisons = list(comparisons)
    judged = sorted({each.week for each in comparisons if each.p is not None})
    place = {week: number for number, week in enumerate(judged)}
    runs: dict[str, list[list[Comparison]]] = {}
    for each in sorted((each for each in comparisons if each.alarm), key=lambda each: each.week):
        of_measure = runs.setdefault(each.measure, [])
        if of_measure and place[each.week] - place[of_measure[-1][-1].week] <= 1:
            of_measure[-1].append(each)
        else:
            of_measure.append([each])
    alarms = [_alarm(run, judged[-1]) for of_measure in runs.values() for run in of_measure]
    return sorted(alarms, key=lambda alarm: (-alarm.comparison.week, alarm.comparison.adjusted or 0.0))


def _alarm(run: Sequence[Comparison], last_judged: int) -> Alarm:
    last = [each for each in run if each.week == run[-1].week]
    devices = sorted({each.device for each in last if each.device is not None})
    whole = ["all devices"] if any(each.device is None for each in last) else []
    return Alarm(
        measure=run[0].measure,
        comparison=min(last, key=lambda each: (each.adjusted or 0.0, each.weeks)),
        where=(*whole, *devices),
        since=run[0].week,
        present=run[-1].week == last_judged,
    )
