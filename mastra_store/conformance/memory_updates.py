"""Updating and deleting messages (M33 to M38)."""

from __future__ import annotations

from typing import Any

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..records import MessageUpdate
from .expect import equal, raises
from .registry import check
from .scenes import (
    Names,
    a_message,
    at,
    bumped,
    conversation,
    lenient,
    message_of,
    messages_in,
    said,
    saved_message,
    saved_thread,
    thread_of,
)


@check("M33")
async def check_given_fields_are_replaced(memory: MemoryStorage) -> None:
    """Role, type, thread and resource are replaced where given; created_at never changes."""
    names = Names()
    one = await conversation(memory, names, "one", ["m", "other"])
    two = await saved_thread(memory, names("two"))
    before = await message_of(memory, names("other"))
    expected = await message_of(memory, names("m"))
    changes = {"role": "assistant", "type": "text", "resource_id": names("new"), "thread_id": two.id}
    for field, value in changes.items():
        (updated,) = await memory.update_messages(messages=[{"id": names("m"), field: value}])
        setattr(expected, field, value)
        equal(updated, expected, field)
        equal(await message_of(memory, names("m")), expected, f"{field}, as stored")
    equal(await messages_in(memory, one.id), [before], "the other message")
    equal(await messages_in(memory, two.id), [expected], "the new thread")


@check("M33")
async def check_content_is_merged(memory: MemoryStorage) -> None:
    """Given content keys replace theirs whole, parts too; absent keys stay."""
    thread = await saved_thread(memory, (names := Names())("t"))
    content = {"format": 2, "parts": [{"a": 1}, {"b": 2}], "content": "old", "deep": {"a": 1}, "null": None}
    await saved_message(memory, thread, names("m"), 4, content=content)
    given = {"parts": [{"c": 3}], "deep": {"b": 2}, "added": None, "content": ""}
    (updated,) = await memory.update_messages(messages=[MessageUpdate(id=names("m"), content=given)])
    expected = {"format": 2, "null": None, **given}
    equal(updated.content, expected)
    stored = await message_of(memory, names("m"))
    equal((stored.content, stored.created_at), (expected, at(4)), "as stored")


@check("M33")
async def check_content_metadata_is_merged(memory: MemoryStorage) -> None:
    """content.metadata is itself merged one level deep, and explicit nulls stay."""
    thread = await saved_thread(memory, (names := Names())("t"))
    stored = {"kept": {"a": 1}, "replaced": {"a": 1}, "null": None}
    await saved_message(memory, thread, names("m"), content=said("text", metadata=stored))
    given = {"replaced": {"b": 2}, "nulled": None}
    await memory.update_messages(messages=[{"id": names("m"), "content": {"metadata": given}}])
    expected = said("text", metadata={"kept": {"a": 1}, "null": None, **given})
    equal((await message_of(memory, names("m"))).content, expected)


@check("M33")
async def check_one_sided_metadata_replaces(memory: MemoryStorage) -> None:
    """When only one side has metadata that is an object, the given value stands."""
    thread = await saved_thread(memory, (names := Names())("t"))
    cases: list[tuple[dict[str, Any], Any]] = [
        ({}, {"a": 1}),
        ({"metadata": None}, {"a": 1}),
        ({"metadata": {"a": 1}}, None),
        ({"metadata": {"a": 1}}, "text"),
        ({"metadata": [1]}, {"b": 2}),
        ({"metadata": {"a": 1}}, {}),
    ]
    expected = [{"a": 1}, {"a": 1}, None, "text", {"b": 2}, {"a": 1}]
    found = []
    for number, (content, given) in enumerate(cases):
        await saved_message(memory, thread, names(str(number)), content=content)
        await memory.update_messages(messages=[{"id": names(str(number)), "content": {"metadata": given}}])
        found.append((await message_of(memory, names(str(number)))).content["metadata"])
    equal(found, expected)


