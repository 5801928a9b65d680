"""The PDF of a screening report: the same content gives the same bytes. `render_pdf` is the only entry."""

from __future__ import annotations

from reportlab.platypus.flowables import Flowable, PageBreak

from reports.content import ScreeningReport
from reports.detail_pages import detail_pages
from reports.first_page import dense_enough, first_page
from reports.paper import CONTENT_HEIGHT_PT, Edges, print_pages, setting_of


def render_pdf(report: ScreeningReport) -> bytes:
    """The report as PDF/A-2b with embedded fonts and tagged text; a signature comes last and elsewhere.

    Raises:
        ValueError: if the report's language is not available, or a task has no next step in the wording.
        FontError: if a font is missing; the text names the package to install.
    """
    setting = setting_of(report.language)
    first = dense_enough(report, setting, CONTENT_HEIGHT_PT)

    def story() -> list[Flowable]:
        return [*first_page(report, first), PageBreak(), *detail_pages(report, setting)]

    edges = Edges(
        title=setting.words.title,
        clinic_name=report.clinic_name,
        report_number=report.report_number,
        patient=report.patient,
        simulated=report.model.simulated,
        software=report.software_version,
        model=f"{report.model.name} {report.model.version}",
        created_at=report.created_at,
    )
    return print_pages(story, edges, setting)
