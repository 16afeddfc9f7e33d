"""Older shapes that message content and metadata may have in a database (rule M32b, storage format 1.4)."""

from __future__ import annotations

from typing import Any

from ..payload import decode


def read_content(text: str) -> dict[str, Any]:
    """Message content from its stored text; whatever the text is, the result is a format-2 object.

    Raises ``ValueError`` for a value that is no text.
    """
    if type(text) is not str:
        raise ValueError(f"content is {type(text).__name__}, not text")
    try:
        value = decode(text)
        if type(value) is dict:
            return value
    except ValueError:
        return _from_text(text)
    content: dict[str, Any] = parse_content(value if isinstance(value, (str, list)) else text)
    return content


def parse_content(value: Any) -> Any:
    """Legacy content values in the current form; an object is returned as it is, whatever its keys."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, list):
        return {"format": 2, "parts": value}
    return value


def read_metadata(text: str | None) -> dict[str, Any] | None:
    """Metadata from its stored JSON text: ``None`` for NULL and JSON ``null``; double encoding is unwrapped once.

    Raises ``ValueError`` for anything else that is no object.
    """
    if text is None:
        return None
    value = decode(text)
    if type(value) is dict:
        return value
    if isinstance(value, str):
        value = decode(value)
    if value is None or isinstance(value, dict):
        return value
    raise ValueError(f"metadata is {type(value).__name__}, not an object")


def unwrapped(value: Any) -> Any:
    """A payload that was encoded twice, decoded once more; a string that holds no JSON stays that string."""
    if not isinstance(value, str):
        return value
    try:
        return decode(value)
    except ValueError:
        return value


def _from_text(text: str) -> dict[str, Any]:
    return {"format": 2, "parts": [{"type": "text", "text": text}], "content": text}
