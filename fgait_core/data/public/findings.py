"""What is found wrong with data: one sentence each, sorted by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from fgait_core.errors import ConfigError

FAULTS = {
    "missing_id": "ids of the partition that are not on disk",
    "empty": "folders without a sequence",
    "too_short": "sequences of too few frames",
    "unreadable": "files that cannot be read safely",
    "wrong_shape": "arrays that are no silhouettes, poses or body parts",
    "no_body": "sequences without any body",
    "frames_without_body": "sequences with frames without body",
    "frame_rate": "recordings that are slower than the wanted frame rate",
    "mislabelled": "names or labels that are not of the data set",
    "contradictory_label": "people with two different labels",
    "in_both_sets": "ids in both training and test set",
    "named_twice": "ids or files that a list names twice",
    "probe_missing": "entries of PROBE_SET or GALLERY_SET that are not on disk",
    "duplicate": "sequences with the same silhouettes as another",
    "checksum": "shard files that are missing or damaged",
}
"""Kinds of faults, in the order in which they are told."""

NOTES = {
    "id_count": "numbers of ids that differ from the published partition",
    "unlisted_id": "ids on disk that the partition does not name",
    "several_files": "sequences with several files, of which the first was taken (see --modality-index)",
}
"""Kinds that are worth knowing, but no faults."""

MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Attributes:
        kind: one of `FAULTS` or `NOTES`.
        where: which sequence, id or file.
        words: what is wrong there.
    """

    kind: str
    where: str
    words: str


class Findings:
    """What was found so far: everything is counted, and of each kind the first `MOST_TOLD` are kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Counts one and keeps it while there are few of its kind."""
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= MOST_TOLD:
            self.kept.append(finding)

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def faults(self) -> int:
        """How many are faults, no notes."""
        return sum(count for kind, count in self.counts.items() if kind in FAULTS)

    def of(self, kind: str) -> tuple[Finding, ...]:
        """Those of a kind that were kept, in the order in which they were found."""
        return tuple(finding for finding in self.kept if finding.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """As the report files hold it."""
        return {"counts": dict(self.counts), "findings": [asdict(finding) for finding in self.kept]}


class SequenceFault(ConfigError):
    """One sequence cannot be used; the others can.

    Attributes:
        kind: one of `FAULTS`.
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind
