"""Filters on spans (O17, O19 to O24, G13): each alone, many together, by type of value, and what is refused."""

from __future__ import annotations

from typing import Any

from ..domains import ObservabilityStorage
from ..errors import ValidationError
from ..instants import now
from ..records import Span, TraceFilter
from .expect import ensure, equal, outcome
from .harness import Harness
from .payloads import HARD_TEXT, ID_SHAPES
from .registry import check
from .scenes import BASE, Names, at, is_now
from .span_scenes import (
    OWNERS,
    TEXTS,
    a_span,
    child,
    found_by,
    lists_of,
    lists_within,
    put,
    rows_of,
    saved_span,
    stored,
    update,
)

DOMAIN = "observability"
TABLE = "mastra_ai_spans"


# -- text --------------------------------------------------------------------------------------------------------------


@check("O17", "O22", domain=DOMAIN)
async def check_each_text_filters(storage: ObservabilityStorage) -> None:
    """Every attribute filters by equality: no prefix, no pattern, no other case; a null never matches."""
    for attribute in TEXTS:
        if attribute != "organization_id":  # which found_by filters by
            names = Names()
            values = [names("Value"), names("value"), names("value "), names("val%"), names("value2"), None]
            fields = [{attribute: value} for value in values]
            await put(storage, *(a_span(names, str(n), n, trace=str(n), **fields[n]) for n in range(len(values))))
            for n, value in enumerate(values[:-1]):
                equal(await found_by(storage, names, **{attribute: value}), [str(n)], f"{attribute} {value!r}")
            for value in (names("absent"), names("%"), names("Value")[:-1]):
                equal(await found_by(storage, names, **{attribute: value}), [], f"{attribute} {value!r}")
            equal(len(await found_by(storage, names, **{attribute: None})), 6, f"{attribute} left at None")


@check("O22", domain=DOMAIN)
async def check_trace_and_type_filter(storage: ObservabilityStorage) -> None:
    """So do the id of the trace and the type of the span; organizations keep apart."""
    names = Names()
    await put(storage, a_span(names, "a"), a_span(names, "b", 1), a_span(names, "c", 2, trace="t2"))
    await put(storage, a_span(names, "d", 3, trace="T", span_type="tool_call"))
    await put(storage, a_span(names, "other", organization_id=names("Org")))
    equal(await found_by(storage, names, trace_id=names("t")), ["a", "b"])
    equal(await found_by(storage, names, span_type="tool_call"), ["d"])
    equal(await found_by(storage, names, span_type="agent_run", trace_id=names("t2")), ["c"])
    equal(await found_by(storage, names, span_type="tool_call", trace_id=names("t2")), [])
    equal(await found_by(storage, names, organization_id=names("Org")), ["other"])


@check("O17", "O27", domain=DOMAIN)
async def check_filters_test_the_row_itself(storage: ObservabilityStorage) -> None:
    """What a child carries does not find its root; branches are found by what they carry themselves."""
    names = Names()
    fields: dict[str, Any] = {"user_id": names("user"), "tags": ["tag"], "metadata": {"k": 1}, "scope": {"k": 1}}
    below = child(names, "below", "root", 5, **fields, ended_at=at(6), error="no", span_type="tool_call")
    await put(storage, a_span(names, "root"), below)
    wanted: list[dict[str, Any]] = [{name: value} for name, value in fields.items()]
    wanted += [{"status": "error"}, {"span_type": "tool_call"}]
    wanted += [{"started_at": {"start": at(5)}}, {"ended_at": {"end": at(6)}}]
    for filters in wanted:
        for prefix, lister in lists_within(storage, names).items():
            found = names.short(rows_of(await lister(filters=filters)))
            equal(found, ["below"] if prefix == "LIST_BRANCHES" else [], f"{prefix} by {filters}")


