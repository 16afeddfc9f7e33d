"""Runs calls that are written as for Mastra's packages on our stores. Each domain is one table of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mastra_store import Store, StoreError

from .memory_methods import MEMORY
from .methods import Method
from .score_methods import SCORES
from .span_methods import OBSERVABILITY
from .values import decode
from .workflow_methods import WORKFLOWS

Call = Mapping[str, Any]
Answer = dict[str, Any]

METHODS: dict[str, dict[str, Method]] = {
    "memory": MEMORY,
    "workflows": WORKFLOWS,
    "scores": SCORES,
    "observability": OBSERVABILITY,
}


def call(domain: str, method: str, *args: Any) -> Call:
    """One call, as both sides take it."""
    return {"domain": domain, "method": method, "args": list(args)}


async def answer(store: Store, asked: Call) -> Answer:
    """What our store answers to one call, in the form of Mastra's answers."""
    method = METHODS[asked["domain"]][asked["method"]]
    storage = await store.get_store(asked["domain"])
    try:
        result = await getattr(storage, method.name)(**method.arguments(decode(asked["args"])))
    except StoreError as error:
        return {"error": {"id": error.code, "message": str(error)}}
    return {"result": method.result(result)}


async def answers(store: Store, calls: Sequence[Call]) -> list[Answer]:
    """What our store answers to several calls, one after another."""
    return [await answer(store, asked) for asked in calls]
