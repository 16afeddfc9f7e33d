"""Previews of inputs (O26): what a light list shows of what a span was given."""

from __future__ import annotations

from typing import Any

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from .expect import equal
from .payloads import HARD_TEXT
from .registry import check
from .scenes import Names, at
from .span_scenes import a_span, lists_within, put, saved_span, update

DOMAIN = "observability"


def user(content: Any) -> dict[str, Any]:
    """A message of the user."""
    return {"role": "user", "content": content}


def text(words: Any) -> dict[str, Any]:
    """A part that holds text."""
    return {"type": "text", "text": words}


HELLO = [user("hello")]
PREVIEWS: dict[str, tuple[Any, str | None]] = {
    "nothing": (None, None),
    "text": ("hello", "hello"),
    "text of many scripts": ("日本 é e\u0301 😀 \u2028", "日本 é e\u0301 😀 \u2028"),
    "text in spaces": ("  hello\n", "  hello\n"),
    "no text": ("", None),
    "only spaces": ("   ", None),
    "only lines": ("\n\t\r\n ", None),
    "a number in text": ("7", "7"),
    "null in text": ("null", "null"),
    "true in text": ("true", "true"),
    # Text that looks like JSON.
    "an object in text": ('{"a": [1, null]}', '{"a":[1,null]}'),
    "an object in text in spaces": (' \n{"a": "b c"}\t', '{"a":"b c"}'),
    "an empty object in text": ("{}", "{}"),
    "a list in text": ("[1, 2]", None),
    "an empty list in text": ("[]", None),
    "messages in text": ('[{"role": "user", "content": "hello"}]', "hello"),
    "an object with messages in text": (' {"messages": [{"role": "user", "content": "hello"}]}', "hello"),
    "a broken object": ('{"a": ', None),
    "a broken list": ("[1, 2", None),
    "a text in brackets": ("[not JSON]", None),
    "a text in braces": ("{name}, hello", None),
    "two objects": ("{} {}", None),
    "an object of JavaScript": ("{'a': 1}", None),
    "a quoted text": ('"hello"', "hello"),
    "a quoted text in spaces": (' "hello" ', "hello"),
    "a quoted text with escapes": ('"a \\"b\\" \\u00e9"', 'a "b" é'),
    "a quoted number": ('"7"', "7"),
    "a quoted object": ('"{\\"a\\": 1}"', '{"a": 1}'),
    "a quoted list": ('"[1]"', "[1]"),
    "quoted nothing": ('""', None),
    "a quote that does not end": ('"hello', '"hello'),
    "a text with quotes": ('"a" and "b"', '"a" and "b"'),
    "a text that begins with a quote": (' "a" and b ', ' "a" and b '),
    # Messages.
    "a message": (HELLO, "hello"),
    "messages": ([user("a"), {"role": "assistant", "content": "b"}, user("c")], "a | c"),
    "messages in an object": ({"messages": [user("a"), user("b")], "more": HELLO}, "a | b"),
    "no messages": ([], None),
    "no messages in an object": ({"messages": []}, None),
    "no message of the user": ([{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}], None),
    "other roles": ([{"role": "User", "content": "a"}, {"role": "user ", "content": "b"}, {"content": "c"}], None),
    "empty messages": ([user("a"), user(""), user([]), user(None), user("b")], "a | b"),
    "odd contents": ([user(7), user({"text": "a"}), user(True), {"role": "user"}, user("b")], "b"),
    "odd entries": ([None, 7, "text", [user("a")], {}, {"role": ["user"], "content": "b"}, user("c")], "c"),
    "text of JSON in a message": ([user('{"a": 1}')], '{"a": 1}'),
    "spaces in a message": ([user(" a "), user("b\n")], " a  | b\n"),
    "parts": ([user([text("a"), text("b")]), user([text("c")])], "a b | c"),
    "other parts": ([user([{"type": "image", "text": "no"}, text("a"), {"text": "no"}, {"type": "text"}])], "a"),
    "empty parts": ([user([text(""), text("a"), text("")]), user([text("")])], "a"),
    "odd parts": ([user([None, 7, text(None), text(7), text(["no"]), text({"text": "no"}), text("a")])], "a"),
    "nested parts": ([user([{"type": "text", "text": "a", "parts": [text("no")]}, [text("no")]])], "a"),
    "nested messages": ({"input": {"messages": HELLO}}, '{"input":{"messages":[{"role":"user","content":"hello"}]}}'),
    # Anything else.
    "zero": (0, "0"),
    "a number": (1.5, "1.5"),
    "false": (False, "false"),
    "true": (True, "true"),
    "an empty object": ({}, "{}"),
    "an object": ({"a": {"b": [1, "c d", None]}}, '{"a":{"b":[1,"c d",null]}}'),
    "a message alone": (user("hello"), '{"role":"user","content":"hello"}'),
    "messages that are no list": ({"messages": "hello"}, '{"messages":"hello"}'),
    "messages in an inner object": ({"messages": {"0": "a"}}, '{"messages":{"0":"a"}}'),
    "a list of text": (["a", "b"], None),
    "a list of lists": ([[user("a")]], None),
    "other scripts": ({"é": "日本 😀"}, '{"é":"日本 😀"}'),
    "quotes": ({"a": 'b "c" \\'}, '{"a":"b \\"c\\" \\\\"}'),
    # Long ones.
    "a hundred": ("x" * 100, "x" * 100),
    "a hundred and one": ("x" * 101, "x" * 100 + "…"),
    "a hundred emoji": ("😀" * 100, "😀" * 100),
    "many emoji": ("x" + "😀" * 100, "x" + "😀" * 99 + "…"),
    "a hundred combined": ("e\u0301" * 51, "e\u0301" * 50 + "…"),
    "a long quoted text": (f'"{"x" * 101}"', "x" * 100 + "…"),
    "a quoted text of a hundred": (f'"{"x" * 100}"', "x" * 100),
    "a long list in text": (f"[{'1, ' * 100}1]", None),
    "a long object": ({"a": "x" * 100}, '{"a":"' + "x" * 94 + "…"),
    "a long object in text": (f'{{"a":   "{"x" * 100}"}}', '{"a":"' + "x" * 94 + "…"),
    "long messages": ([user("x" * 60), user("y" * 60)], "x" * 60 + " | " + "y" * 37 + "…"),
    "messages of a hundred": ([user("x" * 50), user([text("y" * 46), text("")])], "x" * 50 + " | " + "y" * 46),
    "many messages": ([user("ab")] * 99, "ab | " * 20 + "…"),
    "a very long text": ("word " * 20_000, "word " * 20 + "…"),
}
"""By label: an input, and what is shown of it."""


