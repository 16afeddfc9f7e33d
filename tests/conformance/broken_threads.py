"""More mistakes: threads."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from mastra_store.domains.memory_plans import (
    MessageChanger,
    MessageRow,
    MetadataUpdate,
    NewThread,
    ThreadChange,
    ThreadChanger,
    ThreadQuery,
)
from mastra_store.errors import NotFoundError, StoreError
from mastra_store.instants import now
from mastra_store.payload import Payload, encode
from mastra_store.records import Message, Thread

from .broken import breaks
from .reference import InMemoryMemory


@breaks("M2")
class KeepsTheFirstTime(InMemoryMemory):
    """Keeps the old created_at when a thread is saved again."""

    def _keep_thread(self, row: NewThread) -> None:
        stored = self._thread(row.thread.id)
        kept = replace(row.thread, created_at=stored.created_at) if stored else row.thread
        super()._keep_thread(NewThread(kept, row.metadata))


@breaks("M2")
class StampsThreads(InMemoryMemory):
    """Takes now for the updated_at that was given."""

    async def _put_thread(self, row: NewThread) -> None:
        await super()._put_thread(row)
        self._bump([row.thread.id], now())


@breaks("M2", "M17")
class DropsMessagesOnSave(InMemoryMemory):
    """Deletes a thread's row and what hangs on it before it inserts the new one."""

    async def _put_thread(self, row: NewThread) -> None:
        await super()._remove_thread(row.thread.id)
        await super()._put_thread(row)

    def _keep_message(self, row: MessageRow) -> None:
        stored = self.messages.get(row.message.id)
        if stored is None:
            super()._keep_message(row)


@breaks("M9")
class RoundsTimesOfLists(InMemoryMemory):
    """Lists times by the second."""

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        threads, total = await super()._select_threads(query)
        return [replace(one, updated_at=one.updated_at.replace(microsecond=0)) for one in threads], total


@breaks("M13")
class WantsAnOwner(InMemoryMemory):
    """Lists nothing when no resource is named."""

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        return ([], 0) if query.resource_id is None else await super()._select_threads(query)


@breaks("G17", "M8")
class MissesWhatIsGone(InMemoryMemory):
    """Takes deleting a missing thread for an error."""

    async def _remove_thread(self, thread_id: str) -> None:
        if thread_id not in self.threads:
            raise NotFoundError("no such thread")
        await super()._remove_thread(thread_id)


@breaks("M4")
class CreatesThreads(InMemoryMemory):
    """Creates the thread that it should update."""

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        if thread_id not in self.threads:
            self._keep_thread(NewThread(Thread(id=thread_id, resource_id="nobody"), None))
        return await super()._change_thread(thread_id, change)


@breaks("M4")
class LeavesMetadataAbsent(InMemoryMemory):
    """Leaves absent metadata absent when nothing is merged into it."""

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        def unless_empty(thread: Thread) -> ThreadChange | None:
            changed = change(thread)
            empty = changed is not None and changed.metadata is not None and not changed.metadata.value
            return changed._replace(metadata=None) if changed and empty else changed

        return await super()._change_thread(thread_id, unless_empty)


@breaks("M3")
class DropsEmptyMetadata(InMemoryMemory):
    """Keeps {} as nothing."""

    def _keep_thread(self, row: NewThread) -> None:
        super()._keep_thread(row if row.metadata and row.metadata.value else NewThread(row.thread, None))


