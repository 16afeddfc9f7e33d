"""Mistakes in the rules themselves: a function of the domain layer replaced by a careless one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, NamedTuple

from msgspec import UNSET

from mastra_store.domains import checks, memory, memory_rules
from mastra_store.domains.checks import Order, Period
from mastra_store.domains.memory_plans import Window
from mastra_store.errors import StoreError
from mastra_store.payload import DEEPEST, Payload
from mastra_store.payload import freeze as checked_freeze
from mastra_store.records import MessageUpdate

from . import reference


class Mutation(NamedTuple):
    """Replace ``module.name`` by ``replacement``; checks of ``rule`` must fail."""

    rule: str
    module: Any
    name: str
    replacement: Any
    note: str

    def __str__(self) -> str:
        return f"{self.rule}-{self.note.replace(' ', '_')}"


def anything(value: Any, *_: Any, **__: Any) -> Any:
    """A check that lets everything pass."""
    return value


def careless_freeze(value: Any, field: str, deepest: int = DEEPEST) -> Payload:
    """Writes whatever ``json`` writes."""
    text = json.dumps(value, default=str, skipkeys=True)
    return Payload(text, json.loads(text))


def float_freeze(value: Any, field: str, deepest: int = DEEPEST) -> Payload:
    """Takes every number for a float."""
    text = json.dumps(json.loads(checked_freeze(value, field).text, parse_int=float))
    return Payload(text, json.loads(text))


def shared_freeze(value: Any, field: str, deepest: int = DEEPEST) -> Payload:
    """Checks the payload but keeps the caller's object."""
    return checked_freeze(value, field)._replace(value=value)


def guessed_range(value: Any, field: str = "date_range") -> Period | None:
    """Takes naive times for UTC and unreadable ones for absent."""
    given = value if isinstance(value, Mapping) else {}
    bounds = []
    for name in ("start", "end"):
        bound = given.get(name)
        bounds.append(bound.replace(tzinfo=UTC) if isinstance(bound, datetime) else None)
    return Period(*bounds) if value is not None else None


def last_updates(updates: Any) -> dict[str, MessageUpdate]:
    """Of several updates for one id the last applies."""
    return {id: one for update in reversed(updates) for id, one in memory_rules_check_updates([update]).items()}


def inheriting_maker(*arguments: Any) -> Any:
    """Copies inherit the source's metadata, and its title as it is."""
    make = memory_rules_copy_maker(*arguments)

    def inherit(source: Any, last_message_id: str | None) -> Any:
        row = make(source, last_message_id)
        value = {**(source.metadata or {}), **row.thread.metadata}
        row.thread.metadata, row.thread.title = value, source.title
        row.thread.created_at = source.created_at
        return row._replace(metadata=Payload(json.dumps(value), value))

    return inherit


def reading_types(value: Any) -> Any:
    """Forgets that v2 is no type."""
    return value


def nameless(function: Callable[..., Any]) -> Callable[..., Any]:
    """Raises the same errors, saying nothing."""

    @wraps(function)
    def call(*arguments: Any, **more: Any) -> Any:
        try:
            return function(*arguments, **more)
        except StoreError as error:
            error.args = ("wrong",)
            raise

    return call


memory_rules_check_updates = memory_rules.check_updates
memory_rules_copy_maker = memory_rules.copy_maker
UNCHECKED_WINDOWS: Callable[[Any], list[Window]] = lambda include: [  # noqa: E731
    Window(one["id"], int(one.get("with_previous_messages") or 0), int(one.get("with_next_messages") or 0))
    if isinstance(one, Mapping)
    else Window(one.id, one.with_previous_messages, one.with_next_messages)
    for one in include or []
]

MUTATIONS = [
    Mutation("G1", memory, "check_page", lambda page, per_page: int(page or 0) * int(per_page or 0), "no check"),
    Mutation("G1", memory, "check_page", nameless(checks.check_page), "errors say nothing"),
    Mutation("G6", memory, "check_order", lambda order, _: Order("created_at", str(order)[:1] == "-"), "no check"),
    Mutation("G7", memory, "check_date_range", guessed_range, "naive times"),
    Mutation("M40", memory, "check_date_range", guessed_range, "naive times"),
    Mutation("G8", memory, "freeze", careless_freeze, "no check of updates"),
    Mutation("G8", memory_rules, "freeze", careless_freeze, "no check of records"),
    Mutation("G10", memory, "freeze", careless_freeze, "no check of updates"),
    Mutation("G11", memory_rules, "freeze", shared_freeze, "kept references"),
    Mutation("G12", memory, "check_id", lambda value, field: str(value or "x"), "no check"),
    Mutation("G12", memory, "check_id", lambda value, field: value.strip() or "x", "trimmed"),
    Mutation("G12", memory, "new_id", lambda: "1", "ids by counting"),
    Mutation("G13", memory, "check_owner_filter", lambda value, field: value or None, "no filter"),
    Mutation("G12", memory, "check_id", checks.check_owner, "blank ids refused"),
    Mutation("G8", memory, "check_metadata", lambda value, field: value or None, "anything empty is nothing"),
    Mutation("G8", memory_rules, "freeze", float_freeze, "floats"),
    Mutation("M1", memory_rules, "owned", lambda thread, resource_id: thread, "any owner"),
    Mutation("M6", memory_rules, "owned", lambda thread, resource_id: thread, "any owner"),
    Mutation("M3", memory_rules, "check_owner", anything, "no check"),
    Mutation("M7", memory, "check_owner", anything, "no check"),
    Mutation("M32", memory, "check_owner", anything, "no check"),
    Mutation("M15", memory_rules, "check_owner", anything, "no check"),
    Mutation("M37", memory_rules, "_unless_unset", lambda value, field: value or UNSET, "ignored"),
    Mutation("M12", memory, "check_metadata_filter", lambda value: dict(value or {}), "no check"),
    Mutation(
        "M23",
        memory_rules,
        "check_threads",
        lambda ids: (ids,) if isinstance(ids, str) else tuple(ids or ()),
        "no check",
    ),
    Mutation("M27", memory_rules, "check_include", UNCHECKED_WINDOWS, "no check"),
    Mutation("M33", memory_rules, "_merged_content", lambda stored, given: {**stored, **given}, "metadata replaced"),
    Mutation("M33", memory_rules, "_merged_content", lambda stored, given: dict(given), "content replaced"),
    Mutation("M34", memory_rules, "check_updates", last_updates, "last update"),
    Mutation("M40", memory, "check_count", anything, "no check"),
    Mutation("M41", memory_rules, "copy_maker", inheriting_maker, "inherited"),
    Mutation("M17", memory_rules, "_read_type", reading_types, "v2 is a type"),
    Mutation("M50", memory, "check_str", anything, "no check"),
    Mutation("M47", memory_rules, "check_str", anything, "no check"),
    Mutation("M30", memory, "more_follow", lambda offset, per_page, total: offset + (per_page or 0) < total, "wrong"),
    Mutation("M29", memory_rules, "united", lambda page, included, descending: [*page, *included], "not united"),
    Mutation("M4", memory_rules, "merge", lambda stored, given: careless_freeze(dict(given), ""), "replaced"),
    Mutation("M16", reference, "missing_threads", lambda ids: memory.NotFoundError("some thread"), "no names"),
]
