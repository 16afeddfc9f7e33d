"""Query sets of bound models: they keep to their own database, know stored column names, and keep twins in step.

Tortoise asks a global router for the database of every query, and takes field names for column names in bulk updates,
upserts and refreshes. Neither holds for models that are bound once and whose columns have Mastra's names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pypika_tortoise.terms import Field as ColumnTerm
from tortoise.manager import Manager
from tortoise.models import Model
from tortoise.queryset import BulkCreateQuery, BulkUpdateQuery, DeleteQuery, QuerySet, UpdateQuery

from ..errors import UnsupportedOperationError
from .columns import Column, InstantColumn

M = TypeVar("M", bound=Model)


class BoundQuerySet(QuerySet[M]):
    """A query set on the database of its model, whatever a router would say."""

    def update(self, **kwargs: Any) -> UpdateQuery:
        """Update the rows; instants reach their twin columns too."""
        self._refuse_limit("update")
        for name in _instants_with_twins(self.model, kwargs):
            kwargs[f"{name}_twin"] = kwargs[name]
        return super().update(**kwargs)

    def delete(self) -> DeleteQuery:
        """Delete the rows."""
        self._refuse_limit("delete")
        return super().delete()

    def _refuse_limit(self, what: str) -> None:
        """Neither dialect can limit these; Tortoise would change every row instead."""
        if self._limit is not None or self._offset:
            text = f"{what}() cannot be limited; select the ids first, then {what}() what filter() finds by them"
            raise UnsupportedOperationError(text)

    def bulk_create(
        self,
        objects: Iterable[M],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_fields: Iterable[str] | None = None,
        on_conflict: Iterable[str] | None = None,
    ) -> BulkCreateQuery[M]:
        """Insert rows, optionally updating those that exist; fields are named as in the model."""
        columns = _columns(self.model, with_twins(self.model, update_fields or ()))
        keys = _columns(self.model, on_conflict or ())
        return super().bulk_create(objects, batch_size, ignore_conflicts, columns or None, keys or None)

    def bulk_update(
        self, objects: Iterable[M], fields: Iterable[str], batch_size: int | None = None
    ) -> BulkUpdateQuery[M]:
        """Write some fields of many instances."""
        refusal = getattr(self.model, "_refusal", None)  # of models whose key has several columns
        if refusal is not None:
            raise refusal("bulk_update")
        query = super().bulk_update(objects, with_twins(self.model, fields), batch_size)
        query.__class__ = _BulkUpdate
        return query


class BoundManager(Manager):
    """Hands out query sets that are bound already."""

    def get_queryset(self) -> QuerySet[Any]:
        """A fresh query set on the model's own database."""
        queryset: QuerySet[Any] = BoundQuerySet(self._model)
        queryset._db = self._model._meta.db
        return queryset


class _BulkUpdate(BulkUpdateQuery[M]):
    """Names columns as they are stored."""

    __slots__ = ()

    def _make_queries(self) -> list[tuple[str, list[Any]]]:
        super()._make_queries()
        stored = self.model._meta.fields_db_projection
        for query in self._queries:
            query._updates = [(ColumnTerm(stored[term.name]), value) for term, value in query._updates]
        return [query.get_parameterized_sql() for query in self._queries]


def with_twins(model: type[Model], names: Iterable[str]) -> list[str]:
    """Field names, and those of the twins of the instants among them."""
    given = list(names)
    return given + [f"{name}_twin" for name in _instants_with_twins(model, given)]


def _instants_with_twins(model: type[Model], names: Iterable[str]) -> list[str]:
    fields: dict[str, Any] = model._meta.fields_map
    return [name for name in names if isinstance(fields.get(name), InstantColumn) and f"{name}_twin" in fields]


def _columns(model: type[Model], names: Iterable[str]) -> list[str]:
    fields: dict[str, Any] = model._meta.fields_map
    return [fields[name].column_name if isinstance(fields.get(name), Column) else name for name in names]
