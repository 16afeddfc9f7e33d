"""Payloads: the JSON values that callers store, checked, detached and put into text (rules G8 and G11).

One codec decides for every backend. ``freeze`` writes, ``decode`` reads. The quick way through is msgspec: whatever it
coerces (a set, a non-string key, a NaN) no longer equals the original after a round trip, and only then the slow and
explicit walk decides what is legal. Lone surrogates, which JavaScript strings may hold, travel as ``\\udXXX`` escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from .errors import ValidationError
from .instants import is_aware, iso

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
DEEPEST = 256
"""How deep a payload may be nested. Python's own limit depends on the caller's stack, too late for what is stored."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Payload(NamedTuple):
    """A payload ready to be stored: its JSON text, and a copy that shares nothing with the caller's object."""

    text: str
    value: Any


def freeze(value: Any, field: str, deepest: int = DEEPEST) -> Payload:
    """Check a payload and detach it from the caller. It may be nested ``deepest`` levels.

    Raises ``ValidationError`` naming ``field`` (and the place within it) for anything that is not a JSON value (G8).
    """
    try:
        text = _encoder.encode(value)
        copy = _decoder.decode(text)
        if copy == value:
            _check_depth(text, copy, field, deepest)
            return Payload(text.decode(), copy)
    except RecursionError:
        raise _too_deep(field) from None
    # Unicode and msgspec errors are among these; the walk below says what is wrong and where.
    except (TypeError, ValueError, OverflowError):
        pass
    return _freeze_slowly(value, field, deepest)


def joined(value: Any, field: str) -> Payload:
    """The payload made of parts that are legal already: what was stored, by whomever, and what was frozen.

    So what others stored may be nested deeper than ``DEEPEST`` and can still be merged into.
    """
    try:
        return Payload(encode(value), value)
    except RecursionError:
        raise _too_deep(field) from None


def decode(text: str | bytes) -> Any:
    """Read stored JSON text, JavaScript's lone surrogates and integers of any size included.

    Raises ``ValueError`` for what is not JSON.
    """
    try:
        try:
            return _decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError):
            return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON nested too deep to be read") from None


def encode(value: Any) -> str:
    """JSON text of a value that is known to be legal: no spaces, key order kept, non-ASCII as it is."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def has_lone_surrogate(text: str) -> bool:
    """Whether a string holds a code point that UTF-8, and so most columns, cannot carry."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def _freeze_slowly(value: Any, field: str, deepest: int) -> Payload:
    try:
        plain = _plain(value, field, "")
        text = encode(plain)
    except RecursionError:
        raise _too_deep(field) from None
    _check_depth(text.encode("utf-8", "surrogatepass"), plain, field, deepest)
    return Payload(text, plain)


def _check_depth(text: bytes, value: Any, field: str, deepest: int) -> None:
    """Refuse what is nested deeper; most payloads are too short, or have too few brackets, to be looked into."""
    if len(text) <= deepest or text.count(b"[") + text.count(b"{") <= deepest:
        return
    level = [value]
    for _ in range(deepest + 1):
        level = [item for parent in level for item in _children(parent)]
        if not level:
            return
    raise _too_deep(field, deepest)


def _children(value: Any) -> Iterable[Any]:
    """The containers within a container."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, (dict, list))]


def _plain(value: Any, field: str, path: str) -> Any:
    """A copy made of JSON types alone; raises at the first thing that is none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _plain_str(value, field, path)
    if isinstance(value, int):
        return _plain_int(value, field, path)
    if isinstance(value, float):
        if not isfinite(value):
            raise _illegal(field, path, f"{value!r} is not a finite number")
        return float(value)
    if isinstance(value, datetime):
        if not is_aware(value):
            raise _illegal(field, path, "a naive datetime names no instant; give it a time zone")
        return iso(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, field, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_plain_key(key, field, path): _plain(item, field, f"{path}.{key}") for key, item in value.items()}
    raise _illegal(field, path, f"{type(value).__name__} is not a JSON value")


def _plain_str(value: str, field: str, path: str) -> str:
    if _SURROGATE_PAIR.search(value):
        why = "a surrogate pair that is not one character cannot be told from that character"
        raise _illegal(field, path, why, unstorable="a surrogate pair")
    return str(value)


def _plain_int(value: int, field: str, path: str) -> int:
    try:
        str(int(value))
    except ValueError:
        raise _illegal(field, path, "the integer has too many digits") from None
    return int(value)


def _plain_key(key: Any, field: str, path: str) -> str:
    if not isinstance(key, str):
        raise _illegal(field, path, f"the key {key!r} is not a string")
    return _plain_str(key, field, path)


def _illegal(field: str, path: str, why: str, **details: str) -> ValidationError:
    where = f"{field}{path}"[:200].encode("utf-8", "backslashreplace").decode()
    return ValidationError(f"{where} cannot be stored: {why}", details={"field": field, "path": path, **details})


def _too_deep(field: str, deepest: int = DEEPEST) -> ValidationError:
    return ValidationError(
        f"{field} cannot be stored: it is nested deeper than {deepest} levels", details={"field": field}
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
