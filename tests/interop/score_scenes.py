"""The scenes of the scores domain."""

from __future__ import annotations

from typing import Any

from .payloads import AWKWARD, Awkward, as_read
from .python_side import Call, call
from .scenes import ALIKE, BOTH, NOW, ONE, OTHER, PYTHON, RANDOM, TYPESCRIPT, Read, Scene, Script, Stage

# Both sides leave out what is absent.
EVERYTHING = {
    "traceId": "trace",
    "spanId": "span",
    "input": [{"role": "user", "content": None}],
    "reason": 'because "x" 🙂',
    "metadata": {"a": None},
    "additionalContext": {"b": []},
    "requestContext": {"c": {}},
    "preprocessStepResult": {"d": [1, None]},
    "extractStepResult": {"e": "1"},
    "analyzeStepResult": {"f": False},
    "preprocessPrompt": "1",
    "extractPrompt": "2",
    "analyzePrompt": "3",
    "generateScorePrompt": "4",
    "generateReasonPrompt": "5",
    "reasonPrompt": "6",
    "resourceId": "resource",
    "threadId": "thread",
    "organizationId": "organization",
    "projectId": "project",
    "batchId": "batch",
    "datasetId": "dataset",
    "datasetItemId": "item",
}
EMPTY_OBJECTS = (
    *("metadata", "additionalContext", "requestContext"),
    *("preprocessStepResult", "extractStepResult", "analyzeStepResult"),
)
EMPTY_TEXTS = (
    *("reason", "preprocessPrompt", "extractPrompt", "analyzePrompt", "generateScorePrompt", "generateReasonPrompt"),
    *("reasonPrompt", "traceId", "spanId", "resourceId", "threadId", "organizationId", "projectId", "batchId"),
)


def score(id: str, **fields: Any) -> dict[str, Any]:
    """A score as both sides take it; they read it with its times."""
    plain: dict[str, Any] = {"scorerId": "scorer", "entityId": "entity", "entityType": "AGENT", "runId": "run"}
    plain |= {"scorer": {"id": "scorer"}, "entity": {"id": "entity"}, "source": "LIVE", "score": 0.5}
    return {"id": id, **plain, "output": {"text": "answer"}, "input": "question", **fields}


def save(given: dict[str, Any]) -> Call:
    """Its saving."""
    return call("scores", "saveScore", given)


def read_score(expected: dict[str, Any], sides: tuple[str, ...] = BOTH) -> Read:
    """The read of one score, and what it gives. @mastra/libsql gives times as text, which counts as alike."""
    times = {"createdAt": NOW, "updatedAt": NOW}
    return Read(call("scores", "getScoreById", {"id": expected["id"]}), {**expected, **times}, sides)


def _without(given: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in keys}


def _payload(awkward: Awkward) -> Scene:
    """One payload in every place that takes one."""

    def write(stage: Stage) -> Script:
        # The packages check a score before they save it, and the check drops the key ``__proto__`` of an object.
        dropped = awkward.name == "proto" and stage.writer == TYPESCRIPT
        fits = awkward.fits_metadata(stage) and not dropped
        # JSON inside a JSON string holds what jsonb does not; @mastra/pg changes it all the same, we do not (G9).
        wrapped = awkward.value if fits or (stage.backend == "postgres" and stage.writer == PYTHON) else {}
        value = awkward.value if fits else {}
        objects = dict.fromkeys((*EMPTY_OBJECTS, "scorer", "entity"), wrapped) | {"extractStepResult": value}
        given = score(f"{stage.prefix}s", **objects, input=wrapped, output=[wrapped, {"in": wrapped}])
        read = as_read(given)
        listed = call("scores", "listScoresByRunId", {"runId": given["runId"], "pagination": {"page": 0, "perPage": 1}})
        reads = [read_score(read), Read(listed, [read["output"]], view=_outputs)]
        return Script([(ONE, save(given))], reads)

    return Scene(f"S5-payload-{awkward.name.replace(' ', '-')}", write)


# -- one writes, both read -------------------------------------------------------------------------------------------


def _everything_and_nothing(stage: Stage) -> Script:
    empty = {**{key: {} for key in EMPTY_OBJECTS}, **dict.fromkeys(EMPTY_TEXTS, "")}
    scores = [
        score(f"{stage.prefix}all", **EVERYTHING),
        score(f"{stage.prefix}empty", **empty, scorer={}, entity={}, input=[], output={}),
        _without(score(f"{stage.prefix}untyped"), "entityType"),
    ]
    return Script([(ONE, save(given)) for given in scores], [*map(read_score, scores)])


