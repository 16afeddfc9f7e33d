"""What the code offers stands in the documentation: public names, errors and their reasons, options of URLs."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import mastra_store
from mastra_store import errors
from mastra_store.backends.sqlite.database import SqliteOptions
from tests.docs.pages import ROOT

DOCS = ROOT / "docs"
REFERENCE = "".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))
REASON = re.compile(r'"reason": "(\w+)"|^\s+"(\w+)",$|, "(\w+)", (?:True|False)\)', re.MULTILINE)


@pytest.mark.parametrize("name", sorted({*mastra_store.__all__, *mastra_store._LAZY}))
def test_public_names_are_in_the_reference(name: str) -> None:
    assert re.search(rf"mastra_store\.{name}$", REFERENCE, re.MULTILINE)


def test_every_error_is_in_the_table() -> None:
    table = (DOCS / "guides" / "errors.md").read_text()
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.StoreError)]
    assert len(classes) > 5
    assert [cls.__name__ for cls in classes if f"| `{cls.__name__}` |" not in table] == []
    assert [cls.default_reason for cls in classes if f"`{cls.default_reason}`" not in table] == []


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_every_reason_is_in_the_table(backend: str) -> None:
    source = Path(errors.__file__).parent / "backends" / backend / "errors.py"
    reasons = {next(filter(None, found)) for found in REASON.findall(source.read_text())}
    assert {"unreachable", "disk_full", "driver", "locked", "read_only"} <= reasons
    table = (DOCS / "guides" / "errors.md").read_text()
    assert [reason for reason in sorted(reasons) if f"| `{reason}` |" not in table] == []


def test_every_option_of_sqlite_is_documented() -> None:
    page = (DOCS / "guides" / "connecting.md").read_text()
    options = [name for name in SqliteOptions._fields if name != "path"]
    assert [name for name in options if f"| `{name}` |" not in page] == []


@pytest.mark.needs("postgres")
def test_every_option_of_postgres_is_documented() -> None:
    from mastra_store.backends.postgres.options import PostgresOptions

    page = (DOCS / "guides" / "connecting.md").read_text()
    options = [field.name for field in fields(PostgresOptions) if field.name not in ("url", "pool")]
    assert [name for name in options if f"| `{name}` |" not in page] == []
