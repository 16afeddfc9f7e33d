"""Reading the Python blocks of a Markdown page, and running them in order."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = sorted(page for page in (ROOT / "docs").glob("**/*.md") if "_build" not in page.parts)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
POSTGRES_URL = "postgres://app:secret@localhost:5432/app"
"""The URL that the pages write; tests put that of a real, empty database in its place."""

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"no-run: \S.*")


class Block(NamedTuple):
    """A block of code: the line of the page where it starts, what stands behind ``python``, the code."""

    line: int
    mark: str
    text: str
    output: str | None
    """What a block marked ``text output`` right behind it says it prints."""

    @property
    def runs(self) -> bool:
        return not _NOT_RUN.fullmatch(self.mark)


def blocks(page: Path) -> Iterator[Block]:
    """The Python blocks of a page."""
    text = page.read_text()
    fences = list(_FENCE.finditer(text))
    for fence, following in zip_longest(fences, fences[1:]):
        language, _, mark = fence["info"].partition(" ")
        if language == "python":
            shown = following is not None and following["info"] == "text output"
            output = following["text"] if shown and following is not None else None
            yield Block(text.count("\n", 0, fence.start("text")), mark, fence["text"], output)


def needs_postgres(page: Path) -> bool:
    return any(block.runs and (POSTGRES_URL in block.text or "PostgresServer" in block.text) for block in blocks(page))


def run_page(page: Path, postgres_url: str) -> list[tuple[str, list[str], list[str]]]:
    """Run the blocks of a page in one namespace, asynchronous ones in one event loop.

    Returns where something else is printed than the page says: the place, what is printed, what the page says.
    """
    names: dict[str, Any] = {"__name__": page.stem}
    different = []
    with asyncio.Runner() as runner:
        for block in blocks(page):
            if block.runs:
                printed = _run(runner, block, page, names, postgres_url)
                if block.output is not None and printed != block.output:
                    place = f"{page.relative_to(ROOT)}:{block.line}"
                    different.append((place, printed.splitlines(), block.output.splitlines()))
    return different


def _run(runner: asyncio.Runner, block: Block, page: Path, names: dict[str, Any], postgres_url: str) -> str:
    # Lines keep their number in the page, so that a traceback points there.
    source = "\n" * block.line + block.text.replace(POSTGRES_URL, postgres_url)
    code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        result = eval(code, names)
        if inspect.iscoroutine(result):
            runner.run(result)
    return output.getvalue()
