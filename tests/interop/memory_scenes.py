"""The scenes of the memory domain."""

from __future__ import annotations

from typing import Any

from .memory_calls import (
    TEXT,
    message,
    no_thread,
    read_messages,
    read_resource,
    read_thread,
    resource,
    save_messages,
    save_resource,
    save_thread,
    text_content,
    thread,
    update_resource,
    update_thread,
)
from .memory_lists import lists, order_of_bumps
from .payloads import AWKWARD, Awkward, as_read
from .python_side import call
from .scenes import BOTH, NOW, ONE, OTHER, PYTHON, RANDOM, Read, Scene, Script, Stage, at

# -- payloads --------------------------------------------------------------------------------------------------------


def _payload(awkward: Awkward) -> Scene:
    """One payload in every place that takes one."""

    def records(prefix: str, value: Any, metadata: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        invocation = {"state": "result", "toolCallId": "c", "toolName": "t", "args": value, "result": None}
        parts = [{"type": "text", "text": "Hello"}, {"type": "tool-invocation", "toolInvocation": invocation}]
        content = {"format": 2, "parts": parts, "metadata": value}
        return (
            thread(f"{prefix}t", metadata=metadata),
            message(f"{prefix}m", f"{prefix}t", content=content),
            resource(f"{prefix}r", metadata=metadata, workingMemory="# Ünï 🧠\n"),
        )

    def write(stage: Stage) -> Script:
        metadata = awkward.value if awkward.fits_metadata(stage) else {}
        told, said, owner = records(stage.prefix, awkward.value, metadata)
        turns = [(ONE, save_thread(told)), (ONE, save_messages(said)), (ONE, save_resource(owner))]
        told, said, owner = records(stage.prefix, as_read(awkward.value), as_read(metadata))
        told["updatedAt"] = NOW
        listed = {"threads": [told], "total": 1, "page": 0, "perPage": 100, "hasMore": False}
        reads = [
            read_thread(told),
            Read(call("memory", "listThreads", {"filter": {"resourceId": told["resourceId"]}}), listed),
            read_messages(told["id"], said),
            Read(call("memory", "listMessagesById", {"messageIds": [said["id"]]}), {"messages": [said]}),
            read_resource(owner),
        ]
        return Script(turns, reads)

    return Scene(f"G8-payload-{awkward.name.replace(' ', '-')}", write)


# -- one writes, both read -------------------------------------------------------------------------------------------


def _hostile_ids(stage: Stage) -> Script:
    ids = [
        f"{stage.prefix}{id}" for id in ("a", "A", " a", "a ", "a/b#c?d:e|f", "%_*\\", "'\"`;--", "ünï-🔑", "x" * 500)
    ]
    turns, reads = [], []
    for id in ids:
        told, said, owner = thread(id), message(id, id, resourceId=id), resource(id, workingMemory=id)
        turns += [(ONE, save_thread(told)), (ONE, save_messages(said)), (ONE, save_resource(owner))]
        reads += [read_thread({**told, "updatedAt": NOW}), read_messages(id, said), read_resource(owner)]
    return Script(turns, reads)


def _nothing_and_empty(stage: Stage) -> Script:
    threads = [
        thread(f"{stage.prefix}none"),
        thread(f"{stage.prefix}empty", metadata={}, title=""),
        thread(f"{stage.prefix}null", metadata={"key": None}),
    ]
    resources = [
        resource(f"{stage.prefix}none"),
        resource(f"{stage.prefix}empty", metadata={}, workingMemory=""),
        resource(f"{stage.prefix}null", metadata={"key": None}, workingMemory="null"),
    ]
    turns = [(ONE, save_thread(given)) for given in threads] + [(ONE, save_resource(given)) for given in resources]
    return Script(turns, [*map(read_thread, threads), *map(read_resource, resources)])


def _instants(stage: Stage) -> Script:
    moments = [
        "1970-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2000-02-29T12:34:56.001Z",
        "2038-01-19T03:14:08.000Z",
        "2026-03-29T01:30:00.500Z",
        "2026-03-08T07:30:00.000Z",
        "0100-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
    ]
    told = [
        thread(f"{stage.prefix}{number}", createdAt={"$date": moment}, updatedAt={"$date": moment})
        for number, moment in enumerate(moments)
    ]
    said = [
        message(f"{stage.prefix}m{number}", f"{stage.prefix}home", createdAt={"$date": moment})
        for number, moment in enumerate(sorted(moments))
    ]
    turns = [*((ONE, save_thread(given)) for given in told), (ONE, save_thread(thread(f"{stage.prefix}home")))]
    turns.append((ONE, save_messages(*said)))
    return Script(turns, [*map(read_thread, told), read_messages(f"{stage.prefix}home", *said)])


def _roles_and_types(stage: Stage) -> Script:
    told = thread(f"{stage.prefix}t", updatedAt=NOW)
    said = [
        message(f"{stage.prefix}1", told["id"], createdAt=at(1), role="user"),
        message(f"{stage.prefix}2", told["id"], createdAt=at(2), role="assistant", type="text"),
        message(f"{stage.prefix}3", told["id"], createdAt=at(3), role="signal", type="some-type"),
        message(f"{stage.prefix}4", told["id"], createdAt=at(4), role="assistant", content={"format": 2, "parts": []}),
    ]
    v2 = message(f"{stage.prefix}5", told["id"], createdAt=at(5))
    turns = [(ONE, save_thread(thread(told["id"]))), (ONE, save_messages(*said, {**v2, "type": "v2"}))]
    return Script(turns, [read_thread(told), read_messages(told["id"], *said, v2)])


def _legacy_contents(stage: Stage) -> Script:
    """Our side stores what these contents mean; the packages store them as they are."""
    call_part = {"type": "tool-call", "toolCallId": "c", "toolName": "t", "args": {"a": [None]}}
    contents: list[Any] = ["plain text", "{broken", "", [{"type": "text", "text": "x"}], [call_part]]
    told = thread(f"{stage.prefix}t")
    said = [message(f"{stage.prefix}{n}", told["id"], createdAt=at(n), content=c) for n, c in enumerate(contents)]
    read = [
        {**one, "content": {"format": 2, "parts": text} if isinstance(text, list) else text_content(text)}
        for one, text in zip(said, contents, strict=True)
    ]
    turns = [(ONE, save_thread(told)), (ONE, save_messages(*said))]
    by_id = Read(
        call("memory", "listMessagesById", {"messageIds": [one["id"] for one in said[:4]]}), {"messages": read[:4]}
    )
    # The packages make invocations of the tool calls of old arrays.
    return Script(turns, [by_id, read_messages(told["id"], *read)._replace(sides=(PYTHON,))])


def _system_messages(stage: Stage) -> Script:
    told = thread(f"{stage.prefix}t")
    said = [
        message(f"{stage.prefix}{role}", told["id"], createdAt=at(second), role=role)
        for second, role in enumerate(("system", "user", "assistant"))
    ]
    turns = [(ONE, save_thread(told)), (ONE, save_messages(*said))]
    # The packages leave them out of lists, though they count them.
    return Script(turns, [read_messages(told["id"], *said)._replace(sides=(PYTHON,))])


def _text_like_json(stage: Stage) -> Script:
    texts = ['{"a": 1}', "[1, 2]", '"quoted"', "007", "null", "true", "{broken", ""]
    told = [thread(f"{stage.prefix}{n}", title=text, metadata={"text": text}) for n, text in enumerate(texts)]
    owners = [resource(f"{stage.prefix}{n}", workingMemory=text) for n, text in enumerate(texts)]
    turns = [(ONE, save_thread(given)) for given in told] + [(ONE, save_resource(given)) for given in owners]
    # @mastra/libsql parses every text column that begins like JSON when it reads one thread or resource.
    parsed = 2 if stage.backend == "sqlite" else 0
    reads = [read_thread(given)._replace(sides=(PYTHON,) if n < parsed else BOTH) for n, given in enumerate(told)]
    reads += [read_resource(given)._replace(sides=(PYTHON,) if n < parsed else BOTH) for n, given in enumerate(owners)]
    return Script(turns, reads)


# -- one writes, the other changes, both read ------------------------------------------------------------------------


def _replaced_thread(stage: Stage) -> Script:
    first = thread(f"{stage.prefix}t", metadata={"a": 1, "kept": False})
    second = thread(
        f"{stage.prefix}t", resourceId="another", title="", metadata={"b": [2]}, createdAt=at(50), updatedAt=at(60)
    )
    return Script([(ONE, save_thread(first)), (OTHER, save_thread(second))], [read_thread(second)])


def _replaced_message(stage: Stage) -> Script:
    told, other = thread(f"{stage.prefix}t"), thread(f"{stage.prefix}u")
    first = message(f"{stage.prefix}m", told["id"], content={**TEXT, "metadata": {"a": 1}})
    second = message(f"{stage.prefix}m", other["id"], role="assistant", createdAt=at(55))
    turns = [
        (ONE, save_thread(told)),
        (ONE, save_thread(other)),
        (ONE, save_messages(first)),
        (OTHER, save_messages(second)),
    ]
    stored = {**second, "createdAt": first["createdAt"]}
    return Script(turns, [read_messages(told["id"]), read_messages(other["id"], stored)])


def _updated_thread_by_turns(stage: Stage) -> Script:
    told = thread(f"{stage.prefix}t", metadata={"a": {"x": 1}, "b": "old", "n": None})
    turns = [
        (ONE, save_thread(told)),
        (OTHER, update_thread(told["id"], title="first", metadata={"b": "new", "c": [1e23, None]})),
        (ONE, update_thread(told["id"], metadata={"d": "🧵", "a": {"y": 2}})),
        (OTHER, update_thread(told["id"], title="second", metadata={})),
        (ONE, update_thread(told["id"], metadata={"e": None})),
    ]
    metadata = {"a": {"y": 2}, "b": "new", "n": None, "c": [1e23, None], "d": "🧵", "e": None}
    return Script(turns, [read_thread({**told, "title": "second", "metadata": metadata, "updatedAt": NOW})])


def _updated_resource_by_turns(stage: Stage) -> Script:
    owner = resource(f"{stage.prefix}r", metadata={"a": 1}, workingMemory="first")
    turns = [
        (ONE, save_resource(owner)),
        (OTHER, update_resource(owner["id"], metadata={"b": {"x": [None]}})),
        (ONE, update_resource(owner["id"], metadata={"c": "🔑"}, workingMemory="second")),
        (OTHER, update_resource(owner["id"], workingMemory="")),
        (ONE, update_resource(owner["id"], metadata={"d": None})),
        (OTHER, update_resource(f"{stage.prefix}new", metadata={"fresh": True}, workingMemory="made by an update")),
        (ONE, update_resource(f"{stage.prefix}new", metadata={"merged": [1]})),
    ]
    metadata = {"a": 1, "b": {"x": [None]}, "c": "🔑", "d": None}
    made = {"fresh": True, "merged": [1]}
    return Script(
        turns,
        [
            read_resource({**owner, "metadata": metadata, "workingMemory": "", "updatedAt": NOW}),
            read_resource(
                resource(
                    f"{stage.prefix}new", metadata=made, workingMemory="made by an update", createdAt=NOW, updatedAt=NOW
                )
            ),
        ],
    )


def _updated_messages(stage: Stage) -> Script:
    told, other = thread(f"{stage.prefix}t"), thread(f"{stage.prefix}u")
    metadata = {"keep": 1, "change": "old", "nested": {"a": 1}}
    said = message(f"{stage.prefix}m", told["id"], content={**TEXT, "metadata": metadata})
    moved = message(f"{stage.prefix}n", told["id"], createdAt=at(4))
    change = {"content": "after", "metadata": {"change": "new", "nested": {"b": None}}}
    updates = [
        {"id": said["id"], "role": "assistant", "content": change},
        {"id": moved["id"], "threadId": other["id"], "type": "text"},
        {"id": f"{stage.prefix}missing", "role": "assistant"},
    ]
    turns = [
        (ONE, save_thread(told)),
        (ONE, save_thread(other)),
        (ONE, save_messages(said, moved)),
        (OTHER, call("memory", "updateMessages", {"messages": updates})),
    ]
    content = {**TEXT, "content": "after", "metadata": {"keep": 1, "change": "new", "nested": {"b": None}}}
    return Script(
        turns,
        [
            read_messages(told["id"], {**said, "role": "assistant", "content": content}),
            read_messages(other["id"], {**moved, "threadId": other["id"], "type": "text"}),
            read_thread({**told, "updatedAt": NOW}),
            read_thread({**other, "updatedAt": NOW}),
        ],
    )


def _given_away(stage: Stage) -> Script:
    told = thread(f"{stage.prefix}t", metadata={"a": {"b": None}})
    said = [message(f"{stage.prefix}{number}", told["id"], createdAt=at(number)) for number in range(3)]
    give = call("memory", "updateThreadResourceId", {"threadId": told["id"], "resourceId": f"{stage.prefix}new owner"})
    turns = [(ONE, save_thread(told)), (ONE, save_messages(*said)), (OTHER, give)]
    given = {"resourceId": f"{stage.prefix}new owner"}
    reads = [
        read_thread({**told, **given, "updatedAt": NOW}),
        read_messages(told["id"], *({**one, **given} for one in said)),
    ]
    return Script(turns, reads)


def _deleted(stage: Stage) -> Script:
    told, gone = thread(f"{stage.prefix}t"), thread(f"{stage.prefix}gone")
    said = [message(f"{stage.prefix}{number}", told["id"], createdAt=at(number)) for number in range(4)]
    lost = message(f"{stage.prefix}lost", gone["id"])
    turns = [
        (ONE, save_thread(told)),
        (ONE, save_thread(gone)),
        (ONE, save_messages(*said)),
        (ONE, save_messages(lost)),
        (OTHER, call("memory", "deleteMessages", [said[1]["id"], said[3]["id"], f"{stage.prefix}missing"])),
        (OTHER, call("memory", "deleteThread", {"threadId": gone["id"]})),
    ]
    reads = [
        read_messages(told["id"], said[0], said[2]),
        read_thread({**told, "updatedAt": NOW}),
        no_thread(gone["id"]),
        read_messages(gone["id"]),
    ]
    return Script(turns, reads)


def _cloned(stage: Stage) -> Script:
    told = thread(f"{stage.prefix}t", title="Source", metadata={"not": "inherited"})
    said = [message(f"{stage.prefix}{number}", told["id"], createdAt=at(number)) for number in range(4)]
    options = {"messageLimit": 2, "messageFilter": {"endDate": at(2)}}
    asked = {
        "sourceThreadId": told["id"],
        "newThreadId": f"{stage.prefix}copy",
        "metadata": {"a": None},
        "options": options,
    }
    turns = [(ONE, save_thread(told)), (ONE, save_messages(*said)), (OTHER, call("memory", "cloneThread", asked))]
    clone = {"sourceThreadId": told["id"], "clonedAt": NOW, "lastMessageId": said[2]["id"]}
    copy = thread(
        f"{stage.prefix}copy", resourceId=told["resourceId"], title="Clone of Source", createdAt=NOW, updatedAt=NOW
    )
    copied = [{**one, "id": RANDOM, "threadId": copy["id"]} for one in said[1:3]]
    reads = [
        read_thread({**copy, "metadata": {"a": None, "clone": clone}}),
        read_messages(copy["id"], *copied),
        read_messages(told["id"], *said),
    ]
    return Script(turns, reads)


SCENES = (
    *map(_payload, AWKWARD),
    Scene("G12-hostile-ids", _hostile_ids),
    Scene("M3-M47-nothing-and-empty", _nothing_and_empty),
    Scene("M32b-legacy-contents", _legacy_contents),
    Scene("M32c-system-messages", _system_messages),
    Scene("M50-text-like-json", _text_like_json),
    Scene("format-1.3-instants", _instants),
    Scene("format-1.3-roles-and-types", _roles_and_types),
    Scene("M2-thread-saved-again", _replaced_thread),
    Scene("M17-message-saved-again", _replaced_message),
    Scene("M4-thread-updated-by-turns", _updated_thread_by_turns),
    Scene("M49-resource-updated-by-turns", _updated_resource_by_turns),
    Scene("M33-M36-messages-updated", _updated_messages),
    Scene("M7-thread-given-away", _given_away),
    Scene("M8-M38-deleted", _deleted),
    Scene("M41-M43-cloned", _cloned),
    Scene("M10-M32-lists", lists),
    Scene("M10-order-of-bumps", order_of_bumps),
)
