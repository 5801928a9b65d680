"""Building blocks of the pages: text styles, tables of labels and values, boxes, tick boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.platypus.flowables import CondPageBreak, Flowable, KeepTogether, Spacer
from reportlab.platypus.tables import Table, TableStyle

from reports.charts import INK, PALE, RULE
from reports.fonts import REGULAR, FontSet
from reports.labels import Labels, labels
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
AIM = TextStyle(9.5, 26.0, align="right")
BANNER = TextStyle(14.0, 18.0, bold=True, align="center")
BANNER_TEXT = TextStyle(8.5, 11.0, align="center")

_TIGHT = [
    ("FONTNAME", (0, 0), (-1, -1), REGULAR),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ("TOPPADDING", (0, 0), (-1, -1), 0.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What every part of a page needs: fonts, language and its labels."""

    fonts: FontSet
    language: str

    @property
    def words(self) -> Labels:
        """The labels of the language."""
        return labels(self.language)

    def text(self, text: str, style: TextStyle = BODY, bullet: str = "") -> TextBlock:
        """A paragraph."""
        return TextBlock(text, self.fonts, style, bullet)

    def bullets(self, sentences: Sequence[str], style: TextStyle = BODY) -> list[Flowable]:
        """A list of sentences."""
        return [self.text(sentence, style, "\u2022") for sentence in sentences]

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
    cells = [[setting.text(name, LABEL), setting.text(value, BODY)] for name, value in rows]
    widths = [label_pt, width_pt - label_pt]
    return Table(cells, colWidths=widths, style=TableStyle(_TIGHT), hAlign="LEFT", splitInRow=0 if nested else 1)


def beside(left: Sequence[Flowable], right: Sequence[Flowable], widths_pt: tuple[float, float]) -> Table:
    """Two columns of one height."""
    return Table([[list(left), list(right)]], colWidths=list(widths_pt), style=TableStyle(_TIGHT), hAlign="LEFT")


def boxed(content: Sequence[Flowable], width_pt: float, *, heavy: bool = False, shaded: bool = False) -> Table:
    """Content in a frame; a heavy frame for what must not be missed."""
    style = TableStyle(
        [
            ("FONTNAME", (0, 0), (-1, -1), REGULAR),
            ("BOX", (0, 0), (-1, -1), 2.2 if heavy else 0.7, black if heavy else RULE),
            ("BACKGROUND", (0, 0), (-1, -1), PALE if shaded else white),
            ("LEFTPADDING", (0, 0), (-1, -1), 8),
            ("RIGHTPADDING", (0, 0), (-1, -1), 8),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ]
    )
    return Table([[list(content)]], colWidths=[width_pt], style=style, hAlign="LEFT")


def grid(setting: Setting, header: Sequence[str], rows: Sequence[Sequence[str]], widths_pt: Sequence[float]) -> Table:
    """A ruled table that repeats its header on each page it reaches."""
    head = [setting.text(name, replace(SMALL, bold=True)) for name in header]
    body = [[setting.text(value, SMALL) for value in row] for row in rows]
    style = TableStyle(
        [
            ("FONTNAME", (0, 0), (-1, -1), REGULAR),
            ("LINEBELOW", (0, 0), (-1, 0), 0.9, INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 6),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    return Table([head, *body], colWidths=list(widths_pt), style=style, repeatRows=1, hAlign="LEFT", splitInRow=1)


def together(content: Sequence[Flowable]) -> KeepTogether:
    """Content that moves to the next page as a whole where it fits on one page."""
    return KeepTogether(list(content))


class TickBox(Flowable):
    """An empty square to tick by hand, with its caption and, if asked for, a line to write on behind it."""

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
        self.canv.setStrokeColor(black)
        self.canv.setLineWidth(0.8)
        self.canv.rect(0, self.height - 10.5, 8.5, 8.5)
        self.caption.drawOn(self.canv, 14, 0)
        if self.writing_line:
            self.canv.setStrokeColor(RULE)
            self.canv.setLineWidth(0.7)
            self.canv.line(18 + self.caption.lines[0].width_pt, 1, self.width, 1)


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
