"""Failing calls: they leave nothing (G10), codes are stable (G15), silence is agreed (G17); clearing (G14)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from ..domains import MemoryStorage
from ..errors import NotFoundError, StoreError, ValidationError
from ..records import MessageInclude, MessageUpdate, Resource, Thread
from .expect import ensure, equal, outcome, raises
from .registry import check
from .scenes import (
    BASE,
    Names,
    a_message,
    bumped,
    conversation,
    lenient,
    message_of,
    messages_in,
    resource_of,
    said,
    saved_resource,
    saved_thread,
    thread_of,
)


@check("G10", "M15", "M16", "M20")
async def check_failed_save_leaves_nothing(memory: MemoryStorage) -> None:
    """One bad message keeps the whole batch from being saved, and no thread is bumped."""
    thread = await saved_thread(memory, (names := Names())("t"))
    good = [a_message(thread, names("a")), a_message(thread, names("b"))]
    absent = Thread(id=names("absent"), resource_id="owner")
    for bad in (
        a_message(absent, names("c")),
        a_message(thread, names("c"), content={"nan": float("nan")}),
        a_message(thread, names("c"), resource_id=""),
        a_message(thread, names("c"), role=""),
        a_message(thread, ""),
    ):
        call = memory.save_messages(messages=[*good, bad])
        equal(await bumped(memory, call, thread.id), [], f"bumped threads with {bad}")
        equal(await messages_in(memory, thread.id), [], f"messages with {bad}")


@check("G10", "M16", "M21", needs="transactions")
async def check_failed_large_save_leaves_nothing(memory: MemoryStorage) -> None:
    """A batch of thousands whose last message has no thread is not saved at all."""
    thread = await saved_thread(memory, (names := Names())("t"))
    absent = Thread(id=names("absent"), resource_id=thread.resource_id)
    batch = [a_message(thread, names(str(number)), content={}) for number in range(5000)]
    call = memory.save_messages(messages=[*batch, a_message(absent, names("last"))])
    equal(await bumped(memory, call, thread.id), [])
    equal((await memory.list_messages(thread_id=thread.id)).total, 0)


@check("G10", "M4", "M33", "M37", "M38", "M49")
async def check_failed_updates_leave_nothing(memory: MemoryStorage) -> None:
    """A call with one good and one bad part changes nothing."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"], metadata={"old": 1})
    await saved_resource(memory, names("r"), working_memory="old", metadata={"old": 1})
    untyped, bad = lenient(memory), {"new": object()}
    first = {"id": names("a"), "role": "system"}
    calls: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: untyped.update_thread(id=thread.id, title="new", metadata=bad),
        lambda: untyped.update_thread(id=thread.id, title=1, metadata={"new": 1}),
        lambda: untyped.update_resource(resource_id=names("r"), working_memory="new", metadata=bad),
        lambda: untyped.update_resource(resource_id=names("r"), working_memory=1, metadata={"new": 1}),
        lambda: untyped.update_messages(messages=[first, {"id": names("b"), "content": bad}]),
        lambda: untyped.update_messages(messages=[first, {"id": names("b"), "role": ""}]),
        lambda: untyped.update_messages(messages=[first, {"id": names("b"), "unknown": 1}]),
        lambda: untyped.update_messages(messages=[first, None]),
        lambda: untyped.delete_messages(message_ids=[names("a"), ""]),
    )
    for call in calls:
        found: list[str] = []
        equal(await bumped(memory, _noted(call(), found), thread.id), [], "bumped threads")
        ensure(found[0].startswith("ValidationError"), f"expected a ValidationError, got {found[0]}")
    stored = await thread_of(memory, thread.id)
    equal((stored.title, stored.metadata), ("", {"old": 1}), "the thread")
    resource = await resource_of(memory, names("r"))
    equal((resource.working_memory, resource.metadata, resource.updated_at), ("old", {"old": 1}, BASE), "the resource")
    equal([message.role for message in await messages_in(memory, thread.id)], ["user", "user"], "the messages")


@check("G10", "M39", "M40", "M41")
async def check_failed_copies_leave_nothing(memory: MemoryStorage) -> None:
    """A copy that is refused makes no thread and no messages."""
    source = await conversation(memory, names := Names(), messages=["a", "b"])
    untyped, copy = lenient(memory), names("copy")
    arguments: tuple[dict[str, Any], ...] = (
        {"message_limit": 0},
        {"message_limit": -1},
        {"message_limit": True},
        {"message_limit": 1.0},
        {"message_ids": [""]},
        {"message_ids": names("a")},
        {"metadata": {"bad": object()}},
        {"metadata": []},
        {"title": 1},
        {"resource_id": " "},
        {"date_range": {"start": "soon"}},
        {"source_thread_id": names("absent")},
    )
    for wrong in arguments:
        call = untyped.clone_thread(**{"source_thread_id": source.id, "new_thread_id": copy, **wrong})
        ensure(await outcome(call) != "ok", f"{wrong} should be refused")
        equal(await memory.get_thread_by_id(thread_id=copy), None, f"thread after {wrong}")
        equal(await messages_in(memory, copy), [], f"messages after {wrong}")


