"""What the clinician makes of a score: accepted, or overridden with a reason. Nothing is overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from app import session
from app.services.decisions import DecisionView
from app.services.outcomes import OutcomeView
from app.services.permissions import Actor, Permission, may
from app.views.parts import outcome_form
from app.views.parts.words import language, tr, tr_error
from clinic_data.decisions import REASON_MAX, DecisionData
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS
from clinic_data.tables import Assessment
from clinic_data.visit_tables import ScoreDecision, Verdict
from reports import wording

_DEPRESSION = "depression"


@dataclass(frozen=True, slots=True)
class _Opened:
    """The decision that was there when the form was opened, so that nobody else's is replaced by mistake."""

    decision: ScoreDecision | None


def state_words(view: DecisionView | None) -> str:
    """Where a score stands, in a few words."""
    if view is None:
        return tr("not decided yet")
    if view.decision.verdict is Verdict.ACCEPTED:
        return tr("accepted")
    found = wording.class_name(view.decision.task, view.decision.label or "", language())
    return tr("overridden: {found}", found=found)


def show(
    actor: Actor, assessment: Assessment, task: str, view: DecisionView | None, outcome: OutcomeView | None
) -> None:
    """Draws the decision about a score with its history, and the way to make or change it.

    Args:
        actor: who looks.
        assessment: whose score it is.
        task: which score.
        view: the present decision.
        outcome: the present confirmed outcome of the task; a depression score asks for its PHQ-9 total.
    """
    needs_phq9 = task == _DEPRESSION and (outcome is None or outcome.outcome.phq9_total is None)
    if task == _DEPRESSION:
        outcome_form.phq9(actor, assessment, outcome)
    st.html(f"<b>{escape(tr('Your decision'))}</b>")
    if view is None:
        st.markdown(tr("Nobody has decided about this result yet. It is only a proposal until a clinician does."))
    else:
        st.html(_in_words(view))
        if view.decision.replaces_id:
            _earlier(actor, assessment, task)
    if may(actor, Permission.DECIDE):
        _editing(actor, assessment, task, view, needs_phq9)


def _in_words(view: DecisionView) -> str:
    decision = view.decision
    lines = [f"<b>{escape(state_words(view).capitalize())}</b>"]
    if decision.reason:
        lines.append(escape(decision.reason))
    if decision.phq9_waived_reason:
        lines.append(escape(tr("Accepted without a PHQ-9 total: {reason}", reason=decision.phq9_waived_reason)))
    who = tr("{name}, {time}", name=view.decided_by_name, time=session.shown_time(decision.created_at))
    lines.append(f'<span class="fg-muted fg-small">{escape(who)}</span>')
    return "<br>".join(lines)


def _earlier(actor: Actor, assessment: Assessment, task: str) -> None:
    with st.expander(tr("Earlier decisions")):
        for view in session.services().decisions.history(actor, assessment.id, task)[1:]:
            st.html(_in_words(view))


def _editing(actor: Actor, assessment: Assessment, task: str, view: DecisionView | None, needs_phq9: bool) -> None:
    name = f"decision:{assessment.id}:{task}"
    opened: _Opened | None = session.kept(name)
    if opened is None:
        present = view.decision if view else None
        label = tr("Change the decision") if view else tr("Accept or override")
        st.button(label, key=f"open-{name}", on_click=session.keep, args=(name, lambda: _Opened(present)))
        return
    fields = _fields(task, opened.decision, needs_phq9, key=name)
    with st.container(horizontal=True):
        saved = st.button(tr("Save the decision"), key=f"save-{name}", type="primary")
        st.button(tr("Close without saving"), key=f"close-{name}", on_click=session.forget, args=(name,))
    if saved:
        _save(actor, assessment, name, fields, opened)


def _fields(task: str, known: ScoreDecision | None, needs_phq9: bool, *, key: str) -> dict[str, Any]:
    verdicts = [Verdict.ACCEPTED, Verdict.OVERRIDDEN]
    words = {Verdict.ACCEPTED: tr("Accept the result"), Verdict.OVERRIDDEN: tr("Override the result")}
    verdict: Verdict | None = st.radio(
        tr("Decision"),
        verdicts,
        index=verdicts.index(known.verdict) if known else None,
        format_func=lambda choice: words[choice],
        horizontal=True,
        key=f"{key}:verdict",
    )
    fields: dict[str, Any] = {"task": task, "verdict": verdict}
    if verdict is Verdict.OVERRIDDEN:
        labels = list(LABELS[task])
        fields["label"] = st.selectbox(
            tr("What you set instead"),
            labels,
            index=labels.index(known.label) if known and known.label in labels else None,
            format_func=lambda label: wording.class_name(task, label, language()),
            placeholder=tr("Choose"),
            key=f"{key}:label",
        )
    if verdict is not None:
        asked = tr("Reason") if verdict is Verdict.OVERRIDDEN else tr("Remark, if any")
        fields["reason"] = st.text_area(asked, known.reason if known else "", max_chars=REASON_MAX, key=f"{key}:reason")
    if verdict is Verdict.ACCEPTED and needs_phq9:
        fields["phq9_waived_reason"] = st.text_area(
            tr("Why is it accepted without a PHQ-9 total?"),
            known.phq9_waived_reason if known else "",
            max_chars=REASON_MAX,
            help=tr("A depression score never stands alone: record the PHQ-9 total above, or say why there is none."),
            key=f"{key}:waived",
        )
    return fields


def _save(actor: Actor, assessment: Assessment, name: str, fields: dict[str, Any], opened: _Opened) -> None:
    if fields["verdict"] is None:
        st.error(tr("Choose to accept or to override the result."))
        return
    expected_id = opened.decision.id if opened.decision else None
    try:
        session.services().decisions.decide(actor, assessment.id, DecisionData.checked(**fields), expected_id)
    except ValidationError as error:
        st.error(tr_error(error))
        return
    except ConflictError as error:
        st.error(tr_error(error))
        st.button(tr("Show the stored decision"), key=f"reload-{name}", on_click=session.forget, args=(name,))
        return
    session.forget(name)
    session.put_notice(tr("The decision was saved."))
    st.rerun()
