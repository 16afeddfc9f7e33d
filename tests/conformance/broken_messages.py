"""More mistakes: messages, copies and resources."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from mastra_store.domains.memory_plans import (
    CopySelection,
    MessageChanger,
    MessageQuery,
    MessageRow,
    NewResource,
    NewThread,
    ResourceChanger,
    ThreadMaker,
    Window,
)
from mastra_store.errors import NotFoundError, StoreError
from mastra_store.instants import now
from mastra_store.records import Message, MessagePage, Resource, Thread, ThreadCopy
from mastra_store.records.base import new_id

from .broken import breaks
from .reference import InMemoryMemory

# -- messages ----------------------------------------------------------------------------------------------------------


@breaks("M16")
class ChangesOwners(InMemoryMemory):
    """Gives every message to the owner of its thread."""

    def _keep_message(self, row: MessageRow) -> None:
        row.message.resource_id = self.threads[row.message.thread_id].record.resource_id
        super()._keep_message(row)


@breaks("M22")
class CountsInVain(InMemoryMemory):
    """Counts messages when no page is wanted."""

    async def list_messages(self, **arguments: Any) -> MessagePage:
        page = await super().list_messages(**arguments)
        if page.per_page == 0:
            page.total = (await super().list_messages(**{**arguments, "page": 0, "per_page": None})).total
        return page


@breaks("M17", "M18", "M19")
class OverwritesCreatedAt(InMemoryMemory):
    """Takes over the time of a message that is saved again."""

    def _keep_message(self, row: MessageRow) -> None:
        self.messages.pop(row.message.id, None)
        super()._keep_message(row)


@breaks("M20", "M36", "M38")
class NeverBumps(InMemoryMemory):
    """Leaves updated_at of threads alone."""

    def _bump(self, ids: Any, moment: datetime) -> None:
        pass


@breaks("M20", "M35", "M36", "M38")
class BumpsEverything(InMemoryMemory):
    """Bumps every thread there is."""

    def _bump(self, ids: Any, moment: datetime) -> None:
        super()._bump(list(self.threads), moment)


@breaks("M20")
class BumpsTheOldThread(InMemoryMemory):
    """Bumps the thread that a message is moved away from by saving."""

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        left = {self.messages[row.message.id].record.thread_id for row in rows if row.message.id in self.messages}
        stored = await super()._put_messages(rows, threads, moment)
        self._bump(left, moment)
        return stored


@breaks("M20")
class BumpsOneByOne(InMemoryMemory):
    """Bumps each thread at a time of its own."""

    def _bump(self, ids: Any, moment: datetime) -> None:
        for number, id in enumerate(sorted(ids)):
            super()._bump([id], moment + timedelta(milliseconds=number))


@breaks("G10", "M16", "M21")
class WritesBeforeItChecks(InMemoryMemory):
    """Saves the messages before the one whose thread is missing."""

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        for row in rows:
            if row.message.thread_id in self.threads:
                self._keep_message(row)
        return await super()._put_messages(rows, threads, moment)


@breaks("G10", "G16", "M21")
class WritesInChunks(InMemoryMemory):
    """Saves a large batch in several transactions."""

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        stored: dict[str, datetime] = {}
        for start in range(0, len(rows), 500):
            stored |= await super()._put_messages(rows[start : start + 500], threads, moment)
        return stored


@breaks("M16", "M18", "M20")
class SeesTheLastThreadOnly(InMemoryMemory):
    """Neither looks for nor bumps the threads of messages that a later one of the same id replaced."""

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        threads = list({row.message.thread_id for row in rows})
        return await super()._put_messages(rows, threads, moment)


@breaks("M16")
class AcceptsAnyThread(InMemoryMemory):
    """Does not look whether threads exist."""

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        for row in rows:
            self._keep_message(row)
        stored = [id for id in threads if id in self.threads]
        known = await super()._put_messages([row for row in rows if row.message.thread_id in stored], stored, moment)
        return {row.message.id: row.message.created_at for row in rows} | known


@breaks("M32c")
class DropsSystemMessages(InMemoryMemory):
    """Leaves out messages of the role system."""

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        messages, total = await super()._select_messages(query)
        return [message for message in messages if message.role != "system"], total


@breaks("M21", "M32a", "M38", "M40")
class RunsOutOfParameters(InMemoryMemory):
    """Cannot take more ids or rows than a statement can hold parameters."""

    async def _find_messages(self, ids: list[str]) -> list[Message]:
        self._limit(ids, 32_766)
        return await super()._find_messages(ids)

    async def _remove_messages(self, ids: list[str]) -> None:
        self._limit(ids, 32_766)
        await super()._remove_messages(ids)

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        self._limit(rows, 32_766 // 7)
        return await super()._put_messages(rows, threads, moment)

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        self._limit(selection.message_ids or [], 32_766)
        return await super()._copy_thread(selection, make)

    def _limit(self, values: list[Any], most: int) -> None:
        if len(values) > most:
            raise StoreError("too many SQL variables")


@breaks("M27", "M30a")
class ForgetsNeighbours(InMemoryMemory):
    """Takes included messages without those beside them."""

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        return await super()._find_windows([window._replace(before=0, after=0) for window in windows], resource_id)


@breaks("M27")
class CutsWindowsByTime(InMemoryMemory):
    """Cuts windows by time alone, so that messages of one instant push the target out."""

    def _window(self, window: Window, resource_id: str | None) -> list[Message]:
        if window.message_id not in self.messages:
            return []
        target = self.messages[window.message_id].record
        thread = self._of_thread(target.thread_id)
        upto = [message for message in thread if message.created_at <= target.created_at][-(window.before + 1) :]
        after = [message for message in thread if message.created_at > target.created_at][: window.after]
        return [self._message(message.id) for message in (*upto, *after)]


@breaks("M28")
class IncludesForeignMessages(InMemoryMemory):
    """Ignores the owner when it looks for included messages."""

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        return await super()._find_windows(windows, None)


@breaks("M33", "M37")
class ForgetsTypes(InMemoryMemory):
    """Does not write a changed type."""

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        types = {id: self.messages[id].record.type for id in ids if id in self.messages}
        await super()._change_messages(ids, change)
        for id, type in types.items():
            self.messages[id] = self.messages[id]._replace(record=replace(self.messages[id].record, type=type))
        return {id: self._message(id) for id in types}


@breaks("M34")
class MissesMessages(InMemoryMemory):
    """Fails when a message to update is missing."""

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        if any(id not in self.messages for id in ids):
            raise NotFoundError("no such message")
        return await super()._change_messages(ids, change)


# -- copies ------------------------------------------------------------------------------------------------------------


@breaks("M39")
class CopiesOverThreads(InMemoryMemory):
    """Overwrites the thread whose id is taken."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        if selection.new_thread_id != selection.source_thread_id:
            self.threads.pop(selection.new_thread_id, None)
        return await super()._copy_thread(selection, make)


