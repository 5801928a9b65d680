"""Building blocks of the pages: text styles, tables of labels and values, boxes, figures, tick boxes.

All of them are mirrored in a document that is read from right to left, and each knows which part of the document it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.platypus.flowables import CondPageBreak, Flowable, KeepTogether, Spacer
from reportlab.platypus.tables import Table, TableStyle

from reports.charts import INK, PALE, RULE
from reports.fonts import REGULAR, FontSet
from reports.labels import Labels, labels
from reports.record_labels import RECORD_LABELS, RecordLabels
from reports.tags import Tag, tagged
from reports.text import TextBlock, TextStyle

PAGE_WIDTH_PT, PAGE_HEIGHT_PT = A4
MARGIN_PT = 50.0
CONTENT_WIDTH_PT = PAGE_WIDTH_PT - 2 * MARGIN_PT

BODY = TextStyle(9.0, 12.0)
SMALL = TextStyle(7.8, 10.2, color=HexColor("#333333"))
LABEL = TextStyle(7.8, 12.0, color=HexColor("#4a5560"))
STRONG = TextStyle(9.5, 12.5, bold=True)
RESULT = TextStyle(12.0, 16.0, bold=True)
HEADING = TextStyle(11.0, 15.0, bold=True, color=INK)
TITLE = TextStyle(17.0, 22.0, bold=True, color=INK)
AIM = TextStyle(9.5, 20.0, align="end")
BANNER = TextStyle(14.0, 18.0, bold=True, align="center")
BANNER_TEXT = TextStyle(8.5, 11.0, align="center")

_ALL = ((0, 0), (-1, -1))
_Command = tuple[str, tuple[int, int], tuple[int, int], Any]
_HEADINGS = {TITLE: "H1", HEADING: "H2"}


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What every part of a page needs: fonts, language and its labels, and how densely to set.

    Attributes:
        density: 1 for the sizes as they are; less where a page would not hold its content.
    """

    fonts: FontSet
    language: str
    density: float = 1.0

    @property
    def words(self) -> Labels:
        """The labels of the language."""
        return labels(self.language)

    @property
    def records(self) -> RecordLabels:
        """The labels around decisions, outcomes, versions and verification."""
        return RECORD_LABELS[self.language]

    @property
    def mirrored(self) -> bool:
        """Whether the document is read from right to left."""
        return self.fonts.right_to_left

    def text(self, text: str, style: TextStyle = BODY, bullet: str = "", tag: Tag | None = None) -> TextBlock:
        """A paragraph, or a heading where the style is one."""
        tag = tag or Tag(_HEADINGS.get(style, "P"))
        if self.density != 1.0:
            style = replace(style, size_pt=style.size_pt * self.density, leading_pt=style.leading_pt * self.density)
        return TextBlock(text, self.fonts, style, bullet, tag)

    def bullets(self, sentences: Sequence[str], style: TextStyle = BODY) -> list[Flowable]:
        """A list of sentences."""
        whole = Tag("L")
        return [
            self.text(sentence, style, "\u2022", Tag("LBody", parent=Tag("LI", parent=whole))) for sentence in sentences
        ]

    def columns(self, widths_pt: Sequence[float]) -> list[float]:
        """Widths of columns in the order in which they stand on the paper from left to right."""
        return list(widths_pt)[::-1] if self.mirrored else list(widths_pt)

    def row(self, cells: Sequence[list[Flowable]]) -> list[list[Flowable]]:
        """The cells of a row in that order."""
        return list(cells)[::-1] if self.mirrored else list(cells)

    @property
    def start(self) -> Literal["LEFT", "RIGHT"]:
        """The side of the paper where a line begins."""
        return "RIGHT" if self.mirrored else "LEFT"

    @property
    def end(self) -> Literal["LEFT", "RIGHT"]:
        """The side of the paper where a line ends."""
        return "LEFT" if self.mirrored else "RIGHT"

    def paddings(self, start_pt: float, end_pt: float, above_pt: float, below_pt: float) -> list[_Command]:
        """The commands of a table style that leave room around each cell."""
        return [
            ("FONTNAME", *_ALL, REGULAR),
            (f"{self.start}PADDING", *_ALL, start_pt),
            (f"{self.end}PADDING", *_ALL, end_pt),
            ("TOPPADDING", *_ALL, above_pt),
            ("BOTTOMPADDING", *_ALL, below_pt),
            ("VALIGN", *_ALL, "TOP"),
            ("ALIGN", *_ALL, self.start),
        ]

    @property
    def tight(self) -> TableStyle:
        """A table that shows no lines."""
        return TableStyle(self.paddings(0, 6, 0.5, 0.5))

    def heading(self, text: str) -> list[Flowable]:
        """A heading with room above, for content that is kept together."""
        return [Spacer(1, 8), self.text(text, HEADING)]

    def open_heading(self, text: str) -> list[Flowable]:
        """A heading before content that may be split between pages; it never stands alone at the end of a page."""
        return [CondPageBreak(72), *self.heading(text)]


