"""The paper of a document: header and footer on each page, "Page x of y", and the file that comes out.

The pages are laid out twice: the first pass counts them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus.doctemplate import BaseDocTemplate, PageTemplate
from reportlab.platypus.flowables import Flowable
from reportlab.platypus.frames import Frame

from reports import wording
from reports.catalogues import RIGHT_TO_LEFT
from reports.charts import RULE
from reports.content import PatientBlock
from reports.fonts import REGULAR, load_fonts
from reports.layout import CONTENT_WIDTH_PT, MARGIN_PT, PAGE_HEIGHT_PT, PAGE_WIDTH_PT, Setting
from reports.pdfa import Metadata, archival
from reports.shaping import Line, clean, join_lines, lay_out_line
from reports.tags import TaggedCanvas
from reports.text import TextStyle, draw_line

_TOP_PT = 58.0
_BOTTOM_PT = 47.0
CONTENT_HEIGHT_PT = PAGE_HEIGHT_PT - _TOP_PT - _BOTTOM_PT
_EDGE_TEXT = TextStyle(7.5, 9.5)
_EDGE_STRONG = TextStyle(8.0, 10.0, bold=True)

Story = Callable[[], Sequence[Flowable]]


@dataclass(frozen=True, slots=True)
class Edges:
    """What stands on each page around its text, and what the file says of itself.

    Attributes:
        title: of the document, in its language.
        clinic_name, report_number: header.
        patient: None where nobody was chosen.
        simulated: whether the banner is shown.
        software, model: footer.
        created_at: of the file.
    """

    title: str
    clinic_name: str
    report_number: str
    patient: PatientBlock | None
    simulated: bool
    software: str
    model: str
    created_at: datetime


def setting_of(language: str) -> Setting:
    """Fonts and direction of a language.

    Raises:
        ValueError: if the language is not available.
        FontError: if a font is missing; the text names the package to install.
    """
    wording.phrases(language)
    return Setting(load_fonts(language in RIGHT_TO_LEFT), language)


def print_pages(story: Story, edges: Edges, setting: Setting) -> bytes:
    """The document as PDF/A-2b; the same content gives the same bytes.

    Args:
        story: makes the flowables anew at each call, because they cannot be laid out twice.
        edges: header, footer and metadata.
        setting: fonts and language.
    """
    _, pages = _build(story(), edges, setting, 0)
    document, _ = _build(story(), edges, setting, pages)
    metadata = Metadata(
        title=f"{edges.title} {clean(edges.report_number)}",
        author=edges.software,
        subject=wording.phrases(setting.language).not_diagnosis,
        creator=edges.software,
        created_at=edges.created_at,
        language=setting.language,
    )
    return archival(document, metadata)


def _build(story: Sequence[Flowable], edges: Edges, setting: Setting, pages: int) -> tuple[bytes, int]:
    buffer = BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=(PAGE_WIDTH_PT, PAGE_HEIGHT_PT),
        lang=setting.language,
        initialFontName=REGULAR,
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(
        MARGIN_PT,
        _BOTTOM_PT,
        CONTENT_WIDTH_PT,
        CONTENT_HEIGHT_PT,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    around = partial(_draw_edges, edges=edges, setting=setting, pages=pages)
    document.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=around)])
    document.build(list(story), canvasmaker=TaggedCanvas)
    return buffer.getvalue(), document.page


def _draw_edges(canvas: Canvas, document: BaseDocTemplate, *, edges: Edges, setting: Setting, pages: int) -> None:
    """Header and footer: whose report this is, that it is simulated, and which page of how many."""
    words, phrases = setting.words, wording.phrases(setting.language)
    banner = phrases.simulated_banner if edges.simulated else ""
    top_pt, bottom_pt = PAGE_HEIGHT_PT - 34, 30
    number = words.report.format(number=edges.report_number)
    page = words.page.format(page=document.page, pages=pages)
    canvas.saveState()
    _edge_line(canvas, setting, top_pt, _Edge((edges.clinic_name,), number))
    _edge_line(canvas, setting, top_pt - 11, _Edge(_identity(edges, setting), banner, end=_EDGE_STRONG))
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN_PT, top_pt - 16, PAGE_WIDTH_PT - MARGIN_PT, top_pt - 16)
    canvas.line(MARGIN_PT, bottom_pt + 12, PAGE_WIDTH_PT - MARGIN_PT, bottom_pt + 12)
    _edge_line(canvas, setting, bottom_pt, _Edge((banner, phrases.not_diagnosis), page, start=_EDGE_STRONG))
    _edge_line(canvas, setting, bottom_pt - 11, _Edge((edges.software, edges.model), ""))
    canvas.restoreState()


def _identity(edges: Edges, setting: Setting) -> tuple[str, ...]:
    patient = edges.patient
    if patient is None:
        return (wording.phrases(setting.language).no_patient,)
    return patient.record_number, patient.birth_date.isoformat(), patient.full_name


@dataclass(frozen=True, slots=True)
class _Edge:
    """One line of header or footer: parts where it begins, each with its own direction, and a text where it ends."""

    start_parts: tuple[str, ...]
    end_text: str
    start: TextStyle = _EDGE_TEXT
    end: TextStyle = _EDGE_TEXT


def _edge_line(canvas: Canvas, setting: Setting, y_pt: float, edge: _Edge) -> None:
    """Draws a line of header or footer; a part that is too long is cut with an ellipsis, the text at the end never."""
    end_line = lay_out_line(clean(edge.end_text), setting.fonts, edge.end.size_pt, edge.end.bold)
    room_pt = CONTENT_WIDTH_PT - end_line.width_pt - 14
    separator = lay_out_line(" \u00b7 ", setting.fonts, edge.start.size_pt, edge.start.bold)
    parts: list[Line] = []
    for text in filter(None, map(clean, edge.start_parts)):
        if parts:
            parts.append(separator)
        used_pt = sum(part.width_pt for part in parts)
        parts.append(_fitting(text, setting, edge.start, room_pt - used_pt))
    start_line = join_lines(parts[::-1] if setting.mirrored else parts)
    far_pt = PAGE_WIDTH_PT - MARGIN_PT
    start_x_pt, end_x_pt = MARGIN_PT, far_pt - end_line.width_pt
    if setting.mirrored:
        start_x_pt, end_x_pt = far_pt - start_line.width_pt, MARGIN_PT
    draw_line(canvas, end_line, end_x_pt, y_pt, edge.end)
    draw_line(canvas, start_line, start_x_pt, y_pt, edge.start)


def _fitting(text: str, setting: Setting, style: TextStyle, room_pt: float) -> Line:
    """The whole text if it fits, else as much of it as fits with an ellipsis."""

    def first(n: int) -> Line:
        cut = text if n == len(text) else text[:n].rstrip() + "\u2026"
        return lay_out_line(cut, setting.fonts, style.size_pt, style.bold)

    whole = first(len(text))
    if whole.width_pt <= room_pt:
        return whole
    return first(bisect_right(range(1, len(text)), room_pt, key=lambda n: first(n).width_pt))
