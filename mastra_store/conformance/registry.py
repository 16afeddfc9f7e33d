"""The list of checks: each is a small coroutine function, registered under the rules it examines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .harness import Harness

CheckFunction: TypeAlias = Callable[..., Awaitable[None]]
F = TypeVar("F", bound=CheckFunction)
LETTERS = {"memory": "M", "workflows": "W", "scores": "S", "observability": "O"}
"""What the ids of a domain's own rules begin with; those of all domains begin with ``G``."""
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
    *rules: str, needs: str | Iterable[str] = (), empty: bool = False, domain: str | Iterable[str] = "memory"
) -> Callable[[F], F]:
    """Register ``async def check_<name>(storage)`` (or ``(storage, harness)``) under one or more rule ids.

    With several domains it becomes a check of each, under the common rules and that domain's own among ``rules``.
    """
    needed = frozenset([needs] if isinstance(needs, str) else needs)
    rules_of = _by_domain(rules, [domain] if isinstance(domain, str) else domain)

    def register(function: F) -> F:
        name = function.__name__.removeprefix(_PREFIX)
        made = {
            f"{one}.{name}": Check(name=name, domain=one, rules=own, needs=needed, empty=empty, function=function)
            for one, own in rules_of.items()
        }
        if not all(rules_of.values()) or made.keys() & _checks.keys():
            raise ValueError(f"{', '.join(made)} needs a rule and a name of its own")
        _checks.update(made)
        return function

    return register


def _by_domain(rules: Sequence[str], domains: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The common rules and the domain's own, for each domain."""
    found = {one: tuple(rule for rule in rules if rule[:1] in ("G", LETTERS.get(one, rule[:1]))) for one in domains}
    stray = set(rules).difference(*found.values())
    if stray:
        raise ValueError(f"{', '.join(sorted(stray))}: no rules of {', '.join(found)}")
    return found


def registered() -> list[Check]:
    """All checks known so far, in order of rule."""
    return sorted(_checks.values(), key=lambda one: [_rule_order(rule) for rule in one.rules])


def _rule_order(rule: str) -> tuple[str, int, str]:
    digits = "".join(character for character in rule if character.isdigit())
    return rule[:1], int(digits or 0), rule
