"""Records of the memory domain: threads, messages, resources, and what lists and copies of them return."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from ..instants import now
from .base import Record, new_id
from .legacy import parse_content
from .paging import Page


def _empty_content() -> dict[str, Any]:
    return {"format": 2, "parts": []}


# updated_at follows created_at when it is not given; the attribute itself is never None once the record is built.
_FOLLOWS_CREATED_AT = cast(datetime, None)


class Thread(Record, kw_only=True):
    """A conversation (table ``mastra_threads``). Times are aware UTC datetimes, precise to the millisecond."""

    id: str = msgspec.field(default_factory=new_id)
    resource_id: str
    title: str = ""
    metadata: dict[str, Any] | None = None
    created_at: datetime = msgspec.field(default_factory=now)
    updated_at: datetime = _FOLLOWS_CREATED_AT

    def __post_init__(self) -> None:
        if self.updated_at is _FOLLOWS_CREATED_AT:
            self.updated_at = self.created_at


class Message(Record, kw_only=True):
    """One message of a thread (table ``mastra_messages``). ``content`` is Mastra's V2 content.

    ``type`` is stored as ``v2`` when ``None``, and ``v2`` reads back as ``None``. ``resource_id`` may be ``None`` in
    rows that others wrote; it is required in what is saved.
    """

    id: str = msgspec.field(default_factory=new_id)
    thread_id: str
    resource_id: str | None
    role: str = "user"
    type: str | None = None
    content: dict[str, Any] = msgspec.field(default_factory=_empty_content)
    created_at: datetime = msgspec.field(default_factory=now)

    @classmethod
    def _from_mastra(cls, data: dict[str, Any]) -> dict[str, Any]:
        data.setdefault("resourceId", None)
        if "content" in data:
            data["content"] = parse_content(data["content"])
        if data.get("type") == "v2":
            del data["type"]
        return data


class Resource(Record, kw_only=True):
    """Working memory and metadata of one resource, usually a user (table ``mastra_resources``)."""

    id: str = msgspec.field(default_factory=new_id)
    working_memory: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime = msgspec.field(default_factory=now)
    updated_at: datetime = _FOLLOWS_CREATED_AT

    def __post_init__(self) -> None:
        if self.updated_at is _FOLLOWS_CREATED_AT:
            self.updated_at = self.created_at


class MessageUpdate(Record, kw_only=True):
    """What ``update_messages`` is to change in one message; fields left ``UNSET`` stay as they are (M33)."""

    id: str
    role: str | UnsetType = UNSET
    type: str | UnsetType | None = UNSET
    thread_id: str | UnsetType = UNSET
    resource_id: str | UnsetType = UNSET
    content: dict[str, Any] | UnsetType = UNSET


class MessageInclude(Record, kw_only=True):
    """A message to return beside the page, with neighbours by position in its own thread (M27).

    ``thread_id`` is advisory: the message is found in whatever thread it lives.
    """

    id: str
    thread_id: str | None = None
    with_previous_messages: int = 0
    with_next_messages: int = 0


class ThreadPage(Page, kw_only=True):
    """A page of threads."""

    threads: list[Thread]


class MessagePage(Page, kw_only=True):
    """A page of messages, with the included ones among them."""

    messages: list[Message]


class ThreadCopy(Record, kw_only=True):
    """The new thread, and which copied message came from which (source id to new id)."""

    thread: Thread
    message_id_map: dict[str, str]


class ThreadClone(ThreadCopy, kw_only=True):
    """A ``ThreadCopy`` with the copied messages, oldest first."""

    cloned_messages: list[Message]
