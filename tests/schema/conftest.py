"""Fixtures of the catalogue: fresh databases of each kind, several at once."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.interop.databases import Database
from tests.interop.fixtures import node, typescript

__all__ = ["maker", "node", "typescript"]


# A Node process creates a schema of one name only once, in whatever database it meets it first. No two tests share one.
_numbers = count(1)


class Maker:
    """Makes empty databases of one kind: SQLite, or PostgreSQL with one schema name."""

    def __init__(self, schema: str | None, folder: Path, postgres: Any) -> None:
        self._schema = schema
        self._folder = folder
        self._postgres = postgres
        self._made = 0

    def new(self) -> Database:
        """An empty database."""
        self._made += 1
        if self._schema is None:
            return Database.at(f"sqlite:///{self._folder}/mastra-{self._made}.db")
        return Database.at(self._postgres.create_database(), self._schema)


@pytest.fixture
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Parametrised indirectly with the name of a schema, or None for SQLite."""
    schema = request.param
    if schema is None:
        return Maker(None, tmp_path, None)
    unique = schema if schema == "public" else f"{schema}{next(_numbers)}"
    return Maker(unique, tmp_path, request.getfixturevalue("postgres"))
