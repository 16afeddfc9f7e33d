"""Paging, ordering and date ranges (G1 to G7), the same for every list of the memory domain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeAlias

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..records import DateRange
from .expect import ensure, equal, outcome, raises
from .registry import check
from .scenes import Names, a_message, at, conversation, lenient, message_of, saved_thread, thread_of

Lister: TypeAlias = Callable[..., Awaitable[Any]]
LARGEST = 2**53 - 1


async def lists_of(memory: MemoryStorage, names: Names) -> dict[str, Lister]:
    """The list methods by error prefix, each over five rows named 1 to 5, oldest first unless told otherwise."""
    owner = names("owner")
    for second in range(1, 6):
        await saved_thread(memory, names(str(second)), owner, created_at=at(second))
    first = await thread_of(memory, names("1"))
    await memory.save_messages(messages=[a_message(first, names(str(second)), second) for second in range(1, 6)])
    untyped = lenient(memory)
    return {
        "LIST_THREADS": partial(untyped.list_threads, resource_id=owner, order_by="created_at"),
        "LIST_MESSAGES": partial(untyped.list_messages, thread_id=first.id),
        "LIST_MESSAGES_BY_RESOURCE_ID": partial(untyped.list_messages_by_resource_id, resource_id=owner),
    }


def rows_of(page: Any) -> list[Any]:
    """The records of a page of threads or messages."""
    records: list[Any] = page.threads if hasattr(page, "threads") else page.messages
    return records


@check("G1")
async def check_bad_paging_is_refused(memory: MemoryStorage) -> None:
    """Page numbers that are no whole numbers of at least 0 are refused, with the list's own code."""
    bad = [-1, True, False, 1.0, 0.5, "1", "", [1], float("nan")]
    for prefix, lister in (await lists_of(memory, Names())).items():
        outcomes = {f"page={value!r}": await outcome(lister(page=value)) for value in [*bad, None]}
        outcomes |= {f"per_page={value!r}": await outcome(lister(per_page=value)) for value in bad}
        outcomes |= {f"page={page} of all": await outcome(lister(page=page, per_page=None)) for page in (1, 7)}
        equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_PAGE"), prefix)


@check("G1")
async def check_paging_errors_say_which(memory: MemoryStorage) -> None:
    """The text of a refusal names the argument."""
    for prefix, lister in (await lists_of(memory, Names())).items():
        code = f"{prefix}_INVALID_PAGE"
        await raises(ValidationError, code, lister(page=-1), says="page must be >= 0")
        await raises(ValidationError, code, lister(per_page=-1), says="per_page must be >= 0")


@check("G1")
async def check_offset_is_limited(memory: MemoryStorage) -> None:
    """An offset of 2**53 - 1 is legal and past the end, one more is refused."""
    for prefix, lister in (await lists_of(memory, Names())).items():
        for page, per_page in ((LARGEST + 1, 1), (2**27, 2**27), (2**60, 2**60)):
            await raises(ValidationError, f"{prefix}_INVALID_PAGE", lister(page=page, per_page=per_page))
        last = await lister(page=LARGEST, per_page=1)
        equal((rows_of(last), last.total, last.has_more), ([], 5, False), prefix)


@check("G2", "M10", "M32")
async def check_pages_hold_their_rows(memory: MemoryStorage) -> None:
    """A page holds its slice of the ordered set, the total counts the whole set."""
    names = Names()
    expected = {(0, 2): ["1", "2"], (1, 2): ["3", "4"], (2, 2): ["5"], (0, 5): list("12345"), (1, 3): ["4", "5"]}
    for prefix, lister in (await lists_of(memory, names)).items():
        pages = {key: await lister(page=key[0], per_page=key[1]) for key in expected}
        equal({key: names.short(rows_of(page)) for key, page in pages.items()}, expected, prefix)
        equal({page.total for page in pages.values()}, {5}, f"{prefix} totals")


