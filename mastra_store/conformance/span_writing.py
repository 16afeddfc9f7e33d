"""Writing spans (O1 to O9, O11): created whole, updated by attribute; batches all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..domains import ObservabilityStorage
from ..errors import UnsupportedOperationError, ValidationError
from ..instants import now
from ..records import Span, SpanUpdate
from .expect import ensure, equal, raises
from .harness import Harness, storage_of
from .registry import check
from .scenes import BASE, Names, a_moment_later, at, is_now, lenient, watch
from .span_scenes import (
    ANY_JSON,
    KNOWN_ENTITY_TYPES,
    KNOWN_SPAN_TYPES,
    NULLABLE,
    OBJECTS,
    TEXTS,
    a_span,
    an_update,
    child,
    differing,
    filled,
    names_in,
    put,
    saved_span,
    stored,
    update,
    written,
)

DOMAIN = "observability"
FLUSH = 1000
"""Spans of one flush of an exporter; hundreds are ordinary."""

NEWER_TYPES = ["a_type_of_tomorrow", "Agent_Run", "agent_run ", "%", "日本"]


# -- creating ----------------------------------------------------------------------------------------------------------


@check("O1", domain=DOMAIN)
async def check_spans_are_created(storage: ObservabilityStorage) -> None:
    """Every attribute of a new span is read back; both times are now, whatever the record said."""
    names, before = Names(), now()
    spans = [filled(names, "full", created_at=BASE, updated_at=BASE), a_span(names, "bare", created_at=at(10**9))]
    for span in spans:
        await storage.create_span(span=span)
        found = await stored(storage, span)
        equal(written(found), written(span))
        equal(found.created_at, found.updated_at, "both times")
        ensure(is_now(found.created_at, before), f"created_at is neither now nor near: {found.created_at}")


@check("O1", domain=DOMAIN)
async def check_creating_again_replaces(storage: ObservabilityStorage) -> None:
    """An existing span takes every attribute of the new record, None included; only created_at stays."""
    creators: list[Callable[[Span], Awaitable[None]]] = [
        lambda span: storage.create_span(span=span),
        lambda span: put(storage, span),
    ]
    for create in creators:
        names = Names()
        versions = [filled(names, "s"), filled(names, "s", "three"), a_span(names, "s"), filled(names, "s", "five")]
        await create(versions[0])
        last = first = await stored(storage, versions[0])
        for version in versions[1:]:
            await a_moment_later()
            await create(version)
            found = await stored(storage, version)
            equal(written(found), written(version))
            equal(found.created_at, first.created_at, "created_at")
            ensure(_later(found, last), f"updated_at should be bumped: {found.updated_at} after {last.updated_at}")
            last = found
        equal(await names_in(storage, names), ["s"], "one row")


@check("O1", domain=DOMAIN)
async def check_a_span_id_belongs_to_a_trace(storage: ObservabilityStorage) -> None:
    """One span id under two trace ids is two spans, created, updated and deleted apart."""
    names = Names()
    one, two = (a_span(names, "s", trace=trace, metadata={"of": trace}) for trace in ("one", "two"))
    await put(storage, one, two)
    equal([(await stored(storage, span)).metadata for span in (one, two)], [{"of": "one"}, {"of": "two"}])
    await storage.create_span(span=replace(one, metadata={"of": "new"}))
    equal([(await stored(storage, span)).metadata for span in (one, two)], [{"of": "new"}, {"of": "two"}])
    await storage.batch_delete_traces(trace_ids=[one.trace_id])
    equal([await names_in(storage, names, trace) for trace in ("one", "two")], [[], ["s"]])


@check("O2", domain=DOMAIN)
async def check_batches_create_many(storage: ObservabilityStorage) -> None:
    """A flush of a thousand spans is stored whole, new ones and existing ones alike."""
    names = Names()
    spans = [child(names, f"{n:04}", None if n == 0 else "0000", n, metadata={"n": n}) for n in range(FLUSH)]
    await put(storage, *spans[::2])
    await storage.batch_create_spans(records=spans)
    trace = await storage.get_trace(trace_id=names("t"))
    equal([written(span) for span in trace.spans if trace], [written(span) for span in spans])  # type: ignore[union-attr]


@check("O2", domain=DOMAIN)
async def check_the_last_of_a_pair_wins(storage: ObservabilityStorage) -> None:
    """One pair of ids named twice in a batch is one row, as the last record has it; nothing of the first remains."""
    names = Names()
    last = a_span(names, "s", output="last")
    await put(storage, filled(names, "s"), a_span(names, "other"), filled(names, "s", "three"), last)
    equal(written(await stored(storage, last)), written(last))
    equal(await names_in(storage, names), ["other", "s"])


@check("O2", "O9", "O10", domain=DOMAIN)
async def check_empty_batches_do_nothing(storage: ObservabilityStorage) -> None:
    """Empty batches are fine, whatever the operation."""
    empties: list[Any] = [[], ()]
    for empty in empties:
        await storage.batch_create_spans(records=empty)
        await storage.batch_delete_traces(trace_ids=empty)
        await storage.batch_update_spans(records=empty)


@check("O2", "G10", domain=DOMAIN)
async def check_bad_records_keep_a_batch_out(storage: ObservabilityStorage) -> None:
    """One bad record, first or last, keeps a batch of any size from being written; what was there stays as it was."""
    names = Names()
    old = await saved_span(storage, names, "old", metadata={"old": 1})
    good = [replace(old, metadata=None), *(a_span(names, f"new {n}") for n in range(300))]
    bad_fields: list[dict[str, Any]] = [{"metadata": {"nan": float("nan")}}, {"name": ""}, {"span_id": ""}]
    for fields in bad_fields:
        bad = a_span(names, "bad", **fields)
        for batch in ([*good, bad], [bad, *good]):
            call = storage.batch_create_spans(records=batch)
            await raises(ValidationError, "BATCH_CREATE_SPANS_INVALID_ARGUMENT", call)
            equal(await names_in(storage, names), ["old"])
    equal(await stored(storage, old), old)


@check("O2", "O9", "O10", "G10", needs="transactions", domain=DOMAIN)
async def check_batches_are_seen_at_once(storage: ObservabilityStorage) -> None:
    """A reader sees all spans of a batch or none, and all updates of a batch or none."""
    names = Names()
    spans = [a_span(names, f"{n:03}", n) for n in range(300)]

    async def look() -> tuple[int, int]:
        found = await storage.get_trace(trace_id=names("t"))
        rows = found.spans if found else []
        return len(rows), sum(span.output is not None for span in rows)

    seen = await watch(storage.batch_create_spans(records=spans), look)
    equal({*seen, (0, 0), (300, 0)}, {(0, 0), (300, 0)}, "creating")
    updates = [an_update(span, output=1) for span in spans]
    seen = await watch(storage.batch_update_spans(records=updates), look)
    equal({*seen, (300, 0), (300, 300)}, {(300, 0), (300, 300)}, "updating")
    seen = await watch(storage.batch_delete_traces(trace_ids=[names("t")]), look)
    equal({*seen, (300, 300), (0, 0)}, {(300, 300), (0, 0)}, "deleting")


@check("O5", "O22", domain=DOMAIN)
async def check_types_are_stored_as_given(storage: ObservabilityStorage) -> None:
    """All known types of spans and entities, and unknown ones, are stored and filtered as given."""
    names = Names()
    types = [*sorted(KNOWN_SPAN_TYPES), *NEWER_TYPES]
    spans = [a_span(names, f"{n:02}", n, trace=f"{n:02}", span_type=type) for n, type in enumerate(types)]
    for span, type in zip(spans, [*sorted(KNOWN_ENTITY_TYPES), *NEWER_TYPES], strict=False):
        span.entity_type = type
    await put(storage, *spans)
    for span in spans:
        found = await stored(storage, span)
        equal((found.span_type, found.entity_type), (span.span_type, span.entity_type))
        for wanted in ({"span_type": span.span_type}, {"entity_type": span.entity_type}):
            if None not in wanted.values():
                page = await storage.list_traces(filters={"organization_id": names("org"), **wanted})
                equal([row.span_id for row in page.spans], [span.span_id], repr(wanted))


MISFITS: dict[str, list[Any]] = {
    "trace_id": ["", None, 1, b"id"],
    "span_id": ["", None, 1, ["id"]],
    "name": ["", None, 1],
    "span_type": ["", None, 1, ["agent_run"]],
    "started_at": [None, BASE.replace(tzinfo=None), "2024-01-01T00:00:00Z", 1704067200],
    "ended_at": [BASE.replace(tzinfo=None), "2024-01-01T00:00:00Z", 1],
    "is_event": [None, 1, "true"],
    "parent_span_id": [1, ["id"]],
    **{name: [1, {"a": 1}, b"text"] for name in TEXTS},
    **{name: [[], "text", 1, True] for name in OBJECTS},
    "tags": ["tag", [1], [None], {"tag": 1}, [["tag"]], 1],
    "links": ["link", {"link": 1}, 1],
}
"""Values that an attribute cannot have (O6)."""
REQUIRED = ("name", "span_type", "started_at", "is_event")


@check("O6", "G10", "G15", domain=DOMAIN)
async def check_bad_spans_are_refused(storage: ObservabilityStorage) -> None:
    """Required attributes must be there, and every attribute has its type; otherwise nothing is written."""
    names = Names()
    for name, values in MISFITS.items():
        for value in values:
            span = a_span(names, "s", **{name: value})
            error = await raises(ValidationError, "CREATE_SPAN_INVALID_ARGUMENT", storage.create_span(span=span))
            ensure(name in str(error), f"{error} should name {name}")
            call = storage.batch_create_spans(records=[span])
            await raises(ValidationError, "BATCH_CREATE_SPANS_INVALID_ARGUMENT", call)
    untyped = lenient(storage)
    for wrong in (None, {}, "span", written(a_span(names, "s"))):
        await raises(ValidationError, "CREATE_SPAN_INVALID_ARGUMENT", untyped.create_span(span=wrong))
        await raises(
            ValidationError, "BATCH_CREATE_SPANS_INVALID_ARGUMENT", untyped.batch_create_spans(records=[wrong])
        )
    batches: list[Any] = [None, "spans", {}, a_span(names, "s"), 1]
    for batch in batches:
        await raises(ValidationError, "BATCH_CREATE_SPANS_INVALID_ARGUMENT", untyped.batch_create_spans(records=batch))
    equal(await names_in(storage, names), [], "nothing is written")


@check("O6", domain=DOMAIN)
async def check_odd_spans_are_accepted(storage: ObservabilityStorage) -> None:
    """Ends before starts, parents that are not stored, and times of any zone and age are accepted."""
    names = Names()
    odd = [
        a_span(names, "ends early", 10, ended_at=at(5)),
        child(names, "orphan", "nobody"),
        child(names, "own parent", "own parent"),
        a_span(names, " "),
        a_span(names, "long ago", started_at=datetime.fromisoformat("1900-01-01T00:00:00.001+05:30")),
        a_span(names, "far ahead", ended_at=datetime.fromisoformat("2999-12-31T23:59:59.999Z")),
    ]
    await put(storage, *odd)
    for span in odd:
        found = await stored(storage, span)
        equal((found.started_at == span.started_at, found.ended_at == span.ended_at), (True, True), span.name)
        equal(found.parent_span_id, span.parent_span_id)


@check("O1", "O6", "G7", domain=DOMAIN)
async def check_times_of_spans_are_truncated(storage: ObservabilityStorage) -> None:
    """Microseconds are dropped, not rounded, when creating and when updating; times come back in UTC."""
    given = datetime.fromisoformat("2024-01-01T15:00:00.123999+03:00")
    expected = datetime.fromisoformat("2024-01-01T12:00:00.123Z")
    names = Names()
    span = await saved_span(storage, names, "s", started_at=given, ended_at=given)
    equal([span.started_at, span.ended_at], [expected, expected])
    other = await update(storage, await saved_span(storage, names, "other"), started_at=given, ended_at=given)
    equal([other.started_at, other.ended_at], [expected, expected], "updated")


# -- updating ----------------------------------------------------------------------------------------------------------


@check("O7", domain=DOMAIN)
async def check_each_attribute_is_updated_alone(storage: ObservabilityStorage) -> None:
    """An update replaces the attributes it names and bumps updated_at; everything else stays."""
    names = Names()
    new = written(filled(names, "s", "three"))
    for name in new.keys() - {"trace_id", "span_id"}:
        span = await saved_span(storage, names, "s", **_but_ids(filled(names, "s")))
        await a_moment_later()
        changed = await update(storage, span, **{name: new[name]})
        equal(differing(changed, span), sorted([name, "updated_at"]), name)
        equal(getattr(changed, name), new[name], name)
        ensure(_later(changed, span), f"{name}: updated_at should be bumped")


@check("O7", domain=DOMAIN)
async def check_updates_clear(storage: ObservabilityStorage) -> None:
    """None clears whatever may be absent: without ended_at a span runs again, without error a failed one is fine."""
    names = Names()
    for name in NULLABLE:
        span = await saved_span(storage, names, "s", **_but_ids(filled(names, "s")))
        changed = await update(storage, span, **{name: None})
        equal([one for one in differing(changed, span) if one != "updated_at"], [name], name)
        equal(getattr(changed, name), None, name)
    span = await saved_span(storage, names, "root", ended_at=at(9), error={"message": "no"})
    statuses = []
    for updates in ({}, {"error": None}, {"ended_at": None}, {"error": False}, {"error": None, "ended_at": at(1)}):
        await update(storage, span, **updates)
        trace = await storage.get_structure(trace_id=span.trace_id)
        statuses += [one.status for one in (trace.spans if trace else []) if one.span_id == span.span_id]
    equal(statuses, ["error", "success", "running", "error", "success"], "status")


@check("O7", domain=DOMAIN)
async def check_updates_replace_payloads_whole(storage: ObservabilityStorage) -> None:
    """Nothing is merged inside payloads, lists of tags and links included."""
    names = Names()
    old: dict[str, Any] = {name: {"kept": 1, "deep": {"a": 1}} for name in OBJECTS + ANY_JSON}
    span = await saved_span(storage, names, "s", **old, tags=["a", "b"], links=[1, 2])
    new: dict[str, Any] = {name: {"deep": {"b": 2}} for name in OBJECTS + ANY_JSON}
    changed = await update(storage, span, **new, tags=["c"], links=[])
    equal({name: getattr(changed, name) for name in new}, new)
    equal((changed.tags, changed.links), (["c"], []))
    changed = await update(storage, span, **{name: {} for name in OBJECTS}, tags=[])
    equal([getattr(changed, name) for name in (*OBJECTS, "tags")], [{}, {}, {}, {}, []], "emptied")


@check("O7", "G15", domain=DOMAIN)
async def check_bad_updates_are_refused(storage: ObservabilityStorage) -> None:
    """Ids, the storage's own times, unknown names and values of wrong types are refused, nothing is written."""
    names = Names()
    span = await saved_span(storage, names, "s", metadata={"old": 1})
    fixed = {"trace_id": "t", "span_id": "s", "created_at": at(1), "updated_at": at(1)}
    unknown = {"traceId": "t", "endedAt": at(1), "status": "error", "": 1, "metadata.old": 2, "no": None}
    bad: list[Any] = [{name: value} for name, value in (fixed | unknown).items()]
    bad += [{name: value} for name in MISFITS if name not in fixed for value in MISFITS[name]]
    bad += [{name: None} for name in REQUIRED]
    bad += [{"output": object()}, {"metadata": {"x": float("inf")}}, {1: 2}]
    whole: list[Any] = [{"name": "new", **one} for one in bad]
    for wrong in [*whole, None, [], "name", [("name", "new")]]:
        single = lenient(storage).update_span(trace_id=span.trace_id, span_id=span.span_id, updates=wrong)
        await raises(ValidationError, "UPDATE_SPAN_INVALID_ARGUMENT", single)
        batch = [an_update(span, name="new"), SpanUpdate(trace_id="t", span_id="s", updates=wrong)]
        call = storage.batch_update_spans(records=batch)
        await raises(ValidationError, "BATCH_UPDATE_SPANS_INVALID_ARGUMENT", call)
    equal(await stored(storage, span), span)


