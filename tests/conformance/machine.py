"""What the state machines share: the same call on a real storage and on the in-memory reference, and comparing."""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from mastra_store import instants
from mastra_store.conformance.expect import CheckFailedError, equal
from mastra_store.conformance.scenes import at
from mastra_store.domains import DomainStorage
from mastra_store.errors import StoreError
from mastra_store.store import Store

SECONDS = st.sampled_from([0, 1, 1, 1.001, 2, 3])
SCALARS = st.sampled_from([None, None, True, False, 0, 1, 1.0, 0.5, -1, 2**53, 1e23, "", "1", "it's", "😀", "null"])
VALUES = SCALARS | st.sampled_from([[], [1, None], {}, {"k": None}])
RANGES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "start": SECONDS.map(at),
        "end": SECONDS.map(at),
        "start_exclusive": st.booleans(),
        "end_exclusive": st.booleans(),
    },
)
PAGING = st.sampled_from([(0, None), (0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (0, 100), (9, 3)])
SETTINGS = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes; the last steps tell enough
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Refusal(NamedTuple):
    """The error that a call ended in."""

    kind: str
    code: str


class TwinMachine(RuleBasedStateMachine):
    """Calls both storages in turn and compares what they return or raise."""

    reference_class: ClassVar[type[DomainStorage]]
    subject_class: ClassVar[type[DomainStorage] | None] = None
    """What to examine instead of SQLite."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.reference = self.reference_class()
        self.starts: list[datetime] = []
        self.alike = True
        self.subject: DomainStorage = self.subject_class() if self.subject_class else self.runner.run(self.opened())

    async def opened(self) -> DomainStorage:
        store = await self.stack.enter_async_context(Store(id="machine", default="sqlite://:memory:"))
        storage = await store.get_store(self.reference_class.domain)
        assert storage is not None
        return storage

    def teardown(self) -> None:
        try:
            if self.alike:
                self.compare_all()
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    def compare_all(self) -> None:
        """Everything that is stored at the end."""
        raise NotImplementedError

    def both(self, method: str, *, seen: Callable[[Any], Any] = lambda found: found, **arguments: Any) -> bool:
        """The same call on both; ``seen`` picks what of the results is to be compared. Says whether it succeeded."""
        self.tick()
        found = self.runner.run(self.called(self.subject, method, arguments, seen))
        expected = self.runner.run(self.called(self.reference, method, arguments, seen))
        self.alike = False
        equal(found, expected, f"{method}({arguments})")
        self.alike = True
        return not isinstance(expected, Refusal)

    async def called(self, storage: DomainStorage, method: str, arguments: Any, seen: Callable[[Any], Any]) -> Any:
        try:
            found = await getattr(storage, method)(**arguments)
        except StoreError as error:
            return Refusal(type(error).__name__, error.code)
        return self.plain(seen(found))

    def tick(self) -> None:
        """Wait until the next millisecond, so that a time tells which call it was written by."""
        called = instants.now()
        while instants.now() == called:
            time.sleep(0.0002)
        self.starts.append(instants.now())

    def plain(self, value: Any) -> Any:
        """Records as mappings, the times of calls as the numbers of these calls."""
        if isinstance(value, msgspec.Struct):
            return {name: self.plain(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, datetime) and value >= self.starts[0]:
            return f"call {bisect_right(self.starts, value)}"
        return value


def assert_can_fail(machine: type[TwinMachine], broken: type[DomainStorage]) -> None:
    """The machine finds the mistake of a broken storage."""
    wrong = type(f"Broken{machine.__name__}", (machine,), {"subject_class": broken})
    quick = settings(SETTINGS, derandomize=True, phases=[Phase.generate], max_examples=200)
    with pytest.raises(CheckFailedError):
        run_state_machine_as_test(wrong, settings=quick)
