"""An agent that continues its conversation: run it twice, and the second run remembers the first.

python examples/agent.py [URL [THREAD [TEXT]]]

URL is a database, ``sqlite:///./agent.db`` or ``postgres://user:password@host/db``; without it the environment decides
(``MASTRA_STORE_URL``), and without that it is ``sqlite:///./mastra.db``. A thread that a TypeScript app began will do.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from mastra_store import MemoryStorage, Message, Store, Thread

USER = "ada"


async def main(url: str | None = None, thread_id: str = "small-talk", text: str = "Do you remember me?") -> None:
    """One turn of a conversation."""
    async with Store(id="agent", default=url) if url else Store.from_env(id="agent") as store:
        memory = await store.get_store("memory")
        if memory is None:
            sys.exit("This Store has no memory: the environment disables it.")
        thread = await find_or_begin(memory, thread_id)
        print(f"user       {text}\nassistant ", end="", flush=True)
        question = new_message(thread, "user", text)
        words: list[str] = []
        async for word in model(await history(memory, thread), text):
            words.append(word)
            print(f" {word}", end="", flush=True)
        print()
        answer = new_message(thread, "assistant", " ".join(words), after=question)
        await memory.save_messages(messages=[question, answer])  # both are stored, or neither is


async def find_or_begin(memory: MemoryStorage, thread_id: str) -> Thread:
    """The thread as stored, or a new one."""
    found = await memory.get_thread_by_id(thread_id=thread_id)
    return found or await memory.save_thread(thread=Thread(id=thread_id, resource_id=USER, title="Small talk"))


async def history(memory: MemoryStorage, thread: Thread) -> list[Message]:
    """The last messages, oldest first, as a model wants them."""
    page = await memory.list_messages(thread_id=thread.id, per_page=10, order_by="-created_at")
    return page.messages[::-1]


async def model(messages: Sequence[Message], text: str) -> AsyncIterator[str]:
    """Stands for a language model that streams its answer."""
    asked = [message for message in messages if message.role == "user"]
    answer = f"Yes. Last time you wrote: {text_of(asked[-1])!r}." if asked else f"No. This is new to me: {text!r}."
    for word in answer.split(" "):
        await asyncio.sleep(0)
        yield word


def new_message(thread: Thread, role: str, text: str, after: Message | None = None) -> Message:
    """A message of now, or a millisecond after another: lists order by time, and equal times by id."""
    content = {"format": 2, "parts": [{"type": "text", "text": text}], "content": text}  # Mastra's V2 form
    message = Message(thread_id=thread.id, resource_id=thread.resource_id, role=role, content=content)
    if after is not None:
        message.created_at = max(message.created_at, after.created_at + timedelta(milliseconds=1))
    return message


def text_of(message: Message) -> str:
    """The text parts of a message."""
    return " ".join(part["text"] for part in message.content.get("parts", []) if part.get("type") == "text")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
