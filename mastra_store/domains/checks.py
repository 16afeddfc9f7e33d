"""Checks of arguments: one function per rule, each raising ``ValidationError`` before anything is written (G10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..errors import ValidationError
from ..instants import MILLISECOND, is_aware, truncate
from ..records import DateRange

S = TypeVar("S", bound=msgspec.Struct)
LARGEST_OFFSET = 2**53 - 1


class Period(NamedTuple):
    """A date range made half-open, so that comparing truncated and untruncated times gives one answer (G7)."""

    start: datetime | None
    end: datetime | None


class Order(NamedTuple):
    """One field and its direction (G6)."""

    field: str
    descending: bool


def check_id(value: Any, field: str) -> str:
    """An id is a non-empty string of any characters, matched exactly (G12)."""
    if not isinstance(value, str) or not value:
        raise invalid(f"{field} must be a non-empty string", field)
    return value


def check_owner(value: Any, field: str) -> str:
    """Owners and other required names must not be blank (M3, M7, M15)."""
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"{field} must be a non-blank string", field)
    return value


def check_owner_filter(value: Any, field: str) -> str | None:
    """A tenancy filter is left out or names an owner; the empty string is refused, never "no filter" (G13)."""
    return None if value is None else check_id(value, field)


def check_str(value: Any, field: str) -> str:
    """A string, which may be empty."""
    if not isinstance(value, str):
        raise invalid(f"{field} must be a string", field)
    return value


def check_callable(value: Any, field: str) -> None:
    """A plain function, called while a lock is held and therefore no coroutine function (M6)."""
    if not callable(value) or iscoroutinefunction(value):
        raise invalid(f"{field} must be a plain function, not a coroutine function", field)


def check_ids(values: Any, field: str) -> list[str]:
    """A sequence of ids; each once, in order of first mention."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise invalid(f"{field} must be a sequence of non-empty strings", field)
    return list(dict.fromkeys(check_id(value, f"{field} entries") for value in values))


def check_sequence(values: Any, field: str) -> Sequence[Any]:
    """A list or tuple (a lone string or mapping is a mistake)."""
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise invalid(f"{field} must be a sequence", field)
    return values


def check_metadata(value: Any, field: str) -> Mapping[str, Any] | None:
    """Metadata is a mapping or absent; its contents are checked as a payload (G8)."""
    if value is not None and not isinstance(value, Mapping):
        raise invalid(f"{field} must be a mapping or None", field)
    return value


def check_instant(value: Any, field: str) -> datetime:
    """An aware datetime, truncated to the millisecond; a naive one names no instant and is refused."""
    if not isinstance(value, datetime):
        raise invalid(f"{field} must be an aware datetime", field)
    if not is_aware(value):
        raise invalid(f"{field} is a naive datetime; give it a time zone, e.g. datetime.now(UTC)", field)
    try:
        return truncate(value)
    except OverflowError:
        raise invalid(f"{field} lies outside the range of UTC datetimes", field) from None


def check_count(value: Any, field: str, *, least: int) -> int:
    """A whole number not below ``least`` (``bool`` is none), cut to what every database can count."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise invalid(f"{field} must be an int >= {least}", field)
    return min(value, LARGEST_OFFSET)


def check_page(page: Any, per_page: Any) -> int:
    """Check paging arguments and return the offset (G1, G2)."""
    _check_page_number(page, "page")
    if per_page is None:
        if page != 0:
            raise ValidationError("page must be 0 when per_page is None (everything)", reason="INVALID_PAGE")
        return 0
    _check_page_number(per_page, "per_page")
    offset: int = page * per_page
    if offset > LARGEST_OFFSET:
        raise ValidationError("page * per_page must not exceed 2**53 - 1", reason="INVALID_PAGE")
    return offset


def more_follow(offset: int, per_page: int | None, total: int) -> bool:
    """Whether a page is not the last (G3)."""
    return per_page is not None and offset + per_page < total


def check_order(order_by: Any, fields: Sequence[str]) -> Order:
    """One orderable field with an optional leading ``-`` (G6)."""
    name = order_by.removeprefix("-") if isinstance(order_by, str) else order_by
    if name not in fields:
        message = f"order_by must be one of {', '.join(fields)}, with a leading '-' to descend; got {order_by!r}"
        raise ValidationError(message, reason="INVALID_ORDER_BY", details={"order_by": order_by})
    return Order(name, order_by.startswith("-"))


def check_date_range(value: Any, field: str = "date_range") -> Period | None:
    """A ``DateRange`` (or a mapping with its names) as a half-open span of milliseconds (G7)."""
    if value is None:
        return None
    given = as_struct(value, DateRange, field)
    if not isinstance(given.start_exclusive, bool) or not isinstance(given.end_exclusive, bool):
        raise invalid(f"{field}: start_exclusive and end_exclusive must be bool", field)
    start = _bound(given.start, f"{field}.start")
    end = _bound(given.end, f"{field}.end")
    if start is not None and given.start_exclusive:
        start = _next_millisecond(start) or start
    if end is not None and not given.end_exclusive:
        end = _next_millisecond(end)
    return Period(start, end)


def as_struct(value: Any, cls: type[S], field: str) -> S:
    """The struct itself, or one made of a mapping with its snake_case names."""
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        raise invalid(f"{field} must be a {cls.__name__} or a mapping with its names", field)
    unknown = [key for key in value if key not in cls.__struct_fields__]
    if unknown:
        known = ", ".join(cls.__struct_fields__)
        raise invalid(f"{field} has unknown keys {unknown!r}; known are {known}", field)
    try:
        return cls(**value)
    except TypeError as error:
        raise invalid(f"{field} is no {cls.__name__}: {error}", field) from None


def invalid(message: str, field: str) -> ValidationError:
    """A ``ValidationError`` about one argument."""
    return ValidationError(message, details={"field": field})


def _check_page_number(value: Any, field: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(f"{field} must be an int, not {type(value).__name__}", reason="INVALID_PAGE")
    if value < 0:
        raise ValidationError(f"{field} must be >= 0", reason="INVALID_PAGE")


def _bound(value: Any, field: str) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise invalid(f"{field} is not an ISO 8601 time", field) from None
    return None if value is None else check_instant(value, field)


def _next_millisecond(moment: datetime) -> datetime | None:
    """The bound one millisecond later; beyond the last representable instant there is no bound."""
    try:
        return moment + MILLISECOND
    except OverflowError:
        return None
