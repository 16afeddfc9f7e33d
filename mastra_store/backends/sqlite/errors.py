"""SQLite's errors in terms of this package: translated here and nowhere else."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...errors import StoreConnectionError, StoreError

DRIVER_ERRORS = (sqlite3.Error, OverflowError)

_ADVICE = {
    "SQLITE_BUSY": (
        "{name} is locked by another connection for longer than the busy timeout; try again, or raise busy_timeout",
        "locked",
        True,
    ),
    "SQLITE_LOCKED": ("{name} is locked by another connection; try again", "locked", True),
    "SQLITE_READONLY": (
        "{name} is read-only; check the permissions of the file and its directory, or open it without mode=ro",
        "read_only",
        False,
    ),
    "SQLITE_FULL": (
        "the disk (or max_page_count) of {name} is full; free some space, nothing was written",
        "disk_full",
        False,
    ),
    "SQLITE_IOERR": ("reading or writing {name} failed; check the disk", "io_error", False),
    "SQLITE_CORRUPT": ("{name} is damaged; restore it from a backup", "corrupt", False),
}
_UNREACHABLE = {
    "SQLITE_CANTOPEN": "cannot open {name}; check that its directory exists and may be written to",
    "SQLITE_NOTADB": "{name} is not a SQLite database",
    "SQLITE_PERM": "no permission to open {name}",
}


def translate(error: Exception, name: str) -> StoreError:
    """The ``StoreError`` for an error of the driver; ``name`` names the database without secrets."""
    sqlite_name = getattr(error, "sqlite_errorname", None) or ""
    for prefix, text in _UNREACHABLE.items():
        if sqlite_name.startswith(prefix):
            return StoreConnectionError(text.format(name=name), details={"reason": "unreachable"})
    for prefix, (text, reason, retryable) in _ADVICE.items():
        if sqlite_name.startswith(prefix):
            return StoreError(text.format(name=name), details={"reason": reason}, retryable=retryable)
    if "no such table" in str(error):
        return StoreError(f"{name}: {error}; run init() first", details={"reason": "missing_table"})
    details: dict[str, Any] = {"reason": "driver", "sqlite_error": sqlite_name} if sqlite_name else {"reason": "driver"}
    return StoreError(f"{name}: {error}", details=details)
