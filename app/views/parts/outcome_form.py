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
from app.views.parts.words import language, tr, tr_error
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS, METHODS, NOT_KNOWN, PHQ9_MAX, OutcomeData
from clinic_data.retraining_tables import ConfirmedOutcome
from clinic_data.tables import Assessment
from reports import wording


def _method_words(method: str) -> str:
    words = {
        "radiograph": tr("radiograph"),
        "forward_bend_test": tr("forward-bend test"),
        "clinical_diagnosis": tr("clinician's diagnosis"),
    }
    return words[method]


def _what_counts(task: str) -> str:
    if task == "depression":
        return tr("The diagnosis is what counts. The PHQ-9 total is recorded beside it; it may also stand alone.")
    return tr(
        "By radiograph: no scoliosis below a Cobb angle of 10°, borderline from 10° to 20°, scoliosis above 20°. By "
        "forward-bend test: as the examiner judged it."
    )


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
    st.subheader(tr("Confirmed outcome"), anchor="outcome")
    st.caption(
        tr(
            "Record here what an examination found, when it is known. It shows how often the model is right in this "
            "clinic, and may train it if the patient consented. Nothing is overwritten: a correction keeps what was "
            "there."
        )
    )
    screened = [score.task for score in score_blocks(assessment.result)]
    for task in LABELS:
        if task in screened or task in present:
            with st.container(border=True):
                _task(actor, assessment, task, present.get(task))


def _task(actor: Actor, assessment: Assessment, task: str, view: OutcomeView | None) -> None:
    st.html(f"<h3>{escape(wording.task_title(task, language()))}</h3>")
    if view is None:
        st.markdown(tr("No outcome yet."))
    else:
        st.html(_in_words(view))
        for remark in remarks(view.outcome, assessment.created_at.date()):
            st.info(tr(remark))
        if view.outcome.replaces_id:
            _earlier(actor, assessment, task)
    if may(actor, Permission.CONFIRM_OUTCOMES):
        _editing(actor, assessment, task, view)


def _in_words(view: OutcomeView) -> str:
    outcome = view.outcome
    if outcome.label is None:
        found = f"<b>{escape(tr('Not known'))}</b>"
    else:
        label = wording.class_name(outcome.task, outcome.label, language()).capitalize()
        found = f"<b>{escape(label)}</b> ({escape(_method_words(outcome.method))})"
    if outcome.phq9_total is not None:
        found += f" &nbsp; {escape(tr('PHQ-9 total {total}', total=outcome.phq9_total))}"
    if outcome.examined_on is not None:
        found += f" &nbsp; {escape(tr('examined on {date}', date=outcome.examined_on.isoformat()))}"
    note = f"<br>{escape(outcome.note)}" if outcome.note else ""
    who = tr("Recorded by {name}, {time}", name=view.confirmed_by, time=session.shown_time(outcome.created_at))
    return f'{found}{note}<br><span class="fg-muted fg-small">{escape(who)}</span>'


def _earlier(actor: Actor, assessment: Assessment, task: str) -> None:
    with st.expander(tr("Earlier entries")):
        for view in session.services().outcomes.history(actor, assessment.id, task)[1:]:
            st.html(_in_words(view))


def _editing(actor: Actor, assessment: Assessment, task: str, view: OutcomeView | None) -> None:
    """The button that opens the form, or the form; it remembers the outcome that was there when it was opened."""
    name = f"outcome:{assessment.id}:{task}"
    opened: _Opened | None = session.kept(name)
    if opened is None:
        outcome = view.outcome if view else None
        label = tr("Correct the outcome") if view else tr("Record the outcome")
        st.button(label, key=f"open-{name}", on_click=session.keep, args=(name, lambda: _Opened(outcome)))
        return
    with st.form(name, border=False, enter_to_submit=False):
        fields = _fields(task, opened.outcome, key=name)
        saved = st.form_submit_button(tr("Save the outcome"), type="primary")
    st.button(tr("Close without saving"), key=f"close-{name}", on_click=session.forget, args=(name,))
    if saved:
        _save(actor, assessment, name, fields, opened)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The outcome that was there when the form was opened, so that nobody else's is corrected by mistake."""

    outcome: ConfirmedOutcome | None


