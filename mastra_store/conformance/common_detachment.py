"""Records are detached copies (G11): nothing that is changed outside changes the store, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..domains import MemoryStorage
from ..records import Message, MessageUpdate, Resource, Thread
from .expect import equal
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

KEPT = {"list": [1, {"deep": "old"}], "dict": {"a": 1}}


def kept() -> dict[str, Any]:
    """A fresh payload equal to ``KEPT``."""
    return {"list": [1, {"deep": "old"}], "dict": {"a": 1}}


def spoil(value: Any) -> None:
    """Change a payload at the top and deep inside."""
    value["list"][1]["deep"] = "spoilt"
    value["list"].append("spoilt")
    value["dict"].clear()
    value["new"] = "spoilt"


def spoil_thread(thread: Any) -> None:
    """Change a returned thread all over."""
    spoil(thread.metadata)
    thread.title = thread.resource_id = "spoilt"


def spoil_message(message: Any) -> None:
    """Change a returned message all over."""
    spoil(message.content["metadata"])
    message.content["parts"].append("spoilt")
    message.role = message.thread_id = "spoilt"


async def _intact_thread(memory: MemoryStorage, id: str, what: str) -> None:
    thread = await thread_of(memory, id)
    equal({key: (thread.metadata or {}).get(key) for key in KEPT} | {"new": None}, {**KEPT, "new": None}, what)
    equal("spoilt" in (thread.title, thread.resource_id), False, what)


async def _intact_message(memory: MemoryStorage, message: Message, what: str) -> None:
    equal((await message_of(memory, message.id)).content, said("old", metadata=KEPT), what)


@check("G11")
async def check_given_threads_are_not_kept(memory: MemoryStorage) -> None:
    """A thread that was passed in may be changed afterwards."""
    thread = a_thread(Names()("t"), metadata=kept())
    saved = await memory.save_thread(thread=thread)
    spoil_thread(thread)
    await _intact_thread(memory, saved.id, "after changing what was passed in")
    equal(saved.metadata, KEPT, "what was returned")


@check("G11")
async def check_returned_threads_are_not_kept(memory: MemoryStorage) -> None:
    """Threads that were returned, by whatever method, may be changed."""
    names = Names()
    await saved_thread(memory, names("t"), names("owner"), metadata=kept())
    readers: dict[str, Callable[[], Any]] = {
        "save_thread": lambda: saved_thread(memory, names("t"), names("owner"), metadata=kept()),
        "get_thread_by_id": lambda: memory.get_thread_by_id(thread_id=names("t")),
        "update_thread": lambda: memory.update_thread(id=names("t"), metadata={}),
        "update_thread_metadata": lambda: memory.update_thread_metadata(id=names("t"), update=lambda _: {}),
        "nothing to update": lambda: memory.update_thread_metadata(id=names("t"), update=lambda _: None),
        "update_thread_resource_id": lambda: memory.update_thread_resource_id(
            thread_id=names("t"), resource_id=names("owner")
        ),
    }
    for label, read in readers.items():
        spoil_thread(await read())
        await _intact_thread(memory, names("t"), label)
    for thread in (await memory.list_threads(resource_id=names("owner"))).threads:
        spoil_thread(thread)
    await _intact_thread(memory, names("t"), "list_threads")


@check("G11")
async def check_given_metadata_is_not_kept(memory: MemoryStorage) -> None:
    """Mappings that were passed to updates may be changed afterwards, what they returned as well."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    given = kept()
    spoil((await memory.update_thread(id=thread.id, metadata=given)).metadata)
    spoil(given)
    await _intact_thread(memory, thread.id, "update_thread")
    given = kept()
    await memory.update_thread_metadata(id=thread.id, update=lambda _: given)
    spoil(given)
    await _intact_thread(memory, thread.id, "update_thread_metadata")
    given = kept()
    copied = await memory.copy_thread(source_thread_id=thread.id, metadata=given)
    spoil(given)
    spoil_thread(copied.thread)
    await _intact_thread(memory, copied.thread.id, "copy_thread")


