"""Deleting traces (O10), whole or only those whose root belongs to somebody; clearing (G14); errors (G15)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from msgspec.structs import replace

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from ..records import Span
from .expect import ensure, equal, raises
from .harness import Harness, storage_of
from .registry import check
from .scenes import Names, lenient
from .span_scenes import a_span, an_update, child, lists_of, names_in, put, saved_span

DOMAIN = "observability"
MOST = 1000
"""How many traces one call may delete."""


@check("O10", "G17", domain=DOMAIN)
async def check_traces_are_deleted(storage: ObservabilityStorage) -> None:
    """All spans of the named traces go, orphans included; unknown and repeated ids are fine, other traces stay."""
    names = Names()
    for trace in "abc":
        await put(storage, a_span(names, "root", trace=trace), child(names, "orphan", "nobody", trace=trace))
    await storage.batch_delete_traces(trace_ids=[names("a"), names("absent"), names("a"), names("c")])
    equal([await names_in(storage, names, trace) for trace in "abc"], [[], ["orphan", "root"], []])
    for _ in range(2):
        await storage.batch_delete_traces(trace_ids=(names("b"),))
    equal(await names_in(storage, names, "b"), [])


@check("O10", domain=DOMAIN)
async def check_many_traces_are_deleted(storage: ObservabilityStorage) -> None:
    """A thousand traces at once are deleted; one more is refused, and nothing is deleted."""
    names = Names()
    spans = [a_span(names, "s", trace=f"{n:04}") for n in range(MOST + 1)]
    await put(storage, *spans)
    ids = [span.trace_id for span in spans]
    wrong: list[Any] = [ids, None, "trace", {ids[0]: 1}, [ids[0], ""], [ids[0], None], 1]
    for trace_ids in wrong:
        call = storage.batch_delete_traces(trace_ids=trace_ids)
        await raises(ValidationError, "BATCH_DELETE_TRACES_INVALID_ARGUMENT", call)
    filters = {"organization_id": names("org")}
    equal((await storage.list_traces(filters=filters)).total, MOST + 1, "refused")
    await storage.batch_delete_traces(trace_ids=ids[1:])
    equal([span.trace_id for span in (await storage.list_traces(filters=filters)).spans], ids[:1])


SCOPES: dict[str, tuple[dict[str, str], str]] = {
    "organization": ({"organization_id": "org"}, "acdf"),
    "resource": ({"resource_id": "res"}, "abdf"),
    "both": ({"organization_id": "org", "resource_id": "res"}, "adf"),
    "nobody": ({"organization_id": "or"}, ""),
    "one of two": ({"organization_id": "nobody", "resource_id": "res"}, ""),
}


@check("O10", "G13", domain=DOMAIN)
async def check_scoped_deletion(storage: ObservabilityStorage) -> None:
    """With owners, a trace goes only when its root carries exactly those; others are left whole."""
    for label, (owners, deleted) in SCOPES.items():
        names = Names()
        traces = _owned_traces(names)
        await put(storage, *(replace(span, trace_id=names(trace)) for trace in traces for span in traces[trace]))
        ids = [names(trace) for trace in (*traces, "absent")]
        wanted = {name: names(owner) for name, owner in owners.items()}
        await storage.batch_delete_traces(trace_ids=ids, **wanted)
        left = {trace: len(await names_in(storage, names, trace)) for trace in traces}
        equal(left, {trace: 0 if trace in deleted else len(spans) for trace, spans in traces.items()}, label)


@check("O10", "G13", "G15", domain=DOMAIN)
async def check_scope_must_name_an_owner(storage: ObservabilityStorage) -> None:
    """An empty owner is refused, it is never "everybody"; None does not restrict."""
    names = Names()
    span = await saved_span(storage, names, "s")
    for scope in ({"organization_id": ""}, {"resource_id": ""}, {"organization_id": 1}):
        call = lenient(storage).batch_delete_traces(trace_ids=[span.trace_id], **scope)
        await raises(ValidationError, "BATCH_DELETE_TRACES_INVALID_ARGUMENT", call)
    equal(await names_in(storage, names), ["s"])
    await storage.batch_delete_traces(trace_ids=[span.trace_id], organization_id=None, resource_id=None)
    equal(await names_in(storage, names), [])


def _owned_traces(names: Names) -> dict[str, list[Span]]:
    """Traces of which some belong to an organization, a resource or both, by their roots or by other spans."""
    ours = {"organization_id": names("org"), "resource_id": names("res")}
    theirs = {"organization_id": names("ORG"), "resource_id": names("res ")}
    nobodys: dict[str, Any] = {"organization_id": None, "resource_id": None}

    def below(name: str, parent: str, second: float, **fields: Any) -> Span:
        return child(names, name, parent, second, **fields)

    def root(name: str, second: float, **fields: Any) -> Span:
        return a_span(names, name, second, **fields)

    return {
        "a": [root("1", 0, **ours), below("2", "1", 0, **theirs)],
        "b": [root("1", 0, **{**ours, "organization_id": None})],
        "c": [root("1", 0, **{**theirs, "organization_id": names("org")})],
        # The root counts, though a child began before it; of two roots the first does.
        "d": [below("1", "2", -9, **theirs), root("3", 1, **nobodys), root("2", 1, **ours)],
        "e": [below("1", "2", -9, **ours), root("2", 0, **theirs), root("3", 0, **ours)],
        # Without a root the earliest span counts, of several the one with the smallest id.
        "f": [below("1", "0", 2, **theirs), below("3", "0", 0, **theirs), below("2", "0", 0, **ours)],
        "g": [below("1", "0", 2, **ours), below("2", "0", 0, **nobodys), below("3", "0", 0, **ours)],
    }


async def write_and_delete_at_once(stores: list[ObservabilityStorage], names: Names) -> None:
    """Exporters go on writing to traces that somebody deletes, and everybody names the traces in another order."""
    spans = [a_span(names, f"{n:03}", n, trace=str(n % 7), metadata={"text": "x" * 300}) for n in range(210)]
    traces = [names(str(n)) for n in range(7)]
    for _ in range(8):
        calls: list[Awaitable[None]] = []
        for turn in range(3):
            store, way = stores[turn % len(stores)], -1 if turn % 2 else 1
            owner: dict[str, Any] = {"organization_id": names("org")} if turn == 1 else {}
            calls += [
                store.batch_create_spans(records=spans[::way]),
                store.batch_update_spans(records=[an_update(span, output=turn) for span in spans[::-way]]),
                store.batch_delete_traces(trace_ids=traces[::way], **owner),
            ]
        await asyncio.gather(*calls)
    await put(stores[0], *spans)
    await stores[-1].batch_delete_traces(trace_ids=traces)
    filters = {"organization_id": names("org")}
    equal((await stores[0].list_branches(filters=filters)).total, 0, "after deleting once more")


@check("G16", "O10", domain=DOMAIN)
async def check_deleting_while_writing(storage: ObservabilityStorage) -> None:
    """Traces may be deleted while their spans are written: every call succeeds, in whatever order they take effect."""
    await write_and_delete_at_once([storage], Names())


@check("G16", "O10", needs="second_connection", domain=DOMAIN)
async def check_deleting_while_writing_over_two_connections(storage: ObservabilityStorage, harness: Harness) -> None:
    """The same over two connections."""
    ensure(harness.open_second, "the harness should open a second connection")
    async with harness.open_second() as subject:  # type: ignore[misc]
        other: Any = await storage_of(subject, DOMAIN)
        await write_and_delete_at_once([storage, other], Names())


# -- clearing ----------------------------------------------------------------------------------------------------------


@check("G14", empty=True, domain=DOMAIN)
async def check_clearing_removes_all_spans(storage: ObservabilityStorage) -> None:
    """``dangerously_clear_all`` removes every span, works when there is none, and leaves the table usable."""
    await storage.dangerously_clear_all()
    names = Names()
    for _ in range(2):
        await put(storage, a_span(names, "root"), child(names, "orphan", "nobody"), a_span(names, "s", trace="two"))
        equal([await names_in(storage, names), await names_in(storage, names, "two")], [["orphan", "root"], ["s"]])
        await storage.dangerously_clear_all()
        equal([await names_in(storage, names), await names_in(storage, names, "two")], [[], []])
        totals = [(await lister(per_page=0)).total for lister in lists_of(storage).values()]
        equal(totals, [0, 0, 0], "totals")


@check("G15", domain=DOMAIN)
async def check_errors_about_spans_say_where(storage: ObservabilityStorage) -> None:
    """An error says which domain and which operation it is about, and which argument."""
    call = storage.create_span(span=a_span(Names(), "s", name=""))
    error = await raises(ValidationError, "CREATE_SPAN_INVALID_ARGUMENT", call, says="name")
    equal((error.domain, error.operation, error.reason), (DOMAIN, "CREATE_SPAN", "INVALID_ARGUMENT"))
    listing = storage.list_traces(filters={"metadata": {"a b": 1}})
    error = await raises(ValidationError, "LIST_TRACES_INVALID_METADATA_KEY", listing, says="a b")
    equal((error.domain, error.operation, error.reason), (DOMAIN, "LIST_TRACES", "INVALID_METADATA_KEY"))
