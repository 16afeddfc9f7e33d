"""The list of checks: each is a small coroutine function, registered under the rules it examines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .harness import Harness

CheckFunction: TypeAlias = Callable[..., Awaitable[None]]
F = TypeVar("F", bound=CheckFunction)
_PREFIX = "check_"
_checks: dict[str, Check] = {}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of one domain. ``str(check)`` is its id, such as ``M17-upsert_keeps_created_at``.

    ``needs`` names capabilities (see ``CAPABILITIES``); ``empty`` asks for a domain without any row in it.
    """

    name: str
    domain: str
    rules: tuple[str, ...]
    needs: frozenset[str]
    empty: bool
    function: CheckFunction

    def __str__(self) -> str:
        return f"{'+'.join(self.rules)}-{self.name}"

    @property
    def title(self) -> str:
        """What the check expects, in one line."""
        return (inspect.getdoc(self.function) or self.name.replace("_", " ")).splitlines()[0]

    async def __call__(self, storage: Any, harness: Harness | None = None) -> None:
        """Run the check; the few that reach around the storage take the harness as well."""
        if len(inspect.signature(self.function).parameters) == 1:
            await self.function(storage)
        else:
            await self.function(storage, harness)


def check(
    *rules: str, needs: str | Iterable[str] = (), empty: bool = False, domain: str = "memory"
) -> Callable[[F], F]:
    """Register ``async def check_<name>(storage)`` (or ``(storage, harness)``) under one or more rule ids."""
    needed = frozenset([needs] if isinstance(needs, str) else needs)

    def register(function: F) -> F:
        name = function.__name__.removeprefix(_PREFIX)
        made = Check(name=name, domain=domain, rules=rules, needs=needed, empty=empty, function=function)
        if not rules or f"{domain}.{name}" in _checks:
            raise ValueError(f"{domain}.{name} needs a rule and a name of its own")
        _checks[f"{domain}.{name}"] = made
        return function

    return register


def registered() -> list[Check]:
    """All checks known so far, in order of rule."""
    return sorted(_checks.values(), key=lambda one: [_rule_order(rule) for rule in one.rules])


def _rule_order(rule: str) -> tuple[str, int, str]:
    digits = "".join(character for character in rule if character.isdigit())
    return rule[:1], int(digits or 0), rule
