"""A backend of one's own: memory in plain dicts, under the URL scheme ``dict``, examined by the conformance suite.

python examples/custom_backend.py

The rules (checking, defaults, merging, paging) stand in ``MemoryStorage``; a backend only finds and keeps rows. This
one works in one process and forgets everything at its end, so it is short; a real one talks to a database in the hooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from copy import copy
from datetime import datetime
from typing import TypeVar

from mastra_store import (
    Backend,
    ConflictError,
    MemoryStorage,
    Message,
    Resource,
    Store,
    Thread,
    ThreadCopy,
    register_backend,
)
from mastra_store.conformance import Harness, run
from mastra_store.domains.base import operation
from mastra_store.domains.memory_plans import (
    CopySelection,
    MessageChanger,
    MessageQuery,
    MessageRow,
    NewResource,
    NewThread,
    ResourceChanger,
    ThreadChanger,
    ThreadMaker,
    ThreadQuery,
    Window,
)
from mastra_store.domains.memory_rules import missing_threads
from mastra_store.domains.metadata_filter import matches
from mastra_store.instants import now
from mastra_store.payload import decode, encode
from mastra_store.records.base import new_id

R = TypeVar("R", Thread, Message)
S = TypeVar("S", Thread, Message, Resource)


class MemoryInDicts(MemoryStorage):
    """Threads, messages and resources in three dicts. No hook awaits anything, so each one is a transaction."""

    def __init__(self, *, disable_init: bool = False) -> None:
        super().__init__(disable_init=disable_init)
        self._threads: dict[str, Thread] = {}
        self._messages: dict[str, Message] = {}
        self._resources: dict[str, Resource] = {}

    async def _init(self) -> None:
        """There are no tables to create."""

    async def _close(self) -> None:
        """There is no connection to close."""

    @operation("DANGEROUSLY_CLEAR_ALL")
    async def dangerously_clear_all(self) -> None:
        """Forget everything."""
        for rows in (self._threads, self._messages, self._resources):
            rows.clear()

    # -- threads -----------------------------------------------------------------------------------------------------

    async def _find_thread(self, thread_id: str) -> Thread | None:
        return _found(self._threads.get(thread_id))

    async def _put_thread(self, row: NewThread) -> None:
        self._threads[row.thread.id] = copy_of(row.thread)

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        thread = self._threads.get(thread_id)
        changed = change(copy_of(thread)) if thread is not None else None
        if thread is not None and changed is not None:
            thread.updated_at = changed.updated_at
            thread.title = thread.title if changed.title is None else changed.title
            thread.metadata = thread.metadata if changed.metadata is None else changed.metadata.value
        return _found(thread)

    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        thread = self._threads.get(thread_id)
        if thread is not None and thread.resource_id != resource_id:
            for message in self._of_thread(thread_id):
                message.resource_id = resource_id
            thread.resource_id, thread.updated_at = resource_id, now()
        return _found(thread)

    async def _remove_thread(self, thread_id: str) -> None:
        for message in self._of_thread(thread_id):
            del self._messages[message.id]
        self._threads.pop(thread_id, None)

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        found = [
            thread
            for thread in self._threads.values()
            if query.resource_id in (None, thread.resource_id) and matches(thread.metadata, query.metadata)
        ]
        ordered = _ordered(found, query.order.field, query.order.descending)
        return copies_of(_cut(ordered, query.offset, query.limit)), len(found)

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        source = self._threads.get(selection.source_thread_id)
        if source is None:
            return None
        copied = self._selected(selection)
        new = make(copy_of(source), copied[-1].id if copied else None).thread
        if new.id in self._threads:
            text = f"thread {new.id!r} exists already"
            raise ConflictError(text, reason="ALREADY_EXISTS", details={"thread_id": new.id})
        self._threads[new.id] = copy_of(new)
        ids = {message.id: new_id() for message in copied}
        for message in copied:
            twin = copy_of(message)
            twin.id, twin.thread_id, twin.resource_id = ids[message.id], new.id, new.resource_id
            self._messages[twin.id] = twin
        return ThreadCopy(thread=new, message_id_map=ids)

    def _selected(self, selection: CopySelection) -> list[Message]:
        """The messages to copy, oldest first."""
        start, end = selection.span or (None, None)
        found = [
            message
            for message in self._of_thread(selection.source_thread_id)
            if _within(message.created_at, start, end)
            and (selection.message_ids is None or message.id in selection.message_ids)
        ]
        return _ordered(found, "created_at")[-selection.limit if selection.limit else 0 :]

    # -- messages ----------------------------------------------------------------------------------------------------

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        if missing := set(threads) - self._threads.keys():
            raise missing_threads(missing)
        for row in rows:
            message = copy_of(row.message)
            stored = self._messages.get(message.id)
            message.created_at = stored.created_at if stored else message.created_at
            self._messages[message.id] = message
        self._bump(threads, moment)
        return {row.message.id: self._messages[row.message.id].created_at for row in rows}

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        start, end = query.span or (None, None)
        found = [
            message
            for message in self._messages.values()
            if (query.thread_ids is None or message.thread_id in query.thread_ids)
            and query.resource_id in (None, message.resource_id)
            and _within(message.created_at, start, end)
            and matches(message.content.get("metadata"), query.metadata)
        ]
        page = _cut(_ordered(found, "created_at", query.descending), query.offset, query.limit)
        return copies_of(page), len(found)

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        found: list[Message] = []
        for window in windows:
            target = self._messages.get(window.message_id)
            if target is not None and resource_id in (None, target.resource_id):
                thread = [m for m in self._of_thread(target.thread_id) if resource_id in (None, m.resource_id)]
                ordered = _ordered(thread, "created_at")
                place = ordered.index(target)
                found += ordered[max(0, place - window.before) : place + window.after + 1]
        return copies_of(found)

    async def _find_messages(self, ids: list[str]) -> list[Message]:
        return copies_of(_ordered([self._messages[id] for id in ids if id in self._messages], "created_at"))

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        stored = copies_of([self._messages[id] for id in ids if id in self._messages])
        changes = change(stored)
        for row in changes.rows:
            self._messages[row.message.id] = copy_of(row.message)
        self._bump(changes.bumped, changes.now)
        return {message.id: copy_of(self._messages[message.id]) for message in stored}

    async def _remove_messages(self, ids: list[str]) -> None:
        removed = [self._messages.pop(id) for id in ids if id in self._messages]
        self._bump({message.thread_id for message in removed}, now())

    # -- resources ---------------------------------------------------------------------------------------------------

    async def _find_resource(self, resource_id: str) -> Resource | None:
        return _found(self._resources.get(resource_id))

    async def _put_resource(self, row: NewResource) -> None:
        self._resources[row.resource.id] = copy_of(row.resource)

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        stored = self._resources.get(fresh.resource.id)
        if stored is None:
            self._resources[fresh.resource.id] = copy_of(fresh.resource)
            return fresh.resource
        changed = change(copy_of(stored))
        stored.updated_at = changed.updated_at
        if changed.working_memory is not None:
            stored.working_memory = changed.working_memory
        if changed.metadata is not None:
            stored.metadata = changed.metadata.value
        return copy_of(stored)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _of_thread(self, thread_id: str) -> list[Message]:
        return [message for message in self._messages.values() if message.thread_id == thread_id]

    def _bump(self, thread_ids: Iterable[str], moment: datetime) -> None:
        for id in thread_ids:
            if id in self._threads:
                self._threads[id].updated_at = moment


def copy_of(record: S) -> S:
    """A record that shares nothing with the other: payloads go through JSON text, as they would into a database."""
    twin = copy(record)
    if isinstance(twin, Message):
        twin.content = decode(encode(twin.content))
    else:
        twin.metadata = decode(encode(twin.metadata))
    return twin


def copies_of(records: Iterable[R]) -> list[R]:
    """The same of several."""
    return [copy_of(record) for record in records]


def _found(record: S | None) -> S | None:
    return None if record is None else copy_of(record)


def _ordered(rows: Iterable[R], field: str, descending: bool = False) -> list[R]:
    return sorted(rows, key=lambda row: (getattr(row, field), row.id), reverse=descending)


def _cut(rows: list[R], offset: int, limit: int | None) -> list[R]:
    return rows[offset : None if limit is None else offset + limit]


def _within(moment: datetime, start: datetime | None, end: datetime | None) -> bool:
    """The start belongs to the span, the end does not."""
    return (start is None or start <= moment) and (end is None or moment < end)


def open_store(url: str, *, domains: Collection[str], disable_init: bool) -> Store:
    """The Store of a ``dict:`` URL; it has nothing but memory to offer."""
    return Store(id="dict", domains={"memory": MemoryInDicts()}, disable_init=disable_init)


register_backend(Backend(schemes=("dict",), open=open_store, normalise=lambda url: url))


@asynccontextmanager
async def opened() -> AsyncIterator[Store]:
    """What the conformance suite examines."""
    async with Store(id="examined", default="dict:anything") as store:
        yield store


async def main() -> None:
    """Use it by its URL like any other, then let the suite look for broken rules."""
    async with Store(id="app", default="dict:notes", domains={"scores": False}) as store:
        await store.memory.save_thread(thread=Thread(id="t1", resource_id="ada", title="In a dict"))
        print(await store.memory.get_thread_by_id(thread_id="t1"))
    report = await run(Harness(name="dict", open=opened))
    for result in report.bad:
        print(f"{result.check}: {result.message}")
    print(*report.summary(), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
