"""Backends by scheme: third parties', a missing driver, the environment, imports (issue, points 1 and 2)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mastra_store import Backend, LibSQLStore, Store, UnknownDomainError, ValidationError, register_backend
from tests.resilience.support import python
from tests.store.support import StubBackend

NO_ASYNCPG = "import sys; sys.modules['asyncpg'] = None\n"


def test_the_base_import_loads_no_driver() -> None:
    """Point 1: not even with a star, and not for a Store over SQLite."""
    code = """
import sys, mastra_store
from mastra_store import *
Store(id="app", default=":memory:")
print([name for name in ("asyncpg", "tortoise.backends.asyncpg") if name in sys.modules])
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "asyncpg" not in done.stdout


@pytest.mark.parametrize(
    "use",
    [
        "Store(id='app', default='postgres://u:hunter2@h/d')",
        "Store(id='app', default=':memory:', domains={'memory': 'postgresql://u:hunter2@h/d'})",
        "from mastra_store import PostgresStore",
        "from mastra_store import MemoryPG",
        "from mastra_store import WorkflowsPG",
        "from mastra_store import ScoresPG",
        "from mastra_store import ObservabilityPG",
        "Store(id='app', domains={'observability': 'postgres://u:hunter2@h/d'})",
        "import mastra_store; mastra_store.PostgresStore",
    ],
)
def test_a_missing_driver_names_the_extra(use: str) -> None:
    """Point 2: the error says what to install."""
    done = python("-c", f"{NO_ASYNCPG}from mastra_store import Store\n{use}")
    assert done.returncode == 1
    assert "mastra-store[postgres]" in done.stderr
    assert "hunter2" not in done.stderr.splitlines()[-1]


def test_without_a_driver_the_rest_works() -> None:
    """Point 1: the base install is whole without asyncpg."""
    code = """
import asyncio
from mastra_store import *
async def main():
    async with Store(id="app", default=":memory:") as store:
        print((await store.memory.list_threads()).total)
        await store.workflows.update_workflow_results(workflow_name="w", run_id="r", step_id="s", result={})
        await store.observability.create_span(span=Span(trace_id="t", span_id="s", name="n", span_type="generic",
                                                        started_at=store.memory.models.Thread().created_at))
        print((await store.scores.list_scores_by_run_id(run_id="r")).total, WorkflowsLibSQL, ScoresLibSQL)
asyncio.run(main())
"""
    done = python("-c", NO_ASYNCPG + code)
    assert done.stdout.startswith("0\n0 <class"), done.stderr


def test_public_names() -> None:
    """All names that are promised exist, and an unknown one is an AttributeError."""
    import mastra_store

    lazy = ["MemoryPG", "PostgresStore", "WorkflowsPG", "ScoresPG", "ObservabilityPG"]
    for name in [*mastra_store.__all__, *lazy]:
        assert getattr(mastra_store, name) is not None
        assert name in dir(mastra_store)
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = mastra_store.Nonsense


@pytest.mark.asyncio
async def test_a_third_partys_backend(stub_backend: StubBackend) -> None:
    """Point 2: registered by scheme, it serves like one of ours; equal URLs (by its own key) are opened once."""
    store = Store(
        id="app",
        default="stub://a?domains=memory,scores",
        domains={"workflows": "STUB://B?domains=workflows", "datasets": "stub://b?domains=workflows"},
    )
    opened = sorted(one[0] for one in stub_backend.opened)
    assert opened == ["STUB://B?domains=workflows", "stub://a?domains=memory,scores"]
    async with store:
        assert store.memory.name == "a.memory"  # type: ignore[attr-defined]
    assert stub_backend.log.count("init a.memory") == 1
    assert stub_backend.log.count("close a.scores") == 1


def test_a_third_partys_backend_is_told_what_it_serves(stub_backend: StubBackend) -> None:
    """Point 2: which domains it is wanted for, and that it must not create anything by itself."""
    Store(id="app", default="stub://a?domains=memory", domains={"memory": False}, disable_init=True)
    ((_, domains, disabled),) = stub_backend.opened
    assert "memory" not in domains
    assert "agents" in domains
    assert disabled


