"""Payloads (G8): whatever way they are written, they come back equal, and what is no JSON is refused."""

from __future__ import annotations

from typing import Any

from ..domains import DomainStorage, MemoryStorage
from ..errors import ValidationError
from ..records import MessageUpdate
from .carriers import ANY_VALUE, CARRYING, Carrier, ways_of
from .expect import ensure, equal, raises
from .memory_carriers import (
    by_copies,
    by_save_messages,
    by_save_resource,
    by_save_thread,
    by_update_messages,
    by_update_resource,
    by_update_thread,
    by_update_thread_metadata,
)
from .payloads import AWKWARD_KEYS, BIG_INTEGERS, NORMALISED, REFUSED, SURVIVE
from .registry import check
from .scenes import Names, message_of, saved_message, saved_thread, thread_of
from .score_carriers import by_save_score
from .workflow_carriers import by_persist, by_results, by_state


async def carried(carrier: Carrier, storage: DomainStorage, given: Any, expected: Any) -> None:
    """Everything that is read back equals what was expected."""
    for found in await carrier(storage, {"v": given}):
        equal(found, {"v": expected})


async def survives_all(storage: DomainStorage, carrier: Carrier) -> None:
    """The whole table of payloads, in one object and as its top-level keys."""
    for label, value in SURVIVE.items():
        for found in await carrier(storage, {"v": value}):
            equal(found, {"v": value}, label)


@check("G8", "M2", "M9")
async def check_payloads_survive_save_thread(memory: MemoryStorage) -> None:
    """Metadata of saved threads is read back equal."""
    await survives_all(memory, by_save_thread)


@check("G8", "M4")
async def check_payloads_survive_update_thread(memory: MemoryStorage) -> None:
    """Metadata merged into threads is read back equal."""
    await survives_all(memory, by_update_thread)


@check("G8", "M6")
async def check_payloads_survive_update_thread_metadata(memory: MemoryStorage) -> None:
    """Metadata computed from threads is read back equal."""
    await survives_all(memory, by_update_thread_metadata)


@check("G8", "M17", "M32a")
async def check_payloads_survive_save_messages(memory: MemoryStorage) -> None:
    """Message content is read back equal, whatever its keys."""
    await survives_all(memory, by_save_messages)


@check("G8", "M33")
async def check_payloads_survive_update_messages(memory: MemoryStorage) -> None:
    """Content merged into messages is read back equal."""
    await survives_all(memory, by_update_messages)


@check("G8", "M47")
async def check_payloads_survive_save_resource(memory: MemoryStorage) -> None:
    """Metadata of saved resources is read back equal."""
    await survives_all(memory, by_save_resource)


@check("G8", "M48", "M49")
async def check_payloads_survive_update_resource(memory: MemoryStorage) -> None:
    """Metadata of created and of updated resources is read back equal."""
    await survives_all(memory, by_update_resource)


@check("G8", "M41", "M43")
async def check_payloads_survive_copies(memory: MemoryStorage) -> None:
    """Metadata given to a copy and the content it takes over are read back equal."""
    await survives_all(memory, by_copies)


@check("G8", "W4", "W7", domain="workflows")
async def check_payloads_survive_persisting(workflows: DomainStorage) -> None:
    """Snapshots are read back equal, by every way of reading."""
    await survives_all(workflows, by_persist)


@check("G8", "W14", "W16", domain="workflows")
async def check_payloads_survive_results(workflows: DomainStorage) -> None:
    """Step results and request context are read back equal."""
    await survives_all(workflows, by_results)


@check("G8", "W18", domain="workflows")
async def check_payloads_survive_states(workflows: DomainStorage) -> None:
    """Keys of a snapshot that are replaced are read back equal."""
    await survives_all(workflows, by_state)


@check("G8", "S5", domain="scores")
async def check_payloads_survive_save_score(scores: DomainStorage) -> None:
    """Every payload of a score is read back equal, by id and in lists."""
    await survives_all(scores, by_save_score)


@check("G8", domain=CARRYING)
async def check_awkward_keys_at_the_top(storage: DomainStorage) -> None:
    """Keys that look like paths, operators or prototypes are plain keys, also where merging looks at them."""
    for label, carrier in ways_of(storage).carriers.items():
        for found in await carrier(storage, AWKWARD_KEYS):
            equal(found, AWKWARD_KEYS, label)


@check("G8", needs="big_integers", domain=CARRYING)
async def check_big_integers_survive(storage: DomainStorage) -> None:
    """Integers beyond 64 bits keep every digit."""
    for carrier in ways_of(storage).carriers.values():
        await carried(carrier, storage, BIG_INTEGERS, BIG_INTEGERS)