@check("M33")
async def check_empty_content_changes_no_key(memory: MemoryStorage) -> None:
    """An empty content adds nothing and removes nothing."""
    await conversation(memory, names := Names(), messages=["m"])
    before = await message_of(memory, names("m"))
    equal(await memory.update_messages(messages=[{"id": names("m"), "content": {}}]), [before])
    equal(await message_of(memory, names("m")), before)


@check("M34")
async def check_missing_messages_are_skipped(memory: MemoryStorage) -> None:
    """Unknown ids are skipped; the result holds the others in order of first mention."""
    await conversation(memory, names := Names(), messages=["a", "b", "c"])
    order = ["c", "unknown", "a", "b"]
    updates = [{"id": names(name), "role": f"role of {name}"} for name in order]
    updated = await memory.update_messages(messages=updates)
    equal(names.short(updated), ["c", "a", "b"])
    equal([message.role for message in updated], ["role of c", "role of a", "role of b"])
    equal(await memory.list_messages_by_id(message_ids=[names("unknown")]), [], "nothing is created")
    equal(await memory.update_messages(messages=[{"id": names("unknown"), "role": "user"}]), [], "none exists")


@check("M34")
async def check_first_update_of_an_id_applies(memory: MemoryStorage) -> None:
    """Of several updates for one id only the first applies, and the result names it once."""
    await conversation(memory, names := Names(), messages=["a", "b"])
    updates: list[dict[str, Any]] = [
        {"id": names("b"), "role": "first"},
        {"id": names("a"), "content": {"n": 1}},
        {"id": names("b"), "role": "second", "type": "text"},
        {"id": names("a"), "content": {"n": 2, "m": 2}},
    ]
    updated = await memory.update_messages(messages=updates)
    equal([(message.role, message.type) for message in updated], [("first", None), ("user", None)])
    equal((await message_of(memory, names("a"))).content, said(names("a"), n=1))


@check("M35")
async def check_update_of_nothing(memory: MemoryStorage) -> None:
    """An update with nothing but an id changes and bumps nothing, and its record is returned."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    before = await messages_in(memory, thread.id)
    found: list[Any] = []

    async def update() -> None:
        found.extend(await memory.update_messages(messages=[{"id": names("b")}, MessageUpdate(id=names("a"))]))

    equal(await bumped(memory, update(), thread.id), [])
    equal(found, [before[1], before[0]])
    equal(await messages_in(memory, thread.id), before)


@check("M36")
async def check_update_bumps_the_threads_of_changed_messages(memory: MemoryStorage) -> None:
    """Each thread of a changed message is bumped, no other."""
    names = Names()
    threads = [await conversation(memory, names, name, [f"m{name}"]) for name in ("a", "b", "c")]
    updates: list[dict[str, Any]] = [
        {"id": names("ma"), "role": "system"},
        {"id": names("mb"), "content": {"x": 1}},
        {"id": names("mc")},
        {"id": names("unknown"), "role": "system"},
    ]
    call = memory.update_messages(messages=updates)
    found = await bumped(memory, call, *(thread.id for thread in threads))
    equal(names.short(found), ["a", "b"])
    stored = await thread_of(memory, threads[0].id)
    stored.updated_at = threads[0].updated_at
    equal(stored, threads[0], "nothing but updated_at changes")


@check("M36")
async def check_move_bumps_both_threads(memory: MemoryStorage) -> None:
    """A message that is moved bumps the thread it leaves and the one it comes to, which need not exist."""
    names = Names()
    one = await conversation(memory, names, "one", ["a", "b"])
    two = await saved_thread(memory, names("two"))
    other = await saved_thread(memory, names("other"))
    call = memory.update_messages(messages=[{"id": names("a"), "thread_id": two.id}])
    equal(names.short(await bumped(memory, call, one.id, two.id, other.id)), ["one", "two"])
    call = memory.update_messages(messages=[{"id": names("b"), "thread_id": names("ghost")}])
    equal(names.short(await bumped(memory, call, one.id, two.id, other.id)), ["one"])
    equal(names.short(await messages_in(memory, names("ghost"))), ["b"])
    equal(await memory.get_thread_by_id(thread_id=names("ghost")), None, "no thread is created")


@check("M37", "G10")
async def check_blank_fields_are_refused(memory: MemoryStorage) -> None:
    """Role, thread and resource given as None or blank are refused, and nothing is changed."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    before = await messages_in(memory, thread.id)
    untyped = lenient(memory)
    for field in ("role", "thread_id", "resource_id"):
        for blank in (None, "", "  ", 5):
            updates = [{"id": names("a"), "role": "system"}, {"id": names("b"), field: blank}]
            call = untyped.update_messages(messages=updates)
            await raises(ValidationError, "UPDATE_MESSAGES_INVALID_ARGUMENT", call, says=field)
    equal(await messages_in(memory, thread.id), before)


