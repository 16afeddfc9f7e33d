"""What all records share, and their passage to and from Mastra's own JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from ..errors import ValidationError
from ..instants import is_aware, iso, truncate
from .paging import Page

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of the records: keyword-only, snake_case in Python, camelCase on the wire."""

    @classmethod
    def _from_mastra(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Put older wire forms of this record into the current one; ``data`` may be changed."""
        return data

    def _to_mastra(self, wire: dict[str, Any]) -> dict[str, Any]:
        """Put what is no plain copy into the wire form; ``wire`` may be changed."""
        return wire


def new_id() -> str:
    """A fresh id: a random UUID4 string (rule G12)."""
    return str(uuid4())


def to_mastra(record: msgspec.Struct) -> dict[str, Any]:
    """Mastra's JSON shape of a record or page: camelCase keys, times as ISO text with three digits and ``Z``.

    Absent optionals (``None``) are left out. Payloads keep their own keys and are copied, not renamed.
    """
    pairs = zip(record.__struct_encode_fields__, record.__struct_fields__, strict=True)
    values = ((wire, getattr(record, name)) for wire, name in pairs)
    wire = {key: _to_wire(value) for key, value in values if value is not None and value is not msgspec.UNSET}
    return record._to_mastra(wire) if isinstance(record, (Record, Page)) else wire


def from_mastra(cls: type[R], data: Mapping[str, Any]) -> R:
    """Build a record from Mastra's JSON shape; times may be ISO text or aware datetimes, unknown keys are ignored.

    Raises ``ValidationError`` where a value is missing, of a wrong type, or a time without offset.
    """
    if not isinstance(data, Mapping):
        raise ValidationError(f"not a {cls.__name__} of Mastra: {type(data).__name__} is no mapping")
    wire = cls._from_mastra({key: _naive_to_error(key, value) for key, value in data.items()})
    try:
        record = msgspec.convert(wire, cls)
    except msgspec.ValidationError as error:
        raise ValidationError(f"not a {cls.__name__} of Mastra: {error}", details={"record": cls.__name__}) from error
    _settle_times(record)
    return record


def _to_wire(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return to_mastra(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {key: _to_wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_wire(item) for item in value]
    return value


def _settle_times(value: Any) -> None:
    """Bring the times of a record, and of the records within, to UTC and to the millisecond."""
    if isinstance(value, list):
        for item in value:
            _settle_times(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            held = getattr(value, name)
            if isinstance(held, datetime):
                setattr(value, name, truncate(_naive_to_error(name, held)))
            else:
                _settle_times(held)


def _naive_to_error(name: str, value: Any) -> Any:
    if isinstance(value, datetime) and not is_aware(value):
        raise ValidationError(f"{name} must be an aware datetime", details={"field": name})
    return value
