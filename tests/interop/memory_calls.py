"""Records and calls of the memory domain, as both sides take them."""

from __future__ import annotations

from typing import Any

from .python_side import Call, call
from .scenes import Read, at


def text_content(text: str) -> dict[str, Any]:
    """The content of a message that is a text."""
    return {"format": 2, "parts": [{"type": "text", "text": text}], "content": text}


TEXT = text_content("Hello")


def thread(id: str, **fields: Any) -> dict[str, Any]:
    """A thread as both sides take it and read it."""
    plain = {"resourceId": f"{id}-owner", "title": "A thread", "metadata": None, "createdAt": at(1), "updatedAt": at(2)}
    return {"id": id, **plain, **fields}


def message(id: str, thread_id: str, **fields: Any) -> dict[str, Any]:
    """A message as both sides take it and read it."""
    plain = {"resourceId": f"{thread_id}-owner", "role": "user", "createdAt": at(3), "content": TEXT}
    return {"id": id, "threadId": thread_id, **plain, **fields}


def resource(id: str, **fields: Any) -> dict[str, Any]:
    """A resource as both sides take it and read it."""
    return {"id": id, "workingMemory": None, "metadata": None, "createdAt": at(1), "updatedAt": at(2), **fields}


def save_thread(given: dict[str, Any]) -> Call:
    """Its saving."""
    return call("memory", "saveThread", {"thread": given})


def save_messages(*given: dict[str, Any]) -> Call:
    """Their saving."""
    return call("memory", "saveMessages", {"messages": list(given)})


def save_resource(given: dict[str, Any]) -> Call:
    """Its saving."""
    return call("memory", "saveResource", {"resource": given})


def update_thread(id: str, **changes: Any) -> Call:
    """Its update."""
    return call("memory", "updateThread", {"id": id, **changes})


def update_resource(id: str, **changes: Any) -> Call:
    """Its update."""
    return call("memory", "updateResource", {"resourceId": id, **changes})


def read_thread(expected: dict[str, Any]) -> Read:
    """The read of one thread, and what it gives."""
    return Read(call("memory", "getThreadById", {"threadId": expected["id"]}), expected)


def no_thread(id: str) -> Read:
    """The read of a thread that is not there."""
    return Read(call("memory", "getThreadById", {"threadId": id}), None)


def read_messages(thread_id: str, *expected: dict[str, Any]) -> Read:
    """The read of all messages of a thread, and what it gives."""
    page = {"messages": list(expected), "total": len(expected), "page": 0, "perPage": False, "hasMore": False}
    return Read(call("memory", "listMessages", {"threadId": thread_id, "perPage": False}), page)


def read_resource(expected: dict[str, Any]) -> Read:
    """The read of one resource, and what it gives."""
    return Read(call("memory", "getResourceById", {"resourceId": expected["id"]}), expected)
