"""Saving scores and reading them by id (S1 to S6, S12)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import asdict, replace

from ..domains import ScoresStorage
from ..errors import ValidationError
from ..instants import now
from ..records import Score
from .expect import ensure, equal, raises
from .payloads import SURVIVE, TEXTS
from .registry import check
from .scenes import BASE, Names, a_moment_later, at, is_now, lenient
from .score_carriers import ANY, ASKED, MAPPINGS, PAYLOADS
from .score_carriers import TEXTS as TEXT_FIELDS
from .score_scenes import a_score, found_by, lists_over, saved_score, score_of

S = "scores"
CODE = "SAVE_SCORE_INVALID_ARGUMENT"
SPAN_TYPES = [
    "agent_run",
    "scorer_run",
    "classifier_evaluation",
    "scorer_step",
    "generic",
    "model_generation",
    "model_step",
    "model_inference",
    "model_chunk",
    "mcp_tool_call",
    "mcp_server_request",
    "processor_run",
    "tool_call",
    "client_tool_call",
    "provider_tool_call",
    "workflow_run",
    "workflow_step",
    "workflow_conditional",
    "workflow_conditional_eval",
    "workflow_parallel",
    "workflow_loop",
    "workflow_sleep",
    "workflow_wait_event",
    "memory_operation",
    "workspace_action",
    "rag_ingestion",
    "rag_embedding",
    "rag_vector_operation",
    "rag_action",
    "graph_action",
    "mapping",
    "skill_resolution",
    "skill_action",
    "agent_signal",
]
ENTITY_TYPES = ["AGENT", "WORKFLOW", "TRAJECTORY", "STEP", "EXTERNAL", *SPAN_TYPES]


def a_full_score(**fields: Any) -> Score:
    """A score with every field filled, each in its own way."""
    payloads = {name: {"of": name, "list": [1, {}]} for name in PAYLOADS}
    texts = {name: f"text of {name}" for name in TEXT_FIELDS}
    names = Names()
    ids = {name: names(name) for name in ASKED}
    return a_score(**{**payloads, **texts, **ids, "entity_type": "AGENT", "source": "TEST", "score": 0.25, **fields})


def untimed(score: Score) -> dict[str, Any]:
    """All fields but the times."""
    return {name: value for name, value in asdict(score).items() if name not in ("created_at", "updated_at")}


@check("S1", "S6", domain=S)
async def check_a_score_comes_back_whole(scores: ScoresStorage) -> None:
    """A score is returned, read by id and listed with every field as it was given."""
    for given in (a_full_score(), a_score()):
        saved = await scores.save_score(score=given)
        equal(untimed(saved), untimed(given), "returned")
        equal(await score_of(scores, given.id), saved, "by id")
        for method, lister in lists_over(scores, asdict(given)).items():
            if given.trace_id or "run_id" in method or "scorer" in method:
                equal((await lister()).scores, [saved], method)


@check("S1", domain=S)
async def check_times_are_set_on_save(scores: ScoresStorage) -> None:
    """Both times are now and the same, whatever the record passed in says."""
    for given in (a_score(), a_score(created_at=BASE, updated_at=at(5))):
        before = now()
        saved = await scores.save_score(score=given)
        for score in (saved, await score_of(scores, given.id)):
            ensure(is_now(score.created_at, before), f"created_at should be now, not {score.created_at}")
            equal(score.updated_at, score.created_at)


@check("S2", domain=S)
async def check_saving_again_replaces_whole(scores: ScoresStorage) -> None:
    """A score that is saved again takes every field from the new record, None included, and stays one row."""
    names = Names()
    full = a_full_score(run_id=names("r"))
    sparse = a_score(id=full.id, run_id=names("r"), output=None)
    for given in (full, sparse, full):
        saved = await scores.save_score(score=given)
        equal(untimed(await score_of(scores, full.id)), untimed(given))
        page = await scores.list_scores_by_run_id(run_id=names("r"))
        equal((page.scores, page.total), ([saved], 1), "rows")


@check("S2", domain=S)
async def check_saving_again_renews_times(scores: ScoresStorage) -> None:
    """Both times of a score that is saved again are fresh."""
    first = await saved_score(scores)
    await a_moment_later()
    before = now()
    again = await scores.save_score(score=first)
    ensure(again.created_at > first.created_at, f"created_at should be later than {first.created_at}")
    stored = await score_of(scores, first.id)
    equal([stored.created_at, stored.updated_at], [again.created_at, again.created_at])
    ensure(is_now(stored.created_at, before), f"created_at should be now, not {stored.created_at}")


@check("S2", "G12", domain=S)
async def check_one_object_saved_twice_is_one_row(scores: ScoresStorage) -> None:
    """A record built without an id has one of its own, so that saving it twice leaves one row."""
    names = Names()
    score = a_score(run_id=names("r"))
    other = a_score(run_id=names("r"))
    for one in (score, score, other):
        await scores.save_score(score=one)
    equal((await scores.list_scores_by_run_id(run_id=names("r"))).total, 2)


@check("S2", domain=S)
async def check_a_score_can_move(scores: ScoresStorage) -> None:
    """A score saved again under other ids is found by these, and no longer by the old ones."""
    before, after = found_by(Names()), found_by(Names())
    score = await saved_score(scores, **before)
    await scores.save_score(score=replace(score, **after))
    old = [(await lister()).total for lister in lists_over(scores, before).values()]
    new = [(await lister()).total for lister in lists_over(scores, after).values()]
    equal((old, new), ([0] * 4, [1] * 4))


BAD_NUMBERS: list[Any] = [float("nan"), float("inf"), float("-inf"), 10**400, True, False, None, "0.5", 1j, [0.5]]


@check("S3", "G10", "G12", "G15", domain=S)
async def check_bad_scores_are_refused(scores: ScoresStorage) -> None:
    """Required fields have their types and the number is finite; nothing is written otherwise."""
    kept = await saved_score(scores, reason="kept")
    bad: list[tuple[str, Any]] = [("score", value) for value in BAD_NUMBERS]
    for name in ("id", "scorer_id", "entity_id", "run_id"):
        bad += [(name, value) for value in ("", None, 1, b"id")]
    for name in ("scorer", "entity"):
        bad += [(name, value) for value in (None, [], "text", 1, [["id", "x"]])]
    no_mappings: list[Any] = [[], "text", 1, True]
    bad += [(name, value) for name in MAPPINGS[2:] for value in no_mappings]
    bad += [(name, value) for name in (*TEXT_FIELDS, *ASKED[3:]) for value in (1, True, b"text", ["text"])]
    for field, value in bad:
        call = lenient(scores).save_score(score=a_score(**{"id": kept.id, field: value}))
        await raises(ValidationError, CODE, call, says=field)
    equal(await score_of(scores, kept.id), kept, "the stored score")


@check("S3", "G15", domain=S)
async def check_a_score_is_a_record(scores: ScoresStorage) -> None:
    """Mappings and other things are no scores."""
    for bad in (None, asdict(a_score()), {}, "score", 1, [a_score()]):
        await raises(ValidationError, CODE, lenient(scores).save_score(score=bad), says="score")


@check("S3", domain=S)
async def check_no_key_is_required(scores: ScoresStorage) -> None:
    """scorer and entity may be any mapping, an empty one included, and need not be a ``dict``."""
    mappings: list[Mapping[str, Any]] = [{}, MappingProxyType({}), MappingProxyType({"of": [1]})]
    for given in mappings:
        saved = await saved_score(scores, **dict.fromkeys(MAPPINGS, given))
        for score in (saved, await score_of(scores, saved.id)):
            equal([getattr(score, name) for name in MAPPINGS], [dict(given)] * len(MAPPINGS))


@check("S4", "G10", domain=S)
async def check_source_and_entity_type(scores: ScoresStorage) -> None:
    """Known sources and entity types are stored; all others are refused, nothing being written."""
    for source in ("LIVE", "TEST"):
        equal((await score_of(scores, (await saved_score(scores, source=source)).id)).source, source)
    for type in (None, *ENTITY_TYPES):
        equal((await score_of(scores, (await saved_score(scores, entity_type=type)).id)).entity_type, type)
    bad: list[tuple[str, Any]] = [("source", value) for value in ("live", "", "LIVE ", "OTHER", None, 1, ["LIVE"])]
    bad += [("entity_type", value) for value in ("agent", "", "AGENT ", "Agent", "AGENT_RUN", 1, ["AGENT"])]
    for field, value in bad:
        score = a_score(**{field: value})
        await raises(ValidationError, CODE, lenient(scores).save_score(score=score), says=field)
        equal(await scores.get_score_by_id(id=score.id), None)


VALUES: dict[str, Any] = {
    **SURVIVE,
    **{f"text {label}": text for label, text in TEXTS.items()},
    "empty text": "",
    "list as text": "[1]",
    "object as text": '{"a":1}',
    "text as text": '"quoted"',
    "text twice as text": '"\\"quoted\\""',
    "number as text": "7",
    "float as text": "1e21",
    "null as text": "null",
    "true as text": "true",
    "null marker": "_null_",
    "object word": "[object Object]",
    "zero": 0,
    "number": 7,
    "float": 0.1,
    "true": True,
    "false": False,
    "empty list": [],
    "empty object": {},
    "nested empties": [[], {}, [[]], {"a": {}}],
    "list of text": ["[1]", "null", ""],
    "none": None,
}


@check("S5", "G8", domain=S)
async def check_inputs_and_outputs_are_any_json(scores: ScoresStorage) -> None:
    """Input and output may be any JSON value and come back equal; a string stays that string."""
    for label, value in VALUES.items():
        saved = await saved_score(scores, **dict.fromkeys(ANY, value))
        listed = (await scores.list_scores_by_run_id(run_id=saved.run_id)).scores
        for score in (saved, await score_of(scores, saved.id), *listed):
            equal([score.input, score.output], [value, value], label)


@check("S5", domain=S)
async def check_numbers_keep_their_precision(scores: ScoresStorage) -> None:
    """The number of a score comes back to the last bit; an int is accepted."""
    numbers = [0.1, 1 / 3, 0.1 + 0.2, 1e-7, 123456789.12345679, -0.5, 5e-324, 1.7976931348623157e308, -1e300, 2.0**53]
    for number in (*numbers, 0, 1, -7, 100, 10**15):
        saved = await saved_score(scores, score=number)
        stored = await score_of(scores, saved.id)
        equal([saved.score, stored.score], [number, number])


@check("S5", domain=S)
async def check_empty_is_not_absent(scores: ScoresStorage) -> None:
    """None reads back as None; an empty string, mapping or list stays what it is."""
    absent_or_empty: tuple[dict[str, Any] | None, ...] = (None, {})
    for value in absent_or_empty:
        saved = await saved_score(scores, **dict.fromkeys(MAPPINGS[2:], value), **dict.fromkeys(ANY, value))
        stored = await score_of(scores, saved.id)
        equal([getattr(stored, name) for name in (*MAPPINGS[2:], *ANY)], [value] * 8)
    for text in (None, ""):
        saved = await saved_score(scores, **dict.fromkeys(TEXT_FIELDS, text), **dict.fromkeys(ASKED[3:], text))
        stored = await score_of(scores, saved.id)
        equal([getattr(stored, name) for name in (*TEXT_FIELDS, *ASKED[3:])], [text] * 16)


@check("S6", "G12", "G15", domain=S)
async def check_unknown_scores_are_none(scores: ScoresStorage) -> None:
    """An id that was not saved gives None; one that is no id is refused."""
    equal(await scores.get_score_by_id(id=Names()("absent")), None)
    for bad in ("", None, 1, b"id"):
        call = lenient(scores).get_score_by_id(id=bad)
        await raises(ValidationError, "GET_SCORE_BY_ID_INVALID_ARGUMENT", call, says="id")


@check("S12", domain=S)
async def check_nothing_needs_to_exist(scores: ScoresStorage) -> None:
    """A score of a run, trace, thread, entity and dataset that nobody has stored is saved."""
    given = a_full_score()
    await scores.save_score(score=given)
    equal(untimed(await score_of(scores, given.id)), untimed(given))