@breaks("M39")
class CopiesNothing(InMemoryMemory):
    """Makes a thread out of a source that is missing."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        if selection.source_thread_id not in self.threads:
            self._keep_thread(NewThread(Thread(id=selection.source_thread_id, resource_id="nobody"), None))
        return await super()._copy_thread(selection, make)


@breaks("M40", "M42")
class CopiesTheOldest(InMemoryMemory):
    """Takes the oldest instead of the newest, and the first copied message for the last."""

    def _chosen(self, selection: CopySelection) -> list[Message]:
        found = super()._chosen(selection._replace(limit=None))[::-1]
        return found if selection.limit is None else found[-selection.limit :]


@breaks("M43")
class KeepsOwnersOfCopies(InMemoryMemory):
    """Leaves copied messages with the resource they came from."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        copied = await super()._copy_thread(selection, make)
        for old, new in (copied.message_id_map if copied else {}).items():
            owner = self.messages[old].record.resource_id
            self.messages[new] = self.messages[new]._replace(
                record=replace(self.messages[new].record, resource_id=owner)
            )
        return copied


@breaks("M39", "M43")
class ChoosesItsOwnId(InMemoryMemory):
    """Ignores the id that a copy should get, and reuses the ids of messages."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        copied = await super()._copy_thread(selection, make)
        return copied and ThreadCopy(thread=replace(copied.thread, id=new_id()), message_id_map=copied.message_id_map)


@breaks("M45")
class CannotCopyNothing(InMemoryMemory):
    """Stumbles over a thread without messages."""

    async def _find_messages(self, ids: list[str]) -> list[Message]:
        if not ids:
            raise StoreError("syntax error near )")
        return await super()._find_messages(ids)


@breaks("M44")
class BumpsTheSource(InMemoryMemory):
    """Bumps the thread that is copied."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        self._bump([selection.source_thread_id], now())
        return await super()._copy_thread(selection, make)


