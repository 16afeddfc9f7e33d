"""What README and docs show runs as printed, their links lead somewhere, and the documentation builds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mastra_store import registry
from tests.docs.pages import PAGES, ROOT, blocks, needs_postgres, run_page

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _params() -> list[object]:
    with_code = [page for page in PAGES if any(block.runs for block in blocks(page))]
    marks = {True: [pytest.mark.needs("postgres")], False: []}
    return [pytest.param(page, id=_name(page), marks=marks[needs_postgres(page)]) for page in with_code]


@pytest.mark.parametrize("page", _params())
def test_code_runs(page: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("MASTRA_STORE_URL", "MASTRA_STORE_MEMORY_URL", "MASTRA_DISABLE_STORAGE_INIT"):
        monkeypatch.delenv(variable, raising=False)
    url = request.getfixturevalue("postgres").create_database() if needs_postgres(page) else ""
    monkeypatch.setattr(registry, "_backends", dict(registry._backends))  # one page registers a backend
    shutil.copy(ROOT / "tests" / "fixtures" / "libsql" / "mastra.db", "typescript.db")
    assert not run_page(page, url)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_code_that_does_not_run_says_why(page: Path) -> None:
    unclear = [f"{_name(page)}:{block.line}: {block.mark}" for block in blocks(page) if block.runs and block.mark]
    assert not unclear, "write ```python, or ```python no-run: REASON"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not broken


def test_readme_example_is_short() -> None:
    example = max((block for block in blocks(ROOT / "README.md")), key=lambda block: block.text.count("\n"))
    assert example.runs
    assert example.text.count("\n") <= 20


def test_documentation_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    folders = ["-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "html")]
    built = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "html" / "index.html").exists()
