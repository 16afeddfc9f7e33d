"""The preview of a span's input in light lists (O26)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..payload import decode, encode

_LONGEST = 100


def input_preview(value: Any) -> str | None:
    """What to show of an input: the words of the user where there are such, else the input itself, cut short."""
    if isinstance(value, str):
        return _cut(_text_preview(value))
    return _cut(_preview(value))


def _text_preview(text: str) -> str | None:
    """Text may be JSON: what begins like a container must parse, a quoted string is unquoted when it does."""
    bare = text.strip()
    if bare[:1] not in ("{", "[", '"'):
        return text if bare else None
    try:
        return _preview(decode(bare))
    except ValueError:
        return text if bare[:1] == '"' else None


def _preview(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    messages = value.get("messages") if isinstance(value, dict) else value
    if isinstance(messages, list):
        return " | ".join(_words_of_user(messages))
    return encode(value)


def _words_of_user(messages: Iterable[Any]) -> Iterable[str]:
    for message in messages:
        if isinstance(message, dict) and message.get("role") == "user":
            words = _words(message.get("content"))
            if words:
                yield words


def _words(content: Any) -> str:
    """A string, or the texts among the parts."""
    if isinstance(content, str):
        return content
    return " ".join(filter(None, map(_word, content))) if isinstance(content, list) else ""


def _word(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
    return text if isinstance(text, str) else ""


def _cut(text: str | None) -> str | None:
    if not text:
        return None
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