class _Rewrites(InMemoryMemory):
    """Base of those that write other metadata than the rules told them."""

    def rewrite(self, stored: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        def rewritten(thread: Thread) -> ThreadChange | None:
            changed = change(thread)
            if changed is None or changed.metadata is None:
                return changed
            value = self.rewrite(thread.metadata or {}, changed.metadata.value)
            return changed._replace(metadata=Payload(encode(value), value))

        return await super()._change_thread(thread_id, rewritten)


@breaks("M4", "G8")
class DropsNulls(_Rewrites):
    """Takes an explicit null for a key to be left out."""

    def rewrite(self, stored: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in merged.items() if value is not None}


@breaks("M4", "M5", "G16")
class ReplacesMetadata(_Rewrites):
    """Replaces metadata rather than merging it."""

    def rewrite(self, stored: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in merged.items() if stored.get(key) != value}


@breaks("M4")
class MergesDeeply(_Rewrites):
    """Merges more than one level deep."""

    def rewrite(self, stored: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
        both = {key for key in merged if isinstance(merged[key], dict) and isinstance(stored.get(key), dict)}
        return {key: {**stored[key], **value} if key in both else value for key, value in merged.items()}


@breaks("G16", "M4", "M6")
class LosesMerges(InMemoryMemory):
    """Reads and writes without a lock in between."""

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        thread = self._thread(thread_id)
        changed = change(thread) if thread else None
        await asyncio.sleep(0)
        return await super()._change_thread(thread_id, lambda _: changed)


@breaks("G16", "M33")
class LosesMessageMerges(InMemoryMemory):
    """Reads and writes messages without a lock in between."""

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        changes = change([self._message(id) for id in ids if id in self.messages])
        await asyncio.sleep(0)
        return await super()._change_messages(ids, lambda _: changes)


@breaks("M5", "G16")
class RewritesTitles(InMemoryMemory):
    """Writes the title it read along with the metadata."""

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        read = self._thread(thread_id)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        def with_title(thread: Thread) -> ThreadChange | None:
            changed = change(thread)
            return changed and read and changed._replace(title=changed.title or read.title)

        return await super()._change_thread(thread_id, with_title)


@breaks("M6")
class SwallowsExceptions(InMemoryMemory):
    """Takes an exception of the function for nothing to do."""

    async def update_thread_metadata(self, *, id: str, update: MetadataUpdate, resource_id: str | None = None) -> Any:
        try:
            return await super().update_thread_metadata(id=id, update=update, resource_id=resource_id)
        except ArithmeticError:
            return await self.get_thread_by_id(thread_id=id)


@breaks("M6")
class CallsTwice(InMemoryMemory):
    """Calls the function again, as a clumsy retry would."""

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        thread = self._thread(thread_id)
        if thread:
            change(thread)
        return await super()._change_thread(thread_id, change)


@breaks("M7")
class LeavesMessagesBehind(InMemoryMemory):
    """Gives the thread to another resource, not its messages."""

    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        before = dict(self.messages)
        moved = await super()._move_thread(thread_id, resource_id)
        self.messages.update(before)
        return moved


@breaks("M7")
class BumpsForNothing(InMemoryMemory):
    """Bumps a thread that is given to the resource that has it."""

    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        await super()._move_thread(thread_id, resource_id)
        self._bump([thread_id], now())
        return self._thread(thread_id)


@breaks("M8", "M52")
class DeletesResources(InMemoryMemory):
    """Deletes the resource with its thread."""

    async def _remove_thread(self, thread_id: str) -> None:
        thread = self._thread(thread_id)
        await super()._remove_thread(thread_id)
        if thread:
            self.resources.pop(thread.resource_id, None)


@breaks("M8")
class KeepsStrays(InMemoryMemory):
    """Does nothing when the thread to delete is missing."""

    async def _remove_thread(self, thread_id: str) -> None:
        if thread_id in self.threads:
            await super()._remove_thread(thread_id)


@breaks("G14")
class ClearsForGood(InMemoryMemory):
    """Drops its tables to clear them."""

    async def dangerously_clear_all(self) -> None:
        await super().dangerously_clear_all()
        self.messages = _Dropped()


class _Dropped(dict[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        raise StoreError("no such table")


@breaks("G14")
class ClearsTooLittle(InMemoryMemory):
    """Forgets to clear the resources."""

    async def dangerously_clear_all(self) -> None:
        self.threads.clear()
        self.messages.clear()
