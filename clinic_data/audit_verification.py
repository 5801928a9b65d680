"""Checking the audit trail: every row, its place, its end, and the heads that were noted outside the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sqlmodel import Session, select

from clinic_data import data_keys
from clinic_data.audit_chain import FIRST_MAC, Head, mac_of
from clinic_data.audit_reading import StoredRow, stream
from clinic_data.audit_writing import read_head
from clinic_data.encryption_tables import WrappedKey
from clinic_data.errors import SealError

NAMED_PROBLEMS = 100
"""So many problems are named, the others counted."""
_TOLD_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with the trail.

    Attributes:
        row_id: number of the row where it shows, or None where it is no row's.
        sentence: what is wrong.
    """

    row_id: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the whole trail found.

    Attributes:
        rows: how many rows were read.
        last_id: number of the last one; 0 where there is none.
        last_mac: its keyed hash.
        anchors: how many heads from outside the database were compared.
        problems: the first of them, in the order of the trail.
        problem_count: how many there are.
    """

    rows: int
    last_id: int
    last_mac: str
    anchors: int
    problems: tuple[Problem, ...]
    problem_count: int

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0


def verify(
    *, session: Session, anchors: Iterable[Head] = (), progress: Callable[[int], object] | None = None
) -> Verification:
    """Read the whole trail and check it; the memory that it takes does not grow with the trail.

    Rows that are added meanwhile are checked, too.

    Args:
        session: a session of ``Database.reading()``.
        anchors: heads that were noted outside the database, in their order.
        progress: told how many rows were read.

    Raises:
        SealError: there is no audit key at hand.
    """
    key = audit_key(session)
    check = _Check(key, _Anchors(key, anchors))
    head: Head | None = None
    while True:
        for row in stream(session=session, after=check.last_id):
            check.row(row)
            if progress is not None and check.rows % _TOLD_EVERY == 0:
                progress(check.rows)
        if head is not None and head.last_id > (check.last_id or 0):
            break  # its rows are not there, although it was read before them
        # Read after the rows: whoever appended meanwhile set the head in the same transaction.
        head = read_head(session)
        if head is None or head.last_id <= (check.last_id or 0):
            break
    check.end(head)
    return check.result()


def audit_key(session: Session) -> bytes:
    """The key of the chain, which is never made anew here.

    Raises:
        SealError: it is missing, or does not open.
    """
    if session.exec(select(WrappedKey.id).where(WrappedKey.purpose == data_keys.AUDIT)).first() is None:
        raise SealError("The audit key is missing in the database: nobody can tell whether the trail is intact.")
    return data_keys.for_purpose(session=session, purpose=data_keys.AUDIT).key


@dataclass(slots=True)
class _Check:
    """The state of one walk along the chain."""

    key: bytes
    anchors: _Anchors
    rows: int = 0
    last_id: int | None = None
    last_mac: str = FIRST_MAC
    problems: list[Problem] = field(default_factory=list[Problem])
    problem_count: int = 0

    def row(self, row: StoredRow) -> None:
        """Check the next row."""
        self._check_place(row)
        if mac_of(self.key, row._asdict()) != row.mac:
            self._add(row.id, f"Row {row.id} was changed, moved here from another place, or added by somebody else.")
        for problem in self.anchors.passed(row):
            self._add(row.id, problem)
        self.rows, self.last_id, self.last_mac = self.rows + 1, row.id, row.mac

    def _check_place(self, row: StoredRow) -> None:
        if row.previous_mac == self.last_mac:
            return
        before, missing = self.last_id or 0, row.id - (self.last_id or 0) - 1
        if missing > 0:
            which = f"Row {before + 1} is" if missing == 1 else f"Rows {before + 1} to {row.id - 1} are"
            self._add(before + 1, f"{which} missing: row {row.id} does not follow row {before}.")
        else:
            self._add(row.id, f"Row {row.id} does not follow row {before}: one of them was changed, moved or added.")

    def end(self, head: Head | None) -> None:
        """Check that the trail ends where its head says."""
        last = self.last_id or 0
        if head is None:  # also of a trail without rows, which has one since its tables were made
            self._add(None, "The head of the trail is missing in the database.")
        elif not head.is_genuine(self.key):
            self._add(None, "The head of the trail in the database was changed, or the audit key is another one.")
        elif head.last_id > last:
            self._add(last + 1, f"Rows {last + 1} to {head.last_id} are missing at the end.")
        elif head.last_id < last:
            self._add(head.last_id + 1, f"Rows {head.last_id + 1} to {last} were added behind the end of the trail.")
        elif head.last_mac != self.last_mac:
            self._add(last or None, f"The head of the trail does not belong to row {last}, the last one.")
        for problem in self.anchors.left():
            self._add(problem.row_id, problem.sentence)

    def result(self) -> Verification:
        """What was found."""
        return Verification(
            rows=self.rows,
            last_id=self.last_id or 0,
            last_mac=self.last_mac,
            anchors=self.anchors.compared,
            problems=tuple(self.problems),
            problem_count=self.problem_count,
        )

    def _add(self, row_id: int | None, sentence: str) -> None:
        self.problem_count += 1
        if len(self.problems) < NAMED_PROBLEMS:
            self.problems.append(Problem(row_id, sentence))


class _Anchors:
    """Heads from outside the database, compared as the rows go by."""

    def __init__(self, key: bytes, heads: Iterable[Head]) -> None:
        self.compared = 0
        self._forged: list[Problem] = []
        self._genuine = self._checked(key, heads)
        self._next = next(self._genuine, None)

    def _checked(self, key: bytes, heads: Iterable[Head]) -> Iterator[Head]:
        last = 0
        for head in heads:
            if not head.is_genuine(key):
                sentence = f"A head noted outside the database, of row {head.last_id}, is not by this audit key."
                self._forged.append(Problem(head.last_id, sentence))
            elif head.last_id >= last:  # two processes may have noted theirs the other way round
                last = head.last_id
                self.compared += 1
                yield head

    def passed(self, row: StoredRow) -> Iterator[str]:
        """Compare the heads up to this row."""
        while self._next is not None and self._next.last_id <= row.id:
            number, at = self._next.last_id, f"{self._next.at:%Y-%m-%d %H:%M:%S} UTC"
            if 0 < number < row.id:
                yield f"Row {number} is missing: its head was noted on {at}."
            elif number == row.id and self._next.last_mac != row.mac:
                yield f"Row {number} is not the one whose head was noted on {at}."
            self._next = next(self._genuine, None)

    def left(self) -> Iterator[Problem]:
        """Heads of rows behind the last one, and those that are not genuine."""
        while self._next is not None:
            if self._next.last_id > 0:
                at = f"{self._next.at:%Y-%m-%d %H:%M:%S} UTC"
                sentence = f"Row {self._next.last_id} is missing at the end: its head was noted on {at}."
                yield Problem(self._next.last_id, sentence)
            self._next = next(self._genuine, None)
        yield from self._forged
