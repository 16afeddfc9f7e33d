"""PostgreSQL as ``@mastra/pg`` uses it: instants in two columns, JSON in ``jsonb`` (storage format 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...domains.metadata_filter import Scalar
from ...domains.unstorable import PAIR, Unstorable
from ...instants import truncate
from ...models.workflows import THREAD_IDS
from ...payload import Payload, decode, encode, freeze
from ...records.legacy import unwrapped
from ..sql.dialect import Dialect
from .jsonb import check_text, storable

_TYPES = {
    "text": "text",
    "json": "jsonb",
    "instant": "timestamp",
    "twin": "timestamptz",
    "boolean": "boolean",
    "number": "double precision",
}
_UNSTORABLE = re.compile(f"{PAIR}|[\0\ud800-\udfff]")


class PostgresDialect(Dialect):
    """Mastra's stored format in PostgreSQL."""

    name = "postgres"
    twins = True
    row_lock = " FOR UPDATE"
    caps_indexes = True
    unstorable = Unstorable(_UNSTORABLE, _UNSTORABLE)

    def sql(self, text: str) -> str:
        """``$1`` is PostgreSQL's own style."""
        return text

    def sql_type(self, kind: str) -> str:
        """As Mastra declares it."""
        return _TYPES[kind]

    def text(self, value: str, field: str) -> str:
        """Any text without NUL and unpaired surrogates."""
        if not value.isascii() or "\0" in value:
            check_text(value, field)
        return value

    def instant(self, moment: datetime) -> datetime:
        """An aware datetime; ``instant_values`` makes both columns of it."""
        return moment

    def payload(self, payload: Payload, field: str) -> str:
        """JSON text that survives ``jsonb``."""
        return storable(payload, field)

    def wrapped_payload(self, payload: Payload, field: str) -> str:
        """A JSON string that holds JSON: what ``jsonb`` cannot hold stays an escape in it."""
        return encode(payload.text)

    def boolean(self, value: bool) -> bool:
        """As it is."""
        return value

    def json_parameter(self, number: int) -> str:
        """Cast from text in SQL, so that a codec on the caller's own pool does not encode twice."""
        return f"CAST(${number}::text AS jsonb)"

    def instant_columns(self, name: str) -> list[str]:
        """The plain column and its twin."""
        return [f'"{name}"', f'"{name}Z"']

    def instant_values(self, number: int) -> list[str]:
        """UTC wall clock in the plain column, the instant itself in the twin: every reader sees the same."""
        return [f"(${number}::timestamptz AT TIME ZONE 'UTC')", f"${number}::timestamptz"]

    def read_instant_sql(self, column: str) -> str:
        """The twin, as Mastra reads it; the plain column where there is none."""
        return f'COALESCE("{column}Z", "{column}" AT TIME ZONE \'UTC\')'

    def read_json_sql(self, column: str) -> str:
        """As text, whatever codec the connection has."""
        return f"{column}::text"

    def by_code_point(self, expression: str) -> str:
        """The database's collation may sort by language; ids compare by code point (G5)."""
        return f'{expression} COLLATE "C"'

    def in_list(self, column: str, number: int) -> str:
        """Membership in an array."""
        return f"{column} = ANY(${number}::text[])"

    def metadata_condition(self, column: str, wanted: Mapping[str, Scalar], first: int) -> tuple[str, list[Any]]:
        """Equality of jsonb values: by type, numbers by value, null only where it stands (M11).

        Old tables hold text, hence the cast.
        """
        column = f"{column}::jsonb"
        text = f"({column} #>> '{{}}')"
        unwrapped = (
            f"CASE WHEN jsonb_typeof({column}) = 'string' AND {text} LIKE '{{%}}' THEN {text}::jsonb ELSE {column} END"
        )
        conditions: list[str] = []
        args: list[Any] = []
        for key, value in wanted.items():
            number = first + len(args)
            conditions.append(f"({unwrapped} -> ${number}::text) = CAST(${number + 1}::text AS jsonb)")
            args += [key, storable(Payload(encode(value), value), "metadata")]
        return " AND ".join(conditions), args

    def object_condition(self, column: str, number: int) -> str:
        """Containment of scalars at the top level is their equality, and the GIN index knows it."""
        return f"{column}::jsonb @> CAST(${number}::text AS jsonb)"

    def object_parameter(self, wanted: Mapping[str, Scalar], field: str) -> str:
        """An object with those members."""
        return storable(Payload(encode(dict(wanted)), dict(wanted)), field)

    def tags_condition(self, column: str, number: int) -> str:
        """Containment of arrays."""
        return f"{column}::jsonb @> CAST(${number}::text AS jsonb)"

    def tags_parameter(self, tags: Sequence[str]) -> str:
        """An array with those strings."""
        return storable(Payload(encode(list(tags)), list(tags)), "tags")

    def not_json_null(self, column: str) -> str:
        """``IS NOT NULL`` first: an index may have that condition."""
        return f"({column} IS NOT NULL AND {column}::jsonb <> 'null'::jsonb)"

    def is_null(self, column: str) -> str:
        """Mastra cannot clear a twin, and reads it first."""
        return f'("{column}Z" IS NULL AND "{column}" IS NULL)'

    def status_condition(self, column: str, number: int) -> str:
        """What Mastra's index serves; another type than text is no status. Old tables hold text, hence the cast."""
        snapshot = f"{column}::jsonb"
        return f"(({snapshot} ->> 'status') = ${number}::text AND jsonb_typeof({snapshot} -> 'status') = 'string')"

    def thread_condition(self, column: str, number: int) -> str:
        """Any of the places may name it; our own index holds all of them."""
        return f"({THREAD_IDS}) @> to_jsonb(${number}::text)"

    def read_parameter(self, number: int) -> str:
        """An instant with time zone."""
        return f"${number}::timestamptz"

    def pairs_sql(self, number: int) -> str:
        """Pairs travel as one JSON text."""
        elements = f"json_array_elements(CAST(${number}::text AS json)) AS element"
        return f"(SELECT element ->> 0 AS old_id, element ->> 1 AS new_id FROM {elements})"

    def read_instant(self, value: Any) -> datetime:
        """A plain column holds UTC wall clock; both may hold microseconds of ``now()``."""
        if value.year == 9999 or value.year == 1:
            _refuse_infinity(value)
        if value.tzinfo is not UTC:
            return truncate(value.replace(tzinfo=UTC) if value.tzinfo is None else value)
        excess = value.microsecond % 1000
        moment: datetime = value.replace(microsecond=value.microsecond - excess) if excess else value
        return moment

    def json_text(self, value: Any) -> str | None:
        """Text already."""
        return None if value is None else str(value)

    # -- what the columns of the models ask for ----------------------------------------------------------------------

    def write_instant(self, moment: datetime) -> datetime:
        """UTC wall clock, as the plain column holds it."""
        return truncate(moment).replace(tzinfo=None)

    def write_json(self, value: Any, field: str) -> str:
        """A payload as JSON text."""
        return storable(freeze(value, field), field)

    def read_json(self, value: Any) -> Any:
        """A payload from text."""
        return decode(value)

    def read_wrapped_json(self, value: Any) -> Any:
        """Unwrapped once; a native value is taken as well."""
        return unwrapped(decode(value))


def _refuse_infinity(value: datetime) -> None:
    """The driver delivers PostgreSQL's infinities as the ends of Python's calendar."""
    if value.replace(tzinfo=None) in (datetime.max, datetime.min):
        raise ValueError("the time is infinite")
