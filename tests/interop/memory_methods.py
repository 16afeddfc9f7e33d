"""Mastra's methods of the memory domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mastra_store import Message, MessageUpdate, Resource, Thread, from_mastra

from .methods import Method, record, records, snake, snake_keys, under


def _include(key: str, value: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: [snake_keys(entry) for entry in value]}


def _message_filter(value: Mapping[str, Any]) -> dict[str, Any]:
    span = {name: value[f"{name}Date"] for name in ("start", "end") if f"{name}Date" in value}
    rest = {snake(name): value[name] for name in ("messageIds",) if name in value}
    return {**rest, **({"date_range": span} if span else {})}


def _clone_options(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: item for name, item in value.items() if name != "messageFilter"}
    return {**snake_keys(rest), **_message_filter(value.get("messageFilter", {}))}


def _thread(value: Mapping[str, Any]) -> Thread:
    # A title is required of the callers of Mastra's API, so one that is missing is not to become "" on the way.
    return Thread(**{"title": None, **snake_keys(value)})


MEMORY = {
    "getThreadById": Method("get_thread_by_id"),
    "saveThread": Method("save_thread", {"thread": record(_thread)}),
    "updateThread": Method("update_thread"),
    "updateThreadResourceId": Method("update_thread_resource_id"),
    "deleteThread": Method("delete_thread", void=True),
    "listThreads": Method("list_threads"),
    "cloneThread": Method("clone_thread", {"options": _clone_options}),
    "saveMessages": Method(
        "save_messages",
        {"messages": records(lambda value: from_mastra(Message, value))},
        shape=under("messages"),
    ),
    "listMessages": Method("list_messages", {"include": _include}),
    "listMessagesByResourceId": Method("list_messages_by_resource_id", {"include": _include}),
    "listMessagesById": Method("list_messages_by_id", shape=under("messages")),
    "updateMessages": Method("update_messages", {"messages": records(lambda value: from_mastra(MessageUpdate, value))}),
    "deleteMessages": Method("delete_messages", positional=("message_ids",), void=True),
    "getResourceById": Method("get_resource_by_id"),
    "saveResource": Method("save_resource", {"resource": record(lambda value: from_mastra(Resource, value))}),
    "updateResource": Method("update_resource"),
    "dangerouslyClearAll": Method("dangerously_clear_all", void=True),
}