@check("G13", "O22", domain=DOMAIN)
async def check_filters_on_spans_combine(storage: ObservabilityStorage) -> None:
    """All filters must hold; each of them alone can leave a row out."""
    names = Names()
    fields: dict[str, Any] = {name: names(name) for name in TEXTS if name != "organization_id"}
    fields |= {"metadata": {"k": 1, "l": "x"}, "scope": {"k": True}, "tags": ["a", "b"], "ended_at": at(9)}
    await put(storage, a_span(names, "all", 5, **fields))
    wanted: dict[str, Any] = {name: names(name) for name in TEXTS if name != "organization_id"}
    wanted |= {"metadata": {"k": 1, "l": "x"}, "scope": {"k": True}, "tags": ["b", "a"], "status": "success"}
    wanted |= {"started_at": {"start": at(5), "end": at(5)}, "ended_at": {"start": at(9)}, "trace_id": names("t")}
    wanted |= {"span_type": "agent_run", "has_child_error": False}
    equal(await found_by(storage, names, **wanted), ["all"])
    wrong: dict[str, Any] = {name: names("wrong") for name in (*TEXTS, "trace_id", "span_type")}
    wrong |= {"metadata": {"k": 1, "l": "y"}, "scope": {"k": 1}, "tags": ["a", "c"], "status": "running"}
    wrong |= {"started_at": {"end": at(4)}, "ended_at": {"end": at(4)}, "has_child_error": True}
    for name, value in wrong.items():
        equal(await found_by(storage, names, **{**wanted, name: value}), [], f"all but {name}")


@check("G13", "G15", "O19", domain=DOMAIN)
async def check_bad_filters_are_refused(storage: ObservabilityStorage) -> None:
    """Empty owners, unknown names and values of wrong types are refused by every list."""
    bad: list[Any] = [{name: ""} for name in OWNERS]
    bad += [{name: value} for name in (*TEXTS, "trace_id", "span_type") for value in (1, ["text"], b"text")]
    bad += [{name: "x"} for name in ("traceId", "name", "parent_span_id", "span_id", "", "limit", "input")]
    bad += [{"status": value} for value in ("ERROR", "", "failed", 1, True, ["error"])]
    bad += [{"tags": value} for value in ("tag", [1], [None], {"tag": 1}, 1, [["tag"]])]
    bad += [{name: value} for name in ("metadata", "scope") for value in ("text", [], ["k"], 1)]
    bad += ["text", [], [("user_id", "u")], 1]
    names = Names()
    await saved_span(storage, names, "s")
    for prefix, lister in lists_of(storage).items():
        outcomes = {repr(filters): await outcome(lister(filters=filters)) for filters in bad}
        equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_ARGUMENT"), prefix)
        if prefix != "LIST_BRANCHES":
            outcomes = {repr(value): await outcome(lister(filters={"has_child_error": value})) for value in (1, "true")}
            equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_ARGUMENT"), prefix)


@check("G15", "O17", domain=DOMAIN)
async def check_filters_may_be_mappings(storage: ObservabilityStorage) -> None:
    """A filter is a ``TraceFilter`` or a mapping with its names."""
    names = Names()
    await put(storage, a_span(names, "a", user_id="u"), a_span(names, "b", trace="2", user_id="v"))
    fields: dict[str, Any] = {"organization_id": names("org"), "user_id": "u", "started_at": {"end": at(1)}}
    for prefix, lister in lists_of(storage).items():
        for filters in (fields, TraceFilter(**fields)):
            equal(names.short(rows_of(await lister(filters=filters))), ["a"], prefix)


# -- status and errors -------------------------------------------------------------------------------------------------


@check("O4", "O19", domain=DOMAIN)
async def check_status_filters(storage: ObservabilityStorage) -> None:
    """Each status finds its spans: any error, else still running, else ended; errors of children do not count."""
    names = Names()
    errors = [{"message": "no"}, "no", "", 0, False, [], {}, "null"]
    failed = [f"error {n}" for n in range(len(errors))]
    spans = [
        a_span(names, name, n, error=errors[n], ended_at=at(9) if n % 2 else None) for n, name in enumerate(failed)
    ]
    spans += [a_span(names, "running", 20), a_span(names, "success", 21, ended_at=at(22))]
    below = [child(names, f"of {name}", name, 30, error="no", span_type="generic") for name in ("running", "success")]
    await put(storage, *spans, *below)
    expected = {"error": failed, "running": ["running"], "success": ["success"]}
    for status, found in expected.items():
        equal(await found_by(storage, names, status=status), found, status)
    for span, updates in ((spans[-1], {"ended_at": None}), (spans[-2], {"error": 0}), (spans[0], {"error": None})):
        await update(storage, span, **updates)
    updated = {status: await found_by(storage, names, status=status) for status in expected}
    equal(updated, {"error": [*failed[1:], "running"], "running": ["error 0", "success"], "success": []}, "updated")


