"""Lists of traces and branches (O17, O18, O25, O27): which spans are listed, in what order, page by page."""

from __future__ import annotations

from typing import Any

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from ..records import DateRange, Span, TraceFilter
from .common_paging import LARGEST
from .common_times import BAD_RANGES, DAWN, DUSK, RANGES
from .expect import ensure, equal, outcome, raises
from .registry import check
from .scenes import Names, at
from .span_reading import TIED
from .span_scenes import (
    BRANCH_TYPES,
    KNOWN_SPAN_TYPES,
    Lister,
    a_span,
    child,
    filled,
    found_by,
    lists_of,
    lists_within,
    put,
    rows_of,
    stored,
    trace_names,
    written,
)

DOMAIN = "observability"


async def five(storage: ObservabilityStorage, names: Names) -> dict[str, Lister]:
    """The list methods by error prefix, each over five traces named 1 to 5, oldest first unless told otherwise."""
    await put(storage, *(a_span(names, str(n), n, trace=str(n), ended_at=at(n)) for n in range(1, 6)))
    lists = lists_within(storage, names)

    def ordered(lister: Lister) -> Lister:
        return lambda **arguments: lister(**{"order_by": "started_at", **arguments})

    return {prefix: ordered(lister) for prefix, lister in lists.items()}


# -- pages -------------------------------------------------------------------------------------------------------------


@check("G1", "O17", domain=DOMAIN)
async def check_bad_paging_of_spans_is_refused(storage: ObservabilityStorage) -> None:
    """Page numbers that are no whole numbers of at least 0 are refused."""
    bad = [-1, True, False, 1.0, 0.5, "1", "", [1], float("nan")]
    for prefix, lister in (await five(storage, Names())).items():
        code = f"{prefix}_INVALID_PAGE"
        outcomes = {f"page={value!r}": await outcome(lister(page=value)) for value in [*bad, None]}
        outcomes |= {f"per_page={value!r}": await outcome(lister(per_page=value)) for value in bad}
        outcomes |= {f"page={page} of all": await outcome(lister(page=page, per_page=None)) for page in (1, 7)}
        equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {code}"), prefix)


@check("G1", domain=DOMAIN)
async def check_offsets_of_spans_are_limited(storage: ObservabilityStorage) -> None:
    """An offset of 2**53 - 1 is legal and past the end, one more is refused; the text of a refusal says which."""
    for prefix, lister in (await five(storage, Names())).items():
        code = f"{prefix}_INVALID_PAGE"
        await raises(ValidationError, code, lister(page=-1), says="page must be >= 0")
        await raises(ValidationError, code, lister(per_page=-1), says="per_page must be >= 0")
        for page, per_page in ((LARGEST + 1, 1), (2**27, 2**27), (2**60, 2**60)):
            await raises(ValidationError, code, lister(page=page, per_page=per_page))
        last = await lister(page=LARGEST, per_page=1)
        equal((rows_of(last), last.total, last.has_more), ([], 5, False), f"{prefix}, the last page there can be")


PAGES: dict[tuple[int, int | None], tuple[str, bool]] = {
    (0, 2): ("12", True),
    (1, 2): ("34", True),
    (2, 2): ("5", False),
    (0, 4): ("1234", True),
    (1, 3): ("45", False),
    (0, 5): ("12345", False),
    (0, 6): ("12345", False),
    (3, 2): ("", False),
    (99, 10): ("", False),
    (0, 0): ("", True),
    (7, 0): ("", True),
    (0, None): ("12345", False),
    (0, 5000): ("12345", False),
}
"""By page and page size: what five rows give, and whether more follow."""


@check("G2", "G3", "G4", "O17", "O25", "O27", domain=DOMAIN)
async def check_pages_of_spans(storage: ObservabilityStorage) -> None:
    """A page holds its slice of the ordered set, the total counts the whole set; past the end is no error."""
    names = Names()
    for prefix, lister in (await five(storage, names)).items():
        for (page, per_page), (expected, more) in PAGES.items():
            found = await lister(page=page, per_page=per_page)
            seen = ("".join(names.short(rows_of(found))), found.total, found.has_more, found.page, found.per_page)
            equal(seen, (expected, 5, more, page, per_page), f"{prefix}, page {page} of {per_page}")


