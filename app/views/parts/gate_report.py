"""Candidate against production on the locked people: the verdict in plain words first, then every figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import streamlit as st

from app.views.parts import curves, look
from app.views.parts.words import language, later, tr
from clinic_data.tables import Stage
from fgait_core.gate_report import Criterion, GateReport, Measured, VersionFigures
from reports.numbers import percent_of_count, plain_number
from reports.wording import condition_name, task_title

_FEW = 8
"""Rows of recordings that change side which are shown at once."""

_GROUPS = {
    "sex": later("Sex"),
    "age": later("Age"),
    "age_group": later("Age"),
    "view": later("View"),
    "device": later("Device"),
    "site": later("Site"),
}


def verdict(report: GateReport, stage: Stage) -> None:
    """What the comparison says, in words that cannot be overlooked.

    Args:
        report: what was measured.
        stage: of the version now.
    """
    if report.simulated:
        look.notice(
            tr("SIMULATED PEOPLE – no evidence for patients"),
            tr(
                "The locked people of this comparison are simulated. Its figures say how the method works, "
                "not what the version does for patients."
            ),
        )
    missed = [criterion for criterion in report.criteria if not criterion.passed]
    if not report.possible:
        look.notice(
            tr("Promotion is impossible: too few locked people."),
            tr(
                "Whatever the figures below say, they cannot carry a decision. Record more confirmed "
                "outcomes of patients who consent, then retrain with a new cohort. {missed}.",
                missed=_too_few(missed),
            ),
            kind="stop",
        )
    elif not report.passed:
        look.notice(
            tr(
                "Refused by the gate: {missed} of {n} criteria are not met.",
                missed=len(missed),
                n=len(report.criteria),
            ),
            tr("This version cannot be promoted. Not met: {criteria}.", criteria=_listed(missed)),
            kind="stop",
        )
    else:
        look.notice(
            tr("Passed: all {n} criteria of the protocol are met.", n=len(report.criteria)),
            tr("This version can be promoted. That needs two administrators: one asks, another one approves.")
            if stage is Stage.CANDIDATE
            else tr("The figures below are those of the comparison before its promotion."),
            kind="good",
        )


def _listed(missed: Sequence[Criterion]) -> str:
    return "; ".join(each.label for each in missed)


def _too_few(missed: Sequence[Criterion]) -> str:
    people = [each for each in missed if each.name in ("people_with", "people_without")] or missed
    return "; ".join(
        tr(
            "{label}: needed {needed}, there are {measured}",
            label=each.label,
            needed=each.needed,
            measured=each.measured,
        )
        for each in people
    )


def pill(report: GateReport) -> str:
    """The verdict in one or two words."""
    if not report.possible:
        return look.pill(tr("too few people"), "positive")
    return look.pill(tr("passed"), "ok") if report.passed else look.pill(tr("refused"), "positive")


def criteria(report: GateReport) -> str:
    """Every criterion that was fixed before the run, and what came of it, as HTML."""
    return look.table_html(
        (tr("Criterion"), tr("Needed"), tr("Measured"), tr("Outcome")),
        [
            (
                escape(each.label),
                escape(each.needed),
                escape(each.measured),
                look.pill(tr("met"), "ok") if each.passed else look.pill(tr("not met"), "positive"),
            )
            for each in report.criteria
        ],
    )


def details(report: GateReport, key: str) -> None:
    """Figures, reliability, subgroups and changed recordings.

    Args:
        report: what was measured.
        key: of the widgets, unlike that of any other report on the page.
    """
    _people(report)
    st.markdown(tr("#### Both versions on the same people"))
    _figures(report)
    _paired_words(report)
    st.markdown(tr("#### Reliability"))
    for column, name, version in zip(
        st.columns(2),
        (tr("In production"), tr("Candidate")),
        (report.production, report.candidate),
        strict=True,
    ):
        with column:
            _reliability(name, version, f"{key}-{name}")
    st.caption(
        tr(
            "A dot on the line: of the people with that predicted probability, as many had the condition. "
            "The size of a dot is the share of the people; small dots say little."
        )
    )
    _subgroups(report)
    _changed(report, key)
    with st.expander(tr("Checksums of this comparison")):
        _hashes(report)


def _people(report: GateReport) -> None:
    condition = condition_name(report.task, language())
    look.facts(
        [
            (tr("Task"), task_title(report.task, language())),
            (
                tr("Locked people"),
                tr(
                    "{people}: {positive} with {condition}",
                    people=report.people,
                    positive=report.positive,
                    condition=condition,
                ),
            ),
            (tr("Recordings"), str(report.recordings)),
            (
                tr("Candidate trained on"),
                tr("{trained_people} people of this clinic", trained_people=report.trained_people),
            ),
            (tr("Of the locked people trained on"), str(report.shared_people)),
        ]
    )


def _figures(report: GateReport) -> None:
    old, new, paired = report.production, report.candidate, report.paired
    rows = [
        (tr("AUROC"), number(old.auroc), number(new.auroc), difference(paired.auroc)),
        (tr("Sensitivity"), share(old.sensitivity), share(new.sensitivity), points(paired.sensitivity)),
        (tr("Specificity"), share(old.specificity), share(new.specificity), points(paired.specificity)),
        (tr("Brier score (0 is best)"), number(old.brier, 3), number(new.brier, 3), difference(paired.brier, 3)),
        (tr("Calibration slope (1 is best)"), number(old.slope), number(new.slope), ""),
        (tr("Calibration intercept (0 is best)"), _plain(old.intercept), _plain(new.intercept), ""),
        (tr("ECE"), _plain(old.ece, 3), _plain(new.ece, 3), ""),
        (tr("ECE beyond chance"), _plain(old.excess_ece, 3), _plain(new.excess_ece, 3), ""),
        (tr("Coverage of the prediction sets"), share(old.coverage), share(new.coverage), ""),
        (tr("Abstentions"), share(old.abstained), share(new.abstained), ""),
        (tr("Threshold"), percent_of_count(old.threshold), percent_of_count(new.threshold), ""),
    ]
    look.table(
        (
            tr("On the locked people"),
            tr("In production: {version}", version=_label(old)),
            tr("Candidate: {version}", version=_label(new)),
            tr("Candidate − production"),
        ),
        [tuple(escape(cell) for cell in row) for row in rows],
    )


def _label(version: VersionFigures) -> str:
    return f"{version.name} {version.version}"


def _paired_words(report: GateReport) -> None:
    paired = report.paired
    tests = [f"{name} p {p_value(value)}" for name, value in _tests(report) if value is not None]
    st.caption(
        tr(
            "In brackets: 95 % intervals; both versions scored the same people, so the difference is paired. "
            "Only the candidate was right about {only_candidate_right} people, only production about "
            "{only_production_right}. {tests}",
            only_candidate_right=paired.only_candidate_right,
            only_production_right=paired.only_production_right,
            tests="; ".join(tests),
        )
    )


def _tests(report: GateReport) -> tuple[tuple[str, float | None], ...]:
    return (tr("DeLong, equal AUROC:"), report.paired.auroc_p), (
        tr("McNemar, equally often right:"),
        report.paired.mcnemar_p,
    )


def _reliability(name: str, version: VersionFigures, key: str) -> None:
    st.markdown(f"**{name}** {escape(_label(version))}")
    st.plotly_chart(
        curves.reliability(version.curve),
        key=key,
        config=curves.CONFIG,
        alt=tr("Reliability diagram, {version}: observed share against predicted probability.", version=name.lower()),
    )


def _subgroups(report: GateReport) -> None:
    st.markdown(tr("#### Subgroups"))
    if not report.subgroups:
        st.info(tr("No subgroup has enough people to be measured."))
        return
    condition = condition_name(report.task, language())
    look.table(
        (
            tr("Group"),
            tr("People"),
            tr("With {condition}", condition=condition),
            tr("AUROC in production"),
            tr("AUROC of the candidate"),
        ),
        [
            (
                escape(f"{tr(_GROUPS.get(each.group, each.group))}: {tr(each.value)}"),
                str(each.people),
                str(each.positive),
                escape(number(each.production)),
                escape(number(each.candidate)),
            )
            for each in report.subgroups
        ],
    )


def _changed(report: GateReport, key: str) -> None:
    st.markdown(tr("#### Recordings that change side"))
    if not report.changed:
        st.info(tr("No recording changes side: both versions decide alike on all of them."))
        return
    right = sum((each.candidate >= report.candidate.threshold) == each.positive for each in report.changed)
    st.markdown(
        tr(
            "{n} of {recordings} recordings: {right} from wrong to right, {wrong} from right to wrong. "
            "People and recordings stand under codes.",
            n=len(report.changed),
            recordings=report.recordings,
            right=right,
            wrong=len(report.changed) - right,
        )
    )
    shown = report.changed
    if len(shown) > _FEW and not st.checkbox(tr("Show all {n}", n=len(shown)), key=f"{key}-changed"):
        shown = shown[:_FEW]
    condition = condition_name(report.task, language())
    look.table(
        (tr("Recording"), tr("Person"), tr("Truth"), tr("In production"), tr("Candidate"), ""),
        [
            (
                _code(each.key),
                _code(each.person),
                escape(condition if each.positive else f"no {condition}"),
                escape(_side(each.production, report.production.threshold)),
                escape(_side(each.candidate, report.candidate.threshold)),
                look.pill(tr("now right"), "ok")
                if (each.candidate >= report.candidate.threshold) == each.positive
                else look.pill(tr("now wrong"), "positive"),
            )
            for each in shown
        ],
    )


def _code(text: str) -> str:
    return f'<span class="fg-hash">{escape(text[:8])}</span>'


def _side(probability: float, threshold: float) -> str:
    return f"{100 * probability:.0f} %, {tr('flagged') if probability >= threshold else tr('not flagged')}"


def _hashes(report: GateReport) -> None:
    rows = (
        (tr("Production, package"), report.production.sha256),
        (tr("Candidate, package"), report.candidate.sha256),
        (tr("Protocol"), report.protocol_sha256),
        (tr("Manifest of the locked people"), report.gate_sha256),
        (tr("Made by"), report.created_by),
    )
    look.table((tr("What"), tr("SHA-256")), [(escape(name), look.sha256(value)) for name, value in rows])


def number(measured: Measured, decimals: int = 2) -> str:
    """A value with its interval: "0.83 (0.71 to 0.92)"."""
    return _with_interval(measured, lambda value: plain_number(value, decimals))


def share(measured: Measured) -> str:
    """A share as percent with its interval."""
    return _with_interval(measured, lambda value: f"{100 * value:.0f} %")


def difference(measured: Measured, decimals: int = 2) -> str:
    """A difference, with its sign."""
    return _with_interval(measured, lambda value: _signed(plain_number(value, decimals)))


def points(measured: Measured) -> str:
    """A difference of shares in percentage points."""
    text = _with_interval(measured, lambda value: _signed(plain_number(100 * value, 0)))
    return text if measured.value is None else tr("{text} points", text=text)


def _signed(text: str) -> str:
    return text if text.startswith("−") or not any(digit in text for digit in "123456789") else f"+{text}"


def _with_interval(measured: Measured, words: Callable[[float], str]) -> str:
    if measured.value is None:
        return tr("cannot be said")
    if measured.low is None or measured.high is None:
        return words(measured.value)
    return f"{words(measured.value)} ({words(measured.low)} to {words(measured.high)})"


def _plain(value: float | None, decimals: int = 2) -> str:
    return tr("cannot be said") if value is None else plain_number(value, decimals)


def p_value(value: float) -> str:
    """A p value as it is printed."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
