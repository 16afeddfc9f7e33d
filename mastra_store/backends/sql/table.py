"""One table in SQL: how its columns are read and written, and how its rows become records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from ...errors import CorruptRecordError
from ...models.base import StoredModel, beginning
from ...models.binding import columns_of, key_of, table_of
from ...models.columns import BooleanColumn, Column, InstantColumn, JsonColumn, NumberColumn, TextColumn
from .dialect import Dialect

R = TypeVar("R")


class TableSql:
    """Parts of statements that follow from model, dialect and schema. Attributes are the model's field names."""

    def __init__(self, model: type[StoredModel], dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        self.bare_name = table_of(model)
        self.name = f'"{schema}"."{self.bare_name}"' if schema else f'"{self.bare_name}"'
        self.columns: dict[str, Column] = {column.model_field_name: column for column in columns_of(model)}
        self.key = key_of(model)
        self._capped = model.capped if dialect.caps_indexes else ()
        self._writers = [(name, *self._writer(column)) for name, column in self.columns.items()]

    def column(self, attribute: str) -> str:
        """The quoted name of a column."""
        return f'"{self.columns[attribute].column_name}"'

    def equals(self, attribute: str, number: int) -> str:
        """The condition that a text is parameter ``number``, put so that our own indexes serve it."""
        column = self.column(attribute)
        equal = f"{column} = ${number}"
        if attribute not in self._capped:
            return equal
        return f"{equal} AND {beginning(column)} = {beginning(f'${number}::text')}"

    def read(self, attributes: Sequence[str] | None = None) -> str:
        """The list of expressions that reads some attributes, or all."""
        names = self.columns if attributes is None else attributes
        return ", ".join(self._read(self.columns[name]) for name in names)

    def reader(self, make: Callable[..., R], attributes: Sequence[str] | None = None, **constants: Any) -> RowReader[R]:
        """Makes records of rows that were read with the same attributes; ``constants`` are given to each."""
        return RowReader(self, make, tuple(self.columns) if attributes is None else tuple(attributes), constants)

    def write(self, column: Column, number: int) -> tuple[list[str], list[str]]:
        """Physical columns, and the expressions that fill them from parameter ``number``."""
        if isinstance(column, InstantColumn):
            return self._dialect.instant_columns(column.column_name), self._dialect.instant_values(number)
        value = self._dialect.json_parameter(number) if isinstance(column, JsonColumn) else f"${number}"
        return [f'"{column.column_name}"'], [value]

    def physical_columns(self) -> list[str]:
        """All columns as they stand in the table, quoted, in the order of ``insert``."""
        return [name for column in self.columns.values() for name in self.write(column, 0)[0]]

    def insert(self) -> str:
        """``INSERT ... VALUES`` of one row; one parameter per attribute."""
        values = [
            value
            for number, column in enumerate(self.columns.values(), start=1)
            for value in self.write(column, number)[1]
        ]
        columns = ", ".join(self.physical_columns())
        return self._dialect.sql(f"INSERT INTO {self.name} AS stored ({columns}) VALUES ({', '.join(values)})")

    def on_conflict(self, kept: Collection[str] = (), instead: Mapping[str, str] | None = None) -> str:
        """What makes an upsert of an insert: all columns are replaced but the key and ``kept``.

        ``instead`` gives attributes another value than the new one; ``stored`` and ``excluded`` are old and new row.
        """
        sets: list[str] = []
        for attribute, column in self.columns.items():
            if column.column_name not in self.key and attribute not in kept:
                new = (instead or {}).get(attribute)
                sets += [f"{name} = {new or f'excluded.{name}'}" for name in self.write(column, 0)[0]]
        return f" ON CONFLICT ({self.key_list}) DO UPDATE SET {', '.join(sets)}"

    def delete(self, condition: str = "") -> str:
        """Deletes rows; where each row has a lock, in the order of the key, as all writers lock them."""
        where = f" WHERE {condition}" if condition else ""
        if not self._dialect.row_lock:
            return self._dialect.sql(f"DELETE FROM {self.name}{where}")
        order = ", ".join(self._dialect.by_code_point(f'"{name}"') for name in self.key)
        locked = f"SELECT {self.key_list} FROM {self.name}{where} ORDER BY {order}{self._dialect.row_lock}"
        return self._dialect.sql(f"DELETE FROM {self.name} WHERE ({self.key_list}) IN ({locked})")

    @property
    def key_list(self) -> str:
        """The key columns, quoted."""
        return ", ".join(f'"{name}"' for name in self.key)

    def assign(self, attribute: str, number: int) -> str:
        """An assignment of parameter ``number`` to an attribute."""
        pairs = zip(*self.write(self.columns[attribute], number), strict=True)
        return ", ".join(f"{name} = {value}" for name, value in pairs)

    def values(self, attributes: Mapping[str, Any]) -> list[Any]:
        """The parameters of ``insert``; payloads come as ``Payload``.

        Raises ``ValidationError`` for what a column cannot hold (G9).
        """
        return [
            absent if (value := attributes[name]) is None else value if write is None else write(value, name)
            for name, write, absent in self._writers
        ]

    def value(self, attribute: str, value: Any) -> Any:
        """One attribute as parameter; payloads come as ``Payload``."""
        write, absent = self._writer(self.columns[attribute])
        return absent if value is None else value if write is None else write(value, attribute)

    def converter(self, attribute: str) -> Callable[[Any], Any] | None:
        """What makes a value of a column's, where that is not the value itself; NULL is ``None`` anyway."""
        column, dialect = self.columns[attribute], self._dialect
        if isinstance(column, JsonColumn):
            return dialect.read_wrapped_json if column.unwraps else dialect.read_json
        if isinstance(column, InstantColumn):
            return dialect.read_instant
        if isinstance(column, TextColumn):
            return dialect.read_text
        return bool if isinstance(column, BooleanColumn) else float if isinstance(column, NumberColumn) else None

    def _writer(self, column: Column) -> tuple[Callable[[Any, str], Any] | None, Any]:
        """What makes a parameter of a value of a column and its name, if anything; and what stands for ``None``."""
        dialect = self._dialect
        if isinstance(column, JsonColumn):
            write = dialect.wrapped_payload if column.wraps else dialect.payload
            return write, "null" if dialect.name in column.required_on else None
        if isinstance(column, TextColumn):
            return dialect.text, None
        if isinstance(column, InstantColumn):
            return lambda value, _: dialect.instant(value), None
        return (lambda value, _: dialect.boolean(value)) if isinstance(column, BooleanColumn) else None, None

    def _read(self, column: Column) -> str:
        if isinstance(column, InstantColumn):
            return self._dialect.read_instant_sql(column.column_name)
        if isinstance(column, JsonColumn):
            return self._dialect.read_json_sql(f'"{column.column_name}"')
        return f'"{column.column_name}"'


class RowReader(Generic[R]):
    """Turns rows into records. What stands behind the attributes in a row is left alone.

    The function that does it is written once per list of columns: a loop over columns takes three times as long.
    """

    def __init__(
        self, table: TableSql, make: Callable[..., R], attributes: tuple[str, ...], constants: Mapping[str, Any]
    ) -> None:
        self._table = table
        self._make = _maker(table, make, attributes, constants)
        keys = [name for name, column in table.columns.items() if column.column_name in table.key]
        self._key = [attributes.index(name) for name in keys if name in attributes]

    def __call__(self, row: Sequence[Any]) -> R:
        """The record of a row. Raises ``CorruptRecordError`` naming table and key."""
        try:
            return self._make(*row)
        except (ValueError, TypeError, AttributeError) as error:
            key = [row[index] for index in self._key]
            raise corrupt(self._table.bare_name, key[0] if len(key) == 1 else tuple(key), error) from error


def _maker(
    table: TableSql, make: Callable[..., R], attributes: tuple[str, ...], constants: Mapping[str, Any]
) -> Callable[..., R]:
    """``lambda c0, c1, *_: make(trace_id=c0, ended_at=None if c1 is None else read1(c1), ...)``, called with a row."""
    names: dict[str, Any] = {"make": make, "required": _required}
    arguments = [f"{name}={value!r}" for name, value in constants.items()]
    for place, name in enumerate(attributes):
        names[f"read{place}"] = convert = table.converter(name)
        value = f"c{place}" if convert is None else f"read{place}(c{place})"
        absent = "None" if table.columns[name].null else f"required({name!r})"
        arguments.append(f"{name}={absent} if c{place} is None else {value}")
    cells = ", ".join(f"c{place}" for place in range(len(attributes)))
    source = f"lambda {cells}, *_: make({', '.join(arguments)})"
    return cast(Callable[..., R], eval(source, names))  # noqa: S307 - made of attribute names alone


def _required(attribute: str) -> Any:
    raise ValueError(f"{attribute} is NULL")


def corrupt(table: str, key: Any, error: object) -> CorruptRecordError:
    """The error of a row that cannot be read."""
    message = f"the row {key!r} of {table} cannot be read: {error}"
    return CorruptRecordError(message, details={"table": table, "key": key})
