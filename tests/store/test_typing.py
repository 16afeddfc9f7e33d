"""The facade as a type checker sees it (conventions: ``get_store("memory")`` is ``MemoryStorage | None``)."""

from __future__ import annotations

from pathlib import Path

from tests.resilience.support import ROOT, python


def test_the_facade_is_typed(tmp_path: Path) -> None:
    done = python(
        "-W", "ignore", "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "--cache-dir",
        str(ROOT / ".mypy_cache"), "tests/store/typing_check.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Revealed type is "mastra_store.domains.memory.MemoryStorage"' in done.stdout
