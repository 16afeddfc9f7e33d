"""The memory domain on SQL databases: what both dialects do alike. The rules stand in ``domains.memory``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from ...domains.memory import MemoryStorage
from ...domains.memory_plans import (
    CopySelection,
    MessageChanger,
    MessageQuery,
    MessageRow,
    NewResource,
    NewThread,
    ResourceChange,
    ResourceChanger,
    ThreadChange,
    ThreadChanger,
    ThreadMaker,
    ThreadQuery,
)
from ...domains.memory_rules import DEFAULT_TYPE
from ...errors import ConflictError
from ...instants import now
from ...models import memory as models
from ...payload import Payload, encode
from ...records import Message, Resource, Thread, ThreadCopy
from ...records.base import new_id
from ...records.legacy import read_content, read_metadata
from .domain import DB, SqlDomain
from .memory_sql import MemorySql, MessageShape, ThreadShape
from .paging import Limit
from .session import Session
from .table import corrupt


class SqlMemory(SqlDomain[DB], MemoryStorage):
    """Threads, messages and resources in SQL tables."""

    definitions: ClassVar = models.MODELS

    def _bind_statements(self) -> None:
        self._sql = MemorySql(self._dialect, self._schema)

    @property
    def models(self) -> models.MemoryModels:
        """The bound Tortoise classes: ``await memory.models.Message.filter(role="user").count()``."""
        bound: dict[str, Any] = self._bound_models()
        return models.MemoryModels(**bound)

    # -- threads -----------------------------------------------------------------------------------------------------

    async def _find_thread(self, thread_id: str) -> Thread | None:
        rows = await self._database.fetch(self._sql.find_thread, self._dialect.text(thread_id, "thread_id"))
        return self._thread(rows[0]) if rows else None

    async def _put_thread(self, row: NewThread) -> None:
        values = self._thread_values(row)
        await self._database.execute(self._sql.put_thread, *values)

    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        id = self._dialect.text(thread_id, "id")

        async def work(session: Session) -> Thread | None:
            rows = await session.fetch(self._sql.lock_thread, id)
            if not rows:
                return None
            thread = self._thread(rows[0])
            changed = change(thread)
            return thread if changed is None else await self._write_thread_change(session, thread, changed)

        # "Called once": a repeat after a deadlock would call the caller's function again; one row lock cannot deadlock.
        return await self._database.transact(work, repeatable=False)

    async def _write_thread_change(self, session: Session, thread: Thread, change: ThreadChange) -> Thread:
        columns, values = self._changed_columns(("title", change.title), change.metadata)
        statement = self._sql.change(self._sql.threads, columns)
        await session.execute(statement, thread.id, *values, self._dialect.instant(change.updated_at))
        thread.updated_at = change.updated_at
        if change.title is not None:
            thread.title = change.title
        if change.metadata is not None:
            thread.metadata = change.metadata.value
        return thread

    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        id, resource = self._dialect.text(thread_id, "thread_id"), self._dialect.text(resource_id, "resource_id")

        async def work(session: Session) -> Thread | None:
            rows = await session.fetch(self._sql.lock_thread, id)
            if not rows:
                return None
            thread = self._thread(rows[0])
            if thread.resource_id == resource_id:
                return thread
            thread.resource_id, thread.updated_at = resource_id, now()
            await self._lock_messages_of(session, id)
            await session.execute(self._sql.move_messages, id, resource)
            await session.execute(self._sql.move_thread, id, resource, self._dialect.instant(thread.updated_at))
            return thread

        return await self._database.transact(work)

    async def _remove_thread(self, thread_id: str) -> None:
        id = self._dialect.text(thread_id, "thread_id")

        async def work(session: Session) -> None:
            await session.fetch(self._sql.lock_thread, id)
            await self._lock_messages_of(session, id)
            await session.execute(self._sql.delete_messages_of_thread, id)
            await session.execute(self._sql.delete_thread, id)

        await self._database.transact(work)

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        condition = ""
        args: list[Any] = []
        if query.metadata:
            condition, args = self._dialect.metadata_condition('"metadata"', query.metadata, 1)
        limit = Limit.of(query.limit, query.offset)
        shape = ThreadShape(query.resource_id is not None, condition, len(args), *query.order, limit)
        if query.resource_id is not None:
            args.append(self._dialect.text(query.resource_id, "resource_id"))
        rows, total = await self._page(self._sql.thread_page(shape), args, query.offset, query.limit)
        return [self._thread(row) for row in rows], total

    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        source_id = self._dialect.text(selection.source_thread_id, "source_thread_id")

        async def work(session: Session) -> ThreadCopy | None:
            rows = await session.fetch(self._sql.find_thread, source_id)
            if not rows:
                return None
            ids = await self._selected_ids(session, selection)
            new = make(self._thread(rows[0]), ids[-1] if ids else None)
            if await session.execute(self._sql.add_thread, *self._thread_values(new)) == 0:
                message = f"thread {new.thread.id!r} exists already"
                raise ConflictError(message, reason="ALREADY_EXISTS", details={"thread_id": new.thread.id})
            pairs = {id: new_id() for id in ids}
            await self._copy_messages(session, pairs, new.thread)
            return ThreadCopy(thread=new.thread, message_id_map=pairs)

        return await self._database.transact(work, snapshot=True)

    async def _selected_ids(self, session: Session, selection: CopySelection) -> list[str]:
        """Ids to copy, oldest first."""
        start, end = selection.span or (None, None)
        statement = self._sql.copied_ids(
            start=start is not None,
            end=end is not None,
            ids=selection.message_ids is not None,
            limited=selection.limit is not None,
        )
        args: list[Any] = [selection.source_thread_id]
        args += [self._dialect.instant(bound) for bound in (start, end) if bound is not None]
        if selection.message_ids is not None:
            args.append(self._dialect.texts(selection.message_ids, "message_ids"))
        if selection.limit is not None:
            args.append(selection.limit)
        return [row[0] for row in reversed(await session.fetch(statement, *args))]

    async def _copy_messages(self, session: Session, pairs: dict[str, str], thread: Thread) -> None:
        if pairs:
            statement = self._sql.copy_messages(self._dialect.pairs_sql(1))
            await session.execute(statement, self._dialect.pairs(pairs), thread.id, thread.resource_id)

    # -- messages ----------------------------------------------------------------------------------------------------

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        shape = message_shape(query)
        args = self._message_args(query)
        if query.metadata:
            args.append(encode(dict(query.metadata)))
        rows, total = await self._page(self._sql.message_page(shape), args, query.offset, query.limit)
        return self._messages(rows), total

    async def _find_messages(self, ids: list[str]) -> list[Message]:
        rows = await self._database.fetch(self._sql.find_messages_ordered, self._dialect.texts(ids, "message_ids"))
        return self._messages(rows)

    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        wanted = self._dialect.texts(ids, "id")

        async def work(session: Session) -> dict[str, Message]:
            await self._lock_in_order(session, wanted)
            stored = {
                message.id: message for message in self._messages(await session.fetch(self._sql.find_messages, wanted))
            }
            rows, bumped, moment = change(list(stored.values()))
            for row in rows:
                await self._update_message(session, row)
                stored[row.message.id] = row.message
            await self._bump(session, bumped, moment)
            return stored

        return await self._database.transact(work)

    async def _update_message(self, session: Session, row: MessageRow) -> None:
        text, message = self._dialect.text, row.message
        args = [
            message.id,
            text(message.thread_id, "thread_id"),
            text(message.role, "role"),
            text(message.type or DEFAULT_TYPE, "type"),
            self._dialect.optional_text(message.resource_id, "resource_id"),
        ]
        if row.content is None:
            await session.execute(self._sql.update_message_but_content, *args)
        else:
            await session.execute(self._sql.update_message, *args, row.content)

    async def _remove_messages(self, ids: list[str]) -> None:
        wanted = self._dialect.texts(ids, "message_ids")

        async def work(session: Session) -> None:
            await self._lock_in_order(session, wanted)
            rows = await session.fetch(self._sql.delete_messages, wanted)
            await self._bump(session, {row[0] for row in rows}, now())

        await self._database.transact(work)

    async def _bump(self, session: Session, threads: Iterable[str], moment: datetime) -> None:
        if ids := sorted(threads):
            args = self._dialect.texts(ids, "thread_id"), self._dialect.instant(moment)
            await session.execute(self._sql.bump_threads, *args)

    async def _lock_in_order(self, session: Any, ids: Any) -> None:
        """Lock the threads of these messages, then the messages, where the dialect locks rows one by one."""

    async def _lock_messages_of(self, session: Any, thread_id: str) -> None:
        """Lock the messages of a thread that is locked, where the dialect locks rows one by one."""

    # -- resources ---------------------------------------------------------------------------------------------------

    async def _find_resource(self, resource_id: str) -> Resource | None:
        rows = await self._database.fetch(self._sql.find_resource, self._dialect.text(resource_id, "resource_id"))
        return self._resource(rows[0]) if rows else None

    async def _put_resource(self, row: NewResource) -> None:
        await self._database.execute(self._sql.put_resource, *self._resource_values(row))

    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        values = self._resource_values(fresh)

        async def work(session: Session) -> Resource:
            while await session.execute(self._sql.add_resource, *values) == 0:
                # It may be gone again by now, and is then inserted after all.
                if rows := await session.fetch(self._sql.lock_resource, values[0]):
                    resource = self._resource(rows[0])
                    return await self._write_resource_change(session, resource, change(resource))
            return fresh.resource

        return await self._database.transact(work)

    async def _write_resource_change(self, session: Session, resource: Resource, change: ResourceChange) -> Resource:
        columns, values = self._changed_columns(("workingMemory", change.working_memory), change.metadata)
        statement = self._sql.change(self._sql.resources, columns)
        await session.execute(statement, resource.id, *values, self._dialect.instant(change.updated_at))
        resource.updated_at = change.updated_at
        if change.working_memory is not None:
            resource.working_memory = change.working_memory
        if change.metadata is not None:
            resource.metadata = change.metadata.value
        return resource

    async def _clear(self) -> None:
        async def work(session: Session) -> None:
            for statement in self._sql.clear:
                await session.execute(statement)

        await self._database.transact(work)

    # -- rows and parameters -----------------------------------------------------------------------------------------

    def _changed_columns(self, text: tuple[str, str | None], metadata: Payload | None) -> tuple[list[str], list[Any]]:
        """Names and parameters of the columns that a change names, so that no other is rewritten (M5)."""
        columns: list[str] = []
        values: list[Any] = []
        name, value = text
        if value is not None:
            columns.append(name)
            values.append(self._dialect.text(value, name))
        if metadata is not None:
            columns.append("metadata")
            values.append(self._dialect.payload(metadata, "metadata"))
        return columns, values

    def _message_args(self, query: MessageQuery) -> list[Any]:
        args: list[Any] = []
        if query.thread_ids is not None:
            one = len(query.thread_ids) == 1
            text = self._dialect.text(query.thread_ids[0], "thread_id")
            args.append(text if one else self._dialect.texts(list(query.thread_ids), "thread_id"))
        if query.resource_id is not None:
            args.append(self._dialect.text(query.resource_id, "resource_id"))
        if query.span is not None:
            args += [self._dialect.instant(bound) for bound in query.span if bound is not None]
        return args

    def _thread_values(self, row: NewThread) -> list[Any]:
        thread, dialect = row.thread, self._dialect
        return [
            dialect.text(thread.id, "id"),
            dialect.text(thread.resource_id, "resource_id"),
            dialect.text(thread.title, "title"),
            None if row.metadata is None else dialect.payload(row.metadata, "metadata"),
            dialect.instant(thread.created_at),
            dialect.instant(thread.updated_at),
        ]

    def _message_values(self, row: MessageRow) -> list[Any]:
        message, text = row.message, self._dialect.text
        return [
            text(message.id, "id"),
            text(message.thread_id, "thread_id"),
            row.content,
            text(message.role, "role"),
            text(message.type or DEFAULT_TYPE, "type"),
            self._dialect.instant(message.created_at),
            self._dialect.optional_text(message.resource_id, "resource_id"),
        ]

    def _resource_values(self, row: NewResource) -> list[Any]:
        resource, dialect = row.resource, self._dialect
        return [
            dialect.text(resource.id, "id"),
            dialect.optional_text(resource.working_memory, "working_memory"),
            None if row.metadata is None else dialect.payload(row.metadata, "metadata"),
            dialect.instant(resource.created_at),
            dialect.instant(resource.updated_at),
        ]

    def _thread(self, row: Sequence[Any]) -> Thread:
        try:
            return Thread(
                id=row[0],
                resource_id=row[1],
                title=row[2],
                metadata=read_metadata(self._dialect.json_text(row[3])),
                created_at=self._dialect.read_instant(row[4]),
                updated_at=self._dialect.read_instant(row[5]),
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise corrupt("mastra_threads", row[0], error) from error

    def _resource(self, row: Sequence[Any]) -> Resource:
        try:
            return Resource(
                id=row[0],
                working_memory=row[1],
                metadata=read_metadata(self._dialect.json_text(row[2])),
                created_at=self._dialect.read_instant(row[3]),
                updated_at=self._dialect.read_instant(row[4]),
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise corrupt("mastra_resources", row[0], error) from error

    def _messages(self, rows: Iterable[Sequence[Any]]) -> list[Message]:
        return [self._message(row) for row in rows]

    def _message(self, row: Sequence[Any]) -> Message:
        try:
            return Message(
                id=row[0],
                thread_id=row[1],
                content=read_content(row[2]),
                role=row[3],
                type=None if row[4] == DEFAULT_TYPE else row[4],
                created_at=self._dialect.read_instant(row[5]),
                resource_id=row[6],
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise corrupt("mastra_messages", row[0], error) from error


def message_shape(query: MessageQuery) -> MessageShape:
    """Which statement a query needs."""
    threads = 0 if query.thread_ids is None else min(len(query.thread_ids), 2)
    start, end = query.span or (None, None)
    return MessageShape(
        threads,
        query.resource_id is not None,
        start is not None,
        end is not None,
        query.descending,
        Limit.of(query.limit, query.offset),
        query.counted,
        bool(query.metadata),
    )
