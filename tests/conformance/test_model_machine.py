"""Random sequences of calls: SQLite and the in-memory reference must answer every one of them alike."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from mastra_store.conformance.scenes import at
from mastra_store.instants import iso
from mastra_store.records import Message, Resource, Thread

from .broken import ForgetsTies
from .broken_messages import BumpsTheOldThread, CopiesTheOldest, DropsEmptyWorkingMemory
from .machine import PAGING, RANGES, SCALARS, SECONDS, SETTINGS, VALUES, TwinMachine, assert_can_fail
from .reference import InMemoryMemory

THREADS = st.sampled_from(["t", "T"] * 4 + ["t%"] * 2 + ["gone"])
OWNERS = st.sampled_from(["o", "O", "o'"])
MESSAGES = st.sampled_from(["a", "b", "B", "c", "é", "😀", "ｅ"])
METADATA = st.dictionaries(st.sampled_from(["k", "j", "a.b"]), VALUES, max_size=3)
WANTED = st.none() | st.dictionaries(st.sampled_from(["k", "j"]), SCALARS, max_size=2)
CONTENT = st.fixed_dictionaries({}, optional={"metadata": METADATA | st.none(), "parts": VALUES, "k": VALUES})
INCLUDES = st.lists(
    st.builds(
        lambda id, before, after: {"id": id, "with_previous_messages": before, "with_next_messages": after},
        MESSAGES,
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=2,
)
LISTING: dict[str, Any] = {
    "include": INCLUDES,
    "date_range": RANGES,
    "metadata": WANTED,
    "paging": PAGING,
    "order_by": st.sampled_from(["created_at", "-created_at"]),
    "include_total": st.booleans(),
}
UPDATES = st.builds(
    lambda id, changes: {"id": id, **changes},
    MESSAGES,
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["system", "user", "tool"] * 3 + [""]),
            "type": st.sampled_from([None, "v2", "text"]),
            "thread_id": THREADS,
            "resource_id": OWNERS,
            "content": CONTENT,
        },
    ),
)
NEW_MESSAGES = st.builds(
    lambda id, thread_id, resource_id, second, type, content: Message(
        id=id, thread_id=thread_id, resource_id=resource_id, created_at=at(second), type=type, content=content
    ),
    MESSAGES,
    THREADS,
    OWNERS,
    SECONDS,
    st.sampled_from([None, "text"]),
    CONTENT,
)


def count(thread: Thread) -> dict[str, Any]:
    metadata = thread.metadata or {}
    return {"n": metadata.get("n", 0) + 1, "keys": sorted(metadata)}


def decline(thread: Thread) -> None:
    return None


def nonsense(thread: Thread) -> Any:
    return [thread.id]


class MemoryMachine(TwinMachine):
    """Threads, messages and resources."""

    reference_class = InMemoryMemory

    def compare_all(self) -> None:
        """Everything that is stored at the end."""
        self.both("list_threads", per_page=None, order_by="updated_at")
        self.both("list_messages", thread_id=["t", "T", "t%", "gone"], per_page=None)
        for owner in ("o", "O", "o'"):
            self.both("get_resource_by_id", resource_id=owner)

    @initialize(
        metadata=st.lists(st.none() | METADATA, min_size=3, max_size=3),
        messages=st.lists(NEW_MESSAGES.filter(lambda one: one.thread_id != "gone"), min_size=4, max_size=10),
    )
    def populate(self, metadata: list[Any], messages: list[Message]) -> None:
        """Three threads with some messages, so that most calls have something to work on."""
        for second, (id, given) in enumerate(zip(("t", "T", "t%"), metadata, strict=True)):
            self.both("save_thread", thread=Thread(id=id, resource_id="o", metadata=given, created_at=at(second)))
        self.both("save_messages", messages=messages)

    # -- threads -----------------------------------------------------------------------------------------------------

    @rule(
        id=THREADS, owner=OWNERS, title=st.sampled_from(["", "x"]), metadata=st.none() | METADATA, c=SECONDS, u=SECONDS
    )
    def save_thread(self, id: str, owner: str, title: str, metadata: Any, c: float, u: float) -> None:
        fields = {"title": title, "metadata": metadata, "created_at": at(c), "updated_at": at(u)}
        if id != "gone":
            self.both("save_thread", thread=Thread(id=id, resource_id=owner, **fields))

    @rule(id=THREADS, owner=st.none() | OWNERS)
    def get_thread(self, id: str, owner: str | None) -> None:
        self.both("get_thread_by_id", thread_id=id, resource_id=owner)

    @rule(id=THREADS, title=st.sampled_from([None, "", "new"]), metadata=st.none() | METADATA)
    def update_thread(self, id: str, title: str | None, metadata: Any) -> None:
        self.both("update_thread", id=id, title=title, metadata=metadata)

    @rule(id=THREADS, owner=st.none() | OWNERS, update=st.sampled_from([count, count, decline, nonsense]))
    def compute_metadata(self, id: str, owner: str | None, update: Any) -> None:
        self.both("update_thread_metadata", id=id, resource_id=owner, update=update)

    @rule(id=THREADS, owner=OWNERS)
    def move_thread(self, id: str, owner: str) -> None:
        self.both("update_thread_resource_id", thread_id=id, resource_id=owner)

    @rule(id=THREADS, again=st.sampled_from([True, True, False]))
    def delete_thread(self, id: str, again: bool) -> None:
        self.both("delete_thread", thread_id=id)
        if again and id != "gone":
            again_thread = Thread(id=id, resource_id="o", metadata={"k": 1}, created_at=at(1))
            self.both("save_thread", thread=again_thread)

    @rule(
        owner=st.none() | OWNERS,
        metadata=WANTED,
        paging=PAGING,
        order=st.sampled_from(["created_at", "-created_at", "updated_at", "-updated_at"]),
    )
    def list_threads(self, owner: str | None, metadata: Any, paging: Any, order: str) -> None:
        page, per_page = paging
        arguments = {"page": page, "per_page": per_page, "order_by": order}
        self.both("list_threads", resource_id=owner, metadata=metadata, **arguments)

    @rule(
        source=THREADS,
        title=st.sampled_from([None, "", "mine"]),
        owner=st.none() | OWNERS,
        metadata=st.none() | METADATA,
        limit=st.sampled_from([None, 1, 2, 100]),
        span=RANGES,
        ids=st.none() | st.lists(MESSAGES, max_size=4),
        new=st.sampled_from(["copy", "copy", "t"]),
    )
    def clone(
        self, source: str, title: Any, owner: Any, metadata: Any, limit: Any, span: Any, ids: Any, new: str
    ) -> None:
        if new == source:
            return
        arguments = {"title": title, "resource_id": owner, "metadata": metadata, "message_limit": limit}
        made = self.both(
            "clone_thread",
            source_thread_id=source,
            new_thread_id=new,
            date_range=span,
            message_ids=ids,
            seen=comparable_clone,
            **arguments,
        )
        if made:  # its messages have random ids, which order ties at random
            self.both("delete_thread", thread_id=new)

    # -- messages ----------------------------------------------------------------------------------------------------

    @rule(messages=st.lists(NEW_MESSAGES, max_size=5))
    def save_messages(self, messages: list[Message]) -> None:
        self.both("save_messages", messages=messages)

    @rule(threads=THREADS | st.lists(THREADS, max_size=3), owner=st.none() | OWNERS, **LISTING)
    def list_messages(self, threads: Any, owner: str | None, **listing: Any) -> None:
        self.listed("list_messages", {"thread_id": threads, "resource_id": owner}, **listing)

    @rule(owner=OWNERS, **LISTING)
    def list_by_resource(self, owner: str, **listing: Any) -> None:
        self.listed("list_messages_by_resource_id", {"resource_id": owner}, **listing)

    def listed(self, method: str, scope: dict[str, Any], *, paging: Any, **listing: Any) -> None:
        """A list of messages; without counting the total means nothing."""
        page, per_page = paging
        counted = listing["include_total"]
        seen = (lambda found: found) if counted else (lambda found: (found.messages, found.has_more, found.page))
        self.both(method, seen=seen, **scope, **listing, page=page, per_page=per_page)

    @rule(ids=st.lists(MESSAGES, max_size=5))
    def list_by_id(self, ids: list[str]) -> None:
        self.both("list_messages_by_id", message_ids=ids)

    @rule(updates=st.lists(UPDATES, max_size=4))
    def update_messages(self, updates: list[dict[str, Any]]) -> None:
        self.both("update_messages", messages=updates)

    @rule(ids=st.lists(MESSAGES, max_size=2))
    def delete_messages(self, ids: list[str]) -> None:
        self.both("delete_messages", message_ids=ids)

    # -- resources ---------------------------------------------------------------------------------------------------

    @rule(id=OWNERS, text=st.sampled_from([None, "", "notes"]), metadata=st.none() | METADATA, c=SECONDS)
    def save_resource(self, id: str, text: str | None, metadata: Any, c: float) -> None:
        resource = Resource(id=id, working_memory=text, metadata=metadata, created_at=at(c))
        self.both("save_resource", resource=resource)

    @rule(id=OWNERS, text=st.sampled_from([None, "", "more"]), metadata=st.none() | METADATA)
    def update_resource(self, id: str, text: str | None, metadata: Any) -> None:
        self.both("update_resource", resource_id=id, working_memory=text, metadata=metadata)


def comparable_clone(clone: Any) -> Any:
    """A clone without what is made at random or by the clock, its messages under their source ids."""
    origin = {new: old for old, new in clone.message_id_map.items()}
    copies = sorted(clone.cloned_messages, key=lambda message: (message.created_at, origin[message.id]))
    messages = [msgspec.structs.replace(message, id=origin[message.id]) for message in copies]
    note = clone.thread.metadata["clone"]
    assert note.pop("clonedAt") == iso(clone.thread.created_at)
    return [clone.thread, sorted(clone.message_id_map), messages]


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = SETTINGS


@pytest.mark.parametrize("broken", [ForgetsTies, BumpsTheOldThread, CopiesTheOldest, DropsEmptyWorkingMemory])
def test_the_machine_can_fail(broken: type[InMemoryMemory]) -> None:
    assert_can_fail(MemoryMachine, broken)
