"""``PostgresStore``: a PostgreSQL database, in the format of ``@mastra/pg``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Unpack

from ..backends.postgres.database import open_database
from ..backends.postgres.memory import MemoryPG
from ..backends.postgres.observability import ObservabilityPG
from ..backends.postgres.options import PostgresArguments, normalise
from ..backends.postgres.scores import ScoresPG
from ..backends.postgres.workflows import WorkflowsPG
from ..domains.unstorable import UnstorableText
from ..registry import Backend
from .base import SqlProviderStore


class PostgresStore(SqlProviderStore):
    """A Store over one PostgreSQL schema.

    Give ``url`` (``postgres://user:password@host:5432/database?sslmode=require``) or ``pool``, an asyncpg pool of
    yours, which is used as it is and never closed here. ``schema_name`` (default ``public``) is created when missing.
    ``pool_size`` is the largest number of connections, ``idle_seconds`` how long they may be idle,
    ``connect_timeout`` and ``command_timeout`` are in seconds; all of these may stand in the URL's query as well.
    ``domains`` restricts which domains it serves (and creates tables for). ``unstorable_text`` as in ``Store``.
    """

    provider = "postgres"
    storage_classes = {
        "memory": MemoryPG,
        "workflows": WorkflowsPG,
        "scores": ScoresPG,
        "observability": ObservabilityPG,
    }

    def __init__(
        self,
        *,
        id: str | None = None,
        domains: Collection[str] | None = None,
        disable_init: bool = False,
        unstorable_text: UnstorableText = "error",
        **options: Unpack[PostgresArguments],
    ) -> None:
        self._serve(id, open_database(**options), domains, disable_init, unstorable_text)


def _open(url: str, *, domains: Collection[str], disable_init: bool) -> PostgresStore:
    return PostgresStore(url=url, domains=domains, disable_init=disable_init)


BACKEND = Backend(("postgres", "postgresql"), _open, normalise)
