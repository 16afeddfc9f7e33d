"""SQLite files full, locked, read-only, missing or no database: typed errors, nothing lost (issue, point 10)."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

# ruff: noqa: ASYNC240 - local files, small ones

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mastra_store import Store, StoreConnectionError, StoreError, Thread
from tests.resilience.support import ROOT, message, python, sqlite_threads

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def assert_helpful(error: StoreError, path: Path, reason: str | None) -> None:
    """It names the file, has the driver's error as its cause, and a reason that a program can read."""
    assert str(path) in str(error)
    assert isinstance(error.__cause__, sqlite3.Error)
    assert error.domain == "memory"
    assert error.code.endswith("_FAILED")
    if reason is not None:
        assert error.details["reason"] == reason


async def fill(path: Path) -> None:
    """A database with one thread."""
    async with Store(id="app", default=f"sqlite:///{path}") as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))


async def test_a_full_disk(path: Path) -> None:
    """max_page_count: batches are whole or absent, nothing acknowledged is lost, deleting makes room."""
    saved: list[str] = []
    async with Store(id="app", domains={"memory": f"sqlite:///{path}?max_page_count=60"}) as store:
        memory = store.memory
        await memory.save_thread(thread=Thread(id="t", resource_id="r"))
        with pytest.raises(StoreError, match="full") as caught:
            for number in range(100):
                batch = [message(f"{number}-{n}", "t", "x" * 500) for n in range(10)]
                saved += [one.id for one in await memory.save_messages(messages=batch)]
        assert_helpful(caught.value, path, "disk_full")
        assert {one.id for one in (await memory.list_messages(thread_id="t", per_page=None)).messages} == set(saved)
        await memory.delete_messages(message_ids=saved)
        await memory.save_messages(messages=[message("after", "t", "x" * 500)])
    assert [file.name for file in path.parent.iterdir()] == ["app.db"]


async def test_a_full_disk_in_a_transaction(path: Path) -> None:
    """SQLite may end the whole transaction by itself; what the block writes afterwards must not be stored alone."""
    async with Store(id="app", domains={"memory": f"sqlite:///{path}?max_page_count=40"}) as store:
        memory: Any = store.memory
        make = memory.models.Message
        await memory.save_thread(thread=Thread(id="t", resource_id="r"))
        committed = True
        try:
            async with memory.transaction() as tx:
                await make.create(id="first", thread_id="t", content="{}", using_db=tx)
                with pytest.raises(StoreError):
                    rows = [make(id=str(n), thread_id="t", content="x" * 3000) for n in range(100)]
                    await make.bulk_create(rows, using_db=tx)
                await make.create(id="last", thread_id="t", content="{}", using_db=tx)
        except StoreError:
            committed = False
        found = {one.id for one in (await memory.list_messages(thread_id="t", per_page=None)).messages}
        assert {"first", "last"} & found == ({"first", "last"} if committed else set())


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the file exclusively until it reads a line."""
    code = f"""
import sqlite3, sys
connection = sqlite3.connect({str(path)!r}, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
connection.close()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.communicate("\n")


async def test_a_locked_file(path: Path) -> None:
    """A clear, repeatable error after the busy timeout; reads go on; it works when the lock is gone."""
    await fill(path)
    async with Store(id="app", default=f"sqlite:///{path}?busy_timeout=0.3") as store:
        memory: Any = store.memory
        await memory.list_threads()
        with locked_by_another_process(path):
            for call in (
                lambda: memory.save_thread(thread=Thread(id="u", resource_id="r")),
                lambda: memory.update_thread(id="t", title="x"),
                lambda: memory.transaction().__aenter__(),
            ):
                with pytest.raises(StoreError, match="locked") as caught:
                    await asyncio.wait_for(call(), 3)
                assert caught.value.retryable
                assert caught.value.details["reason"] == "locked"
            assert await memory.get_thread_by_id(thread_id="t") is not None
        await memory.update_thread(id="t", title="x")


async def test_a_file_locked_before_it_is_opened(path: Path) -> None:
    """Old journal mode, so not even opening is possible; C11: the failure is not remembered."""
    sqlite3.connect(path).execute("CREATE TABLE x (y)").connection.close()
    store = Store(id="app", default=f"sqlite:///{path}?busy_timeout=0.3")
    with locked_by_another_process(path):
        with pytest.raises(StoreError, match="locked") as caught:
            await asyncio.wait_for(store.get_store("memory"), 5)
        assert_helpful(caught.value, path, "locked")
        assert caught.value.retryable
    async with store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))


async def test_a_call_cancelled_while_the_file_is_locked(path: Path) -> None:
    """It ends at once, and does not write later, when the lock is gone and its caller has long given up."""
    await fill(path)
    async with Store(id="app", default=f"sqlite:///{path}?busy_timeout=3") as store:
        await store.memory.list_threads()
        with locked_by_another_process(path):
            started = monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await store.memory.update_thread(id="t", title="too late")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await store.memory.save_messages(messages=[message("late", "t")])
            assert monotonic() - started < 1.5
        await store.memory.update_thread(id="t", metadata={"a": 1})
        found = await store.memory.get_thread_by_id(thread_id="t")
        assert found is not None
        assert found.title == ""
        assert (await store.memory.list_messages(thread_id="t")).total == 0


