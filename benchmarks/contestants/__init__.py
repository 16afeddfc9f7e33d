"""The contestants, by name. Each runs in a process of its own and is imported there only."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from ..operations import Backend
from .base import Contestant


class Entry(NamedTuple):
    """Who takes part: the name in reports, and the kind, which says how its database is made and its code is found."""

    name: str
    kind: str
    title: str


OURS = Entry("ours", "ours", "Store of mastra_store")
AGAIN = Entry("ours again", "ours", "the same a second time, which shows the noise")
FLOOR = Entry("floor", "floor", "hand-written SQL on the driver")
TORTOISE = Entry("tortoise", "tortoise", "plain Tortoise as its documentation shows it")
NPM = Entry("npm", "npm", "official npm package")
ENTRIES = (OURS, FLOOR, TORTOISE, NPM, AGAIN)

_CLASSES = {
    ("ours", "sqlite"): ("ours", "Ours"),
    ("ours", "postgres"): ("ours", "Ours"),
    ("floor", "sqlite"): ("floor_sqlite", "FloorSqlite"),
    ("floor", "postgres"): ("floor_postgres", "FloorPostgres"),
    ("tortoise", "sqlite"): ("plain_tortoise", "PlainTortoise"),
    ("tortoise", "postgres"): ("plain_tortoise", "PlainTortoise"),
}


def make(kind: str, backend: Backend, url: str) -> Contestant:
    """A contestant written in Python."""
    module, name = _CLASSES[kind, backend]
    contestant: Contestant = getattr(import_module(f"{__name__}.{module}"), name)(url)
    return contestant
