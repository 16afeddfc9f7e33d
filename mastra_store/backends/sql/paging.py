"""Pages in SQL: how they are limited, and the statements of a page and of its count."""

from __future__ import annotations

from typing import NamedTuple

from .dialect import Dialect

_LARGEST_LITERAL = 1000


class Limit(NamedTuple):
    """How a page is limited: not at all, by parameters, or by a literal.

    PostgreSQL keeps a plan only when it knows the limit; with a parameter it plans anew at every call.
    """

    present: bool
    literal: int | None

    def sql(self, used: int) -> str:
        """The clause; ``used`` parameters come before it."""
        if not self.present:
            return ""
        return f" LIMIT ${used + 1} OFFSET ${used + 2}" if self.literal is None else f" LIMIT {self.literal}"

    @classmethod
    def of(cls, limit: int | None, offset: int) -> Limit:
        """A first page of ordinary size gets a literal."""
        literal = limit if limit is not None and limit <= _LARGEST_LITERAL and offset == 0 else None
        return cls(limit is not None, literal)

    def args(self, limit: int, offset: int) -> tuple[int, ...]:
        """Its parameters."""
        return (limit, offset) if self.present and self.literal is None else ()


class Listing(NamedTuple):
    """A list in SQL; ``used`` parameters stand in ``where``."""

    table: str
    columns: str
    where: str
    order: str
    used: int


def page_statements(
    dialect: Dialect, listing: Listing, limit: Limit, *, counted: bool = True, keys: str = ""
) -> tuple[str, str]:
    """The statement of a page and that of its count.

    The total comes with each row as a scalar sub-select: one statement, and the index alone answers it. ``keys`` names
    the key columns where rows may have to be sorted: then only keys are, and not all that the columns hold.
    """
    table, columns, where, order, used = listing
    count = f"SELECT count(*) FROM {table}{where}"
    total = f", ({count})" if limit.present and counted else ""
    bounds = limit.sql(used)
    if keys and limit.present:
        page = f"SELECT {keys} FROM {table}{where} ORDER BY {order}{bounds}"
        page = f"SELECT {columns}{total} FROM {table} WHERE ({keys}) IN ({page}) ORDER BY {order}"
    else:
        page = f"SELECT {columns}{total} FROM {table}{where} ORDER BY {order}{bounds}"
    return dialect.sql(page), dialect.sql(count)


def where_clause(conditions: list[str]) -> str:
    """Conditions combined by AND, or nothing."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
