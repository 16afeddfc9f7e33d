"""Threads, one at a time (M1 to M9)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from ..domains import MemoryStorage
from ..errors import NotFoundError, ValidationError
from ..instants import now
from ..records import Thread
from .expect import ensure, equal, outcome, raises
from .registry import check
from .scenes import (
    BASE,
    Names,
    a_message,
    a_thread,
    at,
    bumped,
    conversation,
    is_now,
    lenient,
    messages_in,
    saved_message,
    saved_resource,
    saved_thread,
    thread_of,
)


@check("M1")
async def check_thread_is_found_by_id(memory: MemoryStorage) -> None:
    """A stored thread comes back equal; a missing one is None."""
    names = Names()
    thread = a_thread(names("t"), title="A title", metadata={"a": [1]}, updated_at=at(60))
    saved = await memory.save_thread(thread=thread)
    equal(saved, thread, "what save_thread returned")
    equal(await memory.get_thread_by_id(thread_id=thread.id), thread)
    equal(await memory.get_thread_by_id(thread_id=names("other")), None)


@check("M1")
async def check_foreign_thread_is_not_found(memory: MemoryStorage) -> None:
    """With a resource named, the thread of another resource is as good as missing."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"))
    found = {
        owner: await memory.get_thread_by_id(thread_id=thread.id, resource_id=owner)
        for owner in (names("owner"), names("Owner"), names("owner") + " ", names("other"), "", "%")
    }
    equal(found, {owner: thread if owner == names("owner") else None for owner in found})


@check("M2")
async def check_save_replaces_every_column(memory: MemoryStorage) -> None:
    """Saving a thread again replaces the whole row; metadata is not merged, times are those given."""
    id = Names()("t")
    old = a_thread(id, "old", title="old", metadata={"old": 1}, created_at=at(1), updated_at=at(2))
    new = a_thread(id, "new", title="", metadata={"new": 1}, created_at=at(5), updated_at=at(3))
    bare = a_thread(id, "bare", created_at=at(0))
    for thread in (old, new, bare, old):
        equal(await memory.save_thread(thread=thread), thread, "what save_thread returned")
        equal(await thread_of(memory, id), thread)
    equal((await memory.list_threads(resource_id="bare", metadata={"new": 1})).total, 0, "the old owner")


