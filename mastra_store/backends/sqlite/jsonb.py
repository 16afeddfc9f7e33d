"""SQLite's JSONB, read in Python: ``@mastra/libsql`` writes JSON columns in this form (storage format 4.1).

An element is a header byte (low four bits the type, high four the size, or how many bytes hold the size), then its
payload. Sizes need not be minimal. Raises ``ValueError`` for anything malformed.
"""

from __future__ import annotations

from typing import Any

from ...payload import decode

_NULL, _TRUE, _FALSE, _INT, _INT5, _FLOAT, _FLOAT5, _TEXT, _TEXTJ, _TEXT5, _TEXTRAW, _ARRAY, _OBJECT = range(13)
_SIZE_BYTES = {12: 1, 13: 2, 14: 4, 15: 8}
_JSON5_ESCAPES = {"'": "'", "0": "\0", "v": "\v", "\n": "", "\r": "", "\u2028": "", "\u2029": ""}


def loads(blob: bytes) -> Any:
    """The value that a JSONB blob holds."""
    try:
        value, end = _element(blob, 0)
    except RecursionError:
        raise ValueError("JSONB nested too deep") from None
    if end != len(blob):
        raise ValueError("trailing bytes after a JSONB element")
    return value


def _element(blob: bytes, start: int) -> tuple[Any, int]:
    kind, body, end = _header(blob, start)
    if kind == _ARRAY:
        return _array(blob, body, end), end
    if kind == _OBJECT:
        return _object(blob, body, end), end
    return _scalar(kind, blob[body:end]), end


def _header(blob: bytes, start: int) -> tuple[int, int, int]:
    """Type, and where the payload begins and ends."""
    if start >= len(blob):
        raise ValueError("JSONB ends where an element should begin")
    kind, size = blob[start] & 15, blob[start] >> 4
    body = start + 1
    if width := _SIZE_BYTES.get(size):
        size = int.from_bytes(blob[body : body + width], "big")
        body += width
    if body + size > len(blob):
        raise ValueError("a JSONB element is longer than the blob")
    return kind, body, body + size


def _array(blob: bytes, position: int, end: int) -> list[Any]:
    items = []
    while position < end:
        item, position = _element(blob, position)
        items.append(item)
    if position != end:
        raise ValueError("a JSONB array overruns its size")
    return items


def _object(blob: bytes, position: int, end: int) -> dict[str, Any]:
    members = {}
    while position < end:
        label, position = _element(blob, position)
        if not isinstance(label, str):
            raise ValueError("a JSONB object has a label that is no text")
        members[label], position = _element(blob, position)
    if position != end:
        raise ValueError("a JSONB object overruns its size")
    return members


def _scalar(kind: int, payload: bytes) -> Any:
    if kind in (_NULL, _TRUE, _FALSE):
        return {_NULL: None, _TRUE: True, _FALSE: False}[kind]
    text = payload.decode()
    if kind in (_TEXT, _TEXTRAW):
        return text
    if kind in (_INT, _FLOAT):
        return decode(text)
    if kind == _TEXTJ:
        return decode(f'"{text}"')
    if kind == _TEXT5:
        return _text5(text)
    if kind == _INT5:
        return int(text, 16)
    if kind == _FLOAT5:
        return float(text)
    raise ValueError(f"reserved JSONB type {kind}")


def _text5(text: str) -> str:
    """Text with JSON5 escapes, brought to JSON's own and decoded."""
    out, position = [], 0
    while position < len(text):
        char = text[position]
        if char != "\\":
            out.append('\\"' if char == '"' else char)
            position += 1
            continue
        escaped = text[position + 1 : position + 2]
        width = 4 if escaped == "x" else 2
        if escaped == "x":
            out.append(f"\\u00{text[position + 2 : position + 4]}")
        elif escaped in _JSON5_ESCAPES:
            out.append(f"\\u{ord(_JSON5_ESCAPES[escaped]):04x}" if _JSON5_ESCAPES[escaped] else "")
        else:
            out.append(text[position : position + 2])
        position += width
    return str(decode(f'"{"".join(out)}"'))
