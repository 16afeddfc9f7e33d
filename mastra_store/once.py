"""Two small tools for asyncio that backends share: doing a thing once, and finishing in spite of cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Runs a coroutine function once, however many callers wait for it.

    A finished run is not repeated; a failed one is not remembered: its error reaches all who wait, and the next call
    tries again (C11). A caller that is cancelled leaves the run to the others.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self.done = False

    async def __call__(self) -> None:
        """Run, join the run under way, or return at once when it has been done."""
        if self.done:
            return
        if self._task is None:
            self._task = watched(self._run())
        await asyncio.shield(self._task)

    async def settled(self) -> None:
        """Wait until no run is under way, whatever becomes of it."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            await self._work()
            self.done = True
        finally:
            self._task = None


def watched(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task whose error counts as seen, also when everybody who waited for it has been cancelled."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def uncancelled(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even when cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
