"""Before anything is timed: all contestants must give the same answers, and those that the data set says."""

from __future__ import annotations

from typing import Any

from . import meaning
from .contestants import NPM
from .dataset import WRITERS, Dataset, new_messages, writer_id
from .operations import BY_NAME, Operation
from .processes import Process

_CALLS = 6


class DifferentAnswersError(RuntimeError):
    """A contestant does not do the work."""


def check(processes: dict[str, Process], dataset: Dataset, operations: list[Operation]) -> None:
    """Raises ``DifferentAnswersError`` naming the first contestant that answers differently."""
    for name, process in processes.items():
        for operation in operations:
            if operation.batch and operation.domain != "memory":
                _check_other_saves(name, process, operation, dataset)
            elif operation.batch:
                _check_saves(name, process, operation)
            else:
                _check_reads(name, process, operation, dataset)


def _check_reads(name: str, process: Process, operation: Operation, dataset: Dataset) -> None:
    picks = dataset.picks(operation, _CALLS, seed=0)
    if operation.domain == "memory":
        expected: list[Any] = [list(dataset.expected(operation, pick)) for pick in picks]
    else:
        expected = [meaning.expected(operation, pick) for pick in picks]
    _compare(name, operation.title, _ask(process, operation, picks), expected)


def _check_saves(name: str, process: Process, operation: Operation) -> None:
    """Each save bumps its thread, is there afterwards, and is refused where there is no thread."""
    used = 100 * operation.batch  # numbers and threads that the other operation does not use
    picks = [writer_id((place + operation.batch) % WRITERS) for place in range(_CALLS)]
    for number, pick in enumerate(picks):
        if process.ask({"do": "bumped", "thread": pick})["bumped"]:
            raise DifferentAnswersError(f"{name}: the thread {pick} is not as it was loaded")
        first = used + number * operation.batch
        ids = [message.id for message in new_messages(pick, first, operation.batch)]
        saved = _ask(process, operation, [pick], first)
        _compare(name, operation.title, saved, [[ids, None]])
        _compare(name, operation.title, _ask(process, BY_NAME["page_100"], [pick]), [[ids, operation.batch]])
        if not process.ask({"do": "bumped", "thread": pick})["bumped"]:
            raise DifferentAnswersError(f"{name}: {operation.title} does not bump the thread")
    if name == NPM.name:
        return  # @mastra/libsql takes messages of a missing thread
    request = {"do": "refuses", "first": used + 99 * operation.batch, "batch": operation.batch}
    if not process.ask(request)["refused"]:
        raise DifferentAnswersError(f"{name}: {operation.title} takes messages of a thread that does not exist")


def _check_other_saves(name: str, process: Process, operation: Operation, dataset: Dataset) -> None:
    """What was saved is there afterwards; what stood there before and was not named has stayed."""

    def stored(pick: str) -> Any:
        return process.ask({"do": "stored", "operation": operation.name, "pick": pick})["stored"]

    for number, pick in enumerate(dataset.picks(operation, _CALLS, seed=0)):
        first = (number + 1) * 100 * operation.batch
        before = stored(pick) if operation.domain == "workflows" else None
        answer, left = meaning.expected_save(operation, pick, first, before)
        _compare(name, operation.title, _ask(process, operation, [pick], first), [answer])
        for id, wanted in left.items():
            _compare(name, f"{operation.title}, read back,", [stored(id)], [wanted])


def _ask(process: Process, operation: Operation, picks: list[str], first: int = 0) -> list[Any]:
    request = {"do": "check", "operation": operation.name, "picks": picks, "first": first}
    answers: list[Any] = process.ask(request)["answers"]
    return answers


def _compare(name: str, title: str, answers: list[Any], expected: list[Any]) -> None:
    for answer, wanted in zip(answers, expected, strict=True):
        if answer != wanted:
            raise DifferentAnswersError(f"{name}: {title} gives {_difference(answer, wanted)}")


def _difference(answer: Any, wanted: Any) -> str:
    """The first place where two values differ."""
    if isinstance(answer, dict) and isinstance(wanted, dict) and answer.keys() == wanted.keys():
        name = next(name for name in wanted if answer[name] != wanted[name])
        return f"in {name}: {_difference(answer[name], wanted[name])}"
    if isinstance(answer, list) and isinstance(wanted, list) and len(answer) == len(wanted):
        place = next(place for place, value in enumerate(wanted) if answer[place] != value)
        return f"at {place}: {_difference(answer[place], wanted[place])}"
    return f"{_short(answer)}, but should give {_short(wanted)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 1000 else f"{text[:1000]}..."
