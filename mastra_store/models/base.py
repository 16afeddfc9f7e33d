"""What all models share: an abstract definition per table, and what Tortoise cannot do without a context."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Self

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.models import Model


class Index(NamedTuple):
    """An index: its name, and its columns as they stand in SQL (``createdAt DESC``)."""

    name: str
    columns: tuple[str, ...]


class StoredModel(Model):
    """Base of the models. Each is an abstract definition; ``binding.bind`` makes the class of one database from it.

    Bound classes work in any task and without a Tortoise context: ``await models.Message.filter(role="user").count()``.
    To take part in a transaction, pass its connection: ``.using_db(tx)``, ``create(using_db=tx, ...)``.
    """

    default_indexes: ClassVar[dict[str, tuple[Index, ...]]] = {}
    """Mastra's own indexes, by dialect."""
    own_indexes: ClassVar[dict[str, tuple[Index, ...]]] = {}
    """Indexes that this package adds beside them, all named ``mastra_store_*``."""

    class Meta:
        """Not a table itself."""

        abstract = True

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