@check("M2")
async def check_save_thread_leaves_messages(memory: MemoryStorage) -> None:
    """Saving a thread again does not touch its messages."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    before = await messages_in(memory, thread.id)
    await memory.save_thread(thread=a_thread(thread.id, names("new owner")))
    equal(await messages_in(memory, thread.id), before)


@check("M2")
async def check_given_times_are_kept(memory: MemoryStorage) -> None:
    """Times of a saved thread are stored as given, even when updated_at lies before created_at or in the future."""
    later = now().replace(year=2090)
    for created_at, updated_at in ((at(9), at(1)), (at(1), later), (later, BASE)):
        thread = await saved_thread(memory, Names()("t"), created_at=created_at, updated_at=updated_at)
        stored = await thread_of(memory, thread.id)
        equal((stored.created_at, stored.updated_at), (created_at, updated_at))


@check("M3")
async def check_blank_owners_are_refused(memory: MemoryStorage) -> None:
    """A thread needs a resource that is not blank and a title that is a string."""
    id = Names()("t")
    wrong: list[dict[str, Any]] = [{"resource_id": owner} for owner in ("", " ", "\t\n", None, 5)]
    wrong += [{"resource_id": "owner", "title": title} for title in (None, 5, b"title")]
    for fields in wrong:
        call = memory.save_thread(thread=Thread(id=id, **fields))
        await raises(ValidationError, "SAVE_THREAD_INVALID_ARGUMENT", call)
    equal(await memory.get_thread_by_id(thread_id=id), None)


@check("M3")
async def check_absent_and_empty_metadata_differ(memory: MemoryStorage) -> None:
    """None reads back as None and {} as {}, from the getter and from the list."""
    names = Names()
    for metadata in (None, {}, {"a": None}):
        thread = await saved_thread(memory, names("t"), names("owner"), metadata=metadata)
        listed = (await memory.list_threads(resource_id=names("owner"))).threads
        equal([thread.metadata, (await thread_of(memory, thread.id)).metadata, listed[0].metadata], [metadata] * 3)


@check("M4")
async def check_update_merges_metadata(memory: MemoryStorage) -> None:
    """Metadata is merged one level deep: given keys replace their value whole, a None value is stored, others stay."""
    stored = {"kept": 1, "replaced": {"deep": 1}, "nulled": "x", "list": [1, 2]}
    thread = await saved_thread(memory, Names()("t"), metadata=stored)
    given = {"replaced": {"new": 2}, "nulled": None, "list": [3], "added": {"a": None}}
    updated = await memory.update_thread(id=thread.id, metadata=given)
    equal(updated.metadata, {"kept": 1, **given})
    equal((await thread_of(memory, thread.id)).metadata, {"kept": 1, **given}, "as stored")


@check("M4")
async def check_update_keeps_explicit_nulls(memory: MemoryStorage) -> None:
    """A key that holds null stays when other keys are merged."""
    thread = await saved_thread(memory, Names()("t"), metadata={"null": None, "deep": {"null": None}})
    await memory.update_thread(id=thread.id, metadata={"other": 1, "another": None})
    expected = {"null": None, "deep": {"null": None}, "other": 1, "another": None}
    equal((await thread_of(memory, thread.id)).metadata, expected)


@check("M4")
async def check_update_title(memory: MemoryStorage) -> None:
    """title=None leaves the title, any string replaces it, also the empty one."""
    thread = await saved_thread(memory, Names()("t"), title="old")
    found = []
    for title in (None, "new", None, ""):
        updated = await memory.update_thread(id=thread.id, title=title)
        equal((await thread_of(memory, thread.id)).title, updated.title, "as stored")
        found.append(updated.title)
    equal(found, ["old", "new", "new", ""])


@check("M4")
async def check_update_makes_metadata_a_mapping(memory: MemoryStorage) -> None:
    """Absent metadata counts as {}, so that after any update the metadata is a mapping."""
    changes: tuple[dict[str, Any], ...] = ({}, {"title": "new"}, {"metadata": {}}, {"metadata": {"a": 1}})
    for change in changes:
        thread = await saved_thread(memory, Names()("t"))
        updated = await memory.update_thread(id=thread.id, **change)
        equal(updated.metadata, change.get("metadata", {}))
        equal((await thread_of(memory, thread.id)).metadata, change.get("metadata", {}), "as stored")


@check("M4")
async def check_update_bumps_always(memory: MemoryStorage) -> None:
    """updated_at is bumped even when nothing else changes; id, resource and created_at stay."""
    thread = await saved_thread(memory, Names()("t"), title="old", metadata={"a": 1})
    changes: tuple[dict[str, Any], ...] = ({}, {"title": "old"}, {"metadata": {"a": 1}}, {"metadata": {}})
    for change in changes:
        equal(await bumped(memory, memory.update_thread(id=thread.id, **change), thread.id), [thread.id], repr(change))
        stored = await thread_of(memory, thread.id)
        kept = (stored.resource_id, stored.created_at, stored.title, stored.metadata)
        equal(kept, (thread.resource_id, BASE, "old", {"a": 1}))


@check("M4")
async def check_update_of_missing_thread(memory: MemoryStorage) -> None:
    """Updating a missing thread is NotFoundError and creates nothing; patch_thread is the same method."""
    id = Names()("absent")
    for update in (memory.update_thread, memory.patch_thread):
        await raises(NotFoundError, "UPDATE_THREAD_NOT_FOUND", update(id=id, title="new", metadata={"a": 1}))
    equal(await memory.get_thread_by_id(thread_id=id), None)
    thread = await saved_thread(memory, Names()("t"))
    patched = await memory.patch_thread(id=thread.id, title="patched", metadata={"a": 1})
    equal((patched.title, patched.metadata), ("patched", {"a": 1}))


@check("M5")
async def check_title_and_metadata_are_independent(memory: MemoryStorage) -> None:
    """Changing one leaves the other alone."""
    thread = await saved_thread(memory, Names()("t"), title="old", metadata={"a": 1})
    await memory.update_thread(id=thread.id, metadata={"b": 2})
    await memory.update_thread_metadata(id=thread.id, update=lambda _: {"c": 3})
    equal((await thread_of(memory, thread.id)).title, "old")
    await memory.update_thread(id=thread.id, title="new")
    stored = await thread_of(memory, thread.id)
    equal((stored.title, stored.metadata), ("new", {"a": 1, "b": 2, "c": 3}))


@check("M6")
async def check_computed_metadata_is_merged(memory: MemoryStorage) -> None:
    """The function sees the stored thread once, and what it returns is merged and stored."""
    thread = await saved_thread(memory, Names()("t"), title="title", metadata={"kept": 1, "n": 4})
    seen: list[Thread] = []

    def update(found: Thread) -> dict[str, Any]:
        seen.append(found)
        return {"n": (found.metadata or {})["n"] + 1, "null": None}

    before = now()
    updated = await memory.update_thread_metadata(id=thread.id, update=update)
    equal(seen, [thread], "what the function saw")
    stored = await thread_of(memory, thread.id)
    equal(updated, stored, "what was returned")
    equal(stored.metadata, {"kept": 1, "n": 5, "null": None})
    ensure(is_now(stored.updated_at, before) and stored.created_at == BASE, "updated_at is bumped, created_at stays")


@check("M6")
async def check_function_runs_on_the_callers_loop(memory: MemoryStorage) -> None:
    """The function is called on the caller's loop and thread, even where the database has threads of its own."""
    thread = await saved_thread(memory, Names()("t"))
    here = asyncio.get_running_loop(), threading.get_ident()
    seen = []

    def update(_: Thread) -> None:
        seen.append((asyncio.get_running_loop(), threading.get_ident()))

    await memory.update_thread_metadata(id=thread.id, update=update)
    ensure(seen == [here], "it should be called once, on the caller's loop and thread")


