"""Date ranges and what all pages have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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

    def _to_mastra(self, wire: dict[str, Any]) -> dict[str, Any]:
        """Mastra's word for everything is ``false``."""
        return wire if self.per_page is not None else {**wire, "perPage": False}


class NestedPage(Page, kw_only=True):
    """A page that has a place of its own for the paging in Mastra's JSON."""

    def _to_mastra(self, wire: dict[str, Any]) -> dict[str, Any]:
        flat = super()._to_mastra(wire)
        paging = {name: flat.pop(name) for name in ("total", "page", "perPage", "hasMore")}
        return {"pagination": paging, **flat}
