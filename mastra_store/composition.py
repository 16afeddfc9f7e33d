"""How a Store resolves each domain from its sources (rules C1 to C7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .domains import DOMAINS, DomainStorage
from .errors import StoreError, UnknownDomainError, ValidationError
from .redact import redact
from .registry import Backend, backend_for

if TYPE_CHECKING:
    from .store import Store

EDITED_DOMAINS = frozenset({"agents"})
"""Domains of edited artefacts, which fall back to ``editor`` before ``default`` (C2)."""


class Member(NamedTuple):
    """Something that a Store initialises, and closes when it owns it (C15)."""

    target: Store | DomainStorage
    owned: bool


class Composition(NamedTuple):
    """What came out: the storage of each domain that has one, the member it came from, and all members once."""

    storages: dict[str, DomainStorage]
    origins: dict[str, Member]
    members: list[Member]


Source: TypeAlias = "str | Store | DomainStorage"
Candidates: TypeAlias = "dict[str, list[Source]]"


def compose(
    default: Any, editor: Any, domains: Mapping[str, Any] | None, *, disable_init: bool, store_class: type[Store]
) -> Composition:
    """Resolve all domains. Raises ``ValidationError`` or ``UnknownDomainError``; opens nothing."""
    entries = _check(default, editor, domains, store_class)
    candidates = {
        name: _candidates(name, entries, editor, default) for name in DOMAINS if entries.get(name) is not False
    }
    return _Composer(candidates, disable_init).resolve(unused=[default, editor, *entries.values()])


class _Composer:
    """Turns candidates into storages; equal URLs become one provider store (C7)."""

    def __init__(self, candidates: Candidates, disable_init: bool) -> None:
        self._candidates = candidates
        self._disable_init = disable_init
        self._providers: dict[str, Store] = {}
        self._members: dict[int, Member] = {}
        self._wanted = self._domains_by_key()

    def resolve(self, unused: list[Any]) -> Composition:
        storages: dict[str, DomainStorage] = {}
        origins: dict[str, Member] = {}
        for name, sources in self._candidates.items():
            for source in sources:
                target = self._provider(source) if isinstance(source, str) else source
                storage = target if isinstance(target, DomainStorage) else target._storages.get(name)
                if storage is not None:
                    storages[name], origins[name] = storage, self._member(target)
                    break
        for source in unused:  # what serves no domain was handed over all the same, and is closed with the rest
            if source is not None and source is not False and not isinstance(source, str):
                self._member(source)
        return Composition(storages, origins, list(self._members.values()))

    def _domains_by_key(self) -> dict[str, list[str]]:
        """The domains for which each URL is consulted first; its database gets the tables of no others."""
        wanted: dict[str, list[str]] = {}
        for name, sources in self._candidates.items():
            for source in sources:
                if isinstance(source, str):
                    wanted.setdefault(_key(source), []).append(name)
                break
        return wanted

    def _provider(self, url: str) -> Store:
        key = _key(url)
        if key not in self._providers:
            domains = self._wanted.get(key) or list(self._candidates)
            self._providers[key] = backend_for(url).open(url, domains=domains, disable_init=self._disable_init)
        return self._providers[key]

    def _member(self, target: Store | DomainStorage) -> Member:
        if id(target) not in self._members:
            owned = not (isinstance(target, DomainStorage) and target.belongs_to_store)
            if owned and self._disable_init:
                target._forbid_implicit_init()
            self._members[id(target)] = Member(target, owned)
        return self._members[id(target)]


def check_domain(name: Any) -> str:
    """A known name, else ``UnknownDomainError`` listing those there are (C5)."""
    if name not in DOMAINS:
        raise UnknownDomainError(f"unknown domain {name!r}; known are {', '.join(DOMAINS)}", details={"domain": name})
    return str(name)


def _check(default: Any, editor: Any, domains: Any, store_class: type[Store]) -> dict[str, Any]:
    if domains is not None and not isinstance(domains, Mapping):
        raise ValidationError("domains must be a mapping of domain names to sources", details={"field": "domains"})
    entries = {check_domain(name): value for name, value in (domains or {}).items()}
    for field, value in (("default", default), ("editor", editor)):
        if value is not None:
            _check_source(field, value, store_class)
    for name, value in entries.items():
        if value is not None and value is not False:
            _check_entry(name, value, store_class)
    if default is None and editor is None and all(value is None or value is False for value in entries.values()):
        raise ValidationError("a Store needs at least one source: a default, an editor, or an entry in domains")
    return entries


def _check_entry(name: str, value: Any, store_class: type[Store]) -> None:
    if isinstance(value, DomainStorage):
        if value.domain != name:
            raise ValidationError(
                f"the source of {name!r} is a storage of the domain {value.domain!r}", details={"domain": name}
            )
    else:
        _check_source(name, value, store_class)


def _check_source(field: str, value: Any, store_class: type[Store]) -> None:
    if isinstance(value, str):
        try:
            _backend(value).normalise(value)
        except ValidationError as error:
            raise ValidationError(f"{field}: {error.message}", details={**error.details, "field": field}) from error
    elif not isinstance(value, store_class):
        raise ValidationError(
            f"{field} must be a URL, a Store{' or a domain storage' if field in DOMAINS else ''}, "
            f"not {type(value).__name__}",
            details={"field": field},
        )


def _backend(url: str) -> Backend:
    try:
        return backend_for(url)
    except StoreError:
        raise
    except ValueError as error:
        raise ValidationError(f"not a URL: {redact(url)!r}") from error


def _candidates(name: str, entries: Mapping[str, Any], editor: Any, default: Any) -> list[Source]:
    """The sources of a domain in order of precedence (C2)."""
    order = [entries.get(name), editor if name in EDITED_DOMAINS else None, default]
    return [source for source in order if source is not None]


def _key(url: str) -> str:
    return backend_for(url).normalise(url)
