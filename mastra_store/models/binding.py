"""Binding a model group to one database: the only module that touches Tortoise's ``_meta``.

Tortoise keeps dialect, connection and prepared queries at class level, so one class cannot serve two databases. Each
binding therefore gets classes of its own, made from the abstract definitions, with a connection alias that is never
used again (Tortoise caches statements by alias). Their ``_meta.db`` is the bound client itself, so that query sets need
no context and work in any task.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, TypeVar, cast

from pypika_tortoise.queries import Query, Table
from tortoise.backends.base import executor
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.manager import Manager
from tortoise.models import MetaInfo, Model
from tortoise.queryset import BulkUpdateQuery, QuerySet, UpdateQuery

from .base import StoredModel
from .columns import Column, ColumnFormat, InstantColumn, TwinColumn

M = TypeVar("M", bound=Model)
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


def key_of(model: type[StoredModel]) -> str:
    """The name of a model's key column."""
    return model._meta.db_pk_column


class _BoundMeta(MetaInfo):
    """Meta information whose client is that of the binding, whatever context a task runs in."""

    __slots__ = ()

    @property
    def db(self) -> BaseDBAsyncClient:
        return cast(BaseDBAsyncClient, self._model._bound_client)  # type: ignore[attr-defined]


class _TwinQuerySet(QuerySet[M]):
    """Updates of instants reach their twin columns too."""

    def update(self, **kwargs: Any) -> UpdateQuery:
        for name in _instants(self.model, kwargs):
            kwargs[f"{name}_twin"] = kwargs[name]
        return super().update(**kwargs)

    def bulk_update(
        self, objects: Iterable[M], fields: Iterable[str], batch_size: int | None = None
    ) -> BulkUpdateQuery[M]:
        return super().bulk_update(objects, _with_twins(self.model, fields), batch_size)


class _TwinManager(Manager):
    """Hands out query sets that keep twins in step."""

    def get_queryset(self) -> QuerySet[Any]:
        return _TwinQuerySet(self._model)


class _TwinModel(StoredModel):
    """Saving some fields of an instance saves their twins too."""

    class Meta:
        abstract = True

    async def save(
        self,
        using_db: BaseDBAsyncClient | None = None,
        update_fields: Iterable[str] | None = None,
        force_create: bool = False,
        force_update: bool = False,
    ) -> None:
        names = None if update_fields is None else _with_twins(type(self), update_fields)
        await super().save(using_db, names, force_create, force_update)


def _bind(
    model: type[StoredModel], client: BaseDBAsyncClient, format: ColumnFormat, schema: str | None
) -> type[StoredModel]:
    fields: dict[str, Column] = {column.model_field_name: column.bound(format) for column in columns_of(model)}
    bases: tuple[type[StoredModel], ...] = (model,)
    options: dict[str, Any] = {"table": table_of(model), "schema": schema, "app": client.connection_name}
    if format.twins:
        bases = (model, _TwinModel)
        options["manager"] = _TwinManager()
        fields |= _twins(fields, format)
    attributes = {
        **fields,
        "Meta": type("Meta", (), options),
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "_bound_client": client,
        "_no_comments": True,
    }
    metaclass: Any = type(model)
    bound: type[StoredModel] = metaclass(model.__name__, bases, attributes)
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


def _instants(model: type[Model], names: Iterable[str]) -> list[str]:
    return [name for name in names if isinstance(model._meta.fields_map.get(name), InstantColumn)]


def _with_twins(model: type[Model], names: Iterable[str]) -> list[str]:
    given = list(names)
    return given + [f"{name}_twin" for name in _instants(model, given)]
