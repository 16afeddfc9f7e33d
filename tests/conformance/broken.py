"""The reference with one thing wrong at a time, and the rule that each mistake breaks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from msgspec.structs import replace

from mastra_store.domains import DomainStorage
from mastra_store.domains.memory_plans import (
    MessageQuery,
    MessageRow,
    NewResource,
    NewThread,
    ThreadQuery,
)
from mastra_store.errors import StoreError, ValidationError
from mastra_store.payload import decode, encode
from mastra_store.records import Message, Thread, ThreadPage

from .reference import InMemoryMemory, Row

C = TypeVar("C", bound=type[DomainStorage])
BROKEN: list[tuple[type[DomainStorage], str]] = []
"""Every broken storage, of whatever domain, with each rule that its mistake breaks."""


def breaks(*rules: str) -> Callable[[C], C]:
    """The rules that a storage breaks; at least one check of each must fail on it."""

    def note(cls: C) -> C:
        BROKEN.extend((cls, rule) for rule in rules)
        return cls

    return note


# -- order and pages ---------------------------------------------------------------------------------------------------


@breaks("G5", "M24", "M27")
class ForgetsTies(InMemoryMemory):
    """Orders by time alone."""

    def _rank(self, record: Any, field: str) -> Any:
        return getattr(record, field)


@breaks("G5")
class OrdersAsJavaScript(InMemoryMemory):
    """Orders ids by UTF-16 units instead of code points."""

    def _rank(self, record: Any, field: str) -> Any:
        return getattr(record, field), record.id.encode("utf-16-be", "surrogatepass")


@breaks("G3")
class AlwaysHasMore(InMemoryMemory):
    """Takes a full last page for one that others follow."""

    async def list_threads(self, **arguments: Any) -> ThreadPage:
        page = await super().list_threads(**arguments)
        page.has_more = page.per_page is not None and (page.page + 1) * page.per_page <= page.total
        return page


@breaks("G2")
class ForgetsWhatWasAsked(InMemoryMemory):
    """Always says that it was asked for the first page."""

    async def list_threads(self, **arguments: Any) -> ThreadPage:
        page = await super().list_threads(**arguments)
        return replace(page, page=0)


@breaks("M10", "M24")
class OrdersById(InMemoryMemory):
    """Orders by id alone."""

    def _rank(self, record: Any, field: str) -> Any:
        return record.id


@breaks("G2", "G3", "M30a")
class CountsThePage(InMemoryMemory):
    """Takes the rows of the page for the total."""

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        threads, _ = await super()._select_threads(query)
        return threads, len(threads)

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        messages, _ = await super()._select_messages(query)
        return messages, len(messages)


@breaks("M10")
class OrdersByCreationOnly(InMemoryMemory):
    """Ignores that threads may be ordered by their last change."""

    def _rank(self, record: Any, field: str) -> Any:
        return record.created_at, record.id


@breaks("G7", "M25")
class IncludesTheEnd(InMemoryMemory):
    """Takes the end of a half-open span for inclusive."""

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        if query.span and query.span.end:
            later = query.span._replace(end=query.span.end + timedelta(milliseconds=1))
            query = query._replace(span=later)
        return await super()._select_messages(query)


@breaks("G7")
class ForgetsTimeZones(InMemoryMemory):
    """Returns naive datetimes."""

    def _message(self, id: str) -> Message:
        message = super()._message(id)
        return replace(message, created_at=message.created_at.replace(tzinfo=None))


# -- payloads ----------------------------------------------------------------------------------------------------------


class _Recodes(InMemoryMemory):
    """Base of those that spoil payloads on their way into the tables."""

    def recode(self, value: Any) -> Any:
        raise NotImplementedError

    def _keep_thread(self, row: NewThread) -> None:
        super()._keep_thread(row)
        self._respoil(self.threads, row.thread.id)

    def _keep_message(self, row: MessageRow) -> None:
        super()._keep_message(row)
        self._respoil(self.messages, row.message.id)

    def _keep_resource(self, row: NewResource) -> None:
        super()._keep_resource(row)
        self._respoil(self.resources, row.resource.id)

    def _respoil(self, table: dict[str, Row], id: str) -> None:
        record, text = table[id]
        if text is not None:
            table[id] = Row(record, encode(self.recode(decode(text))))


@breaks("G8")
class LosesDigits(_Recodes):
    """Keeps integers as floats."""

    def recode(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.recode(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.recode(item) for item in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@breaks("G8")
class SortsKeys(_Recodes):
    """Forgets the order of keys, in content too."""

    def recode(self, value: Any) -> Any:
        return json.loads(json.dumps(value, sort_keys=True))


@breaks("G9")
class DropsCharacters(_Recodes):
    """Drops U+0000 silently."""

    def recode(self, value: Any) -> Any:
        return decode(encode(value).replace("\\u0000", ""))


@breaks("G9")
class RefusesTooLate(InMemoryMemory):
    """Refuses U+0000 when it comes to it, with the rows before it written."""

    def _keep_message(self, row: MessageRow) -> None:
        if "\0" in row.message.role:
            raise ValidationError("role cannot hold U+0000")
        super()._keep_message(row)


@breaks("G9")
class RefusesWithoutAName(InMemoryMemory):
    """Refuses what it cannot hold without saying where."""

    def _keep_thread(self, row: NewThread) -> None:
        if "\0" in row.thread.id + row.thread.title:
            raise ValidationError("U+0000 cannot be held")
        super()._keep_thread(row)


@breaks("M32b")
class DecodesTwice(InMemoryMemory):
    """Takes text within content for JSON."""

    def _message(self, id: str) -> Message:
        message = super()._message(id)
        with contextlib.suppress(KeyError, TypeError, ValueError):
            message.content["content"] = json.loads(message.content["content"])
        return message


@breaks("M32b")
class ReadsObjectsOnly(InMemoryMemory):
    """Gives up on message content that is no JSON object."""

    def _message(self, id: str) -> Message:
        if not (self.messages[id].text or "").startswith("{"):
            raise StoreError("unreadable content")
        return super()._message(id)


@breaks("G11")
class SharesReferences(InMemoryMemory):
    """Hands out the same object again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_out: dict[str, Thread] = {}

    def _stored_thread(self, id: str) -> Thread:
        fresh = super()._stored_thread(id)
        known = self.handed_out.get(id)
        if known is None or known.updated_at != fresh.updated_at:
            self.handed_out[id] = fresh
        return self.handed_out[id]