@check("O8", "G17", domain=DOMAIN)
async def check_updates_of_unknown_spans_are_ignored(storage: ObservabilityStorage) -> None:
    """Updating a span that is not stored does nothing and creates nothing, alone or among others."""
    names = Names()
    span = await saved_span(storage, names, "s")
    await storage.update_span(trace_id=names("t"), span_id=names("absent"), updates={"name": "new"})
    await storage.update_span(trace_id=names("absent"), span_id=names("s"), updates={"name": "new"})
    absent = [a_span(names, "absent"), a_span(names, "s", trace="absent")]
    await storage.batch_update_spans(records=[an_update(one, name="new") for one in absent])
    equal(await stored(storage, span), span, "the span of the same name")
    await storage.batch_update_spans(records=[an_update(one, name="new") for one in (absent[0], span, absent[1])])
    equal((await stored(storage, span)).name, "new", "the one that exists")
    equal([await names_in(storage, names), await names_in(storage, names, "absent")], [["s"], []])


@check("O9", domain=DOMAIN)
async def check_batches_update_in_order(storage: ObservabilityStorage) -> None:
    """Two updates of one span both apply, the later one last; other spans in between do not matter."""
    names = Names()
    span, other = await saved_span(storage, names, "s", ended_at=at(1)), await saved_span(storage, names, "other")
    await storage.batch_update_spans(
        records=[
            an_update(span, name="first", output="first", error={"old": 1}),
            an_update(other, name="between"),
            an_update(span, name="second", ended_at=None, error=None, tags=["a"]),
            an_update(other, output=2),
            an_update(span, tags=["b"], metadata={"b": 1}),
        ]
    )
    found = await stored(storage, span)
    equal((found.name, found.output, found.error, found.ended_at), ("second", "first", None, None))
    equal((found.tags, found.metadata), (["b"], {"b": 1}))
    equal([(one.name, one.output) for one in [await stored(storage, other)]], [("between", 2)])


