"""Included messages and what they do to a page (M27 to M31)."""

from __future__ import annotations

from itertools import product
from typing import Any

from ..domains import MemoryStorage
from ..errors import ValidationError
from ..records import MessageInclude
from .expect import ensure, equal, raises
from .registry import check
from .scenes import Names, a_message, at, conversation, lenient, said, saved_message, saved_thread


def window(names: Names, name: str, previous: int = 0, following: int = 0) -> MessageInclude:
    """An include by short name."""
    return MessageInclude(id=names(name), with_previous_messages=previous, with_next_messages=following)


async def included(memory: MemoryStorage, names: Names, *include: MessageInclude, **arguments: Any) -> str:
    """Short names of what includes alone return."""
    page = await memory.list_messages(thread_id=names("any"), include=include, **{"per_page": 0, **arguments})
    return "".join(names.short(page.messages))


@check("M27")
async def check_windows(memory: MemoryStorage) -> None:
    """A window is the target with its neighbours by position, clipped at the ends of the thread."""
    await conversation(memory, names := Names(), messages=list("abcdefg"))
    expected = {
        ("d", 0, 0): "d",
        ("d", 1, 0): "cd",
        ("d", 0, 1): "de",
        ("d", 2, 3): "bcdefg",
        ("a", 5, 1): "ab",
        ("g", 1, 5): "fg",
        ("d", 99, 99): "abcdefg",
        ("a", 0, 0): "a",
        ("unknown", 2, 2): "",
    }
    equal({key: await included(memory, names, window(names, *key)) for key in expected}, expected)


@check("M27", "M29")
async def check_windows_are_united(memory: MemoryStorage) -> None:
    """Overlapping and repeated windows give each message once, in order."""
    await conversation(memory, names := Names(), messages=list("abcdefg"))
    includes = [
        window(names, "f", 1, 1),
        window(names, "b", 1, 1),
        window(names, "c", 1),
        window(names, "f"),
        window(names, "zzz", 3, 3),
    ]
    equal(await included(memory, names, *includes), "abcefg")
    equal(await included(memory, names, *includes, order_by="-created_at"), "gfecba", "descending")


# Position decides among messages of one instant, so the names run against the order of saving.
@check("M27")
async def check_windows_of_ties(memory: MemoryStorage) -> None:
    """Among messages of one instant positions go by id, and the target is always part of its window."""
    thread = await saved_thread(memory, (names := Names())("t"))
    await saved_message(memory, thread, names("0"), 0)
    await memory.save_messages(messages=[a_message(thread, names(name), 5) for name in "hgfedcba"])
    await saved_message(memory, thread, names("z"), 9)
    expected = {
        ("d", 0, 0): "d",
        ("d", 1, 0): "cd",
        ("d", 0, 1): "de",
        ("d", 2, 2): "bcdef",
        ("a", 2, 1): "0ab",
        ("h", 1, 2): "ghz",
        ("h", 0, 0): "h",
        ("a", 0, 0): "a",
    }
    equal({key: await included(memory, names, window(names, *key)) for key in expected}, expected)
    for name in "abcdefgh":
        found = await included(memory, names, window(names, name, 3, 3))
        ensure(name in found, f"{name} should be in its own window, found {found}")


@check("M27")
async def check_windows_stay_in_their_thread(memory: MemoryStorage) -> None:
    """Neighbours come from the target's thread, also when threads interleave in time."""
    names = Names()
    threads = [await saved_thread(memory, names(name), names("owner")) for name in ("one", "two")]
    for second, name in enumerate("aAbBcCdD"):
        await saved_message(memory, threads[name.isupper()], names(name), second)
    equal(await included(memory, names, window(names, "b", 1, 1)), "abc")
    equal(await included(memory, names, window(names, "b", 1, 1), window(names, "C", 1)), "abBcC")


