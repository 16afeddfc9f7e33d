"""The main job on real input: continue, in Python, the conversations that a Mastra TypeScript app began.

python examples/demo.py

Takes a SQLite file that ``@mastra/libsql`` wrote, copies it to ./demo-output/ and works on the copy, as an agent does.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from mastra_store import MemoryStorage, Message, Store, Thread

GOLDEN = Path(__file__).parent.parent / "tests" / "fixtures" / "libsql" / "mastra.db"
OUTPUT = Path("demo-output")
LIVE = OUTPUT / "mastra.db"
ARCHIVE = OUTPUT / "archive.db"
ROLES = {"user": "green", "assistant": "cyan", "system": "magenta"}

console = Console(highlight=False)


async def main() -> None:
    """Every step of the demo, over a fresh copy of the file."""
    prepare()
    store = Store(id="app", default=f"sqlite:///{LIVE}")
    # The archive has a database of its own for memory; for everything else it falls back to the app's Store, which is
    # handed over: closing the archive closes both.
    archive = Store(id="archive", default=store, domains={"memory": f"sqlite:///{ARCHIVE}"})
    async with archive:
        memory = store.memory
        await show_threads(memory)
        await show_other_domains(store)
        await show_tail(memory, "thread-plain")
        await append_turn(memory, "thread-plain", "user-1", "Where were we?")
        await recall(memory)
        await remember(memory, "user-1")
        copy = await clone(memory, "thread-plain")
        await move(memory, archive.memory, copy)
    say_goodbye()


def prepare() -> None:
    """Start from the golden file, whatever an earlier run left."""
    if not GOLDEN.exists():
        sys.exit(f"The demo reads {GOLDEN}; run it from a checkout of the repository.")
    OUTPUT.mkdir(exist_ok=True)
    for path in (LIVE, ARCHIVE):
        for leftover in OUTPUT.glob(f"{path.name}*"):
            leftover.unlink()
    shutil.copy(GOLDEN, LIVE)
    console.print(f"[bold]mastra_store[/] continues what a Mastra TypeScript app began: [bold]{LIVE}")


async def show_threads(memory: MemoryStorage) -> None:
    """The conversations in the file, last changed first."""
    headline("The threads that TypeScript wrote", 'memory.list_threads(order_by="-updated_at")')
    page = await memory.list_threads(order_by="-updated_at")
    table = new_table("thread", "resource", "title", "updated")
    table.add_column("messages", justify="right")
    for thread in page.threads:
        messages = await memory.list_messages(thread_id=thread.id, per_page=1)
        updated = f"{thread.updated_at:%Y-%m-%d}"
        table.add_row(*map(escape, (thread.id, thread.resource_id, thread.title, updated)), str(messages.total))
    console.print(table)


async def show_other_domains(store: Store) -> None:
    """What else is in the file: runs of workflows, and traces."""
    headline(
        "Workflow runs and traces of the same file",
        "store.workflows.list_workflow_runs()",
        "store.observability.list_traces_light()",
    )
    table = new_table("run or trace", "of", "status", "began")
    for run in (await store.workflows.list_workflow_runs()).runs:
        table.add_row(
            *map(escape, (run.run_id, run.workflow_name, run.snapshot["status"], f"{run.created_at:%Y-%m-%d}"))
        )
    for trace in (await store.observability.list_traces_light()).spans:
        table.add_row(*map(escape, (trace.trace_id, trace.name, trace.status, f"{trace.started_at:%Y-%m-%d}")))
    console.print(table)


async def show_tail(memory: MemoryStorage, thread_id: str) -> None:
    """The newest messages of one thread, in reading order."""
    headline(
        f"The tail of {thread_id}",
        f'memory.list_messages(thread_id="{thread_id}", per_page=10,',
        '                     order_by="-created_at")',
    )
    page = await memory.list_messages(thread_id=thread_id, per_page=10, order_by="-created_at")
    show_messages(reversed(page.messages))


async def append_turn(memory: MemoryStorage, thread_id: str, resource_id: str, question: str) -> None:
    """A question and an answer that knows the conversation; both are saved in one call."""
    headline("One more turn, from Python", "memory.save_messages(messages=[question, answer])")
    history = await memory.list_messages(thread_id=thread_id, per_page=None)
    answer = f"You had written: {text_of(history.messages[0])!r}. That was message 1 of {history.total}."
    asked = Message(thread_id=thread_id, resource_id=resource_id, role="user", content=content(question))
    answered = Message(
        thread_id=thread_id,
        resource_id=resource_id,
        role="assistant",
        content=content(answer),
        created_at=asked.created_at + timedelta(milliseconds=1),  # lists order by time; equal times order by id
    )
    await memory.save_messages(messages=[asked, answered])
    page = await memory.list_messages(thread_id=thread_id, per_page=None)
    show_messages(page.messages)


async def recall(memory: MemoryStorage) -> None:
    """A message found by its id in another thread, with those around it, two of which share its millisecond."""
    headline(
        "A message of another thread, with its neighbours",
        'memory.list_messages(thread_id="thread-plain", per_page=0, include=[',
        '    {"id": "msg-4-long", "with_previous_messages": 1,',
        '     "with_next_messages": 3}])',
    )
    window = {"id": "msg-4-long", "with_previous_messages": 1, "with_next_messages": 3}
    page = await memory.list_messages(thread_id="thread-plain", per_page=0, include=[window])
    show_messages(page.messages, marked="msg-4-long")


async def remember(memory: MemoryStorage, resource_id: str) -> None:
    """Working memory belongs to the resource (here: a user), not to one thread."""
    headline("Working memory", f'memory.update_resource(resource_id="{resource_id}", working_memory=...)')
    before = await memory.get_resource_by_id(resource_id=resource_id)
    known = before.working_memory if before else None
    after = await memory.update_resource(
        resource_id=resource_id, working_memory=f"{known or ''}\n- asked: where were we?".lstrip()
    )
    table = new_table("before", "after")
    table.add_row(escape(known or ""), escape(after.working_memory or ""))
    console.print(table)


async def clone(memory: MemoryStorage, thread_id: str) -> Thread:
    """A copy under new ids, made inside the database."""
    headline(
        "A clone",
        f'memory.clone_thread(source_thread_id="{thread_id}",',
        '                    new_thread_id="thread-copy")',
    )
    cloned = await memory.clone_thread(source_thread_id=thread_id, new_thread_id="thread-copy")
    facts = {"id": cloned.thread.id, "title": cloned.thread.title, "messages": len(cloned.cloned_messages)}
    table = new_table()
    for name, value in (facts | (cloned.thread.metadata or {})["clone"]).items():
        table.add_row(f"[dim]{name}", escape(str(value)))
    console.print(table)
    return cloned.thread


async def move(source: MemoryStorage, target: MemoryStorage, thread: Thread) -> None:
    """From one database to another: written there first, deleted here after."""
    headline(
        "The clone moves to a second database",
        'archive = Store(id="archive", default=store,',
        f'                domains={{"memory": "sqlite:///{ARCHIVE}"}})',
        "archive.memory.save_thread(...); archive.memory.save_messages(...)",
        "store.memory.delete_thread(...)",
    )
    page = await source.list_messages(thread_id=thread.id, per_page=None)
    await target.save_thread(thread=thread)
    await target.save_messages(messages=page.messages)
    await source.delete_thread(thread_id=thread.id)
    table = new_table("database")
    table.add_column("threads", justify="right")
    table.add_column("messages of the clone", justify="right")
    for path, memory in ((LIVE, source), (ARCHIVE, target)):
        threads = await memory.list_threads(per_page=1)
        messages = await memory.list_messages(thread_id=thread.id, per_page=1)
        table.add_row(str(path), str(threads.total), str(messages.total))
    console.print(table)


def say_goodbye() -> None:
    """Which files there are now, and how to open them again."""
    headline("Done")
    console.print(f"  Written: [bold]{LIVE}[/], the conversations, one of them continued;")
    console.print(f"           [bold]{ARCHIVE}[/], the clone that moved.\n")
    console.print("  Open it again in Python:")
    console.print(indented(f'Store(id="app", default="sqlite:///{LIVE}")', "python"))
    console.print("  in TypeScript:")
    console.print(indented(f'new LibSQLStore({{ id: "app", url: "file:./{LIVE}" }})', "typescript"))
    console.print("  or from the shell, where an agent continues the conversation:")
    agent = Path(__file__).with_name("agent.py")
    command = f"{nearer(Path(sys.executable))} {nearer(agent)} sqlite:///{LIVE} thread-plain"
    console.print(Text(f"    {command}", "bold"), soft_wrap=True)


def nearer(path: Path) -> Path:
    """The path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def headline(title: str, *code: str) -> None:
    """A rule with the name of the step, and the lines of code that do it."""
    console.print()
    console.rule(f"[bold]{escape(title)}", align="left")
    if code:
        console.print(indented("\n".join(code), "python"))


