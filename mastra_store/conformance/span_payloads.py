"""Payloads of spans (O3, G8, G9, G11): any JSON, read back equal by every method, or refused; never shared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from ..records import Span, SpanUpdate
from .expect import CheckFailedError, ensure, equal, raises
from .payloads import AWKWARD_KEYS, BIG_INTEGERS, HARD_TEXT, NORMALISED, REFUSED, SURVIVE, TEXTS
from .registry import check
from .scenes import Names
from .span_scenes import ANY_JSON, OBJECTS, a_span, found_by, lists_within, put, rows_of, saved_span, stored, update
from .span_scenes import TEXTS as COLUMNS

DOMAIN = "observability"
LOOK_ALIKES = [
    "7",
    "-1.5",
    "1e5",
    "[1]",
    "[]",
    '{"a":1}',
    "{}",
    ' {"a": 1} ',
    "null",
    "true",
    "false",
    '""',
    '"quoted"',
]
LOOK_ALIKES += ['"7"', "", " ", "undefined", "NaN", "{broken", "[1, 2", "'", "2024-01-01T00:00:00.000Z"]
"""Text that reads as something else where a reader guesses."""
FALSY: list[Any] = [0, 0.0, False, "", [], {}]


def carrying(value: Any) -> dict[str, Any]:
    """The value in every payload: as it is, in objects, and among links."""
    return {
        **dict.fromkeys(ANY_JSON, value),
        **{name: {"v": value} for name in OBJECTS},
        "links": [value],
    }


Writer = Callable[[ObservabilityStorage, Span, dict[str, Any]], Awaitable[None]]


async def by_creating(storage: ObservabilityStorage, span: Span, payloads: dict[str, Any]) -> None:
    """``create_span``."""
    for name, value in payloads.items():
        setattr(span, name, value)
    await storage.create_span(span=span)


async def by_creating_many(storage: ObservabilityStorage, span: Span, payloads: dict[str, Any]) -> None:
    """``batch_create_spans``, over a span that is there already."""
    await storage.create_span(span=span)
    for name, value in payloads.items():
        setattr(span, name, value)
    await storage.batch_create_spans(records=[span])


async def by_updating(storage: ObservabilityStorage, span: Span, payloads: dict[str, Any]) -> None:
    """``update_span``."""
    await storage.create_span(span=span)
    await storage.update_span(trace_id=span.trace_id, span_id=span.span_id, updates=payloads)


async def by_updating_many(storage: ObservabilityStorage, span: Span, payloads: dict[str, Any]) -> None:
    """``batch_update_spans``, one attribute after the other."""
    await storage.create_span(span=span)
    updates = [
        SpanUpdate(trace_id=span.trace_id, span_id=span.span_id, updates={name: payloads[name]}) for name in payloads
    ]
    await storage.batch_update_spans(records=updates)


WRITERS: dict[str, Writer] = {
    "CREATE_SPAN": by_creating,
    "BATCH_CREATE_SPANS": by_creating_many,
    "UPDATE_SPAN": by_updating,
    "BATCH_UPDATE_SPANS": by_updating_many,
}


async def read_everywhere(storage: ObservabilityStorage, names: Names) -> dict[str, Any]:
    """The only span of a trace as every method gives it, light ones with what they have."""
    ids = {"trace_id": names("t"), "span_id": names("s")}
    trace = await storage.get_trace(trace_id=names("t"))
    branch = await storage.get_branch(trace_id=names("t"), span_id=names("s"))
    structure = await storage.get_structure(trace_id=names("t"))
    found: dict[str, Any] = {
        "get_span": await storage.get_span(**ids),
        "get_spans": next(iter(await storage.get_spans(trace_id=names("t"), span_ids=[names("s")])), None),
        "get_root_span": await storage.get_root_span(trace_id=names("t")),
        "get_trace": trace and trace.spans[0],
        "get_branch": branch and branch.spans[0],
        "get_structure": structure and structure.spans[0],
    }
    for prefix, lister in lists_within(storage, names).items():
        found[prefix] = next(iter(rows_of(await lister())), None)
    return found


async def carried(storage: ObservabilityStorage, given: Any, expected: Any, label: str = "") -> None:
    """What was given in every payload, by every way of writing, is read back as expected by every method."""
    whole = carrying(expected)
    for prefix, write in WRITERS.items():
        names = Names()
        await write(storage, a_span(names, "s"), carrying(given))
        for method, span in (await read_everywhere(storage, names)).items():
            light = {"get_structure": ["error"], "LIST_TRACES_LIGHT": ["error", "metadata"]}
            attributes = light.get(method, list(whole))
            ensure(span, f"{prefix}, {method}: the span should be there")
            read = {name: getattr(span, name) for name in attributes}
            equal(read, {name: whole[name] for name in attributes}, f"{label} {prefix} {method}")


@check("O3", "G8", domain=DOMAIN)
async def check_payloads_of_spans_survive(storage: ObservabilityStorage) -> None:
    """Whatever JSON a payload is, it comes back equal, however it was written and read."""
    for label, value in {**SURVIVE, "awkward keys at the top": AWKWARD_KEYS}.items():
        await carried(storage, value, value, label)


@check("O3", "G8", domain=DOMAIN)
async def check_text_payloads_stay_text(storage: ObservabilityStorage) -> None:
    """A string stays a string, also one that looks like JSON; what is empty or false stays what it is."""
    for value in [*LOOK_ALIKES, *FALSY, *TEXTS.values(), True, 1.5]:
        await carried(storage, value, value, repr(value)[:40])


@check("O3", "O4", domain=DOMAIN)
async def check_no_payload_is_none(storage: ObservabilityStorage) -> None:
    """A payload of None is no payload: it reads as None, and an error of None is none, to statuses and filters."""
    names = Names()
    nothing: dict[str, Any] = dict.fromkeys([*ANY_JSON, *OBJECTS, "links", "tags"])
    await put(storage, a_span(names, "created", 1, **nothing), a_span(names, "updated", 2, trace="2", **carrying("x")))
    updated = await update(storage, a_span(names, "updated", trace="2"), **nothing)
    for span in (updated, await stored(storage, a_span(names, "created"))):
        equal({name: getattr(span, name) for name in nothing}, nothing, span.name)
    both = ["created", "updated"]
    equal(await found_by(storage, names, status="running"), both)
    equal(await found_by(storage, names, has_child_error=False), both)
    equal(await found_by(storage, names, has_child_error=True), [])


@check("G8", domain=DOMAIN)
async def check_payloads_of_spans_are_put_into_json_form(storage: ObservabilityStorage) -> None:
    """Tuples come back as lists, aware datetimes as Mastra's text."""
    for label, (given, expected) in NORMALISED.items():
        await carried(storage, given, expected, label)
    span = await saved_span(storage, Names(), "s", tags=("a", "b"), links=(1, (2,)))
    equal((span.tags, span.links), (["a", "b"], [1, [2]]), "lists")


