"""The scores domain on SQLite."""

from __future__ import annotations

from ..sql.scores import SqlScores
from .database import SqliteDatabase
from .url import open_options


class ScoresLibSQL(SqlScores[SqliteDatabase]):
    """Scores in a SQLite file (or in memory), in the format of ``@mastra/libsql``.

    ``url`` as in ``Store``: ``sqlite:///app.db``, ``file:./app.db``, ``:memory:``.
    """

    def __init__(self, *, url: str, disable_init: bool = False) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(SqliteDatabase(open_options(url)), owned=True)
