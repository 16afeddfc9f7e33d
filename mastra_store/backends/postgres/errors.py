"""asyncpg's errors in terms of this package: translated here and nowhere else."""

from __future__ import annotations

import re

import asyncpg

from ...errors import CorruptRecordError, StoreConnectionError, StoreError, ValidationError

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    OverflowError,
)

_TABLE = re.compile(r"mastra_(?!store_)\w+")

# Where a whole transaction may simply be run again.
REPEATABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

_LOST = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
_CONNECT_ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, "wrong user or password for {name}"),
    (asyncpg.InvalidAuthorizationSpecificationError, "the server refuses this user: {error} ({name})"),
    (asyncpg.InvalidCatalogNameError, "the database does not exist; create it first ({name})"),
    (
        asyncpg.TooManyConnectionsError,
        "the server has no connection left; lower pool_size or raise its max_connections ({name})",
    ),
    (asyncpg.CannotConnectNowError, "the server is starting up or shutting down; try again ({name})"),
    (TimeoutError, "no answer in time from {name}; check host, port and firewall"),
    (OSError, "cannot reach {name}: {error}; check that the server runs, and host and port"),
)
_ADVICE: tuple[tuple[type[Exception], str, str, bool], ...] = (
    (asyncpg.DiskFullError, "the server's disk is full; free some space, nothing was written", "disk_full", False),
    (
        asyncpg.ReadOnlySQLTransactionError,
        "the server is read-only (a replica?); connect to the primary",
        "read_only",
        False,
    ),
    (asyncpg.InsufficientPrivilegeError, "the database role lacks a privilege: {error}", "privilege", False),
    (asyncpg.UndefinedTableError, "{error}; run init() first", "missing_table", False),
    (asyncpg.LockNotAvailableError, "a row or table is locked for too long; try again", "locked", True),
    (asyncpg.DeadlockDetectedError, "concurrent transactions kept blocking each other; try again", "deadlock", True),
    (asyncpg.SerializationError, "concurrent transactions kept colliding; try again", "serialization", True),
    (asyncpg.QueryCanceledError, "the server cancelled the statement (its time is limited): {error}", "timeout", True),
    (TimeoutError, "the server did not answer within the command timeout", "timeout", False),
)


def translate(error: Exception, name: str, sql: str = "") -> StoreError:
    """The ``StoreError`` for an error of an open connection; ``name`` is the URL without its password."""
    if isinstance(error, OverflowError) and (table := _TABLE.search(sql)):
        # asyncpg gives up on the whole result, so that the row's key is not known.
        text = f"a row of {table[0]} cannot be read: it holds a time before year 1 or after year 9999 ({error})"
        return CorruptRecordError(text, details={"table": table[0]})
    if isinstance(error, asyncpg.InvalidTextRepresentationError) and (table := _TABLE.search(sql)):
        # Old tables hold JSON as text, and the server does not say of which row.
        text = f"a row of {table[0]} cannot be read: it holds text that is no JSON ({error})"
        return CorruptRecordError(text, details={"table": table[0]})
    if isinstance(error, asyncpg.ProgramLimitExceededError):
        text = f"a value is too long for an index (PostgreSQL takes about 2,700 bytes), nothing was written: {error}"
        return ValidationError(text, details={"reason": "too_long"})
    if is_lost(error):
        text = f"the connection to {name} was lost: {error}; a write in flight may or may not have happened"
        return StoreConnectionError(text, details={"reason": "connection_lost"})
    if isinstance(error, asyncpg.PostgresError) and "File too large" in str(error):
        text = f"{name}: the server cannot extend a file (size limit or full disk); nothing was written"
        return StoreError(text, details={"reason": "disk_full"})
    for kind, text, reason, retryable in _ADVICE:
        if isinstance(error, kind):
            return StoreError(f"{name}: {text.format(error=error)}", details={"reason": reason}, retryable=retryable)
    return StoreError(f"{name}: {error}", details={"reason": "driver"})


def translate_connect(error: Exception, name: str) -> StoreError:
    """The ``StoreError`` for an error of connecting."""
    for kind, text in _CONNECT_ADVICE:
        if isinstance(error, kind):
            return StoreConnectionError(text.format(name=name, error=error), details={"reason": "unreachable"})
    return StoreConnectionError(f"cannot connect to {name}: {error}", details={"reason": "unreachable"})


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone with this error."""
    if isinstance(error, TimeoutError):
        return False
    if isinstance(error, (*_LOST, OSError, asyncpg.InternalClientError)):
        return True
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in ("closed", "released"))
