"""What the memory rules hand to a backend: checked queries, rows and changes, free of any backend's notions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from ..payload import Payload
from ..records import Message, Resource, Thread
from .checks import Order, Period
from .metadata_filter import Scalar


class ThreadQuery(NamedTuple):
    """One page of threads; ``limit=None`` is everything. An empty ``metadata`` does not filter."""

    resource_id: str | None
    metadata: Mapping[str, Scalar]
    order: Order
    offset: int
    limit: int | None


class MessageQuery(NamedTuple):
    """One page of messages, ordered by ``(created_at, id)``; ``thread_ids=None`` is every thread."""

    thread_ids: tuple[str, ...] | None
    resource_id: str | None
    span: Period | None
    metadata: Mapping[str, Scalar]
    descending: bool
    offset: int
    limit: int | None
    counted: bool
    """Whether the total is wanted. When false the backend may return any number as total."""


class Window(NamedTuple):
    """An included message and how many neighbours to take on each side (M27)."""

    message_id: str
    before: int
    after: int


class MessageRow(NamedTuple):
    """A message to be written and its content as JSON text; ``content=None`` leaves the stored content alone."""

    message: Message
    content: str | None


class MessageChanges(NamedTuple):
    """Rows to write, the threads to bump, and the time to bump them with."""

    rows: list[MessageRow]
    bumped: set[str]
    now: datetime


class ThreadChange(NamedTuple):
    """The columns of a thread to write; ``None`` leaves a column alone, so that it is not even rewritten (M5)."""

    title: str | None
    metadata: Payload | None
    updated_at: datetime


class ResourceChange(NamedTuple):
    """The columns of a resource to write; ``None`` leaves a column alone."""

    working_memory: str | None
    metadata: Payload | None
    updated_at: datetime


class NewThread(NamedTuple):
    """A thread to be stored, its metadata as payload (``None`` when it has none)."""

    thread: Thread
    metadata: Payload | None


class NewResource(NamedTuple):
    """A resource to be stored, its metadata as payload (``None`` when it has none)."""

    resource: Resource
    metadata: Payload | None


class CopySelection(NamedTuple):
    """Which messages of a thread to copy: filtered, then the newest ``limit`` of them (M40)."""

    source_thread_id: str
    new_thread_id: str
    span: Period | None
    message_ids: list[str] | None
    limit: int | None


ThreadChanger: TypeAlias = Callable[[Thread], ThreadChange | None]
ResourceChanger: TypeAlias = Callable[[Resource], ResourceChange]
MessageChanger: TypeAlias = Callable[[list[Message]], MessageChanges]
ThreadMaker: TypeAlias = Callable[[Thread, str | None], NewThread]
"""Makes the new thread of a copy from the source thread and the source id of the newest copied message (M41, M42)."""

MetadataUpdate: TypeAlias = Callable[[Thread], Mapping[str, Any] | None]
