"""The memory domain over plain dicts: the private hooks in their simplest correct form.

Payloads are kept as JSON text, so that every read makes a fresh copy. No hook awaits between reading and writing, which
makes each of them atomic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self, TypeVar

from msgspec.structs import replace

from mastra_store.conformance import RawRow
from mastra_store.domains import MemoryStorage
from mastra_store.domains.checks import Period
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
from mastra_store.errors import ConflictError
from mastra_store.instants import now
from mastra_store.payload import decode
from mastra_store.records import Message, Resource, Thread, ThreadCopy
from mastra_store.records.base import new_id
from mastra_store.records.legacy import read_content

T = TypeVar("T")


class Row(NamedTuple):
    """A record without its payload, and the payload's JSON text."""

    record: Any
    text: str | None


class InMemoryMemory(MemoryStorage):
    """The reference: what every backend must look like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[str, Row] = {}
        self.messages: dict[str, Row] = {}
        self.resources: dict[str, Row] = {}

    def twin(self) -> Self:
        """Another storage over the same tables, as a second connection to a database would be."""
        twin = type(self)()
        twin.threads, twin.messages, twin.resources = self.threads, self.messages, self.resources
        return twin

    async def write_raw(self, table: str, rows: Sequence[RawRow]) -> None:
        """Put message rows into the table as they are."""
        assert table == "mastra_messages"
        for row in rows:
            message = Message(
                id=row["id"],
                thread_id=row["thread_id"],
                resource_id=row["resourceId"],
                role=row["role"],
                type=None if row["type"] == "v2" else row["type"],
                created_at=row["createdAt"],
            )
            self.messages[row["id"]] = Row(message, row["content"])

    async def _init(self) -> None:
        pass

    async def _close(self) -> None:
        pass

    async def dangerously_clear_all(self) -> None:
        for table in (self.threads, self.messages, self.resources):
            table.clear()

    # -- threads -----------------------------------------------------------------------------------------------------

    async def _find_thread(self, thread_id: str) -> Thread | None:
        await self._elsewhere()
        return self._thread(thread_id)

    async def _put_thread(self, row: NewThread) -> None:
        await self._elsewhere()
        self._keep_thread(row)

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        await self._elsewhere()
        thread = self._thread(thread_id)
        changed = change(thread) if thread else None
        if changed is not None:
            record, text = self.threads[thread_id]
            title = record.title if changed.title is None else changed.title
            text = text if changed.metadata is None else changed.metadata.text
            self.threads[thread_id] = Row(replace(record, title=title, updated_at=changed.updated_at), text)
        return self._thread(thread_id)

    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        await self._elsewhere()
        if thread_id in self.threads and self.threads[thread_id].record.resource_id != resource_id:
            record, text = self.threads[thread_id]
            self.threads[thread_id] = Row(replace(record, resource_id=resource_id, updated_at=now()), text)
            for message in self._of_thread(thread_id):
                row = self.messages[message.id]
                self.messages[message.id] = row._replace(record=replace(row.record, resource_id=resource_id))
        return self._thread(thread_id)

    async def _remove_thread(self, thread_id: str) -> None:
        await self._elsewhere()
        for message in self._of_thread(thread_id):
            del self.messages[message.id]
        self.threads.pop(thread_id, None)

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        await self._elsewhere()
        found = [
            thread
            for thread in map(self._stored_thread, self.threads)
            if query.resource_id in (None, thread.resource_id) and self._matches(thread.metadata, query.metadata)
        ]
        found.sort(key=lambda thread: self._rank(thread, query.order.field), reverse=query.order.descending)
        return self._slice(found, query.offset, query.limit), len(found)

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        await self._elsewhere()
        source = self._thread(selection.source_thread_id)
        if source is None:
            return None
        if selection.new_thread_id in self.threads:
            raise ConflictError(f"thread {selection.new_thread_id!r} exists", reason="ALREADY_EXISTS")
        chosen = self._chosen(selection)
        row = make(source, chosen[-1].id if chosen else None)
        self._keep_thread(row)
        origin = {message.id: new_id() for message in chosen}
        for old, new in origin.items():
            record, text = self.messages[old]
            copy = replace(record, id=new, thread_id=row.thread.id, resource_id=row.thread.resource_id)
            self.messages[new] = Row(copy, text)
        return ThreadCopy(thread=row.thread, message_id_map=origin)

    # -- messages ----------------------------------------------------------------------------------------------------

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        await self._elsewhere()
        if missing := set(threads) - self.threads.keys():
            raise missing_threads(missing)
        for row in rows:
            self._keep_message(row)
        self._bump(threads, moment)
        return {row.message.id: self.messages[row.message.id].record.created_at for row in rows}

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        await self._elsewhere()
        found = [message for id in self.messages if (message := self._wanted(id, query)) is not None]
        found.sort(key=self._position, reverse=query.descending)
        return self._slice(found, query.offset, query.limit), len(found)

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        await self._elsewhere()
        return [message for window in windows for message in self._window(window, resource_id)]

    async def _find_messages(self, ids: list[str]) -> list[Message]:
        await self._elsewhere()
        return sorted((self._message(id) for id in ids if id in self.messages), key=self._position)

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        await self._elsewhere()
        existing = [id for id in ids if id in self.messages]
        changes = change([self._message(id) for id in existing])
        for row in changes.rows:
            text = self.messages[row.message.id].text if row.content is None else row.content
            self.messages[row.message.id] = Row(replace(row.message, content={}), text)
        self._bump(changes.bumped, changes.now)
        return {id: self._message(id) for id in existing}

    async def _remove_messages(self, ids: list[str]) -> None:
        await self._elsewhere()
        removed = [self.messages.pop(id).record for id in ids if id in self.messages]
        self._bump({message.thread_id for message in removed}, now())

    # -- resources ---------------------------------------------------------------------------------------------------

    async def _find_resource(self, resource_id: str) -> Resource | None:
        await self._elsewhere()
        return self._resource(resource_id)

    async def _put_resource(self, row: NewResource) -> None:
        await self._elsewhere()
        self._keep_resource(row)

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        await self._elsewhere()
        id = fresh.resource.id
        stored = self._resource(id)
        if stored is None:
            self._keep_resource(fresh)
        else:
            changed = change(stored)
            record, text = self.resources[id]
            kept = record.working_memory if changed.working_memory is None else changed.working_memory
            text = text if changed.metadata is None else changed.metadata.text
            self.resources[id] = Row(replace(record, working_memory=kept, updated_at=changed.updated_at), text)
        found = self._resource(id)
        assert found is not None
        return found

    # -- rows and records --------------------------------------------------------------------------------------------

    async def _elsewhere(self) -> None:
        """Let other callers run, as a database would."""
        await asyncio.sleep(0)

    def _thread(self, id: str) -> Thread | None:
        return self._stored_thread(id) if id in self.threads else None

    def _stored_thread(self, id: str) -> Thread:
        record, text = self.threads[id]
        return replace(record, metadata=None if text is None else decode(text))

    def _keep_thread(self, row: NewThread) -> None:
        text = row.metadata and row.metadata.text
        self.threads[row.thread.id] = Row(replace(row.thread, metadata=None), text)

    def _message(self, id: str) -> Message:
        record, text = self.messages[id]
        return replace(record, content=read_content(text or ""))

    def _keep_message(self, row: MessageRow) -> None:
        stored = self.messages.get(row.message.id)
        created_at = stored.record.created_at if stored else row.message.created_at
        self.messages[row.message.id] = Row(replace(row.message, content={}, created_at=created_at), row.content)

    def _resource(self, id: str) -> Resource | None:
        if id not in self.resources:
            return None
        record, text = self.resources[id]
        return replace(record, metadata=None if text is None else decode(text))

    def _keep_resource(self, row: NewResource) -> None:
        text = row.metadata and row.metadata.text
        self.resources[row.resource.id] = Row(replace(row.resource, metadata=None), text)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _bump(self, ids: Iterable[str], moment: datetime) -> None:
        for id in ids:
            if id in self.threads:
                record, text = self.threads[id]
                self.threads[id] = Row(replace(record, updated_at=moment), text)

    def _matches(self, metadata: Any, wanted: Any) -> bool:
        return matches(metadata, wanted)

    def _rank(self, record: Any, field: str) -> Any:
        return getattr(record, field), record.id

    def _position(self, message: Message) -> Any:
        return self._rank(message, "created_at")

    def _slice(self, found: list[T], offset: int, limit: int | None) -> list[T]:
        return found[offset:] if limit is None else found[offset : offset + limit]

    def _of_thread(self, thread_id: str) -> list[Message]:
        """The messages of a thread by position, without their content."""
        found = [row.record for row in self.messages.values() if row.record.thread_id == thread_id]
        return sorted(found, key=self._position)

    def _wanted(self, id: str, query: MessageQuery) -> Message | None:
        record = self.messages[id].record
        if query.thread_ids is not None and record.thread_id not in query.thread_ids:
            return None
        if query.resource_id not in (None, record.resource_id) or not within(record.created_at, query.span):
            return None
        message = self._message(id)
        return message if self._matches(message.content.get("metadata"), query.metadata) else None

    def _window(self, window: Window, resource_id: str | None) -> list[Message]:
        row = self.messages.get(window.message_id)
        if row is None or resource_id not in (None, row.record.resource_id):
            return []
        near = [one for one in self._of_thread(row.record.thread_id) if resource_id in (None, one.resource_id)]
        at = [message.id for message in near].index(window.message_id)
        return [self._message(message.id) for message in near[max(0, at - window.before) : at + window.after + 1]]

    def _chosen(self, selection: CopySelection) -> list[Message]:
        wanted = set(selection.message_ids or ())
        found = [
            message
            for message in self._of_thread(selection.source_thread_id)
            if within(message.created_at, selection.span) and (selection.message_ids is None or message.id in wanted)
        ]
        return found if selection.limit is None else found[-selection.limit :]


def within(moment: datetime, span: Period | None) -> bool:
    """Whether a time lies in a half-open span."""
    return span is None or ((span.start is None or span.start <= moment) and (span.end is None or moment < span.end))
