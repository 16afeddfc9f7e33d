"""Saving and listing messages (M14 to M25, M32, M32a, M32c)."""

from __future__ import annotations

from typing import Any

from ..domains import MemoryStorage
from ..errors import NotFoundError, ValidationError
from ..records import Message, Thread
from .expect import equal, raises
from .registry import check
from .scenes import (
    BASE,
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


@check("M14")
async def check_saving_nothing(memory: MemoryStorage) -> None:
    """An empty list saves nothing and returns an empty list."""
    thread = await saved_thread(memory, Names()("t"))
    equal(await memory.save_messages(messages=[]), [])
    equal(await memory.save_messages(messages=()), [], "a tuple")
    equal(await thread_of(memory, thread.id), thread)


@check("M15")
async def check_messages_need_thread_and_owner(memory: MemoryStorage) -> None:
    """One message without a thread or a resource fails the call, and none is saved."""
    thread = await saved_thread(memory, (names := Names())("t"))
    good = a_message(thread, names("good"))
    wrong: list[dict[str, Any]] = [
        {field: blank} for field in ("thread_id", "resource_id") for blank in ("", "  ", "\n", None, 7)
    ]
    for fields in wrong:
        bad = Message(**{"id": names("bad"), "thread_id": thread.id, "resource_id": "owner", **fields})
        for batch in ([good, bad], [bad, good]):
            await raises(ValidationError, "SAVE_MESSAGES_INVALID_ARGUMENT", memory.save_messages(messages=batch))
    equal(await messages_in(memory, thread.id), [])


@check("M16")
async def check_messages_need_stored_threads(memory: MemoryStorage) -> None:
    """Every thread named must be stored, else NotFoundError naming the missing one, and nothing is saved."""
    names = Names()
    threads = [await saved_thread(memory, names(name)) for name in ("one", "two")]
    absent = Thread(id=names("absent"), resource_id="owner")
    batch = [a_message(thread, names(thread.id)) for thread in (threads[0], absent, threads[1])]
    call = memory.save_messages(messages=batch)
    await raises(NotFoundError, "SAVE_MESSAGES_NOT_FOUND", call, says=absent.id)
    page = await memory.list_messages(thread_id=[*names_of(threads), absent.id])
    equal(page.messages, [])
    equal(await memory.get_thread_by_id(thread_id=absent.id), None, "no thread is created")


@check("M16", "M18", "M20")
async def check_every_thread_named_counts(memory: MemoryStorage) -> None:
    """A thread named only by an occurrence that a later one of the same id replaces must exist and is bumped too."""
    names = Names()
    one, two = [await saved_thread(memory, names(name)) for name in ("one", "two")]
    absent = Thread(id=names("absent"), resource_id="owner")
    lost = memory.save_messages(messages=[a_message(absent, names("m")), a_message(one, names("m"))])
    await raises(NotFoundError, "SAVE_MESSAGES_NOT_FOUND", lost, says=absent.id)
    equal(await messages_in(memory, one.id), [], "nothing is saved")
    moved = memory.save_messages(messages=[a_message(one, names("m")), a_message(two, names("m"))])
    equal(names.short(await bumped(memory, moved, one.id, two.id)), ["one", "two"])


@check("M16")
async def check_message_owner_is_free(memory: MemoryStorage) -> None:
    """The resource of a message need not be that of its thread."""
    thread = await saved_thread(memory, (names := Names())("t"), names("owner"))
    await saved_message(memory, thread, names("m"), resource_id=names("guest"))
    equal((await message_of(memory, names("m"))).resource_id, names("guest"))
    guests = await memory.list_messages_by_resource_id(resource_id=names("guest"))
    equal(names.short(guests.messages), ["m"])


@check("M16")
async def check_stray_messages_are_ordinary(memory: MemoryStorage) -> None:
    """Messages of a thread that is not stored are listed, updated and deleted like others."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    ghost = names("ghost")
    await memory.update_messages(messages=[{"id": names(name), "thread_id": ghost} for name in ("a", "b")])
    equal(names.short(await messages_in(memory, ghost)), ["a", "b"])
    await memory.update_messages(messages=[{"id": names("a"), "role": "system"}])
    await memory.delete_messages(message_ids=[names("b")])
    equal([message.role for message in await messages_in(memory, ghost)], ["system"])
    equal(await memory.get_thread_by_id(thread_id=ghost), None, "no thread is created")
    owned = await memory.list_messages_by_resource_id(resource_id=thread.resource_id)
    equal(names.short(owned.messages), ["a"], "list by resource")


@check("M17")
async def check_upsert_replaces_message(memory: MemoryStorage) -> None:
    """Saving a message again replaces content, role, type and resource; content is not merged."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), role="user", type="text", content=said("old", metadata={"a": 1}))
    new = a_message(
        thread, names("m"), role="assistant", resource_id=names("other"), content={"format": 2, "parts": []}
    )
    saved = await memory.save_messages(messages=[new])
    equal(saved, [new], "what was returned")
    equal(await messages_in(memory, thread.id), [new])


@check("M17")
async def check_upsert_keeps_created_at(memory: MemoryStorage) -> None:
    """A stored message keeps its created_at, whatever time it is saved with again."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), 5)
    for second in (1, 9, 5):
        saved = await saved_message(memory, thread, names("m"), second)
        equal([saved.created_at, (await message_of(memory, names("m"))).created_at], [at(5), at(5)])


@check("M17")
async def check_upsert_moves_message(memory: MemoryStorage) -> None:
    """Saving a message with another thread moves it there, by id alone."""
    names = Names()
    one = await conversation(memory, names, "one", ["a", "b"])
    two = await conversation(memory, names, "two", ["c"])
    await saved_message(memory, two, names("a"), 9)
    found = {name: names.short(await messages_in(memory, names(name))) for name in ("one", "two")}
    equal(found, {"one": ["b"], "two": ["a", "c"]})
    equal((await message_of(memory, names("a"))).created_at, at(1), "created_at stays")
    owners = [await memory.list_messages_by_resource_id(resource_id=thread.resource_id) for thread in (one, two)]
    equal([page.total for page in owners], [1, 2], "by resource")


@check("M17")
async def check_message_is_stored_as_given(memory: MemoryStorage) -> None:
    """A new message comes back equal from every reader."""
    thread = await saved_thread(memory, (names := Names())("t"))
    message = a_message(thread, names("m"), role="assistant", type="tool-call", content={"odd": [None]})
    message.created_at = BASE.replace(microsecond=123000)
    equal(await memory.save_messages(messages=[message]), [message])
    pages = [await memory.list_messages_by_resource_id(resource_id=thread.resource_id)]
    pages.append(await memory.list_messages(thread_id=thread.id))
    for found in (*(page.messages for page in pages), await memory.list_messages_by_id(message_ids=[message.id])):
        equal(found, [message])


@check("M17", "M37")
async def check_message_types(memory: MemoryStorage) -> None:
    """A type is kept; None and v2 are the same and read as None."""
    thread = await saved_thread(memory, (names := Names())("t"))
    types = {"none": None, "v2": "v2", "text": "text", "call": "tool-call", "odd": "V2", "other": "v3"}
    saved = {name: await saved_message(memory, thread, names(name), type=type_) for name, type_ in types.items()}
    expected = {**types, "v2": None}
    equal({name: message.type for name, message in saved.items()}, expected, "what was returned")
    found = await messages_in(memory, thread.id)
    equal({names.short([message])[0]: message.type for message in found}, expected)


@check("M18")
async def check_last_occurrence_wins(memory: MemoryStorage) -> None:
    """Of several messages with one id the last is stored, with the time of the first."""
    thread = await saved_thread(memory, (names := Names())("t"))
    batch = [a_message(thread, names("m"), second, role=f"role {second}") for second in (5, 3, 7)]
    saved = await memory.save_messages(messages=[batch[0], a_message(thread, names("other"), 4), *batch[1:]])
    expected = a_message(thread, names("m"), 5, role="role 7")
    equal(names.short(saved), ["other", "m"], "one result per id, by time")
    equal([saved[1], await message_of(memory, names("m"))], [expected, expected])


@check("M18")
async def check_last_occurrence_of_a_stored_message(memory: MemoryStorage) -> None:
    """When the message is stored already, it keeps its stored time."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("m"), 2)
    batch = [a_message(thread, names("m"), second, role=f"role {second}") for second in (5, 3)]
    saved = await memory.save_messages(messages=batch)
    equal(saved, [a_message(thread, names("m"), 2, role="role 3")])
    equal(await messages_in(memory, thread.id), saved)


@check("M19")
async def check_saved_messages_are_returned_by_time(memory: MemoryStorage) -> None:
    """The result is ordered by stored time, ties in the order given."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("stored"), 1)
    batch = [("c", 5), ("z", 3), ("a", 3), ("stored", 9), ("b", 5), ("d", 2)]
    saved = await memory.save_messages(messages=[a_message(thread, names(name), second) for name, second in batch])
    equal(names.short(saved), ["stored", "d", "z", "a", "c", "b"])
    equal(saved[0].created_at, at(1), "stored time")


@check("M20")
async def check_saving_bumps_its_threads(memory: MemoryStorage) -> None:
    """Every thread named in the call is bumped, and no other; nothing else of a thread changes."""
    names = Names()
    threads = [await saved_thread(memory, names(name), names("owner"), title=name) for name in ("a", "b", "c")]
    batch = [a_message(threads[number], names(f"m{index}")) for index, number in enumerate((0, 1, 0))]
    found = await bumped(memory, memory.save_messages(messages=batch), *names_of(threads))
    equal(names.short(found), ["a", "b"])
    stored = [await thread_of(memory, thread.id) for thread in threads]
    equal(
        [(thread.title, thread.created_at, thread.metadata) for thread in stored],
        [(name, BASE, None) for name in "abc"],
    )


@check("M20")
async def check_saving_bumps_once_for_all(memory: MemoryStorage) -> None:
    """All threads of one call get the same time, which is not before the call."""
    names = Names()
    threads = [await saved_thread(memory, names(name)) for name in ("a", "b")]
    await memory.save_messages(messages=[a_message(thread, names(thread.id)) for thread in threads])
    times = [(await thread_of(memory, thread.id)).updated_at for thread in threads]
    equal(times[0], times[1])


@check("M20")
async def check_saving_does_not_bump_the_old_thread(memory: MemoryStorage) -> None:
    """The thread that a message is moved away from by saving is not bumped, the new one is."""
    names = Names()
    one = await conversation(memory, names, "one", ["m"])
    two = await saved_thread(memory, names("two"))
    call = memory.save_messages(messages=[a_message(two, names("m"))])
    equal(names.short(await bumped(memory, call, one.id, two.id)), ["two"])


@check("M21")
async def check_thousands_of_messages_in_one_call(memory: MemoryStorage) -> None:
    """A call may hold any number of messages, new and stored ones, of several threads."""
    names = Names()
    threads = [await saved_thread(memory, names(name), names("owner")) for name in ("one", "two")]
    batch = [
        a_message(threads[number % 2], names(f"{number:04}"), number, content=said(str(number)))
        for number in range(5000)
    ]
    await memory.save_messages(messages=batch[:10])
    saved = await memory.save_messages(messages=batch)
    equal(saved, batch)
    page = await memory.list_messages_by_resource_id(resource_id=names("owner"), per_page=None)
    equal((page.total, page.messages == batch), (5000, True))


@check("M22", "M32")
async def check_no_page_wanted(memory: MemoryStorage) -> None:
    """per_page=0 reads no page and counts nothing, whatever the page number and the filters."""
    thread = await conversation(memory, Names(), messages=["a", "b"])
    untyped = lenient(memory)
    more: tuple[dict[str, Any], ...] = (
        {},
        {"include": []},
        {"page": 3},
        {"metadata": {"a": 1}},
        {"include_total": False},
    )
    for arguments in more:
        pages = [
            await untyped.list_messages(thread_id=thread.id, per_page=0, **arguments),
            await untyped.list_messages_by_resource_id(resource_id=thread.resource_id, per_page=0, **arguments),
        ]
        for page in pages:
            seen = (page.messages, page.total, page.has_more, page.per_page, page.page)
            equal(seen, ([], 0, False, 0, arguments.get("page", 0)), repr(arguments))


@check("M22", "M27", "M32")
async def check_only_included_messages(memory: MemoryStorage) -> None:
    """per_page=0 with includes returns the included messages alone, and counts nothing."""
    thread = await conversation(memory, names := Names(), messages=["a", "b", "c"])
    include = [{"id": names("b"), "with_next_messages": 1}]
    pages = [
        await memory.list_messages(thread_id=thread.id, per_page=0, include=include),
        await memory.list_messages_by_resource_id(resource_id=thread.resource_id, per_page=0, include=include),
    ]
    for page in pages:
        equal((names.short(page.messages), page.total, page.has_more), (["b", "c"], 0, False))


@check("M23")
async def check_several_threads_are_one_set(memory: MemoryStorage) -> None:
    """Messages of several threads form one ordered, paged set; unknown and repeated threads add nothing."""
    names = Names()
    threads = [await saved_thread(memory, names(name)) for name in ("one", "two", "three")]
    for second in range(1, 10):
        await saved_message(memory, threads[second % 3], names(str(second)), second)
    ids = [threads[1].id, names("unknown"), threads[2].id, threads[1].id]
    page = await memory.list_messages(thread_id=ids, per_page=4)
    equal((names.short(page.messages), page.total, page.has_more), (["1", "2", "4", "5"], 6, True))
    rest = await memory.list_messages(thread_id=tuple(ids), page=1, per_page=4)
    equal((names.short(rest.messages), rest.total, rest.has_more), (["7", "8"], 6, False))
    unknown = await memory.list_messages(thread_id=names("unknown"))
    equal((unknown.messages, unknown.total, unknown.has_more), ([], 0, False), "an unknown thread")


BAD_THREAD_IDS: list[Any] = [
    *("", "  ", "\n", None, 1, b"bytes", {}),
    *([], (), [""], ["fine", ""], ["fine", " "], [None], ["fine", 1]),
]


@check("M23")
async def check_bad_thread_ids_are_refused(memory: MemoryStorage) -> None:
    """thread_id is a non-blank string or some of them; the text of the refusal says so."""
    says = "thread_id must be a non-empty string or a sequence of non-empty strings"
    untyped = lenient(memory)
    for wrong in BAD_THREAD_IDS:
        call = untyped.list_messages(thread_id=wrong)
        await raises(ValidationError, "LIST_MESSAGES_INVALID_THREAD_ID", call, says=says)


@check("M23")
async def check_messages_of_one_owner(memory: MemoryStorage) -> None:
    """resource_id keeps only messages of exactly that resource, whoever owns the thread."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"))
    for second, owner in enumerate(("owner", "guest", "owner", "Owner"), 1):
        await saved_message(memory, thread, names(str(second)), second, resource_id=names(owner))
    pages = {
        owner: await memory.list_messages(thread_id=thread.id, resource_id=names(owner))
        for owner in ("owner", "guest", "none")
    }
    found = {owner: (names.short(page.messages), page.total) for owner, page in pages.items()}
    equal(found, {"owner": (["1", "3"], 2), "guest": (["2"], 1), "none": ([], 0)})


