"""Copies of threads (M39 to M45)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..domains import MemoryStorage
from ..errors import ConflictError, NotFoundError, ValidationError
from ..instants import iso, now
from ..records import DateRange, ThreadClone
from .expect import ensure, equal, raises
from .registry import check
from .scenes import (
    Names,
    a_message,
    at,
    bumped,
    conversation,
    is_now,
    lenient,
    message_of,
    messages_in,
    said,
    saved_message,
    saved_thread,
    thread_of,
)


async def copied(memory: MemoryStorage, names: Names, source: str, **arguments: Any) -> list[str]:
    """Short names of the messages that a copy takes over, oldest first."""
    clone = await memory.clone_thread(source_thread_id=source, **arguments)
    origin = {new: old for old, new in clone.message_id_map.items()}
    return names.short(origin[message.id] for message in clone.cloned_messages)


@check("M39")
async def check_source_must_exist(memory: MemoryStorage) -> None:
    """A missing source is NotFoundError, for both methods."""
    names = Names()
    for method in (memory.copy_thread, memory.clone_thread):
        call = method(source_thread_id=names("absent"), new_thread_id=names("copy"))
        await raises(NotFoundError, "CLONE_THREAD_NOT_FOUND", call, says=names("absent"))
    equal(await memory.get_thread_by_id(thread_id=names("copy")), None)


@check("M39")
async def check_new_id_must_be_free(memory: MemoryStorage) -> None:
    """A new id that is taken, also by the source itself, is ConflictError, and that thread stays as it is."""
    names = Names()
    source = await conversation(memory, names, "source", ["a"])
    taken = await conversation(memory, names, "taken", ["b"], title="taken")
    before = [await thread_of(memory, thread.id) for thread in (source, taken)]
    for method in (memory.copy_thread, memory.clone_thread):
        for thread in (taken, source):
            call = method(source_thread_id=source.id, new_thread_id=thread.id)
            await raises(ConflictError, "CLONE_THREAD_ALREADY_EXISTS", call)
    equal([await thread_of(memory, thread.id) for thread in (source, taken)], before)
    equal([names.short(await messages_in(memory, thread.id)) for thread in (source, taken)], [["a"], ["b"]])


@check("M39")
async def check_new_id_is_used(memory: MemoryStorage) -> None:
    """The copy gets the id it was given, or one of its own."""
    source = await conversation(memory, names := Names(), messages=["a"])
    named = await memory.copy_thread(source_thread_id=source.id, new_thread_id=names("copy"))
    equal((named.thread.id, (await thread_of(memory, names("copy"))).id), (names("copy"), names("copy")))
    unnamed = [await memory.copy_thread(source_thread_id=source.id) for _ in range(2)]
    equal(len({source.id, names("copy"), *(copy.thread.id for copy in unnamed)}), 4, "ids")


@check("M40")
async def check_messages_to_copy(memory: MemoryStorage) -> None:
    """Range and ids filter, then the newest of the rest are taken; None and no ids do not filter."""
    source = await conversation(memory, names := Names(), messages=list("abcdef"))
    await conversation(memory, names, "other", ["x"])
    some = [names(name) for name in ("b", "e", "c", "x", "unknown", "b")]
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "abcdef"),
        ({"message_limit": None, "date_range": None, "message_ids": None}, "abcdef"),
        ({"message_limit": 2}, "ef"),
        ({"message_limit": 99}, "abcdef"),
        ({"message_ids": []}, "abcdef"),
        ({"message_ids": ()}, "abcdef"),
        ({"message_ids": some}, "bce"),
        ({"message_ids": some, "message_limit": 2}, "ce"),
        ({"message_ids": [names("x")]}, ""),
        ({"date_range": {"start": at(2), "end": at(4)}}, "bcd"),
        ({"date_range": {"start": at(2), "start_exclusive": True}}, "cdef"),
        ({"date_range": {"end": at(4), "end_exclusive": True}}, "abc"),
        ({"date_range": DateRange(end="2024-01-01T12:00:03Z")}, "abc"),
        ({"date_range": {"end": at(4)}, "message_limit": 2}, "cd"),
        ({"date_range": {"start": at(3)}, "message_ids": some, "message_limit": 1}, "e"),
        ({"date_range": {"start": at(60)}}, ""),
    ]
    for arguments, expected in cases:
        equal("".join(await copied(memory, names, source.id, **arguments)), expected, repr(arguments))


@check("M40")
async def check_newest_of_ties(memory: MemoryStorage) -> None:
    """Of messages of one instant the newest are those with the highest ids."""
    source = await saved_thread(memory, (names := Names())("t"))
    await memory.save_messages(messages=[a_message(source, names(name)) for name in "dacb"])
    equal(sorted(await copied(memory, names, source.id, message_limit=2)), ["c", "d"])
    copy = await memory.copy_thread(source_thread_id=source.id)
    equal((copy.thread.metadata or {})["clone"]["lastMessageId"], names("d"))


@check("M40", "G15")
async def check_bad_limits_are_refused(memory: MemoryStorage) -> None:
    """A limit is a whole number of at least 1."""
    source = await conversation(memory, names := Names(), messages=["a"])
    for wrong in (0, -1, True, 1.0, "1"):
        call = lenient(memory).clone_thread(
            source_thread_id=source.id, new_thread_id=names("copy"), message_limit=wrong
        )
        await raises(ValidationError, "CLONE_THREAD_INVALID_ARGUMENT", call, says="message_limit")
    equal(await memory.get_thread_by_id(thread_id=names("copy")), None)


@check("M40")
async def check_more_ids_than_parameters_to_copy(memory: MemoryStorage) -> None:
    """More ids than a statement can hold parameters may be named."""
    source = await conversation(memory, names := Names(), messages=["a", "b", "c"])
    ids = [names("c"), *(names(f"unknown {number}") for number in range(40_000)), names("a")]
    equal(await copied(memory, names, source.id, message_ids=ids), ["a", "c"])


@check("M41")
async def check_owner_and_title_of_a_copy(memory: MemoryStorage) -> None:
    """Resource and title are those given, or made from the source's."""
    names = Names()
    titled = await conversation(memory, names, "titled", title="Title")
    plain = await conversation(memory, names, "plain")
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        (titled.id, {}, titled.resource_id, "Clone of Title"),
        (titled.id, {"title": ""}, titled.resource_id, "Clone of Title"),
        (titled.id, {"title": "Mine", "resource_id": names("new")}, names("new"), "Mine"),
        (plain.id, {}, plain.resource_id, ""),
        (plain.id, {"title": ""}, plain.resource_id, ""),
        (plain.id, {"title": " "}, plain.resource_id, " "),
    ]
    for source, arguments, resource_id, title in cases:
        copy = (await memory.copy_thread(source_thread_id=source, **arguments)).thread
        equal((copy.resource_id, copy.title), (resource_id, title), repr(arguments))
        equal(await thread_of(memory, copy.id), copy, "as stored")


