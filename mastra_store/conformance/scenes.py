"""What checks build before they look: names of their own, threads in the past, conversations, and who was bumped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from ..domains import DomainStorage, MemoryStorage
from ..errors import StoreError
from ..instants import now
from ..records import Message, Resource, Thread
from .expect import ensure

T = TypeVar("T")
BASE = datetime(2024, 1, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=5)
"""How far the clock of a database server may be off."""


def at(seconds: float) -> datetime:
    """An instant in the past, so many seconds after noon."""
    return BASE + timedelta(seconds=seconds)


class Names:
    """Ids that no other check uses: ``names("m1")`` makes one, ``names.short(records)`` gives the short names back.

    Ids of one ``Names`` sort as their short names do.
    """

    def __init__(self) -> None:
        self._prefix = f"{uuid4().hex[:16]}-"

    def __call__(self, name: str) -> str:
        """The id that stands for a short name."""
        return self._prefix + name

    def short(self, found: Iterable[Any]) -> list[str]:
        """Short names of records, or of ids, in their order."""
        return [id_of(one).removeprefix(self._prefix) for one in found]


def id_of(record: Any) -> str:
    """What a record is called by: its id, or that of its span or run; an id stands for itself."""
    names = (name for name in ("id", "span_id", "run_id") if hasattr(record, name))
    id: str = getattr(record, next(names, ""), record)
    return id


def lenient(storage: DomainStorage) -> Any:
    """The same storage to a type checker that should not mind arguments of wrong types."""
    return storage


async def a_moment_later() -> None:
    """Wait until the clock shows another millisecond, so that times tell which call they were written by."""
    called = now()
    while now() == called:  # noqa: ASYNC110 - nobody announces a millisecond
        await asyncio.sleep(0.0005)


def said(text: str, **more: Any) -> dict[str, Any]:
    """Message content with one text part; ``more`` adds keys such as ``metadata``."""
    return {"format": 2, "parts": [{"type": "text", "text": text}], "content": text, **more}


def a_thread(id: str, resource_id: str = "", **fields: Any) -> Thread:
    """A thread of the past, owned by a resource of its own unless one is named."""
    fields.setdefault("created_at", BASE)
    return Thread(id=id, resource_id=resource_id or f"owner-of-{id}", **fields)


def a_message(thread: Thread, id: str, second: float = 1, **fields: Any) -> Message:
    """A message of the past in a thread, of the thread's resource unless another is named."""
    fields.setdefault("content", said(id))
    fields.setdefault("resource_id", thread.resource_id)
    return Message(id=id, thread_id=thread.id, created_at=at(second), **fields)


async def saved_thread(memory: MemoryStorage, id: str, resource_id: str = "", **fields: Any) -> Thread:
    """A stored thread of the past."""
    return await memory.save_thread(thread=a_thread(id, resource_id, **fields))


async def saved_message(memory: MemoryStorage, thread: Thread, id: str, second: float = 1, **fields: Any) -> Message:
    """A stored message of the past."""
    (message,) = await memory.save_messages(messages=[a_message(thread, id, second, **fields)])
    return message


async def saved_resource(memory: MemoryStorage, id: str, **fields: Any) -> Resource:
    """A stored resource of the past."""
    return await memory.save_resource(resource=Resource(id=id, created_at=BASE, **fields))


async def conversation(
    memory: MemoryStorage, names: Names, thread: str = "t", messages: Sequence[str] = (), **fields: Any
) -> Thread:
    """A stored thread with messages one second apart, the first at second 1."""
    stored = await saved_thread(memory, names(thread), **fields)
    rows = [a_message(stored, names(name), second) for second, name in enumerate(messages, 1)]
    await memory.save_messages(messages=rows)
    return stored


async def thread_of(memory: MemoryStorage, id: str) -> Thread:
    """The stored thread, which must be there."""
    thread = await memory.get_thread_by_id(thread_id=id)
    ensure(thread, f"thread {id!r} should be there")
    return thread  # type: ignore[return-value]


async def message_of(memory: MemoryStorage, id: str) -> Message:
    """The stored message, which must be there."""
    found = await memory.list_messages_by_id(message_ids=[id])
    ensure(len(found) == 1, f"message {id!r} should be there once, found {len(found)}")
    return found[0]


async def resource_of(memory: MemoryStorage, id: str) -> Resource:
    """The stored resource, which must be there."""
    resource = await memory.get_resource_by_id(resource_id=id)
    ensure(resource, f"resource {id!r} should be there")
    return resource  # type: ignore[return-value]


async def messages_in(memory: MemoryStorage, thread_id: str) -> list[Message]:
    """All messages of a thread, oldest first."""
    return (await memory.list_messages(thread_id=thread_id, per_page=None)).messages


async def age(memory: MemoryStorage, *thread_ids: str) -> None:
    """Set threads back into the past, so that a later bump shows."""
    for id in thread_ids:
        thread = await thread_of(memory, id)
        thread.updated_at = BASE
        await memory.save_thread(thread=thread)


async def bumped(memory: MemoryStorage, call: Awaitable[Any], *thread_ids: str) -> list[str]:
    """Which of the threads are bumped to now by a call, which may raise a ``StoreError``."""
    await age(memory, *thread_ids)
    before = now()
    with suppress(StoreError):
        await call
    threads = [await thread_of(memory, id) for id in thread_ids]
    for thread in threads:
        ensure(
            thread.updated_at == BASE or is_now(thread.updated_at, before),
            f"updated_at is neither the old time nor now: {thread.updated_at}",
        )
    return [thread.id for thread in threads if thread.updated_at != BASE]


def is_now(moment: datetime, since: datetime) -> bool:
    """Whether a time lies between the beginning of a call and the present, clocks of two machines allowed for."""
    return since - SKEW <= moment <= now() + SKEW


async def watch(call: Awaitable[Any], look: Any) -> list[Any]:
    """What ``look()`` returned again and again while a call was running, and once after it."""
    seen = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_awaited(call))
        while not running.done():
            seen.append(await look())
            await asyncio.sleep(0)
    seen.append(await look())
    return seen


async def _awaited(call: Awaitable[T]) -> T:
    return await call