@check("O9", domain=DOMAIN)
async def check_batches_update_many(storage: ObservabilityStorage) -> None:
    """A flush of a thousand updates, of different attributes, is applied whole."""
    names = Names()
    spans = [a_span(names, f"{n:04}", n) for n in range(FLUSH)]
    await put(storage, *spans)
    kinds: list[Callable[[int], dict[str, Any]]] = [
        lambda n: {"output": {"n": n}, "ended_at": at(n + 0.5)},
        lambda n: {"metadata": {"n": n}},
        lambda n: {"error": str(n), "name": f"failed {n}"},
    ]
    await storage.batch_update_spans(records=[an_update(span, **kinds[n % 3](n)) for n, span in enumerate(spans)])
    trace = await storage.get_trace(trace_id=names("t"))
    expected = [written(replace(span, **kinds[n % 3](n))) for n, span in enumerate(spans)]
    equal([written(span) for span in (trace.spans if trace else [])], expected)


@check("O9", "G10", domain=DOMAIN)
async def check_bad_records_keep_updates_out(storage: ObservabilityStorage) -> None:
    """One bad record, first or last, keeps all updates of a batch from being written."""
    names = Names()
    spans = [await saved_span(storage, names, name) for name in "abc"]
    good = [an_update(span, name="new") for span in spans]
    wrong: list[Any] = [an_update(spans[0], output=float("nan")), an_update(spans[0], nothing=1), None, "update"]
    wrong += [SpanUpdate(trace_id="", span_id="s", updates={}), SpanUpdate(trace_id="t", span_id="", updates={})]
    for bad in wrong:
        for batch in ([*good, bad], [bad, *good]):
            call = storage.batch_update_spans(records=batch)
            await raises(ValidationError, "BATCH_UPDATE_SPANS_INVALID_ARGUMENT", call)
    others: list[Any] = [None, "updates", {}, good[0]]
    for not_a_batch in others:
        call = lenient(storage).batch_update_spans(records=not_a_batch)
        await raises(ValidationError, "BATCH_UPDATE_SPANS_INVALID_ARGUMENT", call)
    equal([await stored(storage, span) for span in spans], spans)


