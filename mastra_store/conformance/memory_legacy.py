"""Message content as other programs left it (M32b)."""

from __future__ import annotations

from typing import Any

from ..domains import MemoryStorage
from ..records import Thread
from .expect import equal
from .harness import Harness, RawRow
from .registry import check
from .scenes import BASE, Names, a_message, message_of, messages_in, saved_message, saved_thread


def from_text(text: str) -> dict[str, Any]:
    """What a bare text is read as."""
    return {"format": 2, "parts": [{"type": "text", "text": text}], "content": text}


ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "current": ('{"format":2,"parts":[],"content":"x"}', {"format": 2, "parts": [], "content": "x"}),
    "odd object": ('{"foo": {"bar": null}}', {"foo": {"bar": None}}),
    "empty object": ("{}", {}),
    "spaced object": (' {"a": 1}\n', {"a": 1}),
    "plain text": ("Hello there", from_text("Hello there")),
    "text of many scripts": ("été 日本 😀", from_text("été 日本 😀")),
    "empty text": ("", from_text("")),
    "json string": ('"Hello"', from_text("Hello")),
    "json string of json": ('"{\\"a\\": 1}"', from_text('{"a": 1}')),
    "json array": ('[{"type":"text","text":"x"}]', {"format": 2, "parts": [{"type": "text", "text": "x"}]}),
    "empty array": ("[]", {"format": 2, "parts": []}),
    "number": ("123", from_text("123")),
    "null": ("null", from_text("null")),
    "true": ("true", from_text("true")),
    "broken object": ('{"a": ', from_text('{"a": ')),
    "broken array": ("[1, 2", from_text("[1, 2")),
    "not a number": ("NaN", from_text("NaN")),
    "two objects": ("{} {}", from_text("{} {}")),
    "escapes": ('{"content":"\\ud800 \\u0000 \\u00e9"}', {"content": "\ud800 \x00 é"}),
    "large numbers": ('{"n":12345678901234567000,"m":1e+21}', {"n": 12345678901234567000, "m": 1e21}),
}


@check("M32b", needs="raw_rows")
async def check_legacy_content_is_read(memory: MemoryStorage, harness: Harness) -> None:
    """Bare text, JSON strings, arrays and scalars come back as format 2; objects come back as they are."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    await write(harness, *(legacy_row(thread, names(label), text) for label, (text, _) in ROWS.items()))
    found = await messages_in(memory, thread.id)
    equal(
        {names.short([message])[0]: message.content for message in found},
        {label: expected for label, (_, expected) in ROWS.items()},
    )
    by_id = await memory.list_messages_by_id(message_ids=[names(label) for label in ROWS])
    equal(by_id, found, "by id")
    clone = await memory.clone_thread(source_thread_id=thread.id)
    origin = {new: old for old, new in clone.message_id_map.items()}
    contents = {names.short([origin[message.id]])[0]: message.content for message in clone.cloned_messages}
    equal(contents, {label: expected for label, (_, expected) in ROWS.items()}, "copied")


@check("M32b", "M33", needs="raw_rows")
async def check_legacy_content_is_updated(memory: MemoryStorage, harness: Harness) -> None:
    """Updating a legacy row merges into the content it is read as, and leaves the content alone when none is given."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    await write(harness, *(legacy_row(thread, names(label), text) for label, (text, _) in ROWS.items()))
    for label, (_, expected) in ROWS.items():
        (updated,) = await memory.update_messages(messages=[{"id": names(label), "role": "system"}])
        equal((updated.content, updated.role), (expected, "system"), label)
        await memory.update_messages(messages=[{"id": names(label), "content": {"new": 1}}])
        equal((await message_of(memory, names(label))).content, {**expected, "new": 1}, label)


@check("M32b", "M26", needs="raw_rows")
async def check_legacy_rows_among_others(memory: MemoryStorage, harness: Harness) -> None:
    """Legacy rows do not disturb filters on metadata, and rows without a resource are read with None."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    rows = [legacy_row(thread, names(label), text) for label, (text, _) in ROWS.items()]
    rows.append(legacy_row(thread, names("raw"), '{"metadata":{"k":1.0}}', type="text"))
    await write(harness, *({**row, "resourceId": None} for row in rows))
    await saved_message(memory, thread, names("match"), content={"metadata": {"k": 1}})
    page = await memory.list_messages(thread_id=thread.id, metadata={"k": 1})
    equal((names.short(page.messages), page.total), (["raw", "match"], 2))
    equal((page.messages[0].resource_id, page.messages[0].type), (None, "text"))
    owned = await memory.list_messages(thread_id=thread.id, resource_id=thread.resource_id)
    equal(names.short(owned.messages), ["match"], "rows without a resource belong to nobody")


@check("M32b")
async def check_content_is_not_decoded_twice(memory: MemoryStorage) -> None:
    """An object is returned as it is, whatever its keys; text within it that happens to be JSON stays text."""
    thread = await saved_thread(memory, (names := Names())("t"))
    contents: list[dict[str, Any]] = [
        {"content": '{"a": 1}'},
        {"format": 2, "content": "[]", "parts": '["text"]'},
        {"content": '"quoted"', "metadata": '{"k": 1}'},
        {"format": 1},
        {"parts": None},
        {},
    ]
    rows = [a_message(thread, names(str(n)), n, content=content) for n, content in enumerate(contents)]
    await memory.save_messages(messages=rows)
    equal([message.content for message in await messages_in(memory, thread.id)], contents)


def legacy_row(thread: Thread, id: str, text: str, type: str = "v2") -> RawRow:
    """A row with this content as its stored text."""
    owner = {"thread_id": thread.id, "resourceId": thread.resource_id}
    return {"id": id, **owner, "role": "user", "type": type, "content": text, "createdAt": BASE}


async def write(harness: Harness, *rows: RawRow) -> None:
    """Write rows of messages around the storage."""
    await harness.write_raw("mastra_messages", *rows)
