"""Each example runs as its first lines say, in an empty directory, and prints what it is there to show."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs an example to its end in a directory of its own and returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MASTRA_")}
    environment |= {"COLUMNS": "80", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}

    def run(name: str, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / name), *arguments],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr
        return done.stdout

    return run


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """No argument at all, or a PostgreSQL database."""
    if request.param == "sqlite":
        return ""
    server: Any = request.getfixturevalue("postgres")
    return str(server.create_database())


def test_every_example_is_tested() -> None:
    tested = set(re.findall(r'run\("(\w+\.py)"', Path(__file__).read_text()))
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == tested


def test_demo(run: Run, tmp_path: Path) -> None:
    first = run("demo.py")
    assert_in_order(
        first,
        "thread-awkward",  # what TypeScript wrote
        "run-suspended",
        "failing workflow",
        "Hello, saved twice",
        "Where were we?",  # the turn that was appended
        "> 01-02 03:04:06.000",  # the message that was recalled,
        "same instant as msg-4-long",  # and its neighbour
        "- asked: where were we?",
        "Clone of Plain thread (saved twice)",
        "Written: demo-output/mastra.db",
        'Store(id="app", default="sqlite:///demo-output/mastra.db")',
    )
    assert max(map(cell_len, first.splitlines()[:-1])) <= 80
    assert sorted(path.name for path in (tmp_path / "demo-output").iterdir()) == ["archive.db", "mastra.db"]
    assert messages(tmp_path / "demo-output" / "mastra.db", "thread-plain") == 4
    assert messages(tmp_path / "demo-output" / "archive.db", "thread-copy") == 4
    assert "was message 1 of 2" in " ".join(run("demo.py").split())  # fresh output each time


def test_demo_output_can_be_continued(run: Run) -> None:
    command = run("demo.py").splitlines()[-1].split()
    said = run(Path(command[1]).name, *command[2:])
    assert "Last time you wrote: 'Where were we?'" in said


def test_agent(run: Run, url: str) -> None:
    arguments = [url] if url else []
    assert "This is new to me" in run("agent.py", *arguments)
    assert "Last time you wrote: 'Do you remember me?'" in run("agent.py", *arguments)


def test_agent_reads_the_environment(run: Run, tmp_path: Path) -> None:
    run("agent.py", MASTRA_STORE_MEMORY_URL="sqlite:///./elsewhere.db")
    assert messages(tmp_path / "elsewhere.db", "small-talk") == 2
    assert "mastra_messages" not in tables(tmp_path / "mastra.db")  # it serves the other domains


def test_compose_stores(run: Run, url: str) -> None:
    assert_in_order(
        run("compose_stores.py", *([url] if url else [])),
        "app serves: memory, scores, observability",
        "agent serves: memory, scores, observability",
        "workflows: None",
        "DOMAIN_NOT_CONFIGURED",
        "app: thread 'same-id' of app",
        "agent: thread 'same-id' of agent",
    )


def test_ad_hoc_queries(run: Run, url: str) -> None:
    assert_in_order(
        run("ad_hoc_queries.py", *([url] if url else [])),
        "user       3",
        "Report (3 renamed)",
        "rolled back: changed my mind",
        "customer   3",
    )


def test_workflow_resume(run: Run, tmp_path: Path) -> None:
    """Both parts are processes of their own, which share nothing but the file."""
    for _ in range(2):
        assert_in_order(
            run("workflow_resume.py"),
            "process 1, start:",
            "approval: {'question': 'refund 240 EUR?'}",
            "the run is suspended",
            "process 2, resume:",
            "2 workers asked, 1 of them got the run",
            "look_up: done before",
            "approval: {'approved_by': 'grace'}",
            "run-1 of refund: success, {'paid': 240}",
        )
    with closing(sqlite3.connect(tmp_path / "workflow.db")) as connection:
        (snapshot,) = connection.execute("SELECT snapshot FROM mastra_workflow_snapshot").fetchone()
    stored = json.loads(snapshot)
    assert (stored["status"], stored["suspendedPaths"], stored["result"]) == ("success", {}, {"paid": 240})
    approval = stored["context"]["approval"]
    assert approval["suspendPayload"] == {"question": "refund 240 EUR?"}
    assert approval["resumePayload"] == {"by": "grace"}


def test_workflow_resume_from_another_process(run: Run, url: str) -> None:
    arguments = [url] if url else []
    first = run("workflow_resume.py", "start", *arguments)
    assert "the run is suspended" in first
    assert "pay" not in first
    assert "run-1 of refund: success" in run("workflow_resume.py", "resume", *arguments)
    assert "0 of them got the run" in run("workflow_resume.py", "resume", *arguments)  # there is nothing to resume


def test_trace_tree(run: Run, url: str) -> None:
    for _ in range(2):
        half_way, at_the_end = run("trace_tree.py", *([url] if url else [])).split("At the end")
        assert_in_order(half_way, "weather agent running", "├── geocode success 120 ms", "└── forecast running")
        assert "    └── GET /forecast running" in half_way
        assert_in_order(
            at_the_end,
            "weather agent success 3010 ms",
            "├── forecast error 2010 ms the service does not answer",
            "│   └── GET /forecast error 2000 ms timed out",
            "└── ask the model success 440 ms",
            "trace-weather: success, with errors inside; it was asked: Will it rain in Oslo?",
            "forecast {'lat': 59.9, 'lon': 10.7}",
        )


def test_custom_backend(run: Run) -> None:
    printed = run("custom_backend.py")
    assert "title='In a dict'" in printed
    summary = re.search(r"^dict: (\d+) checks: (\d+) passed, (\d+) not checked$", printed, re.MULTILINE)
    assert summary, printed
    assert int(summary[1]) > 200


def test_conformance_in_pytest(run: Run) -> None:
    printed = run("conformance_in_pytest.py")
    assert "M17-upsert_keeps_created_at] PASSED" in printed
    assert re.search(r"=== \d+ passed in ", printed)


def assert_in_order(text: str, *parts: str) -> None:
    place = 0
    for part in parts:
        found = text.find(part, place)
        assert found >= 0, f"{part!r} is missing (or too early) in:\n{text}"
        place = found + len(part)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def messages(path: Path, thread_id: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT count(*) FROM mastra_messages WHERE thread_id = ?", (thread_id,))
        count: int = rows.fetchone()[0]
    return count