@check("M24")
async def check_messages_are_ordered_by_time(memory: MemoryStorage) -> None:
    """Messages come oldest first unless told otherwise, whatever the order they were saved in."""
    thread = await saved_thread(memory, (names := Names())("t"))
    for name, second in (("d", 2), ("c", 4), ("b", 1), ("a", 3)):
        await saved_message(memory, thread, names(name), second)
    pages = [
        await memory.list_messages(thread_id=thread.id),
        await memory.list_messages(thread_id=thread.id, order_by="created_at"),
        await memory.list_messages(thread_id=thread.id, order_by="-created_at"),
        await memory.list_messages(thread_id=thread.id, order_by="-created_at", per_page=2, page=1),
    ]
    equal(["".join(names.short(page.messages)) for page in pages], ["bdac", "bdac", "cadb", "db"])


@check("M25", "G2", "G3")
async def check_date_ranges_are_paged(memory: MemoryStorage) -> None:
    """Pages, total and has_more refer to the messages within the range."""
    thread = await conversation(memory, names := Names(), messages=list("abcdefg"))
    found = []
    for number in range(3):
        page = await memory.list_messages(
            thread_id=thread.id, date_range={"start": at(2), "end": at(6)}, page=number, per_page=2
        )
        found.append((names.short(page.messages), page.total, page.has_more))
    equal(found, [(["b", "c"], 5, True), (["d", "e"], 5, True), (["f"], 5, False)])


