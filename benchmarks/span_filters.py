"""All ways to filter lists of spans, alone and in pairs, and how scores and runs are listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any

from mastra_store import DateRange, Store, TraceFilter

from .operations import Backend
from .runs import ScoreRow, score_rows
from .spans import many_spans, trace_id
from .statements import Call, Statement, statements
from .tables import Table, run_table, score_table, span_table
from .words import uuid

ORDERS = ("-started_at", "started_at", "-ended_at", "ended_at")
_ROWS = 20_000
_START = datetime(2026, 3, 1, tzinfo=UTC)
_DAY = DateRange(start=_START + timedelta(days=1), end=_START + timedelta(days=2))
_STATES = ("success", "failed", "suspended", "running")

FILTERS: dict[str, list[Any]] = {
    "started_at": [_DAY, DateRange(start=_DAY.start), DateRange(end=_DAY.end)],
    "ended_at": [_DAY, DateRange(start=_DAY.start), DateRange(end=_DAY.end)],
    "trace_id": [trace_id(77)],
    "span_type": ["agent_run", "tool_call"],
    "status": ["error", "running", "success"],
    "has_child_error": [True, False],
    "entity_type": ["agent"],
    "entity_id": ["agent-3"],
    "entity_name": ["Agent 3"],
    "entity_version_id": ["version-2"],
    "parent_entity_type": ["agent"],
    "parent_entity_id": ["agent-3"],
    "parent_entity_name": ["Agent 3"],
    "parent_entity_version_id": ["version-2"],
    "root_entity_type": ["agent"],
    "root_entity_id": ["agent-3"],
    "root_entity_name": ["Agent 3"],
    "root_entity_version_id": ["version-2"],
    "user_id": ["user-5"],
    "organization_id": ["org-5"],
    "resource_id": ["resource-5"],
    "run_id": ["run-5"],
    "session_id": ["session-5"],
    "thread_id": ["thread-5"],
    "request_id": ["request-5"],
    "experiment_id": ["experiment-1"],
    "environment": ["production"],
    "service_name": ["chat"],
    "source": ["cloud"],
    "scope": [{"name": "@mastra/core"}],
    "metadata": [{"tenant": "tenant-3"}],
    "tags": [["tag-1", "tag-7"]],
}
"""Values of every field of ``TraceFilter`` that occur."""

assert set(FILTERS) == set(TraceFilter.__struct_fields__)


async def list_statements(url: str) -> tuple[list[Statement], list[Statement], list[Statement]]:
    """All statements of lists of spans, of runs and of scores."""
    async with Store(id="plans", default=url) as store:
        return (
            await statements(store.observability, {**single_filters(), **paired_filters()}),
            await statements(store.workflows, run_lists()),
            await statements(store.scores, score_lists()),
        )


def list_tables(backend: Backend, spans: int = 100_000) -> list[Table]:
    """What the lists are planned for: that many spans in traces of 25, 20,000 runs, 20,000 scores."""
    return [span_table(many_spans(spans)), _many_runs(), _many_scores(wrapped=backend == "postgres")]


def single_filters() -> dict[str, Call]:
    """No filter, and every filter alone, for each kind of list, each order, first pages and later ones."""
    given: list[dict[str, Any]] = [{}, *({name: value} for name, values in FILTERS.items() for value in values)]
    return dict(_calls(("list_traces", "list_traces_light", "list_branches"), given, ORDERS, (0, 1)))


def paired_filters() -> dict[str, Call]:
    """Every two filters together, in the order that lists have by themselves."""
    pairs = combinations(FILTERS.items(), 2)
    given = [{one: a, other: b} for (one, of_one), (other, of_other) in pairs for a in of_one for b in of_other]
    return dict(_calls(("list_traces", "list_branches"), given, ORDERS[:1], (0,)))


def run_lists() -> dict[str, Call]:
    """Lists of workflow runs by each filter alone, and by each with every other."""
    filters = {
        "workflow_name": "workflow-3",
        "status": "suspended",
        "resource_id": "user-7",
        "thread_id": "thread-9",
        "date_range": _DAY,
    }
    given = [{}, *({name: value} for name, value in filters.items()), *map(dict, combinations(filters.items(), 2))]
    return {
        f"list_workflow_runs {_title(some)} page {page}": partial(_list, "list_workflow_runs", {**some, **_page(page)})
        for some in given
        for page in (0, 1, None)
    } | {"get_workflow_run_by_id": partial(_list, "get_workflow_run_by_id", {"run_id": _run(7)})}


def score_lists() -> dict[str, Call]:
    """Lists of scores by what they are about, whole and of one tenant."""
    subjects: dict[str, dict[str, Any]] = {
        "list_scores_by_scorer_id": {"scorer_id": "scorer-3"},
        "list_scores_by_run_id": {"run_id": _run(7)},
        "list_scores_by_entity_id": {"entity_id": "agent-5", "entity_type": "AGENT"},
        "list_scores_by_span": {"trace_id": trace_id(7), "span_id": "span-1"},
    }
    tenants: tuple[dict[str, Any], ...] = ({}, {"organization_id": "org-1", "project_id": "project-1"})
    return {
        f"{method} {_title(tenant)} page {page}": partial(_list, method, {**subject, **tenant, **_page(page)})
        for method, subject in subjects.items()
        for tenant in tenants
        for page in (0, 1, None)
    }


def _many_runs() -> Table:
    """20,000 runs of 40 workflows with small snapshots."""

    def rows() -> Iterator[tuple[str, str, str | None, str, datetime]]:
        for number in range(_ROWS):
            memory = f'{{"memoryInfo":{{"threadId":"thread-{number // 3}"}}}}'
            context = f'{{"input":{{"messageListState":{memory}}}}}'
            snapshot = f'{{"status":"{_STATES[number % 4]}","context":{context},"value":{{}}}}'
            moment = _START + timedelta(minutes=number)
            yield f"workflow-{number % 40}", _run(number), f"user-{number % 97}", snapshot, moment

    return run_table(rows())


def _many_scores(*, wrapped: bool) -> Table:
    """20,000 scores by 10 scorers."""

    def rows() -> Iterator[tuple[ScoreRow, datetime]]:
        for number in range(_ROWS):
            row = score_rows()[number % 8]._replace(
                id=uuid(f"score-{number}"),
                scorer_id=f"scorer-{number % 10}",
                run_id=_run(number // 4),
                entity_id=f"agent-{number % 50}",
                trace_id=trace_id(number // 5),
                span_id=f"span-{number % 5}",
                organization_id=f"org-{number % 4}",
                output={},
                input={},
                analyze_step_result=None,
                preprocess_step_result=None,
            )
            yield row, _START + timedelta(minutes=number)

    return score_table(rows(), wrapped=wrapped)


def _calls(
    methods: tuple[str, ...], given: list[dict[str, Any]], orders: tuple[str, ...], pages: tuple[int, ...]
) -> Iterator[tuple[str, Call]]:
    for method in methods:
        for filters in given:
            if method == "list_branches" and "has_child_error" in filters:
                continue  # no filter there
            for order in orders:
                for page in pages:
                    arguments = {"filters": filters, "order_by": order, "page": page, "per_page": 20}
                    yield f"{method} {_title(filters)} by {order} page {page}", partial(_list, method, arguments)


async def _list(method: str, arguments: dict[str, Any], storage: Any) -> Any:
    return await getattr(storage, method)(**arguments)


def _page(page: int | None) -> dict[str, Any]:
    return {"per_page": None} if page is None else {"page": page, "per_page": 20}


def _title(filters: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "all"


def _run(number: int) -> str:
    return uuid(f"run-{number}")
