"""The clinic's profile: what stands on reports, how frequent conditions are here, and who signs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import session
from app.services.clinic_profile import MAX_LOGO_BYTES, ClinicProfileView
from app.services.permissions import Actor, Permission
from app.views.parts import certificate, page
from app.views.parts.words import language, tr, tr_error
from clinic_data.clinic_profile import ADDRESS_MAX, NAME_MAX, SOURCE_MAX, ClinicProfileData
from clinic_data.errors import ConflictError, ValidationError
from clinic_data.outcomes import LABELS
from reports.catalogues import LANGUAGES
from reports.wording import task_title

_KEPT = "clinic-profile"


def body(actor: Actor) -> None:
    """Draws the page."""
    st.title(tr("Clinic"))
    # Kept from when the form was opened, so that a change by somebody else in between is noticed when it is saved.
    profile = session.keep(_KEPT, lambda: session.services().clinic_profiles.read(actor))
    with st.form("clinic-profile", border=True, enter_to_submit=False):
        fields = _on_reports(profile) | _frequency(profile)
        saved = st.form_submit_button(tr("Save"), type="primary")
    if saved:
        _save(actor, profile, fields)
    _logo(actor, profile)
    certificate.show(actor)


def _on_reports(profile: ClinicProfileView) -> dict[str, Any]:
    st.subheader(tr("On reports"))
    left, right = st.columns(2)
    codes = list(LANGUAGES)
    return {
        "name": left.text_input(
            tr("Name"),
            profile.own_name,
            max_chars=NAME_MAX,
            placeholder=profile.name,
            key=f"clinic-name:{profile.version}",
        ),
        "report_language": right.selectbox(
            tr("Language of reports"),
            codes,
            codes.index(profile.report_language) if profile.report_language in codes else 0,
            format_func=lambda code: LANGUAGES[code],
            help=tr("Another language can be chosen for each report."),
            key=f"clinic-language:{profile.version}",
        ),
        "address": st.text_area(
            tr("Address, some lines"),
            profile.address,
            max_chars=ADDRESS_MAX,
            height=100,
            key=f"clinic-address:{profile.version}",
        ),
    }


def _frequency(profile: ClinicProfileView) -> dict[str, Any]:
    st.subheader(tr("How frequent the conditions are here"))
    st.caption(
        tr(
            "The share of this clinic's screened patients who have the condition. From it results say how often a "
            "positive or negative result is right here (predictive values). Without it they do not; leave it empty "
            "rather than guess."
        )
    )
    columns = st.columns(len(LABELS))
    percent = {
        task: column.number_input(
            tr("{task}: prevalence in %", task=task_title(task, language())),
            min_value=0.0,
            max_value=100.0,
            value=round(100 * profile.prevalence[task], 3) if task in profile.prevalence else None,
            step=0.5,
            format="%.1f",
            placeholder=tr("not known"),
            key=f"clinic-prevalence-{task}:{profile.version}",
        )
        for task, column in zip(LABELS, columns, strict=True)
    }
    source = st.text_area(
        tr("Where these shares come from"),
        profile.prevalence_source,
        max_chars=SOURCE_MAX,
        height=80,
        placeholder=tr("Such as: the clinic's own counts of 2025, 412 patients"),
        key=f"clinic-prevalence-source:{profile.version}",
    )
    known = {task: value / 100 for task, value in percent.items() if value is not None}
    return {"prevalence": known, "prevalence_source": source}


def _save(actor: Actor, profile: ClinicProfileView, fields: dict[str, Any]) -> None:
    try:
        data = ClinicProfileData.checked(**fields)
        session.services().clinic_profiles.update(actor, data, profile.version)
    except ValidationError as error:
        st.error(tr_error(error))
        return
    except ConflictError as error:
        st.error(tr_error(error))
        st.button(tr("Load the stored data"), key="clinic-reload", on_click=session.forget, args=(_KEPT,))
        return
    session.forget(_KEPT)
    session.put_notice(tr("Saved."))
    st.rerun()


def _logo(actor: Actor, profile: ClinicProfileView) -> None:
    st.subheader(tr("Logo"))
    if profile.logo_png:
        st.image(profile.logo_png, caption=tr("As it is printed on reports"), width=240)
        if st.button(tr("Remove the logo"), key="logo-remove"):
            _remove_logo(actor)
    else:
        st.caption(tr("Reports have no logo."))
    counter = session.keep("logos-uploaded", lambda: 0)  # an empty uploader after each picture that was taken
    uploaded = st.file_uploader(
        tr("A PNG or JPEG picture of at most {size} MB", size=f"{MAX_LOGO_BYTES / 1e6:.0f}"),
        type=["png", "jpg", "jpeg"],
        max_upload_size=MAX_LOGO_BYTES // 1_000_000,
        key=f"logo-upload-{counter}",
    )
    if uploaded is not None and st.button(tr("Use this picture"), key="logo-use", type="primary"):
        with page.errors_shown():
            session.services().clinic_profiles.set_logo(actor, uploaded.getvalue())
            _changed(counter + 1, tr("The logo was stored."))
            st.rerun()


def _remove_logo(actor: Actor) -> None:
    with page.errors_shown():
        session.services().clinic_profiles.remove_logo(actor)
        _changed(session.keep("logos-uploaded", lambda: 0), tr("The logo was removed."))
        st.rerun()


def _changed(counter: int, said: str) -> None:
    session.forget("logos-uploaded")
    session.keep("logos-uploaded", lambda: counter)
    session.forget(_KEPT)
    session.put_notice(said)


if __name__ == "__main__":
    page.run(Permission.MANAGE_CLINIC, body)
