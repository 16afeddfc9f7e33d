"""The parts of the memory rules that are plain functions: checking input, merging, selecting, paging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ..errors import NotFoundError, ValidationError
from ..instants import iso, now
from ..payload import Payload, decode, encode, freeze, joined
from ..records import Message, MessageInclude, MessageUpdate, Resource, Thread
from .checks import (
    as_struct,
    check_count,
    check_id,
    check_instant,
    check_metadata,
    check_owner,
    check_sequence,
    check_str,
    invalid,
)
from .memory_plans import MessageChanges, MessageRow, NewResource, NewThread, ThreadMaker, Window

DEFAULT_TYPE = "v2"


def owned(thread: Thread | None, resource_id: str | None) -> Thread | None:
    """The thread, unless a resource is named that does not own it (M1)."""
    return thread if thread is not None and resource_id in (None, thread.resource_id) else None


def detached(thread: Thread) -> Thread:
    """A copy that shares nothing with the thread (G11)."""
    metadata = None if thread.metadata is None else decode(encode(thread.metadata))
    return replace(thread, metadata=metadata)


def merge(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> Payload:
    """Metadata merged one level deep; stored ``None`` counts as ``{}`` (M4)."""
    merged = {**(stored or {}), **given}
    return joined(merged, "metadata")


def united(page: list[Message], included: Iterable[Message], descending: bool) -> list[Message]:
    """Page and included messages, each id once, ordered by ``(created_at, id)`` (M24, M29)."""
    by_id = {message.id: message for message in (*page, *included)}
    return sorted(by_id.values(), key=lambda message: (message.created_at, message.id), reverse=descending)


def new_thread(thread: Any) -> NewThread:
    """A checked, detached copy of the thread to save (M2, M3)."""
    if not isinstance(thread, Thread):
        raise invalid("thread must be a Thread", "thread")
    metadata = _freeze_metadata(thread.metadata)
    copy = Thread(
        id=check_id(thread.id, "id"),
        resource_id=check_owner(thread.resource_id, "resource_id"),
        title=check_str(thread.title, "title"),
        metadata=metadata.value if metadata else None,
        created_at=check_instant(thread.created_at, "created_at"),
        updated_at=check_instant(thread.updated_at, "updated_at"),
    )
    return NewThread(copy, metadata)


def new_resource(resource: Any) -> NewResource:
    """A checked, detached copy of the resource to save (M47)."""
    if not isinstance(resource, Resource):
        raise invalid("resource must be a Resource", "resource")
    metadata = _freeze_metadata(resource.metadata)
    if resource.working_memory is not None:
        check_str(resource.working_memory, "working_memory")
    copy = Resource(
        id=check_id(resource.id, "id"),
        working_memory=resource.working_memory,
        metadata=metadata.value if metadata else None,
        created_at=check_instant(resource.created_at, "created_at"),
        updated_at=check_instant(resource.updated_at, "updated_at"),
    )
    return NewResource(copy, metadata)


def new_messages(messages: Sequence[Any]) -> list[MessageRow]:
    """Checked, detached copies of the messages to save, one per id: the last wins, the first dates it (M15, M18)."""
    rows: dict[str, MessageRow] = {}
    for message in messages:
        row = _new_message(message)
        first = rows.get(row.message.id)
        if first is not None:
            row.message.created_at = first.message.created_at
        rows[row.message.id] = row
    return list(rows.values())


def check_threads(thread_id: Any) -> tuple[str, ...]:
    """One or several thread ids, none blank (M23)."""
    ids = (thread_id,) if isinstance(thread_id, str) else thread_id
    if isinstance(ids, (bytes, Mapping)) or not isinstance(ids, Iterable):
        raise _bad_thread_id()
    threads = tuple(dict.fromkeys(_thread_id(id) for id in ids))
    if not threads:
        raise _bad_thread_id()
    return threads


def check_include(include: Any) -> list[Window]:
    """The included messages as windows (M27)."""
    if include is None:
        return []
    entries = (as_struct(entry, MessageInclude, "include") for entry in check_sequence(include, "include"))
    return [
        Window(
            check_id(entry.id, "include.id"),
            check_count(entry.with_previous_messages, "with_previous_messages", least=0),
            check_count(entry.with_next_messages, "with_next_messages", least=0),
        )
        for entry in entries
    ]


def check_updates(updates: Sequence[Any]) -> dict[str, MessageUpdate]:
    """Checked updates by id; of several for one id the first counts (M34, M37)."""
    checked: dict[str, MessageUpdate] = {}
    for given in updates:
        update = _check_update(as_struct(given, MessageUpdate, "messages"))
        checked.setdefault(update.id, update)
    return checked


def message_changer(updates: Mapping[str, MessageUpdate]) -> Callable[[list[Message]], MessageChanges]:
    """What a backend calls with the stored messages to learn what to write and which threads to bump (M33 to M36)."""

    def change(stored: list[Message]) -> MessageChanges:
        rows: list[MessageRow] = []
        bumped: set[str] = set()
        for message in stored:
            row = _changed(message, updates[message.id])
            if row is not None:
                rows.append(row)
                bumped.update((message.thread_id, row.message.thread_id))
        return MessageChanges(rows, bumped, now())

    return change


def copy_maker(
    new_thread_id: str, resource_id: str | None, title: str | None, metadata: Mapping[str, Any] | None
) -> ThreadMaker:
    """What a backend calls with the source to learn the new thread (M41, M42)."""
    if resource_id is not None:
        check_owner(resource_id, "resource_id")
    if title is not None:
        check_str(title, "title")
    given = freeze(dict(check_metadata(metadata, "metadata") or {}), "metadata").value
    moment = now()

    def make(source: Thread, last_message_id: str | None) -> NewThread:
        clone = {"sourceThreadId": source.id, "clonedAt": iso(moment)}
        if last_message_id is not None:
            clone["lastMessageId"] = last_message_id
        value = {**given, "clone": clone}
        thread = Thread(
            id=new_thread_id,
            resource_id=resource_id or source.resource_id,
            title=title or (f"Clone of {source.title}" if source.title else ""),
            metadata=value,
            created_at=moment,
        )
        return NewThread(thread, joined(value, "metadata"))

    return make


def missing_threads(ids: Iterable[str]) -> NotFoundError:
    """The error of saving messages to threads that are not stored (M16)."""
    missing = sorted(ids)
    names = ", ".join(repr(id) for id in missing[:5])
    return NotFoundError(f"thread not found: {names}; save the thread first", details={"thread_ids": missing})


def _freeze_metadata(metadata: Any) -> Payload | None:
    return None if check_metadata(metadata, "metadata") is None else freeze(metadata, "metadata")


def _new_message(message: Any) -> MessageRow:
    if not isinstance(message, Message):
        raise invalid("messages must hold Message records", "messages")
    if type(message.content) is not dict and not isinstance(message.content, Mapping):
        raise invalid("content must be a mapping (Mastra's V2 content)", "content")
    content = freeze(message.content, "content")
    copy = Message(
        id=check_id(message.id, "id"),
        thread_id=check_owner(message.thread_id, "thread_id"),
        resource_id=check_owner(message.resource_id, "resource_id"),
        role=check_owner(message.role, "role"),
        type=_read_type(message.type),
        content=content.value,
        created_at=check_instant(message.created_at, "created_at"),
    )
    return MessageRow(copy, content.text)


def _read_type(value: Any) -> str | None:
    """``v2`` and ``None`` are the same type; the record says ``None``."""
    return None if value is None or value == DEFAULT_TYPE else check_str(value, "type")


def _check_update(update: MessageUpdate) -> MessageUpdate:
    content = update.content
    if content is not UNSET:
        if not isinstance(content, Mapping):
            raise invalid("content must be a mapping with the keys to change", "content")
        content = freeze(dict(content), "content").value
    return MessageUpdate(
        id=check_id(update.id, "id"),
        role=_unless_unset(update.role, "role"),
        type=update.type if update.type is UNSET else _read_type(update.type),
        thread_id=_unless_unset(update.thread_id, "thread_id"),
        resource_id=_unless_unset(update.resource_id, "resource_id"),
        content=content,
    )


def _unless_unset(value: Any, field: str) -> Any:
    return value if value is UNSET else check_owner(value, field)


def _changed(message: Message, update: MessageUpdate) -> MessageRow | None:
    """The message with its update applied, or ``None`` when the update names nothing but the id (M33, M35)."""
    fields = ("role", "type", "thread_id", "resource_id", "content")
    given = {name: value for name in fields if (value := getattr(update, name)) is not UNSET}
    if not given:
        return None
    content = given.pop("content", None)
    if content is not None:
        given["content"] = _merged_content(message.content, content)
    changed = Message(
        id=message.id,
        thread_id=given.get("thread_id", message.thread_id),
        resource_id=given.get("resource_id", message.resource_id),
        role=given.get("role", message.role),
        type=given.get("type", message.type),
        content=given.get("content", message.content),
        created_at=message.created_at,
    )
    return MessageRow(changed, joined(changed.content, "content").text if content is not None else None)


def _merged_content(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**stored, **given}
    if isinstance(stored.get("metadata"), Mapping) and isinstance(given.get("metadata"), Mapping):
        merged["metadata"] = {**stored["metadata"], **given["metadata"]}
    return merged


def _thread_id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _bad_thread_id()
    return value


def _bad_thread_id() -> ValidationError:
    text = "thread_id must be a non-empty string or a sequence of non-empty strings"
    return ValidationError(text, reason="INVALID_THREAD_ID", details={"field": "thread_id"})
