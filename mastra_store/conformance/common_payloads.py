"""Payloads (G8): whatever way they are written, they come back equal, and what is no JSON is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..records import MessageUpdate, Thread
from .expect import ensure, equal, raises
from .payloads import AWKWARD_KEYS, BIG_INTEGERS, NORMALISED, REFUSED, SURVIVE
from .registry import check
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

Carrier: TypeAlias = Callable[[MemoryStorage, dict[str, Any]], Awaitable[list[Any]]]
"""Writes an object in one way and returns what every way of reading it gives back."""


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


CARRIERS: dict[str, Carrier] = {
    "save_thread": by_save_thread,
    "update_thread": by_update_thread,
    "update_thread_metadata": by_update_thread_metadata,
    "save_messages": by_save_messages,
    "update_messages": by_update_messages,
    "save_resource": by_save_resource,
    "update_resource": by_update_resource,
    "clone_thread": by_copies,
}


async def carried(carrier: Carrier, memory: MemoryStorage, given: Any, expected: Any) -> None:
    """Everything that is read back equals what was expected."""
    for found in await carrier(memory, {"v": given}):
        equal(found, {"v": expected})


async def survives_all(memory: MemoryStorage, carrier: Carrier) -> None:
    """The whole table of payloads, in one object and as its top-level keys."""
    for label, value in SURVIVE.items():
        for found in await carrier(memory, {"v": value}):
            equal(found, {"v": value}, label)


@check("G8", "M2", "M9")
async def check_payloads_survive_save_thread(memory: MemoryStorage) -> None:
    """Metadata of saved threads is read back equal."""
    await survives_all(memory, by_save_thread)


@check("G8", "M4")
async def check_payloads_survive_update_thread(memory: MemoryStorage) -> None:
    """Metadata merged into threads is read back equal."""
    await survives_all(memory, by_update_thread)


@check("G8", "M6")
async def check_payloads_survive_update_thread_metadata(memory: MemoryStorage) -> None:
    """Metadata computed from threads is read back equal."""
    await survives_all(memory, by_update_thread_metadata)


@check("G8", "M17", "M32a")
async def check_payloads_survive_save_messages(memory: MemoryStorage) -> None:
    """Message content is read back equal, whatever its keys."""
    await survives_all(memory, by_save_messages)


@check("G8", "M33")
async def check_payloads_survive_update_messages(memory: MemoryStorage) -> None:
    """Content merged into messages is read back equal."""
    await survives_all(memory, by_update_messages)


@check("G8", "M47")
async def check_payloads_survive_save_resource(memory: MemoryStorage) -> None:
    """Metadata of saved resources is read back equal."""
    await survives_all(memory, by_save_resource)


@check("G8", "M48", "M49")
async def check_payloads_survive_update_resource(memory: MemoryStorage) -> None:
    """Metadata of created and of updated resources is read back equal."""
    await survives_all(memory, by_update_resource)


@check("G8", "M41", "M43")
async def check_payloads_survive_copies(memory: MemoryStorage) -> None:
    """Metadata given to a copy and the content it takes over are read back equal."""
    await survives_all(memory, by_copies)


@check("G8")
async def check_awkward_keys_at_the_top(memory: MemoryStorage) -> None:
    """Keys that look like paths, operators or prototypes are plain keys, also where merging looks at them."""
    for label, carrier in CARRIERS.items():
        for found in await carrier(memory, AWKWARD_KEYS):
            equal(found, AWKWARD_KEYS, label)


@check("G8", needs="big_integers")
async def check_big_integers_survive(memory: MemoryStorage) -> None:
    """Integers beyond 64 bits keep every digit."""
    for carrier in CARRIERS.values():
        await carried(carrier, memory, BIG_INTEGERS, BIG_INTEGERS)


@check("G8", needs="number_types")
async def check_number_types_survive(memory: MemoryStorage) -> None:
    """Ints stay ints and floats stay floats."""
    numbers = [1, 1.0, 0, 0.5, -3, -3.25, 100, 100.0, 2**53]
    for label, carrier in CARRIERS.items():
        for found in await carrier(memory, {"v": numbers}):
            equal(
                [type(number).__name__ for number in found["v"]], [type(number).__name__ for number in numbers], label
            )


@check("G8")
async def check_payloads_are_put_into_json_form(memory: MemoryStorage) -> None:
    """Tuples come back as lists, aware datetimes as Mastra's text."""
    for label, (given, expected) in NORMALISED.items():
        for carrier in CARRIERS.values():
            for found in await carrier(memory, {"v": given}):
                equal(found, {"v": expected}, label)


