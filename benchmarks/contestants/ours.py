"""This package, through ``Store``."""

from __future__ import annotations

from typing import Any

from mastra_store import Message, MessageInclude, MessagePage, Store, Thread, ThreadPage

from ..dataset import NewMessage
from ..operations import Operation
from .base import Contestant


class Ours(Contestant):
    """The memory domain of a Store, with nothing set."""

    async def open(self) -> None:
        self.store = Store(id="benchmark", default=self.url)
        await self.store.init()
        self.memory = self.store.memory

    async def close(self) -> None:
        await self.store.close()

    async def save(self, messages: list[NewMessage]) -> list[Message]:
        records = [
            Message(id=id, thread_id=thread, resource_id=resource, role=role, content=content, created_at=created)
            for id, thread, resource, role, content, created in messages
        ]
        return await self.memory.save_messages(messages=records)

    async def last_10(self, thread_id: str) -> MessagePage:
        return await self.memory.list_messages(thread_id=thread_id, per_page=10, order_by="-created_at")

    async def page_100(self, thread_id: str) -> MessagePage:
        return await self.memory.list_messages(thread_id=thread_id, per_page=100)

    async def thread_by_id(self, thread_id: str) -> Thread | None:
        return await self.memory.get_thread_by_id(thread_id=thread_id)

    async def threads_20(self, resource_id: str) -> ThreadPage:
        return await self.memory.list_threads(resource_id=resource_id, per_page=20)

    async def window_5_5(self, message_id: str) -> MessagePage:
        include = [MessageInclude(id=message_id, with_previous_messages=5, with_next_messages=5)]
        # The thread only says where the page would come from; a page of nothing leaves the included messages.
        return await self.memory.list_messages(thread_id="none", per_page=0, include=include)

    def answer(self, operation: Operation, result: Any) -> tuple[list[str], int | None]:
        if isinstance(result, ThreadPage):
            return [thread.id for thread in result.threads], result.total
        if isinstance(result, MessagePage):
            counted = operation.name != "window_5_5"
            return [message.id for message in result.messages], result.total if counted else None
        if isinstance(result, Thread):
            return [result.id], None
        return [message.id for message in result or []], None

    async def bumped(self, thread_id: str) -> bool:
        thread = await self.memory.get_thread_by_id(thread_id=thread_id)
        return thread is not None and thread.updated_at > thread.created_at
