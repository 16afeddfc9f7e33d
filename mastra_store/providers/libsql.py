"""``LibSQLStore``: local SQLite files and in-memory databases, in the format of ``@mastra/libsql``."""

from __future__ import annotations

from collections.abc import Collection

from ..backends.sqlite.database import SqliteDatabase
from ..backends.sqlite.memory import MemoryLibSQL
from ..backends.sqlite.observability import ObservabilityLibSQL
from ..backends.sqlite.scores import ScoresLibSQL
from ..backends.sqlite.url import normalise, open_options
from ..backends.sqlite.workflows import WorkflowsLibSQL
from ..domains.unstorable import UnstorableText
from ..registry import Backend
from .base import SqlProviderStore


class LibSQLStore(SqlProviderStore):
    """A Store over one SQLite database.

    ``url`` is ``sqlite:///app.db``, ``file:./app.db`` or ``:memory:``, with the options ``mode`` (``rwc``, ``rw``,
    ``ro``), ``busy_timeout`` (seconds), ``readers`` (reading connections) and ``max_page_count``. ``domains`` restricts
    which domains it serves (and creates tables for). ``unstorable_text`` as in ``Store``.
    """

    provider = "libsql"
    storage_classes = {
        "memory": MemoryLibSQL,
        "workflows": WorkflowsLibSQL,
        "scores": ScoresLibSQL,
        "observability": ObservabilityLibSQL,
    }

    def __init__(
        self,
        *,
        url: str,
        id: str | None = None,
        domains: Collection[str] | None = None,
        disable_init: bool = False,
        unstorable_text: UnstorableText = "error",
    ) -> None:
        self._serve(id, SqliteDatabase(open_options(url)), domains, disable_init, unstorable_text)


def _open(url: str, *, domains: Collection[str], disable_init: bool) -> LibSQLStore:
    return LibSQLStore(url=url, domains=domains, disable_init=disable_init)


BACKEND = Backend(("sqlite", "file"), _open, normalise)
