"""What all models share: an abstract definition per table, and what Tortoise cannot do without a context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Self

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.models import Model
from tortoise.queryset import BulkCreateQuery, BulkUpdateQuery

from ..errors import UnsupportedOperationError
from ..instants import is_aware
from .columns import JsonColumn
from .queries import with_twins


class Index(NamedTuple):
    """An index: its name, and its columns as they stand in SQL (``"createdAt" DESC``, or an expression)."""

    name: str
    columns: tuple[str, ...]
    where: str = ""
    """The condition of a partial index."""
    method: str = "btree"
    unique: bool = False
    looks_into: str = ""
    """A column of JSON that it looks into. Where an old table holds it as text, there is no such index."""
    naming: str = "prefixed"
    """How PostgreSQL schemas other than ``public`` enter the name: ``prefixed``, ``lowered``, ``hashed`` (format 3)."""


class Key(NamedTuple):
    """The key of a table that has several columns in it, or a key that Mastra declares in its own way."""

    columns: tuple[str, ...]
    """Stored names."""
    clauses: Mapping[str, str]
    """What the table says of it, by dialect; nothing where an index alone makes it unique."""
    constraint: str
    """Name of the constraint, where the dialect names it; Mastra puts the schema's name before it."""


def beginning(expression: str) -> str:
    """What PostgreSQL's own indexes hold of long text, so that no value is too long to be written."""
    return f"left({expression}, 200)"


