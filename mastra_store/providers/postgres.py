"""``PostgresStore``: a PostgreSQL database, in the format of ``@mastra/pg``."""

from __future__ import annotations

from collections.abc import Collection

import asyncpg

from ..backends.postgres.memory import MemoryPG, open_database
from ..backends.postgres.options import normalise
from ..registry import Backend
from .base import SqlProviderStore


class PostgresStore(SqlProviderStore):
    """A Store over one PostgreSQL schema.

    Give ``url`` (``postgres://user:password@host:5432/database?sslmode=require``) or ``pool``, an asyncpg pool of
    yours, which is used as it is and never closed here. ``schema_name`` (default ``public``) is created when missing.
    ``pool_size`` is the largest number of connections, ``idle_seconds`` how long they may be idle,
    ``connect_timeout`` and ``command_timeout`` are in seconds; all of these may stand in the URL's query as well.
    ``domains`` restricts which domains it serves (and creates tables for).
    """

    provider = "postgres"
    storage_classes = {"memory": MemoryPG}

    def __init__(
        self,
        *,
        url: str | None = None,
        pool: asyncpg.Pool | None = None,
        id: str | None = None,
        schema_name: str | None = None,
        pool_size: int | None = None,
        idle_seconds: float | None = None,
        connect_timeout: float | None = None,
        command_timeout: float | None = None,
        domains: Collection[str] | None = None,
        disable_init: bool = False,
    ) -> None:
        database = open_database(
            url,
            pool,
            schema_name=schema_name,
            pool_size=pool_size,
            idle_seconds=idle_seconds,
            connect_timeout=connect_timeout,
            command_timeout=command_timeout,
        )
        self._serve(id, database, domains, disable_init)


def _open(url: str, *, domains: Collection[str], disable_init: bool) -> PostgresStore:
    return PostgresStore(url=url, domains=domains, disable_init=disable_init)


BACKEND = Backend(("postgres", "postgresql"), _open, normalise)