def _any_json(stage: Stage) -> Script:
    """Input and output may be anything; a string stays a string, whatever it looks like."""
    values: list[Any] = [0, -1.5, 1e21, True, False, "", " ", "text", [], {}, [[], None], {"a": None}]
    values += ['{"a": 1}', "[1]", '"quoted"', "7", "007", "null", "true", "{broken", '"', "\\u0041", "ünï-🔑\n"]
    scores = [score(f"{stage.prefix}{n}", input=value, output=value) for n, value in enumerate(values)]
    return Script([(ONE, save(given)) for given in scores], [*map(read_score, scores)])


def _absent_input(stage: Stage) -> Script:
    """What is stored for nothing differs, and so does what @mastra/pg makes of an absent input (S5)."""
    absent = _without(score(f"{stage.prefix}absent", output=0), "input")
    null = score(f"{stage.prefix}null", input=None, output=None)
    nothing = _without(null, "input", "output")
    by_pg = (stage.backend, stage.writer) == ("postgres", TYPESCRIPT)
    reads = [read_score({**absent, "input": ""} if by_pg else absent)]
    # @mastra/pg reads a null that it wrapped itself as null, not as nothing.
    reads += [read_score(nothing, (PYTHON,)), read_score(null if by_pg else nothing, (TYPESCRIPT,))]
    return Script([(ONE, save(absent)), (ONE, save(null))], reads)


def _numbers(stage: Stage) -> Script:
    numbers = [0, 1, -1, 0.1 + 0.2, 1 / 3, 1e-7, 5e-324, 1.7976931348623157e308, 2**53 - 1, -0.0]
    scores = [score(f"{stage.prefix}{n}", score=number) for n, number in enumerate(numbers)]
    return Script([(ONE, save(given)) for given in scores], [*map(read_score, scores)])


def _hostile_ids(stage: Stage) -> Script:
    ids = [f"{stage.prefix}{id}" for id in ("a", "A", " a", "a/b#c?d:e|f", "%_*\\", "'\"`;--", "ünï-🔑", "x" * 500)]
    scores = [score(id, scorerId=id, runId=id, entityId=id, traceId=id, spanId=id) for id in ids]
    reads = [*map(read_score, scores)]
    for id in ids:
        for method, asked in _keys(id):
            listed = call("scores", method, {**asked, "pagination": {"page": 0, "perPage": 5}})
            reads.append(Read(listed, [id], view=_ids))
    return Script([(ONE, save(given)) for given in scores], reads)


def _kinds(stage: Stage) -> Script:
    kinds = ["AGENT", "WORKFLOW", "TRAJECTORY", "STEP", "agent_run", "model_generation", "tool_call", "workflow_step"]
    scores = [
        score(f"{stage.prefix}{kind}", entityType=kind, entityId=f"{stage.prefix}e", source="TEST") for kind in kinds
    ]
    reads = [*map(read_score, scores)]
    for given in scores:
        asked = {"entityId": given["entityId"], "entityType": given["entityType"]}
        listed = call("scores", "listScoresByEntityId", {**asked, "pagination": {"page": 0, "perPage": False}})
        reads.append(Read(listed, [given["id"]], view=_ids))
    return Script([(ONE, save(given)) for given in scores], reads)


def _without_an_id(stage: Stage) -> Script:
    given = _without(score("", runId=f"{stage.prefix}run", output="of a random id"), "id")
    listed = call("scores", "listScoresByRunId", {"runId": given["runId"], "pagination": {"page": 0, "perPage": 5}})
    page = {"total": 2, "page": 0, "perPage": 5, "hasMore": False}
    found = {**given, "id": RANDOM, "createdAt": NOW, "updatedAt": NOW}
    turns = [(ONE, save(given)), (OTHER, save(given))]
    return Script(turns, [Read(listed, {"pagination": page, "scores": [found, found]})])


# -- one writes, the other changes, both read ------------------------------------------------------------------------


def _saved_again(stage: Stage) -> Script:
    """The row is replaced whole: what the new score has not is gone."""
    first, second = (
        score(f"{stage.prefix}s", **EVERYTHING),
        score(f"{stage.prefix}s", output=[], source="TEST", score=2),
    )
    back = score(f"{stage.prefix}back")
    turns = [(ONE, save(first)), (OTHER, save(second))]
    turns += [(ONE, save(back)), (OTHER, save({**back, **EVERYTHING})), (ONE, save(back))]
    listed = call("scores", "listScoresBySpan", {"traceId": "trace", "spanId": "span", **_page(0, 100)})
    old = Read(listed, False, view=lambda page: any(id in (first["id"], back["id"]) for id in _ids(page)))
    return Script(turns, [read_score(second), read_score(back), old])


