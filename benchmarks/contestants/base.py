"""What a contestant written in Python has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..dataset import Dataset, NewMessage
from ..operations import Operation
from ..runs import NewSnapshot, StepResult


class Contestant(ABC):
    """One way to do the operations. Each method does all of the work, decoding included, and returns what it likes."""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    async def open(self) -> None:
        """Connect; create the schema when it is missing, unless it is ours."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    async def load(self, dataset: Dataset) -> bool:
        """Fill a database of one's own form; ``False`` leaves it to the harness, which knows Mastra's form."""
        return False

    def prepare(self, operation: Operation, given: Any) -> Any:
        """What a caller would hold before the call: spans and scores as this contestant's records."""
        return given

    @abstractmethod
    async def save(self, messages: list[NewMessage]) -> Any:
        """Save messages of one thread, which must exist and is bumped; all or nothing."""

    @abstractmethod
    async def last_10(self, thread_id: str) -> Any:
        """The last ten messages of a thread, newest first, and how many it has."""

    @abstractmethod
    async def page_100(self, thread_id: str) -> Any:
        """The first hundred messages of a thread, oldest first, and how many it has."""

    @abstractmethod
    async def thread_by_id(self, thread_id: str) -> Any:
        """A thread."""

    @abstractmethod
    async def threads_20(self, resource_id: str) -> Any:
        """The twenty newest threads of a resource, and how many it has."""

    @abstractmethod
    async def window_5_5(self, message_id: str) -> Any:
        """A message with the five before and the five after it in its thread, oldest first."""

    @abstractmethod
    async def load_20kb(self, run_id: str) -> dict[str, Any] | None:
        """The snapshot of a run."""

    @abstractmethod
    async def persist_20kb(self, given: NewSnapshot) -> Any:
        """Insert or replace the snapshot of a run; time of creation and resource stay (W2)."""

    @abstractmethod
    async def update_step(self, given: StepResult) -> dict[str, Any]:
        """Merge one step's result and the request context into a snapshot; returns its context (W13 to W17)."""

    @abstractmethod
    async def traces_20(self, _: str) -> Any:
        """The root spans of the twenty newest traces with their status, and how many there are."""

    @abstractmethod
    async def structure_500(self, trace_id: str) -> Any:
        """All spans of a trace without payloads but the error, oldest first."""

    @abstractmethod
    async def spans_100(self, spans: Any) -> Any:
        """Insert spans, or replace those that are there; all or nothing (O1, O2)."""

    @abstractmethod
    async def score_1(self, score: Any) -> Any:
        """Insert a score, or replace it (S2)."""

    @abstractmethod
    def answer(self, operation: Operation, result: Any) -> Any:
        """Of the memory domain ids in order, and the total where the operation counts; of others their meaning."""

    @abstractmethod
    async def bumped(self, thread_id: str) -> bool:
        """Whether a thread has been updated since it was created."""

    @abstractmethod
    async def stored(self, operation: Operation, pick: str) -> Any:
        """A run's snapshot, creation and update; the spans of a trace, oldest first; or a score."""
