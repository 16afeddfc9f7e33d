"""Lists of the memory domain that both sides must answer alike."""

from __future__ import annotations

from typing import Any

from .memory_calls import TEXT, message, save_messages, save_thread, thread
from .python_side import call
from .scenes import ALIKE, NOW, ONE, OTHER, Read, Script, Stage, at


def lists(stage: Stage) -> Script:
    """A few threads with messages, and many ways to ask for them."""
    prefix = stage.prefix
    owner = f"{prefix}owner"
    threads = [
        thread(
            f"{prefix}{n}",
            resourceId=owner,
            createdAt=at(n),
            updatedAt=at(90 - n),
            metadata={"n": n, "even": n % 2 == 0},
        )
        for n in range(5)
    ]
    messages = [
        message(
            f"{prefix}{t}-{n}",
            threads[t]["id"],
            resourceId=owner if n else f"{prefix}guest",
            createdAt=at(100 + 10 * n + t),
            content={**TEXT, "metadata": {"n": n, "tag": "x" if n % 3 else None}},
        )
        for t in range(3)
        for n in range(8)
    ]
    turns = [*((ONE, save_thread(given)) for given in threads), *((ONE, save_messages(given)) for given in messages)]
    # Bumped threads have the clock's time; they are saved again to have one that is the same on both sides.
    turns += [(OTHER, save_thread(given)) for given in threads]
    ids = [given["id"] for given in threads]
    asked = (*_thread_lists(owner), *_message_lists(owner, ids))
    return Script(turns, [Read(call("memory", method, options), ALIKE) for method, options in asked])


def _thread_lists(owner: str) -> list[tuple[str, dict[str, Any]]]:
    mine = {"resourceId": owner}
    asked: list[dict[str, Any]] = [{"filter": mine, "page": page, "perPage": 2} for page in range(4)]
    asked += [{"filter": mine, "perPage": per_page} for per_page in (0, 5, False)]
    asked += [
        {"filter": mine, "orderBy": {"field": field, "direction": direction}}
        for field in ("createdAt", "updatedAt")
        for direction in ("ASC", "DESC")
    ]
    asked += [
        {"filter": {**mine, "metadata": wanted}}
        for wanted in ({"n": 3}, {"even": True}, {"n": 2, "even": True}, {"n": 77})
    ]
    return [("listThreads", options) for options in asked]


def _message_lists(owner: str, ids: list[str]) -> list[tuple[str, dict[str, Any]]]:
    one, windows = ids[0], {"withPreviousMessages": 2, "withNextMessages": 1}
    include = [{"id": f"{ids[1]}-4", **windows}, {"id": f"{ids[0]}-1", "withNextMessages": 1}]
    down = {"orderBy": {"field": "createdAt", "direction": "DESC"}}
    asked: list[dict[str, Any]] = [{"threadId": one, "page": page, "perPage": 3} for page in range(4)]
    asked += [{"threadId": ids[:3]}, {"threadId": ids[:3], "page": 1, "perPage": 7, **down}]
    asked += [{"threadId": one, "resourceId": owner, "perPage": False}, {"threadId": f"{one} unknown"}]
    asked += [{"threadId": one, "perPage": per_page, "include": include} for per_page in (0, 3, False)]
    asked += [{"threadId": one, "perPage": 2, "include": include, "resourceId": owner, **down}]
    asked += [{"threadId": one, "perPage": 0}]
    span = {"start": at(110), "end": at(150)}
    asked += [
        {"threadId": one, "filter": {"dateRange": {**span, "startExclusive": begin, "endExclusive": end}}}
        for begin in (True, False)
        for end in (True, False)
    ]
    asked += [
        {"threadId": ids[:3], "filter": {"metadata": wanted}, "perPage": 2}
        for wanted in ({"n": 5}, {"tag": "x"}, {"tag": None})
    ]
    listed: list[tuple[str, dict[str, Any]]] = [("listMessages", options) for options in asked]
    by_resource: list[dict[str, Any]] = [
        {},
        {"perPage": 5, "page": 2, **down},
        {"perPage": 2, "include": include},
        {"filter": {"dateRange": span}},
    ]
    return listed + [("listMessagesByResourceId", {"resourceId": owner, **options}) for options in by_resource]


def order_of_bumps(stage: Stage) -> Script:
    """Threads in the order of their last change, whichever side made it."""
    threads = [
        thread(f"{stage.prefix}{name}", resourceId=f"{stage.prefix}owner") for name in ("first", "second", "third")
    ]
    first, second, third = threads
    turns = [(ONE, save_thread(given)) for given in threads]
    turns += [(ONE, save_messages(message(f"{given['id']}-m", given["id"]))) for given in threads]
    for role, given in ((ONE, first), (OTHER, second), (ONE, third)):
        turns.append((role, call("memory", "deleteMessages", [f"{given['id']}-m"])))
    ordered = [{**given, "updatedAt": NOW} for given in (third, second, first)]
    page = {"threads": ordered, "total": 3, "page": 0, "perPage": 100, "hasMore": False}
    options = {
        "filter": {"resourceId": first["resourceId"]},
        "orderBy": {"field": "updatedAt", "direction": "DESC"},
    }
    return Script(turns, [Read(call("memory", "listThreads", options), page)])
