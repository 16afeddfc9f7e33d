"""Instants: aware UTC datetimes with JavaScript's precision, the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    """The wall clock, truncated to the millisecond."""
    return truncate(datetime.now(UTC))


def truncate(moment: datetime) -> datetime:
    """The same instant in UTC without its microseconds below the millisecond. The datetime must be aware."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    excess = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - excess) if excess else moment


def iso(moment: datetime) -> str:
    """Mastra's text form, always ``YYYY-MM-DDTHH:MM:SS.mmmZ``. The datetime must be aware."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # A third quicker than isoformat(), and every message that is saved passes here.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (  # noqa: UP031
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond // 1000,
    )


def is_aware(moment: datetime) -> bool:
    """Whether a datetime names one instant (has a UTC offset)."""
    return moment.tzinfo is UTC or moment.utcoffset() is not None
