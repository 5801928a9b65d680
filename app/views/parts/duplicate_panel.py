"""Patients who may be the one in the form already, to compare before a second record is made."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from app.services.duplicates import Duplicate, Likeness
from app.views.parts import links, look
from app.views.parts.words import tr


def show(found: Sequence[Duplicate]) -> None:
    """Draws the warning, with a link to each patient whom the reader sees."""
    look.notice(
        tr("This patient may be on record already"),
        tr("Compare first. Two records of one person hide half of what is known from whoever reads one of them."),
        kind="stop",
    )
    for duplicate in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            words = f'<span class="fg-muted fg-small">{escape(_words(duplicate.likeness))}</span>'
            patient = duplicate.patient
            if patient is None:
                said = tr("A patient of another team. Ask your colleagues before you make a second record.")
                st.html(f"<b>{escape(said)}</b><br>{words}")
                continue
            name = ", ".join(part for part in (patient.family_name, patient.given_name) if part)
            born = tr("born {date}", date=patient.birth_date.isoformat())
            st.html(
                f"<b><bdi>{escape(name)}</bdi></b> · <bdi>{escape(patient.record_number)}</bdi> · "
                f"{escape(born)} · {escape(look.sex_words(patient.sex))}<br>{words}"
            )
            links.link(links.PATIENT, tr("Open the record"), patient=patient.id)


def _words(likeness: Likeness) -> str:
    return {
        Likeness.SAME: tr("the same names and birth date"),
        Likeness.SWAPPED_NAMES: tr("the same birth date, family and given name the other way round"),
        Likeness.SWAPPED_DATE: tr("the same names, day and month of the birth date the other way round"),
        Likeness.ALIKE: tr("the same birth date, similar names"),
    }[likeness]
