"""Work done by other processes at the same time: started with the URL of the database, and waited for."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from .expect import equal
from .harness import Harness


@asynccontextmanager
async def started(harness: Harness, work: str, jobs: Sequence[dict[str, Any]]) -> AsyncIterator[list[Any]]:
    """One process per job does ``work`` (see ``worker``) while the block runs; all begin together.

    Yields a list that holds what they return when the block has ended. A process that fails fails the check.
    """
    results: list[Any] = []
    processes = [await _start({"url": harness.url, "work": work, **job}) for job in jobs]
    try:
        for process in processes:
            await _ready(process)
        for process in processes:
            _in(process).write_eof()
        yield results
        results += [json.loads(await _finished(process)) for process in processes]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def _start(job: dict[str, Any]) -> Process:
    # The URL may hold a password: it goes through the pipe, not onto the command line.
    command = sys.executable, "-m", "mastra_store.conformance.worker"
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    _in(process).write(f"{json.dumps(job)}\n".encode())
    return process


async def _ready(process: Process) -> None:
    """Wait until the process has opened the database; it begins when its input ends."""
    assert process.stdout is not None
    if not await process.stdout.readline():
        await _finished(process)


async def _finished(process: Process) -> bytes:
    said, complaint = await process.communicate()
    equal(process.returncode, 0, complaint.decode(errors="replace")[-500:])
    return said


def _in(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None
    return process.stdin