@check("G8", "W4", needs="number_types", domain=CARRYING)
async def check_number_types_survive(storage: DomainStorage) -> None:
    """Ints stay ints and floats stay floats."""
    numbers = [1, 1.0, 0, 0.5, -3, -3.25, 100, 100.0, 2**53]
    for label, carrier in ways_of(storage).carriers.items():
        for found in await carrier(storage, {"v": numbers}):
            equal(
                [type(number).__name__ for number in found["v"]], [type(number).__name__ for number in numbers], label
            )


@check("G8", domain=CARRYING)
async def check_payloads_are_put_into_json_form(storage: DomainStorage) -> None:
    """Tuples come back as lists, aware datetimes as Mastra's text."""
    for label, (given, expected) in NORMALISED.items():
        for carrier in ways_of(storage).carriers.values():
            for found in await carrier(storage, {"v": given}):
                equal(found, {"v": expected}, label)


@check("G8", "M43", "M33")
async def check_content_keeps_key_order(memory: MemoryStorage) -> None:
    """Message content is text in every shared database, so its key order survives saving, updating and copying."""
    names = Names()
    thread = await saved_thread(memory, names("t"))
    content = {"zulu": 1, "format": 2, "parts": [{"type": "text", "b": 1, "a": 2}], "alpha": {"2": 0, "1": 0}}
    await saved_message(memory, thread, names("m"), content=content)
    await memory.update_messages(
        messages=[MessageUpdate(id=names("m"), content={"yankee": 1, "alpha": {"b": 1, "a": 2}})]
    )
    clone = await memory.clone_thread(source_thread_id=thread.id)
    for message in (await message_of(memory, names("m")), *clone.cloned_messages):
        equal(list(message.content), ["zulu", "format", "parts", "alpha", "yankee"])
        equal([list(message.content["alpha"]), list(message.content["parts"][0])], [["b", "a"], ["type", "b", "a"]])


@check("G8", needs="keeps_key_order")
async def check_metadata_keeps_key_order(memory: MemoryStorage) -> None:
    """Metadata keeps the order of its keys where it is stored as text; merging replaces in place and appends."""
    thread = await saved_thread(memory, Names()("t"), metadata={"zulu": 1, "alpha": {"z": 1, "a": 2}, "": 0})
    updated = await memory.update_thread(id=thread.id, metadata={"new": 1, "alpha": {"y": 1, "b": 2}})
    for found in (updated.metadata or {}, (await thread_of(memory, thread.id)).metadata or {}):
        equal(list(found), ["zulu", "alpha", "", "new"])
        equal(list(found["alpha"]), ["y", "b"])


@check("G8", needs="keeps_key_order", domain=("workflows", "scores"))
async def check_payloads_keep_key_order(storage: DomainStorage) -> None:
    """Keys come back in the order in which they were given, at every level."""
    given = {"zulu": 1, "alpha": {"z": 1, "a": {"2": 0, "1": 0}}, "": [{"b": 1, "a": 2}], "mike": None}
    for label, carrier in ways_of(storage).carriers.items():
        for found in await carrier(storage, given):
            equal(list(found), list(given), label)
            equal(
                [list(found["alpha"]), list(found["alpha"]["a"]), list(found[""][0])],
                [["z", "a"], ["2", "1"], ["b", "a"]],
            )


@check("G8", "G10", "G15", "W3", "S3", domain=CARRYING)
async def check_what_is_no_json_is_refused_everywhere(storage: DomainStorage) -> None:
    """Values that are no JSON are a ``ValidationError`` naming the field, whatever the method."""
    names = Names()
    calls = await ways_of(storage).writers(storage, names)
    for label, value in REFUSED.items():
        for (code, field), call in calls.items():
            error = await raises(ValidationError, f"{code}_INVALID_ARGUMENT", call({"fine": 1, "v": value}))
            ensure(field in str(error), f"{code}, {label}: {error} should name {field}")
    await ways_of(storage).nothing_written(storage, names)


@check("G8", "G10", domain=CARRYING)
async def check_bad_keys_at_the_top_are_refused(storage: DomainStorage) -> None:
    """A key that is no string is refused at the top level as well."""
    names = Names()
    for (code, _), call in (await ways_of(storage).writers(storage, names)).items():
        for key in (1, None, True, 1.5, b"bytes", ("a",)):
            await raises(ValidationError, f"{code}_INVALID_ARGUMENT", call({"fine": 1, key: 2}))
    await ways_of(storage).nothing_written(storage, names)


@check("G8", "G15", "S3", domain=CARRYING)
async def check_payloads_must_be_objects(storage: DomainStorage) -> None:
    """All payloads but the input and output of a score are mappings; other JSON values are refused."""
    names = Names()
    for key, call in (await ways_of(storage).writers(storage, names)).items():
        for value in ([], ["a"], "text", 1, True):
            if key not in ANY_VALUE:
                await raises(ValidationError, f"{key[0]}_INVALID_ARGUMENT", call(value))
    await ways_of(storage).nothing_written(storage, names)