@check("M27")
async def check_include_finds_any_thread(memory: MemoryStorage) -> None:
    """An included message is found wherever it lives; the thread named in the entry never restricts."""
    names = Names()
    await conversation(memory, names, "one", ["a", "b"])
    two = await conversation(memory, names, "two", ["x", "y"])
    for thread_id in (None, names("one"), names("two"), names("unknown"), ""):
        include = [{"id": names("y"), "thread_id": thread_id, "with_previous_messages": 1}]
        page = await memory.list_messages(thread_id=names("one"), include=include)
        equal((names.short(page.messages), page.total), (["a", "x", "b", "y"], 2), repr(thread_id))
    equal(two.id, names("two"))


@check("M27", "G15")
async def check_bad_counts_are_refused(memory: MemoryStorage) -> None:
    """Numbers of neighbours are whole and not negative."""
    thread = await conversation(memory, names := Names(), messages=["a"])
    untyped = lenient(memory)
    for field, wrong in product(("with_previous_messages", "with_next_messages"), (-1, 1.0, "1", True, None)):
        include = [{"id": names("a"), field: wrong}]
        call = untyped.list_messages(thread_id=thread.id, include=include)
        await raises(ValidationError, "LIST_MESSAGES_INVALID_ARGUMENT", call, says=field)
        owned = untyped.list_messages_by_resource_id(resource_id=thread.resource_id, include=include)
        await raises(ValidationError, "LIST_MESSAGES_BY_RESOURCE_ID_INVALID_ARGUMENT", owned, says=field)


@check("M27")
async def check_many_includes(memory: MemoryStorage) -> None:
    """Hundreds of includes in one call, each with its own window."""
    thread = await saved_thread(memory, (names := Names())("t"))
    batch = [a_message(thread, names(f"{number:04}"), number, content={}) for number in range(1500)]
    await memory.save_messages(messages=batch)
    include = [window(names, f"{number:04}", 1) for number in range(1, 1500, 3)]
    page = await memory.list_messages(thread_id=thread.id, per_page=0, include=include)
    equal(names.short(page.messages), [f"{number:04}" for number in range(1500) if number % 3 != 2])


@check("M28")
async def check_includes_ignore_filters(memory: MemoryStorage) -> None:
    """Date range, metadata filter and paging do not apply to included messages."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    for second, name in enumerate("abcde", 1):
        await saved_message(memory, thread, names(name), second, content=said("", metadata={"kind": name}))
    include = [window(names, "b", 1)]
    pages = {
        "date range": await memory.list_messages(thread_id=thread.id, include=include, date_range={"start": at(5)}),
        "metadata": await memory.list_messages(thread_id=thread.id, include=include, metadata={"kind": "e"}),
        "paging": await memory.list_messages(thread_id=thread.id, include=include, page=4, per_page=1),
        "past the end": await memory.list_messages(thread_id=thread.id, include=include, page=9, per_page=5),
    }
    found = {label: ("".join(names.short(page.messages)), page.total) for label, page in pages.items()}
    equal(found, {"date range": ("abe", 1), "metadata": ("abe", 1), "paging": ("abe", 5), "past the end": ("ab", 5)})


@check("M28", "M32")
async def check_includes_respect_the_resource(memory: MemoryStorage) -> None:
    """A target of another resource contributes nothing; foreign neighbours are skipped when counting positions."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"))
    for second, name in enumerate("aXbYZcWd", 1):
        owner = names("guest" if name.isupper() else "owner")
        await saved_message(memory, thread, names(name), second, resource_id=owner)
    scope: dict[str, Any] = {"resource_id": names("owner")}
    equal(await included(memory, names, window(names, "c", 2, 1), **scope), "abcd")
    equal(await included(memory, names, window(names, "Y", 3, 3), **scope), "")
    equal(await included(memory, names, window(names, "c", 2, 1)), "YZcW", "without a resource")
    page = await memory.list_messages_by_resource_id(
        per_page=0, include=[window(names, "c", 2), window(names, "Y", 9, 9)], **scope
    )
    equal(names.short(page.messages), ["a", "b", "c"], "list by resource")