@check("M41")
async def check_metadata_of_a_copy(memory: MemoryStorage) -> None:
    """The copy has the given metadata and the key clone, which overwrites a given one; nothing is inherited."""
    source = await conversation(memory, Names(), metadata={"inherited": 1})
    given = {"mine": {"a": None}, "clone": "given"}
    for metadata, kept in ((None, {}), ({}, {}), (given, {"mine": {"a": None}})):
        copy = (await memory.copy_thread(source_thread_id=source.id, metadata=metadata)).thread
        stored = dict((await thread_of(memory, copy.id)).metadata or {})
        equal(stored, copy.metadata, "as stored")
        clone = stored.pop("clone")
        equal((stored, clone["sourceThreadId"]), (kept, source.id))


@check("M41")
async def check_times_of_a_copy(memory: MemoryStorage) -> None:
    """Both times of the copy are now."""
    source = await conversation(memory, Names(), messages=["a"])
    before = now()
    copy = (await memory.copy_thread(source_thread_id=source.id)).thread
    stored = await thread_of(memory, copy.id)
    equal((copy.created_at, copy.updated_at), (stored.created_at, stored.updated_at), "as stored")
    equal(copy.created_at, copy.updated_at)
    ensure(is_now(copy.created_at, before), f"{copy.created_at} is not now")


@check("M42")
async def check_clone_metadata(memory: MemoryStorage) -> None:
    """metadata.clone names the source, the time as Mastra writes it, and the newest message copied, if any."""
    source = await conversation(memory, names := Names(), messages=["a", "b", "c"])
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({}, "c"),
        ({"message_ids": [names("b"), names("a")]}, "b"),
        ({"date_range": {"end": at(1)}}, "a"),
        ({"date_range": {"end": at(0)}}, None),
    ]
    for arguments, last in cases:
        copy = (await memory.copy_thread(source_thread_id=source.id, **arguments)).thread
        expected = {"sourceThreadId": source.id, "clonedAt": iso(copy.created_at)}
        if last is not None:
            expected["lastMessageId"] = names(last)
        equal(copy.metadata, {"clone": expected}, repr(arguments))


@check("M43")
async def check_copied_messages(memory: MemoryStorage) -> None:
    """Copies get new ids, the new thread and its resource; content, role, type and time are the source's."""
    source = await saved_thread(memory, (names := Names())("t"), names("owner"))
    content = {"z": [1, {"b": None, "a": 1.5}], "format": 2, "parts": [], "text": "é 😀 \u2028"}
    await saved_message(memory, source, names("a"), 1, role="system", type="text", content=content)
    await saved_message(memory, source, names("b"), 1.001, resource_id=names("guest"))
    originals = await messages_in(memory, source.id)
    clone = await memory.clone_thread(source_thread_id=source.id, resource_id=names("new"))
    equal(set(clone.message_id_map), {names("a"), names("b")}, "the map")
    equal(len({*clone.message_id_map.values(), names("a"), names("b")}), 4, "new ids")
    for original in originals:
        original.id = clone.message_id_map[original.id]
        original.thread_id, original.resource_id = clone.thread.id, names("new")
    equal([clone.cloned_messages, await messages_in(memory, clone.thread.id)], [originals, originals])