@check("M32")
async def check_messages_of_a_resource(memory: MemoryStorage) -> None:
    """A list by resource holds that resource's messages of every thread, ordered and paged."""
    names = Names()
    threads = [await saved_thread(memory, names(name), names(name)) for name in ("one", "two")]
    for second in range(1, 7):
        owner = names("somebody" if second == 3 else "owner")
        await saved_message(memory, threads[second % 2], names(str(second)), second, resource_id=owner)
    page = await memory.list_messages_by_resource_id(resource_id=names("owner"), per_page=3, order_by="-created_at")
    equal((names.short(page.messages), page.total, page.has_more), (["6", "5", "4"], 5, True))
    nobody = await memory.list_messages_by_resource_id(resource_id=names("one"))
    equal((nobody.messages, nobody.total, nobody.has_more), ([], 0, False), "owner of a thread without messages")


@check("M32")
async def check_blank_resource_is_refused(memory: MemoryStorage) -> None:
    """A list by resource needs a resource that is not blank."""
    untyped = lenient(memory)
    for blank in ("", " ", "\n\t", None, 1):
        call = untyped.list_messages_by_resource_id(resource_id=blank)
        await raises(ValidationError, "LIST_MESSAGES_BY_RESOURCE_ID_INVALID_ARGUMENT", call)


