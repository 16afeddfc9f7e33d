"""Services of the whole run: real servers, started once and shared by all workers, one database per use.

A server that cannot be had fails the run and says what to install, unless ``--without NAME`` leaves its backend out.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

BACKENDS = ("postgres", "node")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without",
        action="append",
        default=[],
        choices=BACKENDS,
        help="leave out what needs this server or runtime (may be given several times)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, by name and visibly, the tests that need what was left out."""
    without = set(config.getoption("--without"))
    left_out = [item for item in items if without & _needs(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _needs(item: pytest.Item) -> set[str]:
    fixtures = set(getattr(item, "fixturenames", ()))
    marked = {mark.args[0] for mark in item.iter_markers("needs")}
    parametrised = {
        value for value in getattr(getattr(item, "callspec", None), "params", {}).values() if value in BACKENDS
    }
    return marked | parametrised | ({"postgres"} if "postgres" in fixtures else set()) | ({"node"} & fixtures)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(name): the test needs a server or runtime that --without can leave out")
    controller = not hasattr(config, "workerinput") and config.getoption("numprocesses", default=None)
    if controller and "postgres" not in config.getoption("--without"):
        server = _start_server()
        config.add_cleanup(server.stop)
        config.stash[_URL] = server.url()


def pytest_configure_node(node: Any) -> None:
    """Tell each xdist worker where the shared server is."""
    node.workerinput["postgres_url"] = node.config.stash.get(_URL, None)


_URL = pytest.StashKey[str]()


def _start_server() -> Any:
    from mastra_store.testing import PostgresServer

    server = PostgresServer()
    server.start()
    return server


class Postgres:
    """The PostgreSQL server of the run."""

    def __init__(self, url: str) -> None:
        self.admin_url = url

    def create_database(self, *, collation: str | None = None) -> str:
        """A new empty database; returns its URL."""
        name = f"t_{uuid4().hex[:16]}"
        options = f" TEMPLATE template0 LC_COLLATE '{collation}' LC_CTYPE '{collation}'" if collation else ""
        run_apart(_execute(self.admin_url, f'CREATE DATABASE "{name}"{options}'))
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))


async def _execute(url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop and thread of its own, so that a fixture may do it whatever loop is set here."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(work)))
    thread.start()
    thread.join()
    if not results:
        raise RuntimeError("the coroutine failed; see the exception of its thread")
    return results[0]


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """The shared PostgreSQL server."""
    shared = getattr(request.config, "workerinput", {}).get("postgres_url") or request.config.stash.get(_URL, None)
    if shared:
        yield Postgres(shared)
        return
    server = _start_server()
    try:
        yield Postgres(server.url())
    finally:
        server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """The URL of a fresh database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mastra.db"
    url: str = request.getfixturevalue("postgres").create_database()
    return url
