"""What a backend cannot hold (G9): it comes back unchanged or is refused by name, never dropped or replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from ..domains import DomainStorage, MemoryStorage, WorkflowsStorage
from ..errors import ValidationError
from ..records import MessageUpdate, Thread
from .carriers import CARRYING, Carrier, Column, ways_of
from .expect import CheckFailedError, ensure, equal
from .memory_carriers import message_text
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
from .workflow_scenes import persisted, snapshot_of, state_of, with_results

T = TypeVar("T")
STACK = 150
"""Frames of a caller: web frameworks and agents put as many between themselves and the store."""


async def held_or_refused(storage: DomainStorage, text: str, column: Column, field: str) -> None:
    """The text is read back as it was, or refused by a ``ValidationError`` that names the field (one of ``a|b``)."""
    try:
        found = await column(storage, Names(), text)
    except ValidationError as error:
        ensure(any(name in str(error) for name in field.split("|")), f"{error} should name {field}")
    else:
        equal(found, [text] * len(found), field)


@check("G8", "G9", "M3", "M50", "S5", domain=CARRYING)
async def check_text_survives_in_columns(storage: DomainStorage) -> None:
    """Ordinary text of any script and length comes back as it was from every column."""
    for field, column in ways_of(storage).columns.items():
        for label, text in TEXTS.items():
            found = await column(storage, Names(), text)
            equal(found, [text] * len(found), f"{field}, {label}")


@check("G9", domain=CARRYING)
async def check_hard_text_is_held_or_refused(storage: DomainStorage) -> None:
    """U+0000 and unpaired surrogates come back as they were or are refused by field name, in every column."""
    for field, column in ways_of(storage).columns.items():
        for text in HARD_TEXT.values():
            await held_or_refused(storage, text, column, field.split()[-1])


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


@check("G9", domain=("workflows", "scores"))
async def check_big_integers_are_held_or_refused_everywhere(storage: DomainStorage) -> None:
    """Integers beyond 64 bits keep every digit or are refused, whatever way they are written."""
    for number in BIG_INTEGERS:
        for label, carrier in ways_of(storage).carriers.items():
            try:
                found = await carrier(storage, {"v": number})
            except ValidationError:
                continue
            equal(found, [{"v": number}] * len(found), label)


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


@check("G8", "G9", domain=("workflows", "scores"))
async def check_deep_payloads_are_held_or_refused_everywhere(storage: DomainStorage) -> None:
    """However deep a payload is nested, every way of writing it either carries it unchanged or refuses it."""
    for depth in (100, 200, 250, 252, 253, 254, 255, 256, 257, 300, 450, 900, 1200, 5000):
        for carrier in ways_of(storage).carriers.values():
            await _carried_to(depth, storage, carrier)


@check("G8", "G9", "W6", domain="workflows")
async def check_deep_snapshots_are_read_anywhere(workflows: WorkflowsStorage) -> None:
    """What was accepted can be read and updated, also by a caller that is itself deep in its call stack."""
    for depth in (100, 200, 250, 254):
        run = await persisted(workflows, snapshot=state_of(value=_lists(depth)))
        await _called_deeply(STACK, partial(with_results, workflows, run, "s", {"output": _lists(depth)}))
        found = await _called_deeply(STACK, partial(snapshot_of, workflows, run))
        equal([_depth(found["value"]), _depth(found["context"]["s"]["output"])], [depth, depth])


async def _carried_to(depth: int, storage: DomainStorage, carrier: Carrier) -> None:
    try:
        found = await carrier(storage, {"v": _lists(depth)})
    except ValidationError:
        ensure(depth > 200, f"a depth of {depth} should be carried")
    except RecursionError:
        raise CheckFailedError(f"a payload {depth} deep gives RecursionError instead of ValidationError") from None
    else:
        equal([_depth(one["v"]) for one in found], [depth] * len(found), "depth")


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
