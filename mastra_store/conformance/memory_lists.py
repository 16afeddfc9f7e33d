"""Lists of threads, and filters on metadata (M10 to M13, M26)."""

from __future__ import annotations

from typing import Any

from ..domains import MemoryStorage
from ..errors import ValidationError
from .expect import equal, outcome, raises
from .registry import check
from .scenes import Names, at, conversation, lenient, said, saved_message, saved_thread


@check("M10")
async def check_threads_are_ordered(memory: MemoryStorage) -> None:
    """Threads come newest first unless told otherwise, by creation or by last change."""
    names = Names()
    for name, created, updated in (("a", 1, 9), ("b", 2, 7), ("c", 3, 8)):
        await saved_thread(memory, names(name), names("owner"), created_at=at(created), updated_at=at(updated))
    orders = ["created_at", "-created_at", "updated_at", "-updated_at"]
    pages = {order: await memory.list_threads(resource_id=names("owner"), order_by=order) for order in orders}
    found = {order: "".join(names.short(page.threads)) for order, page in pages.items()}
    equal(found, {"created_at": "abc", "-created_at": "cba", "updated_at": "bca", "-updated_at": "acb"})
    default = await memory.list_threads(resource_id=names("owner"))
    equal(names.short(default.threads), ["c", "b", "a"], "default order")


@check("M10")
async def check_changed_threads_move_to_the_front(memory: MemoryStorage) -> None:
    """By last change, a thread that was just written to comes first."""
    names = Names()
    for name in ("a", "b", "c"):
        await saved_thread(memory, names(name), names("owner"))
    thread = await memory.update_thread(id=names("b"))
    page = await memory.list_threads(resource_id=names("owner"), order_by="-updated_at")
    equal(names.short(page.threads), ["b", "c", "a"])
    equal(page.threads[0], thread, "as returned by the update")


@check("M10", "G13")
async def check_lists_keep_to_their_resource(memory: MemoryStorage) -> None:
    """A list by resource holds that resource's threads only."""
    names = Names()
    for name, owner in (("a", "one"), ("b", "two"), ("c", "one")):
        await saved_thread(memory, names(name), names(owner))
    pages = {owner: await memory.list_threads(resource_id=names(owner)) for owner in ("one", "two", "three")}
    found = {owner: (names.short(page.threads), page.total) for owner, page in pages.items()}
    equal(found, {"one": (["c", "a"], 2), "two": (["b"], 1), "three": ([], 0)})


@check("M13", empty=True)
async def check_no_filter_lists_every_thread(memory: MemoryStorage) -> None:
    """Without any filter every thread of every resource is listed and counted."""
    names = Names()
    for name in ("a", "b", "c"):
        await saved_thread(memory, names(name), names(f"owner of {name}"), created_at=at(ord(name)))
    for page in (await memory.list_threads(), await memory.list_threads(resource_id=None, metadata=None)):
        equal((names.short(page.threads), page.total, page.has_more), (["c", "b", "a"], 3, False))
    equal((await memory.list_threads(metadata={})).total, 3, "an empty filter")


