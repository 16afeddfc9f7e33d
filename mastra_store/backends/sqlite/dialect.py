"""SQLite as ``@mastra/libsql`` uses it: instants as ISO text, JSON as text (read also as JSONB blobs)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ...domains.metadata_filter import Scalar, matches
from ...domains.unstorable import PAIR, Unstorable
from ...domains.workflow_rules import has_thread
from ...errors import ValidationError
from ...instants import iso, truncate
from ...payload import Payload, decode, encode, freeze, has_lone_surrogate
from ...records.legacy import read_content, read_metadata, unwrapped
from ..sql.dialect import Dialect
from . import jsonb

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")
_PARAMETER = re.compile(r"\$(\d+)")
_TYPES = {
    "text": "TEXT",
    "json": "TEXT",
    "instant": "TEXT",
    "boolean": "INTEGER",
    "number": "REAL",
}
# From 3.45 on SQLite reads its JSONB blobs itself, several times faster than Python can.
_READS_JSONB = sqlite3.sqlite_version_info >= (3, 45)


class SqliteDialect(Dialect):
    """Mastra's stored format in SQLite."""

    name = "sqlite"
    twins = False
    # JSON text carries lone surrogates as escapes; two that would read back as one character it does not.
    unstorable = Unstorable(re.compile(f"{PAIR}|[\ud800-\udfff]"), re.compile(PAIR))

    def sql(self, text: str) -> str:
        """``$1`` is a name to SQLite, ``?1`` a number."""
        return _PARAMETER.sub(r"?\1", text)

    def sql_type(self, kind: str) -> str:
        """Mastra declares text for everything but numbers."""
        return _TYPES[kind]

    def text(self, value: str, field: str) -> str:
        """Any text but lone surrogates, which UTF-8 cannot carry."""
        if not value.isascii() and has_lone_surrogate(value):
            raise ValidationError(
                f"{field} holds an unpaired surrogate, which SQLite cannot store",
                details={"field": field, "unstorable": "an unpaired surrogate"},
            )
        return value

    def texts(self, values: list[str], field: str) -> str:
        """A list travels as one JSON text, read by ``json_each``."""
        return encode([_escaped(self.text(value, field)) for value in values])

    def pairs(self, pairs: Mapping[str, str]) -> str:
        """Pairs travel as one JSON text."""
        return encode([[_escaped(old), _escaped(new)] for old, new in pairs.items()])

    def instant(self, moment: datetime) -> str:
        """ISO text, which also sorts as text."""
        return iso(moment)

    def payload(self, payload: Payload, field: str) -> str:
        """JSON text: lone surrogates and NUL are escapes in it."""
        return payload.text

    def boolean(self, value: bool) -> int:
        """0 or 1."""
        return int(value)

    def json_parameter(self, number: int) -> str:
        """Text is the better of the two forms that Mastra reads."""
        return f"${number}"

    def instant_columns(self, name: str) -> list[str]:
        """One column."""
        return [f'"{name}"']

    def instant_values(self, number: int) -> list[str]:
        """As it comes."""
        return [f"${number}"]

    def read_instant_sql(self, column: str) -> str:
        """As it stands."""
        return f'"{column}"'

    def read_json_sql(self, column: str) -> str:
        """Text as it stands; a blob as text where SQLite can, else as it is (``json_text`` decodes it)."""
        return f"CASE typeof({column}) WHEN 'blob' THEN json({column}) ELSE {column} END" if _READS_JSONB else column

    def by_code_point(self, expression: str) -> str:
        """UTF-8 bytes compare as code points do."""
        return expression

    def in_list(self, column: str, number: int) -> str:
        """Membership in a JSON array: one parameter, however many values."""
        return f"{column} IN (SELECT {_unescaped('value')} FROM json_each(${number}))"

    def metadata_condition(self, column: str, wanted: Mapping[str, Scalar], first: int) -> tuple[str, list[Any]]:
        """SQL before 3.45 cannot look into JSONB, so a registered function decides."""
        return f"mastra_store_metadata_matches({column}, ${first})", [encode(dict(wanted))]

    def object_condition(self, column: str, number: int) -> str:
        """As for metadata."""
        return f"mastra_store_metadata_matches({column}, ${number})"

    def object_parameter(self, wanted: Mapping[str, Scalar], field: str) -> str:
        """JSON text."""
        return encode(dict(wanted))

    def tags_condition(self, column: str, number: int) -> str:
        """A registered function, which reads JSONB as well."""
        return f"mastra_store_has_tags({column}, ${number})"

    def tags_parameter(self, tags: Sequence[str]) -> str:
        """JSON text."""
        return encode(list(tags))

    def not_json_null(self, column: str) -> str:
        """JSON null is a text, or a JSONB blob of one byte."""
        return f"({column} IS NOT NULL AND {column} <> 'null' AND {column} <> x'00')"

    def is_null(self, column: str) -> str:
        """There is one column."""
        return f'"{column}" IS NULL'

    def snapshot_parameter(self, value: str, field: str) -> str:
        """As JSON, which holds what text cannot."""
        return encode(value)

    def status_condition(self, column: str, number: int) -> str:
        """A registered function, which reads JSONB as well."""
        return f"mastra_store_has_status({column}, ${number})"

    def thread_condition(self, column: str, number: int) -> str:
        """The same."""
        return f"mastra_store_has_thread({column}, ${number})"

    def read_parameter(self, number: int) -> str:
        """Text against text."""
        return f"${number}"

    def content_condition(self, column: str, number: int) -> str:
        """The same for the metadata inside a message's content (M26)."""
        return f"mastra_store_content_matches({column}, ${number})"

    def pairs_sql(self, number: int) -> str:
        """The two members of each pair."""
        old, new = (_unescaped(f"json_extract(value, '$[{place}]')") for place in (0, 1))
        return f"(SELECT {old} AS old_id, {new} AS new_id FROM json_each(${number}))"

    def read_instant(self, value: Any) -> datetime:
        """Mastra's text, or any other ISO text with an offset."""
        moment = datetime.fromisoformat(value)
        if len(value) == 24 and value[23] == "Z":
            return moment
        if moment.tzinfo is None:
            raise ValueError(f"{value!r} has no offset")
        return truncate(moment)

    def json_text(self, value: Any) -> str | None:
        """Text, or a blob decoded."""
        return encode(jsonb.loads(value)) if isinstance(value, bytes) else value

    @staticmethod
    def read_text(value: Any) -> str:
        """A column of text takes blobs as well."""
        if type(value) is not str:
            raise ValueError(f"{type(value).__name__} where text should be")
        return value

    # -- what the columns of the models ask for ----------------------------------------------------------------------

    write_instant = instant

    def write_json(self, value: Any, field: str) -> str:
        """A payload as JSON text."""
        return freeze(value, field).text

    def read_json(self, value: Any) -> Any:
        """A payload from text or JSONB."""
        return jsonb.loads(value) if isinstance(value, bytes) else decode(value)


