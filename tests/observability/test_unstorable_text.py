"""Text that a database cannot hold (G9): refused by name unless ``unstorable_text="replace"`` asks for U+FFFD."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from msgspec.structs import asdict, replace

from mastra_store import (
    LibSQLStore,
    ObservabilityLibSQL,
    ObservabilityPG,
    ObservabilityStorage,
    PostgresStore,
    Span,
    SpanUpdate,
    Store,
    Thread,
    ValidationError,
)
from mastra_store.conformance.scenes import at

NUL, HIGH, LOW, PAIR, GONE = "\x00", "\ud83d", "\ude00", "\ud83d\ude00", "\ufffd"
TEXTS = ("name", "span_type", "entity_id", "user_id", "thread_id", "environment", "source")
PAYLOADS = ("scope", "attributes", "metadata", "request_context", "tags", "links", "input", "output", "error")


class Database(NamedTuple):
    """Where to write, and what cannot be written there."""

    url: str
    texts: tuple[str, ...]
    """Strings that columns of text cannot hold."""
    payloads: tuple[str, ...]
    """Strings that cannot stand inside JSON."""

    @property
    def is_postgres(self) -> bool:
        return self.url.startswith("postgres")

    def store(self, **options: Any) -> Store:
        return Store(id="spans", default=self.url, **options)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("unstorable") / "mastra.db"
        return Database(f"sqlite:///{path}", (HIGH, LOW, PAIR, LOW + HIGH), (PAIR,))
    hard = (NUL, HIGH, LOW, PAIR, LOW + HIGH)
    return Database(request.getfixturevalue("postgres").create_database(), hard, hard)


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[int]]]:
    """The numbers in the warnings since the last call."""

    def numbers() -> list[int]:
        texts = [record.getMessage() for record in caplog.records if record.name == "mastra_store"]
        levels = {record.levelno for record in caplog.records if record.name == "mastra_store"}
        assert levels <= {logging.WARNING}
        caplog.clear()
        return [int(found[0]) for text in texts if (found := re.findall(r"\d+", text))]

    with caplog.at_level(logging.WARNING, logger="mastra_store"):
        yield numbers


def a_span(**fields: Any) -> Span:
    fields.setdefault("name", "plain")
    fields.setdefault("span_type", "generic")
    return Span(**{"trace_id": uuid4().hex, "span_id": "s", "started_at": at(1), **fields})


def carried(name: str, text: str) -> Any:
    """A payload of this attribute with the text in it."""
    if name in ("tags", "links"):
        return ["fine", text]
    return {"fine": 1, "deep": [{"v": text}]} if name in PAYLOADS else text


async def read(storage: ObservabilityStorage, span: Span) -> Span:
    found = await storage.get_span(trace_id=span.trace_id, span_id=span.span_id)
    assert found is not None
    return found


Writer = Callable[[ObservabilityStorage, Span, dict[str, Any]], Awaitable[None]]


async def create(storage: ObservabilityStorage, span: Span, fields: dict[str, Any]) -> None:
    await storage.create_span(span=replace(span, **fields))


async def batch_create(storage: ObservabilityStorage, span: Span, fields: dict[str, Any]) -> None:
    await storage.batch_create_spans(records=[replace(span, span_id="other"), replace(span, **fields)])


async def update(storage: ObservabilityStorage, span: Span, fields: dict[str, Any]) -> None:
    await storage.update_span(trace_id=span.trace_id, span_id=span.span_id, updates=fields)


async def batch_update(storage: ObservabilityStorage, span: Span, fields: dict[str, Any]) -> None:
    plain = SpanUpdate(trace_id=span.trace_id, span_id=span.span_id, updates={"run_id": "new"})
    await storage.batch_update_spans(records=[plain, replace(plain, updates=fields)])


WRITERS: dict[str, Writer] = {
    "create_span": create,
    "batch_create_spans": batch_create,
    "update_span": update,
    "batch_update_spans": batch_update,
}


def cases(database: Database) -> list[tuple[str, str]]:
    """Attributes and the text that they cannot hold."""
    in_texts = [(name, text) for name in TEXTS for text in database.texts]
    return in_texts + [(name, text) for name in PAYLOADS for text in database.payloads]


@pytest.mark.parametrize("method", WRITERS)
@pytest.mark.asyncio
async def test_refused_by_name(database: Database, method: str, warned: Callable[[], list[int]]) -> None:
    """G9: without the option nothing is written and the error names the attribute."""
    async with database.store() as store:
        for name, text in cases(database):
            span = a_span()
            if "update" in method:
                await store.observability.create_span(span=span)
            before = await store.observability.get_trace(trace_id=span.trace_id)
            with pytest.raises(ValidationError, match=name) as raised:
                await WRITERS[method](store.observability, span, {name: carried(name, f"a{text}b")})
            assert raised.value.code == f"{method.upper()}_INVALID_ARGUMENT"
            assert await store.observability.get_trace(trace_id=span.trace_id) == before
    assert warned() == []


@pytest.mark.parametrize("method", WRITERS)
@pytest.mark.asyncio
async def test_replaced(database: Database, method: str, warned: Callable[[], list[int]]) -> None:
    """With the option U+FFFD stands in each attribute instead, and each call warns once, saying how many."""
    async with database.store(unstorable_text="replace") as store:
        for name, text in cases(database):
            span = a_span()
            if "update" in method:
                await store.observability.create_span(span=span)
            await WRITERS[method](store.observability, span, {name: carried(name, f"a{text}b")})
            value = getattr(await read(store.observability, span), name)
            (count,) = warned()
            assert value == carried(name, f"a{GONE * count}b"), (name, text)
            assert 1 <= count <= len(text)


@pytest.mark.asyncio
async def test_all_are_counted(database: Database, warned: Callable[[], list[int]]) -> None:
    """One warning per call, for everything in it; what was U+FFFD before is not counted."""
    bad = database.texts[0]
    async with database.store(unstorable_text="replace") as store:
        span = a_span(name=f"{bad}{GONE}", user_id=bad * 3)
        await store.observability.batch_create_spans(records=[span, replace(span, span_id="t", source=bad)])
        assert warned() == [4 + 5]
        found = await read(store.observability, span)
        assert (found.name, found.user_id) == (GONE * 2, GONE * 3)
        changes = [SpanUpdate(trace_id=span.trace_id, span_id=id, updates={"name": bad * 2}) for id in "st"]
        await store.observability.batch_update_spans(records=changes)
        assert warned() == [4]


@pytest.mark.asyncio
async def test_nothing_to_replace_is_silent(database: Database, warned: Callable[[], list[int]]) -> None:
    odd = f"{GONE} é 日本 😀 \u2028 \x01"
    async with database.store(unstorable_text="replace") as store:
        span = a_span(name=odd, metadata={odd: [odd]}, tags=[odd], input=odd)
        await store.observability.create_span(span=span)
        await update(store.observability, span, {"output": odd})
        found = await read(store.observability, span)
    assert (found.name, found.metadata, found.tags) == (odd, {odd: [odd]}, [odd])
    assert (found.input, found.output) == (odd, odd)
    assert warned() == []


@pytest.mark.asyncio
async def test_sqlite_holds_the_rest(warned: Callable[[], list[int]]) -> None:
    """What a database can hold is not replaced: in SQLite U+0000, and surrogates inside JSON."""
    held = f"a{NUL}b{HIGH}"
    async with Store(id="spans", default="sqlite://:memory:", unstorable_text="replace") as store:
        span = a_span(metadata={held: held}, input=held, tags=[held])
        await store.observability.create_span(span=span)
        found = await read(store.observability, span)
        assert (found.metadata, found.input, found.tags) == ({held: held}, held, [held])
        assert warned() == []
        # Also where other text of the same span is replaced.
        await store.observability.create_span(span=replace(span, name=f"n{HIGH}"))
        found = await read(store.observability, span)
        assert (found.name, found.metadata, found.input) == (f"n{GONE}", {held: held}, held)
        assert warned() == [1]


@pytest.mark.asyncio
async def test_keys(database: Database, warned: Callable[[], list[int]]) -> None:
    """Keys are replaced as well; where two become equal, neither value is lost."""
    one, *more = database.payloads
    two = more[0] if more else "\ud83d\ude01"
    nested = {f"k{one}": 1, f"k{two}": 2, f"k{GONE}": 3, f"k{GONE}{GONE}": 4, "k": 5}
    for payload in (nested, dict(reversed(nested.items()))):
        async with database.store(unstorable_text="replace") as store:
            span = a_span(metadata={**payload, "deep": [payload]}, input=payload)
            await store.observability.create_span(span=span)
            found = await read(store.observability, span)
        assert found.metadata is not None
        deep = found.metadata.pop("deep")
        for read_back in (found.metadata, deep[0], found.input):
            assert sorted(read_back.values()) == [1, 2, 3, 4, 5]
            assert {key: read_back[key] for key in (f"k{GONE}", f"k{GONE}{GONE}", "k")} == {
                f"k{GONE}": 3,
                f"k{GONE}{GONE}": 4,
                "k": 5,
            }
            assert all(re.fullmatch(f"k{GONE}*", key) for key in read_back)
        assert warned() == [6]


@pytest.mark.parametrize("field", ["trace_id", "span_id", "parent_span_id"])
@pytest.mark.asyncio
async def test_ids_are_never_changed(database: Database, field: str, warned: Callable[[], list[int]]) -> None:
    """Another id would be another span: it is refused, also next to text that is replaced."""
    for text in database.texts:
        async with database.store(unstorable_text="replace") as store:
            span = a_span()
            for fields in ({}, {"name": f"n{text}"}):
                given: dict[str, Any] = {field: f"{uuid4().hex}{text}", **fields}
                for method in ("create_span", "batch_create_spans"):
                    with pytest.raises(ValidationError, match=field):
                        await WRITERS[method](store.observability, span, given)
                if field == "parent_span_id":
                    await store.observability.create_span(span=span)
                    for method in ("update_span", "batch_update_spans"):
                        with pytest.raises(ValidationError, match=field):
                            await WRITERS[method](store.observability, span, given)
                    assert written(await read(store.observability, span)) == written(span)
                    await store.observability.batch_delete_traces(trace_ids=[span.trace_id])
            assert await store.observability.get_trace(trace_id=span.trace_id) is None
            replaced = {**asdict(span), field: given[field].replace(text, GONE)}
            assert await store.observability.get_trace(trace_id=replaced["trace_id"]) is None
    assert warned() == []


@pytest.mark.asyncio
async def test_other_mistakes_stay_mistakes(database: Database, warned: Callable[[], list[int]]) -> None:
    """The option forgives nothing else: a bad value is refused, nothing is written, nothing is said to be replaced."""
    bad = database.texts[0]
    mistakes: list[dict[str, Any]] = [{"span_type": ""}, {"output": float("nan")}, {"tags": [1]}, {"is_event": 1}]
    async with database.store(unstorable_text="replace") as store:
        for mistake in mistakes:
            span = a_span()
            for method in ("create_span", "batch_create_spans"):
                with pytest.raises(ValidationError, match=next(iter(mistake))):
                    await WRITERS[method](store.observability, span, {"name": bad, **mistake})
            assert await store.observability.get_trace(trace_id=span.trace_id) is None
            await store.observability.create_span(span=span)
            for method in ("update_span", "batch_update_spans"):
                with pytest.raises(ValidationError, match=next(iter(mistake))):
                    await WRITERS[method](store.observability, span, {"name": bad, **mistake})
            assert written(await read(store.observability, span)) == written(span)
    assert warned() == []


@pytest.mark.asyncio
async def test_the_callers_records_stay(database: Database) -> None:
    """G11: what was passed in keeps its characters."""
    bad = database.payloads[0]
    span = a_span(name=f"n{database.texts[0]}", metadata={f"k{bad}": [bad]}, tags=[bad])
    before = asdict(span)
    updates = {"metadata": {f"k{bad}": [bad]}}
    async with database.store(unstorable_text="replace") as store:
        await store.observability.batch_create_spans(records=[span])
        await update(store.observability, span, updates)
    assert asdict(span) == before
    assert updates == {"metadata": {f"k{bad}": [bad]}}


@pytest.mark.asyncio
async def test_other_domains_refuse(database: Database, warned: Callable[[], list[int]]) -> None:
    """The option is about spans alone."""
    async with database.store(unstorable_text="replace") as store:
        for text in database.texts:
            with pytest.raises(ValidationError, match="title"):
                await store.memory.save_thread(thread=Thread(id="t", resource_id="r", title=f"a{text}b"))
        if database.is_postgres:
            with pytest.raises(ValidationError, match="metadata"):
                await store.memory.save_thread(thread=Thread(id="t", resource_id="r", metadata={"k": NUL}))
        assert await store.memory.get_thread_by_id(thread_id="t") is None
    assert warned() == []


@pytest.mark.parametrize("option", ["error", "replace"])
@pytest.mark.asyncio
async def test_every_way_to_open(database: Database, option: Any) -> None:
    """Store, Store.from_env, the provider's store and the domain's class all take the option; others pass it on."""
    url = database.url
    provider = PostgresStore if database.is_postgres else LibSQLStore
    alone: Any = ObservabilityPG if database.is_postgres else ObservabilityLibSQL
    stores: list[Store] = [
        Store(id="s", default=url, unstorable_text=option),
        Store(id="s", domains={"observability": url}, unstorable_text=option),
        Store.from_env(environ={"MASTRA_STORE_URL": url}, unstorable_text=option),
        provider(url=url, unstorable_text=option),
        provider(url=url, domains=["observability"], unstorable_text=option),
        Store(id="s", default=provider(url=url, unstorable_text=option)),
        Store(id="s", domains={"observability": alone(url=url, unstorable_text=option)}),
    ]
    for store in stores:
        async with store:
            await replaces_or_refuses(store.observability, database, option)
    async with alone(url=url, unstorable_text=option) as storage:
        await replaces_or_refuses(storage, database, option)


async def replaces_or_refuses(storage: ObservabilityStorage, database: Database, option: str) -> None:
    span = a_span(name=f"n{database.texts[0]}")
    if option == "replace":
        await storage.create_span(span=span)
        assert (await read(storage, span)).name == f"n{GONE}"
    else:
        with pytest.raises(ValidationError, match="name"):
            await storage.create_span(span=span)


@pytest.mark.parametrize("option", ["", "ignore", "REPLACE", None, True, 1])
def test_unknown_options_are_refused(database: Database, option: Any) -> None:
    url = database.url
    provider = PostgresStore if database.is_postgres else LibSQLStore
    alone: Any = ObservabilityPG if database.is_postgres else ObservabilityLibSQL
    with pytest.raises(ValidationError, match="unstorable_text"):
        Store(id="s", default=url, unstorable_text=option)
    with pytest.raises(ValidationError, match="unstorable_text"):
        Store.from_env(environ={"MASTRA_STORE_URL": url}, unstorable_text=option)
    with pytest.raises(ValidationError, match="unstorable_text"):
        provider(url=url, unstorable_text=option)
    with pytest.raises(ValidationError, match="unstorable_text"):
        alone(url=url, unstorable_text=option)


def written(span: Span) -> dict[str, Any]:
    """All attributes but the times that a storage sets."""
    return {name: value for name, value in asdict(span).items() if name not in ("created_at", "updated_at")}


@pytest.mark.asyncio
async def test_payloads_within_themselves_are_refused_with_either_option(database: Database) -> None:
    """G8: a tree with links to parents ends the search for characters, however many ways lead back."""
    tree: dict[str, Any] = {"text": database.payloads[0]}
    tree["children"] = [{"parent": tree, "text": "a"}, {"parent": tree, "text": "b"}]
    async with database.store(unstorable_text="replace") as store:
        for record in (a_span(input=tree), a_span(input=tree, metadata={"text": database.payloads[0]})):
            with pytest.raises(ValidationError, match="input"):
                await store.observability.create_span(span=record)


@pytest.mark.asyncio
async def test_records_of_a_wrong_type_are_refused(database: Database) -> None:
    """G15: what merely looks like an update is none, with either option."""
    lookalike: Any = SimpleNamespace(trace_id="t", span_id="s", updates={"name": database.texts[0]})
    async with database.store(unstorable_text="replace") as store:
        with pytest.raises(ValidationError, match="SpanUpdate"):
            await store.observability.batch_update_spans(records=[lookalike])