@check("G2", "M10", "M32")
async def check_paging_is_echoed(memory: MemoryStorage) -> None:
    """page and per_page come back as given, the defaults when omitted, None for everything."""
    defaults = {"LIST_THREADS": 100, "LIST_MESSAGES": 40, "LIST_MESSAGES_BY_RESOURCE_ID": 40}
    for prefix, lister in (await lists_of(memory, Names())).items():
        pages = [await lister(), await lister(page=3, per_page=7), await lister(per_page=None)]
        echoed = [(page.page, page.per_page) for page in pages]
        equal(echoed, [(0, defaults[prefix]), (3, 7), (0, None)], prefix)


@check("G2", "M10", "M32")
async def check_default_page_size_cuts(memory: MemoryStorage) -> None:
    """Without per_page a list of threads holds 100 rows, a list of messages 40."""
    names = Names()
    for number in range(101):
        await saved_thread(memory, names(f"{number:03}"), names("owner"), created_at=at(number))
    thread = await thread_of(memory, names("000"))
    await memory.save_messages(messages=[a_message(thread, names(f"{number:02}"), number) for number in range(41)])
    threads = await memory.list_threads(resource_id=names("owner"))
    messages = await memory.list_messages(thread_id=thread.id)
    of_owner = await memory.list_messages_by_resource_id(resource_id=names("owner"))
    equal([len(rows_of(page)) for page in (threads, messages, of_owner)], [100, 40, 40])
    equal([page.total for page in (threads, messages, of_owner)], [101, 41, 41], "totals")


@check("G3", "G4")
async def check_has_more(memory: MemoryStorage) -> None:
    """has_more says whether rows follow the page; a page past the end is empty, not an error."""
    expected = {
        (0, 2): (2, True),
        (1, 2): (2, True),
        (2, 2): (1, False),
        (0, 5): (5, False),
        (0, 4): (4, True),
        (0, 6): (5, False),
        (3, 2): (0, False),
        (99, 10): (0, False),
        (0, None): (5, False),
    }
    for prefix, lister in (await lists_of(memory, Names())).items():
        pages = {key: await lister(page=key[0], per_page=key[1]) for key in expected}
        equal({key: (len(rows_of(page)), page.has_more) for key, page in pages.items()}, expected, prefix)
        equal({page.total for page in pages.values()}, {5}, f"{prefix} totals")


@check("G4")
async def check_no_rows_wanted(memory: MemoryStorage) -> None:
    """per_page=0 counts threads and returns none."""
    names = Names()
    await saved_thread(memory, names("a"), names("owner"))
    some = await memory.list_threads(resource_id=names("owner"), per_page=0)
    none = await memory.list_threads(resource_id=names("nobody"), per_page=0)
    seen = [(page.threads, page.total, page.has_more, page.per_page) for page in (some, none)]
    equal(seen, [([], 1, True, 0), ([], 0, False, 0)])


# In order of code point. UTF-16 order puts the emoji before the fullwidth letter, most collations reorder all of it.
TIED = ["!", "0", "10", "2", "A", "Z", "_", "a", "b", "z", "é", "Ａ", "😀"]


@check("G5", "M10")
async def check_tied_threads_are_ordered_by_id(memory: MemoryStorage) -> None:
    """Threads of one instant are ordered by the code points of their ids, in the direction of the order."""
    names = Names()
    for name in reversed(TIED):
        await saved_thread(memory, names(name), names("owner"))
    for order_by, expected in (("created_at", TIED), ("-created_at", TIED[::-1]), ("-updated_at", TIED[::-1])):
        page = await memory.list_threads(resource_id=names("owner"), order_by=order_by)
        equal(names.short(page.threads), expected, order_by)


