"""Concurrent calls (G16): merges lose nothing, within one store, over a second connection, and across processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

from ..domains import MemoryStorage
from ..records import Message, MessageUpdate, Thread
from .elsewhere import started
from .expect import ensure, equal
from .harness import Harness, storage_of
from .registry import check
from .scenes import (
    Names,
    a_message,
    conversation,
    message_of,
    messages_in,
    resource_of,
    said,
    saved_message,
    saved_resource,
    saved_thread,
    thread_of,
    watch,
)

CALLERS = 20


def count_up(thread: Thread) -> dict[str, Any]:
    """The next value of the counter in a thread's metadata."""
    return {"count": (thread.metadata or {}).get("count", 0) + 1}


async def merge_into_thread(stores: Sequence[MemoryStorage], names: Names) -> None:
    """Every caller adds a key of its own to one thread."""
    thread = await saved_thread(stores[0], names("t"), metadata={"old": 1})
    await asyncio.gather(*(_of(stores, n).update_thread(id=thread.id, metadata={f"k{n}": n}) for n in range(CALLERS)))
    expected = {"old": 1} | {f"k{n}": n for n in range(CALLERS)}
    equal((await thread_of(stores[-1], thread.id)).metadata, expected)


async def count_in_thread(stores: Sequence[MemoryStorage], names: Names) -> None:
    """Every caller counts up once."""
    thread = await saved_thread(stores[0], names("t"))
    found = await asyncio.gather(
        *(_of(stores, n).update_thread_metadata(id=thread.id, update=count_up) for n in range(CALLERS))
    )
    equal((await thread_of(stores[-1], thread.id)).metadata, {"count": CALLERS})
    counts = sorted((one.metadata or {})["count"] for one in found if one)
    equal(counts, list(range(1, CALLERS + 1)), "what the callers got")


async def merge_into_message(stores: Sequence[MemoryStorage], names: Names) -> None:
    """Every caller adds a key to the content and one to its metadata."""
    thread = await saved_thread(stores[0], names("t"))
    message = await saved_message(stores[0], thread, names("m"), content={"metadata": {"old": 1}})

    async def add(n: int) -> None:
        update = MessageUpdate(id=message.id, content={f"k{n}": n, "metadata": {f"m{n}": n}})
        await _of(stores, n).update_messages(messages=[update])

    await asyncio.gather(*map(add, range(CALLERS)))
    keys = {f"k{n}": n for n in range(CALLERS)}
    metadata = {"old": 1} | {f"m{n}": n for n in range(CALLERS)}
    equal((await message_of(stores[-1], message.id)).content, {**keys, "metadata": metadata})


async def merge_into_resource(stores: Sequence[MemoryStorage], names: Names) -> None:
    """Every caller creates or updates one resource, each with a key of its own."""
    for id in (names("new"), (await saved_resource(stores[0], names("old"), metadata={})).id):
        calls = (
            _of(stores, n).update_resource(resource_id=id, working_memory=f"text {n}", metadata={f"k{n}": n})
            for n in range(CALLERS)
        )
        await asyncio.gather(*calls)
        resource = await resource_of(stores[-1], id)
        equal(resource.metadata, {f"k{n}": n for n in range(CALLERS)})
        ensure(resource.working_memory in {f"text {n}" for n in range(CALLERS)}, "one of the written texts")


async def change_title_and_metadata(stores: Sequence[MemoryStorage], names: Names) -> None:
    """Titles and metadata are set at the same time, over and over; neither undoes the other."""
    thread = await saved_thread(stores[0], names("t"), title="old", metadata={})
    for n in range(CALLERS):
        await asyncio.gather(
            _of(stores, 0).update_thread(id=thread.id, metadata={f"k{n}": n}),
            _of(stores, 1).update_thread(id=thread.id, title=f"title {n}"),
            _of(stores, 0).update_thread_metadata(id=thread.id, update=_returning({f"m{n}": n})),
        )
        stored = await thread_of(stores[-1], thread.id)
        equal((stored.title, len(stored.metadata or {})), (f"title {n}", 2 * n + 2))


STORIES = {
    "merge_into_thread": merge_into_thread,
    "count_in_thread": count_in_thread,
    "merge_into_message": merge_into_message,
    "merge_into_resource": merge_into_resource,
    "change_title_and_metadata": change_title_and_metadata,
}


@check("G16", "M4")
async def check_concurrent_thread_merges(memory: MemoryStorage) -> None:
    """Concurrent updates of one thread lose no metadata key."""
    await merge_into_thread([memory], Names())


@check("G16", "M6")
async def check_concurrent_counting(memory: MemoryStorage) -> None:
    """n concurrent increments of a counter in metadata give n."""
    await count_in_thread([memory], Names())


@check("G16", "M33")
async def check_concurrent_message_merges(memory: MemoryStorage) -> None:
    """Concurrent updates of one message lose no key."""
    await merge_into_message([memory], Names())


@check("G16", "M49", "M51")
async def check_concurrent_resource_merges(memory: MemoryStorage) -> None:
    """Concurrent updates of one resource lose no key, whether it existed or not."""
    await merge_into_resource([memory], Names())


@check("G16", "M5")
async def check_concurrent_title_and_metadata(memory: MemoryStorage) -> None:
    """A title set while metadata is merged survives, and the other way round."""
    await change_title_and_metadata([memory], Names())


