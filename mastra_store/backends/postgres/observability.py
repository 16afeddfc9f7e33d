"""The observability domain on PostgreSQL."""

from __future__ import annotations

from typing import Any, Unpack

from ...domains.span_plans import SpanChange, SpanRow
from ...domains.unstorable import UnstorableText
from ..sql.cache import StatementCache
from ..sql.observability import SqlObservability
from .batch import columns_of, insert_many, update_many
from .database import PostgresDatabase, PostgresSession, open_database
from .options import PostgresArguments


class ObservabilityPG(SqlObservability[PostgresDatabase]):
    """Spans in PostgreSQL, in the format of ``@mastra/pg``.

    Takes ``url`` or ``pool`` and the other arguments of ``PostgresStore``.
    """

    def __init__(
        self,
        *,
        disable_init: bool = False,
        unstorable_text: UnstorableText = "error",
        **options: Unpack[PostgresArguments],
    ) -> None:
        super().__init__(disable_init=disable_init)
        self._set_unstorable_text(unstorable_text)
        self._attach(open_database(**options), owned=True)

    def _bind_statements(self) -> None:
        super()._bind_statements()
        table = self._sql.table
        self._put_many = insert_many(table, self._sql.replace)
        self._change_many: StatementCache[tuple[str, ...], str] = StatementCache(
            lambda attributes: update_many(table, (*attributes, "updated_at"))
        )
        trace, span = (f"stored.{self._dialect.by_code_point(table.column(name))}" for name in ("trace_id", "span_id"))
        self._lock = (
            f'SELECT stored."traceId", stored."spanId" FROM {table.name} AS stored '
            f"JOIN unnest($1::text[], $2::text[]) AS named(trace, span) "
            f'ON stored."traceId" = named.trace AND stored."spanId" = named.span '
            f"ORDER BY {trace}, {span} FOR UPDATE OF stored"
        )

    async def _put_spans(self, rows: list[SpanRow]) -> None:
        """One statement; rows ordered by key, so that concurrent batches wait for each other in a line."""
        values = self._parameters(sorted(rows, key=lambda row: row.key))
        if len(values) == 1:
            await self._database.write(self._sql.put, *values[0])
        else:
            await self._database.write(self._put_many, *columns_of(values))

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        changed = self._all_changed(changes)
        if len(changed) == 1:
            attributes, args = changed[0]
            await self._database.write(self._sql.update(attributes), *args)
            return
        ids = columns_of([args[:2] for _, args in changed])

        async def work(session: PostgresSession) -> None:
            # What appears after this is passed over: taken now, it would be locked out of order.
            locked = {tuple(row) for row in await session.fetch(self._lock, *ids)}
            groups: dict[tuple[str, ...], list[list[Any]]] = {}
            for attributes, args in changed:
                if tuple(args[:2]) in locked:
                    groups.setdefault(attributes, []).append(args)
            for attributes, rows in groups.items():
                await session.execute(self._change_many[attributes], *columns_of(rows))

        await self._database.transact(work)
