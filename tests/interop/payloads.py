"""Payloads that are hard to carry: one row each, with what cannot hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .scenes import TYPESCRIPT, Stage


class Awkward(NamedTuple):
    """A payload, and whether a metadata column can hold it; message content, being JSON text, holds all of them."""

    name: str
    value: dict[str, Any]
    fits_metadata: Callable[[Stage], bool] = lambda stage: True


def _as_text(stage: Stage) -> bool:
    """``jsonb`` of PostgreSQL holds less than JSON text."""
    return stage.backend != "postgres"


def _not_by_libsql(stage: Stage) -> bool:
    """@mastra/libsql drops the key ``__proto__`` when it writes metadata."""
    return (stage.backend, stage.writer) != ("sqlite", TYPESCRIPT)


def _nested(depth: int) -> Any:
    value: Any = {"end": [[], {}, None]}
    for _ in range(depth):
        value = {"deeper": [value]}
    return value


AWKWARD = (
    Awkward("empty", {}),
    Awkward(
        "unicode",
        {
            "text": "Zażółć gęślą jaźń – 日本語 – עברית",
            "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 \U0001f600",
            "combining": "e\u0301 vs é",
            "ключ-🔑": "キー",
        },
    ),
    Awkward(
        "escapes",
        {
            "quotes": "single ' double \" back \\ slash / percent % underscore _ semicolon; -- comment",
            "control": "tab\tnewline\ncarriage\rbell\x07 delete\x7f line\u2028sep\u2029 bom\ufeff",
            "written out": "\\u0000 \\ud83d \\n",
        },
    ),
    Awkward(
        "nested null",
        {"null": None, "in": {"a": None, "b": [None, {"c": None}, []], "d": {}}, "": None, "false": False, "zero": 0},
    ),
    Awkward(
        "numbers",
        {
            "one": 1,
            "one as float": 1.0,
            "minus zero": -0.0,
            "third": 1 / 3,
            "largest safe": 2**53 - 1,
            "beyond safe": 12345678901234567890,
            "beyond 64 bits": 2**70,
            "1e21": 1e21,
            "1e23": 1e23,
            "-1e23": -1e23,
            "largest": 1.7976931348623157e308,
            "smallest": 5e-324,
            "small": 1.5e-7,
        },
    ),
    Awkward(
        "looks like json",
        {"object": '{"a":[1,2]}', "array": "[]", "null": "null", "number": "007", "quoted": '"x"', "empty": ""},
    ),
    Awkward(
        "keys",
        {
            "dotted.key": 1,
            "$set": {"$in": [1]},
            "with space": 2,
            'quote"key': 3,
            "apos'key": 4,
            "constructor": 5,
            "toJSON": 6,
        },
    ),
    Awkward("proto", {"__proto__": {"polluted": True}, "in": [{"__proto__": None}]}, _not_by_libsql),
    Awkward("instants", {"date": {"$date": "2026-01-02T03:04:05.678Z"}, "text": "2026-01-02T03:04:05.678Z"}),
    Awkward("long", {"text": 'žluťoučký kůň 🐎 "quoted" \\ \n' * 4000}),
    # @mastra/libsql writes "[Max depth exceeded]" for what lies deeper than 100 in metadata.
    Awkward("deep", {"down": _nested(45)}),
    Awkward("wide", {f"key {number}": [number] * 5 for number in range(500)}),
    Awkward("nul", {"nul": "a\0b", "key\0": 1}, _as_text),
    Awkward("lone surrogates", {"high": "x\ud83dy", "low": "\ude00", "key \udfff": [1]}, _as_text),
)


def as_read(value: Any) -> Any:
    """The same as it reads back: a date inside of a payload has become its text."""
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, dict):
        return value["$date"] if value.keys() == {"$date"} else {key: as_read(item) for key, item in value.items()}
    return value