@check("O26", "O25", domain=DOMAIN)
async def check_previews(storage: ObservabilityStorage) -> None:
    """The words of the user where there are any, else the text or the JSON, cut after a hundred characters."""
    names = Names()
    await put(
        storage, *(a_span(names, label, n, input=given) for n, (label, (given, _)) in enumerate(PREVIEWS.items()))
    )
    equal(await _previews(storage, names), {label: expected for label, (_, expected) in PREVIEWS.items()})


@check("O26", "O7", domain=DOMAIN)
async def check_previews_follow_updates(storage: ObservabilityStorage) -> None:
    """The preview is that of the input as stored now; output and metadata do not show in it."""
    names = Names()
    span = await saved_span(storage, names, "s", input="old", output="output", metadata={"messages": HELLO})
    seen = [await _previews(storage, names)]
    for given in ("new", HELLO, None, {"a": 1}):
        await update(storage, span, input=given, ended_at=at(1))
        seen.append(await _previews(storage, names))
    equal(seen, [{"s": preview} for preview in ("old", "new", "hello", None, '{"a":1}')])


@check("G9", "O26", domain=DOMAIN)
async def check_previews_of_hard_text(storage: ObservabilityStorage) -> None:
    """Where U+0000 and unpaired surrogates can be held, they are shown, also where the preview is cut."""
    for label, hard in HARD_TEXT.items():
        for given, expected in ((hard, hard), (f"{'x' * 99}{hard}yz", f"{'x' * 99}{hard}"[:100] + "…")):
            names = Names()
            try:
                await saved_span(storage, names, "s", input=given)
            except ValidationError:
                continue
            equal(await _previews(storage, names), {"s": expected}, label)


async def _previews(storage: ObservabilityStorage, names: Names) -> dict[str, str | None]:
    page = await lists_within(storage, names)["LIST_TRACES_LIGHT"](per_page=None, order_by="started_at")
    return dict(zip(names.short(page.spans), (span.input_preview for span in page.spans), strict=True))
