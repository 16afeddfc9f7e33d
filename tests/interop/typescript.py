"""The official packages, run by one Node process for as many calls and databases as a test run needs."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from .databases import Database
from .node import FOLDER, ensure_packages
from .python_side import Answer, Call

# Far from UTC, so that a local time that gets into a database shows.
TIME_ZONE = "America/New_York"


class ScriptError(RuntimeError):
    """The script failed; the message holds what it wrote to standard error."""


class Run(NamedTuple):
    """Answers to a list of calls, and when they were made, in seconds since the epoch."""

    answers: list[Answer]
    began: float
    ended: float


class TypeScript:
    """Sends calls to ``calls.mjs`` and waits for its answers. One request at a time."""

    def __init__(self, script: Path = FOLDER / "calls.mjs") -> None:
        self._script = script
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(ensure_packages()), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "TZ": TIME_ZONE, "MASTRA_TELEMETRY_DISABLED": "1"},
        )
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="answers of node")
        self._reader.start()
        self._requests = 0
        self._free = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def run(self, database: Database, calls: Sequence[Call] = (), *, timeout: float = 60) -> Run:
        """Open the database, which creates what is missing in it, and make the calls one after another."""
        request = {"store": database.for_typescript(), "calls": list(calls)}
        response = await asyncio.to_thread(self._ask, request, timeout)
        return Run(response["answers"], response["began"] / 1000, response["ended"] / 1000)

    async def answers(self, database: Database, calls: Sequence[Call]) -> list[Answer]:
        """What the packages answer to the calls."""
        return (await self.run(database, calls)).answers

    def release(self) -> None:
        """Close all databases."""
        self._ask({"close": True}, 30)

    def close(self) -> None:
        """End the process."""
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reader.join()
        self._errors.close()

    def _ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        with self._free:
            self._requests += 1
            line = json.dumps({"id": self._requests, **request})
            assert self._process.stdin
            try:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
                answered = self._lines.get(timeout=timeout)
            except (BrokenPipeError, queue.Empty) as error:
                self._process.kill()
                raise ScriptError(f"{self._script.name} did not answer:\n{self._complaint()}") from error
        if answered is None:
            raise ScriptError(f"{self._script.name} ended:\n{self._complaint()}")
        response: dict[str, Any] = json.loads(answered)
        if "failure" in response:
            raise ScriptError(f"{self._script.name} failed: {response['failure']}\n{self._complaint()}")
        assert response["id"] == self._requests
        return response

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _complaint(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-8000:]
