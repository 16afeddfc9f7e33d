"""More mistakes of a workflows storage: reading, deleting and listing runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mastra_store.domains.workflow_plans import RunQuery
from mastra_store.errors import NotFoundError
from mastra_store.payload import encode
from mastra_store.records import WorkflowRun, WorkflowRunPage

from .broken import breaks
from .reference_workflows import InMemoryWorkflows


@breaks("W7")
class PicksAnyRun(InMemoryWorkflows):
    """Without a name, takes the run with the first name."""

    async def _find_run(self, run_id: str, workflow_name: str | None) -> WorkflowRun | None:
        keys = sorted(key for key in self.rows if key[1] == run_id and workflow_name in (None, key[0]))
        return self._run(keys[0]) if keys else None


@breaks("W8", "G17")
class MissesWhatIsGone(InMemoryWorkflows):
    """Fails when there is nothing to delete."""

    async def _remove_run(self, workflow_name: str, run_id: str) -> None:
        if (workflow_name, run_id) not in self.rows:
            raise NotFoundError("no such run")
        await super()._remove_run(workflow_name, run_id)


@breaks("W8")
class DeletesById(InMemoryWorkflows):
    """Deletes the runs of an id in all workflows."""

    async def _remove_run(self, workflow_name: str, run_id: str) -> None:
        for key in [key for key in self.rows if key[1] == run_id]:
            await super()._remove_run(*key)


@breaks("W9")
class OldestFirst(InMemoryWorkflows):
    """Lists the oldest run first."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        runs, total = await super()._select_runs(query._replace(offset=0, limit=None))
        end = None if query.limit is None else query.offset + query.limit
        return runs[::-1][query.offset : end], total


@breaks("G5", "W9")
class ForgetsWorkflowsInTies(InMemoryWorkflows):
    """Orders runs of one instant by their ids alone."""

    def _rank(self, run: WorkflowRun) -> Any:
        return run.created_at, run.run_id


@breaks("G5")
class OrdersAsJavaScript(InMemoryWorkflows):
    """Orders names by UTF-16 units instead of code points."""

    def _rank(self, run: WorkflowRun) -> Any:
        names = (name.encode("utf-16-be", "surrogatepass") for name in (run.run_id, run.workflow_name))
        return run.created_at, *names


@breaks("W9", "G2")
class IgnoresPerPage(InMemoryWorkflows):
    """Pages only from the second page on."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        return await super()._select_runs(query._replace(limit=query.limit if query.offset else None))


@breaks("G2", "G3", "G4")
class CountsThePage(InMemoryWorkflows):
    """Takes the rows of the page for the total."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        runs, _ = await super()._select_runs(query)
        return runs, len(runs)


@breaks("G2", "W9")
class PagesByDefault(InMemoryWorkflows):
    """Lists a hundred runs unless told otherwise."""

    async def list_workflow_runs(self, **arguments: Any) -> WorkflowRunPage:
        return await super().list_workflow_runs(**{"per_page": 100, **arguments})


@breaks("W10")
class ReadsStatusAsText(InMemoryWorkflows):
    """Compares the text of a status."""

    def _matches(self, snapshot: dict[str, Any], query: RunQuery) -> bool:
        if query.status is not None and isinstance(snapshot.get("status"), (int, float)):
            return str(snapshot["status"]).lower() == query.status
        return super()._matches(snapshot, query)


@breaks("W10", "G13")
class AsksOneThing(InMemoryWorkflows):
    """Ignores the status when a resource is given."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        return await super()._select_runs(query._replace(status=None) if query.resource_id else query)


@breaks("W10", "G12")
class FoldsCaseOfFilters(InMemoryWorkflows):
    """Knows no case when it filters."""

    def _matches(self, snapshot: dict[str, Any], query: RunQuery) -> bool:
        status = snapshot.get("status")
        if query.status is not None and isinstance(status, str):
            return status.lower() == query.status.lower()
        return super()._matches(snapshot, query)


@breaks("G7", "W10")
class IncludesTheEnd(InMemoryWorkflows):
    """Takes the end of a half-open span for inclusive."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        if query.span and query.span.end:
            later = query.span._replace(end=query.span.end + timedelta(milliseconds=1))
            query = query._replace(span=later)
        return await super()._select_runs(query)


@breaks("W11")
class LooksForThreadsAnywhere(InMemoryWorkflows):
    """Takes any mention of a thread for its record."""

    def _matches(self, snapshot: dict[str, Any], query: RunQuery) -> bool:
        if query.thread_id is not None:
            return f'"threadId":{encode(query.thread_id)}' in encode(snapshot)
        return super()._matches(snapshot, query)


@breaks("W11")
class LooksForThreadsInInputsOnly(InMemoryWorkflows):
    """Does not look at suspended steps."""

    def _matches(self, snapshot: dict[str, Any], query: RunQuery) -> bool:
        context = snapshot.get("context")
        given = context.get("input") if isinstance(context, dict) else None
        return super()._matches({**snapshot, "context": {"input": given}}, query)
