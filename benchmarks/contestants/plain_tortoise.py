"""Plain Tortoise, as its documentation shows it: its own models and tables, query sets, ``in_transaction``."""

from __future__ import annotations

from itertools import islice
from typing import Any

from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.timezone import now
from tortoise.transactions import in_transaction

from ..dataset import Dataset, NewMessage, contents
from ..operations import Operation
from . import tortoise_more
from .tortoise_more import TortoiseMore

_BATCH = 1000


class Thread(Model):
    """A conversation."""

    id = fields.CharField(primary_key=True, max_length=64)
    resource_id = fields.CharField(max_length=64)
    title = fields.CharField(max_length=255)
    metadata: dict[str, Any] | None = fields.JSONField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        """Table and indexes."""

        table = "thread"
        indexes = (("resource_id", "created_at"),)


class Message(Model):
    """A message of a conversation."""

    id = fields.CharField(primary_key=True, max_length=64)
    thread: fields.ForeignKeyRelation[Thread] = fields.ForeignKeyField("models.Thread", related_name="messages")
    resource_id = fields.CharField(max_length=64)
    role = fields.CharField(max_length=32)
    type = fields.CharField(max_length=32, default="v2")
    content: dict[str, Any] = fields.JSONField()
    created_at = fields.DatetimeField()

    class Meta:
        """Table and indexes."""

        table = "message"
        indexes = (("thread_id", "created_at"),)


class PlainTortoise(TortoiseMore):
    """Model classes and query sets."""

    async def open(self) -> None:
        url = self.url.replace("sqlite:///", "sqlite://", 1)
        await Tortoise.init(db_url=url, modules={"models": [__name__, tortoise_more.__name__]})
        await Tortoise.generate_schemas(safe=True)

    async def close(self) -> None:
        await Tortoise.close_connections()

    async def load(self, dataset: Dataset) -> bool:
        if "memory" in dataset.domains:
            await self._load_memory(dataset)
        await self.load_more(dataset)
        return True

    async def _load_memory(self, dataset: Dataset) -> None:
        async with in_transaction():
            threads = [
                Thread(
                    id=row.id,
                    resource_id=row.resource_id,
                    title=row.title,
                    metadata=row.metadata,
                    created_at=row.created_at,
                    updated_at=row.created_at,
                )
                for row in dataset.threads()
            ]
            await Thread.bulk_create(threads, batch_size=_BATCH)
            rows = dataset.messages()
            while batch := list(islice(rows, 10 * _BATCH)):
                messages = [
                    Message(
                        id=row.id,
                        thread_id=row.thread_id,
                        resource_id=row.resource_id,
                        role=row.role,
                        content=contents()[row.content],
                        created_at=row.created_at,
                    )
                    for row in batch
                ]
                await Message.bulk_create(messages, batch_size=_BATCH)

    async def save(self, messages: list[NewMessage]) -> list[Message]:
        columns = ("thread_id", "resource_id", "role", "content")
        async with in_transaction():
            thread = await Thread.get(id=messages[0].thread_id)
            saved = [
                Message(
                    id=message.id,
                    thread=thread,
                    resource_id=message.resource_id,
                    role=message.role,
                    content=message.content,
                    created_at=message.created_at,
                )
                for message in messages
            ]
            await Message.bulk_create(saved, on_conflict=("id",), update_fields=columns)
            thread.updated_at = now()
            await thread.save(update_fields=["updated_at"])
        return saved

    async def last_10(self, thread_id: str) -> tuple[list[Message], int]:
        of_thread = Message.filter(thread_id=thread_id)
        return await of_thread.order_by("-created_at", "-id").limit(10), await of_thread.count()

    async def page_100(self, thread_id: str) -> tuple[list[Message], int]:
        of_thread = Message.filter(thread_id=thread_id)
        return await of_thread.order_by("created_at", "id").limit(100), await of_thread.count()

    async def thread_by_id(self, thread_id: str) -> Thread | None:
        return await Thread.get_or_none(id=thread_id)

    async def threads_20(self, resource_id: str) -> tuple[list[Thread], int]:
        of_resource = Thread.filter(resource_id=resource_id)
        return await of_resource.order_by("-created_at", "-id").limit(20), await of_resource.count()

    async def window_5_5(self, message_id: str) -> list[Message]:
        target = await Message.get(id=message_id)
        of_thread = Message.filter(thread_id=target.thread_id)  # type: ignore[attr-defined]
        before = await of_thread.filter(created_at__lt=target.created_at).order_by("-created_at", "-id").limit(5)
        after = await of_thread.filter(created_at__gt=target.created_at).order_by("created_at", "id").limit(5)
        return [*reversed(before), target, *after]

    def answer(self, operation: Operation, result: Any) -> Any:
        if operation.domain != "memory":
            return self.answer_more(operation, result)
        if operation.name == "thread_by_id":
            return [result.id], None
        rows, total = result if isinstance(result, tuple) else (result, None)
        return [row.id for row in rows], total

    async def bumped(self, thread_id: str) -> bool:
        thread = await Thread.get(id=thread_id)
        return thread.updated_at > thread.created_at
