"""Moving a visit that was filed under the wrong patient (?recording=ID): both names, what moves, why, and yes."""

from __future__ import annotations

from html import escape

import streamlit as st

from app import session
from app.services.moving import REASON_MAX, REASON_MIN, MovePreview, VisitOfPatient
from app.services.permissions import Actor, Permission
from app.views.parts import links, look, page
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ClinicDataError
from clinic_data.tables import Patient

_MATCHES = 8


def body(actor: Actor) -> None:
    """Draws the page."""
    recording_id = links.asked_for("recording")
    if not recording_id:
        page.missing("recording")
        return
    st.title(tr("Move a visit to another patient"))
    found = session.services().moving.visit(actor, recording_id)
    look.who_is_assessed(found.patient)
    _what(found)
    chosen = links.asked_for("to")
    if chosen:
        try:
            _confirm(actor, session.services().moving.preview(actor, recording_id, chosen), recording_id)
        except ClinicDataError as error:  # the other patient went to another team meanwhile, perhaps
            st.error(tr_error(error))
            links.link(links.MOVE_VISIT, tr("Choose another patient"), recording=recording_id)
    else:
        _choose(actor, found, recording_id)
    links.link(links.PATIENT, tr("Back without moving"), patient=found.patient.id)


def _what(found: VisitOfPatient) -> None:
    visit = found.visit
    st.subheader(tr("What moves"))
    st.caption(
        tr(
            "A visit moves as a whole: recordings that were assessed together, all their results, decisions, confirmed "
            "outcomes and the notes on these results. Reports stay with the patient whom they name."
        )
    )
    look.facts(
        [
            (tr("Recordings"), str(len(visit.recordings))),
            (tr("Assessments"), str(len(visit.assessments))),
            (tr("Decisions"), str(len(visit.decisions))),
            (tr("Confirmed outcomes"), str(len(visit.outcomes))),
            (tr("Notes"), str(len(visit.notes))),
        ]
    )
    look.table(
        (tr("Recording"), tr("Stored")),
        [
            (f"<bdi>{escape(row.original_name)}</bdi>", escape(session.shown_time(row.created_at)))
            for row in visit.recordings
        ],
    )


def _choose(actor: Actor, found: VisitOfPatient, recording_id: str) -> None:
    st.subheader(tr("Whom does it show?"))
    text = st.text_input(tr("Record number, name or birth date of the other patient"), max_chars=200, key="move-search")
    if not text.strip():
        return
    matches = session.services().patients.search(actor, text, _MATCHES, 0)
    others = [patient for patient in matches.rows if patient.id != found.patient.id]
    if not others:
        st.info(tr("No other patient matches."))
    elif matches.total > _MATCHES:
        st.caption(tr("{count} patients match. Type more of the name or the number.", count=matches.total))
    for patient in others:
        # Not a button with the name on it: a label is read as Markdown, and a name may hold anything.
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.html(_line(patient))
            if st.button(tr("Choose"), key=f"move-to-{patient.id}"):
                st.query_params.from_dict({"recording": recording_id, "to": patient.id})
                st.rerun()


def _line(patient: Patient) -> str:
    return (
        f"<b><bdi>{escape(_name(patient))}</bdi></b> · <bdi>{escape(patient.record_number)}</bdi> · "
        f"{escape(tr('born {date}', date=patient.birth_date.isoformat()))}"
    )


def _name(patient: Patient) -> str:
    return ", ".join(part for part in (patient.family_name, patient.given_name) if part)


def _confirm(actor: Actor, preview: MovePreview, recording_id: str) -> None:
    st.subheader(tr("Compare both patients"))
    look.beside(_card(tr("From"), preview.before), _card(tr("To"), preview.after))
    if preview.reports_staying:
        st.warning(
            tr(
                "Reports that name the first patient stay with that patient: {count}. Make a new report after the "
                "move, and tell whoever received the old one.",
                count=preview.reports_staying,
            )
        )
    if preview.same_file:
        st.warning(tr("The very same film is stored for the second patient already."))
    if preview.before.team_id != preview.after.team_id:
        st.info(tr("The two patients belong to different teams: other colleagues will see this visit."))
    with st.form("move", border=True, enter_to_submit=False):
        reason = st.text_input(
            tr("Why is the visit moved?"),
            max_chars=REASON_MAX,
            key="move-reason",
            placeholder=tr("At least {count} characters; no health data: the audit log keeps it", count=REASON_MIN),
        )
        compared = st.checkbox(tr("I have compared both patients, and the video shows the second one"), key="move-yes")
        moved = st.form_submit_button(tr("Move the visit"), type="primary")
    if moved and not compared:
        st.error(tr("Compare both patients and tick the box first. Nothing was moved."))
    elif moved:
        with page.errors_shown():
            session.services().moving.move(actor, recording_id, preview.before.id, preview.after.id, reason)
            session.put_notice(tr("The visit was moved to this patient."))
            st.switch_page(links.PATIENT, query_params={"patient": preview.after.id})
    if st.button(tr("Choose another patient"), key="move-other"):
        st.query_params.from_dict({"recording": recording_id})
        st.rerun()


def _card(label: str, patient: Patient) -> str:
    born = tr("born {date}", date=patient.birth_date.isoformat())
    return (
        f'<span class="fg-muted fg-small">{escape(label)}</span><br>'
        f'<b class="fg-big"><bdi>{escape(_name(patient))}</bdi></b><br>'
        f"<bdi>{escape(patient.record_number)}</bdi> · {escape(born)} · {escape(look.sex_words(patient.sex))}"
    )


if __name__ == "__main__":
    page.run(Permission.MOVE_VISITS, body)