@check("G11", "M6")
async def check_the_thread_to_update_is_a_copy(memory: MemoryStorage) -> None:
    """The function given to ``update_thread_metadata`` may spoil its thread: only what it returns counts."""
    thread = await saved_thread(memory, Names()("t"), metadata=kept())

    def spoil_and_keep(found: Thread) -> None:
        spoil_thread(found)

    def spoil_and_add(found: Thread) -> dict[str, Any]:
        spoil_thread(found)
        return {"added": 1}

    await memory.update_thread_metadata(id=thread.id, update=spoil_and_keep)
    equal((await thread_of(memory, thread.id)).metadata, KEPT, "after a function that returned None")
    await memory.update_thread_metadata(id=thread.id, update=spoil_and_add)
    equal((await thread_of(memory, thread.id)).metadata, {**KEPT, "added": 1}, "after a function that added a key")
    await _intact_thread(memory, thread.id, "title and owner")


@check("G11")
async def check_given_messages_are_not_kept(memory: MemoryStorage) -> None:
    """Messages and updates that were passed in may be changed afterwards."""
    thread = await saved_thread(memory, (names := Names())("t"))
    message = a_message(thread, names("m"), content=said("old", metadata=kept()))
    (saved,) = await memory.save_messages(messages=[message])
    spoil_message(message)
    await _intact_message(memory, saved, "save_messages")
    equal(saved.content, said("old", metadata=KEPT), "what was returned")
    update = MessageUpdate(id=saved.id, content={"metadata": kept()})
    await memory.update_messages(messages=[update])
    spoil(update.content["metadata"])  # type: ignore[index]
    await _intact_message(memory, saved, "update_messages")


@check("G11")
async def check_returned_messages_are_not_kept(memory: MemoryStorage) -> None:
    """Messages that were returned, by whatever method, may be changed."""
    thread = await saved_thread(memory, (names := Names())("t"))
    message = await saved_message(memory, thread, names("m"), content=said("old", metadata=kept()))
    spoil_message(await message_of(memory, message.id))
    await _intact_message(memory, message, "list_messages_by_id")
    include = {"id": message.id}
    for page in (
        await memory.list_messages(thread_id=thread.id),
        await memory.list_messages(thread_id=thread.id, per_page=0, include=[include, include]),
        await memory.list_messages_by_resource_id(resource_id=thread.resource_id),
    ):
        spoil_message(page.messages[0])
        await _intact_message(memory, message, "a list")
    for update in ({"id": message.id}, {"id": message.id, "role": "user"}):
        spoil_message((await memory.update_messages(messages=[update]))[0])
        await _intact_message(memory, message, "update_messages")
    clone = await memory.clone_thread(source_thread_id=thread.id)
    spoil_message(clone.cloned_messages[0])
    await _intact_message(memory, message, "clone_thread, the source")
    equal((await messages_in(memory, clone.thread.id))[0].content, said("old", metadata=KEPT), "clone_thread")


@check("G11")
async def check_resources_are_not_kept(memory: MemoryStorage) -> None:
    """Resources that were passed in or returned may be changed."""
    given = Resource(id=Names()("r"), working_memory="old", metadata=kept())
    returned = [await memory.save_resource(resource=given), given]
    returned.append(await resource_of(memory, given.id))
    returned.append(await memory.update_resource(resource_id=given.id, metadata={}))
    for resource in returned:
        spoil(resource.metadata)
        resource.working_memory = "spoilt"
        stored = await resource_of(memory, given.id)
        equal((stored.working_memory, stored.metadata), ("old", KEPT))
    metadata = kept()
    created = await memory.update_resource(resource_id=Names()("new"), metadata=metadata)
    spoil(metadata)
    equal(created.metadata, KEPT, "what was returned")
    spoil(created.metadata)
    equal((await resource_of(memory, created.id)).metadata, KEPT, "a resource created by updating")


@check("G11")
async def check_records_are_not_shared_between_calls(memory: MemoryStorage) -> None:
    """Two calls never hand out the same object."""
    thread = await saved_thread(memory, (names := Names())("t"), metadata=kept())
    await saved_message(memory, thread, names("m"), content=said("old", metadata=kept()))
    await saved_resource(memory, names("r"), metadata=kept())
    first, second = [await thread_of(memory, thread.id) for _ in range(2)]
    spoil(first.metadata)
    equal(second.metadata, KEPT, "threads")
    one, other = [await message_of(memory, names("m")) for _ in range(2)]
    spoil(one.content["metadata"])
    equal(other.content["metadata"], KEPT, "messages")
    here, there = [await resource_of(memory, names("r")) for _ in range(2)]
    spoil(here.metadata)
    equal(there.metadata, KEPT, "resources")
