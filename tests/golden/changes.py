"""Changes to an answer: small edits at a path, whose parts may be ``*`` for all items of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from decimal import Decimal
from typing import Any

from tests.interop.values import differences

Change = dict[str, Any]


def changed(answer: Any, change: Change) -> Any:
    """The answer after one change, which must change something at each of its places."""
    *parents, last = change["path"].split("/")
    if not parents:
        return deepcopy(change["value"])
    answer = deepcopy(answer)
    places = [answer]
    for part in parents[1:]:
        places = [place[key] for place in places for key in _keys(place, part)]
    edits = [(place, key) for place in places for key in _keys(place, last)]
    assert edits, f"{change} finds nothing"
    for place, key in edits:
        before = deepcopy(place)
        _OPERATIONS[change["op"]](place, key, change.get("value"))
        assert differences(before, place), f"{change} changes nothing"
    return answer


def _keys(place: Any, part: str) -> Iterable[Any]:
    if not isinstance(place, list):
        return [part]
    return range(len(place)) if part == "*" else [int(part)]


def _add(place: Any, key: Any, value: Any) -> None:
    if isinstance(place, list):
        place.insert(key, deepcopy(value))
    else:
        assert key not in place
        place[key] = deepcopy(value)


def _remove(place: Any, key: Any, value: Any) -> None:
    del place[key]


def _replace(place: Any, key: Any, value: Any) -> None:
    assert isinstance(place, list) or key in place
    place[key] = deepcopy(value)


def _merge(place: Any, key: Any, value: Any) -> None:
    """Adds several members to an object that has none of them."""
    assert not place[key].keys() & value.keys()
    place[key] |= deepcopy(value)


def _instant(place: Any, key: Any, value: Any) -> None:
    """A time as text becomes a Date."""
    place[key] = {"$date": place[key]}


def _digits(place: Any, key: Any, value: Any) -> None:
    """A double becomes the integer that its shortest decimal form says."""
    place[key] = int(Decimal(repr(place[key])))


_OPERATIONS: dict[str, Callable[[Any, Any, Any], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "merge": _merge,
    "instant": _instant,
    "digits": _digits,
}