def indented(code: str, language: str) -> Syntax:
    """Code in colours."""
    return Syntax(code, language, theme="ansi_dark", background_color="default", padding=(0, 4), word_wrap=True)


def new_table(*columns: str) -> Table:
    """A table without boxes."""
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim", show_header=bool(columns))
    for column in columns or ("", ""):
        table.add_column(column, overflow="fold")
    return table


def show_messages(messages: Iterable[Message], marked: str = "") -> None:
    """Messages as a conversation: time, role, text."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for message in messages:
        when = f"{message.created_at:%m-%d %H:%M:%S}.{message.created_at.microsecond // 1000:03}"
        mark = "[bold yellow]> [/]" if message.id == marked else "  "
        role = f"[{ROLES.get(message.role, 'white')}]{escape(message.role)}"
        table.add_row(f"{mark}[dim]{when}", role, Text(shortened(text_of(message))))
    console.print(table)


def text_of(message: Message) -> str:
    """What a message says: its text parts, and the kinds of the others."""
    parts = message.content.get("parts", [])
    return " ".join(part["text"] if part.get("type") == "text" else f"({part.get('type')})" for part in parts)


def shortened(text: str, limit: int = 110) -> str:
    """One line of it."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit]}… ({len(text):,} characters)"


def content(text: str) -> dict[str, object]:
    """Message content in Mastra's V2 form."""
    return {"format": 2, "parts": [{"type": "text", "text": text}], "content": text}


if __name__ == "__main__":
    asyncio.run(main())
