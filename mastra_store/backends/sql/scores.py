"""The scores domain on SQL databases: what both dialects do alike. The rules stand in ``domains.scores``."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from msgspec.structs import asdict

from ...domains.score_plans import NewScore, ScoreQuery
from ...domains.scores import ScoresStorage
from ...models import scores as models
from ...records import Score
from .cache import StatementCache
from .dialect import Dialect
from .domain import DB, SqlDomain
from .paging import Limit, Listing, page_statements, where_clause
from .table import TableSql


class ScoreShape(NamedTuple):
    """Which attributes a list of scores compares; one statement is kept per shape."""

    equal: tuple[str, ...]
    limit: Limit


class ScoresSql:
    """Statements for one dialect and schema, built once per binding."""

    def __init__(self, dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        self.table = TableSql(models.Score, dialect, schema)
        self.put = self.table.insert() + self.table.on_conflict()
        self.find = dialect.sql(f"SELECT {self.table.read()} FROM {self.table.name} WHERE id = $1")
        self.clear = self.table.delete()
        self._pages: StatementCache[ScoreShape, tuple[str, str]] = StatementCache(self._page)

    def page(self, shape: ScoreShape) -> tuple[str, str]:
        """The statement of a page and that of its count; parameters: values compared, then limit and offset."""
        return self._pages[shape]

    def _page(self, shape: ScoreShape) -> tuple[str, str]:
        conditions = [self.table.equals(name, number) for number, name in enumerate(shape.equal, start=1)]
        where = where_clause(conditions)
        order = f'"createdAt" DESC, {self._dialect.by_code_point("id")} DESC'
        listing = Listing(self.table.name, self.table.read(), where, order, len(conditions))
        return page_statements(self._dialect, listing, shape.limit)


class SqlScores(SqlDomain[DB], ScoresStorage):
    """Scores in a SQL table."""

    definitions: ClassVar = models.MODELS

    def _bind_statements(self) -> None:
        self._sql = ScoresSql(self._dialect, self._schema)
        self._score = self._sql.table.reader(Score)

    @property
    def models(self) -> models.ScoreModels:
        """The bound Tortoise class: ``await scores.models.Score.filter(source="LIVE").count()``."""
        bound: dict[str, Any] = self._bound_models()
        return models.ScoreModels(**bound)

    async def _put_score(self, row: NewScore) -> None:
        await self._database.execute(self._sql.put, *self._sql.table.values({**asdict(row.score), **row.payloads}))

    async def _find_score(self, id: str) -> Score | None:
        rows = await self._database.fetch(self._sql.find, self._dialect.text(id, "id"))
        return self._score(rows[0]) if rows else None

    async def _select_scores(self, query: ScoreQuery) -> tuple[list[Score], int]:
        shape = ScoreShape(tuple(query.equal), Limit.of(query.limit, query.offset))
        args = [self._dialect.text(value, name) for name, value in query.equal.items()]
        rows, total = await self._page(self._sql.page(shape), args, query.offset, query.limit)
        return [self._score(row) for row in rows], total

    async def _clear(self) -> None:
        await self._execute(self._sql.clear)
