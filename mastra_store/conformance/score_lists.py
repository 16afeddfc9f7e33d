"""Listing scores (S7 to S11)."""

from __future__ import annotations

from typing import Any

from ..domains import ScoresStorage
from ..errors import ValidationError
from .common_ids import awkward_ids
from .expect import ensure, equal, raises
from .payloads import HARD_TEXT
from .registry import check
from .scenes import Names, a_moment_later, lenient
from .score_scenes import LISTS, found_by, lists_over, saved_in_turn, saved_score

S = "scores"


@check("S7", domain=S)
async def check_newest_scores_come_first(scores: ScoresStorage) -> None:
    """Every list is ordered by created_at, newest first; a score that is saved again is the newest."""
    names = Names()
    fields = found_by(names)
    first, *_ = await saved_in_turn(scores, names, *"edabc", **fields)
    for method, lister in lists_over(scores, fields).items():
        equal(names.short((await lister()).scores), list("cbade"), method)
    await scores.save_score(score=first)
    for method, lister in lists_over(scores, fields).items():
        equal(names.short((await lister()).scores), list("ecbad"), f"{method}, one saved again")


@check("S7", "G2", domain=S)
async def check_default_pages_hold_100_scores(scores: ScoresStorage) -> None:
    """Without per_page a list holds 100 scores."""
    fields = found_by(Names())
    for _ in range(101):
        await saved_score(scores, **fields)
    for method, lister in lists_over(scores, fields).items():
        page = await lister()
        equal((len(page.scores), page.total, page.has_more), (100, 101, True), method)
        equal(len((await lister(per_page=None)).scores), 101, f"{method}, all of them")


@check("S8", "G13", domain=S)
async def check_scores_of_a_scorer(scores: ScoresStorage) -> None:
    """The scorer is required; entity, its type and the source narrow by AND, exactly."""
    names = Names()
    rows = {
        "1": ("s", "a", "AGENT", "LIVE"),
        "2": ("s", "a", "WORKFLOW", "LIVE"),
        "3": ("s", "b", "AGENT", "TEST"),
        "4": ("s", "a", None, "TEST"),
        "5": ("t", "a", "AGENT", "LIVE"),
    }
    for id, (scorer, entity, type, source) in rows.items():
        ids = {"id": names(id), "scorer_id": names(scorer), "entity_id": names(entity)}
        await saved_score(scores, **ids, entity_type=type, source=source)
        await a_moment_later()
    asked: list[tuple[dict[str, Any], str]] = [
        ({}, "4321"),
        ({"entity_id": names("a")}, "421"),
        ({"entity_type": "AGENT"}, "31"),
        ({"source": "TEST"}, "43"),
        ({"entity_id": names("a"), "source": "LIVE"}, "21"),
        ({"entity_id": names("a"), "entity_type": "AGENT", "source": "LIVE"}, "1"),
        ({"entity_id": names("a"), "entity_type": "AGENT", "source": "TEST"}, ""),
        ({"entity_id": None, "entity_type": None, "source": None}, "4321"),
        ({"source": "live"}, ""),
        ({"entity_type": "agent"}, ""),
    ]
    for filters, expected in asked:
        page = await scores.list_scores_by_scorer_id(scorer_id=names("s"), **filters)
        equal((names.short(page.scores), page.total), (list(expected), len(expected)), str(filters))
        paged = await scores.list_scores_by_scorer_id(scorer_id=names("s"), **filters, per_page=1)
        equal((names.short(paged.scores), paged.total), (list(expected[:1]), len(expected)), f"one of {filters}")


@check("S9", domain=S)
async def check_both_keys_must_match(scores: ScoresStorage) -> None:
    """Lists by entity and by span look at both of their keys; by run at the one."""
    names = Names()
    for id, entity, type, trace, span in (
        ("1", "a", "AGENT", "t", "x"),
        ("2", "a", "WORKFLOW", "t", "y"),
        ("3", "a", None, "t", None),
        ("4", "b", "AGENT", "u", "x"),
    ):
        ids = {"entity_id": names(entity), "trace_id": names(trace), "span_id": span and names(span)}
        await saved_score(scores, id=names(id), run_id=names("r"), entity_type=type, **ids)
        await a_moment_later()
    by_entity = [
        await scores.list_scores_by_entity_id(entity_id=names(entity), entity_type=type)
        for entity, type in (("a", "AGENT"), ("a", "WORKFLOW"), ("b", "AGENT"), ("b", "WORKFLOW"))
    ]
    equal([names.short(page.scores) for page in by_entity], [["1"], ["2"], ["4"], []], "by entity")
    by_span = [
        await scores.list_scores_by_span(trace_id=names(trace), span_id=names(span))
        for trace, span in (("t", "x"), ("t", "y"), ("u", "x"), ("u", "y"), ("x", "t"))
    ]
    equal([names.short(page.scores) for page in by_span], [["1"], ["2"], ["4"], [], []], "by span")
    equal(names.short((await scores.list_scores_by_run_id(run_id=names("r"))).scores), list("4321"), "by run")