# The metadata of the threads, or messages, that the table below filters.
STORED: dict[str, dict[str, Any] | None] = {
    "none": None,
    "empty": {},
    "null": {"k": None},
    "one": {"k": 1},
    "one point zero": {"k": 1.0},
    "text one": {"k": "1"},
    "true": {"k": True},
    "text true": {"k": "true"},
    "false": {"k": False},
    "zero": {"k": 0},
    "no text": {"k": ""},
    "half": {"k": 0.5},
    "tenth": {"k": 0.1},
    "large": {"k": 2**53 + 1},
    "huge": {"k": 1e23},
    "text null": {"k": "null"},
    "text": {"k": 'it\'s "é" 😀 \\ %'},
    "list": {"k": [1]},
    "dict": {"k": {"k": 1}},
    "other key": {"other": 1},
    "deep key": {"deep": {"k": 1}},
    "both": {"k": 1, "other": "x"},
    "upper": {"K": 1},
}
MATCHES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, list(STORED)),
    ({"k": None}, ["null"]),
    ({"k": 1}, ["one", "one point zero", "both"]),
    ({"k": 1.0}, ["one", "one point zero", "both"]),
    ({"k": "1"}, ["text one"]),
    ({"k": True}, ["true"]),
    ({"k": "true"}, ["text true"]),
    ({"k": False}, ["false"]),
    ({"k": 0}, ["zero"]),
    ({"k": -0.0}, ["zero"]),
    ({"k": ""}, ["no text"]),
    ({"k": 0.5}, ["half"]),
    ({"k": 0.1}, ["tenth"]),
    ({"k": 0.10000000000000002}, []),
    ({"k": 2**53 + 1}, ["large"]),
    ({"k": 2**53}, []),
    ({"k": 1e23}, ["huge"]),
    ({"k": "null"}, ["text null"]),
    ({"k": 'it\'s "é" 😀 \\ %'}, ["text"]),
    ({"k": "%"}, []),
    ({"k": "[1]"}, []),
    ({"k": '{"k": 1}'}, []),
    ({"k": 1, "other": "x"}, ["both"]),
    ({"k": 1, "other": None}, []),
    ({"k": 1, "absent": 1}, []),
    ({"other": 1}, ["other key"]),
    ({"K": 1}, ["upper"]),
    ({"absent": None}, []),
]


@check("M11")
async def check_thread_metadata_filter(memory: MemoryStorage) -> None:
    """A filter matches a present key with an equal value of the same JSON type, and nothing else."""
    names = Names()
    for name, metadata in STORED.items():
        await saved_thread(memory, names(name), names("owner"), metadata=metadata)
    for wanted, expected in MATCHES:
        page = await memory.list_threads(resource_id=names("owner"), metadata=wanted)
        equal((sorted(names.short(page.threads)), page.total), (sorted(expected), len(expected)), repr(wanted))


@check("M26", "M11")
async def check_message_metadata_filter(memory: MemoryStorage) -> None:
    """Message lists filter on content.metadata by the same rules."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    for name, metadata in STORED.items():
        content = said(name) if metadata is None else said(name, metadata=metadata)
        await saved_message(memory, thread, names(name), content=content)
    for wanted, expected in MATCHES:
        page = await memory.list_messages(thread_id=thread.id, metadata=wanted)
        owned = await memory.list_messages_by_resource_id(resource_id=thread.resource_id, metadata=wanted)
        equal(names.short(page.messages), names.short(owned.messages), f"both lists by {wanted}")
        equal((sorted(names.short(page.messages)), page.total), (sorted(expected), len(expected)), repr(wanted))


@check("M26")
async def check_filter_ignores_what_is_no_metadata(memory: MemoryStorage) -> None:
    """Only content.metadata is looked at, not other parts of the content, and only where it is an object."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    contents: dict[str, dict[str, Any]] = {
        "match": {"metadata": {"k": 1}},
        "bare": {},
        "beside": {"k": 1},
        "provider": {"providerMetadata": {"k": 1}},
        "deeper": {"metadata": {"metadata": {"k": 1}}},
        "in part": {"parts": [{"metadata": {"k": 1}}]},
        "null": {"metadata": None},
        "list": {"metadata": [{"k": 1}]},
        "text": {"metadata": '{"k": 1}'},
        "number": {"metadata": 1},
    }
    for name, content in contents.items():
        await saved_message(memory, thread, names(name), content=content)
    page = await memory.list_messages(thread_id=thread.id, metadata={"k": 1})
    equal(names.short(page.messages), ["match"])
    absent = await memory.list_messages(thread_id=thread.id, metadata={"k": None})
    equal(names.short(absent.messages), [], "null matches no absent key")


