"""What a clinic adds to a result: its letterhead, decisions, outcomes, and how a printed report can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from reports.checks import require, require_aware, require_positive, require_sha256, require_share, require_text

VERDICTS = ("accepted", "overridden")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class ClinicBlock:
    """Who makes the report.

    Attributes:
        name: printed on each page.
        address: one or several lines.
        logo_png: a PNG, or None.
        prevalence: how frequent each task's condition is among those whom this clinic screens, as shares.
        prevalence_source: where these figures are from, as the clinic says.
    """

    name: str
    address: str = ""
    logo_png: bytes | None = None
    prevalence: Mapping[str, float] = field(default_factory=dict[str, float])
    prevalence_source: str = ""

    def __post_init__(self) -> None:
        require_text(self.name, "The name of the clinic")
        require(self.logo_png is None or self.logo_png.startswith(_PNG), "The logo of the clinic must be a PNG.")
        for task, share in self.prevalence.items():
            require_share(share, f"The prevalence of {task!r}")


@dataclass(frozen=True, slots=True)
class DecisionBlock:
    """What a clinician decided about one score.

    Attributes:
        task: whose score.
        verdict: "accepted" or "overridden".
        label: the class that the clinician set; None where accepted.
        reason: needed where overridden.
        decided_by: as it shall be printed.
        decided_at: with a time zone.
        phq9_waived_reason: why depression was accepted without a PHQ-9 total; else empty.
    """

    task: str
    verdict: str
    label: str | None
    reason: str
    decided_by: str
    decided_at: datetime
    phq9_waived_reason: str = ""

    def __post_init__(self) -> None:
        require_text(self.task, "The task of a decision")
        require(self.verdict in VERDICTS, f"A decision is accepted or overridden; it is {self.verdict!r}.")
        if self.verdict == "overridden":
            require_text(self.reason, "The reason of an overriding decision")
        require_text(self.decided_by, "The name of the person who decided")
        require_aware(self.decided_at, "The time of a decision")


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """What turned out to be true.

    Attributes:
        task: of which score.
        label: the class that was found; None where it is not known.
        method: "radiograph", "forward_bend_test", "clinical_diagnosis" or "not_known".
        examined_on: None where nobody examined.
        phq9_total: 0 to 27, or None.
        note: of the clinician.
    """

    task: str
    label: str | None
    method: str
    examined_on: date | None = None
    phq9_total: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        require_text(self.task, "The task of an outcome")
        require_text(self.method, "The method of an outcome")
        fits = self.phq9_total is None or 0 <= self.phq9_total <= 27
        require(fits, f"A PHQ-9 total lies within 0 and 27; it is {self.phq9_total}.")


@dataclass(frozen=True, slots=True)
class NoteBlock:
    """A note of the clinic."""

    text: str
    written_by: str
    written_at: datetime

    def __post_init__(self) -> None:
        require_text(self.text, "The text of a note")
        require_aware(self.written_at, "The time of a note")


@dataclass(frozen=True, slots=True)
class ClipBlock:
    """One recording of an assessment of several.

    Attributes:
        file_name, sha256: of the video.
        view: None where none was found.
        steps: footsteps counted; None where none could be.
        checks: how many quality checks there were.
        warnings: the advice of the failed checks, in the language of the report.
        refused: whether it was left out of the scores.
        reasons: why, in the language of the report.
        leading: whether everything but the scores stands for this one.
    """

    file_name: str
    sha256: str
    view: str | None
    steps: int | None
    checks: int
    warnings: tuple[str, ...]
    refused: bool
    reasons: tuple[str, ...] = ()
    leading: bool = False

    def __post_init__(self) -> None:
        require_text(self.file_name, "The file name of a recording")
        require_sha256(self.sha256, "The SHA-256 of a recording")
        require(not self.refused or bool(self.reasons), f"The refused recording {self.file_name!r} needs a reason.")


@dataclass(frozen=True, slots=True)
class VerificationBlock:
    """How a reader checks a printed report.

    Attributes:
        code: typed in by hand where the picture cannot be read.
        url: what the QR code holds.
        content_sha256: of the content that was printed; empty where none was computed.
    """

    code: str
    url: str
    content_sha256: str = ""

    def __post_init__(self) -> None:
        require_text(self.code, "The verification code")
        require(self.url.startswith(("http://", "https://")), f"The address {self.url!r} of a check is no web address.")
        if self.content_sha256:
            require_sha256(self.content_sha256, "The SHA-256 of the content")


@dataclass(frozen=True, slots=True)
class AddendumBlock:
    """What was added to an earlier report.

    Attributes:
        text: of the clinician.
        to_number: number of the report that it belongs to.
        version: of that report.
    """

    text: str
    to_number: str
    version: int

    def __post_init__(self) -> None:
        require_text(self.text, "The text of an addendum")
        require_text(self.to_number, "The number of the report that an addendum belongs to")
        require_positive(self.version, "The version of the report that an addendum belongs to")
