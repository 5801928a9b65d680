"""PDF/A-2b and tagged text: what archives and readers for the blind look for."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO

import numpy as np
import pikepdf
import pytest
from PIL import Image, ImageCms
from reportlab.pdfgen.canvas import Canvas

from reports.colour_profile import srgb_profile
from reports.pdf import render_pdf
from reports.pdfa import Metadata, archival
from reports.tags import Tag, TaggedCanvas, tagged

from .conftest import make_report


@pytest.fixture(scope="module")
def document() -> bytes:
    return render_pdf(make_report())


def _metadata(**changes) -> Metadata:
    report = make_report()
    values = {
        "title": "Report <1> & more",
        "author": "Clinic",
        "subject": "Screening",
        "creator": "FGait",
        "created_at": report.created_at,
        "language": "en",
    }
    return Metadata(**values | changes)


def _drawn(draw) -> pikepdf.Pdf:
    """A page made archival."""
    out = BytesIO()
    canvas = TaggedCanvas(out, invariant=1)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return pikepdf.open(BytesIO(archival(out.getvalue(), _metadata())))


def _elements(node: pikepdf.Object) -> list[pikepdf.Object]:
    found = []
    for child in node.K:
        if isinstance(child, pikepdf.Dictionary) and child.get("/Type") == "/StructElem":
            found += [child, *_elements(child)]
    return found


def test_the_file_says_what_an_archive_asks_for(document):
    with pikepdf.open(BytesIO(document)) as pdf:
        xmp = pdf.Root.Metadata.read_bytes().decode()
        assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in xmp
        assert str(pdf.docinfo["/Title"]) in xmp
        intent = pdf.Root.OutputIntents[0]
        assert intent.S == "/GTS_PDFA1"
        assert intent.DestOutputProfile.read_bytes() == srgb_profile()
        assert len(pdf.trailer.ID) == 2
        assert not pdf.is_encrypted
        assert "/Encrypt" not in pdf.trailer
        assert not [each for each in ("/AA", "/OpenAction", "/Names", "/AcroForm") if each in pdf.Root]
        assert "Müller" not in xmp
        assert "Müller" not in str(dict(pdf.docinfo))


def test_the_colours_mean_what_they_mean_elsewhere():
    ours = ImageCms.ImageCmsProfile(BytesIO(srgb_profile()))
    assert ImageCms.getProfileDescription(ours).strip() == "sRGB IEC61966-2.1"
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    pixels = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, len(levels), 3)
    theirs = ImageCms.createProfile("sRGB")
    seen = ImageCms.profileToProfile(Image.fromarray(pixels), ours, theirs)
    assert np.abs(np.asarray(seen).astype(int) - pixels).max() <= 1


def test_every_font_is_embedded_and_can_be_read_back(document):
    with pikepdf.open(BytesIO(document)) as pdf:
        fonts = [each for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and each.get("/Type") == "/Font"]
        assert fonts
        for font in fonts:
            assert "/ToUnicode" in font
            assert "/FontFile2" in font.FontDescriptor


def test_everything_on_a_page_is_a_part_or_an_artifact(document):
    with pikepdf.open(BytesIO(document)) as pdf:
        for page in pdf.pages:
            depth = 0
            for instruction in pikepdf.parse_content_stream(page):
                operator = str(instruction.operator)
                depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(operator, 0)
                assert depth in {0, 1}
                assert depth or operator not in {"Tj", "TJ", "f", "S", "B", "Do"}
            assert depth == 0


def test_every_mark_leads_to_its_part_and_back(document):
    with pikepdf.open(BytesIO(document)) as pdf:
        numbers = list(pdf.Root.StructTreeRoot.ParentTree.Nums)
        for page in pdf.pages:
            parents = list(numbers[2 * int(page.StructParents) + 1])
            marks = [
                int(each.operands[1].MCID) for each in pikepdf.parse_content_stream(page) if str(each.operator) == "BDC"
            ]
            assert sorted(marks) == list(range(len(parents)))
            for mark in marks:
                kids = [kid for kid in parents[mark].K if kid.get("/Type") == "/MCR"]
                assert [kid for kid in kids if int(kid.MCID) == mark and kid.Pg.objgen == page.obj.objgen]


def test_a_report_has_headings_tables_lists_and_described_figures(document):
    with pikepdf.open(BytesIO(document)) as pdf:
        elements = _elements(pdf.Root.StructTreeRoot.K[0])
        roles = {str(each.S) for each in elements}
        assert {"/H1", "/H2", "/P", "/Table", "/TR", "/TH", "/TD", "/L", "/LI", "/LBody", "/Figure"} <= roles
        assert all(str(each.Alt).strip() for each in elements if each.S == "/Figure")
        assert str(pdf.Root.Lang) == "en"
        assert pdf.Root.MarkInfo.Marked


def test_the_same_content_gives_the_same_bytes():
    out = BytesIO()
    canvas = TaggedCanvas(out, invariant=1)
    canvas.drawString(10, 10, "a walk")
    canvas.showPage()
    canvas.save()
    assert archival(out.getvalue(), _metadata()) == archival(out.getvalue(), _metadata())


def test_metadata_are_escaped_and_a_title_is_needed():
    pdf = _drawn(lambda canvas: canvas.drawString(10, 10, "x"))
    assert b"Report &lt;1&gt; &amp; more" in pdf.Root.Metadata.read_bytes()
    with pytest.raises(ValueError, match="title"):
        _metadata(title=" ")


def test_a_part_in_two_pieces_is_one_part():
    paragraph = Tag("P")

    def draw(canvas: Canvas) -> None:
        for y in (700, 650):
            with tagged(canvas, paragraph):
                canvas.drawString(10, y, "piece")

    pdf = _drawn(draw)
    elements = _elements(pdf.Root.StructTreeRoot.K[0])
    assert [str(each.S) for each in elements] == ["/P"]
    assert len(elements[0].K) == 2


def test_a_head_that_is_drawn_again_on_the_next_page_is_an_artifact():
    cell = Tag("TH", parent=Tag("TR", parent=Tag("Table")))

    def draw(canvas: Canvas) -> None:
        for _ in range(2):
            with tagged(canvas, cell):
                canvas.drawString(10, 700, "head")
            canvas.showPage()

    pdf = _drawn(draw)
    head = _elements(pdf.Root.StructTreeRoot.K[0])[-1]
    assert head.S == "/TH"
    assert len(head.K) == 1
    second = [str(each.operator) for each in pikepdf.parse_content_stream(pdf.pages[1])]
    assert "BDC" not in second


def test_inside_a_figure_nothing_else_is_a_part():
    def draw(canvas: Canvas) -> None:
        with tagged(canvas, Tag("Figure", alt="ein Läufer, 步态")), tagged(canvas, Tag("P")):
            canvas.drawString(10, 700, "label")

    pdf = _drawn(draw)
    (figure,) = _elements(pdf.Root.StructTreeRoot.K[0])
    assert str(figure.Alt) == "ein Läufer, 步态"


def test_a_plain_canvas_and_an_unknown_role():
    canvas = Canvas(BytesIO())
    with tagged(canvas, Tag("P")):
        canvas.drawString(10, 10, "x")
    assert "BDC" not in "".join(canvas._code)
    with pytest.raises(ValueError, match="P"):
        Tag("Paragraph")


@pytest.mark.skipif(not shutil.which("qpdf"), reason="the outside checker qpdf is not installed")
def test_an_outside_checker_finds_no_fault(document, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(document)
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("pdfinfo"), reason="the outside reader pdfinfo is not installed")
def test_an_outside_reader_sees_the_structure(document, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(document)
    shown = subprocess.run(["pdfinfo", "-struct-text", path], capture_output=True, text=True, check=True)
    assert "H1" in shown.stdout
    assert "Gait screening report" in shown.stdout
    assert not shown.stderr