@check("O20", domain=DOMAIN)
async def check_has_child_error(storage: ObservabilityStorage) -> None:
    """True keeps traces in which any span has an error, the root and orphans included; False keeps the others."""
    names = Names()
    await put(storage, a_span(names, "root failed", 1, trace="1", error=False), child(names, "a", "x", trace="1"))
    await put(storage, a_span(names, "child failed", 2, trace="2"), child(names, "b", "x", trace="2", error=""))
    await put(storage, a_span(names, "none failed", 3, trace="3"), child(names, "c", "x", trace="3"))
    await put(storage, a_span(names, "one of two", 4, trace="4"), a_span(names, "other of two", 5, trace="4", error=0))
    await put(storage, a_span(names, "alone", 6, trace="5"), child(names, "d", "x", trace="none", error="no"))
    failed = ["root failed", "child failed", "one of two", "other of two"]
    equal(await found_by(storage, names, has_child_error=True), failed)
    equal(await found_by(storage, names, has_child_error=False), ["none failed", "alone"])
    equal(await found_by(storage, names, has_child_error=None), [*failed[:2], "none failed", *failed[2:], "alone"])
    # Errors of children of other owners count, the status of the root is another matter.
    theirs = child(names, "e", "none failed", trace="3", error="no", organization_id=names("theirs"))
    await put(storage, theirs)
    failed.insert(2, "none failed")
    equal(await found_by(storage, names, has_child_error=True), failed, "an error was added")
    found = await found_by(storage, names, has_child_error=True, status="running")
    equal(found, ["child failed", "none failed", "one of two"], "running with errors below")
    await update(storage, theirs, error=None)
    equal(await found_by(storage, names, has_child_error=False), ["none failed", "alone"], "the error was cleared")


# -- metadata and scope ------------------------------------------------------------------------------------------------

STORED: dict[str, Any] = {
    "one": 1,
    "one and a half": 1.5,
    "text one": "1",
    "true": True,
    "text true": "true",
    "false": False,
    "zero": 0,
    "null": None,
    "text null": "null",
    "empty": "",
    "list": [1],
    "dict": {"k": 1},
    "large": 2**53,
    "larger": 2**53 + 1,
    "minus": -1,
    "quote": 'it\'s "so"',
    "text": "Text",
    "emoji": "😀",
    "tenth": 0.1,
    "huge": 1e23,
}
"""Values under the key ``k``, by name of the span that carries them; other spans lack the key or the payload."""
WANTED: list[tuple[Any, list[str]]] = [
    (1, ["one"]),
    (1.0, ["one"]),
    (1.5, ["one and a half"]),
    ("1", ["text one"]),
    (True, ["true"]),
    ("true", ["text true"]),
    (False, ["false"]),
    (0, ["zero"]),
    (-0.0, ["zero"]),
    (None, ["null"]),
    ("null", ["text null"]),
    ("", ["empty"]),
    ("[1]", []),
    ("text", []),
    ("Tex", []),
    ("%", []),
    (2**53, ["large"]),
    (-1, ["minus"]),
    ('it\'s "so"', ["quote"]),
    ("Text", ["text"]),
    ("😀", ["emoji"]),
    (0.1, ["tenth"]),
    (1e23, ["huge"]),
    (2, []),
]