@check("G16", "M4", "M5", "M6", "M33", "M51", needs="second_connection")
async def check_merges_over_two_connections(memory: MemoryStorage, harness: Harness) -> None:
    """The same holds when the callers use two stores over one database."""
    async with AsyncExitStack() as stack:
        opener = harness.open_second
        ensure(opener, "the harness should open the database again")
        second = await storage_of(await stack.enter_async_context(opener()), "memory")  # type: ignore[misc]
        for story in STORIES.values():
            await story([memory, cast(MemoryStorage, second)], Names())


@check("G16", "M6", needs="cross_process")
async def check_counting_across_processes(memory: MemoryStorage, harness: Harness) -> None:
    """Increments of a counter by several processes and this one are all counted."""
    thread = await saved_thread(memory, Names()("t"))
    processes, increments = 2, 25
    jobs = [{"thread_id": thread.id, "increments": increments}] * processes
    async with started(harness, "count", jobs):
        for _ in range(increments):
            await memory.update_thread_metadata(id=thread.id, update=count_up)
    equal((await thread_of(memory, thread.id)).metadata, {"count": (processes + 1) * increments})


@check("G16")
async def check_different_threads_do_not_wait_for_ever(memory: MemoryStorage) -> None:
    """Many calls of many kinds at once, on different things, all finish with the right results."""
    names = Names()

    async def story(number: int) -> list[str]:
        thread = await conversation(memory, names, f"t{number}", [f"m{number}.1", f"m{number}.2"])
        await memory.update_thread(id=thread.id, metadata={"n": number})
        await memory.update_messages(messages=[MessageUpdate(id=names(f"m{number}.1"), role="system")])
        clone = await memory.clone_thread(source_thread_id=thread.id)
        await memory.update_resource(resource_id=names("shared"), metadata={f"k{number}": number})
        await memory.delete_messages(message_ids=[names(f"m{number}.2")])
        return [message.role for message in (*clone.cloned_messages, *await messages_in(memory, thread.id))]

    results = await asyncio.gather(*map(story, range(30)))
    equal(results, [["system", "user", "system"]] * 30)
    equal((await resource_of(memory, names("shared"))).metadata, {f"k{n}": n for n in range(30)})


@check("G16", "M17", "M19")
async def check_concurrent_saves_of_one_message(memory: MemoryStorage) -> None:
    """When many save one new message at once it is stored once, as one caller made it, and all get its time."""
    thread = await saved_thread(memory, (names := Names())("t"))

    async def save(number: int) -> Message:
        message = a_message(thread, names("m"), number, role=f"role {number}", content=said(f"role {number}"))
        return (await memory.save_messages(messages=[message]))[0]

    saved = await asyncio.gather(*map(save, range(CALLERS)))
    (stored,) = await messages_in(memory, thread.id)
    equal(stored.content["content"], stored.role, "role and content come from one caller")
    equal({message.created_at for message in saved}, {stored.created_at}, "what the callers got")


@check("G10", "G16", "M21", needs="transactions")
async def check_large_saves_appear_at_once(memory: MemoryStorage) -> None:
    """A reader sees all messages of a call or none."""
    thread = await saved_thread(memory, (names := Names())("t"))
    batch = [a_message(thread, names(str(number)), content={}) for number in range(3000)]

    async def total() -> int:
        return (await memory.list_messages(thread_id=thread.id, per_page=1)).total

    seen = await watch(memory.save_messages(messages=batch), total)
    equal(sorted({0, *seen}), [0, 3000])


@check("G10", "G16", "M44", needs="transactions")
async def check_copies_appear_at_once(memory: MemoryStorage) -> None:
    """A reader sees the thread and all its messages, or neither."""
    thread = await saved_thread(memory, (names := Names())("t"))
    batch = [a_message(thread, names(str(number)), content={}) for number in range(1000)]
    await memory.save_messages(messages=batch)

    async def look() -> tuple[int, bool, int]:
        early = (await memory.list_messages(thread_id=names("copy"), per_page=1)).total
        there = await memory.get_thread_by_id(thread_id=names("copy")) is not None
        return early, there, (await memory.list_messages(thread_id=names("copy"), per_page=1)).total

    for early, there, late in await watch(
        memory.copy_thread(source_thread_id=thread.id, new_thread_id=names("copy")), look
    ):
        ensure(early in (0, 1000) and late in (0, 1000), f"a part of the messages: {early}, {late}")
        ensure(there or early == 0, "messages before their thread")
        ensure(not there or late == 1000, "a thread before its messages")


@check("G10", "G16", "M7", needs="transactions")
async def check_new_owner_appears_at_once(memory: MemoryStorage) -> None:
    """A reader never sees a thread half given away."""
    thread = await saved_thread(memory, (names := Names())("t"), names("old"))
    batch = [a_message(thread, names(str(number)), content={}) for number in range(1000)]
    await memory.save_messages(messages=batch)

    async def owners() -> tuple[str, ...]:
        page = await memory.list_messages(thread_id=thread.id, per_page=None)
        return tuple(sorted({message.resource_id or "" for message in page.messages}))

    call = memory.update_thread_resource_id(thread_id=thread.id, resource_id=names("new"))
    seen = set(await watch(call, owners))
    equal(sorted(seen | {(names("old"),)}), [(names("new"),), (names("old"),)])


def _returning(metadata: dict[str, Any]) -> Callable[[Thread], dict[str, Any]]:
    return lambda _: metadata


def _of(stores: Sequence[MemoryStorage], number: int) -> MemoryStorage:
    return stores[number % len(stores)]