def test_a_later_registration_wins(stub_backend: StubBackend) -> None:
    """Point 2: also over a backend of ours, so that a user can replace one."""
    register_backend(Backend(("sqlite", "Other"), stub_backend.open, stub_backend.normalise))
    Store(id="app", default="sqlite:///x.db?domains=memory")
    Store(id="app", default="other://x?domains=memory")
    assert len(stub_backend.opened) == 2


def test_a_backend_from_an_entry_point(tmp_path: Path) -> None:
    """Point 2: an installed distribution that names a scheme is found without being imported by anybody."""
    info = tmp_path / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mastra_store.backends]\nthird = thirdparty_backend\n")
    (tmp_path / "thirdparty_backend.py").write_text(
        "from mastra_store import Backend, LibSQLStore\n"
        "def open(url, *, domains, disable_init):\n"
        "    return LibSQLStore(url=':memory:', domains=domains, disable_init=disable_init)\n"
        "BACKEND = Backend(('third',), open, str.lower)\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from mastra_store import Store, ValidationError
print(Store(id="app", default="third://x"))
try:
    Store(id="app", default="fourth://x")
except ValidationError as error:
    print(error)
"""
    done = python("-c", code)
    assert "memory=MemoryLibSQL" in done.stdout, done.stderr
    assert "third" in done.stdout.splitlines()[1]


def test_from_env_defaults_to_a_file() -> None:
    """Point 2: ``sqlite:///./mastra.db`` without any variable, also when they are empty."""
    for environ in ({}, {"MASTRA_STORE_URL": "", "MASTRA_STORE_MEMORY_URL": ""}):
        store = Store.from_env(environ=environ)
        assert store.memory._database.name == str(Path("mastra.db").absolute())  # type: ignore[attr-defined]


def test_from_env_reads_all_variables(monkeypatch: pytest.MonkeyPatch, stub_backend: StubBackend) -> None:
    """Point 2: the process environment by default; one variable per domain; ``false`` disables."""
    monkeypatch.setenv("MASTRA_STORE_URL", "stub://default?domains=memory,scores,agents")
    monkeypatch.setenv("MASTRA_STORE_SCORES_URL", "stub://scores?domains=scores")
    monkeypatch.setenv("MASTRA_STORE_AGENTS_URL", "False")
    store = Store.from_env(id="app")
    assert store.id == "app"
    assert store.memory.name == "default.memory"  # type: ignore[attr-defined]
    assert store.scores.name == "scores.scores"  # type: ignore[attr-defined]
    assert "agents" not in repr(store)


def test_from_env_refuses_what_it_does_not_know() -> None:
    """C5 for the environment: a typing mistake is not ignored, and a password in a bad URL is hidden."""
    with pytest.raises(UnknownDomainError, match="MASTRA_STORE_MEMORIES_URL"):
        Store.from_env(environ={"MASTRA_STORE_MEMORIES_URL": ":memory:"})
    with pytest.raises(ValidationError) as caught:
        Store.from_env(environ={"MASTRA_STORE_MEMORY_URL": "mysql://u:hunter2@h/d"})
    assert "hunter2" not in str(caught.value)
    assert "memory" in str(caught.value)


def test_from_env_of_other_variables() -> None:
    """Point 2: variables of others are left alone."""
    environ = {
        "MASTRA_STORE_URL": ":memory:",
        "MASTRA_STORE_DEBUG": "1",
        "STORE_URL": "x",
        "MASTRA_STORE_memory_URL": "x",
    }
    assert Store.from_env(environ=environ).memory is not None


def test_a_provider_store_restricted_to_domains() -> None:
    """Conventions: ``domains`` of a provider store says what it serves."""
    store = LibSQLStore(url=":memory:", domains=["workflows"])
    with pytest.raises(Exception, match="memory"):
        _ = store.memory


def test_python_dash_w_error(tmp_path: Path) -> None:
    """Point 1: importing everything gives no warning."""
    done = python("-c", "import mastra_store.providers.postgres, mastra_store.testing, mastra_store.conformance")
    assert done.returncode == 0, done.stderr
    assert sys.version_info >= (3, 11)
