"""Tagged text: which marks on a page are a heading, a paragraph, a cell or a figure, for readers that do not see.

ReportLab draws pages but knows no structure. While it draws, `tagged` writes into the page where a part begins and ends
and where it belongs; afterwards `add_structure` reads that, builds the structure tree of the document from it, and
calls everything else on the page an artifact. What the tree says is thus exactly what was drawn.
"""

# pyright: reportUnknownMemberType=false
# (ReportLab's stubs leave the arguments of a canvas open.)
from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from pikepdf import Array, ContentStreamInstruction, Dictionary, Name, Operator, Pdf
from reportlab.pdfgen.canvas import Canvas

ROLES = frozenset({"H1", "H2", "H3", "P", "L", "LI", "LBody", "Table", "TR", "TH", "TD", "Figure", "Caption", "Sect"})
"""The standard structure types that a report may use (ISO 32000-1, 14.8.4)."""

_PATH_KEY = "/FGaitPath"
_PAINTS = frozenset(
    {"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh", "Do", "EI", "Tj", "TJ", "'", '"', "INLINE IMAGE"}
)
_BEGIN, _END = frozenset({"BDC", "BMC"}), "EMC"


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """One part of the document; what is drawn in several pieces under the same tag is one part.

    Attributes:
        role: one of `ROLES`.
        alt: what a figure shows, in words.
        parent: the row of a cell, the table of a row; None for the document.
    """

    role: str
    alt: str = ""
    parent: Tag | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"A part of a report is one of {', '.join(sorted(ROLES))}; it is {self.role!r}.")


class TaggedCanvas(Canvas):
    """A canvas that notes what is drawn; give it to ReportLab's `build` as `canvasmaker`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.numbers: dict[Tag, int] = {}
        self.open_tag: Tag | None = None
        super().__init__(*arguments, **named)

    def begin_tag(self, tag: Tag) -> None:
        """Everything drawn from here on is part of `tag`."""
        path = " ".join(f"{each.role}.{self._number(each)}" for each in _line_of(tag))
        alt = f" /Alt <{_utf16_hex(tag.alt)}>" if tag.alt else ""
        self.addLiteral(f"/{tag.role} <<{_PATH_KEY} ({path}){alt}>> BDC")
        self.open_tag = tag

    def end_tag(self) -> None:
        """Ends what `begin_tag` began."""
        self.addLiteral("EMC")
        self.open_tag = None

    def _number(self, tag: Tag) -> int:
        return self.numbers.setdefault(tag, len(self.numbers))


def _utf16_hex(text: str) -> str:
    return ("\ufeff" + text).encode("utf-16-be").hex()


def _line_of(tag: Tag) -> list[Tag]:
    line: list[Tag] = []
    each: Tag | None = tag
    while each is not None:
        line.append(each)
        each = each.parent
    return line[::-1]


@contextmanager
def tagged(canvas: Canvas, tag: Tag | None) -> Generator[None]:
    """Everything drawn inside is part of `tag`.

    Inside another tag the outer one holds: the labels of a figure are part of the figure. On a canvas that notes
    nothing, and without a tag, nothing happens.
    """
    if tag is None or not isinstance(canvas, TaggedCanvas) or canvas.open_tag is not None:
        yield
        return
    canvas.begin_tag(tag)
    try:
        yield
    finally:
        canvas.end_tag()


@dataclass(slots=True)
class _Tree:
    """The structure tree while it grows."""

    pdf: Pdf
    root: pikepdf.Object
    document: pikepdf.Object
    elements: dict[str, pikepdf.Object] = field(default_factory=dict[str, pikepdf.Object])
    first_pages: dict[str, int] = field(default_factory=dict[str, int])
    marks: list[list[pikepdf.Object]] = field(default_factory=list[list[pikepdf.Object]])

    def is_repeated(self, path: str, page: int) -> bool:
        """Whether this is the head of a table that is drawn again on a later page."""
        role = path.rsplit(" ", 1)[-1].split(".")[0]
        return role == "TH" and self.first_pages.get(path, page) != page

    def element(self, path: str, page: int) -> pikepdf.Object:
        if path in self.elements:
            return self.elements[path]
        above, _, own = path.rpartition(" ")
        parent = self.element(above, page) if above else self.document
        content = Dictionary(Type=Name.StructElem, S=Name(f"/{own.split('.')[0]}"), P=parent, K=Array())
        if content.S == Name.TH:
            content.A = Dictionary(O=Name.Table, Scope=Name.Column)
        made = self.pdf.make_indirect(content)
        parent.K.append(made)
        self.elements[path], self.first_pages[path] = made, page
        return made


def add_structure(pdf: Pdf, language: str) -> None:
    """Turns what `tagged` noted into the structure tree of the document.

    Args:
        pdf: changed in place; pages that note nothing become artifacts as a whole.
        language: tag of the text's language.
    """
    root = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    document = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Document, P=root, K=Array()))
    tree = _Tree(pdf, root, document)
    for number, page in enumerate(pdf.pages):
        marks: list[pikepdf.Object] = []
        tree.marks.append(marks)
        content = _rewritten(list(pikepdf.parse_content_stream(page)), tree, number, page.obj, marks)
        page.Contents = pdf.make_stream(pikepdf.unparse_content_stream(content))
        page.StructParents = number
        page.Tabs = Name.S
    numbers = Array()
    for number, marks in enumerate(tree.marks):
        numbers.append(number)
        numbers.append(pdf.make_indirect(Array(marks)))
    root.K = Array([document])
    root.ParentTree = pdf.make_indirect(Dictionary(Nums=numbers))
    root.ParentTreeNextKey = len(tree.marks)
    pdf.Root.StructTreeRoot = root
    pdf.Root.MarkInfo = Dictionary(Marked=True)
    pdf.Root.Lang = pikepdf.String(language)


def _rewritten(
    instructions: Sequence[Any], tree: _Tree, number: int, page: pikepdf.Object, marks: list[pikepdf.Object]
) -> list[Any]:
    """The page with plain marks, and with everything outside of them called an artifact."""
    content: list[Any] = []
    outside: list[Any] = []
    depth = 0
    for instruction in instructions:
        operator = str(instruction.operator)
        if depth == 0 and operator not in _BEGIN:
            outside.append(instruction)
            continue
        if operator in _BEGIN:
            if depth == 0:
                content += _artifact(outside)
                outside = []
                instruction = _plain_mark(instruction, tree, number, page, marks)
            depth += 1
        elif operator == _END:
            depth -= 1
        content.append(instruction)
    return content + _artifact(outside)


def _artifact(instructions: list[Any]) -> list[Any]:
    if not any(str(each.operator) in _PAINTS for each in instructions):
        return instructions
    begin = ContentStreamInstruction([Name.Artifact], Operator("BMC"))
    return [begin, *instructions, ContentStreamInstruction([], Operator("EMC"))]


def _plain_mark(
    instruction: Any, tree: _Tree, number: int, page: pikepdf.Object, marks: list[pikepdf.Object]
) -> ContentStreamInstruction:
    noted = instruction.operands[1]
    path = str(noted[_PATH_KEY])
    if tree.is_repeated(path, number):
        return ContentStreamInstruction([Name.Artifact], Operator("BMC"))
    element = tree.element(path, number)
    if "/Alt" in noted:
        element.Alt = noted.Alt
    mark = len(marks)
    element.K.append(Dictionary(Type=Name.MCR, Pg=page, MCID=mark))
    marks.append(element)
    return ContentStreamInstruction([instruction.operands[0], Dictionary(MCID=mark)], Operator("BDC"))