@check("S10", "G15", domain=S)
async def check_keys_of_lists_are_required(scores: ScoresStorage) -> None:
    """The keys of a list are non-empty strings; anything else is refused, never taken for "all"."""
    fields = found_by(Names())
    await saved_score(scores, **fields)
    for method, required in LISTS.items():
        keys = {name: fields[name] for name in required}
        for name in required:
            for bad in ("", None, 1, b"id", ["id"]):
                call = getattr(lenient(scores), method)(**{**keys, name: bad})
                await raises(ValidationError, f"{method.upper()}_INVALID_ARGUMENT", call, says=name)


@check("S10", domain=S)
async def check_unknown_keys_give_empty_pages(scores: ScoresStorage) -> None:
    """Unknown values give an empty page and a total of 0; a part or another spelling of a value is unknown."""
    names = Names()
    fields = found_by(names)
    await saved_score(scores, **fields)
    for method, required in LISTS.items():
        for name in required:
            known = fields[name]
            for other in (f"{known}x", f"{known} ", known[:-1], known.swapcase(), f"{known[:-1]}%", f"{known[:-1]}_"):
                keys = {**{key: fields[key] for key in required}, name: other}
                page = await getattr(scores, method)(**keys)
                equal((page.scores, page.total, page.has_more), ([], 0, False), f"{method}, {name}={other!r}")


@check("S11", "G13", domain=S)
async def check_tenants_are_kept_apart(scores: ScoresStorage) -> None:
    """Organization and project filter exactly, by AND, in every list; a score without the value never matches."""
    names = Names()
    fields = found_by(names)
    rows = {"1": ("a", "p"), "2": ("a", "q"), "3": ("b", "p"), "4": ("a", None), "5": (None, "p"), "6": (None, None)}
    for id, (organization, project) in rows.items():
        tenant = {"organization_id": organization, "project_id": project}
        await saved_score(scores, id=names(id), **fields, **tenant)
        await a_moment_later()
    asked: list[tuple[dict[str, Any], str]] = [
        ({}, "654321"),
        ({"organization_id": "a"}, "421"),
        ({"project_id": "p"}, "531"),
        ({"organization_id": "a", "project_id": "p"}, "1"),
        ({"organization_id": "b", "project_id": "q"}, ""),
        ({"organization_id": "A"}, ""),
        ({"organization_id": None, "project_id": None}, "654321"),
    ]
    for tenant, expected in asked:
        for method, lister in lists_over(scores, fields).items():
            page = await lister(**tenant)
            equal((names.short(page.scores), page.total), (list(expected), len(expected)), f"{method}, {tenant}")


@check("S11", "G13", "G15", domain=S)
async def check_an_empty_tenant_is_no_filter(scores: ScoresStorage) -> None:
    """An empty organization or project is refused by every list, and so is what is no string."""
    fields = found_by(Names())
    await saved_score(scores, **fields)
    for method, lister in lists_over(lenient(scores), fields).items():
        for name in ("organization_id", "project_id"):
            for bad in ("", 1, True, b"a", ["a"]):
                call = lister(**{name: bad})
                await raises(ValidationError, f"{method.upper()}_INVALID_ARGUMENT", call, says=name)


@check("S8", "G13", "G15", domain=S)
async def check_filters_of_a_scorer_are_text(scores: ScoresStorage) -> None:
    """Filters of wrong types are refused."""
    for name in ("entity_id", "entity_type", "source"):
        for bad in (1, True, b"a", ["a"]):
            call = lenient(scores).list_scores_by_scorer_id(scorer_id="s", **{name: bad})
            await raises(ValidationError, "LIST_SCORES_BY_SCORER_ID_INVALID_ARGUMENT", call, says=name)


@check("G12", "S8", "S9", domain=S)
async def check_awkward_keys_of_lists(scores: ScoresStorage) -> None:
    """Lists by awkward ids hold exactly the scores of these ids."""
    shapes = awkward_ids()
    for id in shapes.values():
        await saved_score(scores, **dict.fromkeys(found_by(Names()), id) | {"entity_type": "AGENT"}, reason=id)
    for label, id in shapes.items():
        fields = {**dict.fromkeys(found_by(Names()), id), "entity_type": "AGENT"}
        for method, lister in lists_over(scores, fields).items():
            equal([score.reason for score in (await lister()).scores], [id], f"{method}, {label}")


@check("G9", "S10", domain=S)
async def check_hard_text_in_keys(scores: ScoresStorage) -> None:
    """Asking for text that cannot be held finds nothing or is refused by name; it never breaks or finds others."""
    fields = found_by(Names())
    await saved_score(scores, **fields, organization_id="a")
    for label, text in HARD_TEXT.items():
        for method, required in LISTS.items():
            for name in (*required, "organization_id"):
                keys = {**{key: fields[key] for key in required}, name: f"{fields.get(name, 'a')}{text}"}
                try:
                    page = await getattr(scores, method)(**keys)
                except ValidationError as error:
                    ensure(name in str(error), f"{error} should name {name}")
                else:
                    equal((page.scores, page.total), ([], 0), f"{method}, {name}: {label}")