@check("M11", "G2", "G3")
async def check_filtered_threads_are_paged(memory: MemoryStorage) -> None:
    """Pages, total and has_more refer to the filtered set."""
    names = Names()
    for number in range(7):
        metadata = {"kind": "odd" if number % 2 else "even"}
        await saved_thread(memory, names(str(number)), names("owner"), metadata=metadata, created_at=at(number))
    found = []
    for number in range(3):
        page = await memory.list_threads(
            resource_id=names("owner"), metadata={"kind": "even"}, page=number, per_page=2, order_by="created_at"
        )
        found.append((names.short(page.threads), page.total, page.has_more))
    equal(found, [(["0", "2"], 4, True), (["4", "6"], 4, False), ([], 4, False)])


BAD_KEYS: list[Any] = [
    *("", " ", "a b", "a.b", "a-b", "1a", "é", "a'", 'a"', "a\n", "$set", "a[0]", "a٣", "a\x00", "x" * 129),
    *("__proto__", "prototype", "constructor"),
    *(1, None, True, ("a",)),
]
GOOD_KEYS = ["a", "_", "A1", "_1", "x" * 128, "__proto", "proto__", "Constructor", "select", "k_0"]


@check("M12")
async def check_filter_keys(memory: MemoryStorage) -> None:
    """Filter keys are plain identifiers of at most 128 characters, and not those that JavaScript reserves."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    untyped = lenient(memory)
    for key in BAD_KEYS:
        wanted = {key: 1}
        found = {
            "LIST_THREADS": await outcome(untyped.list_threads(metadata=wanted)),
            "LIST_MESSAGES": await outcome(untyped.list_messages(thread_id=thread.id, metadata=wanted)),
            "LIST_MESSAGES_BY_RESOURCE_ID": await outcome(
                untyped.list_messages_by_resource_id(resource_id=thread.resource_id, metadata=wanted)
            ),
        }
        equal(found, {prefix: f"ValidationError {prefix}_INVALID_METADATA_KEY" for prefix in found}, repr(key))
    for key in GOOD_KEYS:
        await saved_thread(memory, names("keyed"), names("owner"), metadata={key: "v"})
        page = await memory.list_threads(resource_id=names("owner"), metadata={key: "v"})
        equal(names.short(page.threads), ["keyed"], repr(key))


@check("M12")
async def check_filter_values(memory: MemoryStorage) -> None:
    """Filter values are scalars; mappings, lists, non-finite numbers and other types are refused."""
    thread = await conversation(memory, Names(), messages=["m"])
    untyped = lenient(memory)
    for value in ({}, {"a": 1}, [], [1], (1,), float("nan"), float("inf"), b"bytes", at(1), object()):
        wanted = {"fine": 1, "k": value}
        found = {
            "LIST_THREADS": await outcome(untyped.list_threads(metadata=wanted)),
            "LIST_MESSAGES": await outcome(untyped.list_messages(thread_id=thread.id, metadata=wanted)),
            "LIST_MESSAGES_BY_RESOURCE_ID": await outcome(
                untyped.list_messages_by_resource_id(resource_id=thread.resource_id, metadata=wanted)
            ),
        }
        equal(found, {prefix: f"ValidationError {prefix}_INVALID_METADATA_VALUE" for prefix in found}, repr(value))


@check("M12", "M26")
async def check_filters_are_mappings(memory: MemoryStorage) -> None:
    """A filter is a mapping, whatever its values."""
    untyped = lenient(memory)
    for wrong in ("k", ["k"], 1, [("k", 1)]):
        call = untyped.list_threads(metadata=wrong)
        await raises(ValidationError, "LIST_THREADS_INVALID_ARGUMENT", call)


@check("M12")
async def check_stored_keys_are_free(memory: MemoryStorage) -> None:
    """Keys that cannot be filtered by can be stored, and filtering by another key still works."""
    names = Names()
    metadata = {"a.b": 1, "__proto__": {"k": 2}, "é": 3, "x" * 200: 4, "k": 1}
    await saved_thread(memory, names("t"), names("owner"), metadata=metadata)
    page = await memory.list_threads(resource_id=names("owner"), metadata={"k": 1})
    equal([thread.metadata for thread in page.threads], [metadata])
