"""Where the pages are, and how one leads to another."""

from __future__ import annotations

import streamlit as st

from app.services.permissions import Actor, Permission, may

PATIENTS = "views/patients.py"
PATIENT = "views/patient.py"
PATIENT_FORM = "views/patient_form.py"
FOLLOW_UP = "views/follow_up.py"
NEW_ASSESSMENT = "views/new_assessment.py"
BATCH = "views/batch.py"
FILMING_GUIDE = "views/filming_guide.py"
PROGRESS = "views/screening_progress.py"
RESULT = "views/result.py"
MOVE_VISIT = "views/move_visit.py"
USERS = "views/users.py"
TEAMS = "views/teams.py"
EMERGENCIES = "views/emergencies.py"
CLINIC = "views/clinic.py"
JOBS = "views/jobs.py"
AUDIT = "views/audit_log.py"
RETRAINING = "views/retraining.py"
RETRAINING_RUN = "views/retraining_run.py"
MODELS = "views/models.py"
MODEL = "views/model.py"
MONITORING = "views/monitoring.py"
PRIVACY = "views/privacy.py"
ACCOUNT = "views/account.py"
ABOUT = "views/about.py"


def start_page(actor: Actor) -> str:
    """Where somebody's menu begins."""
    if may(actor, Permission.READ_PATIENTS):
        return PATIENTS
    return USERS if may(actor, Permission.MANAGE_USERS) else AUDIT


def asked_for(name: str) -> str:
    """An id in the address, or an empty text."""
    return st.query_params.get(name, "")


def link(page: str, label: str, **query: str) -> None:
    """A link to a page."""
    st.page_link(page, label=label, query_params=query)
