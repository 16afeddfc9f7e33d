"""Fixtures of all tests in which the two sides meet; a conftest imports what it offers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .databases import Database
from .typescript import TypeScript


@pytest.fixture(scope="session")
def node() -> Iterator[TypeScript]:
    """The process that runs the official packages."""
    with TypeScript() as process:
        yield process


@pytest.fixture
def typescript(node: TypeScript) -> Iterator[TypeScript]:
    """The official packages, without databases of earlier tests."""
    yield node
    node.release()


@pytest.fixture
def database(database_url: str) -> Database:
    """A fresh database of each kind."""
    return Database.at(database_url)