@check("M32a")
async def check_messages_by_id(memory: MemoryStorage) -> None:
    """Those of the messages that exist come once each, oldest first, ties by id."""
    names = Names()
    one = await saved_thread(memory, names("one"))
    two = await saved_thread(memory, names("two"))
    for thread, name, second in ((one, "c", 2), (two, "a", 2), (one, "b", 2), (two, "d", 1)):
        await saved_message(memory, thread, names(name), second)
    ids = [names(name) for name in ("a", "unknown", "c", "a", "b", "d")]
    found = await memory.list_messages_by_id(message_ids=ids)
    equal(names.short(found), ["d", "a", "b", "c"])
    equal(await memory.list_messages_by_id(message_ids=[]), [], "no ids")
    equal(await memory.list_messages_by_id(message_ids=(names("unknown"),)), [], "an unknown id")


@check("M32a")
async def check_more_ids_than_parameters(memory: MemoryStorage) -> None:
    """More ids than a statement can hold parameters are no problem."""
    thread = await conversation(memory, names := Names(), messages=["a", "b"])
    ids = [names(f"unknown {number}") for number in range(40_000)]
    found = await memory.list_messages_by_id(message_ids=[names("b"), *ids, names("a")])
    equal(names.short(found), ["a", "b"])
    equal(found, await messages_in(memory, thread.id))


@check("M32c")
async def check_every_role_is_returned(memory: MemoryStorage) -> None:
    """Messages of any role are returned and counted, system included."""
    thread = await saved_thread(memory, (names := Names())("t"))
    roles = ["user", "assistant", "system", "signal", "tool", "data", "System"]
    for second, role in enumerate(roles):
        await saved_message(memory, thread, names(role), second, role=role)
    page = await memory.list_messages(thread_id=thread.id)
    equal(([message.role for message in page.messages], page.total), (roles, len(roles)))
    owned = await memory.list_messages_by_resource_id(resource_id=thread.resource_id)
    equal(owned.messages, page.messages)
    include = [{"id": names("assistant"), "with_next_messages": 1}]
    window = await memory.list_messages(thread_id=thread.id, per_page=0, include=include)
    equal(names.short(window.messages), ["assistant", "system"], "neighbours")


def names_of(threads: list[Thread]) -> list[str]:
    """Ids of threads."""
    return [thread.id for thread in threads]
