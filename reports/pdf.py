"""The PDF of a screening report: the same content gives the same bytes, on every run.

`render_pdf` is the only entry. The pages are laid out twice: the first pass counts them for "Page x of y".
"""

from __future__ import annotations

from functools import partial
from io import BytesIO

from reportlab.lib.colors import black
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.doctemplate import BaseDocTemplate, PageTemplate
from reportlab.platypus.flowables import PageBreak
from reportlab.platypus.frames import Frame

from reports import wording
from reports.charts import RULE
from reports.content import ScreeningReport
from reports.detail_pages import detail_pages
from reports.first_page import first_page
from reports.fonts import REGULAR, load_fonts
from reports.layout import CONTENT_WIDTH_PT, MARGIN_PT, PAGE_HEIGHT_PT, PAGE_WIDTH_PT, Setting
from reports.shaping import clean, lay_out_line
from reports.text import TextStyle, draw_line

_TOP_PT = 62.0
_BOTTOM_PT = 52.0
_EDGE_TEXT = TextStyle(7.5, 9.5)
_EDGE_STRONG = TextStyle(8.0, 10.0, bold=True)


def render_pdf(report: ScreeningReport) -> bytes:
    """The report as a PDF with embedded fonts.

    Raises:
        ValueError: if the report's language is not available, or a task has no next step in the wording.
        FontError: if a font is missing; the text names the package to install.
    """
    setting = Setting(load_fonts(), report.language)
    wording.phrases(report.language)
    _, pages = _build(report, setting, 0)
    document, _ = _build(report, setting, pages)
    return document


def _build(report: ScreeningReport, setting: Setting, pages: int) -> tuple[bytes, int]:
    buffer = BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=(PAGE_WIDTH_PT, PAGE_HEIGHT_PT),
        title=f"{setting.words.title} {clean(report.report_number)}",
        author=report.software_version,
        creator=report.software_version,
        subject=wording.phrases(report.language).not_diagnosis,
        lang=report.language,
        initialFontName=REGULAR,
        invariant=1,
        pageCompression=1,
    )
    height_pt = PAGE_HEIGHT_PT - _TOP_PT - _BOTTOM_PT
    frame = Frame(
        MARGIN_PT, _BOTTOM_PT, CONTENT_WIDTH_PT, height_pt, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    edges = partial(_draw_edges, report=report, setting=setting, pages=pages)
    document.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=edges)])
    document.build(
        [*first_page(report, setting), PageBreak(), *detail_pages(report, setting)],
    )
    return buffer.getvalue(), document.page


def _draw_edges(
    canvas: Canvas, document: BaseDocTemplate, *, report: ScreeningReport, setting: Setting, pages: int
) -> None:
    """Header and footer: whose report this is, that it is simulated, and which page of how many."""
    words, phrases = setting.words, wording.phrases(report.language)
    top_pt, bottom_pt = PAGE_HEIGHT_PT - 34, 30
    canvas.saveState()
    _edge_line(canvas, setting, top_pt, report.clinic_name, words.report.format(number=report.report_number))
    banner = phrases.simulated_banner if report.model.simulated else ""
    _edge_line(canvas, setting, top_pt - 11, _identity(report), banner, strong_right=True)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN_PT, top_pt - 16, PAGE_WIDTH_PT - MARGIN_PT, top_pt - 16)
    canvas.line(MARGIN_PT, bottom_pt + 12, PAGE_WIDTH_PT - MARGIN_PT, bottom_pt + 12)
    note = " \u00b7 ".join(part for part in (banner, phrases.not_diagnosis) if part)
    _edge_line(
        canvas, setting, bottom_pt, note, words.page.format(page=document.page, pages=pages), strong_left=bool(banner)
    )
    model = f"{report.software_version} \u00b7 {report.model.name} {report.model.version}"
    _edge_line(canvas, setting, bottom_pt - 11, model, "")
    canvas.setFillColor(black)
    canvas.restoreState()


def _identity(report: ScreeningReport) -> str:
    patient = report.patient
    if patient is None:
        return wording.phrases(report.language).no_patient
    return f"{patient.record_number} \u00b7 {patient.full_name} \u00b7 {patient.birth_date.isoformat()}"


def _edge_line(
    canvas: Canvas,
    setting: Setting,
    y_pt: float,
    left: str,
    right: str,
    *,
    strong_left: bool = False,
    strong_right: bool = False,
) -> None:
    """A line of header or footer; what does not fit on the left is cut with an ellipsis, never the right."""
    right_style = _EDGE_STRONG if strong_right else _EDGE_TEXT
    left_style = _EDGE_STRONG if strong_left else _EDGE_TEXT
    right_line = lay_out_line(clean(right), setting.fonts, right_style.size_pt, right_style.bold)
    draw_line(canvas, right_line, PAGE_WIDTH_PT - MARGIN_PT - right_line.width_pt, y_pt, right_style)
    room_pt = CONTENT_WIDTH_PT - right_line.width_pt - 14
    text = clean(left)
    left_line = lay_out_line(text, setting.fonts, left_style.size_pt, left_style.bold)
    while left_line.width_pt > room_pt and text:
        text = text[:-1]
        left_line = lay_out_line(text.rstrip() + "\u2026", setting.fonts, left_style.size_pt, left_style.bold)
    draw_line(canvas, left_line, MARGIN_PT, y_pt, left_style)