@check("G2", "O17", "O18", "O25", "O27", domain=DOMAIN)
async def check_defaults_of_lists(storage: ObservabilityStorage) -> None:
    """Without arguments a list holds the 10 rows that began last, the newest first."""
    names = Names()
    await put(storage, *(a_span(names, f"{n:02}", n, trace=f"{n:02}") for n in range(12)))
    for prefix, lister in lists_within(storage, names).items():
        page = await lister()
        equal(names.short(rows_of(page)), [f"{n:02}" for n in range(11, 1, -1)], prefix)
        equal((page.total, page.page, page.per_page, page.has_more), (12, 0, 10, True), prefix)


@check("O17", "O25", "O27", "G13", empty=True, domain=DOMAIN)
async def check_no_filter_lists_everything(storage: ObservabilityStorage) -> None:
    """Without filters every trace of everybody is listed and counted; in an empty domain there is none."""
    for prefix, lister in lists_of(storage).items():
        page = await lister()
        equal((rows_of(page), page.total, page.has_more), ([], 0, False), f"{prefix}, nothing stored")
        page = await lister(per_page=0)
        equal((page.total, page.has_more), (0, False), f"{prefix}, nothing stored and nothing wanted")
    names = Names()
    await put(storage, *(a_span(names, name, trace=name, organization_id=names(name)) for name in "abc"))
    nothing: list[Any] = [None, {}, TraceFilter(), {"user_id": None, "tags": [], "metadata": {}, "status": None}]
    for prefix, lister in lists_of(storage).items():
        for filters in nothing:
            page = await lister(filters=filters)
            equal((names.short(rows_of(page)), page.total), (["c", "b", "a"], 3), f"{prefix} by {filters}")


# -- order -------------------------------------------------------------------------------------------------------------


@check("O18", "G5", "G6", domain=DOMAIN)
async def check_spans_are_ordered(storage: ObservabilityStorage) -> None:
    """By start or by end; running spans end last, so they come first when descending."""
    names = Names()
    times: dict[str, tuple[float, float | None]] = {"a": (1, 9), "b": (2, None), "c": (3, 7), "d": (4, None)}
    times |= {"e": (5, 8), "f": (6, 7), "g": (7, -3)}
    spans = [
        a_span(names, name, start, trace=name, ended_at=None if end is None else at(end))
        for name, (start, end) in times.items()
    ]
    await put(storage, *spans[::-1])
    expected = {
        "started_at": "abcdefg",
        "-started_at": "gfedcba",
        "ended_at": "gcfeabd",
        "-ended_at": "dbaefcg",
    }
    for prefix, lister in lists_within(storage, names).items():
        for order_by, order in expected.items():
            page = await lister(order_by=order_by)
            equal("".join(names.short(rows_of(page))), order, f"{prefix} by {order_by}")
            pages = [await lister(order_by=order_by, page=number, per_page=2) for number in range(4)]
            turned = [row for one in pages for row in rows_of(one)]
            equal("".join(names.short(turned)), order, f"{prefix} by {order_by}, page by page")


@check("O7", "O18", domain=DOMAIN)
async def check_updated_ends_are_ordered(storage: ObservabilityStorage) -> None:
    """A span whose end was set or cleared by an update is ordered by what is stored now."""
    names = Names()
    await put(
        storage,
        *(a_span(names, name, trace=name, ended_at=at(end)) for name, end in zip("abc", (1, 2, 3), strict=True)),
    )
    ids = {name: {"trace_id": names(name), "span_id": names(name)} for name in "abc"}
    await storage.update_span(**ids["a"], updates={"ended_at": None})
    await storage.update_span(**ids["c"], updates={"ended_at": at(0)})
    for prefix, lister in lists_within(storage, names).items():
        pages = [await lister(order_by=order_by) for order_by in ("ended_at", "-ended_at")]
        equal(["".join(names.short(rows_of(page))) for page in pages], ["cba", "abc"], prefix)


@check("G5", "O18", domain=DOMAIN)
async def check_tied_traces_are_ordered_by_ids(storage: ObservabilityStorage) -> None:
    """Rows of one instant are ordered by the code points of trace id, then span id, in the direction of the order."""
    names = Names()
    ends = {"started_at": at(5), "ended_at": at(9)}
    ids = [(trace, span) for trace in TIED for span in ("a", "ｂ", "😀")]
    shuffled = ids[::2] + ids[1::2]
    await put(storage, *(a_span(names, span, trace=trace, **ends) for trace, span in shuffled))
    for prefix, lister in lists_within(storage, names).items():
        for order_by in ("started_at", "-started_at", "ended_at", "-ended_at"):
            expected = ids[::-1] if order_by.startswith("-") else ids
            rows = rows_of(await lister(order_by=order_by, per_page=None))
            found = list(zip(trace_names(names, rows), names.short(rows), strict=True))
            equal(found, expected, f"{prefix} by {order_by}")
            pages = [await lister(order_by=order_by, page=number, per_page=7) for number in range(6)]
            turned = [row for page in pages for row in rows_of(page)]
            equal([row.span_id for row in turned], [row.span_id for row in rows], f"{prefix}, page by page")