def _escaped(text: str) -> str:
    """SQLite's JSON functions cut strings at U+0000, so it travels as an escape, with U+001A for the escape sign."""
    return text.replace("\x1a", "\x1a1").replace("\0", "\x1a0")


def _unescaped(expression: str) -> str:
    return f"replace(replace({expression}, char(26) || '0', char(0)), char(26) || '1', char(26))"


def register_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions name."""
    connection.create_function("mastra_store_metadata_matches", 2, _metadata_matches, deterministic=True)
    connection.create_function("mastra_store_content_matches", 2, _content_matches, deterministic=True)
    connection.create_function("mastra_store_has_tags", 2, _has_tags, deterministic=True)
    connection.create_function("mastra_store_has_status", 2, _has_status, deterministic=True)
    connection.create_function("mastra_store_has_thread", 2, _has_thread, deterministic=True)


def _metadata_matches(stored: str | bytes | None, wanted: str) -> bool:
    if stored is None:
        return False
    try:
        metadata = jsonb.loads(stored) if isinstance(stored, bytes) else read_metadata(stored)
    except ValueError:
        return False  # a corrupt row matches nothing; reading it says what is wrong
    return matches(metadata, decode(wanted))


def _content_matches(content: str, wanted: str) -> bool:
    return matches(read_content(content).get("metadata"), decode(wanted))


def _has_tags(stored: str | bytes | None, wanted: str) -> bool:
    tags = _readable(stored)
    return isinstance(tags, list) and all(tag in tags for tag in decode(wanted))


def _has_status(snapshot: str | bytes | None, status: str) -> bool:
    found = unwrapped(_readable(snapshot))
    return isinstance(found, dict) and found.get("status") == decode(status)


def _has_thread(snapshot: str | bytes | None, wanted: str) -> bool:
    thread_id = decode(wanted)
    if _cannot_occur(snapshot, thread_id):
        return False
    return has_thread(unwrapped(_readable(snapshot)), thread_id)


def _cannot_occur(stored: str | bytes | None, text: str) -> bool:
    """A quick look: text that needs no escapes stands in the JSON as it is, unless a writer chose to escape it."""
    if stored is None or not _PLAIN.fullmatch(text):
        return stored is None
    if isinstance(stored, bytes):
        return text.encode() not in stored and b"\\u" not in stored
    return text not in stored and "\\u" not in stored


def _readable(stored: str | bytes | None) -> Any:
    """A stored payload; what cannot be read is nothing here, and reading the row says what is wrong."""
    try:
        return None if stored is None else jsonb.loads(stored) if isinstance(stored, bytes) else decode(stored)
    except ValueError:
        return None
