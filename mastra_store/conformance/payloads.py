"""Tables of payloads (G8, G9): what must survive, what is put into JSON form on the way, what must be refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

AWKWARD_KEYS: dict[str, Any] = {
    "": "empty",
    " ": "space",
    "__proto__": {"polluted": True},
    "constructor": 1,
    "prototype": 2,
    "toString": 3,
    "a": {"b": "nested"},
    "a.b": "dotted",
    "a[0]": "indexed",
    "$set": {"x": 1},
    "$": 4,
    "#": 5,
    "%": 6,
    "*": 7,
    "0": "digit",
    "-1": "negative",
    'quo"te': 8,
    "apos'trophe": 9,
    "back\\slash": 10,
    "sla/sh": 11,
    "~0~1": 12,
    "new\nline": 13,
    "é": "composed",
    "e\u0301": "decomposed",
    "😀": 14,
    "A": "upper",
    "metadata": {"metadata": None},
    "null": None,
}
"""Keys that mean something to one database or another; here they are plain keys."""


def nested(depth: int) -> Any:
    """Lists and mappings by turns, ``depth`` deep."""
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"level": value}
    return value


SURVIVE: dict[str, Any] = {
    "nulls": {"none": None, "list": [None, {"inner": None}, [None]]},
    "empties": {"str": "", "list": [], "dict": {}, "zero": 0, "false": False, "lists": [[], [[]]], "dicts": {"d": {}}},
    "look alikes": [True, 1, "1", "true", False, 0, "0", "false", None, "null", "None", ""],
    "json in text": ['{"a": 1}', "[1, 2]", '"quoted"', "1", "1.0", "{}", "[]", "{broken"],
    "numbers in text": ["1e23", "3e9", "12E+400", "-1.5e300", "0x1e5", "1_000", "9" * 40],
    "times in text": ["2024-01-01T00:00:00.000Z", "2024-01-01", "2024-01-01T00:00:00+02:00", "12:00"],
    "unicode": ["日本語", "😀👩‍👩‍👧", "é", "e\u0301", "\u2028\u2029", "\ufeff", "\u200b", "مرحبا", "\U0010ffff"],
    "controls": ["\t\n\r\b\f", "\x01\x1f\x7f\x85", "line\r\nline"],
    "quotes": ["'", '"', "\\", "\\\\", "\\n", "\\u0041", "'; DROP TABLE mastra_threads; --", "%s %(x)s $1 ? :a"],
    "integers": [0, 1, -1, 255, 2**31, -(2**31) - 1, 2**53 - 1, -(2**53) + 1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "floats": [0.1, 1.5, -2.25, 1 / 3, 0.1 + 0.2, 1e-7, 123456789.12345679, -0.0, 1.0, 100.0],
    "large floats": [1e15, 1e16, 1e21, 1e22, 1e23, 1.2345e30, 1.7976931348623157e308, -1e23, 2.0**63],
    "small floats": [5e-324, 2.2250738585072014e-308, 1e-300, -5e-324],
    "awkward keys": AWKWARD_KEYS,
    "depth": nested(60),
    "long text": "0123456789" * 2000,
    "wide": {f"key {number}": number for number in range(300)},
    "long list": [{"n": number, "half": number / 2} for number in range(300)],
}
"""Values that every storage reads back equal."""

BIG_INTEGERS: list[int] = [
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    10**23,
    10**30,
    -(10**30),
    123456789012345678901234567890,
]

NORMALISED: dict[str, tuple[Any, Any]] = {
    "tuple": ((1, (2, ()), {"inner": (3,)}), [1, [2, []], {"inner": [3]}]),
    "datetime": (datetime(2024, 2, 3, 4, 5, 6, 7000, UTC), "2024-02-03T04:05:06.007Z"),
    "datetime of a second": (datetime(2024, 2, 3, tzinfo=UTC), "2024-02-03T00:00:00.000Z"),
    "datetime elsewhere": (datetime(2024, 2, 3, 1, tzinfo=timezone(timedelta(hours=2))), "2024-02-02T23:00:00.000Z"),
    "datetime truncated": (datetime(2024, 2, 3, 4, 5, 6, 7999, UTC), "2024-02-03T04:05:06.007Z"),
    "datetime inside": ([{"when": datetime(1999, 12, 31, tzinfo=UTC)}], [{"when": "1999-12-31T00:00:00.000Z"}]),
}
"""Given values and what is read back for them."""

REFUSED: dict[str, Any] = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "nan inside": {"list": [1, {"deep": float("nan")}]},
    "naive datetime": datetime(2024, 1, 1),
    "naive datetime inside": [(datetime(2024, 1, 1),)],
    "date": date(2024, 1, 1),
    "timedelta": timedelta(1),
    "set": {1, 2},
    "frozenset": frozenset({"a"}),
    "bytes": b"bytes",
    "bytes inside": ["text", b"bytes"],
    "decimal": Decimal("1.5"),
    "complex": 1j,
    "uuid": UUID(int=1),
    "path": PurePosixPath("/tmp"),  # noqa: S108
    "object": object(),
    "function": len,
    "class": int,
    "int key": {1: "one"},
    "none key": {None: "none"},
    "bool key": {True: "true"},
    "float key": {1.5: "one and a half"},
    "tuple key": {("a", "b"): 1},
    "int key inside": [{"fine": {2: "two"}}],
}
"""Values that are no JSON: a ``ValidationError``, and nothing is written."""

LONE_SURROGATES: dict[str, str] = {
    "lone high": "a\ud800b",
    "lone low": "\udc00",
    "reversed pair": "\ude00\ud83d",
    "split pair": "\ud83d\ude00",
}
NULS: dict[str, str] = {"nul": "a\x00b", "only nul": "\x00", "nul at the end": "end\x00"}
HARD_TEXT: dict[str, str] = {**NULS, **LONE_SURROGATES}
"""Text that some columns cannot hold (G9)."""

TEXTS: dict[str, str] = {
    "plain": "plain",
    "spaces": "  leading and trailing  ",
    "lines": "one\ntwo\r\nthree\ttab",
    "unicode": "日本語 😀 é e\u0301 \u2028 \ufeff \U0010ffff",
    "quotes": 'it\'s "quoted" \\ back',
    "sql": "'; DROP TABLE mastra_threads; --",
    "json": '{"a": [1, null]}',
    "number": "123",
    "null": "null",
    "control": "\x01\x1f\x7f",
    "long": "word " * 3000,
}
"""Text for columns: titles, types, working memory."""

ID_SHAPES: dict[str, Callable[[str], str]] = {
    "plain": lambda id: id,
    "upper": lambda id: id.upper(),
    "capital": lambda id: f"{id}-Case",
    "capital twin": lambda id: f"{id}-case",
    "leading space": lambda id: f" {id}",
    "trailing space": lambda id: f"{id} ",
    "tab": lambda id: f"{id}\t",
    "newline": lambda id: f"{id}\n",
    "colon": lambda id: f"{id}:x",
    "colons": lambda id: f":{id}::x:",
    "hash": lambda id: f"{id}#x#",
    "percent": lambda id: f"%{id}%",
    "percent alone": lambda id: f"{id}%",
    "underscore": lambda id: f"{id}_",
    "underscore inside": lambda id: f"_{id[1:]}",
    "star": lambda id: f"{id}*?[a-z]",
    "apostrophe": lambda id: f"{id}'",
    "quote": lambda id: f'{id}"',
    "backslash": lambda id: f"{id}\\",
    "slash": lambda id: f"/{id}/../x",
    "json": lambda id: f'["{id}"]',
    "comma": lambda id: f"{id},{id}",
    "braces": lambda id: "{%s}" % id,  # noqa: UP031
    "dollar": lambda id: f"${id}$1",
    "emoji": lambda id: f"{id}😀",
    "composed": lambda id: f"{id}é",
    "decomposed": lambda id: f"{id}e\u0301",
    "sharp s": lambda id: f"{id}ß",
    "double s": lambda id: f"{id}ss",
    "long": lambda id: f"{id}{'x' * 200}",
    "longer": lambda id: f"{id}{'x' * 201}",
}
"""Ids that a storage must keep apart and match exactly (G12), each made of a unique one."""
