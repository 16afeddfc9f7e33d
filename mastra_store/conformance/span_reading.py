"""Reading one trace (O4, O12 to O16): spans by their ids, roots, whole traces, their structure, branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from ..records import LightSpan, Span
from .expect import ensure, equal, outcome, raises
from .payloads import ID_SHAPES
from .registry import check
from .scenes import Names, at, lenient
from .span_scenes import a_span, child, filled, names_in, put, root_in, saved_span, stored, update

DOMAIN = "observability"
TIED = ["!", "0", "10", "2", "A", "Z", "_", "a", "b", "z", "é", "Ａ", "😀"]
"""In order of code point. UTF-16 order puts the emoji before the fullwidth letter, most collations reorder it all."""

TREE: dict[str, tuple[str | None, float]] = {
    "root": (None, 0),
    "b": ("root", 1),
    "a": ("root", 2),
    "b1": ("b", 3),
    "b2": ("b", 0.5),
    "a1": ("a", 5),
    "a2": ("a", 5),
    "b21": ("b2", 6),
    "orphan": ("nobody", 2.5),
    "below orphan": ("orphan", 2.75),
}
"""Parents and starts of the spans of a trace; a child may begin before its parent."""
IN_ORDER = ["root", "b2", "b", "a", "orphan", "below orphan", "b1", "a1", "a2", "b21"]
BRANCHES: dict[tuple[str, int | None], list[str]] = {
    ("root", None): ["root", "b2", "b", "a", "b1", "a1", "a2", "b21"],
    ("root", 0): ["root"],
    ("root", 1): ["root", "b", "a"],
    ("root", 2): ["root", "b2", "b", "a", "b1", "a1", "a2"],
    ("root", 3): ["root", "b2", "b", "a", "b1", "a1", "a2", "b21"],
    ("root", 2**60): ["root", "b2", "b", "a", "b1", "a1", "a2", "b21"],
    ("b", None): ["b", "b2", "b1", "b21"],
    ("b", 1): ["b", "b2", "b1"],
    ("a", None): ["a", "a1", "a2"],
    ("b21", None): ["b21"],
    ("b21", 5): ["b21"],
    ("orphan", None): ["orphan", "below orphan"],
}
"""Branches by anchor and depth: the anchor first, also when a descendant began before it."""


async def a_tree(storage: ObservabilityStorage, names: Names, trace: str = "t", **fields: Any) -> list[Span]:
    """The stored spans of ``TREE``, filled to the brim."""
    spans = [
        filled(names, name, trace=trace, started_at=at(second), parent_span_id=parent and names(parent), **fields)
        for name, (parent, second) in TREE.items()
    ]
    await put(storage, *spans)
    return spans


# -- by ids ------------------------------------------------------------------------------------------------------------


@check("O12", domain=DOMAIN)
async def check_one_span(storage: ObservabilityStorage) -> None:
    """A span is found by its trace and its own id, both of them; what is not there is None."""
    names = Names()
    span = await saved_span(storage, names, "s", trace="one", output="of one")
    await saved_span(storage, names, "other", trace="two")
    equal(await storage.get_span(trace_id=names("one"), span_id=names("s")), span)
    for trace, name in (("one", "other"), ("two", "s"), ("one", "absent"), ("absent", "s"), ("s", "one")):
        equal(await storage.get_span(trace_id=names(trace), span_id=names(name)), None, f"{name} of {trace}")


@check("O12", domain=DOMAIN)
async def check_some_spans(storage: ObservabilityStorage) -> None:
    """The named spans of the trace come once each, by start and id, in whatever order they were named."""
    names = Names()
    await a_tree(storage, names)
    await saved_span(storage, names, "elsewhere", trace="two")
    named = ["b21", "absent", "a2", "a1", "elsewhere", "root", "a2", "b2"]
    found = await storage.get_spans(trace_id=names("t"), span_ids=[names(name) for name in named])
    equal(names.short(found), ["root", "b2", "a1", "a2", "b21"])
    equal(found, [await stored(storage, span) for span in found], "whole spans")
    for trace, ids in (("t", []), ("t", ["absent"]), ("absent", ["root"]), ("two", ["root"])):
        equal(await storage.get_spans(trace_id=names(trace), span_ids=[names(id) for id in ids]), [], f"{ids}")


@check("O12", domain=DOMAIN)
async def check_many_spans(storage: ObservabilityStorage) -> None:
    """Thousands of ids may be named at once, more than most databases take parameters in lists."""
    names = Names()
    await put(storage, *(a_span(names, f"{n:04}", -n) for n in range(0, 1500, 3)))
    found = await storage.get_spans(trace_id=names("t"), span_ids=[names(f"{n:04}") for n in range(1500)])
    equal(names.short(found), [f"{n:04}" for n in range(1497, -1, -3)])
    ids = [names(f"absent {n}") for n in range(40_000)]
    equal(names.short(await storage.get_spans(trace_id=names("t"), span_ids=[*ids, names("0000")])), ["0000"])


@check("G12", "G15", "O12", domain=DOMAIN)
async def check_ids_must_be_given(storage: ObservabilityStorage) -> None:
    """An id is a non-empty string; anything else is refused by every method that takes one."""
    untyped = lenient(storage)
    for id in ("", None, 1, b"id", ["id"]):
        both = {"trace_id": "t", "span_id": "s"}
        for wrong in ({**both, "trace_id": id}, {**both, "span_id": id}):
            found = {
                "GET_SPAN": await outcome(untyped.get_span(**wrong)),
                "GET_BRANCH": await outcome(untyped.get_branch(**wrong)),
                "UPDATE_SPAN": await outcome(untyped.update_span(**wrong, updates={})),
            }
            equal(found, {prefix: f"ValidationError {prefix}_INVALID_ARGUMENT" for prefix in found}, f"{wrong}")
        found = {
            "GET_SPANS": await outcome(untyped.get_spans(trace_id=id, span_ids=["s"])),
            "GET_ROOT_SPAN": await outcome(untyped.get_root_span(trace_id=id)),
            "GET_TRACE": await outcome(untyped.get_trace(trace_id=id)),
            "GET_STRUCTURE": await outcome(untyped.get_structure(trace_id=id)),
        }
        equal(found, {prefix: f"ValidationError {prefix}_INVALID_ARGUMENT" for prefix in found}, repr(id))
        await raises(ValidationError, "GET_STRUCTURE_INVALID_ARGUMENT", untyped.get_trace_light(trace_id=id))
        await raises(ValidationError, "GET_SPANS_INVALID_ARGUMENT", untyped.get_spans(trace_id="t", span_ids=["s", id]))
    for ids in (None, "s", {"s": 1}, 1):
        await raises(ValidationError, "GET_SPANS_INVALID_ARGUMENT", untyped.get_spans(trace_id="t", span_ids=ids))


@check("G12", "O1", "O12", domain=DOMAIN)
async def check_awkward_span_ids(storage: ObservabilityStorage) -> None:
    """Traces and spans with awkward ids are kept apart, found, updated and deleted exactly."""
    plain = Names()("id")
    ids = {label: shape(plain) for label, shape in ID_SHAPES.items()}
    names = Names()
    await put(storage, *(a_span(names, "s", span_id=id, metadata={"of": label}) for label, id in ids.items()))
    await put(storage, *(a_span(names, "s", trace_id=id, metadata={"of": label}) for label, id in ids.items()))
    for label, id in ids.items():
        span = await storage.get_span(trace_id=names("t"), span_id=id)
        equal(span and (span.span_id, span.metadata), (id, {"of": label}), label)
        some = await storage.get_spans(trace_id=names("t"), span_ids=[id])
        equal([one.metadata for one in some], [{"of": label}], f"{label} among some")
        branch = await storage.get_branch(trace_id=names("t"), span_id=id)
        equal([one.metadata for one in (branch.spans if branch else [])], [{"of": label}], f"branch of {label}")
        trace = await storage.get_trace(trace_id=id)
        equal([one.metadata for one in (trace.spans if trace else [])], [{"of": label}], f"trace {label}")
        page = await storage.list_traces(filters={"trace_id": id})
        equal([one.metadata for one in page.spans], [{"of": label}], f"list of {label}")
    left = dict(ids)
    for label, id in ids.items():
        await storage.update_span(trace_id=names("t"), span_id=id, updates={"metadata": {"of": "updated"}})
        await storage.batch_delete_traces(trace_ids=[id])
        del left[label]
        trace = await storage.get_trace(trace_id=names("t"))
        old = {one.span_id for one in (trace.spans if trace else []) if one.metadata != {"of": "updated"}}
        equal(old, set(left.values()), f"after updating {label}")
        traces = {other for other in left.values() if await storage.get_root_span(trace_id=other)}
        equal(traces, set(left.values()), f"after deleting {label}")


# -- whole traces ------------------------------------------------------------------------------------------------------


@check("O13", domain=DOMAIN)
async def check_root_spans(storage: ObservabilityStorage) -> None:
    """The root has no parent; of several the first by start and id is meant; without any there is None."""
    names = Names()
    await a_tree(storage, names)
    root = await storage.get_root_span(trace_id=names("t"))
    ensure(root, "the root should be there")
    equal(root, await stored(storage, root), "the whole span")  # type: ignore[arg-type]
    equal(await root_in(storage, names), "root")
    await put(storage, *(a_span(names, name, second, trace="two") for name, second in (("c", 1), ("b", 1), ("a", 2))))
    await put(storage, child(names, "0", "b", 0, trace="two"))
    equal(await root_in(storage, names, "two"), "b", "two roots")
    await put(storage, child(names, "a", "b", trace="none"), child(names, "b", "a", trace="none"))
    equal(await storage.get_root_span(trace_id=names("none")), None, "only children")
    equal(await storage.get_root_span(trace_id=names("absent")), None, "no such trace")


@check("O14", "O15", domain=DOMAIN)
async def check_whole_traces(storage: ObservabilityStorage) -> None:
    """A trace holds all its spans by start and id, orphans included; a trace without spans is None."""
    names = Names()
    spans = await a_tree(storage, names)
    await saved_span(storage, names, "elsewhere", trace="two")
    trace = await storage.get_trace(trace_id=names("t"))
    ensure(trace, "the trace should be there")
    equal((trace.trace_id, names.short(trace.spans)), (names("t"), IN_ORDER))  # type: ignore[union-attr]
    found = {span.span_id: span for span in trace.spans}  # type: ignore[union-attr]
    equal([found[span.span_id] for span in spans], [await stored(storage, span) for span in spans], "whole spans")
    equal(await storage.get_trace(trace_id=names("absent")), None)
    equal(await storage.get_structure(trace_id=names("absent")), None)


@check("G5", "O12", "O13", "O14", "O15", "O16", domain=DOMAIN)
async def check_tied_spans_are_ordered_by_id(storage: ObservabilityStorage) -> None:
    """Spans that began at one instant are ordered by the code points of their ids, wherever one trace is read."""
    names = Names()
    await put(storage, *(a_span(names, name) for name in TIED[::2] + TIED[1::2]))
    equal(await names_in(storage, names), TIED)
    some = await storage.get_spans(trace_id=names("t"), span_ids=[names(name) for name in reversed(TIED)])
    equal(names.short(some), TIED, "get_spans")
    structure = await storage.get_structure(trace_id=names("t"))
    equal(names.short(structure.spans if structure else []), TIED, "get_structure")
    equal(await root_in(storage, names), TIED[0], "get_root_span")
    await put(storage, a_span(names, "anchor", trace="b"), *(child(names, name, "anchor", trace="b") for name in TIED))
    branch = await storage.get_branch(trace_id=names("b"), span_id=names("anchor"))
    equal(names.short(branch.spans if branch else []), ["anchor", *TIED], "get_branch")


LIGHT = (
    *("trace_id", "span_id", "parent_span_id", "name", "span_type", "is_event", "started_at", "ended_at", "error"),
    *("entity_type", "entity_id", "entity_name", "created_at", "updated_at"),
)
"""Attributes of a full span that a light one has as well."""


@check("O15", domain=DOMAIN)
async def check_structures(storage: ObservabilityStorage) -> None:
    """A structure holds the spans of the trace in the same order, with status, without metadata and preview."""
    names = Names()
    await a_tree(storage, names)
    await put(storage, a_span(names, "running", 1), a_span(names, "ended", 2, ended_at=at(9)), child(names, "x", "y"))
    trace = await storage.get_trace(trace_id=names("t"))
    for read in (storage.get_structure, storage.get_trace_light):
        structure = await read(trace_id=names("t"))
        ensure(trace and structure, "the trace should be there")
        equal(structure.trace_id, names("t"))  # type: ignore[union-attr]
        found, spans = structure.spans, trace.spans  # type: ignore[union-attr]
        equal([_light(span) for span in found], [_light(span) for span in spans])
        equal({(span.metadata, span.input_preview) for span in found}, {(None, None)}, "metadata and preview")
        equal([span.status for span in found], [_status(span) for span in spans], "status")


@check("O4", "O15", "O17", "O25", "O27", domain=DOMAIN)
async def check_status(storage: ObservabilityStorage) -> None:
    """An error, of whatever value, makes the status, also of a running span; what children did does not matter."""
    errors = [{"message": "no"}, "no", "", 0, False, [], {}, 0.0, "null", True]
    names = Names()
    spans = [a_span(names, f"error {n}", n, error=error) for n, error in enumerate(errors)]
    spans += [a_span(names, f"late error {n}", n, error=error, ended_at=at(99)) for n, error in enumerate(errors)]
    spans += [a_span(names, "running", 50), a_span(names, "success", 51, ended_at=at(52))]
    await put(storage, *spans)
    children = [child(names, f"of {name}", name, error="no", ended_at=at(99)) for name in ("running", "success")]
    await put(storage, *children)
    expected = {span.span_id: _status(span) for span in [*spans, *children]}
    structure = await storage.get_structure(trace_id=names("t"))
    equal({span.span_id: span.status for span in (structure.spans if structure else [])}, expected, "get_structure")
    filters, roots = {"trace_id": names("t")}, {span.span_id: expected[span.span_id] for span in spans}
    traces = await storage.list_traces(filters=filters, per_page=None)
    equal({span.span_id: span.status for span in traces.spans}, roots, "list_traces")
    light = await storage.list_traces_light(filters=filters, per_page=None)
    equal({span.span_id: span.status for span in light.spans}, roots, "list_traces_light")
    branches = await storage.list_branches(filters=filters, per_page=None)
    equal({span.span_id: span.status for span in branches.branches}, expected, "list_branches")
    equal([span.error for span in sorted(traces.spans, key=lambda span: span.span_id)][: len(errors)], errors, "errors")


# -- branches ----------------------------------------------------------------------------------------------------------


@check("O16", domain=DOMAIN)
async def check_branches(storage: ObservabilityStorage) -> None:
    """A branch is the anchor, then its descendants by start and id, as many levels of them as asked for."""
    names = Names()
    await a_tree(storage, names)
    await a_tree(storage, names, "twin")
    for (anchor, depth), expected in BRANCHES.items():
        branch = await storage.get_branch(trace_id=names("t"), span_id=names(anchor), depth=depth)
        spans = branch.spans if branch else []
        equal(names.short(spans), expected, f"{anchor} to {depth}")
        equal(branch and branch.trace_id, names("t"))
        equal(spans, [await stored(storage, span) for span in spans], "whole spans of this trace")
    for trace, anchor in (("t", "absent"), ("absent", "root"), ("t", "nobody")):
        equal(await storage.get_branch(trace_id=names(trace), span_id=names(anchor)), None, f"{anchor} of {trace}")


@check("O16", "G15", domain=DOMAIN)
async def check_bad_depths_are_refused(storage: ObservabilityStorage) -> None:
    """A depth is a whole number of at least 0, or None; it is checked before anything is looked for."""
    names = Names()
    await saved_span(storage, names, "s")
    for depth in (-1, -(2**60), 1.5, "1", [1]):
        for name in ("s", "absent"):
            call = lenient(storage).get_branch(trace_id=names("t"), span_id=names(name), depth=depth)
            await raises(ValidationError, "GET_BRANCH_INVALID_ARGUMENT", call)


CYCLES: dict[str, list[str]] = {
    "a": ["a", "b", "c", "d"],
    "b": ["b", "a", "c", "d"],
    "c": ["c", "a", "b", "d"],
    "d": ["d"],
    "self": ["self", "below"],
    "below": ["below"],
}


@check("O16", domain=DOMAIN)
async def check_cycles_end(storage: ObservabilityStorage) -> None:
    """Parents that go round in a circle, or a span that is its own parent, end the walk; no span comes twice."""
    names = Names()
    parents = {"a": "c", "b": "a", "c": "b", "d": "b", "self": "self", "below": "self"}
    await put(storage, *(child(names, name, parent, n) for n, (name, parent) in enumerate(parents.items())))
    for anchor, expected in CYCLES.items():
        for depth in (None, 9, 2**60):
            branch = await storage.get_branch(trace_id=names("t"), span_id=names(anchor), depth=depth)
            equal(names.short(branch.spans if branch else []), expected, f"{anchor} to {depth}")
    some = await storage.get_branch(trace_id=names("t"), span_id=names("a"), depth=1)
    equal(names.short(some.spans if some else []), ["a", "b"], "one level")


@check("O16", domain=DOMAIN)
async def check_long_chains(storage: ObservabilityStorage) -> None:
    """A branch may be thousands of levels deep, or wide."""
    names = Names()
    deep = [child(names, f"{n:04}", f"{n - 1:04}" if n else None, n) for n in range(2000)]
    await put(storage, *deep, *(child(names, f"wide {n:04}", "0001", -1) for n in range(1500)))
    chain = [f"{n:04}" for n in range(2000)]
    wide = [f"wide {n:04}" for n in range(1500)]
    for anchor, depth, expected in (
        ("0000", None, [chain[0], *wide, *chain[1:]]),
        ("0000", 1, chain[:2]),
        ("0001", 1, [chain[1], *wide, chain[2]]),
        ("0500", None, chain[500:]),
        ("0500", 700, chain[500:1201]),
    ):
        branch = await storage.get_branch(trace_id=names("t"), span_id=names(anchor), depth=depth)
        equal(names.short(branch.spans if branch else []), expected, f"{anchor} to {depth}")


@check("O7", "O16", domain=DOMAIN)
async def check_moved_spans(storage: ObservabilityStorage) -> None:
    """A span whose parent is updated belongs to the branch of the new parent; without a parent it is a root."""
    names = Names()
    await a_tree(storage, names)
    moved = next(span for span in await _spans(storage, names) if span.name == "one b2")
    await update(storage, moved, parent_span_id=names("a"))
    branch = await storage.get_branch(trace_id=names("t"), span_id=names("a"))
    equal(names.short(branch.spans if branch else []), ["a", "b2", "a1", "a2", "b21"])
    await update(storage, moved, parent_span_id=None, started_at=at(-1))
    equal(await root_in(storage, names), "b2", "root")


async def _spans(storage: ObservabilityStorage, names: Names) -> Sequence[Span]:
    trace = await storage.get_trace(trace_id=names("t"))
    return trace.spans if trace else []


def _light(span: Span | LightSpan) -> dict[str, Any]:
    return {name: getattr(span, name) for name in LIGHT}


def _status(span: Span) -> str:
    if span.error is not None:
        return "error"
    return "success" if span.ended_at else "running"
