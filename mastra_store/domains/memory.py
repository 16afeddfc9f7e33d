"""Memory: threads, messages, resources. The rules M1 to M52 stand here; a backend fills in the private hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import NotFoundError
from ..instants import now
from ..payload import freeze
from ..records import (
    DateRange,
    Message,
    MessageInclude,
    MessagePage,
    MessageUpdate,
    Resource,
    Thread,
    ThreadClone,
    ThreadCopy,
    ThreadPage,
)
from ..records.base import new_id
from . import memory_rules as rules
from .base import DomainStorage, hook, no_orm, operation
from .checks import (
    check_callable,
    check_count,
    check_date_range,
    check_id,
    check_ids,
    check_metadata,
    check_order,
    check_owner,
    check_owner_filter,
    check_page,
    check_sequence,
    check_str,
    more_follow,
)
from .memory_plans import (
    CopySelection,
    MessageChanger,
    MessageQuery,
    MessageRow,
    MetadataUpdate,
    NewResource,
    NewThread,
    ResourceChange,
    ResourceChanger,
    ThreadChange,
    ThreadChanger,
    ThreadMaker,
    ThreadQuery,
    Window,
)
from .metadata_filter import Scalar, check_metadata_filter

if TYPE_CHECKING:
    from ..models.memory import MemoryModels


class MemoryStorage(DomainStorage):
    """Threads, their messages, and the working memory of resources.

    Every method is a coroutine with keyword-only arguments. Records that are returned are detached copies (G11). The
    rules (M1 to M52) are in the contract; each method names those it follows.
    """

    domain: ClassVar[str] = "memory"

    @property
    def models(self) -> MemoryModels:
        """The Tortoise classes bound to this storage's database, on SQL backends, for ad-hoc queries.

        Raises ``UnsupportedOperationError`` where the backend has none.
        """
        raise no_orm(self, "models")

    # -- threads -----------------------------------------------------------------------------------------------------

    @operation("GET_THREAD_BY_ID")
    async def get_thread_by_id(self, *, thread_id: str, resource_id: str | None = None) -> Thread | None:
        """The thread, or ``None`` when there is none or it belongs to another resource than the given one (M1)."""
        check_id(thread_id, "thread_id")
        return rules.owned(await self._find_thread(thread_id), resource_id)

    @operation("SAVE_THREAD")
    async def save_thread(self, *, thread: Thread) -> Thread:
        """Insert a thread, or replace every column of the stored one; times are taken as given (M2, M3)."""
        row = rules.new_thread(thread)
        await self._put_thread(row)
        return row.thread

    @operation("UPDATE_THREAD")
    async def update_thread(
        self, *, id: str, title: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Thread:
        """Replace the title if given, merge metadata one level deep, bump ``updated_at`` (M4, M5).

        Raises ``NotFoundError`` when there is no such thread. Concurrent calls lose no key (G16).
        """
        check_id(id, "id")
        if title is not None:
            check_str(title, "title")
        given = freeze(dict(check_metadata(metadata, "metadata") or {}), "metadata").value

        def change(thread: Thread) -> ThreadChange:
            # A title alone leaves an existing metadata column untouched; absent metadata becomes {} (M4).
            merged = rules.merge(thread.metadata, given) if given or thread.metadata is None else None
            return ThreadChange(title, merged, now())

        return _found(await self._change_thread(id, change), id)

    async def patch_thread(
        self, *, id: str, title: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Thread:
        """Another name of ``update_thread``."""
        return await self.update_thread(id=id, title=title, metadata=metadata)

    @operation("UPDATE_THREAD_METADATA")
    async def update_thread_metadata(
        self, *, id: str, update: MetadataUpdate, resource_id: str | None = None
    ) -> Thread | None:
        """Merge what ``update(thread)`` returns into the metadata while the thread is locked (M6).

        ``update`` is a plain quick function, called once on the caller's loop; ``None`` from it writes nothing, an
        exception propagates and nothing is written. Returns ``None`` when the thread is missing or foreign.
        """
        check_id(id, "id")
        check_callable(update, "update")
        foreign = False

        def change(thread: Thread) -> ThreadChange | None:
            nonlocal foreign
            if rules.owned(thread, resource_id) is None:
                foreign = True
                return None
            returned = check_metadata(update(rules.detached(thread)), "what update returned")
            if returned is None:
                return None
            given = freeze(dict(returned), "metadata").value
            return ThreadChange(None, rules.merge(thread.metadata, given), now())

        thread = await self._change_thread(id, change)
        return None if foreign else thread

    @operation("UPDATE_THREAD_RESOURCE_ID")
    async def update_thread_resource_id(self, *, thread_id: str, resource_id: str) -> Thread:
        """Give the thread and all its messages to another resource, in one transaction (M7).

        Raises ``NotFoundError`` when there is no such thread. Checks no ownership.
        """
        check_id(thread_id, "thread_id")
        check_owner(resource_id, "resource_id")
        return _found(await self._move_thread(thread_id, resource_id), thread_id)

    @operation("DELETE_THREAD")
    async def delete_thread(self, *, thread_id: str) -> None:
        """Delete the thread and its messages, stray ones of a missing thread included (M8)."""
        check_id(thread_id, "thread_id")
        await self._remove_thread(thread_id)

    @operation("LIST_THREADS")
    async def list_threads(
        self,
        *,
        resource_id: str | None = None,
        metadata: Mapping[str, Scalar] | None = None,
        page: int = 0,
        per_page: int | None = 100,
        order_by: str = "-created_at",
    ) -> ThreadPage:
        """A page of threads, of one resource or of all, filtered by equal metadata values (M10 to M13)."""
        offset = check_page(page, per_page)
        order = check_order(order_by, ("created_at", "updated_at"))
        check_owner_filter(resource_id, "resource_id")
        wanted = check_metadata_filter(metadata)
        threads, total = await self._select_threads(ThreadQuery(resource_id, wanted, order, offset, per_page))
        has_more = more_follow(offset, per_page, total)
        return ThreadPage(threads=threads, total=total, page=page, per_page=per_page, has_more=has_more)

    @operation("CLONE_THREAD")
    async def copy_thread(
        self,
        *,
        source_thread_id: str,
        new_thread_id: str | None = None,
        resource_id: str | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_limit: int | None = None,
        date_range: DateRange | Mapping[str, Any] | None = None,
        message_ids: Sequence[str] | None = None,
    ) -> ThreadCopy:
        """Copy a thread and (some of) its messages under new ids, inside the database (M39 to M45).

        Raises ``NotFoundError`` for a missing source, ``ConflictError`` when ``new_thread_id`` is taken.
        """
        check_id(source_thread_id, "source_thread_id")
        selection = CopySelection(
            source_thread_id,
            new_id() if new_thread_id is None else check_id(new_thread_id, "new_thread_id"),
            check_date_range(date_range),
            (check_ids(message_ids, "message_ids") or None) if message_ids is not None else None,
            None if message_limit is None else check_count(message_limit, "message_limit", least=1),
        )
        make = rules.copy_maker(selection.new_thread_id, resource_id, title, metadata)
        copied = await self._copy_thread(selection, make)
        if copied is None:
            raise NotFoundError(f"thread {source_thread_id!r} not found", details={"thread_id": source_thread_id})
        return copied

    @operation("CLONE_THREAD")
    async def clone_thread(
        self,
        *,
        source_thread_id: str,
        new_thread_id: str | None = None,
        resource_id: str | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_limit: int | None = None,
        date_range: DateRange | Mapping[str, Any] | None = None,
        message_ids: Sequence[str] | None = None,
    ) -> ThreadClone:
        """``copy_thread``, and the copied messages with it, oldest first (M45)."""
        copied = await self.copy_thread(
            source_thread_id=source_thread_id,
            new_thread_id=new_thread_id,
            resource_id=resource_id,
            title=title,
            metadata=metadata,
            message_limit=message_limit,
            date_range=date_range,
            message_ids=message_ids,
        )
        messages = await self._find_messages(list(copied.message_id_map.values()))
        return ThreadClone(thread=copied.thread, message_id_map=copied.message_id_map, cloned_messages=messages)

    # -- messages ----------------------------------------------------------------------------------------------------

    @operation("SAVE_MESSAGES")
    async def save_messages(self, *, messages: Sequence[Message]) -> list[Message]:
        """Insert or replace messages by id and bump their threads, all or nothing (M14 to M21).

        A stored message keeps its ``created_at``. Every thread must exist, else ``NotFoundError``. Returns the messages
        as stored, oldest first.
        """
        rows = rules.new_messages(check_sequence(messages, "messages"))
        if not rows:
            return []
        threads = dict.fromkeys(message.thread_id for message in messages)
        stored = await self._put_messages(rows, list(threads), now())
        for row in rows:
            row.message.created_at = stored[row.message.id]
        return sorted((row.message for row in rows), key=lambda message: message.created_at)

    @operation("LIST_MESSAGES")
    async def list_messages(
        self,
        *,
        thread_id: str | Sequence[str],
        resource_id: str | None = None,
        include: Sequence[MessageInclude | Mapping[str, Any]] | None = None,
        date_range: DateRange | Mapping[str, Any] | None = None,
        metadata: Mapping[str, Scalar] | None = None,
        page: int = 0,
        per_page: int | None = 40,
        order_by: str = "created_at",
        include_total: bool = True,
    ) -> MessagePage:
        """A page of the messages of one or several threads, plus the included ones (M22 to M31, M32b, M32c)."""
        offset = check_page(page, per_page)
        threads = rules.check_threads(thread_id)
        windows = rules.check_include(include)
        query = MessageQuery(
            threads,
            check_owner_filter(resource_id, "resource_id"),
            check_date_range(date_range),
            check_metadata_filter(metadata),
            check_order(order_by, ("created_at",)).descending,
            offset,
            per_page,
            counted=include_total or bool(windows),  # has_more looks at the total when includes fill the page (M30)
        )
        return await self._list_messages(query, windows, page, include_total)

    @operation("LIST_MESSAGES_BY_RESOURCE_ID")
    async def list_messages_by_resource_id(
        self,
        *,
        resource_id: str,
        include: Sequence[MessageInclude | Mapping[str, Any]] | None = None,
        date_range: DateRange | Mapping[str, Any] | None = None,
        metadata: Mapping[str, Scalar] | None = None,
        page: int = 0,
        per_page: int | None = 40,
        order_by: str = "created_at",
        include_total: bool = True,
    ) -> MessagePage:
        """``list_messages`` over all threads of one resource (M32)."""
        offset = check_page(page, per_page)
        windows = rules.check_include(include)
        query = MessageQuery(
            None,
            check_owner(resource_id, "resource_id"),
            check_date_range(date_range),
            check_metadata_filter(metadata),
            check_order(order_by, ("created_at",)).descending,
            offset,
            per_page,
            counted=include_total,
        )
        return await self._list_messages(query, windows, page, include_total)

    @operation("LIST_MESSAGES_BY_ID")
    async def list_messages_by_id(self, *, message_ids: Sequence[str]) -> list[Message]:
        """Those of the named messages that exist, once each, oldest first (M32a)."""
        ids = check_ids(message_ids, "message_ids")
        return await self._find_messages(ids) if ids else []

    @operation("UPDATE_MESSAGES")
    async def update_messages(self, *, messages: Sequence[MessageUpdate | Mapping[str, Any]]) -> list[Message]:
        """Change stored messages in place: given fields replace, ``content`` merges (M33 to M37).

        Ids that do not exist are skipped. Returns the stored state of every existing id named, in order of first
        mention. Threads of changed messages are bumped, all in one transaction.
        """
        updates = rules.check_updates(check_sequence(messages, "messages"))
        if not updates:
            return []
        stored = await self._change_messages(list(updates), rules.message_changer(updates))
        return [stored[id] for id in updates if id in stored]

    @operation("DELETE_MESSAGES")
    async def delete_messages(self, *, message_ids: Sequence[str]) -> None:
        """Delete those of the messages that exist and bump each of their threads once (M38)."""
        ids = check_ids(message_ids, "message_ids")
        if ids:
            await self._remove_messages(ids)

    # -- resources ---------------------------------------------------------------------------------------------------

    @operation("GET_RESOURCE_BY_ID")
    async def get_resource_by_id(self, *, resource_id: str) -> Resource | None:
        """The resource, or ``None`` (M46)."""
        return await self._find_resource(check_id(resource_id, "resource_id"))

    @operation("SAVE_RESOURCE")
    async def save_resource(self, *, resource: Resource) -> Resource:
        """Insert a resource or replace the whole stored row; times are taken as given (M47)."""
        row = rules.new_resource(resource)
        await self._put_resource(row)
        return row.resource

    @operation("UPDATE_RESOURCE")
    async def update_resource(
        self, *, resource_id: str, working_memory: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Resource:
        """Replace working memory if given, merge metadata one level deep; create a missing resource (M48 to M51)."""
        check_id(resource_id, "resource_id")
        if working_memory is not None:
            check_str(working_memory, "working_memory")
        given = freeze(dict(check_metadata(metadata, "metadata") or {}), "metadata")
        moment = now()
        fresh = Resource(
            id=resource_id, working_memory=working_memory, metadata=given.value, created_at=moment, updated_at=moment
        )

        def change(resource: Resource) -> ResourceChange:
            merged = None if metadata is None else rules.merge(resource.metadata, given.value)
            return ResourceChange(working_memory, merged, now())

        return await self._change_resource(NewResource(fresh, given), change)

    # -- shared by the two message lists -----------------------------------------------------------------------------

    async def _list_messages(
        self, query: MessageQuery, windows: list[Window], page: int, include_total: bool
    ) -> MessagePage:
        """Page, then includes, then what both say about ``total`` and ``has_more`` (M22, M29 to M31)."""
        per_page = query.limit
        messages, total = await self._read_page(query) if per_page != 0 else ([], 0)
        has_more = more_follow(query.offset, per_page, total)
        shown = total if include_total or per_page == 0 else max(total, query.offset + len(messages))
        if query.metadata and per_page is not None:
            has_more = query.offset + len(messages) < total
        if windows:
            included = await self._find_windows(windows, query.resource_id)
            messages = rules.united(messages, included, query.descending)
        if per_page == 0:
            has_more = False
        elif has_more and windows and not query.metadata and query.thread_ids is not None:
            has_more = sum(message.thread_id in query.thread_ids for message in messages) < total
        return MessagePage(messages=messages, total=shown, page=page, per_page=per_page, has_more=has_more)

    async def _read_page(self, query: MessageQuery) -> tuple[list[Message], int]:
        """One page and its total; without counting, one row more than asked for tells whether more follow (M31)."""
        if query.counted or query.limit is None:
            return await self._select_messages(query)
        messages, _ = await self._select_messages(query._replace(limit=query.limit + 1))
        return messages[: query.limit], query.offset + len(messages)

    # -- hooks of a backend ------------------------------------------------------------------------------------------

    @hook
    @abstractmethod
    async def _find_thread(self, thread_id: str) -> Thread | None:
        """One thread by id."""

    @hook
    @abstractmethod
    async def _put_thread(self, row: NewThread) -> None:
        """Insert, or replace all columns of the row with that id."""

    @hook
    @abstractmethod
    async def _change_thread(self, thread_id: str, change: ThreadChanger) -> Thread | None:
        """Read the thread under a lock, call ``change`` once on the caller's loop, write what it says.

        Returns the stored thread; as read when ``change`` returns ``None``; ``None`` when there is no such thread.
        """

    @hook
    @abstractmethod
    async def _move_thread(self, thread_id: str, resource_id: str) -> Thread | None:
        """M7, in one transaction; ``None`` when there is no such thread."""

    @hook
    @abstractmethod
    async def _remove_thread(self, thread_id: str) -> None:
        """Delete the messages of the thread, then the thread, in one transaction."""

    @hook
    @abstractmethod
    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        """A page of threads and the total, ordered by the field, then by id in the same direction."""

    @hook
    @abstractmethod
    async def _copy_thread(self, selection: CopySelection, make: ThreadMaker) -> ThreadCopy | None:
        """Copy in one transaction; ``None`` for a missing source, ``ConflictError`` for a taken id."""

    @hook
    @abstractmethod
    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        """Upsert by id keeping ``created_at``, then bump ``threads``; returns the stored ``created_at`` by id.

        ``threads`` are all that the call named, also those of messages that a later one of the same id replaced. Raises
        ``NotFoundError`` (``missing_threads``) and writes nothing when one of them is missing.
        """

    @hook
    @abstractmethod
    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        """A page of messages and the total."""

    @hook
    @abstractmethod
    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        """Included messages and their neighbours, in any order, possibly repeated (M27, M28)."""

    @hook
    @abstractmethod
    async def _find_messages(self, ids: list[str]) -> list[Message]:
        """Messages by id, ordered by ``(created_at, id)``."""

    @hook
    @abstractmethod
    async def _change_messages(self, ids: list[str], change: MessageChanger) -> dict[str, Message]:
        """Read the existing messages under a lock, write what ``change`` says; returns all of them by id, as stored."""

    @hook
    @abstractmethod
    async def _remove_messages(self, ids: list[str]) -> None:
        """Delete messages and bump their threads, in one transaction."""

    @hook
    @abstractmethod
    async def _find_resource(self, resource_id: str) -> Resource | None:
        """One resource by id."""

    @hook
    @abstractmethod
    async def _put_resource(self, row: NewResource) -> None:
        """Insert, or replace all columns of the row with that id."""

    @hook
    @abstractmethod
    async def _change_resource(self, fresh: NewResource, change: ResourceChanger) -> Resource:
        """Insert ``fresh`` when there is no resource with its id; otherwise change the stored one under a lock."""


def _found(thread: Thread | None, thread_id: str) -> Thread:
    if thread is None:
        raise NotFoundError(f"thread {thread_id!r} not found", details={"thread_id": thread_id})
    return thread