def facts(
    setting: Setting, rows: Sequence[tuple[str, str]], width_pt: float, label_pt: float = 84.0, *, nested: bool = False
) -> Table:
    """A table of labels and values; long values wrap, and go on on the next page unless the table is nested."""
    whole = Tag("Table")
    cells: list[list[list[Flowable]]] = []
    for name, value in rows:
        row = Tag("TR", parent=whole)
        label = setting.text(name, LABEL, tag=Tag("TD", parent=row))
        cells.append(setting.row([[label], [setting.text(value, BODY, tag=Tag("TD", parent=row))]]))
    widths = setting.columns([label_pt, width_pt - label_pt])
    return Table(cells, colWidths=widths, style=setting.tight, hAlign=setting.start, splitInRow=0 if nested else 1)


def beside(
    setting: Setting, parts: Sequence[Sequence[Flowable]], widths_pt: Sequence[float], valign: str = "TOP"
) -> Table:
    """Columns of one height, the first where a line begins."""
    style = setting.tight
    style.add("VALIGN", *_ALL, valign)
    cells = [setting.row([list(part) for part in parts])]
    return Table(cells, colWidths=setting.columns(widths_pt), style=style, hAlign=setting.start)


def boxed(content: Sequence[Flowable], width_pt: float, *, heavy: bool = False, shaded: bool = False) -> Table:
    """Content in a frame; a heavy frame for what must not be missed."""
    style = TableStyle(
        [
            ("FONTNAME", *_ALL, REGULAR),
            ("BOX", *_ALL, 2.2 if heavy else 0.7, black if heavy else RULE),
            ("BACKGROUND", *_ALL, PALE if shaded else white),
            ("LEFTPADDING", *_ALL, 8),
            ("RIGHTPADDING", *_ALL, 8),
            ("TOPPADDING", *_ALL, 5),
            ("BOTTOMPADDING", *_ALL, 6),
        ]
    )
    return Table([[list(content)]], colWidths=[width_pt], style=style, hAlign="LEFT")


def grid(setting: Setting, header: Sequence[str], rows: Sequence[Sequence[str]], widths_pt: Sequence[float]) -> Table:
    """A ruled table that repeats its header on each page it reaches."""
    whole = Tag("Table")

    def cells(texts: Sequence[str], role: str, style: TextStyle) -> list[list[Flowable]]:
        row = Tag("TR", parent=whole)
        return setting.row([[setting.text(text, style, tag=Tag(role, parent=row))] for text in texts])

    style = TableStyle(
        [
            *setting.paddings(2, 6, 2, 2),
            ("LINEBELOW", (0, 0), (-1, 0), 0.9, INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE),
        ]
    )
    lines = [cells(header, "TH", replace(SMALL, bold=True)), *(cells(row, "TD", SMALL) for row in rows)]
    widths = setting.columns(widths_pt)
    return Table(lines, colWidths=widths, style=style, repeatRows=1, hAlign=setting.start, splitInRow=1)


def together(content: Sequence[Flowable]) -> KeepTogether:
    """Content that moves to the next page as a whole where it fits on one page."""
    return KeepTogether(list(content))


class Figure(Flowable):
    """A drawing with what it shows in words, for readers who do not see it."""

    def __init__(self, drawing: Flowable, alt: str) -> None:
        super().__init__()
        self.drawing, self.tag = drawing, Tag("Figure", alt=alt)

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        self.width, self.height = self.drawing.wrap(aW, aH)
        return self.width, self.height

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        with tagged(self.canv, self.tag):
            self.drawing.drawOn(self.canv, 0, 0)


class TickBox(Flowable):
    """A square to tick by hand, with its caption and, if asked for, a line to write on behind it."""

    def __init__(self, caption: TextBlock, *, writing_line: bool = False) -> None:
        super().__init__()
        self.caption, self.writing_line = caption, writing_line

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        _, self.height = self.caption.wrap(aW - 14, aH)
        self.width = aW
        return aW, self.height

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        mirrored = self.caption.fonts.right_to_left
        side_pt = 8.5
        line_pt = (18 + self.caption.lines[0].width_pt, self.width)
        self.canv.setStrokeColor(black)
        self.canv.setLineWidth(0.8)
        self.canv.rect(self.width - side_pt if mirrored else 0, self.height - side_pt - 2, side_pt, side_pt)
        self.caption.drawOn(self.canv, 0 if mirrored else 14, 0)
        if self.writing_line:
            self.canv.setStrokeColor(RULE)
            self.canv.setLineWidth(0.7)
            begin_pt, end_pt = (self.width - place for place in line_pt[::-1]) if mirrored else line_pt
            self.canv.line(begin_pt, 1, end_pt, 1)


class WritingLine(Flowable):
    """A line to write on, with a small caption below."""

    def __init__(self, caption: TextBlock, room_pt: float = 16.0) -> None:
        super().__init__()
        self.caption, self.room_pt = caption, room_pt

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        """ReportLab asks for the size, given the room in points."""
        _, caption_pt = self.caption.wrap(aW, aH)
        self.width, self.height = aW, self.room_pt + caption_pt
        return self.width, self.height

    def draw(self) -> None:
        """ReportLab asks for the drawing, the origin at the lower left."""
        self.canv.setStrokeColor(RULE)
        self.canv.setLineWidth(0.7)
        self.canv.line(0, self.height - self.room_pt, self.width, self.height - self.room_pt)
        self.caption.drawOn(self.canv, 0, 0)
