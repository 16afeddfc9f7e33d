"""The data that every contestant works on: computed from numbers, so that each process can make it again.

Groups of 200 threads belong to one resource each. The messages of a group were written in turns, as conversations that
go on at the same time are: the 100 messages of a thread lie apart in the table.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import msgspec

from . import runs, spans
from .operations import Domain, Operation
from .words import sentence, uuid

GROUP = 200
PER_THREAD = 100
WRITERS = 64
PAGE = 100
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SAVED_AT = datetime(2027, 1, 1, tzinfo=UTC)
_CONTENTS = 64


class ThreadRow(NamedTuple):
    """A stored thread."""

    id: str
    resource_id: str
    title: str
    metadata: dict[str, Any]
    created_at: datetime


class MessageRow(NamedTuple):
    """A stored message; ``content`` is a number that ``contents()`` resolves."""

    id: str
    thread_id: str
    resource_id: str
    role: str
    content: int
    created_at: datetime


class NewMessage(NamedTuple):
    """A message to be saved."""

    id: str
    thread_id: str
    resource_id: str
    role: str
    content: dict[str, Any]
    created_at: datetime


class Dataset(NamedTuple):
    """So many groups of 200 threads with 100 messages each, some empty threads to write to; workflow runs; spans."""

    groups: int = 1
    domains: tuple[Domain, ...] = ("memory",)
    """Those that there are data of."""

    @classmethod
    def of_messages(cls, messages: int, domains: tuple[Domain, ...] = ("memory",)) -> Dataset:
        """The smallest one with so many messages."""
        return cls(max(1, -(-messages // (GROUP * PER_THREAD))), domains)

    @property
    def messages_count(self) -> int:
        """How many messages there are."""
        return self.groups * GROUP * PER_THREAD

    def threads(self) -> Iterator[ThreadRow]:
        """All threads, those of the writers last."""
        for number in range(self.groups * GROUP):
            yield _thread(thread_id(number), resource_id(number // GROUP), number)
        for number in range(WRITERS):
            yield _thread(writer_id(number), "resource-of-writers", number)

    def messages(self) -> Iterator[MessageRow]:
        """All messages, oldest first."""
        for number in range(self.messages_count):
            yield message(number)

    def picks(self, operation: Operation, count: int, seed: int) -> list[str]:
        """What so many calls of an operation are about: always things of the first group."""
        chance = random.Random(f"{operation.name}-{seed}")
        if operation.pick == "resource":
            return [resource_id(0)] * count
        if operation.pick == "writer":
            return [writer_id(chance.randrange(WRITERS)) for _ in range(count)]
        if operation.pick == "message":
            return [message(chance.randrange(GROUP * PER_THREAD)).id for _ in range(count)]
        if operation.pick == "run":
            return [runs.read_run(chance.randrange(runs.READ_RUNS)) for _ in range(count)]
        if operation.pick == "written run":
            return [runs.written_run(chance.randrange(runs.WRITTEN_RUNS)) for _ in range(count)]
        if operation.pick == "nothing":
            return [""] * count
        if operation.pick == "long trace":
            return [spans.long_trace_id(chance.randrange(spans.LONG_TRACES)) for _ in range(count)]
        return [thread_id(chance.randrange(GROUP)) for _ in range(count)]

    def expected(self, operation: Operation, pick: str) -> tuple[list[str], int | None]:
        """The ids that a reading call of the memory domain must return, in order, and the total where it counts."""
        if operation.name == "thread_by_id":
            return [pick], None
        if operation.name == "threads_20":
            return [thread_id(number) for number in range(GROUP - 1, GROUP - 21, -1)], GROUP
        if operation.name == "window_5_5":
            thread, place = _place(pick)
            return _ids(thread, range(max(0, place - 5), min(PER_THREAD, place + 6))), None
        thread = next(number for number in range(GROUP) if thread_id(number) == pick)
        if operation.name == "last_10":
            return _ids(thread, range(PER_THREAD - 1, PER_THREAD - 11, -1)), PER_THREAD
        return _ids(thread, range(PAGE)), PER_THREAD


def thread_id(number: int) -> str:
    """The id of a thread with messages."""
    return uuid(f"thread-{number}")


def writer_id(number: int) -> str:
    """The id of a thread that saves go to."""
    return uuid(f"writer-{number}")


def resource_id(group: int) -> str:
    """The resource of a group of threads."""
    return f"resource-{group:05d}"


def message(number: int) -> MessageRow:
    """A message of the data set; its neighbours in time belong to other threads."""
    group, rest = divmod(number, GROUP * PER_THREAD)
    return MessageRow(
        uuid(f"message-{number}"),
        thread_id(group * GROUP + rest % GROUP),
        resource_id(group),
        ("user", "assistant")[rest // GROUP % 2],
        number % _CONTENTS,
        _START + timedelta(seconds=number),
    )


def new_messages(thread: str, first: int, batch: int) -> list[NewMessage]:
    """Messages never saved before, as long as ``first`` moves on."""
    return [
        NewMessage(
            f"saved-{number:012d}",
            thread,
            "resource-of-writers",
            "user",
            contents()[number % _CONTENTS],
            _SAVED_AT + timedelta(milliseconds=number),
        )
        for number in range(first, first + batch)
    ]


@cache
def contents() -> list[dict[str, Any]]:
    """Contents of messages, about 1 KB as JSON: a text, a tool call with its result, some metadata."""
    return [_content(random.Random(number)) for number in range(_CONTENTS)]


@cache
def content_texts() -> list[str]:
    """The same as JSON."""
    return [msgspec.json.encode(content).decode() for content in contents()]


@cache
def _place(message_id: str) -> tuple[int, int]:
    """Thread and position of a message of the first group."""
    number = next(number for number in range(GROUP * PER_THREAD) if uuid(f"message-{number}") == message_id)
    return number % GROUP, number // GROUP


def _ids(thread: int, places: range) -> list[str]:
    return [uuid(f"message-{place * GROUP + thread}") for place in places]


def _thread(id: str, resource: str, number: int) -> ThreadRow:
    metadata = {"source": "benchmark", "number": number, "tags": ["one", "two"], "workingMemory": {"name": "Ada"}}
    return ThreadRow(id, resource, f"Conversation {number}", metadata, _START + timedelta(seconds=number))


def _content(chance: random.Random) -> dict[str, Any]:
    text = sentence(chance, 78)
    call = {
        "state": "result",
        "step": 0,
        "toolCallId": f"call-{chance.randrange(10**9)}",
        "toolName": "weather",
        "args": {"city": sentence(chance, 2), "days": chance.randrange(1, 9)},
        "result": {"forecast": sentence(chance, 30), "temperature": round(chance.uniform(-20, 35), 1), "ok": True},
    }
    parts = [
        {"type": "step-start"},
        {"type": "tool-invocation", "toolInvocation": call},
        {"type": "text", "text": text},
    ]
    return {"format": 2, "parts": parts, "metadata": {"model": "example-1", "tokens": chance.randrange(2000)}}
