"""Payloads on their way into ``jsonb``, which holds less than JSON text does (storage format 3, rules G8 and G9)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...errors import ValidationError
from ...payload import Payload, encode, has_lone_surrogate

# What an exponent begins with. A longer pattern, with the number before it, takes ten times as long.
_EXPONENT = re.compile(r"e[+1-9]")
# From here on a float may be written with an exponent, which jsonb turns into an integer of other digits.
_LARGE = 1e16


def storable(payload: Payload, field: str) -> str:
    """The JSON text to store. Raises ``ValidationError`` naming ``field`` for NUL and unpaired surrogates."""
    text = payload.text
    if "\\" in text and "\\u" in text:  # one character is looked for in no time
        _check(payload.value, field)
    if _EXPONENT.search(text) and _has_exponent(text):
        return encode(_spelled_out(payload.value))
    return text


def _has_exponent(text: str) -> bool:
    return any(_ends_number(text, match.start()) for match in _EXPONENT.finditer(text))


def _ends_number(text: str, end: int) -> bool:
    """Whether what stands before ``end`` is a number, and not part of a string such as a hexadecimal id."""
    start = end
    while start and text[start - 1] in "0123456789.":
        start -= 1
    if start == end:
        return False
    if start and text[start - 1] == "-":
        start -= 1
    return start == 0 or text[start - 1] in "[:,"


def _check(value: Any, field: str, path: str = "") -> None:
    if isinstance(value, str):
        check_text(value, field, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, field, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(key, field, f"{path}.{key}")
            _check(item, field, f"{path}.{key}")


def check_text(value: str, field: str, path: str = "") -> None:
    """PostgreSQL text holds neither NUL nor unpaired surrogates; it is refused, never changed (G9)."""
    if "\0" not in value and value.isascii():
        return
    if "\0" in value:
        raise _unstorable(field, path, "U+0000")
    if has_lone_surrogate(value):
        raise _unstorable(field, path, "an unpaired surrogate")


def _spelled_out(value: Any) -> Any:
    """Large floats as all their digits with a fraction, so that they read back as the same float."""
    if isinstance(value, float) and abs(value) >= _LARGE:
        return msgspec.Raw(f"{value:.1f}".encode())
    if isinstance(value, list):
        return [_spelled_out(item) for item in value]
    if isinstance(value, dict):
        return {key: _spelled_out(item) for key, item in value.items()}
    return value


def _unstorable(field: str, path: str, what: str) -> ValidationError:
    where = f"{field}{path}"[:200].encode("unicode_escape" if "\0" in path else "utf-8", "backslashreplace").decode()
    details = {"field": field, "unstorable": what, **({"path": path} if path else {})}
    return ValidationError(f"{where} holds {what}, which PostgreSQL cannot store there", details=details)
