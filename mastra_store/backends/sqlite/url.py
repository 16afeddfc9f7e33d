"""URLs of SQLite databases: ``sqlite:///app.db``, ``sqlite:////abs/app.db``, ``file:./app.db``, ``:memory:``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from ...errors import ValidationError
from ...redact import redact
from .database import SqliteOptions

_MODES = ("rwc", "rw", "ro")


def open_options(url: str) -> SqliteOptions:
    """What a URL says. Options: ``mode`` (rwc, rw, ro), ``busy_timeout`` (seconds), ``readers``, ``max_page_count``.

    Raises ``ValidationError`` for anything that is not understood.
    """
    if not isinstance(url, str):
        raise ValidationError("url must be a string", details={"field": "url"})
    location, _, query = url.partition("?")
    options = _options(dict(parse_qsl(query, keep_blank_values=True)))
    path = _path(location)
    if path == ":memory:":
        return SqliteOptions(None, **options)
    return SqliteOptions(os.path.abspath(path), **options)


def normalise(url: str) -> str:
    """A key that is equal for URLs of one database opened alike."""
    options = open_options(url)
    return repr(options._replace(path=options.path and os.path.realpath(options.path)))


def _path(location: str) -> str:
    if location in (":memory:", "sqlite://:memory:", "sqlite:///:memory:", "file::memory:"):
        return ":memory:"
    if location.startswith("sqlite:///"):
        path = location.removeprefix("sqlite:///")
    elif location.startswith("file:"):
        path = location.removeprefix("file:")
        path = path.removeprefix("//") if path.startswith("///") else "" if path.startswith("//") else path
    else:
        path = ""
    if not path or "%00" in path or "\0" in path:
        raise ValidationError(
            f"not a SQLite URL: {redact(location)!r}; "
            "write sqlite:///relative.db, sqlite:////absolute.db, file:./app.db or :memory:"
        )
    return f"/{unquote(path).lstrip('/')}" if path.startswith("/") else unquote(path)


def _options(given: Mapping[str, str]) -> dict[str, Any]:
    known: dict[str, Callable[[str], Any]] = {
        "mode": _mode,
        "busy_timeout": _seconds,
        "readers": lambda value: _whole(value, least=0),
        "max_page_count": lambda value: _whole(value, least=1),
    }
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValidationError(f"unknown options {unknown} in a SQLite URL; known are {', '.join(known)}")
    try:
        return {name: known[name](value) for name, value in given.items()}
    except ValueError as error:
        raise ValidationError(f"an option of a SQLite URL cannot be read: {error}") from None


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 <= seconds < 1e6:
        raise ValueError(f"{value} is no number of seconds")
    return seconds


def _whole(value: str, *, least: int) -> int:
    number = int(value)
    if not least <= number < 2**31:
        raise ValueError(f"{value} must be an int >= {least}")
    return number


def _mode(value: str) -> str:
    if value not in _MODES:
        raise ValueError(f"mode must be one of {', '.join(_MODES)}")
    return value
