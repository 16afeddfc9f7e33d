"""What a backend cannot hold (G9): it comes back unchanged or is refused by name, never dropped or replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..records import MessageUpdate, Thread
from .expect import CheckFailedError, ensure, equal
from .payloads import BIG_INTEGERS, HARD_TEXT, TEXTS
from .registry import check
from .scenes import (
    Names,
    a_message,
    a_thread,
    message_of,
    messages_in,
    resource_of,
    said,
    saved_message,
    saved_resource,
    saved_thread,
    thread_of,
)

T = TypeVar("T")
STACK = 150
"""Frames of a caller: web frameworks and agents put as many between themselves and the store."""
Column: TypeAlias = Callable[[MemoryStorage, Names, str], Awaitable[list[Any]]]
"""Writes text into one column and returns what is read back."""


async def title(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """The title of a saved thread."""
    thread = await saved_thread(memory, names("saved"), title=text)
    return [thread.title, (await thread_of(memory, thread.id)).title]


async def updated_title(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """The title of an updated thread."""
    thread = await saved_thread(memory, names("updated"))
    updated = await memory.update_thread(id=thread.id, title=text)
    return [updated.title, (await thread_of(memory, thread.id)).title]


async def thread_owner(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """The owner of a thread."""
    owner = names(text)
    await saved_thread(memory, names("owned"), owner)
    page = await memory.list_threads(resource_id=owner)
    ensure(names.short(page.threads) == ["owned"], f"the thread of {owner!r} should be listed")
    return names.short([page.threads[0].resource_id, (await thread_of(memory, names("owned"))).resource_id])


async def message_role(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """The role of a message."""
    thread = await saved_thread(memory, names("roles"))
    saved = await saved_message(memory, thread, names("with role"), role=f"role {text}")
    return [message.role[5:] for message in (saved, await message_of(memory, saved.id))]


async def message_type(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """The type of a message."""
    thread = await saved_thread(memory, names("types"))
    saved = await saved_message(memory, thread, names("with type"), type=f"type {text}")
    return [(message.type or "")[5:] for message in (saved, await message_of(memory, saved.id))]


async def message_text(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """Message content, which is JSON text in every shared database."""
    thread = await saved_thread(memory, names("texts"))
    saved = await saved_message(memory, thread, names("with text"), content=said(text, **{"key" + text: text}))
    await memory.update_messages(messages=[MessageUpdate(id=saved.id, content={"more": [text]})])
    read = (await message_of(memory, saved.id)).content
    return [saved.content["content"], read["content"], read.get("key" + text), read["more"][0]]


async def working_memory(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """Working memory, saved and updated."""
    saved = await saved_resource(memory, names("saved"), working_memory=text)
    updated = await memory.update_resource(resource_id=names("updated"), working_memory=text)
    return [(await resource_of(memory, resource.id)).working_memory for resource in (saved, updated)]


async def metadata(memory: MemoryStorage, names: Names, text: str) -> list[Any]:
    """Values and keys of metadata."""
    saved = await saved_thread(memory, names("with metadata"), metadata={"text": text})
    await memory.update_thread(id=saved.id, metadata={"more": [text], "key" + text: text})
    read = (await thread_of(memory, saved.id)).metadata or {}
    return [read.get("text"), read["more"][0], read.get("key" + text)]


COLUMNS: dict[str, Column] = {
    "title": title,
    "update_thread title": updated_title,
    "resource_id": thread_owner,
    "role": message_role,
    "type": message_type,
    "content": message_text,
    "working_memory": working_memory,
    "metadata": metadata,
}


async def held_or_refused(memory: MemoryStorage, text: str, column: Column, field: str) -> None:
    """The text is read back as it was, or refused by a ``ValidationError`` that names the field."""
    try:
        found = await column(memory, Names(), text)
    except ValidationError as error:
        ensure(field in str(error), f"{error} should name {field}")
    else:
        equal(found, [text] * len(found), field)


@check("G8", "G9", "M3", "M50")
async def check_text_survives_in_columns(memory: MemoryStorage) -> None:
    """Ordinary text of any script and length comes back as it was from every column."""
    for field, column in COLUMNS.items():
        for label, text in TEXTS.items():
            found = await column(memory, Names(), text)
            equal(found, [text] * len(found), f"{field}, {label}")


@check("G9")
async def check_hard_text_is_held_or_refused(memory: MemoryStorage) -> None:
    """U+0000 and unpaired surrogates come back as they were or are refused by field name, in every column."""
    for field, column in COLUMNS.items():
        for text in HARD_TEXT.values():
            await held_or_refused(memory, text, column, field.split()[-1])


@check("G9", "M32b")
async def check_hard_text_is_held_in_content(memory: MemoryStorage) -> None:
    """Message content is JSON text, where U+0000 and unpaired surrogates are escapes: all come back."""
    for label, text in HARD_TEXT.items():
        if label != "split pair":  # two escapes that JSON joins into one character: may be refused
            found = await message_text(memory, Names(), text)
            equal(found, [text] * len(found), label)


@check("G9", "G12")
async def check_hard_ids_are_held_or_refused(memory: MemoryStorage) -> None:
    """Ids with U+0000 or unpaired surrogates either work or are refused by field name; reading them never breaks."""
    for text in HARD_TEXT.values():
        names = Names()
        id = names(text)
        try:
            await saved_thread(memory, id, names("owner"))
        except ValidationError as error:
            ensure("id" in str(error), f"{error} should name id")
        else:
            equal((await thread_of(memory, id)).id, id)
        await _none_or_refused(memory.get_thread_by_id(thread_id=names("x" + text)), "thread_id")
        await _none_or_refused(memory.get_resource_by_id(resource_id=names("x" + text)), "resource_id")


@check("G9", "M11")
async def check_hard_text_in_filters(memory: MemoryStorage) -> None:
    """Filtering by text that the backend cannot hold finds nothing or is refused; it never breaks or finds others."""
    names = Names()
    await saved_thread(memory, names("t"), names("owner"), metadata={"k": "ab"})
    for text in HARD_TEXT.values():
        try:
            page = await memory.list_threads(resource_id=names("owner"), metadata={"k": text})
        except ValidationError:
            continue
        equal((page.threads, page.total), ([], 0), repr(text))


@check("G9", "G10")
async def check_refused_text_leaves_nothing(memory: MemoryStorage) -> None:
    """When the last message of a batch holds text that is refused, the messages before it are not saved either."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    batch = [a_message(thread, names(str(number))) for number in range(5)]
    for label, text in HARD_TEXT.items():
        batch[-1] = a_message(thread, names("last"), role=f"role {text}")
        try:
            await memory.save_messages(messages=batch)
        except ValidationError:
            equal(await messages_in(memory, thread.id), [], label)
        await memory.delete_messages(message_ids=[message.id for message in batch])


