"""Every way to write payloads and text of the memory domain, and to read them again (G8, G9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ..domains import MemoryStorage
from ..records import MessageUpdate, Thread
from .expect import ensure, equal
from .scenes import (
    Names,
    a_message,
    lenient,
    message_of,
    messages_in,
    resource_of,
    said,
    saved_message,
    saved_resource,
    saved_thread,
    thread_of,
)


async def by_save_thread(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata of a saved thread."""
    thread = await saved_thread(memory, (names := Names())("t"), names("owner"), metadata=value)
    listed = await memory.list_threads(resource_id=names("owner"))
    return [thread.metadata, (await thread_of(memory, thread.id)).metadata, listed.threads[0].metadata]


async def by_update_thread(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata merged into a thread by its keys."""
    thread = await saved_thread(memory, Names()("t"))
    updated = await memory.update_thread(id=thread.id, metadata=value)
    return [updated.metadata, (await thread_of(memory, thread.id)).metadata]


async def by_update_thread_metadata(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata returned by the function that computes it."""
    thread = await saved_thread(memory, Names()("t"))

    def update(_: Thread) -> dict[str, Any]:
        return value

    updated = await memory.update_thread_metadata(id=thread.id, update=update)
    return [updated and updated.metadata, (await thread_of(memory, thread.id)).metadata]


async def by_save_messages(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Content of a saved message, as an unknown key and as its metadata."""
    thread = await saved_thread(memory, (names := Names())("t"))
    saved = await saved_message(memory, thread, names("m"), content=said("", metadata=value, opaque=value))
    of_owner = await memory.list_messages_by_resource_id(resource_id=thread.resource_id)
    found = [saved, await message_of(memory, saved.id), *await messages_in(memory, thread.id), *of_owner.messages]
    return [message.content[key] for message in found for key in ("metadata", "opaque")]


async def by_update_messages(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Content merged into a stored message."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), content=said("", metadata={}))
    update = MessageUpdate(id=names("m"), content={"metadata": value, "opaque": value})
    updated = await memory.update_messages(messages=[update])
    found = [*updated, await message_of(memory, names("m"))]
    return [message.content[key] for message in found for key in ("metadata", "opaque")]


async def by_save_resource(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata of a saved resource."""
    resource = await saved_resource(memory, Names()("r"), metadata=value)
    return [resource.metadata, (await resource_of(memory, resource.id)).metadata]


async def by_update_resource(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata of a resource that is created by updating, then merged into an existing one."""
    names = Names()
    created = await memory.update_resource(resource_id=names("new"), metadata=value)
    old = await saved_resource(memory, names("old"))
    updated = await memory.update_resource(resource_id=old.id, metadata=value)
    read = [await resource_of(memory, resource.id) for resource in (created, updated)]
    return [resource.metadata for resource in (created, updated, *read)]


async def by_copies(memory: MemoryStorage, value: dict[str, Any]) -> list[Any]:
    """Metadata given to a copy of a thread, and content of a copied message."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), content=said("", opaque=value))
    clone = await memory.clone_thread(source_thread_id=thread.id, metadata=value)
    metadata = [clone.thread.metadata, (await thread_of(memory, clone.thread.id)).metadata]
    messages = [*clone.cloned_messages, *await messages_in(memory, clone.thread.id)]
    given = [{key: item for key, item in (found or {}).items() if key != "clone"} for found in metadata]
    return [*given, *(message.content["opaque"] for message in messages)]


CARRIERS = {
    "save_thread": by_save_thread,
    "update_thread": by_update_thread,
    "update_thread_metadata": by_update_thread_metadata,
    "save_messages": by_save_messages,
    "update_messages": by_update_messages,
    "save_resource": by_save_resource,
    "update_resource": by_update_resource,
    "clone_thread": by_copies,
}


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


COLUMNS = {
    "title": title,
    "update_thread title": updated_title,
    "resource_id": thread_owner,
    "role": message_role,
    "type": message_type,
    "content": message_text,
    "working_memory": working_memory,
    "metadata": metadata,
}


async def writers(memory: MemoryStorage, names: Names) -> dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]:
    """Every way to write a payload, by operation and field, as functions of the payload."""
    untyped = lenient(memory)
    thread = await saved_thread(memory, names("t"), names("owner"), metadata={"old": 1})
    message = await saved_message(memory, thread, names("m"), content=said("old"))
    resource = await saved_resource(memory, names("r"), metadata={"old": 1})
    copy = {"source_thread_id": thread.id, "new_thread_id": names("copy")}

    def new_message(value: Any) -> Awaitable[Any]:
        return memory.save_messages(
            messages=[a_message(thread, names("fine")), a_message(thread, names("n"), content=value)]
        )

    def resaved(value: Any) -> Awaitable[Any]:
        return memory.save_resource(resource=type(resource)(id=names("r"), metadata=value))

    def resaved_thread(value: Any) -> Awaitable[Any]:
        return memory.save_thread(thread=Thread(id=names("t"), resource_id=names("owner"), metadata=value))

    def computed(value: Any) -> Awaitable[Any]:
        return memory.update_thread_metadata(id=thread.id, update=lambda _: value)

    def updated(value: Any) -> Awaitable[Any]:
        return memory.update_messages(messages=[{"id": message.id, "role": "system", "content": value}])

    return {
        ("SAVE_THREAD", "metadata"): resaved_thread,
        ("UPDATE_THREAD", "metadata"): lambda value: untyped.update_thread(id=thread.id, title="new", metadata=value),
        ("UPDATE_THREAD_METADATA", ""): computed,
        ("SAVE_MESSAGES", "content"): new_message,
        ("UPDATE_MESSAGES", "content"): updated,
        ("SAVE_RESOURCE", "metadata"): resaved,
        ("UPDATE_RESOURCE", "metadata"): partial(_update_resource, untyped, resource.id),
        ("CLONE_THREAD", "metadata"): lambda value: untyped.copy_thread(**copy, metadata=value),
    }


async def _update_resource(untyped: Any, id: str, value: Any) -> Any:
    return await untyped.update_resource(resource_id=id, working_memory="new", metadata=value)


async def nothing_written(memory: MemoryStorage, names: Names) -> None:
    """The scene of ``writers`` is as it was."""
    thread = await thread_of(memory, names("t"))
    equal((thread.title, thread.metadata), ("", {"old": 1}), "the thread")
    resource = await resource_of(memory, names("r"))
    equal((resource.working_memory, resource.metadata), (None, {"old": 1}), "the resource")
    messages = await messages_in(memory, thread.id)
    equal([(message.id, message.role, message.content) for message in messages], [(names("m"), "user", said("old"))])
    equal(await memory.get_thread_by_id(thread_id=names("copy")), None, "the copy")
