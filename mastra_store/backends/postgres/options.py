"""How to reach a PostgreSQL database: URL, options, or a pool of the caller's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

import asyncpg
from yarl import URL

from ...errors import ValidationError
from ...redact import redact

_OUR_OPTIONS: dict[str, Callable[[str], Any]] = {
    "schema_name": str,
    "pool_size": int,
    "idle_seconds": float,
    "connect_timeout": float,
    "command_timeout": float,
}


class PostgresArguments(TypedDict, total=False):
    """Arguments of everything that opens a PostgreSQL database. ``None`` stands for the default."""

    url: str | None
    """``postgres://user:password@host:5432/database``; the other arguments may stand in its query as well."""
    pool: asyncpg.Pool | None
    """An asyncpg pool of the caller's, instead of a URL; used as it is and never closed here."""
    schema_name: str | None
    """The schema of the tables (``public``), created when missing."""
    pool_size: int | None
    """The largest number of connections (10)."""
    idle_seconds: float | None
    """How long connections may be idle (30)."""
    connect_timeout: float | None
    """How long connecting may take, in seconds (10)."""
    command_timeout: float | None
    """How long one statement may take, in seconds (no limit)."""


@dataclass(frozen=True)
class PostgresOptions:
    """Where and how to connect. Exactly one of ``url`` and ``pool`` is given."""

    url: str | None = field(default=None, repr=False)
    pool: asyncpg.Pool | None = None
    schema_name: str = "public"
    pool_size: int = 10
    idle_seconds: float = 30.0
    """How long connections may be idle before they go back to the pool."""
    connect_timeout: float = 10.0
    command_timeout: float | None = None
    """Longest time for one statement, in seconds."""

    @property
    def name(self) -> str:
        """The database for messages and logs: its URL without the password."""
        return "the given pool" if self.url is None else redact(self.url)

    def pool_arguments(self) -> dict[str, Any]:
        """What ``asyncpg.create_pool`` is called with."""
        return {
            "dsn": self.url,
            "min_size": 0,
            "max_size": self.pool_size,
            "timeout": self.connect_timeout,
            "command_timeout": self.command_timeout,
        }


def url_options(url: str, **given: Any) -> PostgresOptions:
    """Options from a URL; arguments that are not ``None`` win over options in it.

    Options: ``schema_name``, ``pool_size``, ``idle_seconds``, ``connect_timeout``, ``command_timeout``; all others are
    the driver's (``sslmode``, ``application_name``, ...). Raises ``ValidationError`` for what cannot be read.
    """
    parsed = _parse(url)
    found = {name: _read(name, parsed.query[name]) for name in _OUR_OPTIONS if name in parsed.query}
    found |= {name: value for name, value in given.items() if value is not None}
    _check(found)
    bare = parsed.with_query([(name, value) for name, value in parsed.query.items() if name not in _OUR_OPTIONS])
    return PostgresOptions(url=str(bare), **found)


def pool_options(pool: asyncpg.Pool, **given: Any) -> PostgresOptions:
    """Options for a pool of the caller's, whose size is its own."""
    found = {name: value for name, value in given.items() if value is not None}
    if not isinstance(pool, asyncpg.Pool):
        raise ValidationError("pool must be an asyncpg pool", details={"field": "pool"})
    found.setdefault("pool_size", pool.get_max_size())
    _check(found)
    return PostgresOptions(pool=pool, **found)


def normalise(url: str) -> str:
    """A key that is equal for URLs of one database opened alike: default port, order of options."""
    options = url_options(url)
    parsed = URL(options.url or "")
    place = parsed.user, parsed.password, parsed.host, parsed.port or 5432, parsed.path.strip("/")
    return repr((place, sorted(parsed.query.items()), replace(options, url=None)))


def _parse(url: Any) -> URL:
    if not isinstance(url, str):
        raise ValidationError("url must be a string", details={"field": "url"})
    parsed = _parsed(url)
    if parsed is None or parsed.scheme not in ("postgres", "postgresql") or not re.match(r"\w+://", url):
        raise ValidationError(
            f"not a PostgreSQL URL: {redact(url)!r}; write postgres://user:password@host:5432/database"
        )
    return parsed


def _parsed(url: str) -> URL | None:
    """``None`` for what is no URL; the parser's own words may hold part of a password and are dropped."""
    try:
        parsed = URL(url)
        return None if parsed.port == 0 else parsed
    except ValueError:
        return None


def _read(name: str, value: str) -> Any:
    try:
        return _OUR_OPTIONS[name](value)
    except ValueError:
        raise ValidationError(f"option {name} of a PostgreSQL URL cannot be read: {value!r}") from None


def _check(found: dict[str, Any]) -> None:
    schema = found.get("schema_name", "public")
    if not isinstance(schema, str) or not 0 < len(schema.encode()) <= 63 or "\0" in schema or '"' in schema:
        text = "schema_name must be a name of at most 63 bytes without quotes"
        raise ValidationError(text, details={"field": "schema_name"})
    size = found.get("pool_size", 1)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValidationError("pool_size must be an int >= 1", details={"field": "pool_size"})
    for name in ("idle_seconds", "connect_timeout", "command_timeout"):
        _check_seconds(name, found.get(name, 1.0))


def _check_seconds(name: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < 1e9 or (value == 0 and name != "idle_seconds"):
        raise ValidationError(f"{name} must be a number of seconds above 0", details={"field": name})
