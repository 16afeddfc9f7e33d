"""Paging and ordering (G1 to G6), the same for every list of every domain."""

from __future__ import annotations

from typing import Any

from ..domains import DomainStorage, MemoryStorage, ScoresStorage, WorkflowsStorage
from ..errors import ValidationError
from .expect import equal, outcome, raises
from .harness import Harness
from .lists import DEFAULTS, LISTED, lists_of, rows_of
from .registry import check
from .scenes import Names, a_message, at, saved_thread, thread_of
from .score_scenes import TABLE, found_by, lists_over, raw_score, saved_score
from .workflow_scenes import Run, persisted

LARGEST = 2**53 - 1


@check("G1", domain=LISTED)
async def check_bad_paging_is_refused(storage: DomainStorage) -> None:
    """Page numbers that are no whole numbers of at least 0 are refused, with the list's own code."""
    bad = [-1, True, False, 1.0, 0.5, "1", "", [1], float("nan")]
    for prefix, lister in (await lists_of(storage, Names())).items():
        outcomes = {f"page={value!r}": await outcome(lister(page=value)) for value in [*bad, None]}
        outcomes |= {f"per_page={value!r}": await outcome(lister(per_page=value)) for value in bad}
        outcomes |= {f"page={page} of all": await outcome(lister(page=page, per_page=None)) for page in (1, 7)}
        equal(outcomes, dict.fromkeys(outcomes, f"ValidationError {prefix}_INVALID_PAGE"), prefix)


@check("G1", domain=LISTED)
async def check_paging_errors_say_which(storage: DomainStorage) -> None:
    """The text of a refusal names the argument."""
    for prefix, lister in (await lists_of(storage, Names())).items():
        code = f"{prefix}_INVALID_PAGE"
        await raises(ValidationError, code, lister(page=-1), says="page must be >= 0")
        await raises(ValidationError, code, lister(per_page=-1), says="per_page must be >= 0")


@check("G1", domain=LISTED)
async def check_offset_is_limited(storage: DomainStorage) -> None:
    """An offset of 2**53 - 1 is legal and past the end, one more is refused."""
    for prefix, lister in (await lists_of(storage, Names())).items():
        for page, per_page in ((LARGEST + 1, 1), (2**27, 2**27), (2**60, 2**60)):
            await raises(ValidationError, f"{prefix}_INVALID_PAGE", lister(page=page, per_page=per_page))
        last = await lister(page=LARGEST, per_page=1)
        equal((rows_of(last), last.total, last.has_more), ([], 5, False), prefix)


@check("G2", "M10", "M32", "W9", "S7", domain=LISTED)
async def check_pages_hold_their_rows(storage: DomainStorage) -> None:
    """A page holds its slice of the ordered set, the total counts the whole set."""
    names = Names()
    expected = {(0, 2): ["1", "2"], (1, 2): ["3", "4"], (2, 2): ["5"], (0, 5): list("12345"), (1, 3): ["4", "5"]}
    for prefix, lister in (await lists_of(storage, names)).items():
        pages = {key: await lister(page=key[0], per_page=key[1]) for key in expected}
        equal({key: names.short(rows_of(page)) for key, page in pages.items()}, expected, prefix)
        equal({page.total for page in pages.values()}, {5}, f"{prefix} totals")


@check("G2", "M10", "M32", "W9", domain=LISTED)
async def check_paging_is_echoed(storage: DomainStorage) -> None:
    """page and per_page come back as given, the defaults when omitted, None for everything."""
    for prefix, lister in (await lists_of(storage, Names())).items():
        pages = [await lister(), await lister(page=3, per_page=7), await lister(per_page=None)]
        echoed = [(page.page, page.per_page) for page in pages]
        equal(echoed, [(0, DEFAULTS[prefix]), (3, 7), (0, None)], prefix)


