"""Resources and working memory (M46 to M52)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..instants import now
from ..records import Resource
from .expect import ensure, equal, raises
from .registry import check
from .scenes import BASE, Names, at, conversation, is_now, lenient, resource_of, saved_resource

NO_TEXT: list[Any] = [1, True, {}, ["text"], b"text"]
NO_OBJECT: list[Any] = [1, True, [], "text"]


@check("M46")
async def check_resource_is_found_by_id(memory: MemoryStorage) -> None:
    """A stored resource comes back equal; a missing one is None."""
    names = Names()
    resource = Resource(id=names("r"), working_memory="text", metadata={"a": [1]}, created_at=at(1), updated_at=at(2))
    equal(await memory.save_resource(resource=resource), resource, "what save_resource returned")
    equal(await memory.get_resource_by_id(resource_id=resource.id), resource)
    equal(await memory.get_resource_by_id(resource_id=names("other")), None)


@check("M47")
async def check_save_replaces_the_whole_resource(memory: MemoryStorage) -> None:
    """Saving again replaces every column; what is omitted becomes None, times are those given."""
    id = Names()("r")
    full = Resource(id=id, working_memory="old", metadata={"old": 1}, created_at=at(5), updated_at=at(3))
    other = Resource(id=id, working_memory="", metadata={}, created_at=at(1), updated_at=at(9))
    bare = Resource(id=id, created_at=BASE)
    for resource in (full, other, bare, full):
        equal(await memory.save_resource(resource=resource), resource, "what was returned")
        equal(await resource_of(memory, id), resource)
    equal(bare.updated_at, BASE, "updated_at follows created_at")


@check("M47", "G15")
async def check_bad_resources_are_refused(memory: MemoryStorage) -> None:
    """Working memory is text or absent, metadata a mapping or absent, times are aware."""
    id = Names()("r")
    wrong: list[dict[str, Any]] = [{"working_memory": value} for value in NO_TEXT]
    wrong += [{"metadata": value} for value in NO_OBJECT]
    wrong += [{"created_at": BASE.replace(tzinfo=None)}, {"updated_at": BASE.replace(tzinfo=None)}]
    for fields in wrong:
        call = memory.save_resource(resource=Resource(id=id, **fields))
        await raises(ValidationError, "SAVE_RESOURCE_INVALID_ARGUMENT", call, says=next(iter(fields)))
    equal(await memory.get_resource_by_id(resource_id=id), None)


@check("M48")
async def check_update_creates_a_resource(memory: MemoryStorage) -> None:
    """Updating a missing resource creates it with what was given, metadata {} if none was, and both times now."""
    cases: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
        ({}, None, {}),
        ({"working_memory": "text"}, "text", {}),
        ({"working_memory": ""}, "", {}),
        ({"metadata": {"a": None}}, None, {"a": None}),
        ({"working_memory": "text", "metadata": {}}, "text", {}),
    ]
    for arguments, working_memory, metadata in cases:
        before, id = now(), Names()("r")
        created = await memory.update_resource(resource_id=id, **arguments)
        equal((created.id, created.working_memory, created.metadata), (id, working_memory, metadata), repr(arguments))
        equal(await resource_of(memory, id), created, "as stored")
        equal(created.created_at, created.updated_at)
        ensure(is_now(created.created_at, before), f"{created.created_at} is not now")


@check("M49")
async def check_update_changes_working_memory(memory: MemoryStorage) -> None:
    """working_memory=None leaves it, any string replaces it, also the empty one."""
    resource = await saved_resource(memory, Names()("r"), metadata={"a": 1})
    found = []
    for text in (None, "new", None, "", None, "again"):
        updated = await memory.update_resource(resource_id=resource.id, working_memory=text)
        equal(await resource_of(memory, resource.id), updated, "as stored")
        found.append(updated.working_memory)
    equal(found, [None, "new", "new", "", "", "again"])
    equal((await resource_of(memory, resource.id)).metadata, {"a": 1}, "metadata stays")


@check("M49")
async def check_update_merges_resource_metadata(memory: MemoryStorage) -> None:
    """metadata=None leaves it, a mapping is merged one level deep, explicit nulls included."""
    stored = {"kept": None, "replaced": {"a": 1}}
    resource = await saved_resource(memory, Names()("r"), working_memory="text", metadata=stored)
    await memory.update_resource(resource_id=resource.id, metadata=None)
    equal((await resource_of(memory, resource.id)).metadata, stored)
    given = {"replaced": {"b": 2}, "nulled": None}
    updated = await memory.update_resource(resource_id=resource.id, metadata=given)
    equal(updated.metadata, {"kept": None, **given})
    equal(await resource_of(memory, resource.id), updated, "as stored")
    equal(updated.working_memory, "text", "working memory stays")


@check("M49")
async def check_absent_resource_metadata(memory: MemoryStorage) -> None:
    """Absent metadata stays absent until a mapping is merged into it, an empty one too."""
    resource = await saved_resource(memory, Names()("r"))
    found = []
    for metadata in (None, {}, None, {"a": 1}):
        found.append((await memory.update_resource(resource_id=resource.id, metadata=metadata)).metadata)
        equal((await resource_of(memory, resource.id)).metadata, found[-1], "as stored")
    equal(found, [None, {}, {}, {"a": 1}])


@check("M49")
async def check_resource_update_bumps_always(memory: MemoryStorage) -> None:
    """updated_at is bumped even when nothing else changes; created_at stays."""
    id = Names()("r")
    changes: tuple[dict[str, Any], ...] = ({}, {"working_memory": "text"}, {"metadata": {}}, {"metadata": {"a": 1}})
    for change in changes:
        await saved_resource(memory, id, working_memory="text", metadata={"a": 1})
        before = now()
        updated = await memory.update_resource(resource_id=id, **change)
        ensure(is_now(updated.updated_at, before), f"updated_at of {change}: {updated.updated_at}")
        equal((updated.created_at, updated.working_memory, updated.metadata), (BASE, "text", {"a": 1}), repr(change))
        equal(await resource_of(memory, id), updated, "as stored")


@check("M50")
async def check_working_memory_is_opaque(memory: MemoryStorage) -> None:
    """Working memory comes back as the same text, whatever it looks like."""
    texts = [
        "",
        " ",
        '{"a": 1, "b": null}',
        "[]",
        "null",
        "123",
        '"quoted"',
        "# Notes\n- one\r\n",
        "x" * 20_000,
        "😀\u2028",
    ]
    for text in texts:
        id = Names()("r")
        await saved_resource(memory, id, working_memory=text)
        equal((await resource_of(memory, id)).working_memory, text, "saved")
        await memory.update_resource(resource_id=id, working_memory=f"{text}!")
        equal((await resource_of(memory, id)).working_memory, f"{text}!", "updated")


@check("M50", "G15")
async def check_working_memory_is_text(memory: MemoryStorage) -> None:
    """Working memory that is no text is refused."""
    resource = await saved_resource(memory, Names()("r"), working_memory="old")
    for wrong in NO_TEXT:
        call = lenient(memory).update_resource(resource_id=resource.id, working_memory=wrong)
        await raises(ValidationError, "UPDATE_RESOURCE_INVALID_ARGUMENT", call, says="working_memory")
    equal(await resource_of(memory, resource.id), resource)


@check("M51")
async def check_one_of_the_written_values_stays(memory: MemoryStorage) -> None:
    """After concurrent updates each field holds one of the values written, and every caller succeeded."""
    id = Names()("r")
    texts = [f"text {number}" * 100 for number in range(20)]
    updates = [memory.update_resource(resource_id=id, working_memory=text, metadata={"last": text}) for text in texts]
    updated = await asyncio.gather(*updates)
    equal([resource.working_memory for resource in updated], texts, "what the callers got")
    stored = await resource_of(memory, id)
    ensure(stored.working_memory in texts and (stored.metadata or {})["last"] in texts, "the stored record")
    ensure(stored in updated, "the last caller got what is stored")


@check("M52")
async def check_resources_and_threads_are_independent(memory: MemoryStorage) -> None:
    """Saving and deleting threads neither creates, changes nor deletes resources."""
    names = Names()
    thread = await conversation(memory, names, messages=["m"])
    equal(await memory.get_resource_by_id(resource_id=thread.resource_id), None, "after saving a thread")
    resource = await saved_resource(memory, thread.resource_id, working_memory="kept")
    await memory.save_messages(messages=[])
    await memory.update_thread_resource_id(thread_id=thread.id, resource_id=names("new"))
    equal(await memory.get_resource_by_id(resource_id=names("new")), None, "after giving the thread away")
    await memory.delete_thread(thread_id=thread.id)
    equal(await memory.get_resource_by_id(resource_id=resource.id), resource, "after deleting the thread")
