"""The form for a patient's data: a new patient, or (?patient=ID) an existing one.

It is saved at once where nothing speaks against it. Where the patient may be on record already, or who saves would not
see the patient any more, the form says so, and is saved with a tick.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import session
from app.services.duplicates import Duplicate
from app.services.patient_records import KEEP_TEAM
from app.services.permissions import Actor, Permission
from app.services.teams import TeamChoice
from app.views.parts import duplicate_panel, links, look, page
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.patients import EARLIEST_BIRTH_DATE, PatientData
from clinic_data.tables import Patient, Sex

_ALL_STAFF = ""  # in a list of choices: no team
# What `session.keep` holds while the form waits for a tick: duplicates, and whether the actor loses sight.
_DOUBTS = "doubts"


def body(actor: Actor) -> None:
    """Draws the page."""
    patient_id = links.asked_for("patient")
    patients = session.services().patients
    patient = None
    if patient_id:
        stored = patients.get(actor, patient_id)  # each time: who left the team meanwhile shall see nothing kept
        # Kept from when the form was opened, so that a change by somebody else in between is noticed when it is saved.
        patient = session.keep(f"edit:{patient_id}", lambda: stored)
    st.title(tr("Edit patient") if patient else tr("New patient"))
    choice = session.services().teams.choice(actor)
    with st.form("patient", border=True, enter_to_submit=False):
        fields, team_place = _fields(patient)
        with team_place:
            team_id = _team(choice, patient)
        ticked = _doubts(patient_id)
        saved = st.form_submit_button(tr("Save"), type="primary")
    if patient:
        links.link(links.PATIENT, tr("Back without saving"), patient=patient.id)
    else:
        links.link(links.PATIENTS, tr("Back without saving"))
    if saved:
        _save(actor, patient, fields, team_id, choice, ticked=ticked)


def _fields(patient: Patient | None) -> tuple[dict[str, Any], DeltaGenerator]:
    """The fields but for the team, and the place for that one."""
    left, right = st.columns(2)
    sexes = [sex.value for sex in Sex]
    fields: dict[str, Any] = {
        "family_name": left.text_input(tr("Family name"), value=patient.family_name if patient else "", max_chars=120),
        "given_name": right.text_input(tr("Given name"), value=patient.given_name if patient else "", max_chars=120),
        "record_number": left.text_input(
            tr("Record number"),
            value=patient.record_number if patient else "",
            max_chars=64,
            placeholder=tr("The clinic's own number"),
        ),
        "birth_date": right.date_input(
            tr("Birth date"),
            value=patient.birth_date if patient else None,
            min_value=EARLIEST_BIRTH_DATE,
            max_value=date.today(),
            format="YYYY-MM-DD",
        ),
        "sex": left.selectbox(
            tr("Sex"),
            sexes,
            index=sexes.index(patient.sex.value) if patient else sexes.index("unknown"),
            format_func=lambda value: look.sex_words(Sex(value)),
        ),
        "notes": st.text_area(tr("Remarks"), value=patient.notes if patient else "", max_chars=4000),
        "training_consent": st.checkbox(
            tr("The patient consents to training"),
            value=patient.training_consent if patient else False,
        ),
    }
    st.caption(
        tr(
            "With consent, silhouettes and confirmed outcomes of this patient may train and test the clinic's models, "
            "under a pseudonym; screening is the same without it, and consent that is withdrawn holds for all later "
            "trainings."
        )
    )
    return fields, right


def _team(choice: TeamChoice, patient: Patient | None) -> str | None:
    """The team that was chosen, `_ALL_STAFF`, or None where the choice is still to be made."""
    if not choice.teams:
        return _ALL_STAFF
    # A new patient stays in sight of who creates it; one on record can be handed to any team.
    offered = [team for team in choice.teams if patient is not None or team.id in choice.own_ids]
    names = {team.id: team.name for team in offered} | {_ALL_STAFF: tr("All clinicians")}
    if patient is not None:
        first = patient.team_id or _ALL_STAFF
    else:
        first = choice.first_for_new or (None if offered else _ALL_STAFF)
    return st.selectbox(
        tr("Team that sees the patient"),
        list(names),
        index=list(names).index(first) if first is not None and first in names else None,
        format_func=lambda team_id: names[team_id],
        placeholder=tr("Choose a team"),
        key=f"patient-team:{patient.id}:{patient.version}" if patient else "patient-team",
        help=tr("Members of the team see the patient; “All clinicians” means everybody who may see patients."),
    )


def _doubts(patient_id: str) -> bool:
    """What speaks against saving, found at the last attempt, with a tick for each; returns whether all are ticked."""
    doubts: tuple[tuple[Duplicate, ...], bool] = session.kept(f"{_DOUBTS}:{patient_id}") or ((), False)
    duplicates, loses_sight = doubts
    ticked = True
    if duplicates:
        duplicate_panel.show(duplicates)
        ticked = st.checkbox(tr("I have compared: this is another person"), key=f"another-person:{patient_id}")
    if loses_sight:
        st.warning(tr("You are not in this team. After saving you do not see this patient any more."))
        ticked = st.checkbox(tr("Hand the patient to the other team"), key=f"loses-sight:{patient_id}") and ticked
    return ticked


def _save(
    actor: Actor,
    patient: Patient | None,
    fields: dict[str, Any],
    team_id: str | None,
    choice: TeamChoice,
    *,
    ticked: bool,
) -> None:
    if fields["birth_date"] is None:
        st.error(tr("Enter the birth date."))
        return
    if team_id is None:
        st.error(tr("Choose the team that sees the patient."))
        return
    try:
        data = PatientData.checked(**fields)
        if not _without_doubt(actor, patient, data, team_id, choice, ticked=ticked):
            return
        stored = _store(actor, patient, data, team_id or None)
    except ValidationError as error:
        st.error(tr_error(error))
        return
    except ConflictError as error:
        st.error(tr_error(error))
        if patient is not None:
            st.button(tr("Load the stored data"), on_click=_forget, args=(patient.id,))
        return
    _leave(stored, lost_sight=_loses_sight(patient, team_id, choice))


def _without_doubt(
    actor: Actor, patient: Patient | None, data: PatientData, team_id: str, choice: TeamChoice, *, ticked: bool
) -> bool:
    """Whether nothing speaks against saving, or all that does was ticked; else it is shown with the next run."""
    name = f"{_DOUBTS}:{patient.id if patient else ''}"
    shown: tuple[tuple[Duplicate, ...], bool] = session.kept(name) or ((), False)
    duplicates = () if patient is not None and _same_person(patient, data) else _duplicates(actor, patient, data)
    loses_sight = _loses_sight(patient, team_id, choice)
    known = {duplicate.patient_id for duplicate in shown[0]}
    if (
        {duplicate.patient_id for duplicate in duplicates} <= known
        and loses_sight <= shown[1]
        and (ticked or not (duplicates or loses_sight))
    ):
        return True
    session.forget(name)
    session.keep(name, lambda: (duplicates, loses_sight))
    if duplicates or loses_sight:
        st.rerun()
    return False


def _duplicates(actor: Actor, patient: Patient | None, data: PatientData) -> tuple[Duplicate, ...]:
    return session.services().duplicates.find(actor, data, patient.id if patient else None)


def _same_person(patient: Patient, data: PatientData) -> bool:
    """Whether names and birth date are as they were: then nobody new can be the same person."""
    before = (patient.family_name, patient.given_name, patient.birth_date)
    return before == (data.family_name, data.given_name, data.birth_date)


def _loses_sight(patient: Patient | None, team_id: str, choice: TeamChoice) -> bool:
    return patient is not None and team_id not in {_ALL_STAFF, patient.team_id, *choice.own_ids}


def _store(actor: Actor, patient: Patient | None, data: PatientData, team_id: str | None) -> Patient:
    services = session.services()
    shown: tuple[Duplicate, ...] = (session.kept(f"{_DOUBTS}:{patient.id if patient else ''}") or ((),))[0]
    if patient is None:
        stored = services.patients.create(actor, data, team_id)
        services.duplicates.note_overruled(actor, stored.id, shown)
        return stored
    services.duplicates.note_overruled(actor, patient.id, shown)  # first: saving may take the patient out of sight
    team = KEEP_TEAM if team_id == patient.team_id else team_id
    return services.patients.update(actor, patient.id, data, patient.version, team)


def _leave(stored: Patient, *, lost_sight: bool) -> None:
    _forget(stored.id)
    if lost_sight:
        session.put_notice(tr("Saved. The patient is looked after by the other team now."))
        st.switch_page(links.PATIENTS)
    session.put_notice(tr("Saved."))
    st.switch_page(links.PATIENT, query_params={"patient": stored.id})


def _forget(patient_id: str) -> None:
    for name in (f"edit:{patient_id}", f"{_DOUBTS}:{patient_id}", f"{_DOUBTS}:"):
        session.forget(name)


if __name__ == "__main__":
    page.run(Permission.WRITE_PATIENTS, body)
