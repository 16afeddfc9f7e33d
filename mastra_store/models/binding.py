"""Binding a model group to one database: the only module that touches Tortoise's ``_meta``.

Tortoise keeps dialect, connection and prepared queries at class level, so one class cannot serve two databases. Each
binding therefore gets classes of its own, made from the abstract definitions, with a connection alias that is never
used again (Tortoise caches statements by alias). Their ``_meta.db`` is the bound client itself, so that query sets need
no context and work in any task.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, cast

from pypika_tortoise.queries import Query, Table
from tortoise.backends.base import executor
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import MetaInfo

from .base import StoredModel
from .columns import Column, ColumnFormat, InstantColumn, TwinColumn
from .queries import BoundManager

_numbers = count(1)


def new_alias() -> str:
    """A connection alias that no other binding of this process has or will have."""
    return f"mastra_store_{next(_numbers)}"


def forget_alias(alias: str) -> None:
    """Drop what Tortoise cached for a binding that is closed."""
    for key in [key for key in executor.EXECUTOR_CACHE if key[0] == alias]:
        del executor.EXECUTOR_CACHE[key]


def bind(
    models: Sequence[type[StoredModel]], client: BaseDBAsyncClient, format: ColumnFormat, schema: str | None
) -> dict[str, type[StoredModel]]:
    """The classes of one database, by name."""
    return {model.__name__: _bind(model, client, format, schema) for model in models}


def columns_of(model: type[StoredModel]) -> list[Column]:
    """The columns of a definition or bound class, in stored order."""
    return [cast(Column, field) for field in model._meta.fields_map.values()]


def table_of(model: type[StoredModel]) -> str:
    """The name of a model's table."""
    return model._meta.db_table


def key_of(model: type[StoredModel]) -> tuple[str, ...]:
    """The stored names of the columns that identify a row."""
    return model.key.columns if model.key else (model._meta.db_pk_column,)


class _BoundMeta(MetaInfo):
    """Meta information whose client is that of the binding, whatever context a task runs in."""

    __slots__ = ()

    @property
    def db(self) -> BaseDBAsyncClient:
        return cast(BaseDBAsyncClient, self._model._bound_client)  # type: ignore[attr-defined]


def _bind(
    model: type[StoredModel], client: BaseDBAsyncClient, format: ColumnFormat, schema: str | None
) -> type[StoredModel]:
    fields: dict[str, Column] = {column.model_field_name: column.bound(format) for column in columns_of(model)}
    if format.twins:
        fields |= _twins(fields, format)
    alias = client.connection_name
    options = {"table": table_of(model), "schema": schema, "app": alias, "manager": BoundManager()}
    attributes = {
        **fields,
        "Meta": type("Meta", (), options),
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "_bound_client": client,
        "_no_comments": True,
    }
    metaclass: Any = type(model)
    bound: type[StoredModel] = metaclass(model.__name__, (model,), attributes)
    _finish(bound, client)
    return bound


def _twins(fields: dict[str, Column], format: ColumnFormat) -> dict[str, Column]:
    instants = {name: column for name, column in fields.items() if isinstance(column, InstantColumn)}
    return {
        f"{name}_twin": TwinColumn(of=name, source_field=f"{column.column_name}Z").bound(format)
        for name, column in instants.items()
    }


def _finish(bound: type[StoredModel], client: BaseDBAsyncClient) -> None:
    """What Tortoise's ``Apps`` does for a model, without registering it anywhere."""
    meta = bound._meta
    meta.__class__ = _BoundMeta
    meta.default_connection = client.connection_name
    meta._inited = True
    meta.finalise_model()
    meta.basetable = Table(name=meta.db_table, schema=meta.schema)
    basequery = client.query_class.from_(meta.basetable)
    meta.basequery = cast(Query, basequery)
    meta.basequery_all_fields = cast(Query, basequery.select(*meta.db_fields))
