"""What turned out to be true of an assessment: shown, recorded and corrected, one task below the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import streamlit as st

from app import session
from app.services.outcomes import OutcomeView, remarks
from app.services.permissions import Actor, Permission, may
from app.services.report_content import score_blocks
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS, METHODS, NOT_KNOWN, PHQ9_MAX, OutcomeData
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment
from reports import wording

_METHOD_WORDS = {
    "radiograph": "radiograph",
    "forward_bend_test": "forward-bend test",
    "clinical_diagnosis": "clinician's diagnosis",
}
_WHAT_COUNTS = {
    "scoliosis": "By radiograph: no scoliosis below a Cobb angle of 10°, borderline from 10° to 20°, scoliosis above "
    "20°. By forward-bend test: as the examiner judged it.",
    "depression": "The diagnosis is what counts. The PHQ-9 total is recorded beside it; it may also stand alone.",
}


def show(actor: Actor, assessment: Assessment) -> None:
    """Draws the outcomes of an assessment; who may, records and corrects them.

    Args:
        actor: who looks.
        assessment: whose outcomes they are.
    """
    if not may(actor, Permission.READ_RESULTS):
        return
    outcomes = session.services().outcomes
    present = outcomes.current(actor, assessment.id)
    st.subheader("Confirmed outcome")
    st.caption(
        "Record here what an examination found, when it is known. It shows how often the model is right in this "
        "clinic, and may train it if the patient consented. Nothing is overwritten: a correction keeps what was there."
    )
    screened = [score.task for score in score_blocks(assessment.result)]
    for task in LABELS:
        if task in screened or task in present:
            with st.container(border=True):
                _task(actor, assessment, task, present.get(task))


def _task(actor: Actor, assessment: Assessment, task: str, view: OutcomeView | None) -> None:
    st.html(f"<h3>{escape(wording.task_title(task))}</h3>")
    if view is None:
        st.markdown("No outcome yet.")
    else:
        st.html(_in_words(view))
        for remark in remarks(view.outcome, assessment.created_at.date()):
            st.info(remark)
        if view.outcome.replaces_id:
            _earlier(actor, assessment, task)
    if may(actor, Permission.CONFIRM_OUTCOMES):
        _editing(actor, assessment, task, view)


def _in_words(view: OutcomeView) -> str:
    outcome = view.outcome
    if outcome.label is None:
        found = "<b>Not known</b>"
    else:
        found = f"<b>{escape(wording.class_name(outcome.task, outcome.label).capitalize())}</b>"
        found += f", by {escape(_METHOD_WORDS[outcome.method])}"
    if outcome.phq9_total is not None:
        found += f" &nbsp; PHQ-9 total {outcome.phq9_total}"
    if outcome.examined_on is not None:
        found += f" &nbsp; examined on {outcome.examined_on.isoformat()}"
    note = f"<br>{escape(outcome.note)}" if outcome.note else ""
    who = f"Recorded by {view.confirmed_by}, {session.shown_time(outcome.created_at)}"
    return f'{found}{note}<br><span class="fg-muted fg-small">{escape(who)}</span>'


def _earlier(actor: Actor, assessment: Assessment, task: str) -> None:
    with st.expander("Earlier entries"):
        for view in session.services().outcomes.history(actor, assessment.id, task)[1:]:
            st.html(_in_words(view))


def _editing(actor: Actor, assessment: Assessment, task: str, view: OutcomeView | None) -> None:
    """The button that opens the form, or the form; it remembers the outcome that was there when it was opened."""
    name = f"outcome:{assessment.id}:{task}"
    opened: _Opened | None = session.kept(name)
    if opened is None:
        outcome = view.outcome if view else None
        label = "Correct the outcome" if view else "Record the outcome"
        st.button(label, key=f"open-{name}", on_click=session.keep, args=(name, lambda: _Opened(outcome)))
        return
    with st.form(name, border=False, enter_to_submit=False):
        fields = _fields(task, opened.outcome, key=name)
        saved = st.form_submit_button("Save the outcome", type="primary")
    st.button("Close without saving", key=f"close-{name}", on_click=session.forget, args=(name,))
    if saved:
        _save(actor, assessment, name, fields, opened)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The outcome that was there when the form was opened, so that nobody else's is corrected by mistake."""

    outcome: ConfirmedOutcome | None


def _fields(task: str, known: ConfirmedOutcome | None, *, key: str) -> dict[str, Any]:
    """Draws the form; gives its values, None where nothing was chosen."""
    st.caption(_WHAT_COUNTS[task])
    left, middle, right = st.columns(3)
    choices = [*LABELS[task], NOT_KNOWN]
    found: str | None = left.selectbox(
        "What was found",
        choices,
        index=choices.index(known.label or NOT_KNOWN) if known else None,
        format_func=lambda choice: "not known" if choice == NOT_KNOWN else wording.class_name(task, choice),
        placeholder="Choose",
        key=f"{key}:found",
    )
    fields: dict[str, Any] = {"task": task, "label": None if found == NOT_KNOWN else found}
    if task == "depression":
        method: str | None = "clinical_diagnosis"
        total = known.phq9_total if known else None
        fields["phq9_total"] = middle.number_input(
            "PHQ-9 total, if known", 0, PHQ9_MAX, total, 1, format="%d", key=f"{key}:phq9"
        )
    else:
        method = _method(middle, task, known, key=key)
    fields["method"] = NOT_KNOWN if found == NOT_KNOWN else method
    fields["examined_on"] = right.date_input(
        "Date of the examination",
        value=known.examined_on if known else None,
        max_value=date.today(),
        format="YYYY-MM-DD",
        key=f"{key}:date",
    )
    fields["note"] = st.text_area("Note, without names", known.note if known else "", max_chars=1000, key=f"{key}:note")
    return fields | {"found": found}


def _method(place: Any, task: str, known: ConfirmedOutcome | None, *, key: str) -> str | None:
    methods = [method for method in METHODS[task] if method != NOT_KNOWN]
    return place.selectbox(
        "Found by",
        methods,
        index=methods.index(known.method) if known and known.method in methods else None,
        format_func=lambda choice: _METHOD_WORDS[choice],
        placeholder="Choose",
        key=f"{key}:method",
    )


def _save(actor: Actor, assessment: Assessment, name: str, fields: dict[str, Any], opened: _Opened) -> None:
    found = fields.pop("found")
    if found is None or fields["method"] is None:
        st.error("Choose what was found and how, or “not known”.")
        return
    expected_id = opened.outcome.id if opened.outcome else None
    try:
        data = OutcomeData.checked(**fields)
        session.services().outcomes.record(actor, assessment.id, data, expected_id)
    except ValidationError as error:
        st.error(str(error))
        return
    except ConflictError as error:
        st.error(str(error))
        st.button("Show the stored outcome", key=f"reload-{name}", on_click=session.forget, args=(name,))
        return
    session.forget(name)
    session.put_notice("The outcome was saved.")
    st.rerun()