@breaks("M44", "G10", "G16")
class CopiesInSteps(InMemoryMemory):
    """Shows the new thread before its messages."""

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        copied = await super()._copy_thread(selection, make)
        new = list(copied.message_id_map.values()) if copied else []
        rows = {id: self.messages.pop(id) for id in new}
        for id in new:
            await asyncio.sleep(0)
            self.messages[id] = rows[id]
        return copied


# -- resources ---------------------------------------------------------------------------------------------------------


@breaks("M49")
class RestartsResources(InMemoryMemory):
    """Sets created_at anew with every update."""

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        resource = await super()._change_resource(fresh, change)
        row = self.resources[resource.id]
        self.resources[resource.id] = row._replace(record=replace(row.record, created_at=datetime.now(UTC)))
        return resource


@breaks("M50", "M48")
class DropsEmptyWorkingMemory(InMemoryMemory):
    """Takes an empty text for none."""

    def _keep_resource(self, row: NewResource) -> None:
        super()._keep_resource(
            NewResource(replace(row.resource, working_memory=row.resource.working_memory or None), row.metadata)
        )


@breaks("M48")
class CreatesNoResources(InMemoryMemory):
    """Returns a resource that it did not store."""

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        if fresh.resource.id not in self.resources:
            return fresh.resource
        return await super()._change_resource(fresh, change)


@breaks("M51", "G16")
class LosesResourceMerges(InMemoryMemory):
    """Reads and writes resources without a lock in between."""

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        stored = self._resource(fresh.resource.id)
        await asyncio.sleep(0)
        if stored is None:
            self._keep_resource(fresh)
            return fresh.resource
        return await super()._change_resource(fresh, lambda _: change(stored))


@breaks("M49")
class FillsAbsentMetadata(InMemoryMemory):
    """Takes absent metadata of a resource for an empty mapping."""

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        resource = await super()._change_resource(fresh, change)
        return replace(resource, metadata=resource.metadata or {})


@breaks("M46", "G12")
class TrimsResourceIds(InMemoryMemory):
    """Looks for resources without the spaces around their ids, and returns one that is missing."""

    def _resource(self, id: str) -> Resource | None:
        return super()._resource(id.strip()) or Resource(id=id)


@breaks("M52")
class CreatesResourcesOfThreads(InMemoryMemory):
    """Creates the resource of a thread that is saved."""

    async def _put_thread(self, row: NewThread) -> None:
        await super()._put_thread(row)
        self._keep_resource(NewResource(Resource(id=row.thread.resource_id), None))


@breaks("M47")
class MergesOnSave(InMemoryMemory):
    """Keeps the old working memory when a resource is saved without one."""

    async def _put_resource(self, row: NewResource) -> None:
        stored = self._resource(row.resource.id)
        if stored and row.resource.working_memory is None:
            row = NewResource(replace(row.resource, working_memory=stored.working_memory), row.metadata)
        await super()._put_resource(row)