@check("G5", "O18", domain=DOMAIN)
async def check_running_ties_are_ordered_by_ids(storage: ObservabilityStorage) -> None:
    """Running spans are equal as far as their end goes: they are ordered by their ids, not by their start."""
    names = Names()
    await put(storage, *(a_span(names, "s", -n, trace=trace) for n, trace in enumerate(TIED)))
    for prefix, lister in lists_within(storage, names).items():
        for order_by, expected in (("ended_at", TIED), ("-ended_at", TIED[::-1])):
            page = await lister(order_by=order_by, per_page=None)
            equal(trace_names(names, rows_of(page)), expected, f"{prefix} by {order_by}")


@check("G6", "O18", domain=DOMAIN)
async def check_unknown_orders_of_spans_are_refused(storage: ObservabilityStorage) -> None:
    """Only start and end order, with one leading minus at most."""
    bad = ["", "-", "name", "created_at", "startedAt", "started_at ", "--started_at", "+ended_at", "started_at desc"]
    for prefix, lister in lists_of(storage).items():
        outcomes = {repr(value): await outcome(lister(order_by=value)) for value in [*bad, None, 1, ["started_at"]]}
        equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_ORDER_BY"), prefix)


# -- ranges ------------------------------------------------------------------------------------------------------------


@check("G7", "O21", domain=DOMAIN)
async def check_date_ranges_of_spans(storage: ObservabilityStorage) -> None:
    """Bounds on start and end are inclusive unless marked exclusive, and compared by the millisecond."""
    names = Names()
    lists = await five(storage, names)
    await put(storage, a_span(names, "much later", 10**9, trace="later", started_at=at(10**9)))
    for prefix, lister in lists.items():
        for field in ("started_at", "ended_at"):
            for label, (bounds, expected) in RANGES.items():
                ranges: list[Any] = [bounds, DateRange(**bounds)]
                pages = [await lister(filters={field: one}) for one in ranges]
                for page in pages:
                    rows = [name for name in names.short(rows_of(page)) if name != "much later"]
                    equal(rows, expected, f"{prefix}, {field}, {label}")
                    equal(page.total, len(rows_of(page)), f"{prefix}, {field}, {label}, total")
        bounded = {"started_at": {"start": at(2)}, "ended_at": {"end": at(4), "end_exclusive": True}}
        equal(names.short(rows_of(await lister(filters=bounded))), ["2", "3"], f"{prefix}, both")


@check("O21", domain=DOMAIN)
async def check_running_spans_are_in_no_range_of_ends(storage: ObservabilityStorage) -> None:
    """A running span matches no range of ends, however wide; one that ended matches until its end is cleared."""
    names = Names()
    await put(storage, a_span(names, "running", 1, trace="1"), a_span(names, "ended", 2, trace="2", ended_at=at(3)))
    wide: list[dict[str, Any]] = [RANGES["beginning and end of time"][0], {"start": at(-9)}, {"end": at(10**8)}]
    wide += [{"start": DAWN}, {"end": DUSK}, {}, {"start_exclusive": True, "end_exclusive": True}]
    for bounds in wide:
        equal(await found_by(storage, names, ended_at=bounds), ["ended"], str(bounds))
    equal(await found_by(storage, names, started_at=wide[0]), ["running", "ended"], "all starts")
    await storage.update_span(trace_id=names("2"), span_id=names("ended"), updates={"ended_at": None})
    equal(await found_by(storage, names, ended_at=wide[0]), [], "cleared")


@check("G7", "G15", "O21", domain=DOMAIN)
async def check_bad_date_ranges_of_spans_are_refused(storage: ObservabilityStorage) -> None:
    """Bounds without offset, text that is no time and other types are refused."""
    ranges: list[Any] = [*BAD_RANGES, {"start_exclusive": 1}, at(1)]
    for prefix, lister in lists_of(storage).items():
        for field in ("started_at", "ended_at"):
            outcomes = {repr(wrong): await outcome(lister(filters={field: wrong})) for wrong in ranges}
            equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_ARGUMENT"), f"{prefix} {field}")


# -- rows --------------------------------------------------------------------------------------------------------------


