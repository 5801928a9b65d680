"""The PDF of a screening report: the same content gives the same bytes, on every run.

`render_pdf` is the only entry. The pages are laid out twice: the first pass counts them for "Page x of y".
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from io import BytesIO

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
from reports.shaping import Line, clean, join_lines, lay_out_line
from reports.text import TextStyle, draw_line

_TOP_PT = 58.0
_BOTTOM_PT = 47.0
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
    banner = phrases.simulated_banner if report.model.simulated else ""
    top_pt, bottom_pt = PAGE_HEIGHT_PT - 34, 30
    number = words.report.format(number=report.report_number)
    page = words.page.format(page=document.page, pages=pages)
    model = f"{report.model.name} {report.model.version}"
    canvas.saveState()
    _edge_line(canvas, setting, top_pt, _Edge((report.clinic_name,), number))
    _edge_line(canvas, setting, top_pt - 11, _Edge(_identity(report), banner, right=_EDGE_STRONG))
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN_PT, top_pt - 16, PAGE_WIDTH_PT - MARGIN_PT, top_pt - 16)
    canvas.line(MARGIN_PT, bottom_pt + 12, PAGE_WIDTH_PT - MARGIN_PT, bottom_pt + 12)
    _edge_line(canvas, setting, bottom_pt, _Edge((banner, phrases.not_diagnosis), page, left=_EDGE_STRONG))
    _edge_line(canvas, setting, bottom_pt - 11, _Edge((report.software_version, model), ""))
    canvas.restoreState()


def _identity(report: ScreeningReport) -> tuple[str, ...]:
    patient = report.patient
    if patient is None:
        return (wording.phrases(report.language).no_patient,)
    return patient.record_number, patient.birth_date.isoformat(), patient.full_name


@dataclass(frozen=True, slots=True)
class _Edge:
    """One line of header or footer: parts on the left, each with its own direction of reading, and a text right."""

    left_parts: tuple[str, ...]
    right_text: str
    left: TextStyle = _EDGE_TEXT
    right: TextStyle = _EDGE_TEXT


def _edge_line(canvas: Canvas, setting: Setting, y_pt: float, edge: _Edge) -> None:
    """Draws a line of header or footer; a left part that is too long is cut with an ellipsis, the right never."""
    right_line = lay_out_line(clean(edge.right_text), setting.fonts, edge.right.size_pt, edge.right.bold)
    draw_line(canvas, right_line, PAGE_WIDTH_PT - MARGIN_PT - right_line.width_pt, y_pt, edge.right)
    room_pt = CONTENT_WIDTH_PT - right_line.width_pt - 14
    separator = lay_out_line(" \u00b7 ", setting.fonts, edge.left.size_pt, edge.left.bold)
    parts: list[Line] = []
    for text in filter(None, map(clean, edge.left_parts)):
        if parts:
            parts.append(separator)
        used_pt = sum(part.width_pt for part in parts)
        parts.append(_fitting(text, setting, edge.left, room_pt - used_pt))
    draw_line(canvas, join_lines(parts), MARGIN_PT, y_pt, edge.left)


def _fitting(text: str, setting: Setting, style: TextStyle, room_pt: float) -> Line:
    """The whole text if it fits, else as much of it as fits with an ellipsis."""

    def first(n: int) -> Line:
        cut = text if n == len(text) else text[:n].rstrip() + "\u2026"
        return lay_out_line(cut, setting.fonts, style.size_pt, style.bold)

    whole = first(len(text))
    if whole.width_pt <= room_pt:
        return whole
    return first(bisect_right(range(1, len(text)), room_pt, key=lambda n: first(n).width_pt))