@check("O23", domain=DOMAIN)
async def check_metadata_filters_by_type(storage: ObservabilityStorage) -> None:
    """Metadata and scope match equal scalars of one JSON type: 1 is 1.0, not "1" nor True; null must be there."""
    for field in ("metadata", "scope"):
        names = Names()
        carried: list[tuple[str, Any]] = [(name, {"k": value, "x": 1}) for name, value in STORED.items()]
        others: list[Any] = [None, {}, {"K": None, "x": 1}, {"n": {"k": None}}, {"k.x": 1}]
        carried += [(f"without {n}", value) for n, value in enumerate(others)]
        await put(storage, *(_with(names, name, n, field, value) for n, (name, value) in enumerate(carried)))
        for value, expected in WANTED:
            equal(await found_by(storage, names, **{field: {"k": value}}), expected, f"{field} {value!r}")
            both = {"k": value, "x": 1.0}
            equal(await found_by(storage, names, **{field: both}), expected, f"{field} {both}")
        equal(await found_by(storage, names, **{field: {"k": 1, "x": 2}}), [], "one of two keys")
        equal(len(await found_by(storage, names, **{field: {}})), len(carried), "no key")


def _with(names: Names, name: str, second: float, field: str, value: Any) -> Span:
    fields: dict[str, Any] = {field: value}
    return a_span(names, name, second, **fields)


@check("O23", domain=DOMAIN)
async def check_metadata_and_scope_are_two(storage: ObservabilityStorage) -> None:
    """Filters on metadata do not look into the scope or other payloads, nor the other way round."""
    names = Names()
    await put(storage, a_span(names, "m", metadata={"k": 1, "j": 2}), a_span(names, "s", 1, scope={"k": 1, "j": 2}))
    await put(storage, a_span(names, "both", 2, metadata={"k": 1}, scope={"k": 1, "j": 3}), a_span(names, "none", 3))
    await put(storage, a_span(names, "others", 4, attributes={"k": 1}, request_context={"k": 1}, input={"k": 1}))
    equal(await found_by(storage, names, metadata={"k": 1}), ["m", "both"])
    equal(await found_by(storage, names, scope={"k": 1}), ["s", "both"])
    equal(await found_by(storage, names, scope={"k": 1}, metadata={"k": 1}), ["both"])
    equal(await found_by(storage, names, scope={"k": 1, "j": 3}, metadata={"k": 1}), ["both"])
    equal(await found_by(storage, names, scope={"k": 1, "j": 2}, metadata={"k": 1}), [])


@check("O23", "G15", domain=DOMAIN)
async def check_metadata_keys(storage: ObservabilityStorage) -> None:
    """Keys are plain names of at most 128 characters and not reserved; values are scalars."""
    keys = [
        "",
        "a.b",
        "a b",
        "1a",
        "a-b",
        "é",
        'a"b',
        "a'b",
        "a\n",
        "$",
        "a[0]",
        "__proto__",
        "prototype",
        "constructor",
    ]
    values: list[Any] = [[], {}, [1], {"a": 1}, float("nan"), float("inf"), b"text", BASE]
    names = Names()
    good = ["a", "_", "A9_", "k" * 128, "toString", "proto", "select", "null"]
    await put(storage, *(a_span(names, key, n, metadata={key: 1}, scope={key: 1}) for n, key in enumerate(good)))
    for field in ("metadata", "scope"):
        for key in good:
            equal(await found_by(storage, names, **{field: {key: 1}}), [key], f"{field} {key}")
        for prefix, lister in lists_of(storage).items():
            wrong: list[Any] = [*keys, "k" * 129, 1, None, True]
            outcomes = {repr(key): await outcome(lister(filters={field: {"a": 1, key: 1}})) for key in wrong}
            equal(
                outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_METADATA_KEY"), f"{prefix} {field}"
            )
            outcomes = {repr(value): await outcome(lister(filters={field: {"k": value}})) for value in values}
            equal(
                outcomes,
                dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_METADATA_VALUE"),
                f"{prefix} {field}",
            )


# -- tags --------------------------------------------------------------------------------------------------------------