def _lists(stage: Stage) -> Script:
    """Scores of both sides, newest first."""
    prefix = stage.prefix
    scores = [
        score(
            f"{prefix}{n}",
            scorerId=f"{prefix}scorer",
            runId=f"{prefix}run{n % 2}",
            entityId=f"{prefix}entity{n % 3}",
            entityType="AGENT" if n % 4 else "WORKFLOW",
            source="TEST" if n % 5 == 0 else "LIVE",
            traceId=f"{prefix}trace",
            spanId=f"{prefix}span{n % 2}",
            **({"organizationId": f"{prefix}o{n % 3}", "projectId": f"{prefix}p"} if n % 3 else {}),
        )
        for n in range(10)
    ]
    turns = [(OTHER if n % 2 else ONE, save(given)) for n, given in enumerate(scores)]
    by_scorer = {"scorerId": f"{prefix}scorer"}
    narrowed = [{}, {"entityId": f"{prefix}entity1"}, {"entityType": "WORKFLOW"}, {"source": "TEST"}]
    narrowed += [{"entityId": f"{prefix}entity0", "source": "LIVE", "entityType": "AGENT"}, {"entityId": "unknown"}]
    asked = [("listScoresByScorerId", {**by_scorer, **more, **_page(0, 10)}) for more in narrowed]
    asked += [("listScoresByScorerId", {**by_scorer, **_page(page, 3)}) for page in range(5)]
    asked += [("listScoresByScorerId", {**by_scorer, **_page(0, per_page)}) for per_page in (False, 0)]
    for tenant in ({"organizationId": f"{prefix}o1"}, {"organizationId": f"{prefix}o2", "projectId": f"{prefix}p"}):
        asked += [("listScoresByScorerId", {**by_scorer, "filters": tenant, **_page(0, 10)})]
        asked += [("listScoresByRunId", {"runId": f"{prefix}run1", "filters": tenant, **_page(0, 10)})]
        span = {"traceId": f"{prefix}trace", "spanId": f"{prefix}span0"}
        asked += [("listScoresBySpan", {**span, "filters": tenant, **_page(0, 10)})]
        entity = {"entityId": f"{prefix}entity1", "entityType": "AGENT"}
        asked += [("listScoresByEntityId", {**entity, "filters": tenant, **_page(0, 10)})]
    asked += [("listScoresByRunId", {"runId": f"{prefix}run0", **_page(1, 2)})]
    asked += [("listScoresByEntityId", {"entityId": f"{prefix}entity0", "entityType": "WORKFLOW", **_page(0, 1)})]
    asked += [("listScoresBySpan", {"traceId": f"{prefix}trace", "spanId": f"{prefix}span1", **_page(0, 3)})]
    asked += [("listScoresBySpan", {"traceId": f"{prefix}trace", "spanId": "unknown", **_page(0, 3)})]
    order = Read(
        call("scores", "listScoresByScorerId", {**by_scorer, **_page(0, False)}),
        [given["id"] for given in scores[::-1]],
        view=_ids,
    )
    return Script(turns, [order, *(Read(call("scores", method, options), ALIKE) for method, options in asked)])


# -- parts -----------------------------------------------------------------------------------------------------------


def _page(page: int, per_page: int | bool) -> dict[str, Any]:
    return {"pagination": {"page": page, "perPage": per_page}}


def _keys(id: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("listScoresByScorerId", {"scorerId": id}),
        ("listScoresByRunId", {"runId": id}),
        ("listScoresByEntityId", {"entityId": id, "entityType": "AGENT"}),
        ("listScoresBySpan", {"traceId": id, "spanId": id}),
    ]


def _ids(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["scores"]]


def _outputs(page: dict[str, Any]) -> list[Any]:
    return [one["output"] for one in page["scores"]]


SCENES = (
    *map(_payload, AWKWARD),
    Scene("S1-everything-and-nothing", _everything_and_nothing),
    Scene("S5-any-json", _any_json),
    Scene("S5-absent-input", _absent_input),
    Scene("S5-numbers", _numbers),
    Scene("G12-hostile-ids-of-scores", _hostile_ids),
    Scene("S4-kinds-of-entities", _kinds),
    Scene("S2-without-an-id", _without_an_id),
    Scene("S2-saved-again", _saved_again),
    Scene("S7-S11-lists-of-scores", _lists),
)