@check("G2", "M10", "M32")
async def check_default_page_size_cuts(memory: MemoryStorage) -> None:
    """Without per_page a list of threads holds 100 rows, a list of messages 40."""
    names = Names()
    for number in range(101):
        await saved_thread(memory, names(f"{number:03}"), names("owner"), created_at=at(number))
    thread = await thread_of(memory, names("000"))
    await memory.save_messages(messages=[a_message(thread, names(f"{number:02}"), number) for number in range(41)])
    threads = await memory.list_threads(resource_id=names("owner"))
    messages = await memory.list_messages(thread_id=thread.id)
    of_owner = await memory.list_messages_by_resource_id(resource_id=names("owner"))
    equal([len(rows_of(page)) for page in (threads, messages, of_owner)], [100, 40, 40])
    equal([page.total for page in (threads, messages, of_owner)], [101, 41, 41], "totals")


@check("G3", "G4", domain=LISTED)
async def check_has_more(storage: DomainStorage) -> None:
    """has_more says whether rows follow the page; a page past the end is empty, not an error."""
    expected = {
        (0, 2): (2, True),
        (1, 2): (2, True),
        (2, 2): (1, False),
        (0, 5): (5, False),
        (0, 4): (4, True),
        (0, 6): (5, False),
        (3, 2): (0, False),
        (99, 10): (0, False),
        (0, None): (5, False),
    }
    for prefix, lister in (await lists_of(storage, Names())).items():
        pages = {key: await lister(page=key[0], per_page=key[1]) for key in expected}
        equal({key: (len(rows_of(page)), page.has_more) for key, page in pages.items()}, expected, prefix)
        equal({page.total for page in pages.values()}, {5}, f"{prefix} totals")


@check("G4", domain=LISTED)
async def check_no_rows_wanted(storage: DomainStorage) -> None:
    """per_page=0 counts rows and returns none (of messages: M22)."""
    for prefix, lister in (await lists_of(storage, Names())).items():
        if "MESSAGES" not in prefix:
            page = await lister(per_page=0)
            equal((rows_of(page), page.total, page.has_more, page.per_page), ([], 5, True, 0), prefix)


@check("G4", domain=LISTED)
async def check_nothing_to_list(storage: DomainStorage) -> None:
    """A list without rows is an empty page, however many are wanted."""
    for prefix, lister in (await lists_of(storage, Names())).items():
        ids = {name: Names()("absent") for name in lister.keywords if name not in ("order_by", "entity_type")}
        for per_page in (0, 1, 100, None):
            page = await lister(**ids, per_page=per_page)
            equal((rows_of(page), page.total, page.has_more, page.per_page), ([], 0, False, per_page), prefix)


# In order of code point. UTF-16 order puts the emoji before the fullwidth letter, most collations reorder all of it.
TIED = ["!", "0", "10", "2", "A", "Z", "_", "a", "b", "z", "é", "Ａ", "😀"]


@check("G5", "M10")
async def check_tied_threads_are_ordered_by_id(memory: MemoryStorage) -> None:
    """Threads of one instant are ordered by the code points of their ids, in the direction of the order."""
    names = Names()
    for name in reversed(TIED):
        await saved_thread(memory, names(name), names("owner"))
    for order_by, expected in (("created_at", TIED), ("-created_at", TIED[::-1]), ("-updated_at", TIED[::-1])):
        page = await memory.list_threads(resource_id=names("owner"), order_by=order_by)
        equal(names.short(page.threads), expected, order_by)