@check("G14", empty=True)
async def check_clearing_removes_everything(memory: MemoryStorage) -> None:
    """``dangerously_clear_all`` removes threads, messages and resources, and works on an empty domain."""
    await memory.dangerously_clear_all()
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    await saved_resource(memory, names("r"))
    await memory.dangerously_clear_all()
    equal((await memory.list_threads()).total, 0, "threads")
    equal(await messages_in(memory, thread.id), [], "messages")
    equal(await memory.list_messages_by_id(message_ids=[names("a")]), [], "messages by id")
    equal(await memory.get_resource_by_id(resource_id=names("r")), None, "resource")


@check("G14", empty=True)
async def check_cleared_tables_are_usable(memory: MemoryStorage) -> None:
    """After clearing, everything can be saved again under the same ids."""
    names = Names()
    for _ in range(2):
        thread = await conversation(memory, names, messages=["a", "b"])
        await saved_resource(memory, names("r"))
        equal(names.short(await messages_in(memory, thread.id)), ["a", "b"])
        await memory.dangerously_clear_all()


@check("G15", "M4", "M7", "M16", "M39")
async def check_codes_of_missing_things(memory: MemoryStorage) -> None:
    """Changing what does not exist is a ``NotFoundError`` with the code of the operation."""
    names = Names()
    absent = Thread(id=names("absent"), resource_id="owner")
    found = {
        "UPDATE_THREAD": await outcome(memory.update_thread(id=absent.id, title="new")),
        "UPDATE_THREAD_RESOURCE_ID": await outcome(
            memory.update_thread_resource_id(thread_id=absent.id, resource_id="new")
        ),
        "SAVE_MESSAGES": await outcome(memory.save_messages(messages=[a_message(absent, names("m"))])),
        "CLONE_THREAD": await outcome(memory.clone_thread(source_thread_id=absent.id)),
    }
    equal(found, {prefix: f"NotFoundError {prefix}_NOT_FOUND" for prefix in found})
    patched = await outcome(memory.patch_thread(id=absent.id, title="new"))
    equal(patched, "NotFoundError UPDATE_THREAD_NOT_FOUND", "patch_thread")
    copied = await outcome(memory.copy_thread(source_thread_id=absent.id))
    equal(copied, "NotFoundError CLONE_THREAD_NOT_FOUND", "copy_thread")


