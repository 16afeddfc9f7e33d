"""The harness's side of a contestant's process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).parents[1]
_NPM = Path(__file__).parent / "contestants" / "npm.mjs"


class ContestantError(RuntimeError):
    """A contestant failed, or said nothing for too long."""


class Process:
    """A contestant in a process of its own, asked one thing at a time. It ends with the block."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = command
        self._environment = {**os.environ, **(environment or {})}

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        mine, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*self._command, str(theirs)],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(theirs,),
                cwd=_ROOT,
                env=self._environment,
            )
        finally:
            os.close(theirs)
        self._replies = os.fdopen(mine, "rb")
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10 if exc is None else 0.1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._replies.close()
        self._log.close()

    def ask(self, request: Mapping[str, Any], timeout: float = 60.0) -> dict[str, Any]:
        """Send a request and wait for its reply."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed("it has ended") from None
        if not select.select([self._replies], [], [], timeout)[0]:
            raise self._failed(f"no answer within {timeout:.0f} seconds")
        line = self._replies.readline()
        if not line:
            raise self._failed("it has ended")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise self._failed(reply["error"])
        return reply

    def _failed(self, why: str) -> ContestantError:
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()[-4000:]
        return ContestantError("\n".join(part for part in (f"contestant {self.name!r} failed: {why}", said) if part))


def python_process(name: str, kind: str, backend: str, url: str) -> Process:
    """A contestant written in Python."""
    return Process(name, [sys.executable, "-m", "benchmarks.worker", kind, backend, url])


def node_process(name: str, kind: str, backend: str, url: str, node: Path, packages: Path) -> Process:
    """The npm packages installed in a folder."""
    command = [str(node), str(_NPM), kind, backend, url]
    return Process(name, command, {"PACKAGES": str(packages), "NODE_NO_WARNINGS": "1"})
