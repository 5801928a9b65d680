"""One page of a longer list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import literal
from sqlmodel import Session, func, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_data.errors import ValidationError

RowT = TypeVar("RowT")
MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """Some rows of a list.

    Attributes:
        rows: the rows of this page, in order.
        total: how many rows the whole list has.
        limit: how many rows a page holds at most.
        offset: how many rows come before this page.
    """

    rows: tuple[RowT, ...]
    total: int
    limit: int
    offset: int


def read_page(
    session: Session,
    statement: SelectOfScalar[RowT],
    *,
    order: tuple[Any, ...],
    limit: int,
    offset: int,
    max_counted: int | None = None,
) -> Page[RowT]:
    """Count the rows of ``statement`` and read one page of them in ``order``.

    Args:
        session: any session.
        statement: the rows.
        order: of them.
        limit: rows of the page.
        offset: rows before it.
        max_counted: where the count stops, for lists that grow for ever.

    Raises:
        ValidationError: ``limit`` or ``offset`` is out of range.
    """
    check_range(limit, offset)
    counted = statement.with_only_columns(literal(1), maintain_column_froms=True)
    if max_counted is not None:
        counted = counted.limit(max_counted)
    total = session.exec(select(func.count()).select_from(counted.subquery())).one()
    rows = session.exec(statement.order_by(*order).limit(limit).offset(offset)).all()
    return Page(rows=tuple(rows), total=total, limit=limit, offset=offset)


def check_range(limit: int, offset: int) -> None:
    """Refuse a page that cannot be.

    Raises:
        ValidationError: ``limit`` or ``offset`` is out of range.
    """
    if not 1 <= limit <= MAX_LIMIT or offset < 0:
        raise ValidationError(f"A page holds 1 to {MAX_LIMIT} rows and starts at row 0 or later.")
