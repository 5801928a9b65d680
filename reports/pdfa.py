"""From a PDF as ReportLab writes it to one for archives: PDF/A-2b (ISO 19005-2), with tagged text.

What that asks for and ReportLab does not do: XMP metadata that agree with the document's information, an output intent
that says what the colours mean, a structure tree, a title that readers show, an identifier, and no compression that
archives cannot read. All fonts are embedded already. The same input gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from string import Template
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String

from reports.checks import require_aware, require_text
from reports.colour_profile import srgb_profile
from reports.tags import add_structure

_PRODUCER = "FGait"
_XMP = Template(
    """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">$title</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>$author</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">$subject</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>$language</rdf:li></rdf:Bag></dc:language>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<xmp:CreatorTool>$creator</xmp:CreatorTool>
<xmp:CreateDate>$stamp</xmp:CreateDate><xmp:ModifyDate>$stamp</xmp:ModifyDate>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdf:Producer>$producer</pdf:Producer>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file says of itself; never a patient's name.

    Attributes:
        title: shown by readers in place of the file's name.
        author: who is responsible: the clinic.
        subject: one sentence.
        creator: the software.
        created_at: with a time zone.
        language: tag of the text's language.
    """

    title: str
    author: str
    subject: str
    creator: str
    created_at: datetime
    language: str

    def __post_init__(self) -> None:
        require_text(self.title, "The title of a document")
        require_aware(self.created_at, "The time of a document")


def archival(document: bytes, metadata: Metadata) -> bytes:
    """The document as PDF/A-2b.

    Args:
        document: drawn on `reports.tags.TaggedCanvas`, with all fonts embedded.
        metadata: of the file.
    """
    with Pdf.open(BytesIO(document)) as pdf:
        add_structure(pdf, metadata.language)
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        pdf.Root.OutputIntents = Array([_output_intent(pdf)])
        for page in pdf.pages:
            if "/Trans" in page:
                del page["/Trans"]  # how a page is turned in a slide show: nothing that an archive knows
        _describe(pdf, metadata)
        out = BytesIO()
        pdf.save(
            out,
            min_version="1.7",
            deterministic_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            compress_streams=True,
            normalize_content=False,
            linearize=False,
        )
        return out.getvalue()


def _output_intent(pdf: Pdf) -> pikepdf.Object:
    profile = pdf.make_stream(srgb_profile(), {"/N": 3, "/Alternate": Name.DeviceRGB})
    return pdf.make_indirect(
        Dictionary(
            Type=Name.OutputIntent,
            S=Name.GTS_PDFA1,
            OutputConditionIdentifier=String("sRGB IEC61966-2.1"),
            Info=String("sRGB IEC61966-2.1"),
            RegistryName=String("http://www.color.org"),
            DestOutputProfile=profile,
        )
    )


def _describe(pdf: Pdf, metadata: Metadata) -> None:
    """The same facts twice, as older and newer readers look for them; the two must agree."""
    moment = metadata.created_at.astimezone(UTC).replace(microsecond=0)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    pdf.docinfo["/Title"] = metadata.title
    pdf.docinfo["/Author"] = metadata.author
    pdf.docinfo["/Subject"] = metadata.subject
    pdf.docinfo["/Creator"] = metadata.creator
    pdf.docinfo["/Producer"] = _PRODUCER
    pdf.docinfo["/CreationDate"] = pdf.docinfo["/ModDate"] = f"D:{moment:%Y%m%d%H%M%S}+00'00'"
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
    values = {
        "title": metadata.title,
        "author": metadata.author,
        "subject": metadata.subject,
        "creator": metadata.creator,
        "language": metadata.language,
    }
    packet = _XMP.substitute({name: escape(text) for name, text in values.items()}, stamp=stamp, producer=_PRODUCER)
    stream = pdf.make_stream(packet.encode(), {"/Type": Name.Metadata, "/Subtype": Name.XML})
    pdf.Root.Metadata = stream
