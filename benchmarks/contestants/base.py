"""What a contestant written in Python has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..dataset import Dataset, NewMessage
from ..operations import Operation


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
    def answer(self, operation: Operation, result: Any) -> tuple[list[str], int | None]:
        """Ids in order, and the total where the operation counts."""

    @abstractmethod
    async def bumped(self, thread_id: str) -> bool:
        """Whether a thread has been updated since it was created."""
