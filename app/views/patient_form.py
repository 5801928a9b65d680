"""The form for a patient's data: a new patient, or (?patient=ID) an existing one."""

from __future__ import annotations

from datetime import date

import streamlit as st

from app import session
from app.services.permissions import Actor, Permission
from app.views.parts import links, look, page
from app.views.parts.words import tr, tr_error
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.patients import EARLIEST_BIRTH_DATE, PatientData
from clinic_data.tables import Patient, Sex


def body(actor: Actor) -> None:
    """Draws the page."""
    patient_id = links.asked_for("patient")
    patients = session.services().patients
    # Kept from when the form was opened, so that a change by somebody else in between is noticed when it is saved.
    patient = session.keep(f"edit:{patient_id}", lambda: patients.get(actor, patient_id)) if patient_id else None
    st.title(tr("Edit patient") if patient else tr("New patient"))
    with st.form("patient", border=True, enter_to_submit=False):
        fields = _fields(patient)
        saved = st.form_submit_button(tr("Save"), type="primary")
    if patient:
        links.link(links.PATIENT, tr("Back without saving"), patient=patient.id)
    else:
        links.link(links.PATIENTS, tr("Back without saving"))
    if saved:
        _save(actor, patient, fields)


def _fields(patient: Patient | None) -> dict[str, object]:
    left, right = st.columns(2)
    sexes = [sex.value for sex in Sex]
    fields = {
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
    return fields


def _save(actor: Actor, patient: Patient | None, fields: dict[str, object]) -> None:
    if fields["birth_date"] is None:
        st.error(tr("Enter the birth date."))
        return
    patients = session.services().patients
    try:
        data = PatientData.checked(**fields)
        if patient is None:
            stored = patients.create(actor, data)
        else:
            stored = patients.update(actor, patient.id, data, patient.version)
    except ValidationError as error:
        st.error(tr_error(error))
        return
    except ConflictError as error:
        st.error(tr_error(error))
        if patient is not None:
            st.button(tr("Load the stored data"), on_click=session.forget, args=(f"edit:{patient.id}",))
        return
    session.forget(f"edit:{stored.id}")
    session.put_notice(tr("Saved."))
    st.switch_page(links.PATIENT, query_params={"patient": stored.id})


if __name__ == "__main__":
    page.run(Permission.WRITE_PATIENTS, body)
