"""How checks say what they expect: plain functions, which ``python -O`` keeps, with messages that show differences."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from ..errors import StoreError, UnsupportedOperationError

E = TypeVar("E", bound=StoreError)
_SHOWN = 5
_NUMBERS = (int, float)


class CheckFailedError(AssertionError):
    """A rule does not hold for the storage under test."""


def ensure(condition: object, message: str) -> None:
    """Fail with ``message`` unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)


def equal(actual: Any, expected: Any, what: str = "") -> None:
    """Fail unless both are the same values of the same JSON types; of mappings only the differing entries are shown."""
    if not same(actual, expected):
        raise CheckFailedError(f"{what}: {_difference(actual, expected)}" if what else _difference(actual, expected))


def same(left: Any, right: Any) -> bool:
    """Deep equality that tells ``True`` from ``1`` but not ``1`` from ``1.0`` (G8), and wants aware UTC times."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return left == right
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left.utcoffset() == right.utcoffset() == timedelta(0) and left == right
    if type(left) is not type(right):
        return False
    if isinstance(left, msgspec.Struct):
        return same(msgspec.structs.asdict(left), msgspec.structs.asdict(right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


async def raises(kind: type[E], code: str, call: Awaitable[Any], *, says: str = "") -> E:
    """Fail unless the call raises that kind of error with that code, its text holding ``says``; returns the error.

    That the storage supports no such call is passed on: it is no failure.
    """
    try:
        value = await call
    except kind as error:
        equal(error.code, code, "error code")
        ensure(says in str(error), f"the text of {error!r} should contain {says!r}")
        return error
    except UnsupportedOperationError:
        raise
    except StoreError as error:
        found = f"{type(error).__name__} {error.code}"
        raise CheckFailedError(f"expected {kind.__name__} {code}, got {found}") from error
    raise CheckFailedError(f"expected {kind.__name__} {code}, got the result {_short(value)}")


async def outcome(call: Awaitable[Any]) -> str:
    """Either ``"ok"`` or kind and code of the error, such as ``"NotFoundError UPDATE_THREAD_NOT_FOUND"``."""
    try:
        await call
    except StoreError as error:
        return f"{type(error).__name__} {error.code}"
    return "ok"


def _difference(actual: Any, expected: Any) -> str:
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return "; ".join(_differing_entries(actual, expected)[:_SHOWN]) or "the mappings differ in type"
    return f"got {_short(actual)}, expected {_short(expected)}"


def _differing_entries(actual: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    lines = [f"{key!r} is missing" for key in expected if key not in actual]
    lines += [f"{key!r} is not expected: {_short(actual[key])}" for key in actual if key not in expected]
    for key, value in expected.items():
        if key in actual and not same(actual[key], value):
            lines.append(f"{key!r}: got {_short(actual[key])}, expected {_short(value)}")
    return lines


def _short(value: Any) -> str:
    text = repr(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 300 else f"{text[:297]}..."
