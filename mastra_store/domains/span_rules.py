"""The parts of the span rules that are plain functions: checking input, folding updates, status, walking a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import asdict, replace

from ..errors import ValidationError
from ..instants import now
from ..payload import Payload, freeze
from ..records import LightSpan, Span, SpanUpdate, TraceFilter, TraceSpan
from .checks import (
    Order,
    Period,
    as_struct,
    check_date_range,
    check_id,
    check_instant,
    check_order,
    check_owner_filter,
    check_sequence,
    check_str,
    invalid,
)
from .metadata_filter import Scalar, check_metadata_filter
from .span_plans import SpanChange, SpanLink, SpanQuery, SpanRow
from .span_preview import input_preview
from .unstorable import Scrubber

T = TypeVar("T")
STATUSES = ("error", "running", "success")
MOST_TRACES = 1000
"""How many traces one call may delete (O10)."""
_DAWN = datetime.min.replace(tzinfo=UTC)
_OWNERS = ("user_id", "organization_id", "resource_id")
_FILTERED_OBJECTS = ("metadata", "scope")
_OTHER_FILTERS = {"started_at", "ended_at", "status", "has_child_error", "tags", *_FILTERED_OBJECTS}
_EQUAL_FILTERS = tuple(name for name in TraceFilter.__struct_fields__ if name not in _OTHER_FILTERS)


# -- writing -----------------------------------------------------------------------------------------------------------


def new_span(span: Any, moment: datetime) -> SpanRow:
    """A checked, detached copy of the span to write, made and changed at that moment (O1, O6)."""
    if not isinstance(span, Span):
        raise invalid("span must be a Span", "span")
    values = asdict(span)
    check_id(values["trace_id"], "trace_id")
    check_id(values["span_id"], "span_id")
    for name in _OPTIONAL_TEXTS:  # twenty-odd of them: a call for each would take longer than all the rest
        value = values[name]
        if value is not None and type(value) is not str:
            check_str(value, name)
    for name in _REQUIRED:
        values[name] = _CHECKS[name](values[name], name)
    for name in _PAYLOADS:
        if values[name] is not None:
            values[name] = _CHECKS[name](values[name], name)
    values["created_at"] = values["updated_at"] = moment
    return SpanRow(values)


def new_spans(spans: Sequence[Any]) -> list[SpanRow]:
    """Rows to write; of several for one span the last one counts (O2)."""
    moment = now()
    rows = each(spans, lambda span: new_span(span, moment))
    return list({row.key: row for row in rows}.values())


def new_change(update: Any) -> SpanChange:
    """A checked update of one span (O7)."""
    given = as_struct(update, SpanUpdate, "record")
    check_id(given.trace_id, "trace_id")
    check_id(given.span_id, "span_id")
    updates: Any = given.updates
    if not isinstance(updates, Mapping):
        raise invalid("updates must be a mapping of attribute names to values", "updates")
    unknown = [name for name in updates if name not in _CHECKS]
    if unknown:
        raise invalid(f"updates cannot change {unknown!r}; it can change {', '.join(_UPDATABLE)}", "updates")
    values = {name: _CHECKS[name](value, name) for name, value in updates.items()}
    return SpanChange(given.trace_id, given.span_id, values)


def each(records: Sequence[Any], check: Callable[[Any], T]) -> list[T]:
    """The results of checking records one by one; of several, an error says which one it is about."""
    checked: list[T] = []
    for index, record in enumerate(records):
        try:
            checked.append(check(record))
        except ValidationError as error:
            if len(records) == 1:
                raise
            text, details = f"records[{index}]: {error.message}", {**error.details, "index": index}
            raise ValidationError(text, reason=error.reason, details=details) from error
    return checked


def folded(changes: Iterable[SpanChange]) -> list[SpanChange]:
    """One change per span that has the effect of all of them, applied in order (O9)."""
    by_span: dict[tuple[str, str], dict[str, Any]] = {}
    for change in changes:
        by_span.setdefault((change.trace_id, change.span_id), {}).update(change.values)
    return [SpanChange(*key, values) for key, values in by_span.items()]


def scrubbed(record: Any, scrubber: Scrubber) -> Any:
    """A span or an update without characters that cannot be stored; ids are left alone, as they would name others.

    What is neither, and has been refused for that, stays as it is.
    """
    if isinstance(record, Span):
        texts = {name: scrubber.text(getattr(record, name)) for name in _TEXTS}
        return replace(record, **texts, **{name: scrubber.payload(getattr(record, name)) for name in _PAYLOADS})
    if isinstance(record, Mapping):
        return {**record, "updates": _scrubbed_updates(record.get("updates"), scrubber)}
    if isinstance(record, SpanUpdate):
        return replace(record, updates=_scrubbed_updates(record.updates, scrubber))
    return record


def _scrubbed_updates(updates: Any, scrubber: Scrubber) -> Any:
    if not isinstance(updates, Mapping):
        return updates
    return {name: _scrubbed(name, value, scrubber) for name, value in updates.items()}


def _scrubbed(name: str, value: Any, scrubber: Scrubber) -> Any:
    if name in _TEXTS:
        return scrubber.text(value)
    return scrubber.payload(value) if name in _PAYLOADS else value


def check_traces(trace_ids: Any) -> list[str]:
    """The traces to delete, each once (O10)."""
    given = check_sequence(trace_ids, "trace_ids")
    if len(given) > MOST_TRACES:
        raise invalid(f"trace_ids must have at most {MOST_TRACES} entries, not {len(given)}", "trace_ids")
    return list(dict.fromkeys(check_id(trace_id, "trace_ids entries") for trace_id in given))


# -- reading -----------------------------------------------------------------------------------------------------------


def status_of(span: Span | LightSpan) -> str:
    """``error``, ``running`` or ``success`` (O4)."""
    if span.error is not None:
        return "error"
    return "running" if span.ended_at is None else "success"


def with_status(span: Span) -> TraceSpan:
    """The span and its status; one that has room for it is changed in place."""
    if not isinstance(span, TraceSpan):
        return TraceSpan(**asdict(span), status=status_of(span))
    span.status = status_of(span)
    return span


def with_light_status(span: LightSpan) -> LightSpan:
    """The span, its status filled in."""
    span.status = status_of(span)
    return span


def previewed(span: LightSpan, input: Any) -> LightSpan:
    """The span, a preview of its input filled in (O26)."""
    span.input_preview = input_preview(input)
    return span


def branch(links: Sequence[SpanLink], anchor: str, depth: int | None) -> list[str]:
    """Ids of the anchor and its descendants down to ``depth`` levels; a cycle of parents ends the walk (O16)."""
    children: dict[str, list[str]] = {}
    for link in links:
        if link.parent_span_id is not None:
            children.setdefault(link.parent_span_id, []).append(link.span_id)
    found = {anchor: None} if any(link.span_id == anchor for link in links) else {}
    level = list(found)
    while level and (depth is None or depth > 0):
        below = [child for parent in level for child in children.get(parent, ()) if child not in found]
        found |= dict.fromkeys(below)
        level = list(dict.fromkeys(below))
        depth = None if depth is None else depth - 1
    return list(found)


def span_query(filters: Any, order_by: Any, offset: int, limit: int | None, *, roots: bool) -> SpanQuery:
    """A checked list of spans (O17 to O24, O27)."""
    given = TraceFilter() if filters is None else as_struct(filters, TraceFilter, "filters")
    if given.has_child_error is not None and not roots:
        raise invalid("has_child_error does not filter branches", "has_child_error")
    order: Order = check_order(order_by, ("started_at", "ended_at"))
    return SpanQuery(
        roots,
        _equal_filters(given),
        check_date_range(given.started_at, "started_at"),
        _ends(given.ended_at),
        _check_status(given.status),
        _optional_bool(given.has_child_error, "has_child_error"),
        _object_filters(given),
        _check_tag_filter(given.tags),
        order,
        offset,
        limit,
    )


def _ends(value: Any) -> Period | None:
    """A range without a start begins with time itself, so that no running span is ever within (O21)."""
    period = check_date_range(value, "ended_at")
    return period if period is None or period.start is not None else period._replace(start=_DAWN)


def _equal_filters(given: TraceFilter) -> dict[str, str]:
    equal: dict[str, str] = {}
    for name in _EQUAL_FILTERS:
        value = getattr(given, name)
        if value is not None:
            check = check_id if name == "trace_id" else check_owner_filter if name in _OWNERS else check_str
            check(value, name)
            equal[name] = value
    return equal


def _object_filters(given: TraceFilter) -> dict[str, Mapping[str, Scalar]]:
    wanted = {name: check_metadata_filter(getattr(given, name), name) for name in _FILTERED_OBJECTS}
    return {name: pairs for name, pairs in wanted.items() if pairs}


def _check_status(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or value not in STATUSES):
        raise invalid(f"status must be one of {', '.join(STATUSES)}", "status")
    return value


def _check_tag_filter(value: Any) -> list[str]:
    if value is None:
        return []
    tags = list(value) if isinstance(value, (set, frozenset)) else check_sequence(value, "tags")
    return list(dict.fromkeys(check_str(tag, "tags entries") for tag in tags))


# -- one attribute each ------------------------------------------------------------------------------------------------


def _bool(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{field} must be a bool", field)
    return value


def _optional_bool(value: Any, field: str) -> bool | None:
    return None if value is None else _bool(value, field)


def _optional_str(value: Any, field: str) -> str | None:
    return None if value is None else check_str(value, field)


def _optional_instant(value: Any, field: str) -> Any:
    return None if value is None else check_instant(value, field)


def _object(value: Any, field: str) -> Payload | None:
    if value is None:
        return None
    if not isinstance(value, (dict, Mapping)):
        raise invalid(f"{field} must be a mapping or None", field)
    return freeze(value if type(value) is dict else dict(value), field)


def _tags(value: Any, field: str) -> Payload | None:
    if value is None:
        return None
    return freeze([check_str(tag, f"{field} entries") for tag in check_sequence(value, field)], field)


def _links(value: Any, field: str) -> Payload | None:
    return None if value is None else freeze(list(check_sequence(value, field)), field)


def _json(value: Any, field: str) -> Payload | None:
    return None if value is None else freeze(value, field)


_FIXED = ("trace_id", "span_id", "created_at", "updated_at")
_SPECIAL: dict[str, Callable[[Any, str], Any]] = {
    "name": check_id,
    "span_type": check_id,
    "is_event": _bool,
    "started_at": check_instant,
    "ended_at": _optional_instant,
    "scope": _object,
    "attributes": _object,
    "metadata": _object,
    "request_context": _object,
    "tags": _tags,
    "links": _links,
    "input": _json,
    "output": _json,
    "error": _json,
}
_UPDATABLE = tuple(name for name in Span.__struct_fields__ if name not in _FIXED)
_CHECKS: dict[str, Callable[[Any, str], Any]] = {name: _SPECIAL.get(name, _optional_str) for name in _UPDATABLE}
"""How each attribute is checked; what is nothing special is text or ``None``."""
_OPTIONAL_TEXTS = tuple(name for name in _UPDATABLE if name not in _SPECIAL)
_PAYLOADS = tuple(name for name, check in _SPECIAL.items() if check in (_object, _tags, _links, _json))
_REQUIRED = tuple(name for name in _SPECIAL if name not in _PAYLOADS)
_TEXTS = ("name", "span_type", *(name for name in _OPTIONAL_TEXTS if name != "parent_span_id"))
"""Columns of text that hold no id."""
