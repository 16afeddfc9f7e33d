"""Names of indexes and constraints: how ``@mastra/pg`` puts the schema into them (storage format 3)."""

from __future__ import annotations

import re
from hashlib import sha256

from ...models.base import Index
from ..sql.schema import OWN_PREFIX

LONGEST = 63
"""Bytes that PostgreSQL keeps of a name."""
_HASH = 8


def index_name(index: Index, schema: str) -> str:
    """The name of an index in a schema. Those of our own are called the same in all schemas."""
    if schema == "public" or index.name.startswith(OWN_PREFIX):
        return index.name
    if index.naming == "prefixed":
        return _prefixed(index.name, schema)
    full = f"{schema}_{index.name}".lower()
    return _hashed(full) if index.naming == "hashed" else _cut(full, LONGEST)


def constraint_name(name: str, schema: str) -> str:
    """The name of a constraint, which carries every schema, in lower case."""
    return _cut(f"{_prefix(schema)}_{name}".lower(), LONGEST)


def _prefixed(name: str, schema: str) -> str:
    """Where the name would be too long Mastra makes no index, and the one made here is ours."""
    full = f"{_prefix(schema)}_{name}"
    return full if len(full.encode()) <= LONGEST else OWN_PREFIX + name.removeprefix("mastra_")


def _prefix(schema: str) -> str:
    bare = re.sub(r"[^A-Za-z0-9_]", "_", schema)
    return f"_{bare}" if bare[0].isdigit() else bare


def _hashed(full: str) -> str:
    if len(full.encode()) <= LONGEST:
        return full
    return f"{_cut(full, LONGEST - _HASH - 1)}_{sha256(full.encode()).hexdigest()[:_HASH]}"


def _cut(name: str, length: int) -> str:
    """As many whole characters as fit."""
    return name.encode()[:length].decode(errors="ignore")