def _fields(task: str, known: ConfirmedOutcome | None, *, key: str) -> dict[str, Any]:
    """Draws the form; gives its values, None where nothing was chosen."""
    st.caption(_what_counts(task))
    left, middle, right = st.columns(3)
    choices = [*LABELS[task], NOT_KNOWN]
    found: str | None = left.selectbox(
        tr("What was found"),
        choices,
        index=choices.index(known.label or NOT_KNOWN) if known else None,
        format_func=lambda choice: _found_words(task, choice),
        placeholder=tr("Choose"),
        key=f"{key}:found",
    )
    fields: dict[str, Any] = {"task": task, "label": None if found == NOT_KNOWN else found}
    if task == "depression":
        method: str | None = "clinical_diagnosis"
        total = known.phq9_total if known else None
        fields["phq9_total"] = middle.number_input(
            tr("PHQ-9 total, if known"), 0, PHQ9_MAX, total, 1, format="%d", key=f"{key}:phq9"
        )
    else:
        method = _method(middle, task, known, key=key)
    fields["method"] = NOT_KNOWN if found == NOT_KNOWN else method
    fields["examined_on"] = right.date_input(
        tr("Date of the examination"),
        value=known.examined_on if known else None,
        max_value=date.today(),
        format="YYYY-MM-DD",
        key=f"{key}:date",
    )
    fields["note"] = st.text_area(
        tr("Note, without names"), known.note if known else "", max_chars=1000, key=f"{key}:note"
    )
    return fields | {"found": found}


def _found_words(task: str, choice: str) -> str:
    return tr("not known") if choice == NOT_KNOWN else wording.class_name(task, choice, language())


def _method(place: Any, task: str, known: ConfirmedOutcome | None, *, key: str) -> str | None:
    methods = [method for method in METHODS[task] if method != NOT_KNOWN]
    return place.selectbox(
        tr("Found by"),
        methods,
        index=methods.index(known.method) if known and known.method in methods else None,
        format_func=_method_words,
        placeholder=tr("Choose"),
        key=f"{key}:method",
    )


def _save(actor: Actor, assessment: Assessment, name: str, fields: dict[str, Any], opened: _Opened) -> None:
    found = fields.pop("found")
    if found is None or fields["method"] is None:
        st.error(tr("Choose what was found and how, or “not known”."))
        return
    _record(actor, assessment, name, fields, opened)


def _record(actor: Actor, assessment: Assessment, name: str, fields: dict[str, Any], opened: _Opened) -> None:
    expected_id = opened.outcome.id if opened.outcome else None
    try:
        data = OutcomeData.checked(**fields)
        session.services().outcomes.record(actor, assessment.id, data, expected_id)
    except ValidationError as error:
        st.error(tr_error(error))
        return
    except ConflictError as error:
        st.error(tr_error(error))
        st.button(tr("Show the stored outcome"), key=f"reload-{name}", on_click=session.forget, args=(name,))
        return
    session.forget(name)
    session.put_notice(tr("The outcome was saved."))
    st.rerun()


def phq9(actor: Actor, assessment: Assessment, view: OutcomeView | None) -> None:
    """The PHQ-9 total beside a depression score: what is on record, or a short form for it.

    Args:
        actor: who looks.
        assessment: whose score it is.
        view: the present outcome of depression; a diagnosis on record stays as it is.
    """
    outcome = view.outcome if view else None
    if outcome is not None and outcome.phq9_total is not None:
        day = outcome.examined_on.isoformat() if outcome.examined_on else ""
        st.markdown(tr("PHQ-9 total on record: **{total}** ({date})", total=outcome.phq9_total, date=day))
        return
    st.info(tr("This result never stands alone: use the PHQ-9 questionnaire and record its total here."))
    if not may(actor, Permission.CONFIRM_OUTCOMES):
        return
    name = f"phq9:{assessment.id}"
    opened: _Opened | None = session.kept(name)
    if opened is None:
        label = tr("Record the PHQ-9 total")
        st.button(label, key=f"open-{name}", on_click=session.keep, args=(name, lambda: _Opened(outcome)))
        return
    with st.form(name, border=False, enter_to_submit=False):
        left, right = st.columns(2)
        total = left.number_input(tr("PHQ-9 total"), 0, PHQ9_MAX, None, 1, format="%d", key=f"{name}:total")
        day = right.date_input(
            tr("Date of the questionnaire"), "today", max_value=date.today(), format="YYYY-MM-DD", key=f"{name}:date"
        )
        saved = st.form_submit_button(tr("Save the PHQ-9 total"), type="primary")
    st.button(tr("Close without saving"), key=f"close-{name}", on_click=session.forget, args=(name,))
    if saved and total is None:
        st.error(tr("Enter the total of the questionnaire, 0 to 27."))
    elif saved:
        _record(actor, assessment, name, _with_phq9(opened.outcome, total, day), opened)


def _with_phq9(known: ConfirmedOutcome | None, total: int | None, day: date) -> dict[str, Any]:
    """An outcome with the total of the questionnaire; a diagnosis keeps its own date and note."""
    diagnosed = known is not None and known.label is not None
    return {
        "task": "depression",
        "label": known.label if known else None,
        "method": known.method if known else NOT_KNOWN,
        "phq9_total": total,
        "examined_on": known.examined_on if known is not None and diagnosed else day,
        "note": known.note if known else "",
    }
