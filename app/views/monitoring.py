"""Monitoring: are recordings, scores and outcomes still as they were? No patient data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from html import escape
from typing import TypeVar

import streamlit as st

from app import session
from app.services import monitoring_words as words
from app.services.monitoring_agreement import AgreementRow
from app.services.monitoring_facts import ABSTAINED, CHECK, FLAGGED, REFUSED, UNLIKE, UNLIKENESS, monday_of
from app.services.monitoring_view import REFERENCE_SIZE, Alarm, Device, MonitoringView, Plan
from app.services.permissions import Actor, Permission
from app.views.parts import links, look, page, weeks
from app.views.parts.words import later, tr
from clinic_data.tables import Stage
from fgait_core.evaluation.classification import Estimate

ReadT = TypeVar("ReadT")
_SIZES = (REFERENCE_SIZE, 200, 400)
_A_PERIOD = later("a period that you choose")
_ALL = later("all devices")
_DEVICES = 12
_TABLE_KINDS = (REFUSED, UNLIKE, UNLIKENESS, ABSTAINED, FLAGGED)


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Monitoring"))
    st.caption(
        tr(
            "Each week of a model version is compared with a reference from the beginning of its work. No "
            "patient appears here. Weeks begin on Monday, 0:00 UTC."
        )
    )
    version_id, plan = _choose(actor)
    if not version_id or plan is None:
        return
    view = _kept(
        f"weeks:{version_id}:{plan}",
        lambda: session.services().monitoring.view(actor, version_id, plan),
    )
    rows = _kept(
        f"agreement:{version_id}",
        lambda: session.services().monitoring.agreement(actor, version_id),
    )
    _state(view)
    if view.reference.complete:
        _alarms(view, plan)
        _charts(view)
    if view.devices:
        _devices(view, plan)
    _agreement(rows)
    _exports(version_id, plan, bool(view.comparisons), bool(rows))


def _kept(name: str, make: Callable[[], ReadT]) -> ReadT:
    """What was read when it was first asked for: half a year of screenings is not read at every click."""

    def read() -> ReadT:
        with st.spinner(tr("Reading the screenings"), show_time=True):
            return make()

    return session.keep(f"monitoring:{name}", read)


def _choose(actor: Actor) -> tuple[str, Plan | None]:
    choices = session.services().monitoring.versions(actor)
    if not choices:
        st.info(tr("No model version has scored a recording yet. The worker registers the first one when it starts."))
        return "", None
    labels = {
        each.version.id: tr(
            "{name} {version} · {stage} · {screenings} recordings scored",
            name=each.version.name,
            version=each.version.version,
            stage=tr(each.version.stage.value),
            screenings=f"{each.screenings:,}",
        )
        for each in choices
    }
    asked = links.asked_for("version")
    start = list(labels).index(asked) if asked in labels else 0
    left, middle, right = st.columns([5, 4, 2], vertical_alignment="bottom")
    chosen = left.selectbox(
        tr("Model version"), list(labels), start, format_func=labels.__getitem__, key="watched-version"
    )
    options = [*(tr("its first {size} screenings", size=size) for size in _SIZES), tr(_A_PERIOD)]
    reference = middle.selectbox(tr("Reference"), options, key="watched-reference")
    plan = Plan(reference_size=_SIZES[options.index(reference)]) if reference != tr(_A_PERIOD) else _period()
    if right.button(tr("Look again"), key="look-again", width="stretch"):
        session.forget(f"monitoring:weeks:{chosen}:{plan}")
        session.forget(f"monitoring:agreement:{chosen}")
    return chosen, plan


def _period() -> Plan | None:
    today = date.today()
    days = st.date_input(
        tr("First and last day of the reference"),
        (today - timedelta(weeks=12), today - timedelta(weeks=4)),
        max_value=today,
        key="watched-period",
    )
    if not isinstance(days, tuple) or len(days) != 2:
        st.info(tr("Choose the first and the last day."))
        return None
    return Plan(period=(days[0], days[1]))


def _state(view: MonitoringView) -> None:
    reference = view.reference
    if view.version.simulated:
        st.caption(tr("This version learned from simulated walkers."))
    if reference.complete:
        st.caption(
            tr(
                "Reference: {screenings} screenings, {first} to {last}. Looked at {time}.",
                screenings=reference.screenings,
                first=session.shown_time(reference.first),
                last=session.shown_time(reference.last),
                time=session.shown_time(view.at),
            )
        )
        return
    if not reference.screenings:
        st.info(
            tr("This version has screened nobody in the time of the reference, so nothing can be compared yet.")
            if view.version.stage is Stage.PRODUCTION
            else tr("There are no screenings of this version in the time of the reference.")
        )
        return
    st.info(
        tr(
            "The reference has {screenings} of {wanted} screenings. Weeks are compared when it is full; "
            "until then no alarm can be raised. What came in so far is shown by device.",
            screenings=reference.screenings,
            wanted=reference.wanted,
        )
    )
    st.progress(min(reference.screenings / reference.wanted, 1.0))


def _alarms(view: MonitoringView, plan: Plan) -> None:
    st.subheader(tr("Alarms"))
    judged = [each.week for each in view.comparisons if each.p is not None]
    if not judged:
        st.info(
            tr(
                "No week could be judged yet: a week is judged when it has ended and at least {people} "
                "people were screened in it or in the weeks to its end.",
                people=plan.rules.people,
            )
        )
        return
    last = f"{monday_of(max(judged)):%d %b %Y}"
    present = [alarm for alarm in view.alarms if alarm.present]
    for alarm in present:
        _alarm(alarm)
    if not present:
        st.success(tr("No alarm in the last week that was judged, that of {last}.", last=last))
    st.caption(
        tr(
            "In the week of {last}, {compared} comparisons were made: each measure of each device and of all "
            "devices together, for that week alone and for the {together} weeks to its end. All of them "
            "together raise a false alarm in at most {rate} of 100 weeks.",
            last=last,
            compared=view.compared,
            together=plan.rules.together,
            rate=f"{100 * plan.rules.alpha:g}",
        )
    )
    earlier = [alarm for alarm in view.alarms if not alarm.present]
    if earlier:
        with st.expander(tr("Earlier alarms ({n})", n=len(earlier))):
            look.table(
                (tr("Weeks"), tr("Measure"), tr("Where"), tr("What was seen")), [_earlier(alarm) for alarm in earlier]
            )


def _alarm(alarm: Alarm) -> None:
    st.html(
        f'<div class="fg-banner fg-stop" role="alert"><b>{escape(words.title(alarm.measure))}</b> – '
        f"{escape(', '.join(alarm.where))}, since the week of {monday_of(alarm.since):%d %b %Y}<br>"
        f"{escape(_sentence(alarm.words))} {escape(alarm.chance)}<br><b>What to do:</b> {escape(alarm.advice)}</div>"
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _earlier(alarm: Alarm) -> tuple[str, ...]:
    last = alarm.comparison.week
    span = f"{monday_of(alarm.since):%d %b %Y}" + ("" if last == alarm.since else f" to {monday_of(last):%d %b %Y}")
    return tuple(map(escape, (span, words.title(alarm.measure), ", ".join(alarm.where), _sentence(alarm.words))))


def _charts(view: MonitoringView) -> None:
    if not view.comparisons:
        return
    st.subheader(tr("By week"))
    names = [_ALL, *(each.name for each in view.devices if each.judged)]
    chosen = (
        st.selectbox(tr("Device"), names, key="watched-device", format_func=tr, width=360) if len(names) > 2 else _ALL
    )
    device = None if chosen == _ALL else chosen
    mine = [each for each in view.comparisons if each.device == device]
    alarmed = {(each.measure, each.week) for each in mine if each.alarm}
    shown = [name for name in view.measures if not name.startswith(CHECK) or name in {each for each, _ in alarmed}]
    st.html(weeks.key())
    columns = st.columns(2)
    for number, measure in enumerate(shown):
        single = [each for each in mine if each.measure == measure and each.weeks == 1]
        if single:
            with columns[number % 2]:
                st.markdown(f"**{words.title(measure)}**", help=words.meaning(measure))
                figure = weeks.chart(single, frozenset(week for name, week in alarmed if name == measure))
                st.plotly_chart(figure, config=weeks.CONFIG, key=f"chart-{measure}")


def _devices(view: MonitoringView, plan: Plan) -> None:
    st.subheader(tr("By device"))
    measures = [name for name in view.measures if name.partition(":")[0] in _TABLE_KINDS]
    last = max((each.week for each in view.comparisons if each.p is not None), default=0)
    alarmed = {(each.device, each.measure) for each in view.comparisons if each.alarm and each.week == last}
    compared = view.reference.complete
    screenings = (
        tr("Screenings, last {together} weeks", together=plan.rules.together) if compared else tr("Screenings so far")
    )
    look.table(
        (tr("Device"), screenings, *map(words.title, measures)),
        [_device_row(device, measures, alarmed, compared) for device in view.devices[:_DEVICES]],
    )
    if compared:
        st.caption(
            tr(
                "Of the last {together} weeks; in brackets the same in the reference. A device with fewer "
                "than {reference_people} people in the reference is not judged on its own.",
                together=plan.rules.together,
                reference_people=plan.rules.reference_people,
            )
        )
    if len(view.devices) > _DEVICES:
        with st.expander(tr("{n} more devices", n=len(view.devices) - _DEVICES)):
            look.table(
                (tr("Device"), tr("Screenings in the weeks shown"), tr("In the reference")),
                [
                    (escape(each.name), f"{each.screenings:,}", f"{each.in_reference:,}")
                    for each in view.devices[_DEVICES:]
                ],
            )


def _device_row(
    device: Device, measures: list[str], alarmed: set[tuple[str | None, str]], compared: bool
) -> tuple[str, ...]:
    if not compared:
        usual = (_value(measure, device.usual.get(measure)) for measure in measures)
        return tuple(map(escape, (device.name, f"{device.in_reference:,}", *usual)))
    note = "" if device.judged else '<br><span class="fg-small fg-muted">not judged on its own</span>'
    cells = [f"{escape(device.name)}{note}", f"{device.recent:,} ({device.in_reference:,})"]
    for measure in measures:
        now, usual = device.values.get(measure), device.usual.get(measure)
        mark = "<br>" + look.pill(tr("alarm"), "positive") if (device.name, measure) in alarmed else ""
        cells.append(escape(f"{_value(measure, now)} ({_value(measure, usual)})") + mark)
    return tuple(cells)


def _value(measure: str, value: float | None) -> str:
    return "–" if value is None else words.value_words(measure, value)


def _agreement(rows: tuple[AgreementRow, ...]) -> None:
    st.subheader(tr("Agreement with confirmed outcomes"))
    if not rows:
        st.info(
            tr("No outcome of a recording that this version scored is known yet. Clinicians record them on results.")
        )
        return
    figures = (tr("Sensitivity"), tr("Specificity"), tr("AUROC"), tr("Brier score"), tr("Calibration"))
    look.table(
        (tr("Task"), tr("Quarter"), tr("People"), tr("Unclear; no score"), *figures),
        [_agreement_row(row) for row in rows],
    )
    st.caption(
        tr(
            "Quarters are those of the screening. One recording a person; 95 % intervals in brackets. "
            "Unclear: the model could not tell, but the score counts here; no score: people left out because "
            "the guard showed none. Calibration: how many percentage points more people have the condition "
            "than the scores said (0 is perfect). Outcomes are often known only of people who were examined "
            "further, most of them because of a high score: then sensitivity looks too good and specificity "
            "too bad."
        )
    )


def _agreement_row(row: AgreementRow) -> tuple[str, ...]:
    found = row.agreement
    cells = (
        row.task.capitalize(),
        row.quarter or "all",
        tr("{people}, {positive} of them with it", people=found.people, positive=found.positive),
        f"{row.abstained}; {row.not_shown}",
        _percent(found.sensitivity),
        _percent(found.specificity),
        _number(found.auroc),
        _number(found.brier),
        _percent(found.calibration, "+"),
    )
    return tuple(map(escape, cells))


def _percent(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return "–"
    numbers = (round(100 * each) for each in (estimate.value, estimate.low, estimate.high))
    value, low, high = (format(number, sign if number else "") for number in numbers)
    return f"{value} % ({low} to {high})"


def _number(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _exports(version_id: str, plan: Plan, weekly: bool, agreement: bool) -> None:
    if not weekly and not agreement:
        return
    st.subheader(tr("Export"))
    services, token = session.services(), session.token()
    left, right, _ = st.columns([2, 2, 3])
    # Made when it is clicked, on a thread that knows no session: who asks is read from the token then.
    if weekly:
        left.download_button(
            tr("Weeks as CSV"),
            session.bound(lambda: services.monitoring.export(services.accounts.actor_of(token), version_id, plan)),
            file_name="monitoring_weeks.csv",
            mime="text/csv",
            key="export-weeks",
            width="stretch",
        )
    if agreement:
        right.download_button(
            tr("Agreement as CSV"),
            session.bound(lambda: services.monitoring.export_agreement(services.accounts.actor_of(token), version_id)),
            file_name="monitoring_agreement.csv",
            mime="text/csv",
            key="export-agreement",
            width="stretch",
        )


if __name__ == "__main__":
    page.run(Permission.READ_MONITORING, body)