@check("O24", domain=DOMAIN)
async def check_tags_filter(storage: ObservabilityStorage) -> None:
    """All given tags must be carried, whatever their order and number; an empty list does not filter."""
    names = Names()
    tags: dict[str, list[str] | None] = {
        "ab": ["a", "b"],
        "ba": ["b", "a", "a"],
        "a": ["a"],
        "upper": ["A", "B"],
        "none": None,
        "empty": [],
        "joined": ["a,b", "ab"],
        "odd": ["a'b", 'q"t', "%", "😀", "", "[1]", "1"],
        "word": ["alpha", "beta"],
    }
    await put(storage, *(a_span(names, name, n, tags=carried) for n, (name, carried) in enumerate(tags.items())))
    expected: list[tuple[list[str], list[str]]] = [
        (["a"], ["ab", "ba", "a"]),
        (["a", "b"], ["ab", "ba"]),
        (["b", "a", "b", "a"], ["ab", "ba"]),
        (["a", "a"], ["ab", "ba", "a"]),
        (["A"], ["upper"]),
        (["a", "A"], []),
        (["alp"], []),
        (["a,b"], ["joined"]),
        (["a'b"], ["odd"]),
        (["😀", 'q"t', "%", "", "1", "[1]"], ["odd"]),
        (["c"], []),
        (["a"] * 200, ["ab", "ba", "a"]),
    ]
    for wanted, found in expected:
        equal(await found_by(storage, names, tags=wanted), found, f"{wanted}")
        equal(await found_by(storage, names, tags=tuple(wanted)), found, f"tuple of {wanted}")
    equal(len(await found_by(storage, names, tags=[])), len(tags), "no tags")
    many = [f"tag {n}" for n in range(300)]
    await put(storage, a_span(names, "many", 99, tags=many))
    equal(await found_by(storage, names, tags=many[::-1]), ["many"], "hundreds of tags")


@check("G9", "G12", "O22", "O23", "O24", domain=DOMAIN)
async def check_awkward_text_in_filters(storage: ObservabilityStorage) -> None:
    """Text of any shape filters exactly; what the backend cannot hold finds nothing or is refused."""
    names = Names()
    texts = {label: shape(names("x")) for label, shape in ID_SHAPES.items()}
    spans = [
        a_span(names, label, n, user_id=text, tags=[text], metadata={"k": text})
        for n, (label, text) in enumerate(texts.items())
    ]
    await put(storage, *spans)
    for label, text in texts.items():
        for filters in ({"user_id": text}, {"tags": [text]}, {"metadata": {"k": text}}):
            equal(await found_by(storage, names, **filters), [label], f"{label} by {filters}")
    for text in HARD_TEXT.values():
        unheld: list[dict[str, Any]] = [{"user_id": text}, {"tags": [text]}, {"metadata": {"k": text}}]
        for filters in [*unheld, {"trace_id": text}, {"source": text}, {"scope": {"k": text}}]:
            try:
                found = await found_by(storage, names, **filters)
            except ValidationError:
                continue
            equal(found, [], f"{filters!r}")


# -- rows of other programs --------------------------------------------------------------------------------------------


def raw_row(names: Names, name: str, second: float, **columns: Any) -> dict[str, Any]:
    """A row with what every layout of the table requires, by the stored names of its columns."""
    times = {"startedAt": at(second), "endedAt": at(second + 1), "createdAt": BASE}
    ids = {"traceId": names(name), "spanId": names(name), "name": name, "spanType": "agent_run", "isEvent": False}
    return {**ids, **times, **columns}