@check("G5", "M24")
async def check_tied_messages_are_ordered_by_id(memory: MemoryStorage) -> None:
    """Messages of one instant are ordered by the code points of their ids, in the direction of the order."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    await memory.save_messages(messages=[a_message(thread, names(name)) for name in TIED[::2] + TIED[1::2]])
    for order_by, expected in (("created_at", TIED), ("-created_at", TIED[::-1])):
        page = await memory.list_messages(thread_id=thread.id, order_by=order_by)
        of_owner = await memory.list_messages_by_resource_id(resource_id=thread.resource_id, order_by=order_by)
        equal([names.short(page.messages), names.short(of_owner.messages)], [expected, expected], order_by)


@check("G5")
async def check_pages_of_ties_neither_overlap_nor_skip(memory: MemoryStorage) -> None:
    """Rows of one instant, read page by page, come once each."""
    names = Names()
    thread = await saved_thread(memory, names("t"), names("owner"))
    for name in TIED:
        await saved_thread(memory, names(name), names("owner"))
    await memory.save_messages(messages=[a_message(thread, names(name)) for name in TIED])
    turned: list[Any] = []
    for number in range(5):
        turned += (await memory.list_messages(thread_id=thread.id, page=number, per_page=3)).messages
    equal(names.short(turned), TIED, "messages")
    turned = []
    for number in range(5):
        turned += (await memory.list_threads(resource_id=names("owner"), page=number, per_page=3)).threads
    equal(names.short(turned), sorted([*TIED, "t"], reverse=True), "threads")


@check("G5", "W9", domain="workflows")
async def check_tied_runs_are_ordered_by_their_names(workflows: WorkflowsStorage) -> None:
    """Runs of one instant are ordered by the code points of run id, then of workflow name, both descending."""
    names = Names()
    tied = [Run(names(name), names(id)) for id in TIED for name in ("A", "a", "é", "😀")]
    for run in tied[::3] + tied[1::3] + tied[2::3]:
        await persisted(workflows, run, resource_id=names("owner"))
    runs = rows_of(await workflows.list_workflow_runs(resource_id=names("owner")))
    equal([Run(run.workflow_name, run.run_id) for run in runs], tied[::-1])
    turned: list[Any] = []
    for page in range(8):
        turned += rows_of(await workflows.list_workflow_runs(resource_id=names("owner"), page=page, per_page=7))
    equal([Run(run.workflow_name, run.run_id) for run in turned], tied[::-1], "page by page")


@check("G5", "S7", domain="scores")
async def check_quick_scores_are_ordered(scores: ScoresStorage) -> None:
    """Scores saved at nearly one time are ordered by it and by id, both descending; pages neither overlap nor skip."""
    names = Names()
    for name in TIED:
        await saved_score(scores, id=names(name), **found_by(names))
    page = await scores.list_scores_by_run_id(run_id=names("run"))
    expected = sorted(page.scores, key=lambda score: (score.created_at, score.id), reverse=True)
    equal(names.short(page.scores), names.short(expected))
    equal(sorted(names.short(page.scores)), sorted(TIED), "each once")
    turned: list[Any] = []
    for number in range(5):
        turned += (await scores.list_scores_by_run_id(run_id=names("run"), page=number, per_page=3)).scores
    equal(names.short(turned), names.short(expected), "page by page")


@check("G5", "S7", needs="raw_rows", domain="scores")
async def check_tied_scores_are_ordered_by_id(scores: ScoresStorage, harness: Harness) -> None:
    """Scores of one instant are ordered by the code points of their ids, descending, in every list."""
    names = Names()
    await harness.write_raw(TABLE, *(raw_score(names, name) for name in TIED[::2] + TIED[1::2]))
    others = {"first": at(1), "last": at(-1)}
    await harness.write_raw(TABLE, *(raw_score(names, name, createdAt=time) for name, time in others.items()))
    for method, lister in lists_over(scores, found_by(names)).items():
        equal(names.short((await lister()).scores), ["first", *TIED[::-1], "last"], method)


@check("G6", "M10", "M24")
async def check_unknown_order_is_refused(memory: MemoryStorage) -> None:
    """Only the orderable fields order, with one leading minus at most."""
    bad = [
        "",
        "-",
        "id",
        "title",
        "createdAt",
        "created_at ",
        "--created_at",
        "+created_at",
        "created_at desc",
        None,
        1,
    ]
    for prefix, lister in (await lists_of(memory, Names())).items():
        refused = [*bad] if prefix == "LIST_THREADS" else [*bad, "updated_at"]
        outcomes = {str(value): await outcome(lister(order_by=value)) for value in refused}
        equal(outcomes, {str(value): f"ValidationError {prefix}_INVALID_ORDER_BY" for value in refused}, prefix)
