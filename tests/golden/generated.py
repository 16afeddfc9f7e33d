"""What clock and chance decide when the scenario is played again: the only fields that are not compared by value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

_CREATED = frozenset({"createdAt", "updatedAt", "clonedAt"})
_BUMPED = frozenset({"updatedAt"})

# Times that are "now", by the name of the record that shows them. Messages keep the times they were given.
_CLOCK = {
    "thread-plain": _BUMPED,  # msg-1 is saved again
    "thread-awkward": _BUMPED,  # M20: every thread named; @mastra/libsql bumps only the thread of the first message
    "thread-nometa": _BUMPED,  # msg-9 is deleted
    "thread-emptymeta": _BUMPED,  # updated
    "thread-hostile": _BUMPED,  # msg-11 is saved
    "thread-clone": _CREATED,
    "user-3": _BUMPED,  # updated
    "user-new": _CREATED,  # created by an update
    "run-success": _BUMPED,  # persisted again
    "run-running": _BUMPED,  # its results and state are updated; @mastra/libsql bumps it for the results only (W18)
    "run-created-by-update": _CREATED | {"timestamp"},  # W13, in the row and in the snapshot
    "a score": _CREATED,  # S1
    "a span": _CREATED,  # O1, O7
}
# Copied messages have random ids, and so have scores that are saved without one.
_COPY = "thread-clone"

CLOCK = "the clock's"
CHANCE = "a random id"


class Played:
    """The time while the scenario was played; in it lie all times that are "now"."""

    def __init__(self, began: datetime, ended: datetime) -> None:
        self.began = began
        self.ended = ended

    def holds(self, value: Any) -> bool:
        """Whether a time, tagged, as text or as milliseconds, lies in it."""
        return self.began <= _moment(value["$date"] if isinstance(value, dict) else value) <= self.ended


def masked(value: Any, played: Played | None = None, record: str = "") -> Any:
    """A copy without generated values; given the time of playing, only those values that it explains are taken out."""
    if isinstance(value, list):
        return [masked(item, played, record) for item in value]
    if not isinstance(value, dict):
        return value
    record = _name(value) or record
    return {key: _masked_member(value, key, played, record) for key in value}


def _name(value: dict[str, Any]) -> str | None:
    """The name of the record that an object is, if it is one."""
    for key, kind in (("scorerId", "a score"), ("spanType", "a span")):
        if key in value:
            return kind
    name = value.get("id", value.get("runId"))
    return name if isinstance(name, str) else None


def _masked_member(owner: dict[str, Any], key: str, played: Played | None, record: str) -> Any:
    value = owner[key]
    if key in _CLOCK.get(record, ()) and (played is None or played.holds(value)):
        return CLOCK
    chosen = owner.get("threadId") == _COPY or "scorerId" in owner
    if key == "id" and chosen and UUID(value).version == 4:
        return CHANCE
    return masked(value, played, record)


def _moment(value: str | int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else datetime.fromisoformat(value)