@check("O3", "O4", "O19", "O20", needs="raw_rows", domain=DOMAIN)
async def check_json_null_is_no_error(storage: ObservabilityStorage, harness: Harness) -> None:
    """A row whose error holds JSON ``null`` reads as one without error, and filters and statuses say the same."""
    names = Names()
    ours = {"organizationId": names("org")}
    rows = [
        raw_row(names, "null", 1, error="null", **ours),
        raw_row(names, "error", 2, error='{"message":"no"}', **ours),
    ]
    rows += [raw_row(names, "zero", 3, error="0", **ours), raw_row(names, "absent", 4, **ours)]
    await harness.write_raw(TABLE, *rows)
    found = {
        name: await storage.get_span(trace_id=names(name), span_id=names(name)) for name in ("null", "error", "zero")
    }
    equal(
        {name: span and span.error for name, span in found.items()},
        {"null": None, "error": {"message": "no"}, "zero": 0},
    )
    equal(await found_by(storage, names, status="success"), ["null", "absent"])
    equal(await found_by(storage, names, status="error"), ["error", "zero"])
    equal(await found_by(storage, names, has_child_error=True), ["error", "zero"])
    equal(await found_by(storage, names, has_child_error=False), ["null", "absent"])
    for prefix, lister in lists_within(storage, names).items():
        page = await lister(order_by="started_at")
        equal([row.status for row in rows_of(page)], ["success", "error", "error", "success"], prefix)
    structure = await storage.get_structure(trace_id=names("null"))
    equal([(span.error, span.status) for span in (structure.spans if structure else [])], [(None, "success")])


@check("O28", "O3", needs="raw_rows", domain=DOMAIN)
async def check_older_rows_are_read(storage: ObservabilityStorage, harness: Harness) -> None:
    """Rows without what later layouts added read with None for it, are listed, and can be updated."""
    names, before = Names(), now()
    payloads = {"scope": "null", "attributes": '{"a":1}', "metadata": "null", "links": "null"}
    payloads |= {"input": "null", "output": '"text"', "error": "null"}
    rows = [raw_row(names, "bare", 1), raw_row(names, "nulls", 2, **payloads, updatedAt=None, parentSpanId=None)]
    await harness.write_raw(TABLE, *rows)
    filters = {"started_at": {"start": at(1), "end": at(2)}}
    for name in ("bare", "nulls"):
        span = await storage.get_span(trace_id=names(name), span_id=names(name))
        ensure(span, f"the row {name!r} should be read")
        given = {"attributes": {"a": 1}, "output": "text"} if name == "nulls" else {}
        expected = a_span(names, name, trace=name, organization_id=None, **given)
        for attribute in (*TEXTS, "scope", "attributes", "metadata", "links", "tags", "input", "output", "error"):
            equal(getattr(span, attribute), getattr(expected, attribute), f"{name}: {attribute}")
        for prefix, lister in lists_of(storage).items():
            page = await lister(filters={**filters, "trace_id": names(name)})
            equal([(row.span_id, row.status) for row in rows_of(page)], [(names(name), "success")], f"{prefix} {name}")
        structure = await storage.get_structure(trace_id=names(name))
        equal(names.short(structure.spans if structure else []), [name])
        # Some databases set the time of the last change themselves.
        last = (await stored(storage, expected)).updated_at
        ensure(last is None or is_now(last, before), f"{name}: updated_at is neither None nor now: {last}")
        changed = await update(storage, await stored(storage, expected), metadata={"new": 1}, user_id="u")
        equal((changed.metadata, changed.user_id, changed.output), ({"new": 1}, "u", given.get("output")), name)
        ensure(changed.updated_at, f"{name} should have been bumped")


@check("O15", "O25", "O26", needs="raw_rows", domain=DOMAIN)
async def check_rows_of_others_are_previewed(storage: ObservabilityStorage, harness: Harness) -> None:
    """Light lists read the metadata and input of other programs' rows, JSON ``null`` as nothing."""
    names = Names()
    inputs = {"null": None, '"text"': "text", '{"a": [1, null]}': '{"a":[1,null]}', "7": "7", "true": "true"}
    rows = [
        raw_row(names, text, n, input=text, metadata='{"k": 1}', organizationId=names("org"))
        for n, text in enumerate(inputs)
    ]
    await harness.write_raw(TABLE, *rows)
    page = await lists_within(storage, names)["LIST_TRACES_LIGHT"](order_by="started_at")
    found = dict(zip(names.short(page.spans), (span.input_preview for span in page.spans), strict=True))
    equal(found, inputs)
    equal([span.metadata for span in page.spans], [{"k": 1}] * len(inputs))
