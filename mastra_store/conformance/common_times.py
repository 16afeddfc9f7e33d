"""Times (G7): ranges over them, and times that are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ..domains import DomainStorage, MemoryStorage, ScoresStorage, WorkflowsStorage
from ..errors import ValidationError
from ..instants import now, truncate
from ..records import DateRange
from .expect import ensure, equal, outcome, raises
from .lists import DATED, dated_lists_of, rows_of
from .registry import check
from .scenes import (
    Names,
    a_message,
    at,
    conversation,
    is_now,
    lenient,
    message_of,
    saved_thread,
    thread_of,
)
from .score_scenes import a_score, score_of
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, state_of

DAWN, DUSK = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
RANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "open": ({}, list("12345")),
    "start": ({"start": at(3)}, list("345")),
    "end": ({"end": at(3)}, list("123")),
    "both": ({"start": at(2), "end": at(4)}, list("234")),
    "one instant": ({"start": at(3), "end": at(3)}, ["3"]),
    "start exclusive": ({"start": at(3), "start_exclusive": True}, list("45")),
    "end exclusive": ({"end": at(3), "end_exclusive": True}, list("12")),
    "both exclusive": ({"start": at(2), "end": at(4), "start_exclusive": True, "end_exclusive": True}, ["3"]),
    "empty instant": ({"start": at(3), "end": at(3), "end_exclusive": True}, []),
    "reversed": ({"start": at(4), "end": at(2)}, []),
    "just after": ({"start": at(3.001)}, list("45")),
    "just before": ({"end": at(2.999)}, list("12")),
    "between": ({"start": at(2.001), "end": at(2.999)}, []),
    "text": ({"start": "2024-01-01T12:00:02Z", "end": "2024-01-01T12:00:04.000Z"}, list("234")),
    "text elsewhere": ({"start": "2024-01-01T14:00:04+02:00"}, list("45")),
    "elsewhere": ({"start": at(4).astimezone(timezone(timedelta(hours=-5)))}, list("45")),
    "microseconds of start": ({"start": at(3) + timedelta(microseconds=999)}, list("345")),
    "microseconds of end": ({"end": at(3) + timedelta(microseconds=999)}, list("123")),
    "exclusive microseconds": ({"start": at(3) + timedelta(microseconds=999), "start_exclusive": True}, list("45")),
    "exclusive end microseconds": ({"end": at(3) + timedelta(microseconds=1), "end_exclusive": True}, list("12")),
    "beginning and end of time": (
        {"start": datetime.min.replace(tzinfo=UTC), "end": datetime.max.replace(tzinfo=UTC)},
        list("12345"),
    ),
}


@check("G7", "M25", "W10", domain=DATED)
async def check_date_ranges(storage: DomainStorage) -> None:
    """Bounds are inclusive unless marked exclusive, given as datetimes or as text, compared by the millisecond."""
    names = Names()
    for prefix, lister in (await dated_lists_of(storage, names)).items():
        found = {}
        for label, (bounds, _) in RANGES.items():
            pages = [await lister(date_range=bounds), await lister(date_range=DateRange(**bounds))]
            mapped, made = (sorted(names.short(rows_of(page))) for page in pages)
            equal(mapped, made, f"mapping and DateRange, {label}")
            equal(pages[0].total, len(mapped), f"total, {label}")
            found[label] = mapped
        equal(found, {label: expected for label, (_, expected) in RANGES.items()}, prefix)


@check("G7", "M25")
async def check_times_are_truncated_to_milliseconds(memory: MemoryStorage) -> None:
    """Microseconds of a stored time are dropped, not rounded, and times come back aware and in UTC."""
    names = Names()
    moment = datetime(2024, 1, 1, 12, 0, 0, 123999, timezone(timedelta(hours=3)))
    thread = await saved_thread(memory, names("t"), created_at=moment, updated_at=moment)
    message = a_message(thread, names("m"))
    message.created_at = moment
    await memory.save_messages(messages=[message])
    expected = datetime(2024, 1, 1, 9, 0, 0, 123000, UTC)
    equal((await message_of(memory, message.id)).created_at, expected)
    equal([thread.created_at, thread.updated_at], [expected, expected], "the thread")
    exact = await memory.list_messages(thread_id=thread.id, date_range=DateRange(start=moment, end=moment))
    equal(names.short(exact.messages), ["m"], "range of the untruncated instant")


FAR_TIMES = {
    "old": datetime(1900, 1, 1, 0, 0, 0, 1000, UTC),
    "before the epoch": datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
    "epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "late": datetime(2999, 12, 31, 23, 59, 59, 999000, UTC),
}


@check("G7", "M2", "M17", "M47")
async def check_far_times_survive(memory: MemoryStorage) -> None:
    """Times long ago and far ahead come back to the millisecond."""
    names = Names()
    threads = {name: await saved_thread(memory, names(name), created_at=time) for name, time in FAR_TIMES.items()}
    equal({name: (await thread_of(memory, thread.id)).created_at for name, thread in threads.items()}, FAR_TIMES)
    thread = threads["old"]
    for name, moment in FAR_TIMES.items():
        message = a_message(thread, names(name))
        message.created_at = moment
        await memory.save_messages(messages=[message])
    page = await memory.list_messages(thread_id=thread.id)
    equal({names.short([one])[0]: one.created_at for one in page.messages}, FAR_TIMES, "messages")
    equal(names.short(page.messages), list(FAR_TIMES), "their order")


BAD_TIMES: list[Any] = [
    datetime(2024, 1, 1),
    "2024-01-01T00:00:00",
    "2024-01-01",
    "yesterday",
    "",
    1704067200,
    True,
]
BAD_RANGES: list[Any] = [
    *({bound: value} for value in BAD_TIMES for bound in ("start", "end")),
    {"begin": at(1)},
    "2024-01-01T00:00:00Z",
    [at(1), at(2)],
]


@check("G7", "M25", "M40")
async def check_bad_date_ranges_are_refused(memory: MemoryStorage) -> None:
    """Bounds without offset, text that is no time and other types are refused."""
    thread = await conversation(memory, names := Names(), messages=["m"])
    untyped = lenient(memory)
    for wrong in BAD_RANGES:
        owner, copy = thread.resource_id, names("copy")
        found = [
            await outcome(untyped.list_messages(thread_id=thread.id, date_range=wrong)),
            await outcome(untyped.list_messages_by_resource_id(resource_id=owner, date_range=wrong)),
            await outcome(untyped.copy_thread(source_thread_id=thread.id, new_thread_id=copy, date_range=wrong)),
        ]
        prefixes = ("LIST_MESSAGES", "LIST_MESSAGES_BY_RESOURCE_ID", "CLONE_THREAD")
        equal(found, [f"ValidationError {prefix}_INVALID_ARGUMENT" for prefix in prefixes], repr(wrong))
    ensure(await memory.get_thread_by_id(thread_id=names("copy")) is None, "no copy is made")


@check("G7", "W2", "W7", domain="workflows")
async def check_times_of_runs_are_truncated(workflows: WorkflowsStorage) -> None:
    """Microseconds of a given time are dropped, not rounded, and times come back aware and in UTC."""
    moment = datetime(2024, 1, 1, 12, 0, 0, 123999, timezone(timedelta(hours=3)))
    run = await persisted(workflows, at=moment)
    stored = await run_of(workflows, run)
    expected = datetime(2024, 1, 1, 9, 0, 0, 123000, UTC)
    equal([stored.created_at, stored.updated_at], [expected, expected])
    span = DateRange(start=moment, end=moment)
    exact = await workflows.list_workflow_runs(workflow_name=run.workflow_name, date_range=span)
    equal(exact.total, 1, "range of the untruncated instant")


@check("G7", "W2", "W9", domain="workflows")
async def check_far_times_of_runs_survive(workflows: WorkflowsStorage) -> None:
    """Times of runs long ago and far ahead come back to the millisecond, and order them."""
    names = Names()
    for name, moment in FAR_TIMES.items():
        await persisted(workflows, Run(names("w"), names(name)), at=moment)
    runs = await runs_of(workflows, names("w"))
    equal([names.short([run])[0] for run in runs], list(FAR_TIMES)[::-1])
    equal([(run.created_at, run.updated_at) for run in runs][::-1], [(time, time) for time in FAR_TIMES.values()])


@check("G7", "G15", "W10", domain="workflows")
async def check_bad_times_of_runs_are_refused(workflows: WorkflowsStorage) -> None:
    """Bounds without offset, text that is no time and other types are refused, and so are such times of a run."""
    untyped, run = lenient(workflows), a_run()
    for wrong in BAD_RANGES:
        call = untyped.list_workflow_runs(workflow_name=run.workflow_name, date_range=wrong)
        equal(await outcome(call), "ValidationError LIST_WORKFLOW_RUNS_INVALID_ARGUMENT", repr(wrong))
    for field in ("created_at", "updated_at"):
        for value in (*BAD_TIMES, "2024-01-01T00:00:00Z"):
            call = untyped.persist_workflow_snapshot(**run.key, snapshot=state_of(), **{field: value})
            await raises(ValidationError, "PERSIST_WORKFLOW_SNAPSHOT_INVALID_ARGUMENT", call, says=field)
    equal(await workflows.load_workflow_snapshot(**run.key), None, "nothing is written")


@check("G7", "S1", domain="scores")
async def check_times_of_scores_have_milliseconds(scores: ScoresStorage) -> None:
    """Times of scores are aware, in UTC, cut to the millisecond, and alike wherever they are read."""
    before = now()
    saved = await scores.save_score(score=a_score())
    stored = await score_of(scores, saved.id)
    equal(stored.created_at, truncate(saved.created_at))
    equal([stored.created_at, stored.updated_at], [saved.created_at, saved.updated_at])
    ensure(is_now(stored.created_at, before), f"created_at should be now, not {stored.created_at}")
