"""Ids and ownership (G12, G13): caller-chosen strings, matched exactly, and filters that never widen by accident."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from ..domains import MemoryStorage
from ..errors import ConflictError, ValidationError
from ..records import Message, Resource, Thread
from .expect import ensure, equal, outcome, raises
from .payloads import ID_SHAPES
from .registry import check
from .scenes import (
    Names,
    a_message,
    a_thread,
    conversation,
    lenient,
    messages_in,
    said,
    saved_message,
    saved_resource,
    saved_thread,
    thread_of,
)

UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def saved_under(shapes: dict[str, str], save: Callable[[str], Awaitable[Any]]) -> dict[str, str]:
    """Save one record per id; an id that collides with an earlier one may be a ``ConflictError`` (G12)."""
    kept = {}
    for label, id in shapes.items():
        try:
            await save(id)
        except ConflictError:
            ensure(label != "plain", "a plain id cannot collide")
        else:
            kept[label] = id
    return kept


def awkward_ids() -> dict[str, str]:
    """One id of every awkward shape, all made of one unique id."""
    plain = Names()("id")
    return {label: shape(plain) for label, shape in ID_SHAPES.items()}


@check("G12", "M1", "M2")
async def check_awkward_thread_ids(memory: MemoryStorage) -> None:
    """Threads with awkward ids are kept apart and found exactly."""

    def save(id: str) -> Awaitable[Thread]:
        return saved_thread(memory, id, title=f"title of {id}")

    ids = await saved_under(awkward_ids(), save)
    found = {label: await thread_of(memory, id) for label, id in ids.items()}
    equal(
        {label: (thread.id, thread.title) for label, thread in found.items()},
        {label: (id, f"title of {id}") for label, id in ids.items()},
    )


@check("G12", "M8")
async def check_awkward_thread_ids_are_changed_alone(memory: MemoryStorage) -> None:
    """Changing or deleting a thread with an awkward id touches no other."""
    ids = await saved_under(awkward_ids(), lambda id: saved_thread(memory, id, title="old"))
    left = dict(ids)
    for label, id in ids.items():
        await memory.update_thread(id=id, title=f"new {label}")
        del left[label]
        titles = {other: (await thread_of(memory, left[other])).title for other in left}
        equal(titles, dict.fromkeys(left, "old"), f"after updating {label}")
    left = dict(ids)
    for label, id in ids.items():
        await memory.delete_thread(thread_id=id)
        del left[label]
        found = {other: await memory.get_thread_by_id(thread_id=left[other]) is not None for other in left}
        equal(found, dict.fromkeys(left, True), f"after deleting {label}")


@check("G12", "M23")
async def check_awkward_thread_ids_of_messages(memory: MemoryStorage) -> None:
    """Messages of threads with awkward ids stay with their thread, in every list, also when they are deleted."""
    ids = await saved_under(awkward_ids(), lambda id: saved_thread(memory, id))
    for label, id in ids.items():
        await saved_message(memory, await thread_of(memory, id), f"message of {id}", content=said(label))
    listed = {label: await messages_in(memory, id) for label, id in ids.items()}
    equal(
        {label: [one.content["content"] for one in found] for label, found in listed.items()},
        {label: [label] for label in ids},
    )
    for label, id in list(ids.items())[::2]:
        await memory.delete_thread(thread_id=id)
        del ids[label]
    listed = {label: await messages_in(memory, id) for label, id in ids.items()}
    equal({label: len(found) for label, found in listed.items()}, dict.fromkeys(ids, 1), "after deleting every other")


@check("G12", "M17", "M32a")
async def check_awkward_message_ids(memory: MemoryStorage) -> None:
    """Messages with awkward ids are kept apart, found exactly, included and deleted exactly."""
    thread = await saved_thread(memory, Names()("t"))
    ids = await saved_under(awkward_ids(), lambda id: saved_message(memory, thread, id, content=said(id)))
    for label, id in ids.items():
        (found,) = await memory.list_messages_by_id(message_ids=[id])
        equal((found.id, found.content["content"]), (id, id), label)
        page = await memory.list_messages(thread_id=thread.id, per_page=0, include=[{"id": id}])
        equal([message.id for message in page.messages], [id], f"include of {label}")
    left = sorted(ids.values())
    for id in ids.values():
        await memory.delete_messages(message_ids=[id])
        left.remove(id)
        equal(sorted(message.id for message in await messages_in(memory, thread.id)), left, f"after deleting {id!r}")


@check("G12", "G13", "M10", "M32")
async def check_awkward_owners(memory: MemoryStorage) -> None:
    """Lists by resource hold exactly the rows of that resource, however awkward its id."""
    owners = awkward_ids()
    for label, owner in owners.items():
        thread = await saved_thread(memory, Names()(label), owner, title=label)
        await saved_message(memory, thread, Names()(label), content=said(label))
    threads = {label: await memory.list_threads(resource_id=owner) for label, owner in owners.items()}
    equal(
        {label: [one.title for one in page.threads] for label, page in threads.items()},
        {label: [label] for label in owners},
    )
    pages = {label: await memory.list_messages_by_resource_id(resource_id=owner) for label, owner in owners.items()}
    equal(
        {label: [one.content["content"] for one in page.messages] for label, page in pages.items()},
        {label: [label] for label in owners},
        "messages",
    )


@check("G12", "M46", "M49")
async def check_awkward_resource_ids(memory: MemoryStorage) -> None:
    """Resources with awkward ids are kept apart and found exactly."""
    ids = await saved_under(awkward_ids(), lambda id: saved_resource(memory, id, working_memory=id))
    for id in ids.values():
        await memory.update_resource(resource_id=id, metadata={"id": id})
    found = {label: await memory.get_resource_by_id(resource_id=id) for label, id in ids.items()}
    texts = {
        label: resource and (resource.id, resource.working_memory, resource.metadata)
        for label, resource in found.items()
    }
    equal(texts, {label: (id, id, {"id": id}) for label, id in ids.items()})


@check("G12")
async def check_ids_are_not_trimmed_or_folded(memory: MemoryStorage) -> None:
    """An id is not found under another spelling of it."""
    plain = Names()("id")
    await saved_thread(memory, plain)
    await saved_resource(memory, plain)
    await saved_message(memory, await thread_of(memory, plain), plain)
    for shape in (str.upper, " {}".format, "{} ".format, "{}%".format, "{}\n".format, "%{}".format):
        other = shape(plain)
        equal(await memory.get_thread_by_id(thread_id=other), None, f"thread {other!r}")
        equal(await memory.get_resource_by_id(resource_id=other), None, f"resource {other!r}")
        equal(await memory.list_messages_by_id(message_ids=[other]), [], f"message {other!r}")
        equal(await messages_in(memory, other), [], f"messages of {other!r}")
    wildcards = f"{plain[:-3]}%", f"{plain[:-1]}_", f"{plain[:-1]}?", f"{plain[:-1]}."
    for other in wildcards:
        equal(await memory.get_thread_by_id(thread_id=other), None, f"pattern {other!r}")
        equal((await memory.list_threads(resource_id=other)).total, 0, f"pattern {other!r}")


@check("G12", "M39", "M43")
async def check_omitted_ids_are_uuids(memory: MemoryStorage) -> None:
    """Ids that the caller leaves out are UUID4 strings."""
    thread = await memory.save_thread(thread=Thread(resource_id=Names()("owner")))
    message = Message(thread_id=thread.id, resource_id=thread.resource_id)
    await memory.save_messages(messages=[message])
    resource = await memory.save_resource(resource=Resource())
    copied = await memory.copy_thread(source_thread_id=thread.id)
    for id in (thread.id, message.id, resource.id, copied.thread.id, *copied.message_id_map.values()):
        ensure(UUID4.fullmatch(id), f"{id!r} should be a UUID4")


@check("G12", "G15")
async def check_empty_ids_are_refused(memory: MemoryStorage) -> None:
    """An id is a non-empty string; anything else is refused before anything happens."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    untyped, invalid = lenient(memory), "ValidationError"
    for id in ("", None, 1, b"id", ["id"]):
        found = {
            "GET_THREAD_BY_ID": await outcome(untyped.get_thread_by_id(thread_id=id)),
            "SAVE_THREAD": await outcome(untyped.save_thread(thread=Thread(id=id, resource_id="owner"))),  # type: ignore[arg-type]
            "UPDATE_THREAD": await outcome(untyped.update_thread(id=id, title="new")),
            "UPDATE_THREAD_METADATA": await outcome(untyped.update_thread_metadata(id=id, update=lambda _: {})),
            "UPDATE_THREAD_RESOURCE_ID": await outcome(
                untyped.update_thread_resource_id(thread_id=id, resource_id="o")
            ),
            "DELETE_THREAD": await outcome(untyped.delete_thread(thread_id=id)),
            "CLONE_THREAD": await outcome(untyped.copy_thread(source_thread_id=id)),
            "SAVE_MESSAGES": await outcome(untyped.save_messages(messages=[a_message(thread, id)])),  # type: ignore[arg-type]
            "LIST_MESSAGES": await outcome(untyped.list_messages(thread_id=thread.id, include=[{"id": id}])),
            "LIST_MESSAGES_BY_ID": await outcome(untyped.list_messages_by_id(message_ids=[names("m"), id])),
            "UPDATE_MESSAGES": await outcome(untyped.update_messages(messages=[{"id": id, "role": "system"}])),
            "DELETE_MESSAGES": await outcome(untyped.delete_messages(message_ids=[names("m"), id])),
            "GET_RESOURCE_BY_ID": await outcome(untyped.get_resource_by_id(resource_id=id)),
            "SAVE_RESOURCE": await outcome(untyped.save_resource(resource=Resource(id=id))),  # type: ignore[arg-type]
            "UPDATE_RESOURCE": await outcome(untyped.update_resource(resource_id=id)),
        }
        equal(found, {prefix: f"{invalid} {prefix}_INVALID_ARGUMENT" for prefix in found}, repr(id))
    equal(names.short(await messages_in(memory, thread.id)), ["m"], "nothing is deleted")