@check("M43", "M40")
async def check_map_holds_copied_messages_only(memory: MemoryStorage) -> None:
    """message_id_map names every copied message and nothing else."""
    source = await conversation(memory, names := Names(), messages=["a", "b", "c"])
    copy = await memory.copy_thread(source_thread_id=source.id, message_limit=2)
    equal(sorted(names.short(copy.message_id_map)), ["b", "c"])
    found = await messages_in(memory, copy.thread.id)
    equal(sorted(message.id for message in found), sorted(copy.message_id_map.values()))
    none = await memory.copy_thread(source_thread_id=source.id, message_ids=[names("unknown")])
    equal(none.message_id_map, {}, "nothing copied")


@check("M44")
async def check_source_is_untouched(memory: MemoryStorage) -> None:
    """Copying changes nothing of the source, not even its updated_at."""
    source = await conversation(memory, Names(), messages=["a", "b"], title="Title", metadata={"a": 1})
    before = await messages_in(memory, source.id)
    call = memory.clone_thread(source_thread_id=source.id, metadata={"b": 2})
    equal(await bumped(memory, call, source.id), [])
    equal((await thread_of(memory, source.id)).metadata, {"a": 1})
    equal(await messages_in(memory, source.id), before)


@check("M44")
async def check_copy_and_source_part_ways(memory: MemoryStorage) -> None:
    """Later changes to either side do not reach the other."""
    source = await conversation(memory, names := Names(), messages=["a", "b"])
    clone = await memory.clone_thread(source_thread_id=source.id)
    new_a, new_b = (clone.message_id_map[names(name)] for name in ("a", "b"))
    await memory.update_messages(messages=[{"id": names("a"), "content": {"content": "changed"}}])
    await memory.update_thread(id=source.id, title="changed")
    equal(await messages_in(memory, clone.thread.id), clone.cloned_messages, "the copy")
    await memory.delete_messages(message_ids=[new_b])
    await memory.update_messages(messages=[{"id": new_a, "role": "system"}])
    equal([message.role for message in await messages_in(memory, source.id)], ["user", "user"], "the source")
    await memory.delete_thread(thread_id=source.id)
    equal((await message_of(memory, new_a)).content, said(names("a")), "after deleting the source")
    await memory.delete_thread(thread_id=clone.thread.id)
    equal(await memory.list_messages_by_id(message_ids=[new_a, new_b]), [])


@check("M45")
async def check_clone_returns_messages(memory: MemoryStorage) -> None:
    """clone_thread returns the new thread's messages, oldest first, copy_thread does not."""
    source = await conversation(memory, Names(), messages=["c", "a", "b"])
    clone = await memory.clone_thread(source_thread_id=source.id)
    equal(clone.cloned_messages, await messages_in(memory, clone.thread.id))
    equal([message.content["content"][-1] for message in clone.cloned_messages], ["c", "a", "b"])
    copy = await memory.copy_thread(source_thread_id=source.id)
    ensure(not isinstance(copy, ThreadClone), "copy_thread returns no messages")
    equal(len(await messages_in(memory, copy.thread.id)), 3)


@check("M45", "M42")
async def check_empty_thread_is_copied(memory: MemoryStorage) -> None:
    """A thread without messages can be copied too."""
    source = await saved_thread(memory, Names()("t"), title="Empty")
    clone = await memory.clone_thread(source_thread_id=source.id)
    equal((clone.cloned_messages, clone.message_id_map, clone.thread.title), ([], {}, "Clone of Empty"))
    equal("lastMessageId" in (clone.thread.metadata or {})["clone"], False, "lastMessageId")


@check("M45", "M21")
async def check_long_threads_are_copied(memory: MemoryStorage) -> None:
    """A thread of thousands of messages is copied whole, in order."""
    source = await saved_thread(memory, (names := Names())("t"))
    batch = [a_message(source, names(f"{number:04}"), number / 1000, content={"n": number}) for number in range(3000)]
    await memory.save_messages(messages=batch)
    clone = await memory.clone_thread(source_thread_id=source.id)
    equal([message.content["n"] for message in clone.cloned_messages], list(range(3000)))
    ends = (clone.cloned_messages[0].created_at, clone.cloned_messages[-1].created_at)
    equal(ends, (at(0), at(2.999)))
    equal(ends[1] - ends[0], timedelta(milliseconds=2999))