# -- as a whole --------------------------------------------------------------------------------------------------------


@check("O11", domain=DOMAIN)
async def check_strategy(storage: ObservabilityStorage) -> None:
    """A storage that prefers updates can update; one that can only insert says so when asked to update."""
    strategy = storage.observability_strategy
    if strategy.preferred != "insert-only":
        equal(tuple(strategy), ("batch-with-updates", ("batch-with-updates", "insert-only")))
        span = await saved_span(storage, Names(), "s")
        equal((await update(storage, span, name="new")).name, "new")
        return
    equal(tuple(strategy), ("insert-only", ("insert-only",)))
    call = storage.update_span(trace_id="t", span_id="s", updates={"name": "new"})
    await raises(UnsupportedOperationError, "UPDATE_SPAN_UNSUPPORTED", call)
    await raises(UnsupportedOperationError, "BATCH_UPDATE_SPANS_UNSUPPORTED", storage.batch_update_spans(records=[]))


async def flush_at_once(stores: list[ObservabilityStorage], names: Names) -> None:
    """Exporters flush batches over the same spans, in opposite orders, some creating and some updating them."""
    spans = [a_span(names, f"{n:02}", n) for n in range(40)]
    batches = [(stores[turn % len(stores)], spans[:: -1 if turn % 2 else 1]) for turn in range(8)]
    await asyncio.gather(*(store.batch_create_spans(records=batch) for store, batch in batches))
    attributes = TEXTS[:8]
    updates = [
        store.batch_update_spans(records=[an_update(span, **{name: names(name)}) for span in batch])
        for name, (store, batch) in zip(attributes, batches, strict=True)
    ]
    await asyncio.gather(*updates)
    equal(len(await names_in(stores[-1], names)), len(spans), "each span once")
    for name in attributes:
        page = await stores[-1].list_traces(filters={"trace_id": names("t"), name: names(name)}, per_page=0)
        equal(page.total, len(spans), name)


@check("G16", "O2", "O9", domain=DOMAIN)
async def check_concurrent_flushes(storage: ObservabilityStorage) -> None:
    """Batches over the same spans may be written at the same time; updates of different attributes all apply."""
    await flush_at_once([storage], Names())


@check("G16", "O2", "O9", needs="second_connection", domain=DOMAIN)
async def check_concurrent_flushes_over_two_connections(storage: ObservabilityStorage, harness: Harness) -> None:
    """The same with two exporters, each with a connection of its own."""
    ensure(harness.open_second, "the harness should open a second connection")
    async with harness.open_second() as subject:  # type: ignore[misc]
        other: Any = await storage_of(subject, DOMAIN)
        await flush_at_once([storage, other], Names())


def _later(one: Span, other: Span) -> bool:
    return one.updated_at is not None and other.updated_at is not None and one.updated_at > other.updated_at


def _but_ids(span: Span) -> dict[str, Any]:
    return {name: value for name, value in written(span).items() if name not in ("trace_id", "span_id")}