@check("O13", "O17", "O25", domain=DOMAIN)
async def check_each_root_is_a_row(storage: ObservabilityStorage) -> None:
    """A trace with two roots has two rows, one without root has none; children have none."""
    names = Names()
    await put(storage, a_span(names, "one"), child(names, "below", "one", 1), child(names, "orphan", "nobody", 2))
    await put(storage, a_span(names, "two", 3, trace="2"), a_span(names, "three", 4, trace="2"))
    await put(storage, child(names, "x", "y", trace="none"), child(names, "y", "x", trace="none"))
    for prefix in ("LIST_TRACES", "LIST_TRACES_LIGHT"):
        page = await lists_within(storage, names)[prefix](order_by="started_at")
        equal((names.short(rows_of(page)), page.total), (["one", "two", "three"], 3), prefix)
        equal(trace_names(names, rows_of(page)), ["t", "2", "2"], prefix)
    await storage.update_span(trace_id=names("t"), span_id=names("below"), updates={"parent_span_id": None})
    await storage.update_span(trace_id=names("t"), span_id=names("one"), updates={"parent_span_id": names("below")})
    page = await storage.list_traces(filters={"trace_id": names("t")})
    equal(names.short(page.spans), ["below"], "after turning the trace upside down")


@check("O17", "O25", "O27", domain=DOMAIN)
async def check_rows_are_whole(storage: ObservabilityStorage) -> None:
    """Rows of traces and branches are whole spans with their status; light rows have no payload but the metadata."""
    names = Names()
    root = filled(names, "s", parent_span_id=None, span_type="agent_run", organization_id=names("org"), input="hello")
    bare = a_span(names, "bare", 99, trace="bare")
    await put(storage, root, bare)
    for prefix, lister in lists_within(storage, names).items():
        rows = rows_of(await lister(order_by="started_at"))
        equal([row.status for row in rows], ["error", "running"], prefix)
        for row, span in zip(rows, (root, bare), strict=True):
            whole = await stored(storage, span)
            shared = [name for name in Span.__struct_fields__ if hasattr(row, name)]
            equal({name: getattr(row, name) for name in shared}, {name: getattr(whole, name) for name in shared})
            if prefix != "LIST_TRACES_LIGHT":
                equal({**written(span), **written(row)}, written(span), prefix)
                ensure(len(shared) == len(Span.__struct_fields__), f"{prefix} should give every attribute")
            else:
                equal(row.input_preview, span.input, "input_preview")


@check("O27", domain=DOMAIN)
async def check_branch_rows(storage: ObservabilityStorage) -> None:
    """Spans of the types that begin a branch are listed at any depth, roots, children and orphans; no others are."""
    names = Names()
    types = sorted({*KNOWN_SPAN_TYPES, "Agent_Run", "agent_run ", "agent", "toolXcall"})
    spans = [child(names, type, types[n - 1] if n else None, n, span_type=type) for n, type in enumerate(types)]
    await put(storage, *spans, child(names, "orphan", "nobody", 99, span_type="tool_call", ended_at=at(100)))
    lister = lists_within(storage, names)["LIST_BRANCHES"]
    page = await lister(order_by="started_at", per_page=None)
    expected = [type for type in types if type in BRANCH_TYPES] + ["orphan"]
    equal((names.short(page.branches), page.total), (expected, len(expected)))
    equal([span.status for span in page.branches], ["running"] * len(BRANCH_TYPES) + ["success"])
    for type in BRANCH_TYPES:
        page = await lister(filters={"span_type": type}, order_by="started_at")
        equal(names.short(page.branches), [type, *(["orphan"] if type == "tool_call" else [])], type)
    page = await lister(filters={"span_type": "generic"})
    equal((page.branches, page.total), ([], 0), "a type that begins no branch")
    updates = {"span_type": "generic"}
    await storage.update_span(trace_id=names("t"), span_id=names("orphan"), updates=updates)
    equal((await lister()).total, len(BRANCH_TYPES), "after its type was changed")


@check("O27", "G15", domain=DOMAIN)
async def check_branches_have_no_children_filter(storage: ObservabilityStorage) -> None:
    """``has_child_error`` is refused by ``list_branches``, whichever way round; left at None it is no filter."""
    for value in (True, False):
        given: list[Any] = [{"has_child_error": value}, TraceFilter(has_child_error=value)]
        for filters in given:
            call = storage.list_branches(filters=filters)
            await raises(ValidationError, "LIST_BRANCHES_INVALID_ARGUMENT", call, says="has_child_error")
    await storage.list_branches(filters={"has_child_error": None}, per_page=0)
