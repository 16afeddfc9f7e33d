"""The tables of a dialect, derived from the models: one declaration gives DDL, queries and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...errors import StoreError
from ...models.base import Index, StoredModel
from ...models.binding import columns_of, key_of, table_of
from ...models.columns import Column, InstantColumn, JsonColumn
from .dialect import Dialect

OWN_PREFIX = "mastra_store_"
"""How the names of the indexes begin that this package adds to Mastra's."""


class ColumnSpec(NamedTuple):
    """A physical column: name, type and whether it may be NULL; a twin names the column that it follows."""

    name: str
    type: str
    null: bool
    twin_of: str | None = None


class TableSpec(NamedTuple):
    """A table as Mastra's packages create it, and the indexes on it."""

    name: str
    key: tuple[str, ...]
    key_clause: str | None
    """How the table declares its key, where that is not a column's own ``PRIMARY KEY``."""
    key_name: str
    """Name of that constraint, before the schema's name is put in front of it."""
    columns: tuple[ColumnSpec, ...]
    indexes: tuple[Index, ...]

    def is_key(self, column: ColumnSpec) -> bool:
        """Whether a column is the primary key, and says so itself."""
        return self.key_clause is None and (column.name,) == self.key


def table_spec(model: type[StoredModel], dialect: Dialect) -> TableSpec:
    """The physical form of a model: its columns in Mastra's order, twins after the ordinary ones."""
    columns = [
        ColumnSpec(c.column_name, dialect.sql_type(c.kind), _nullable(model, c, dialect)) for c in columns_of(model)
    ]
    if dialect.twins:
        instants = [c.column_name for c in columns_of(model) if isinstance(c, InstantColumn)]
        columns += [ColumnSpec(f"{name}Z", dialect.sql_type("twin"), True, name) for name in instants]
    indexes = (*model.default_indexes.get(dialect.name, ()), *model.own_indexes.get(dialect.name, ()))
    clause = model.key.clauses.get(dialect.name, "") if model.key else None
    constraint = model.key.constraint if model.key else ""
    return TableSpec(table_of(model), key_of(model), clause, constraint, tuple(columns), indexes)


def _nullable(model: type[StoredModel], column: Column, dialect: Dialect) -> bool:
    if isinstance(column, JsonColumn) and dialect.name in column.required_on:
        return False
    loose = dialect.name in model.loose_on and not (model.key is None and column.pk)
    return loose or bool(column.null)


def repeated_keys(statement: str) -> StoreError:
    """The error of a table whose rows repeat the key that it is about to get."""
    text = (
        f"rows of an old table repeat its key, and nothing was changed; remove the duplicates, then init(): {statement}"
    )
    return StoreError(text, details={"reason": "duplicate_keys"})


def missing_columns(table: TableSpec, present: Mapping[str, object] | set[str]) -> list[ColumnSpec]:
    """The columns that an existing table lacks."""
    return [column for column in table.columns if column.name not in present]
