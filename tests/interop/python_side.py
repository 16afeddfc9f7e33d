"""Runs calls that are written as for Mastra's packages on our stores. Each domain is one table of methods."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mastra_store import Message, MessageUpdate, Resource, Store, StoreError, Thread, from_mastra

from .values import UNDEFINED, decode, encode

Call = Mapping[str, Any]
Answer = dict[str, Any]
Converter = Callable[[str, Any], dict[str, Any]]


def call(domain: str, method: str, *args: Any) -> Call:
    """One call, as both sides take it."""
    return {"domain": domain, "method": method, "args": list(args)}


async def answer(store: Store, asked: Call) -> Answer:
    """What our store answers to one call, in the form of Mastra's answers."""
    method = METHODS[asked["domain"]][asked["method"]]
    storage = await store.get_store(asked["domain"])
    try:
        result = await getattr(storage, method.name)(**method.arguments(decode(asked["args"])))
    except StoreError as error:
        return {"error": {"id": error.code, "message": str(error)}}
    return {"result": method.result(result)}


async def answers(store: Store, calls: Sequence[Call]) -> list[Answer]:
    """What our store answers to several calls, one after another."""
    return [await answer(store, asked) for asked in calls]


def snake(name: str) -> str:
    """Mastra's name in Python's style."""
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def _same(key: str, value: Any) -> dict[str, Any]:
    return {snake(key): value}


def _snake_keys(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {snake(key): {snake(name): item for name, item in value.items()}}


def _include(key: str, value: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: [{snake(name): item for name, item in entry.items()} for entry in value]}


def _per_page(key: str, value: Any) -> dict[str, Any]:
    return {"per_page": None if value is False else value}


def _order(key: str, value: Mapping[str, str]) -> dict[str, Any]:
    sign = {"ASC": "", "DESC": "-"}[value["direction"]]
    return {"order_by": f"{sign}{snake(value['field'])}"}


def _message_filter(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    span = {name: value[f"{name}Date"] for name in ("start", "end") if f"{name}Date" in value}
    rest = {snake(name): value[name] for name in ("messageIds",) if name in value}
    return {**rest, **({"date_range": span} if span else {})}


def _flattened(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for inner in value for name, item in _convert(_COMMON, inner, value[inner]).items()}


def _convert(converters: Mapping[str, Converter], key: str, value: Any) -> dict[str, Any]:
    return converters.get(key, _same)(key, value)


# Options that mean the same in every domain.
_COMMON: dict[str, Converter] = {
    "dateRange": _snake_keys,
    "filter": _flattened,
    "filters": _flattened,
    "include": _include,
    "messageFilter": _message_filter,
    "options": _flattened,
    "orderBy": _order,
    "pagination": _flattened,
    "perPage": _per_page,
}


class Method(NamedTuple):
    """How a method of Mastra's is called here, and what its answer looks like there."""

    name: str
    converters: Mapping[str, Converter] = {}
    """For options of this method alone."""
    positional: tuple[str, ...] = ()
    """Our names of positional arguments, where Mastra's method takes no object of options."""
    key: str | None = None
    """The key under which Mastra's answer holds ours."""
    void: bool = False

    def arguments(self, args: Sequence[Any]) -> dict[str, Any]:
        """Keyword arguments of our method."""
        if self.positional:
            return dict(zip(self.positional, args, strict=False))
        converters = {**_COMMON, **self.converters}
        given = args[0].items() if args else ()
        return {name: item for key, value in given for name, item in _convert(converters, key, value).items()}

    def result(self, value: Any) -> Any:
        """Our result in the form of Mastra's."""
        if self.void:
            return UNDEFINED
        return {self.key: encode(value)} if self.key else encode(value)


def _record(make: Callable[[Mapping[str, Any]], Any]) -> Converter:
    return lambda key, value: {key: make(value)}


def _records(make: Callable[[Mapping[str, Any]], Any]) -> Converter:
    return lambda key, value: {key: [make(item) for item in value]}


def _thread(value: Mapping[str, Any]) -> Thread:
    # A title is required of the callers of Mastra's API, so one that is missing is not to become "" on the way.
    return Thread(**{"title": None, **{snake(key): item for key, item in value.items()}})


MEMORY = {
    "getThreadById": Method("get_thread_by_id"),
    "saveThread": Method("save_thread", {"thread": _record(_thread)}),
    "updateThread": Method("update_thread"),
    "updateThreadResourceId": Method("update_thread_resource_id"),
    "deleteThread": Method("delete_thread", void=True),
    "listThreads": Method("list_threads"),
    "cloneThread": Method("clone_thread"),
    "saveMessages": Method(
        "save_messages", {"messages": _records(lambda value: from_mastra(Message, value))}, key="messages"
    ),
    "listMessages": Method("list_messages"),
    "listMessagesByResourceId": Method("list_messages_by_resource_id"),
    "listMessagesById": Method("list_messages_by_id", key="messages"),
    "updateMessages": Method(
        "update_messages", {"messages": _records(lambda value: from_mastra(MessageUpdate, value))}
    ),
    "deleteMessages": Method("delete_messages", positional=("message_ids",), void=True),
    "getResourceById": Method("get_resource_by_id"),
    "saveResource": Method("save_resource", {"resource": _record(lambda value: from_mastra(Resource, value))}),
    "updateResource": Method("update_resource"),
    "dangerouslyClearAll": Method("dangerously_clear_all", void=True),
}

METHODS: dict[str, dict[str, Method]] = {"memory": MEMORY}
