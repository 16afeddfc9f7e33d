"""What a SQL dialect decides: how values are kept in columns and how a statement names them.

Statements are written once with ``$1``-style parameters; a dialect turns them into its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...domains.metadata_filter import Scalar
from ...domains.unstorable import Unstorable
from ...payload import Payload, encode, freeze


class Dialect(ABC):
    """One SQL dialect and Mastra's stored format in it."""

    name: str
    twins: bool
    unstorable: Unstorable
    """The characters that columns cannot hold."""
    row_lock: str = ""
    """What a SELECT ends with that locks its rows; empty where a writer locks the whole database."""

    @abstractmethod
    def sql(self, text: str) -> str:
        """A statement with ``$1``-style parameters in the dialect's own style."""

    @abstractmethod
    def sql_type(self, kind: str) -> str:
        """The column type for a kind of value, as Mastra declares it."""

    # -- values on their way in --------------------------------------------------------------------------------------

    @abstractmethod
    def text(self, value: str, field: str) -> str:
        """A string as parameter; ``ValidationError`` naming ``field`` where the column cannot hold it (G9)."""

    caps_indexes = False
    """Whether entries of indexes are limited in length, so that our own hold beginnings of text."""

    def optional_text(self, value: str | None, field: str) -> str | None:
        """A string or NULL as parameter."""
        return None if value is None else self.text(value, field)

    def texts(self, values: list[str], field: str) -> Any:
        """A list of strings as one parameter."""
        return [self.text(value, field) for value in values]

    @abstractmethod
    def instant(self, moment: datetime) -> Any:
        """An instant as parameter."""

    @abstractmethod
    def payload(self, payload: Payload, field: str) -> str:
        """A payload as parameter of a JSON column; ``ValidationError`` where the column cannot hold it (G9)."""

    def wrapped_payload(self, payload: Payload, field: str) -> str:
        """The same where Mastra keeps JSON as text inside JSON, in dialects where it does."""
        return self.payload(payload, field)

    @abstractmethod
    def boolean(self, value: bool) -> Any:
        """A truth value as parameter."""

    # -- fragments of statements -------------------------------------------------------------------------------------

    @abstractmethod
    def json_parameter(self, number: int) -> str:
        """How parameter ``number`` is written into a JSON column."""

    @abstractmethod
    def instant_columns(self, name: str) -> list[str]:
        """The physical columns of an instant."""

    @abstractmethod
    def instant_values(self, number: int) -> list[str]:
        """The expressions that fill those columns from parameter ``number``."""

    @abstractmethod
    def read_instant_sql(self, column: str) -> str:
        """The expression that reads an instant."""

    @abstractmethod
    def read_json_sql(self, column: str) -> str:
        """The expression that reads a JSON column as text."""

    @abstractmethod
    def by_code_point(self, expression: str) -> str:
        """An expression ordered by code point, whatever the database's collation (G5)."""

    @abstractmethod
    def in_list(self, column: str, number: int) -> str:
        """The condition that a column's value is in the list given as parameter ``number``."""

    @abstractmethod
    def metadata_condition(self, column: str, wanted: Mapping[str, Scalar], first: int) -> tuple[str, list[Any]]:
        """The condition of M11 on a JSON column, and its parameters from number ``first`` on."""

    @abstractmethod
    def object_condition(self, column: str, number: int) -> str:
        """The condition of M11 on a column that holds its JSON natively; takes ``object_parameter``."""

    @abstractmethod
    def object_parameter(self, wanted: Mapping[str, Scalar], field: str) -> str:
        """Keys and the scalars that they must equal."""

    @abstractmethod
    def tags_condition(self, column: str, number: int) -> str:
        """The condition that a JSON array holds all the strings of ``tags_parameter`` (O24)."""

    @abstractmethod
    def tags_parameter(self, tags: Sequence[str]) -> str:
        """Those strings."""

    @abstractmethod
    def not_json_null(self, column: str) -> str:
        """The condition that a JSON column holds something other than NULL and JSON ``null``."""

    @abstractmethod
    def is_null(self, column: str) -> str:
        """The condition that an instant, as ``read_instant_sql`` reads it, is NULL."""

    def snapshot_parameter(self, value: str, field: str) -> str:
        """A string to be looked for inside a snapshot."""
        return self.text(value, field)

    @abstractmethod
    def status_condition(self, column: str, number: int) -> str:
        """The condition that a snapshot's status is parameter ``number`` (W10)."""

    @abstractmethod
    def thread_condition(self, column: str, number: int) -> str:
        """The condition that a snapshot records the thread of parameter ``number`` (W11)."""

    @abstractmethod
    def read_parameter(self, number: int) -> str:
        """Parameter ``number``, an instant, as it compares with what ``read_instant_sql`` reads."""

    @abstractmethod
    def pairs_sql(self, number: int) -> str:
        """A table of ``old_id`` and ``new_id`` made of parameter ``number``."""

    def pairs(self, pairs: Mapping[str, str]) -> str:
        """That parameter."""
        return encode([[old, new] for old, new in pairs.items()])

    def content_condition(self, column: str, number: int) -> str:
        """The condition of M26 on message content, where the dialect can express it."""
        raise NotImplementedError

    # -- values on their way out -------------------------------------------------------------------------------------

    @abstractmethod
    def read_instant(self, value: Any) -> datetime:
        """An instant as ``read_instant_sql`` or the plain column delivers it."""

    @abstractmethod
    def json_text(self, value: Any) -> str | None:
        """The JSON text in what ``read_json_sql`` delivers. Raises ``ValueError`` for what is none."""

    read_text: Callable[[Any], str] | None = None
    """What makes a string of what a text column delivers, where that may be something else."""

    # -- what the columns of the models ask for (``models.columns.ColumnFormat``) -------------------------------------

    @abstractmethod
    def write_instant(self, moment: datetime) -> Any:
        """An aware datetime in the form of a plain instant column."""

    @abstractmethod
    def write_json(self, value: Any, field: str) -> Any:
        """A payload in the form of a JSON column."""

    @abstractmethod
    def read_json(self, value: Any) -> Any:
        """A payload from what a JSON column holds."""

    def write_wrapped_json(self, value: Any, field: str) -> Any:
        """A payload in the form of a column that Mastra wraps."""
        return self.wrapped_payload(freeze(value, field), field)

    def read_wrapped_json(self, value: Any) -> Any:
        """A payload from what such a column holds."""
        return self.read_json(value)

    def assign_instant(self, name: str, number: int) -> str:
        """An assignment of parameter ``number`` to an instant."""
        pairs = zip(self.instant_columns(name), self.instant_values(number), strict=True)
        return ", ".join(f"{column} = {value}" for column, value in pairs)