@check("M29", "M24")
async def check_page_and_includes_are_one_list(memory: MemoryStorage) -> None:
    """Page and included messages are one sorted list, each id once; the total counts the page's set alone."""
    names = Names()
    thread = await conversation(memory, names, "one", list("bdfh"))
    other = await saved_thread(memory, names("two"))
    for second, name in enumerate("aceg"):
        await saved_message(memory, other, names(name), second + 0.5)
    include = [window(names, "e", 1, 1), window(names, "d", 0, 1)]
    for order_by, expected in (("created_at", "bcdefg"), ("-created_at", "hgfedc")):
        page = await memory.list_messages(thread_id=thread.id, include=include, per_page=2, order_by=order_by)
        equal(("".join(names.short(page.messages)), page.total), (expected, 4), order_by)


@check("M29", "M32")
async def check_includes_of_a_resource_list(memory: MemoryStorage) -> None:
    """A list by resource is united with its includes; has_more follows the page alone (M30, plain G3)."""
    thread = await conversation(memory, names := Names(), messages=list("abcde"))
    include = [window(names, "d", 9, 9)]
    page = await memory.list_messages_by_resource_id(resource_id=thread.resource_id, per_page=2, include=include)
    equal(("".join(names.short(page.messages)), page.total, page.has_more), ("abcde", 5, True))
    last = await memory.list_messages_by_resource_id(
        resource_id=thread.resource_id, per_page=2, page=2, include=[window(names, "a")], order_by="-created_at"
    )
    equal(("".join(names.short(last.messages)), last.total, last.has_more), ("a", 5, False))


def _include(names: Names, *windows: tuple[Any, ...]) -> list[MessageInclude]:
    return [window(names, *one) for one in windows]


@check("M30a", "M22", "M24", "M27", "M29", "M30")
async def check_example_table(memory: MemoryStorage) -> None:
    """The example of the contract, line by line."""
    names = Names()
    thread = await conversation(memory, names, "T", ["m1", "m2", "m3", "m4", "m5"])
    other = await saved_thread(memory, names("U"))
    await saved_message(memory, other, names("u1"), 6)
    table: list[tuple[dict[str, Any], str, int, bool]] = [
        ({"per_page": 2}, "m1 m2", 5, True),
        ({"per_page": 2, "page": 2}, "m5", 5, False),
        ({"per_page": 2, "page": 9}, "", 5, False),
        ({"per_page": 2, "include": _include(names, ("m3", 1))}, "m1 m2 m3", 5, True),
        ({"per_page": 3, "include": _include(names, ("m1", 0, 10))}, "m1 m2 m3 m4 m5", 5, False),
        ({"per_page": 2, "order_by": "-created_at", "include": _include(names, ("u1",))}, "u1 m5 m4", 5, True),
        ({"per_page": 0, "include": _include(names, ("m3", 1, 1))}, "m2 m3 m4", 0, False),
        ({"per_page": 0, "include": _include(names, ("m2", 0, 1), ("m3", 1))}, "m2 m3", 0, False),
        ({"include": _include(names, ("unknown",))}, "m1 m2 m3 m4 m5", 5, False),
        ({"per_page": None}, "m1 m2 m3 m4 m5", 5, False),
    ]
    for arguments, expected, total, has_more in table:
        page = await memory.list_messages(thread_id=thread.id, **arguments)
        found = (" ".join(names.short(page.messages)), page.total, page.has_more)
        equal(found, (expected, total, has_more), repr(arguments))