@check("G8", needs="big_integers", domain=DOMAIN)
async def check_big_integers_of_spans_survive(storage: ObservabilityStorage) -> None:
    """Integers beyond 64 bits keep every digit."""
    await carried(storage, BIG_INTEGERS, BIG_INTEGERS)


@check("G8", needs="number_types", domain=DOMAIN)
async def check_number_types_of_spans_survive(storage: ObservabilityStorage) -> None:
    """Ints stay ints and floats stay floats, alone and among others."""
    for number in (1, 1.0, 0, 0.0, -3, 100.0, 2**53, float(2**53)):
        span = await saved_span(storage, Names(), "s", **carrying(number))
        found = [span.input, (span.metadata or {})["v"], (span.links or [None])[0]]
        equal([type(one).__name__ for one in found], [type(number).__name__] * 3, repr(number))


@check("G8", needs="keeps_key_order", domain=DOMAIN)
async def check_payloads_of_spans_keep_key_order(storage: ObservabilityStorage) -> None:
    """Payloads keep the order of their keys where they are stored as text."""
    value = {"zulu": 1, "alpha": {"2": 0, "1": 0}, "": 0}
    span = await saved_span(storage, Names(), "s", input=value, metadata=value)
    for found in (span.input, span.metadata or {}):
        equal((list(found), list(found["alpha"])), (["zulu", "alpha", ""], ["2", "1"]))


