"""What the span rules hand to a backend: checked rows, changes and queries, free of any backend's notions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..payload import Payload
from ..records import Span
from .checks import Order, Period
from .metadata_filter import Scalar


class SpanRow(NamedTuple):
    """A span to insert, or to replace whole but for ``created_at``: its attributes, payloads among them as such."""

    values: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it."""
        return self.values["trace_id"], self.values["span_id"]

    @property
    def payloads(self) -> dict[str, Payload]:
        """The payloads it has, by attribute."""
        return {name: value for name, value in self.values.items() if type(value) is Payload}

    @property
    def span(self) -> Span:
        """The span itself."""
        named = {name: self.values[name] for name in Span.__struct_fields__}
        return Span(**{name: value.value if type(value) is Payload else value for name, value in named.items()})


class SpanChange(NamedTuple):
    """Attributes of one span to write. Payloads come as such, ``None`` clears."""

    trace_id: str
    span_id: str
    values: Mapping[str, Any]


class SpanLink(NamedTuple):
    """A span and its parent, without anything else of it."""

    span_id: str
    parent_span_id: str | None


class SpanQuery(NamedTuple):
    """One page of spans. Either roots, or spans that begin a branch; all conditions combine by AND."""

    roots: bool
    equal: Mapping[str, str]
    """Attributes and the values they must have."""
    started: Period | None
    ended: Period | None
    status: str | None
    has_child_error: bool | None
    objects: Mapping[str, Mapping[str, Scalar]]
    """For ``metadata`` and ``scope``: keys and the scalars they must equal; only those that filter."""
    tags: Sequence[str]
    order: Order
    offset: int
    limit: int | None


class TraceScope(NamedTuple):
    """What the root of a trace must carry for the trace to be deleted; ``None`` does not matter (O10)."""

    organization_id: str | None
    resource_id: str | None