async def test_read_only_by_mode(path: Path) -> None:
    """mode=ro reads a complete database and refuses to write (SQLite may not remove its empty log)."""
    await fill(path)
    async with Store(id="app", default=f"sqlite:///{path}?mode=ro") as store:
        assert await store.memory.get_thread_by_id(thread_id="t") is not None
        for call in (
            lambda: store.memory.save_thread(thread=Thread(id="u", resource_id="r")),
            lambda: store.memory.delete_thread(thread_id="t"),
            lambda: store.memory.dangerously_clear_all(),
        ):
            with pytest.raises(StoreError, match="read-only") as caught:
                await call()
            assert_helpful(caught.value, path, "read_only")
        assert (await store.memory.list_threads()).total == 1
    log = path.with_name("app.db-wal")
    assert not log.exists() or log.stat().st_size == 0


async def test_read_only_and_incomplete(path: Path) -> None:
    """Tables cannot be created: the error says why."""
    sqlite3.connect(path).execute("CREATE TABLE x (y)").connection.close()
    store = Store(id="app", default=f"sqlite:///{path}?mode=ro")
    with pytest.raises(StoreError, match="read-only") as caught:
        await store.init()
    assert_helpful(caught.value, path, "read_only")
    await store.close()


@pytest.mark.parametrize("mode", ["ro", "rw"])
async def test_modes_that_create_nothing(mode: str, path: Path) -> None:
    """A missing file stays missing."""
    store = Store(id="app", default=f"sqlite:///{path}?mode={mode}")
    with pytest.raises(StoreConnectionError) as caught:
        await store.init()
    assert_helpful(caught.value, path, "unreachable")
    await store.close()
    assert not path.exists()
    assert not sqlite_threads()


async def test_a_missing_directory(tmp_path: Path) -> None:
    """It is not made up; when it appears, the same Store works."""
    path = tmp_path / "missing" / "app.db"
    store = Store(id="app", default=f"sqlite:///{path}")
    with pytest.raises(StoreConnectionError, match="directory") as caught:
        await store.get_store("memory")
    assert_helpful(caught.value, path, "unreachable")
    path.parent.mkdir()
    async with store:
        assert (await store.memory.list_threads()).total == 0


@pytest.mark.parametrize(
    "content", [b"this is not a database, but long enough to be looked at" * 99, b"SQLite format 3\0" + b"\xff" * 9999]
)
async def test_not_a_database(content: bytes, path: Path) -> None:
    """The file is left as it is."""
    path.write_bytes(content)
    store = Store(id="app", default=f"sqlite:///{path}")
    with pytest.raises(StoreError) as caught:
        await store.init()
    assert_helpful(caught.value, path, None)
    await store.close()
    assert path.read_bytes() == content
    assert not sqlite_threads()


async def test_a_directory_instead_of_a_file(tmp_path: Path) -> None:
    store = Store(id="app", default=f"sqlite:///{tmp_path}")
    with pytest.raises(StoreConnectionError) as caught:
        await store.init()
    assert_helpful(caught.value, tmp_path, "unreachable")
    await store.close()


async def test_a_damaged_page(path: Path) -> None:
    """Damage that shows in use is reported as such."""
    async with Store(id="app", default=f"sqlite:///{path}") as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        await store.memory.save_messages(messages=[message(str(n), "t", "x" * 900) for n in range(100)])
    content = bytearray(path.read_bytes())
    content[4096 * 12 :] = b"\xaa" * (len(content) - 4096 * 12)
    path.write_bytes(content)
    async with Store(id="app", default=f"sqlite:///{path}", disable_init=True) as store:
        with pytest.raises(StoreError, match="damaged") as caught:
            await store.memory.list_messages(thread_id="t", per_page=None)
        assert_helpful(caught.value, path, "corrupt")


@pytest.mark.parametrize("what", ["file", "directory"])
async def test_read_only_by_permissions(what: str, tmp_path: Path) -> None:
    """As an ordinary user: reading works where SQLite can, writing says what to check (root may write anywhere)."""
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "app.db"
    await fill(path)
    path.chmod(0o444)
    folder.chmod(0o777 if what == "file" else 0o555)
    code = f"""
import asyncio, os, sys
from mastra_store import Store, StoreError, Thread
import mastra_store.providers.libsql
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
async def main():
    async with Store(id="app", default={f"sqlite:///{path}"!r}) as store:
        print(await store.memory.get_thread_by_id(thread_id="t") is not None)
        try:
            await store.memory.update_thread(id="t", title="x")
        except StoreError as error:
            print(error.details["reason"], error)
try:
    asyncio.run(main())
except StoreError as error:
    print(error.details["reason"], error)
"""
    for parent in path.parents:
        if parent.owner() == "root" and os.geteuid() == 0 and parent != Path("/") and str(parent) != "/tmp":
            parent.chmod(parent.stat().st_mode | 0o055)
    folder.chmod(0o777 if what == "file" else 0o555)
    done = python("-c", code)
    folder.chmod(0o777)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if what == "file":
        assert lines[0] == "True", done.stdout
    assert lines[-1].startswith(("read_only", "unreachable")), done.stdout
    assert str(path) in lines[-1]
