"""What a type checker knows about the facade; ``test_typing.py`` runs mypy on it (never imported)."""

from __future__ import annotations

from typing import assert_type

from mastra_store import (
    BranchPage,
    DomainStorage,
    LightTrace,
    MemoryStorage,
    Message,
    ObservabilityStorage,
    Score,
    ScorePage,
    ScoresStorage,
    Span,
    Store,
    Thread,
    ThreadPage,
    Trace,
    TracePage,
    WorkflowRun,
    WorkflowsStorage,
)


async def facade(store: Store, name: str) -> None:
    assert_type(await store.get_store("memory"), MemoryStorage | None)
    assert_type(await store.get_store(name), DomainStorage | None)
    assert_type(store.memory, MemoryStorage)
    async with store as opened:
        assert_type(opened, Store)
    assert_type(Store.from_env(), Store)


async def memory(store: Store) -> None:
    assert_type(await store.memory.get_thread_by_id(thread_id="t"), Thread | None)
    assert_type(await store.memory.update_thread(id="t", metadata={"a": 1}), Thread)
    assert_type(await store.memory.list_threads(per_page=None), ThreadPage)
    assert_type(await store.memory.save_messages(messages=[Message(thread_id="t", resource_id="r")]), list[Message])
    optional = await store.get_store("memory")
    await optional.list_threads()  # type: ignore[union-attr]
    await store.memory.get_thread_by_id("t")  # type: ignore[call-arg]
    Store("app")  # type: ignore[call-arg]
    Store(id="app", domains={"memory": 5})  # type: ignore[dict-item]
    reveal_type(store.memory)  # noqa: F821 - for the type checker only


async def workflows(store: Store) -> None:
    assert_type(await store.get_store("workflows"), WorkflowsStorage | None)
    assert_type(store.workflows, WorkflowsStorage)
    assert_type(await store.workflows.get_workflow_run_by_id(run_id="r"), WorkflowRun | None)
    assert_type(store.workflows.supports_concurrent_updates(), bool)
    await store.workflows.load_workflow_snapshot("w", "r")  # type: ignore[call-arg]
    await store.workflows.update_workflow_state(workflow_name="w", run_id="r")  # type: ignore[call-arg]


async def scores(store: Store) -> None:
    assert_type(await store.get_store("scores"), ScoresStorage | None)
    assert_type(store.scores, ScoresStorage)
    assert_type(await store.scores.get_score_by_id(id="a"), Score | None)
    assert_type(await store.scores.list_scores_by_run_id(run_id="r", per_page=None), ScorePage)
    await store.scores.save_score(score={"id": "a"})  # type: ignore[arg-type]


async def observability(store: Store) -> None:
    assert_type(await store.get_store("observability"), ObservabilityStorage | None)
    assert_type(store.observability, ObservabilityStorage)
    assert_type(await store.observability.get_span(trace_id="t", span_id="s"), Span | None)
    assert_type(await store.observability.get_branch(trace_id="t", span_id="s", depth=1), Trace | None)
    assert_type(await store.observability.get_structure(trace_id="t"), LightTrace | None)
    assert_type(await store.observability.list_traces(filters={"status": "error"}), TracePage)
    assert_type(await store.observability.list_branches(per_page=None), BranchPage)
    Store(id="app", default=":memory:", unstorable_text="drop")  # type: ignore[arg-type]