@check("G15", "M3", "M7", "M15", "M32", "M47")
async def check_codes_of_bad_arguments(memory: MemoryStorage) -> None:
    """Blank owners and values of wrong types are a ``ValidationError`` with the code of the operation."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    untyped = lenient(memory)
    for owner in ("", " ", "\n\t", None, 1):
        new = Thread(id=names("new"), resource_id=owner)  # type: ignore[arg-type]
        message = a_message(thread, names("new"), resource_id=owner)
        found = {
            "SAVE_THREAD": await outcome(memory.save_thread(thread=new)),
            "SAVE_MESSAGES": await outcome(memory.save_messages(messages=[message])),
            "UPDATE_THREAD_RESOURCE_ID": await outcome(
                untyped.update_thread_resource_id(thread_id=thread.id, resource_id=owner)
            ),
            "LIST_MESSAGES_BY_RESOURCE_ID": await outcome(untyped.list_messages_by_resource_id(resource_id=owner)),
        }
        equal(found, {prefix: f"ValidationError {prefix}_INVALID_ARGUMENT" for prefix in found}, repr(owner))


@check("G15")
async def check_records_of_wrong_types_are_refused(memory: MemoryStorage) -> None:
    """What is no record, no update and no include is a ``ValidationError``."""
    untyped, id, naive = lenient(memory), Names()("id"), BASE.replace(tzinfo=None)
    threads, resources = partial(Thread, resource_id="owner"), cast(Any, Resource)
    wrong_threads: list[Any] = [{}, None]
    wrong_threads += [threads(title=cast(Any, None)), threads(created_at=naive), threads(updated_at=naive)]
    wrong_resources: list[Any] = [{}, None]
    wrong_resources += [resources(working_memory=1), resources(created_at=naive), resources(created_at="now")]
    cases: dict[str, tuple[Callable[[Any], Awaitable[Any]], list[Any]]] = {
        "SAVE_THREAD": (lambda wrong: untyped.save_thread(thread=wrong), wrong_threads),
        "SAVE_MESSAGES": (lambda wrong: untyped.save_messages(messages=wrong), [None, "m", [{}], [None], {}]),
        "UPDATE_MESSAGES": (lambda wrong: untyped.update_messages(messages=wrong), [None, "m", [id], [{}], {"id": id}]),
        "DELETE_MESSAGES": (lambda wrong: untyped.delete_messages(message_ids=wrong), [None, id, {id: 1}]),
        "LIST_MESSAGES_BY_ID": (lambda wrong: untyped.list_messages_by_id(message_ids=wrong), [None, id, {id: 1}]),
        "LIST_MESSAGES": (lambda wrong: untyped.list_messages(thread_id=id, include=wrong), [id, [id], {"id": id}]),
        "SAVE_RESOURCE": (lambda wrong: untyped.save_resource(resource=wrong), wrong_resources),
        "UPDATE_RESOURCE": (lambda wrong: untyped.update_resource(resource_id=id, working_memory=wrong), [1, {}, b""]),
    }
    for prefix, (call, wrongs) in cases.items():
        outcomes = [await outcome(call(wrong)) for wrong in wrongs]
        equal(outcomes, [f"ValidationError {prefix}_INVALID_ARGUMENT"] * len(wrongs), prefix)


@check("G15")
async def check_errors_carry_domain_and_code(memory: MemoryStorage) -> None:
    """An error says which domain and which operation it is about, and is one of the store's own."""
    names = Names()
    call = memory.update_thread(id=names("absent"), title="new")
    missing = await raises(NotFoundError, "UPDATE_THREAD_NOT_FOUND", call, says=names("absent"))
    equal((missing.domain, missing.operation, missing.reason), ("memory", "UPDATE_THREAD", "NOT_FOUND"))
    ensure(isinstance(missing, StoreError), "all errors are StoreErrors")
    listing = memory.list_threads(metadata={"a b": 1})
    invalid = await raises(ValidationError, "LIST_THREADS_INVALID_METADATA_KEY", listing, says="a b")
    equal((invalid.domain, invalid.operation), ("memory", "LIST_THREADS"))


@check("G17", "M8", "M34", "M38")
async def check_missing_things_that_are_ignored(memory: MemoryStorage) -> None:
    """Deleting what is not there, and updating messages that are not there, is no error."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    await memory.delete_thread(thread_id=names("absent"))
    await memory.delete_messages(message_ids=[names("absent")])
    equal(await memory.update_messages(messages=[MessageUpdate(id=names("absent"), role="system")]), [])
    equal(await memory.update_messages(messages=[]), [], "no updates")
    await memory.delete_messages(message_ids=[])
    for _ in range(2):
        await memory.delete_messages(message_ids=[names("m")])
    for _ in range(2):
        await memory.delete_thread(thread_id=thread.id)


@check("G17", "M46", "M48")
async def check_missing_things_are_none_or_created(memory: MemoryStorage) -> None:
    """Getters of missing things return None; updating a missing resource creates it."""
    names = Names()
    equal(await memory.get_thread_by_id(thread_id=names("absent")), None)
    equal(await memory.get_resource_by_id(resource_id=names("absent")), None)
    equal(await memory.list_messages_by_id(message_ids=[names("absent")]), [])
    await memory.update_resource(resource_id=names("absent"))
    equal((await resource_of(memory, names("absent"))).id, names("absent"))


@check("G15", "M23", "M27")
async def check_plain_mappings_are_accepted(memory: MemoryStorage) -> None:
    """Includes, updates and date ranges may be mappings with snake_case names; unknown names are refused."""
    thread = await conversation(memory, names := Names(), messages=["a", "b", "c"])
    window = {"id": names("b"), "with_previous_messages": 1}
    record = MessageInclude(id=names("b"), with_previous_messages=1)
    for include in (window, record):
        page = await memory.list_messages(thread_id=thread.id, per_page=0, include=[include])
        equal(names.short(page.messages), ["a", "b"])
    await memory.update_messages(messages=[{"id": names("a"), "content": {"new": 1}}])
    equal((await message_of(memory, names("a"))).content, said(names("a"), new=1))
    camel = {"id": names("b"), "withPreviousMessages": 1}
    call = memory.list_messages(thread_id=thread.id, include=[camel])
    await raises(ValidationError, "LIST_MESSAGES_INVALID_ARGUMENT", call, says="withPreviousMessages")


async def _noted(call: Awaitable[Any], found: list[str]) -> None:
    found.append(await outcome(call))