@check("G8", "G10", "G15", domain=DOMAIN)
async def check_spans_refuse_what_is_no_json(storage: ObservabilityStorage) -> None:
    """Values that are no JSON are refused by name, whatever the attribute and the method; nothing is written."""
    names = Names()
    span = await saved_span(storage, names, "s", output="old")
    for label, value in {**REFUSED, "int key at the top": {1: 1}}.items():
        for name, payload in carrying(value).items():
            if label.endswith("top") and name in OBJECTS:
                payload = value
            new: dict[str, Any] = {name: payload}
            for prefix, write in _attempts(storage, names).items():
                error = await raises(ValidationError, f"{prefix}_INVALID_ARGUMENT", write(new))
                ensure(name in str(error), f"{prefix}, {label}: {error} should name {name}")
    equal(await stored(storage, span), span)
    equal(await found_by(storage, names), ["s"])


def _attempts(storage: ObservabilityStorage, names: Names) -> dict[str, Callable[[dict[str, Any]], Awaitable[None]]]:
    """Every way to write attributes of one span, by operation."""
    ids = {"trace_id": names("t"), "span_id": names("s")}
    return {
        "CREATE_SPAN": lambda new: storage.create_span(span=a_span(names, "s", **new)),
        "BATCH_CREATE_SPANS": lambda new: put(storage, a_span(names, "n"), a_span(names, "s", **new)),
        "UPDATE_SPAN": lambda new: storage.update_span(**ids, updates={"user_id": "u", **new}),
        "BATCH_UPDATE_SPANS": lambda new: storage.batch_update_spans(records=[SpanUpdate(**ids, updates=new)]),
    }


@check("G8", "G9", domain=DOMAIN)
async def check_text_of_spans_survives(storage: ObservabilityStorage) -> None:
    """Ordinary text of any script and length comes back as it was from every column, created and updated."""
    for label, text in TEXTS.items():
        columns = dict.fromkeys(("name", "span_type", *(name for name in COLUMNS if name != "organization_id")), text)
        names = Names()
        created = await saved_span(storage, names, "c", **columns, tags=[text, "", text])
        updated = await update(storage, await saved_span(storage, names, "u"), **columns, tags=[text, "", text])
        for span in (created, updated):
            equal({name: getattr(span, name) for name in columns}, columns, label)
            equal(span.tags, [text, "", text], f"tags, {label}")


@check("G9", "G10", domain=DOMAIN)
async def check_hard_text_of_spans_is_held_or_refused(storage: ObservabilityStorage) -> None:
    """U+0000 and unpaired surrogates come back as they were or are refused by name, and then nothing is written."""
    fields = [
        "name",
        "span_type",
        *COLUMNS,
        "tags",
        "links",
        *ANY_JSON,
        *OBJECTS,
        "trace_id",
        "span_id",
        "parent_span_id",
    ]
    for hard in HARD_TEXT.values():
        for name in fields:
            names = Names()
            text = names(hard)
            value = [text] if name in ("tags", "links") else {text: [text]} if name in OBJECTS else text
            bad: dict[str, Any] = {name: value}
            span = a_span(names, "s", 1, **bad)
            try:
                await put(storage, a_span(names, "before"), span, a_span(names, "after", 2))
            except ValidationError as error:
                ensure(name in str(error), f"{error} should name {name}")
                equal(await found_by(storage, names), [], f"after refusing {name}")
            else:
                equal(getattr(await stored(storage, span), name), value, name)
            if name not in ("trace_id", "span_id"):
                plain = await saved_span(storage, names, "plain", trace="plain")
                try:
                    changed = await update(storage, plain, is_event=True, **bad)
                except ValidationError as error:
                    ensure(name in str(error), f"{error} should name {name}")
                    equal(await stored(storage, plain), plain, f"after refusing to update {name}")
                else:
                    equal(getattr(changed, name), value, f"updated {name}")


