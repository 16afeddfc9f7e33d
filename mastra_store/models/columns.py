"""Columns of the models: Tortoise fields that know Mastra's kinds of values but no dialect.

How a value is kept differs by dialect (an instant is ISO text on SQLite, a timestamp with a twin on PostgreSQL), so a
column asks a ``ColumnFormat`` that it is given when its model is bound to a database.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self

from tortoise.fields.base import Field

from ..instants import is_aware


class ColumnFormat(Protocol):
    """How one dialect keeps values in columns."""

    name: str
    """Of the dialect."""
    twins: bool
    """Whether every instant column has a second one, with time zone, beside it."""

    def sql_type(self, kind: str) -> str:
        """Name of the column type for a kind of value."""

    def write_instant(self, moment: datetime) -> Any:
        """An aware datetime in the form of a plain instant column."""

    def read_instant(self, value: Any) -> datetime:
        """An aware UTC datetime from what a plain instant column holds."""

    def write_json(self, value: Any, field: str) -> Any:
        """A payload in the form of a JSON column."""

    def read_json(self, value: Any) -> Any:
        """A payload from what a JSON column holds."""

    def write_wrapped_json(self, value: Any, field: str) -> Any:
        """A payload in the form of a column in which Mastra keeps JSON as text inside JSON, where it does."""

    def read_wrapped_json(self, value: Any) -> Any:
        """A payload from such a column."""


class Column(Field[Any]):
    """Base of the columns: ``kind`` names the sort of value, ``format`` is set when the model is bound."""

    kind: ClassVar[str]
    format: ColumnFormat

    def bound(self, format: ColumnFormat) -> Self:
        """A copy of this column for one database."""
        column = copy(self)
        column.format = format
        column.SQL_TYPE = format.sql_type(self.kind)
        return column

    @property
    def column_name(self) -> str:
        """The stored name."""
        return self.source_field or self.model_field_name


class TextColumn(Column):
    """Text, held as it is."""

    kind = "text"
    field_type = str
    SQL_TYPE = "TEXT"


class NumberColumn(Column):
    """A number with double precision."""

    kind = "number"
    field_type = float
    SQL_TYPE = "REAL"


class BooleanColumn(Column):
    """True or false."""

    kind = "boolean"
    field_type = bool
    SQL_TYPE = "BOOLEAN"

    def to_python_value(self, value: Any) -> Any:
        """A ``bool``, also where the dialect keeps numbers."""
        return None if value is None else bool(value)


class JsonColumn(Column):
    """A payload held as JSON.

    ``required_on`` names dialects whose tables demand a value though the payload may be ``None``: there ``None`` is
    stored as JSON ``null``.
    """

    kind = "json"
    field_type = object
    SQL_TYPE = "JSON"
    wraps = False
    """Whether Mastra writes it as a JSON string which holds JSON, in dialects with a type for JSON (format 3)."""
    unwraps = False
    """Whether such a string may be found in it."""

    def __init__(self, *, required_on: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.required_on = required_on

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The payload as this dialect holds it; ``None`` is SQL NULL where the table allows it."""
        if value is None:
            return "null" if self.format.name in self.required_on else None
        return self.write(value)

    def to_python_value(self, value: Any) -> Any:
        """The payload decoded; Tortoise also passes what a caller gave, which is one already."""
        return self.read(value) if isinstance(value, (str, bytes)) else value

    def write(self, value: Any) -> Any:
        """A payload that is not ``None``, as stored."""
        write = self.format.write_wrapped_json if self.wraps else self.format.write_json
        return write(value, self.model_field_name)

    def read(self, value: Any) -> Any:
        """A payload from what is stored."""
        return self.format.read_wrapped_json(value) if self.unwraps else self.format.read_json(value)


class UnwrappedJsonColumn(JsonColumn):
    """A payload written natively beside columns that are wrapped; the reader takes both."""

    unwraps = True


class WrappedJsonColumn(UnwrappedJsonColumn):
    """A payload written as JSON text inside JSON."""

    wraps = True


class InstantColumn(Column):
    """An instant with the precision of the millisecond."""

    kind = "instant"
    field_type = datetime
    SQL_TYPE = "TIMESTAMP"

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The aware datetime as this dialect holds it; a naive one is refused."""
        if value is None:
            return None
        if not isinstance(value, datetime) or not is_aware(value):
            raise ValueError(f"{self.model_field_name} must be an aware datetime")
        return self.format.write_instant(value)

    def to_python_value(self, value: Any) -> Any:
        """An aware UTC datetime; one that a caller gave is taken as it is."""
        if value is None or (isinstance(value, datetime) and is_aware(value)):
            return value
        return self.format.read_instant(value)


class TwinColumn(Column):
    """The second column of an instant where a dialect has one; it always follows the first."""

    kind = "twin"
    field_type = datetime
    SQL_TYPE = "TIMESTAMPTZ"

    def __init__(self, of: str, source_field: str) -> None:
        super().__init__(source_field=source_field, null=True)
        self.of = of

    def to_db_value(self, value: Any, instance: Any) -> Any:
        """The value of the first column of the same instance; a bare value (a query set's update) is taken as it is."""
        return getattr(instance, self.of) if hasattr(instance, "_saved_in_db") else value