@check("M37")
async def check_type_may_be_unset(memory: MemoryStorage) -> None:
    """type=None stores v2, which reads as None; a type that is not given stays."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), type="text")
    found = []
    for change in ({"role": "system"}, {"type": None}, {"type": "tool-call"}, {"type": "v2"}):
        updated = await memory.update_messages(messages=[{"id": names("m"), **change}])
        equal(await message_of(memory, names("m")), updated[0], "as stored")
        found.append(updated[0].type)
    equal(found, ["text", None, "tool-call", None])


@check("M33", "M21")
async def check_thousands_of_updates_in_one_call(memory: MemoryStorage) -> None:
    """A call may hold any number of updates."""
    thread = await saved_thread(memory, (names := Names())("t"))
    ids = [names(f"{number:04}") for number in range(2500)]
    await memory.save_messages(messages=[a_message(thread, id, content={"old": 1}) for id in ids])
    updates = [MessageUpdate(id=id, content={"n": number}) for number, id in enumerate(ids)]
    updated = await memory.update_messages(messages=updates)
    equal([message.content for message in updated], [{"old": 1, "n": number} for number in range(2500)])
    equal(await messages_in(memory, thread.id), updated)


@check("M38")
async def check_messages_are_deleted(memory: MemoryStorage) -> None:
    """Those that exist are deleted, unknown and repeated ids are ignored, each thread concerned is bumped."""
    names = Names()
    threads = [await conversation(memory, names, name, [f"{name}1", f"{name}2"]) for name in ("a", "b", "c")]
    doomed = [names(name) for name in ("a1", "unknown", "b2", "a1", "b1")]
    call = memory.delete_messages(message_ids=doomed)
    equal(names.short(await bumped(memory, call, *(thread.id for thread in threads))), ["a", "b"])
    left = {name: names.short(await messages_in(memory, names(name))) for name in ("a", "b", "c")}
    equal(left, {"a": ["a2"], "b": [], "c": ["c1", "c2"]})
    stored = await thread_of(memory, threads[0].id)
    stored.updated_at = threads[0].updated_at
    equal(stored, threads[0], "nothing but updated_at changes")


@check("M38")
async def check_deleting_nothing_bumps_nothing(memory: MemoryStorage) -> None:
    """No ids, or only unknown ones, bump no thread."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    for ids in ([], [names("unknown")]):
        equal(await bumped(memory, memory.delete_messages(message_ids=ids), thread.id), [])
    equal(names.short(await messages_in(memory, thread.id)), ["m"])


@check("M38")
async def check_thousands_are_deleted_in_one_call(memory: MemoryStorage) -> None:
    """A call may hold thousands of ids, more than a statement can hold parameters."""
    thread = await saved_thread(memory, (names := Names())("t"))
    ids = [names(f"{number:04}") for number in range(2500)]
    await memory.save_messages(messages=[a_message(thread, id, content={}) for id in [*ids, names("kept")]])
    await memory.delete_messages(message_ids=[*ids, *(names(f"unknown {number}") for number in range(40_000))])
    equal(names.short(await messages_in(memory, thread.id)), ["kept"])