@check("G13", "M1", "M13", "M28")
async def check_empty_owner_is_no_filter(memory: MemoryStorage) -> None:
    """An empty owner is refused by lists, and owns nothing for the getter."""
    thread = await saved_thread(memory, Names()("t"))
    code = "INVALID_ARGUMENT"
    await raises(ValidationError, f"LIST_THREADS_{code}", memory.list_threads(resource_id=""))
    await raises(ValidationError, f"LIST_MESSAGES_{code}", memory.list_messages(thread_id=thread.id, resource_id=""))
    await raises(
        ValidationError, f"LIST_MESSAGES_BY_RESOURCE_ID_{code}", memory.list_messages_by_resource_id(resource_id="")
    )
    equal(await memory.get_thread_by_id(thread_id=thread.id, resource_id=""), None)


@check("G13", "M11", "M23", "M25", "M26")
async def check_filters_combine(memory: MemoryStorage) -> None:
    """Filters combine by AND, and one left at None does not filter."""
    names = Names()
    for name, owner, kind in (("1", "a", "x"), ("2", "a", "y"), ("3", "b", "x")):
        thread = await saved_thread(memory, names(name), names(owner), metadata={"kind": kind})
        for second in (1, 2):
            content = said("", metadata={"kind": kind})
            await saved_message(memory, thread, names(f"{name}.{second}"), second, content=content)
    threads = await memory.list_threads(resource_id=names("a"), metadata={"kind": "x"})
    equal((names.short(threads.threads), threads.total), (["1"], 1), "threads")
    ids = [names("1"), names("2"), names("3")]
    late = {"start": "2024-01-01T12:00:02Z"}
    every = await memory.list_messages(thread_id=ids, resource_id=None, date_range=None, metadata=None, include=None)
    equal(every.total, 6, "no filter")
    page = await memory.list_messages(thread_id=ids, resource_id=names("a"), metadata={"kind": "x"}, date_range=late)
    equal((names.short(page.messages), page.total), (["1.2"], 1), "messages")
    owned = await memory.list_messages_by_resource_id(resource_id=names("a"), metadata={"kind": "y"}, date_range=late)
    equal((names.short(owned.messages), owned.total), (["2.2"], 1), "messages of a resource")


