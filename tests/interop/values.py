"""Values as the packages' calls and answers are written down: JSON with the tags of ``tests/fixtures/README.md``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from mastra_store import LightSpan, Message, Score
from mastra_store.instants import iso
from mastra_store.records import Page

UNDEFINED = {"$undefined": True}

# Keys that Mastra leaves out of an answer where our record says None. All others it answers as null.
_LEFT_OUT: dict[type, frozenset[str]] = {
    Message: frozenset({"type"}),
    Score: frozenset(Score.__struct_encode_fields__),
    LightSpan: frozenset({"inputPreview"}),
}


def decode(value: Any) -> Any:
    """An argument with its tags resolved."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$date"}:
        return datetime.fromisoformat(value["$date"])
    if value.keys() == {"$repeat"}:
        return _repeated(value)
    return {key: decode(item) for key, item in value.items() if item != UNDEFINED}


def encode(value: Any) -> Any:
    """What one of our methods returned, in the form of Mastra's answers."""
    if isinstance(value, msgspec.Struct):
        return _encode_record(value)
    if isinstance(value, datetime):
        return {"$date": iso(value)}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    return value


def expand(value: Any) -> Any:
    """An answer with its long strings written out; the other tags stay."""
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, dict):
        return _repeated(value) if value.keys() == {"$repeat"} else {key: expand(item) for key, item in value.items()}
    return value


def as_doubles(value: Any) -> Any:
    """All numbers as JavaScript holds them."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    if isinstance(value, dict):
        return {key: as_doubles(item) for key, item in value.items()}
    return value


def differences(got: Any, wanted: Any, path: str = "") -> list[str]:
    """Where two values differ, deep. ``1`` equals ``1.0``, ``True`` does not; objects have no order."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        return list(_differing_members(got, wanted, path))
    if isinstance(got, list) and isinstance(wanted, list):
        return list(_differing_items(got, wanted, path))
    if _kind(got) is _kind(wanted) and got == wanted:
        return []
    return [f"{path or '/'}: {_short(got)} instead of {_short(wanted)}"]


def _encode_record(record: msgspec.Struct) -> dict[str, Any]:
    left_out = _LEFT_OUT.get(type(record), frozenset())
    pairs = zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True)
    values = {wire: encode(getattr(record, name)) for wire, name in pairs}
    if isinstance(record, Page) and record.per_page is None:
        values["perPage"] = False  # Mastra's word for everything
    return {key: value for key, value in values.items() if value is not None or key not in left_out}


def _repeated(tag: dict[str, Any]) -> str:
    unit, count = tag["$repeat"]
    return str(unit * count)


def _differing_members(got: dict[str, Any], wanted: dict[str, Any], path: str) -> Iterator[str]:
    for key in sorted({*got, *wanted}):
        if key not in wanted:
            yield f"{path}/{key}: {_short(got[key])} instead of nothing"
        elif key not in got:
            yield f"{path}/{key}: nothing instead of {_short(wanted[key])}"
        else:
            yield from differences(got[key], wanted[key], f"{path}/{key}")


def _differing_items(got: list[Any], wanted: list[Any], path: str) -> Iterator[str]:
    if len(got) != len(wanted):
        yield f"{path}: {len(got)} items instead of {len(wanted)}"
    for index, (one, other) in enumerate(zip(got, wanted, strict=False)):
        yield from differences(one, other, f"{path}/{index}")


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) < 200 else f"{text[:200]}..."