@check("M30")
async def check_includes_may_complete_a_thread(memory: MemoryStorage) -> None:
    """has_more is false once page and includes hold everything that was asked for, and only then."""
    names = Names()
    thread = await conversation(memory, names, "T", list("abcde"))
    await conversation(memory, names, "U", list("vwxyz"))
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"include": _include(names, ("e", 2))}, False),
        ({"include": _include(names, ("e", 1))}, True),
        ({"include": _include(names, ("x", 9, 9))}, True),
        ({"include": _include(names, ("a", 0, 9), ("x", 9, 9))}, False),
        ({"include": _include(names, ("b", 1))}, True),
        ({"page": 1, "include": _include(names, ("a", 0, 1))}, True),
        ({"page": 1, "include": _include(names, ("a", 0, 1), ("e",))}, False),
        ({"page": 2, "include": _include(names, ("a",))}, False),
    ]
    for arguments, has_more in cases:
        page = await memory.list_messages(thread_id=thread.id, **{"per_page": 2, **arguments})
        equal((page.has_more, page.total), (has_more, 5), repr(arguments))
    for windows, count in (([("v", 0, 9)], 8), ([("v", 0, 9), ("d", 0, 9)], 10)):
        include = _include(names, *windows)
        both = await memory.list_messages(thread_id=[names("T"), names("U")], per_page=5, include=include)
        equal((len(both.messages), both.has_more, both.total), (count, count < 10, 10), "two threads")


@check("M30", "M26")
async def check_has_more_with_a_metadata_filter(memory: MemoryStorage) -> None:
    """With a metadata filter includes have no say in has_more."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    for second, name in enumerate("abcdef", 1):
        content = said("", metadata={"kind": "vowel" if name in "ae" else "other"})
        await saved_message(memory, thread, names(name), second, content=content)
    everything = [window(names, "a", 9, 9)]
    cases: dict[tuple[int, int | None], bool] = {
        (0, 2): True,
        (1, 2): False,
        (0, 4): False,
        (0, 3): True,
        (5, 2): False,
        (0, None): False,
    }
    for key, has_more in cases.items():
        for include in ([], everything):
            page = await memory.list_messages(
                thread_id=thread.id, page=key[0], per_page=key[1], include=include, metadata={"kind": "other"}
            )
            equal((page.has_more, page.total), (has_more, 4), f"{key} with {len(include)} includes")


@check("M31")
async def check_total_may_be_left_out(memory: MemoryStorage) -> None:
    """Without the total, records and has_more are the same, and total is at least what the page shows."""
    names = Names()
    thread = await conversation(memory, names, messages=list("abcde"))
    await memory.update_messages(
        messages=[{"id": names(name), "content": {"metadata": {"kind": "x"}}} for name in "ace"]
    )
    untyped = lenient(memory)
    includes: tuple[list[MessageInclude], ...] = ([], [window(names, "c", 1)], [window(names, "a", 0, 9)])
    filters: tuple[dict[str, Any], ...] = ({}, {"metadata": {"kind": "x"}}, {"date_range": {"start": at(2)}})
    lists = {"thread_id": thread.id}, {"resource_id": thread.resource_id}
    for owner, include, filtered, order in product(lists, includes, filters, ("created_at", "-created_at")):
        lister = untyped.list_messages if "thread_id" in owner else untyped.list_messages_by_resource_id
        for page, per_page in ((0, 2), (1, 2), (2, 2), (0, 5), (0, 3), (0, 1), (9, 3), (0, None), (0, 0)):
            arguments = {**owner, **filtered, "include": include, "page": page, "per_page": per_page, "order_by": order}
            counted = await lister(**arguments)
            uncounted = await lister(**arguments, include_total=False)
            equal(names.short(uncounted.messages), names.short(counted.messages), repr(arguments))
            equal(uncounted.has_more, counted.has_more, f"has_more of {arguments}")
            shown = min(per_page or 0, counted.total - page * (per_page or 0))
            if shown > 0:  # past the end there is no page to be shown
                ensure(uncounted.total >= page * (per_page or 0) + shown, f"total {uncounted.total} of {arguments}")
