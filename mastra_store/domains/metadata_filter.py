"""Filters on metadata: which filters are legal, and what they match (M11, M12, M26)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeAlias

from ..errors import ValidationError

Scalar: TypeAlias = str | int | float | bool | None
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TOO_LARGE = 10**4000
_RESERVED = frozenset({"__proto__", "prototype", "constructor"})


def check_metadata_filter(value: Any, field: str = "metadata") -> dict[str, Scalar]:
    """The filter as a plain dict, empty when there is nothing to filter by (M12)."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValidationError(f"{field} must be a mapping of keys to scalars", details={"field": field})
    return {_check_key(key, field): _check_value(key, item, field) for key, item in value.items()}


def matches(metadata: Any, wanted: Mapping[str, Scalar]) -> bool:
    """Whether every wanted key stands at the top level of ``metadata`` with an equal value of the same JSON type."""
    if not wanted:
        return True
    return isinstance(metadata, Mapping) and all(
        key in metadata and _same_scalar(metadata[key], value) for key, value in wanted.items()
    )


def _same_scalar(stored: Any, wanted: Scalar) -> bool:
    if isinstance(wanted, bool) or isinstance(stored, bool) or wanted is None:
        return stored is wanted
    return isinstance(stored, (str, int, float)) and bool(stored == wanted)


def _check_key(key: Any, field: str) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key in _RESERVED:
        rule = "must match [A-Za-z_][A-Za-z0-9_]*, have at most 128 characters and not be reserved"
        message = f"{field} filter key {key!r} {rule}"
        raise ValidationError(message, reason="INVALID_METADATA_KEY", details={"key": key})
    return key


def _check_value(key: str, value: Any, field: str) -> Scalar:
    if isinstance(value, float) and not isfinite(value):
        raise _illegal_value(field, key, "a non-finite number")
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        raise _illegal_value(field, key, "a number of thousands of digits")
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise _illegal_value(field, key, f"a {type(value).__name__}")


def _illegal_value(field: str, key: str, what: str) -> ValidationError:
    message = f"{field} filter value of {key!r} must be a string, number, bool or None, not {what}"
    return ValidationError(message, reason="INVALID_METADATA_VALUE", details={"key": key})