@check("G5", "M24")
async def check_tied_messages_are_ordered_by_id(memory: MemoryStorage) -> None:
    """Messages of one instant are ordered by the code points of their ids, in the direction of the order."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    await memory.save_messages(messages=[a_message(thread, names(name)) for name in TIED[::2] + TIED[1::2]])
    for order_by, expected in (("created_at", TIED), ("-created_at", TIED[::-1])):
        page = await memory.list_messages(thread_id=thread.id, order_by=order_by)
        of_owner = await memory.list_messages_by_resource_id(resource_id=thread.resource_id, order_by=order_by)
        equal([names.short(page.messages), names.short(of_owner.messages)], [expected, expected], order_by)


@check("G5")
async def check_pages_of_ties_neither_overlap_nor_skip(memory: MemoryStorage) -> None:
    """Rows of one instant, read page by page, come once each."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"))
    for name in TIED:
        await saved_thread(memory, names(name), names("owner"))
    await memory.save_messages(messages=[a_message(thread, names(name)) for name in TIED])
    turned: list[Any] = []
    for number in range(5):
        turned += (await memory.list_messages(thread_id=thread.id, page=number, per_page=3)).messages
    equal(names.short(turned), TIED, "messages")
    turned = []
    for number in range(5):
        turned += (await memory.list_threads(resource_id=names("owner"), page=number, per_page=3)).threads
    equal(names.short(turned), sorted([*TIED, "t"], reverse=True), "threads")


@check("G6", "M10", "M24")
async def check_unknown_order_is_refused(memory: MemoryStorage) -> None:
    """Only the orderable fields order, with one leading minus at most."""
    bad = [
        "",
        "-",
        "id",
        "title",
        "createdAt",
        "created_at ",
        "--created_at",
        "+created_at",
        "created_at desc",
        None,
        1,
    ]
    for prefix, lister in (await lists_of(memory, Names())).items():
        refused = [*bad] if prefix == "LIST_THREADS" else [*bad, "updated_at"]
        outcomes = {str(value): await outcome(lister(order_by=value)) for value in refused}
        equal(outcomes, {str(value): f"ValidationError {prefix}_INVALID_ORDER_BY" for value in refused}, prefix)


DAWN, DUSK = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
RANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "open": ({}, list("12345")),
    "start": ({"start": at(3)}, list("345")),
    "end": ({"end": at(3)}, list("123")),
    "both": ({"start": at(2), "end": at(4)}, list("234")),
    "one instant": ({"start": at(3), "end": at(3)}, ["3"]),
    "start exclusive": ({"start": at(3), "start_exclusive": True}, list("45")),
    "end exclusive": ({"end": at(3), "end_exclusive": True}, list("12")),
    "both exclusive": ({"start": at(2), "end": at(4), "start_exclusive": True, "end_exclusive": True}, ["3"]),
    "empty instant": ({"start": at(3), "end": at(3), "end_exclusive": True}, []),
    "reversed": ({"start": at(4), "end": at(2)}, []),
    "just after": ({"start": at(3.001)}, list("45")),
    "just before": ({"end": at(2.999)}, list("12")),
    "between": ({"start": at(2.001), "end": at(2.999)}, []),
    "text": ({"start": "2024-01-01T12:00:02Z", "end": "2024-01-01T12:00:04.000Z"}, list("234")),
    "text elsewhere": ({"start": "2024-01-01T14:00:04+02:00"}, list("45")),
    "elsewhere": ({"start": at(4).astimezone(timezone(timedelta(hours=-5)))}, list("45")),
    "microseconds of start": ({"start": at(3) + timedelta(microseconds=999)}, list("345")),
    "microseconds of end": ({"end": at(3) + timedelta(microseconds=999)}, list("123")),
    "exclusive microseconds": ({"start": at(3) + timedelta(microseconds=999), "start_exclusive": True}, list("45")),
    "exclusive end microseconds": ({"end": at(3) + timedelta(microseconds=1), "end_exclusive": True}, list("12")),
    "beginning and end of time": (
        {"start": datetime.min.replace(tzinfo=UTC), "end": datetime.max.replace(tzinfo=UTC)},
        list("12345"),
    ),
}