@check("G12")
async def check_blank_but_not_empty_ids(memory: MemoryStorage) -> None:
    """An id of spaces is an id like any other."""
    for id in (" ", "\t \n"):
        await memory.save_thread(thread=a_thread(id, "owner", title=repr(id)))
        equal((await thread_of(memory, id)).title, repr(id))
        await memory.delete_thread(thread_id=id)
        equal(await memory.get_thread_by_id(thread_id=id), None)


@check("G9", "G12")
async def check_an_id_with_nul_is_its_own(memory: MemoryStorage) -> None:
    """An id with U+0000 is refused or held exactly: it never stands for what comes before the NUL, in lists neither."""
    names = Names()
    plain, awkward = names("m"), f"{names('m')}\0x"
    thread = await saved_thread(memory, names("t"))
    await memory.save_messages(messages=[a_message(thread, plain, 1)])
    try:
        await memory.save_messages(messages=[a_message(thread, awkward, 2), a_message(thread, names("n"), 3)])
    except ValidationError:
        return
    equal([message.id for message in await memory.list_messages_by_id(message_ids=[awkward])], [awkward])
    equal(await memory.list_messages_by_id(message_ids=[f"{plain}\0y"]), [])
    copied = await memory.copy_thread(source_thread_id=names("t"))
    equal(sorted(copied.message_id_map), sorted([plain, awkward, names("n")]))
    await memory.delete_messages(message_ids=[awkward, f"{names('n')}\0"])
    equal([message.id for message in await messages_in(memory, names("t"))], [plain, names("n")])