@check("M6")
async def check_function_may_decline(memory: MemoryStorage) -> None:
    """When the function returns None nothing is written, and the thread is returned as it is."""
    for metadata in (None, {"a": 1}):
        thread = await saved_thread(memory, Names()("t"), title="title", metadata=metadata)
        found = await memory.update_thread_metadata(id=thread.id, update=lambda _: None)
        equal([found, await thread_of(memory, thread.id)], [thread, thread])


@check("M6")
async def check_function_is_not_called_for_others(memory: MemoryStorage) -> None:
    """For a missing or foreign thread None is returned and the function is not called."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"), metadata={"a": 1})
    called: list[Thread] = []

    def update(found: Thread) -> dict[str, Any]:
        called.append(found)
        return {"b": 2}

    equal(await memory.update_thread_metadata(id=names("absent"), update=update), None)
    for owner in (names("other"), ""):
        equal(await memory.update_thread_metadata(id=thread.id, resource_id=owner, update=update), None)
    equal(called, [], "calls")
    equal(await thread_of(memory, thread.id), thread)
    own = await memory.update_thread_metadata(id=thread.id, resource_id=names("owner"), update=update)
    equal(own and own.metadata, {"a": 1, "b": 2}, "the owner's own call")


@check("M6")
async def check_function_may_raise(memory: MemoryStorage) -> None:
    """An exception from the function comes out as it is, nothing is written, and the thread is not left locked."""
    thread = await saved_thread(memory, Names()("t"), metadata={"a": 1})

    def update(_: Thread) -> dict[str, Any]:
        raise ZeroDivisionError("mine")

    for _ in range(3):
        try:
            await memory.update_thread_metadata(id=thread.id, update=update)
        except ZeroDivisionError as error:
            equal(str(error), "mine")
        else:
            ensure(False, "the exception should come out")
    equal(await thread_of(memory, thread.id), thread)
    equal((await memory.update_thread(id=thread.id, metadata={"b": 2})).metadata, {"a": 1, "b": 2})


@check("M6", "G15")
async def check_function_must_return_a_mapping(memory: MemoryStorage) -> None:
    """Anything but a mapping or None from the function is a ValidationError, and nothing is written."""
    thread = await saved_thread(memory, Names()("t"), metadata={"a": 1})
    untyped = lenient(memory)
    results: list[Any] = [[], "text", 1, True, {"bad": object()}, {1: 2}]
    for wrong in results:
        call = untyped.update_thread_metadata(id=thread.id, update=lambda _, wrong=wrong: wrong)
        equal(await outcome(call), "ValidationError UPDATE_THREAD_METADATA_INVALID_ARGUMENT", repr(wrong))
    equal(await thread_of(memory, thread.id), thread)


@check("M7")
async def check_thread_and_messages_get_a_new_owner(memory: MemoryStorage) -> None:
    """The thread and every message of it, whoever owned it, go to the new resource; nothing else changes."""
    names = Names()
    thread = await conversation(memory, names, messages=["a", "b"], title="title", metadata={"a": 1})
    await saved_message(memory, thread, names("c"), 3, resource_id=names("somebody"))
    before = await messages_in(memory, thread.id)
    call = memory.update_thread_resource_id(thread_id=thread.id, resource_id=names("new"))
    equal(await bumped(memory, call, thread.id), [thread.id])
    stored = await thread_of(memory, thread.id)
    kept = (stored.resource_id, stored.title, stored.metadata, stored.created_at)
    equal(kept, (names("new"), "title", {"a": 1}, BASE))
    for message in before:
        message.resource_id = names("new")
    equal(await messages_in(memory, thread.id), before)


@check("M7")
async def check_new_owner_touches_nothing_else(memory: MemoryStorage) -> None:
    """Other threads and messages of the old resource stay with it, and no ownership is checked."""
    names = Names()
    moved = await conversation(memory, names, "moved", ["a"])
    other = await saved_thread(memory, names("other"), moved.resource_id)
    await saved_message(memory, other, names("b"))
    returned = await memory.update_thread_resource_id(thread_id=moved.id, resource_id=names("new"))
    equal(returned, await thread_of(memory, moved.id), "what was returned")
    equal(
        (await memory.list_messages_by_resource_id(resource_id=moved.resource_id)).messages,
        await messages_in(memory, other.id),
    )
    equal(names.short((await memory.list_threads(resource_id=moved.resource_id)).threads), ["other"])
    equal(names.short((await memory.list_messages_by_resource_id(resource_id=names("new"))).messages), ["a"])


@check("M7")
async def check_same_owner_writes_nothing(memory: MemoryStorage) -> None:
    """Giving a thread to the resource that has it changes nothing, not even updated_at."""
    thread = await saved_thread(memory, Names()("t"), title="title", metadata={"a": 1})
    same = await memory.update_thread_resource_id(thread_id=thread.id, resource_id=thread.resource_id)
    equal([same, await thread_of(memory, thread.id)], [thread, thread])


@check("M7")
async def check_new_owner_of_missing_thread(memory: MemoryStorage) -> None:
    """A missing thread is NotFoundError, a blank resource ValidationError; nothing changes."""
    thread = await conversation(memory, names := Names(), messages=["a"])
    await raises(
        NotFoundError,
        "UPDATE_THREAD_RESOURCE_ID_NOT_FOUND",
        memory.update_thread_resource_id(thread_id=names("absent"), resource_id="new"),
    )
    for blank in ("", "  ", "\n"):
        call = memory.update_thread_resource_id(thread_id=thread.id, resource_id=blank)
        await raises(ValidationError, "UPDATE_THREAD_RESOURCE_ID_INVALID_ARGUMENT", call)
    equal((await thread_of(memory, thread.id)).resource_id, thread.resource_id)


@check("M8", "M52")
async def check_delete_removes_thread_and_messages(memory: MemoryStorage) -> None:
    """Deleting a thread deletes its messages, and neither other threads nor the resource."""
    names = Names()
    thread = await conversation(memory, names, "t", ["a", "b"])
    other = await saved_thread(memory, names("other"), thread.resource_id)
    await saved_message(memory, other, names("c"))
    resource = await saved_resource(memory, thread.resource_id, working_memory="kept")
    before = await thread_of(memory, other.id)
    await memory.delete_thread(thread_id=thread.id)
    equal(await memory.get_thread_by_id(thread_id=thread.id), None)
    equal(await memory.list_messages_by_id(message_ids=[names("a"), names("b")]), [], "its messages")
    equal(names.short(await messages_in(memory, other.id)), ["c"], "messages of the other thread")
    equal(await thread_of(memory, other.id), before, "the other thread")
    equal(await memory.get_resource_by_id(resource_id=thread.resource_id), resource, "the resource")


@check("M8")
async def check_delete_removes_stray_messages(memory: MemoryStorage) -> None:
    """Messages whose thread is missing go when that thread is deleted."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    await memory.update_messages(messages=[{"id": names("a"), "thread_id": names("ghost")}])
    equal(names.short(await messages_in(memory, names("ghost"))), ["a"], "the stray message")
    await memory.delete_thread(thread_id=names("ghost"))
    equal(await memory.list_messages_by_id(message_ids=[names("a")]), [])
    equal(names.short(await messages_in(memory, thread.id)), ["b"], "messages of the other thread")


