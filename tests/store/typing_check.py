"""What a type checker knows about the facade; ``test_typing.py`` runs mypy on it (never imported)."""

from __future__ import annotations

from typing import assert_type

from mastra_store import DomainStorage, MemoryStorage, Message, Store, Thread, ThreadPage


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