@check("G8", "M43", "M33")
async def check_content_keeps_key_order(memory: MemoryStorage) -> None:
    """Message content is text in every shared database, so its key order survives saving, updating and copying."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    content = {"zulu": 1, "format": 2, "parts": [{"type": "text", "b": 1, "a": 2}], "alpha": {"2": 0, "1": 0}}
    await saved_message(memory, thread, names("m"), content=content)
    await memory.update_messages(
        messages=[MessageUpdate(id=names("m"), content={"yankee": 1, "alpha": {"b": 1, "a": 2}})]
    )
    clone = await memory.clone_thread(source_thread_id=thread.id)
    for message in (await message_of(memory, names("m")), *clone.cloned_messages):
        equal(list(message.content), ["zulu", "format", "parts", "alpha", "yankee"])
        equal([list(message.content["alpha"]), list(message.content["parts"][0])], [["b", "a"], ["type", "b", "a"]])


@check("G8", needs="keeps_key_order")
async def check_metadata_keeps_key_order(memory: MemoryStorage) -> None:
    """Metadata keeps the order of its keys where it is stored as text; merging replaces in place and appends."""
    thread = await saved_thread(memory, Names()("t"), metadata={"zulu": 1, "alpha": {"z": 1, "a": 2}, "": 0})
    updated = await memory.update_thread(id=thread.id, metadata={"new": 1, "alpha": {"y": 1, "b": 2}})
    for found in (updated.metadata or {}, (await thread_of(memory, thread.id)).metadata or {}):
        equal(list(found), ["zulu", "alpha", "", "new"])
        equal(list(found["alpha"]), ["y", "b"])


@check("G8", "G10", "G15")
async def check_what_is_no_json_is_refused_everywhere(memory: MemoryStorage) -> None:
    """Values that are no JSON are a ``ValidationError`` naming the field, whatever the method."""
    names = Names()
    calls = await _writers(memory, names)
    for label, value in REFUSED.items():
        for (code, field), call in calls.items():
            error = await raises(ValidationError, f"{code}_INVALID_ARGUMENT", call({"fine": 1, "v": value}))
            ensure(field in str(error), f"{code}, {label}: {error} should name {field}")
    await _nothing_written(memory, names)


@check("G8", "G10")
async def check_bad_keys_at_the_top_are_refused(memory: MemoryStorage) -> None:
    """A key that is no string is refused at the top level as well."""
    names = Names()
    for (code, _), call in (await _writers(memory, names)).items():
        for key in (1, None, True, 1.5, b"bytes", ("a",)):
            await raises(ValidationError, f"{code}_INVALID_ARGUMENT", call({"fine": 1, key: 2}))
    await _nothing_written(memory, names)


@check("G8", "G15")
async def check_payloads_must_be_objects(memory: MemoryStorage) -> None:
    """Metadata and content are mappings; other JSON values are refused."""
    names = Names()
    for (code, _), call in (await _writers(memory, names)).items():
        for value in ([], ["a"], "text", 1, True):
            await raises(ValidationError, f"{code}_INVALID_ARGUMENT", call(value))
    await _nothing_written(memory, names)


async def _writers(memory: MemoryStorage, names: Names) -> dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]:
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


async def _nothing_written(memory: MemoryStorage, names: Names) -> None:
    """The scene of ``_writers`` is as it was."""
    thread = await thread_of(memory, names("t"))
    equal((thread.title, thread.metadata), ("", {"old": 1}), "the thread")
    resource = await resource_of(memory, names("r"))
    equal((resource.working_memory, resource.metadata), (None, {"old": 1}), "the resource")
    messages = await messages_in(memory, thread.id)
    equal([(message.id, message.role, message.content) for message in messages], [(names("m"), "user", said("old"))])
    equal(await memory.get_thread_by_id(thread_id=names("copy")), None, "the copy")