class StoredModel(Model):
    """Base of the models. Each is an abstract definition; ``binding.bind`` makes the class of one database from it.

    Bound classes work in any task and without a Tortoise context: ``await models.Message.filter(role="user").count()``.
    To take part in a transaction, pass its connection: ``.using_db(tx)``, ``create(using_db=tx, ...)``.
    """

    key: ClassVar[Key | None] = None
    """Where the key is not one column alone."""
    loose_on: ClassVar[tuple[str, ...]] = ()
    """Dialects in which Mastra declares every column but a primary key nullable."""
    capped: ClassVar[tuple[str, ...]] = ()
    """Attributes of which our own indexes hold only the ``beginning``, where an entry's length is limited."""
    default_indexes: ClassVar[dict[str, tuple[Index, ...]]] = {}
    """Mastra's own indexes, by dialect."""
    own_indexes: ClassVar[dict[str, tuple[Index, ...]]] = {}
    """Indexes that this package adds beside them, all named ``mastra_store_*``."""

    class Meta:
        """Not a table itself."""

        abstract = True

    def __init__(self, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            if isinstance(value, datetime) and not is_aware(value):
                raise ValueError(f"{name} must be an aware datetime, e.g. datetime.now(UTC)")
        super().__init__(**self._as_stored(kwargs))

    def update_from_dict(self, data: dict[str, Any]) -> Self:
        """Set several attributes."""
        return super().update_from_dict(self._as_stored(data))

    @classmethod
    def _as_stored(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Strings given as payloads in their stored form, as Tortoise reads given and stored values alike."""
        fields: dict[str, Any] = cls._meta.fields_map
        return {
            name: fields[name].write(value)
            if isinstance(value, str) and isinstance(fields.get(name), JsonColumn)
            else value
            for name, value in values.items()
        }

    @classmethod
    def _choose_db(cls, for_write: bool = False) -> BaseDBAsyncClient:
        """The database that the class is bound to, whatever a global router says."""
        return cls._meta.db

    async def save(
        self,
        using_db: BaseDBAsyncClient | None = None,
        update_fields: Iterable[str] | None = None,
        force_create: bool = False,
        force_update: bool = False,
    ) -> None:
        """Write the instance, or some of its fields (with the twins of the instants among them)."""
        names = None if update_fields is None else with_twins(type(self), update_fields)
        await super().save(using_db, names, force_create, force_update)

    async def refresh_from_db(
        self, fields: Iterable[str] | None = None, using_db: BaseDBAsyncClient | None = None
    ) -> None:
        """Read the stored values of all fields, or of some."""
        await super().refresh_from_db(self._meta.fields if fields is None else fields, using_db or self._meta.db)

    @classmethod
    def bulk_create(
        cls,
        objects: Iterable[Self],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_fields: Iterable[str] | None = None,
        on_conflict: Iterable[str] | None = None,
        using_db: BaseDBAsyncClient | None = None,
    ) -> BulkCreateQuery[Self]:
        """Insert many rows, optionally updating those that exist; fields are named as in the model."""
        rows = cls.all().using_db(using_db)
        return rows.bulk_create(objects, batch_size, ignore_conflicts, update_fields, on_conflict)

    @classmethod
    def bulk_update(
        cls,
        objects: Iterable[Self],
        fields: Iterable[str],
        batch_size: int | None = None,
        using_db: BaseDBAsyncClient | None = None,
    ) -> BulkUpdateQuery[Self]:
        """Write some fields of many instances."""
        return cls.all().using_db(using_db).bulk_update(objects, fields, batch_size)

    @classmethod
    async def get_or_create(
        cls, defaults: dict[str, Any] | None = None, using_db: BaseDBAsyncClient | None = None, **kwargs: Any
    ) -> tuple[Self, bool]:
        """The matching row, or a new one made of ``kwargs`` and ``defaults``; and whether it is new."""
        found = await cls.filter(**kwargs).using_db(using_db).first()
        if found is not None:
            return found, False
        try:
            return await cls.create(using_db=using_db, **{**kwargs, **(defaults or {})}), True
        except IntegrityError:  # another caller was quicker
            return await cls.get(using_db=using_db, **kwargs), False

    @classmethod
    async def update_or_create(
        cls, defaults: dict[str, Any] | None = None, using_db: BaseDBAsyncClient | None = None, **kwargs: Any
    ) -> tuple[Self, bool]:
        """The matching row brought up to ``defaults``, or a new one; and whether it is new."""
        row, created = await cls.get_or_create(defaults, using_db, **kwargs)
        if not created and defaults:
            row.update_from_dict(defaults)
            await row.save(using_db=using_db, update_fields=list(defaults))
        return row, created


class CompositeModel(StoredModel):
    """Base of the models whose rows have a key of several columns.

    Tortoise knows one key column per model, so what it does to "this row" would reach others too. Creating and query
    sets work as ever; writing or refreshing one stored instance is refused.
    """

    class Meta:
        """Not a table itself."""

        abstract = True

    async def save(
        self,
        using_db: BaseDBAsyncClient | None = None,
        update_fields: Iterable[str] | None = None,
        force_create: bool = False,
        force_update: bool = False,
    ) -> None:
        """Insert a new row; a stored one is refused."""
        if self._saved_in_db or force_update:
            raise self._refusal("save")
        await super().save(using_db, update_fields, force_create=True)

    async def delete(self, using_db: BaseDBAsyncClient | None = None) -> None:
        """Refused."""
        raise self._refusal("delete")

    async def refresh_from_db(
        self, fields: Iterable[str] | None = None, using_db: BaseDBAsyncClient | None = None
    ) -> None:
        """Refused."""
        raise self._refusal("refresh_from_db")

    @classmethod
    async def update_or_create(
        cls, defaults: dict[str, Any] | None = None, using_db: BaseDBAsyncClient | None = None, **kwargs: Any
    ) -> tuple[Self, bool]:
        """The matching row brought up to ``defaults``, or a new one; and whether it is new."""
        row, created = await cls.get_or_create(defaults, using_db, **kwargs)
        if created or not defaults:
            return row, created
        key = {name: getattr(row, name) for name in cls._key_attributes()}
        await cls.filter(**key).using_db(using_db).update(**defaults)
        return await cls.get(using_db=using_db, **key), False

    @classmethod
    def _key_attributes(cls) -> list[str]:
        stored = cls.key.columns if cls.key else ()
        fields: dict[str, Any] = cls._meta.fields_map
        return [name for name, column in fields.items() if (column.source_field or name) in stored]

    @classmethod
    def _refusal(cls, what: str) -> UnsupportedOperationError:
        asked = ", ".join(f"{name}=..." for name in cls._key_attributes())
        text = f"{what} is not possible for {cls.__name__}, whose key has several columns; use filter({asked})"
        return UnsupportedOperationError(text)
