"""The process of a contestant written in Python: requests as JSON lines on standard input, replies on a pipe."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle
from statistics import median
from time import perf_counter_ns
from typing import Any

from . import meaning
from .arguments import argument
from .contestants import make
from .contestants.base import Contestant
from .dataset import Dataset, new_messages
from .operations import BY_NAME, Domain, Operation

WARM_UP = 0.15
"""How long a contestant warms up before a slot, as a part of the slot."""

_FIRST_SAVED = 1_000_000  # saves of the check have lower numbers


class Worker:
    """Answers the requests of the harness, one after another. Nothing runs in between."""

    def __init__(self, contestant: Contestant) -> None:
        self._contestant = contestant
        self._saved: dict[Domain, int] = {}

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One reply."""
        handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] = getattr(self, f"_{request['do']}")
        return await handler(request)

    async def _open(self, request: dict[str, Any]) -> dict[str, Any]:
        await self._contestant.open()
        return {}

    async def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"loaded": await self._contestant.load(Dataset(request["groups"], tuple(request["domains"])))}

    async def _close(self, request: dict[str, Any]) -> dict[str, Any]:
        await self._contestant.close()
        return {}

    async def _check(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the results of an operation mean."""
        operation, first = BY_NAME[request["operation"]], request["first"]
        answers = []
        for place, pick in enumerate(request["picks"]):
            given = argument(operation, pick, first + place * operation.batch)
            result = await self._call(operation)(self._contestant.prepare(operation, given))
            answers.append(self._contestant.answer(operation, result))
        return {"answers": answers}

    async def _stored(self, request: dict[str, Any]) -> dict[str, Any]:
        """What there is after a save."""
        operation = BY_NAME[request["operation"]]
        return {"stored": meaning.stored(operation, await self._contestant.stored(operation, request["pick"]))}

    async def _bumped(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"bumped": await self._contestant.bumped(request["thread"])}

    async def _refuses(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whether messages of a missing thread are refused."""
        try:
            await self._contestant.save(new_messages("no-such-thread", request["first"], request["batch"]))
        except Exception:  # noqa: BLE001 - each contestant has its own errors
            return {"refused": True}
        return {"refused": False}

    async def _slot(self, request: dict[str, Any]) -> dict[str, Any]:
        """Calls as fast as they go, from so many callers for so many seconds."""
        operation, callers, seconds = BY_NAME[request["operation"]], request["callers"], request["seconds"]
        picks = cycle(request["picks"])
        gc.collect()
        await self._drive(operation, picks, callers, seconds * WARM_UP)
        start = perf_counter_ns()
        latencies = await self._drive(operation, picks, callers, seconds)
        elapsed = perf_counter_ns() - start
        return {"calls": len(latencies), "each": elapsed / len(latencies) / 1000, "p50": median(latencies) / 1000}

    async def _drive(self, operation: Operation, picks: Iterator[str], callers: int, seconds: float) -> list[int]:
        """The time that each call took, in nanoseconds."""
        call = self._call(operation)
        end = perf_counter_ns() + int(seconds * 1e9)
        latencies: list[int] = []

        async def caller() -> None:
            while perf_counter_ns() < end:
                given = self._next(operation, next(picks))
                start = perf_counter_ns()
                result = await call(given)
                latencies.append(perf_counter_ns() - start)
                del result  # after the clock: what a caller does with it is the caller's time

        await asyncio.gather(*(caller() for _ in range(callers)))
        return latencies

    def _next(self, operation: Operation, pick: str) -> Any:
        """The argument of the next call, in the form that the contestant takes."""
        first = self._saved.get(operation.domain, _FIRST_SAVED)
        self._saved[operation.domain] = first + operation.batch
        return self._contestant.prepare(operation, argument(operation, pick, first))

    def _call(self, operation: Operation) -> Callable[[Any], Awaitable[Any]]:
        method: Callable[[Any], Awaitable[Any]] = getattr(self._contestant, operation.method)
        return method


async def serve(contestant: Contestant, replies: int) -> None:
    """Answer until there are no more requests."""
    worker = Worker(contestant)
    for line in sys.stdin:  # blocks the loop on purpose: between slots nothing must run
        try:
            reply = await worker.answer(json.loads(line))
        except Exception:  # noqa: BLE001 - the harness reports it
            reply = {"error": traceback.format_exc()}
        os.write(replies, json.dumps(reply).encode() + b"\n")


def main() -> None:
    """Arguments: kind, backend, URL, descriptor of the pipe."""
    kind, backend, url, replies = sys.argv[1:5]
    asyncio.run(serve(make(kind, backend, url), int(replies)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