@check("G9")
async def check_big_integers_are_held_or_refused(memory: MemoryStorage) -> None:
    """Integers beyond 64 bits keep every digit or are refused by field name."""
    for number in BIG_INTEGERS:
        id = Names()("t")
        try:
            await saved_thread(memory, id, metadata={"v": number})
        except ValidationError as error:
            ensure("metadata" in str(error), f"{error} should name metadata")
        else:
            equal((await thread_of(memory, id)).metadata, {"v": number})


@check("G8", "G9", "M4", "M6", "M33", "M49")
async def check_deep_payloads_are_held_or_refused(memory: MemoryStorage) -> None:
    """However deep a payload is nested, every method either carries it unchanged or refuses it."""
    for depth in (100, 253, 254, 255, 256, 257, 300, 450, 600, 900, 1200, 5000):
        names = Names()
        await _held_to(depth, names("t"), lambda id, value: _deep_thread(memory, id, value))
        await _held_to(depth, names("m"), lambda id, value: _deep_message(memory, id, value))
        await _held_to(depth, names("r"), lambda id, value: _deep_resource(memory, id, value))


@check("G8", "G9")
async def check_deep_payloads_are_read_anywhere(memory: MemoryStorage) -> None:
    """What was accepted can be read again, also by a caller that is itself deep in its call stack."""
    for depth in (100, 450, 650, 750, 850, 900, 950):
        names = Names()
        thread = a_thread(names("t"), metadata={"v": _lists(depth)})
        try:
            await memory.save_thread(thread=thread)
            await saved_message(memory, thread, names("m"), content=said("", v=_lists(depth)))
        except ValidationError:
            continue
        found = await _called_deeply(STACK, partial(thread_of, memory, thread.id))
        equal(_depth((found.metadata or {})["v"]), depth, "metadata")
        message = await _called_deeply(STACK, partial(message_of, memory, names("m")))
        equal(_depth(message.content["v"]), depth, "content")


async def _called_deeply(frames: int, call: Callable[[], Awaitable[T]]) -> T:
    if frames:
        return await _called_deeply(frames - 1, call)
    try:
        return await call()
    except RecursionError:
        raise CheckFailedError("a payload that was accepted gives RecursionError when it is read") from None


async def _deep_thread(memory: MemoryStorage, id: str, value: Any) -> Any:
    thread = await memory.save_thread(thread=Thread(id=id, resource_id="deep", metadata={"v": value}))
    await memory.update_thread(id=id, title="deep", metadata={"w": 1})
    await memory.update_thread_metadata(id=id, update=lambda _: {"w": 2})
    clone = await memory.clone_thread(source_thread_id=id, metadata={"v": value})
    equal(_depth((clone.thread.metadata or {})["v"]), _depth((thread.metadata or {})["v"]), "copy")
    return ((await thread_of(memory, id)).metadata or {})["v"]


async def _deep_message(memory: MemoryStorage, id: str, value: Any) -> Any:
    thread = await saved_thread(memory, f"thread-of-{id}")
    await saved_message(memory, thread, id, content=said("", v=value))
    await memory.update_messages(messages=[MessageUpdate(id=id, content={"w": value})])
    return (await message_of(memory, id)).content["w"]


async def _deep_resource(memory: MemoryStorage, id: str, value: Any) -> Any:
    await saved_resource(memory, id, metadata={"v": value})
    await memory.update_resource(resource_id=id, metadata={"w": value})
    return ((await resource_of(memory, id)).metadata or {})["w"]


async def _held_to(depth: int, id: str, carry: Callable[[str, Any], Awaitable[Any]]) -> None:
    try:
        found = await carry(id, _lists(depth))
    except ValidationError:
        ensure(depth > 100, "a depth of 100 should be carried")
    except RecursionError:
        raise CheckFailedError(f"a payload {depth} deep gives RecursionError instead of ValidationError") from None
    else:
        equal(_depth(found), depth, "depth")


def _lists(depth: int) -> Any:
    # At the bottom lies a number that some column types need to be written with care (G8).
    value: Any = 1e23
    for _ in range(depth):
        value = [value]
    return value


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        (value,) = value
        depth += 1
    return depth


async def _none_or_refused(call: Awaitable[Any], field: str) -> None:
    try:
        found = await call
    except ValidationError as error:
        ensure(field in str(error), f"{error} should name {field}")
    else:
        equal(found, None, field)
