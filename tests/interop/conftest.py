"""Fixtures of the live tests."""

from tests.interop.fixtures import database, node, typescript

__all__ = ["database", "node", "typescript"]