@check("G7", "M25")
async def check_date_ranges(memory: MemoryStorage) -> None:
    """Bounds are inclusive unless marked exclusive, given as datetimes or as text, compared by the millisecond."""
    names = Names()
    lists = await lists_of(memory, names)
    for prefix in ("LIST_MESSAGES", "LIST_MESSAGES_BY_RESOURCE_ID"):
        found = {}
        for label, (bounds, _) in RANGES.items():
            pages = [await lists[prefix](date_range=bounds), await lists[prefix](date_range=DateRange(**bounds))]
            equal(names.short(pages[0].messages), names.short(pages[1].messages), f"mapping and DateRange, {label}")
            equal(pages[0].total, len(pages[0].messages), f"total, {label}")
            found[label] = names.short(pages[0].messages)
        equal(found, {label: expected for label, (_, expected) in RANGES.items()}, prefix)


@check("G7", "M25")
async def check_times_are_truncated_to_milliseconds(memory: MemoryStorage) -> None:
    """Microseconds of a stored time are dropped, not rounded, and times come back aware and in UTC."""
    names = Names()
    moment = datetime(2024, 1, 1, 12, 0, 0, 123999, timezone(timedelta(hours=3)))
    thread = await saved_thread(memory, names("t"), created_at=moment, updated_at=moment)
    message = a_message(thread, names("m"))
    message.created_at = moment
    await memory.save_messages(messages=[message])
    expected = datetime(2024, 1, 1, 9, 0, 0, 123000, UTC)
    equal((await message_of(memory, message.id)).created_at, expected)
    equal([thread.created_at, thread.updated_at], [expected, expected], "the thread")
    exact = await memory.list_messages(thread_id=thread.id, date_range=DateRange(start=moment, end=moment))
    equal(names.short(exact.messages), ["m"], "range of the untruncated instant")


@check("G7", "M2", "M17", "M47")
async def check_far_times_survive(memory: MemoryStorage) -> None:
    """Times long ago and far ahead come back to the millisecond."""
    names = Names()
    moments = {
        "old": datetime(1900, 1, 1, 0, 0, 0, 1000, UTC),
        "before the epoch": datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        "epoch": datetime(1970, 1, 1, tzinfo=UTC),
        "late": datetime(2999, 12, 31, 23, 59, 59, 999000, UTC),
    }
    threads = {name: await saved_thread(memory, names(name), created_at=moment) for name, moment in moments.items()}
    equal({name: (await thread_of(memory, thread.id)).created_at for name, thread in threads.items()}, moments)
    thread = threads["old"]
    for name, moment in moments.items():
        message = a_message(thread, names(name))
        message.created_at = moment
        await memory.save_messages(messages=[message])
    page = await memory.list_messages(thread_id=thread.id)
    equal({names.short([one])[0]: one.created_at for one in page.messages}, moments, "messages")
    equal(names.short(page.messages), list(moments), "their order")


@check("G7", "M25", "M40")
async def check_bad_date_ranges_are_refused(memory: MemoryStorage) -> None:
    """Bounds without offset, text that is no time and other types are refused."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    untyped = lenient(memory)
    bad = [datetime(2024, 1, 1), "2024-01-01T00:00:00", "2024-01-01", "yesterday", "", 1704067200, True]
    ranges: list[Any] = [{bound: value} for value in bad for bound in ("start", "end")]
    for wrong in (*ranges, {"begin": at(1)}, "2024-01-01T00:00:00Z", [at(1), at(2)]):
        owner, copy = thread.resource_id, names("copy")
        found = [
            await outcome(untyped.list_messages(thread_id=thread.id, date_range=wrong)),
            await outcome(untyped.list_messages_by_resource_id(resource_id=owner, date_range=wrong)),
            await outcome(untyped.copy_thread(source_thread_id=thread.id, new_thread_id=copy, date_range=wrong)),
        ]
        prefixes = ("LIST_MESSAGES", "LIST_MESSAGES_BY_RESOURCE_ID", "CLONE_THREAD")
        equal(found, [f"ValidationError {prefix}_INVALID_ARGUMENT" for prefix in prefixes], repr(wrong))
    ensure(await memory.get_thread_by_id(thread_id=names("copy")) is None, "no copy is made")
