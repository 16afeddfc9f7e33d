"""Date ranges and what all pages have in common."""

from __future__ import annotations

from datetime import datetime

import msgspec


class DateRange(msgspec.Struct, kw_only=True, frozen=True):
    """Bounds on a time, inclusive unless marked exclusive, compared at millisecond precision (rule G7).

    A bound is an aware ``datetime`` or an ISO 8601 string with ``Z`` or an offset. ``start > end`` matches nothing.
    """

    start: datetime | str | None = None
    end: datetime | str | None = None
    start_exclusive: bool = False
    end_exclusive: bool = False


class Page(msgspec.Struct, kw_only=True, rename="camel"):
    """Common part of all pages: ``total`` counts the whole filtered set, ``per_page=None`` stands for everything."""

    total: int
    page: int
    per_page: int | None
    has_more: bool