# -- ids and owners ----------------------------------------------------------------------------------------------------


class _Folding(dict[str, Any]):
    """A mapping that folds the case of its keys."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(str(key).lower())

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key.lower())

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key.lower(), value)


@breaks("G12")
class FoldsCase(InMemoryMemory):
    """Takes ids that differ in case for the same."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = _Folding()


@breaks("G12", "G13")
class MatchesOwnersByPrefix(InMemoryMemory):
    """Takes the owner to filter by for the beginning of a name."""

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        found, _ = await super()._select_threads(query._replace(resource_id=None, offset=0, limit=None))
        found = [thread for thread in found if thread.resource_id.startswith(query.resource_id or "")]
        return self._slice(found, query.offset, query.limit), len(found)


@breaks("G13", "M23")
class ForgetsOwners(InMemoryMemory):
    """Ignores the owner when another filter is given."""

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        return await super()._select_messages(query._replace(resource_id=None) if query.thread_ids else query)

    async def _select_threads(self, query: ThreadQuery) -> tuple[list[Thread], int]:
        return await super()._select_threads(query._replace(resource_id=None) if query.metadata else query)


# -- filters -----------------------------------------------------------------------------------------------------------


@breaks("M11", "M26")
class MatchesTrueByOne(InMemoryMemory):
    """Compares as Python does, for which 1 equals True."""

    def _matches(self, metadata: Any, wanted: Any) -> bool:
        if not wanted:
            return True
        return isinstance(metadata, Mapping) and all(
            key in metadata and metadata[key] == value for key, value in wanted.items()
        )


@breaks("M11", "M26")
class MatchesAbsentByNull(InMemoryMemory):
    """Takes an absent key for one that holds null."""

    def _matches(self, metadata: Any, wanted: Any) -> bool:
        filled = dict.fromkeys(wanted) | (metadata if isinstance(metadata, Mapping) else {})
        return super()._matches(filled, wanted)


@breaks("M11")
class MatchesAsText(InMemoryMemory):
    """Compares the texts of values."""

    def _matches(self, metadata: Any, wanted: Any) -> bool:
        return all(key in (metadata or {}) and str(metadata[key]) == str(value) for key, value in wanted.items())