@check("G8", "G9", domain=DOMAIN)
async def check_deep_payloads_of_spans(storage: ObservabilityStorage) -> None:
    """However deep a payload is nested, it is carried unchanged or refused; a hundred levels are carried."""
    for depth in (100, 250, 253, 254, 255, 256, 257, 300, 600, 1200, 5000):
        value: Any = 1e23
        for _ in range(depth):
            value = [value]
        for write in (by_creating, by_updating_many):
            names = Names()
            try:
                await write(storage, a_span(names, "s"), {"input": value, "metadata": {"v": value}})
            except ValidationError:
                ensure(depth > 100, "a depth of 100 should be carried")
                continue
            except RecursionError:
                raise CheckFailedError(f"{depth} levels give RecursionError instead of ValidationError") from None
            span = await stored(storage, a_span(names, "s"))
            equal([_depth(span.input), _depth((span.metadata or {})["v"])], [depth, depth], "depth")


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        (value,) = value
        depth += 1
    return depth


# -- detached ----------------------------------------------------------------------------------------------------------


def kept() -> dict[str, Any]:
    """Payloads of which every level can be changed."""
    deep = {"list": [1, {"deep": "old"}]}
    return {**{name: {"list": [1, {"deep": "old"}]} for name in OBJECTS + ANY_JSON}, "tags": ["old"], "links": [deep]}


def spoil(span: Any) -> None:
    """Change a record all over, at every level that it has."""
    for name in (*OBJECTS, *ANY_JSON):
        if isinstance(value := getattr(span, name, None), dict):
            value["list"][1]["deep"] = "spoilt"
            value["new"] = "spoilt"
    for name in ("tags", "links"):
        if isinstance(value := getattr(span, name, None), list):
            value.append("spoilt")
    span.name = span.span_type = "spoilt"


@check("G11", domain=DOMAIN)
async def check_given_spans_are_not_kept(storage: ObservabilityStorage) -> None:
    """Spans and updates that were passed in may be changed afterwards."""
    names = Names()
    spans = [a_span(names, name, **kept()) for name in "abcd"]
    await storage.create_span(span=spans[0])
    await storage.batch_create_spans(records=spans[1:])
    for span in spans:
        spoil(span)
    updates = {name: kept() for name in "cd"}
    await storage.update_span(trace_id=names("t"), span_id=names("c"), updates=updates["c"])
    record = SpanUpdate(trace_id=names("t"), span_id=names("d"), updates=updates["d"])
    await storage.batch_update_spans(records=[record])
    for given in updates.values():
        for name in (*OBJECTS, *ANY_JSON):
            given[name]["list"][1]["deep"] = "spoilt"
        given["tags"].append("spoilt")
    for name in "abcd":
        await _intact(storage, names, name)


@check("G11", domain=DOMAIN)
async def check_returned_spans_are_not_kept(storage: ObservabilityStorage) -> None:
    """Spans that were returned, by whatever method, may be changed; no two calls share an object."""
    names = Names()
    await put(storage, a_span(names, "s", **kept()))
    first, second = await read_everywhere(storage, names), await read_everywhere(storage, names)
    for method, span in first.items():
        spoil(span)
        await _intact(storage, names, "s", f"after changing what {method} returned")
    for method, span in second.items():
        if method != "get_structure":
            equal(span.metadata, kept()["metadata"], f"what {method} returned to another call")
        equal((span.error, span.name), (kept()["error"], "s"), method)


async def _intact(storage: ObservabilityStorage, names: Names, name: str, what: str = "") -> None:
    span, payloads = await stored(storage, a_span(names, name)), kept()
    equal({key: getattr(span, key) for key in payloads}, payloads, what)
    equal((span.name, span.span_type), (name, "agent_run"), what)