@check("M8")
async def check_deleted_thread_can_be_made_again(memory: MemoryStorage) -> None:
    """An id is free again after its thread is deleted, and nothing of the old thread comes back."""
    names = Names()
    for _ in range(2):
        thread = await conversation(memory, names, messages=["a"], title="title", metadata={"a": 1})
        equal(names.short(await messages_in(memory, thread.id)), ["a"])
        await memory.delete_thread(thread_id=thread.id)
    bare = await saved_thread(memory, thread.id)
    equal(await thread_of(memory, thread.id), bare)
    equal(await messages_in(memory, thread.id), [])


@check("M9")
async def check_times_are_the_same_everywhere(memory: MemoryStorage) -> None:
    """Getter, list and update report identical times."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"), created_at=at(0.123))
    updates: list[Any] = [
        await memory.update_thread(id=thread.id, title="new"),
        await memory.update_thread_metadata(id=thread.id, update=lambda _: {"a": 1}),
        await memory.update_thread_resource_id(thread_id=thread.id, resource_id=names("new")),
    ]
    updated = updates[-1]
    found = await thread_of(memory, thread.id)
    (listed,) = (await memory.list_threads(resource_id=names("new"))).threads
    for one in (updated, found, listed):
        equal((one.created_at, one.updated_at), (at(0.123), updated.updated_at))
        equal(one.updated_at.microsecond % 1000, 0, "microseconds")
    first = await memory.update_thread(id=thread.id)
    equal(first, await thread_of(memory, thread.id), "update_thread and the getter")


@check("M9", "M20")
async def check_times_of_bumped_threads_are_the_same_everywhere(memory: MemoryStorage) -> None:
    """The time of a bump is the same from the getter and from the list."""
    thread = await saved_thread(memory, (names := Names())("t"), names("owner"))
    await memory.save_messages(messages=[a_message(thread, names("m"))])
    (listed,) = (await memory.list_threads(resource_id=names("owner"))).threads
    equal(await thread_of(memory, thread.id), listed)
