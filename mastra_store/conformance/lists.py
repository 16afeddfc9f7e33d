"""The list methods of each domain, over rows that a check knows: what the checks of paging and ranges go through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from ..domains import DomainStorage
from .scenes import Names, a_message, at, lenient, saved_thread, thread_of
from .score_scenes import found_by, lists_over, saved_in_turn
from .workflow_scenes import Run, persisted

Lister: TypeAlias = partial[Awaitable[Any]]
Scene: TypeAlias = Callable[[Any, Names], Awaitable[dict[str, Lister]]]


async def lists_of(storage: DomainStorage, names: Names) -> dict[str, Lister]:
    """The list methods by error prefix, each over five rows that it gives in the order of their names, 1 to 5."""
    return await _LISTS[storage.domain](storage, names)


async def dated_lists_of(storage: DomainStorage, names: Names) -> dict[str, Lister]:
    """The list methods that take a date range, each over five rows named for their seconds after noon, 1 to 5."""
    return await _DATED[storage.domain](storage, names)


def rows_of(page: Any) -> list[Any]:
    """The records of a page of any kind."""
    (records,) = (value for name in page.__struct_fields__ if isinstance(value := getattr(page, name), list))
    return records


DEFAULTS: Mapping[str, int | None] = {
    "LIST_THREADS": 100,
    "LIST_MESSAGES": 40,
    "LIST_MESSAGES_BY_RESOURCE_ID": 40,
    "LIST_WORKFLOW_RUNS": None,
    "LIST_SCORES_BY_SCORER_ID": 100,
    "LIST_SCORES_BY_RUN_ID": 100,
    "LIST_SCORES_BY_ENTITY_ID": 100,
    "LIST_SCORES_BY_SPAN": 100,
}
"""What ``per_page`` is when it is left out; ``None`` is everything."""


async def _memory(memory: Any, names: Names) -> dict[str, Lister]:
    owner = names("owner")
    for second in range(1, 6):
        await saved_thread(memory, names(str(second)), owner, created_at=at(second))
    first = await thread_of(memory, names("1"))
    await memory.save_messages(messages=[a_message(first, names(str(second)), second) for second in range(1, 6)])
    return {
        "LIST_THREADS": partial(memory.list_threads, resource_id=owner, order_by="created_at"),
        "LIST_MESSAGES": partial(memory.list_messages, thread_id=first.id),
        "LIST_MESSAGES_BY_RESOURCE_ID": partial(memory.list_messages_by_resource_id, resource_id=owner),
    }


async def _dated_messages(memory: Any, names: Names) -> dict[str, Lister]:
    lists = await _memory(memory, names)
    return {prefix: lister for prefix, lister in lists.items() if prefix != "LIST_THREADS"}


async def _workflows(workflows: Any, names: Names) -> dict[str, Lister]:
    for number in range(1, 6):
        await persisted(workflows, Run(names("w"), names(str(number))), at=at(-number))
    return {"LIST_WORKFLOW_RUNS": partial(lenient(workflows).list_workflow_runs, workflow_name=names("w"))}


async def _dated_runs(workflows: Any, names: Names) -> dict[str, Lister]:
    for second in range(1, 6):
        await persisted(workflows, Run(names("w"), names(str(second))), at=at(second))
    return {"LIST_WORKFLOW_RUNS": partial(lenient(workflows).list_workflow_runs, workflow_name=names("w"))}


async def _scores(scores: Any, names: Names) -> dict[str, Lister]:
    fields = found_by(names)
    await saved_in_turn(scores, names, *"54321", **fields)
    return {method.upper(): lister for method, lister in lists_over(scores, fields).items()}


_LISTS: dict[str, Scene] = {"memory": _memory, "workflows": _workflows, "scores": _scores}
_DATED: dict[str, Scene] = {"memory": _dated_messages, "workflows": _dated_runs}
LISTED = tuple(_LISTS)
"""The domains whose lists are examined alike."""
DATED = tuple(_DATED)
"""Those among them that can be asked for a range of time."""
