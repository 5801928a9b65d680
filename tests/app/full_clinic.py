"""A patient with everything whose results are as the engine writes them, so that pages can show them."""

from __future__ import annotations

from fast_engine import result

from app.services.catalogue import Services
from clinic_data import assessments
from tests.clinic_data.full_patient import FullPatient, fill_patient


def fill_shown_patient(services: Services) -> FullPatient:
    """As `fill_patient`, with real results."""
    full = fill_patient(services.database, services.storage)
    with services.database.transaction() as session:
        for row in assessments.list_assessments(session=session, patient_id=full.patient_id):
            row.result = result().model_dump(mode="json")
    return full
